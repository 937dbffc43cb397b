#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# H. A VPC whose flows are counted, beside one whose flows are not; see README.md.
set -euo pipefail
# shellcheck source=tests/bench/two_pairs.bash
source "$(dirname "$0")/two_pairs.bash"

two_pairs observe uncounted counted
