#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# How status tells by what packets leave the host.
load lib

setup_file()
{
	vpcd_start
}

@test "status says how packets leave the host, and by which interfaces" {
	ctl -o json status | jq -e '.edge | .mode == "redirect" and .reason == "" and .outer == [] and .left_out == null'
	ctl status | grep -w edge | grep -q redirect
}

@test "a wrong name of an outer interface is refused" {
	for name in "" "eth0,,eth1" "a name" "sixteen-and-more"; do
		printf '[edge]\nouter=%s\n' "$name" >"$BATS_TEST_TMPDIR/conf"
		run "$VPCD" --instance none --config "$BATS_TEST_TMPDIR/conf" --version
		[ "$status" -ne 0 ] || { echo "accepted: '$name'"; false; }
	done
}
