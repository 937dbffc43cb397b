#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What libraries do to their process doesn't reach vpcd: nft runs in a helper process, and vpcd goes on without
# descriptors, without the helper, and with signals that by default end a process. P6.

bats_require_minimum_version 1.5.0
load ../lib

setup_file()
{
	vpcd_start
}

helper()
{
	pgrep -P "$(vpcd_pid)" -x vpcd-nft
}

open_files()
{
	find "/proc/$(vpcd_pid)/fd" -mindepth 1 2>/dev/null | wc -l
}

@test "P6, P8: VPCs are made or refused at every limit of descriptors, and vpcd goes on" {
	local pid limit used made=0 refused=0
	pid=$(vpcd_pid)
	used=$(open_files)
	for limit in $(seq $((used + 1)) $((used + 12))); do
		prlimit --pid "$pid" --nofile="$limit:"
		# also what is started by then has to do with the limit
		[ $((limit % 3)) -ne 0 ] || kill -KILL "$(helper)" 2>/dev/null || true
		if timeout 4 "$VPCCTL" vpc create "n$limit" --cidr 10.0.0.0/16 >"$BATS_TEST_TMPDIR/out" 2>&1; then
			made=$((made + 1))
		else
			refused=$((refused + 1))
		fi
		vpcd_running || fail "vpcd ended at a limit of $limit"
		timeout 4 "$VPCCTL" verify >/dev/null 2>&1 || true
		vpcd_running || fail "verify ended vpcd at a limit of $limit"
	done
	prlimit --pid "$pid" --nofile=20000:
	echo "made $made, refused $refused"
	[ "$refused" -gt 0 ]
	[ "$made" -gt 0 ]
	wait_for 20 ctl verify
	[ "$(ctl -o json vpc list | jq length)" -eq "$made" ]
	[ "$(vpcd_pid)" -eq "$pid" ]
	vpcd_running
}

@test "P6: a helper that is killed is started again, and leaves no zombie" {
	local pid
	ctl vpc create h1 --cidr 10.1.0.0/16
	pid=$(helper)
	kill -KILL "$pid"
	wait_for 2 not_there "/proc/$pid"
	ctl verify
	ctl vpc create h2 --cidr 10.2.0.0/16
	[ "$(helper)" != "$pid" ]
	# It holds no namespace: a VPC's ends with its deletion.
	ctl vpc delete h2
	[ "$(readlink "/proc/$(helper)/ns/net")" = "$(readlink "/proc/$(vpcd_pid)/ns/net")" ]
	# It has nothing of vpcd's open but the socket between them.
	[ "$(find "/proc/$(helper)/fd" -mindepth 1 | wc -l)" -le 5 ]
}

not_there()
{
	[ ! -e "$1" ]
}

@test "P6: a helper that hangs is given up, and the VPC's creation is refused or made, not kept waiting" {
	kill -STOP "$(helper)"
	run timeout 25 "$VPCCTL" vpc create h3 --cidr 10.3.0.0/16
	[ "$status" -ne 124 ]
	ctl vpc create h4 --cidr 10.4.0.0/16
	wait_for 20 ctl verify
}

@test "P6: no signal ends vpcd but those that are meant to, and the helper goes with it" {
	local pid helper
	ctl verify
	pid=$(vpcd_pid)
	helper=$(helper)
	# All but those that are meant to end it, stop it, or tell of an error in it.
	python3 - "$pid" <<-'END'
		import os, signal, sys, time
		meant = "INT QUIT ILL TRAP ABRT BUS FPE KILL SEGV TERM STOP TSTP TTIN TTOU SYS".split()
		for number in range(1, 65):
		    if number not in [getattr(signal, "SIG" + name) for name in meant]:
		        os.kill(int(sys.argv[1]), number)
		        time.sleep(0.01)
		        state = open(f"/proc/{sys.argv[1]}/stat").read().rpartition(")")[2].split()[0]
		        if state in "ZX":
		            sys.exit(f"signal {number} ended vpcd")
	END
	ctl status >/dev/null
	vpcd_stop KILL
	wait_for 2 not_there "/proc/$helper/fd/0"
	vpcd_start
	vpcd_restart TERM
	vpcd_restart INT
	ctl verify
}
