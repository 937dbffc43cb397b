# SPDX-License-Identifier: GPL-2.0-or-later
"""G. Peering."""
import report_two_pairs


def figures_of(a):
    return report_two_pairs.figures_of(a, "peering", "subnets", "peering over two subnets of one VPC")
