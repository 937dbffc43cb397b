#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# G. A peering beside two subnets of one VPC; see README.md.
set -euo pipefail
# shellcheck source=tests/bench/two_pairs.bash
source "$(dirname "$0")/two_pairs.bash"

two_pairs peering subnets peering
