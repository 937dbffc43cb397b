# SPDX-License-Identifier: GPL-2.0-or-later
"""H. Counting flows."""
import report_two_pairs


def figures_of(a):
    return report_two_pairs.figures_of(a, "counted", "uncounted", "counted over not counted")
