# SPDX-License-Identifier: GPL-2.0-or-later
"""G. Peering: medians of the ratios of neighbouring slices, with 95 % bootstrap intervals.

The raw file is that of A; the names are `peering` and `subnets`."""
import os

import figures
import report_forwarding as forwarding


def figures_of(a):
    found = figures.Figures()
    slices = forwarding.read_slices(os.path.join(a.raw, "slices.csv"))
    for measure, label in forwarding.MEASURES.items():
        names = slices.get(measure, {})
        if "peering" in names and "subnets" in names:
            middle, low, high = forwarding.ratio(names["peering"], names["subnets"])
            found.add(f"{label}: peering over two subnets of one VPC", middle, "×", low, high)
    return found
