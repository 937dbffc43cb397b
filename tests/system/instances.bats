#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Two instances side by side have nothing in common.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	export FIRST=$INSTANCE
}

@test "same names, same addresses, other networks; purging one leaves the other" {
	workload_add "$P-a" prod-app
	workload_add "$P-b" prod-app
	serve "$P-b" --tcp 7000 --udp 7000
	local b
	b=$(ip_of "$P-b")
	stream "$P-a" u udp-echo "$b" 7000
	instance_use "$FIRST-2"
	vpcd_start
	world prod
	workload_add "$P-a" prod-app --ip "$b"
	[ "$(ctl -o json status | jq -r .instance)" = "$FIRST-2" ]
	verify_clean
	vpcd_stop TERM
	instance_purge
	namespaces_remove "$INSTANCE-"
	instance_left
	instance_use "$FIRST"
	verify_clean
	can "$P-a" tcp "$b" 7000
	[ "$(stream_end u | jq .lost)" -eq 0 ]
}

@test "an instance's name is [a-z0-9-]{1,32}" {
	local name
	for name in '' A a_b a/b .. "$(printf 'x%.0s' $(seq 33))"; do
		run timeout 5 "$VPCD" --instance "$name" --state-dir "$BATS_TEST_TMPDIR/s" --run-dir "$BATS_TEST_TMPDIR/r"
		[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	done
	"$VPCD" --version | grep -q '[0-9]'
}

# nice_of: the nice values of all threads of vpcd, once each, but for two: one of 19 counts flows that no reply waits for, one of 9
# reads and writes lists.
nice_of()
{
	local all
	all=$(ps -L -o ni= -p "$(vpcd_pid)" | tr -d ' ')
	[ "$(grep -cx 19 <<<"$all") $(grep -cx 9 <<<"$all")" = "1 1" ] || {
		fail "threads of vpcd have these nice values:" "$all"
		return
	}
	grep -vx -e 19 -e 9 <<<"$all" | sort -u
}

@test "a change goes before what workloads do with the CPUs, unless it was said otherwise" {
	[ "$(nice_of)" = -10 ]
	vpcd_stop TERM
	(renice -n 5 -p "$BASHPID" >/dev/null && vpcd_start)
	[ "$(nice_of)" = 5 ]
	vpcd_restart
	[ "$(nice_of)" = -10 ]
}
