# SPDX-License-Identifier: GPL-2.0-or-later
"""H. Counting flows: medians of the ratios of neighbouring slices, with 95 % bootstrap intervals.

The raw file is that of A; the names are `counted` and `plain`."""
import os

import figures
import report_forwarding as forwarding


def figures_of(a):
    found = figures.Figures()
    slices = forwarding.read_slices(os.path.join(a.raw, "slices.csv"))
    for measure, label in forwarding.MEASURES.items():
        names = slices.get(measure, {})
        if "counted" in names and "plain" in names:
            middle, low, high = forwarding.ratio(names["counted"], names["plain"])
            found.add(f"{label}: counted over not counted", middle, "×", low, high)
    return found
