# SPDX-License-Identifier: GPL-2.0-or-later
"""Two pairs (two_pairs.bash): medians of the ratios of neighbouring slices, with 95 % bootstrap intervals. The raw file is that of A."""
import os

import figures
import report_forwarding as forwarding


def figures_of(a, measured, compared, text):
    """The figures of the one pair over those of the other."""
    found = figures.Figures()
    slices = forwarding.read_slices(os.path.join(a.raw, "slices.csv"))
    for measure, label in forwarding.MEASURES.items():
        names = slices.get(measure, {})
        if measured in names and compared in names:
            middle, low, high = forwarding.ratio(names[measured], names[compared])
            found.add(f"{label}: {text}", middle, "×", low, high)
    return found
