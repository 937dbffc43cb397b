# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by scripts/test: what the kernel holds before and after the tests, and the end of what they left running.
# $work is the folder of this run, and count() counts results.
# shellcheck disable=SC2154 # work

# One line per namespace, link, pin, daemon and tc program there is.
objects()
{
	find /run/netns -mindepth 1 -maxdepth 1 -printf 'namespace %f\n' 2>/dev/null
	ip -o link show 2>/dev/null | awk -F': ' '{ print "link " $2 }'
	find /sys/fs/bpf -mindepth 1 -printf 'pin %p\n' 2>/dev/null
	pgrep -x vpcd 2>/dev/null | sed 's/^/process vpcd /'
	bpftool -j prog show 2>/dev/null | jq -r '.[] | select(.type == "sched_cls") | "program \(.id) \(.name)"' 2>/dev/null
	find "$TMPDIR" -mindepth 1 -maxdepth 1 ! -name 'test-*' -printf 'file %p\n' 2>/dev/null
}

# Compares with what was there before; links and programs of a dying namespace get some seconds to go.
objects_check()
{
	local left='the kernel could not be asked' tries
	for tries in 1 2 3 4 5 6 7 8 9 10; do
		objects | sort >"$work/after" || break
		left=$(comm -13 "$work/before" "$work/after") || left="the lists could not be compared"
		[ -n "$left" ] || break
		[ "$tries" -eq 10 ] || sleep 1
	done
	if [ -n "$left" ]; then
		printf 'not ok: left behind by the tests:\n%s\n' "$left"
		count 0 1 0
	else
		printf 'ok: nothing left behind\n'
		count 1 0 0
	fi
}

# Ends and purges instances that tests left behind, as when a limit of time ended bats before its teardown. What runs under
# $TMPDIR is ours: bats' folders are there.
instances_sweep()
{
	local run instance pid
	while read -r pid; do
		kill "$pid" 2>/dev/null
	done < <(find "$TMPDIR" -name background -type f -exec cat {} + 2>/dev/null)
	while read -r run; do
		tests/system/tools/machine stop "$run"
	done < <(find "$TMPDIR" -mindepth 3 -type d -path '*/file/*/machine' 2>/dev/null)
	while read -r run; do
		instance=$(basename "$(dirname "$run")")
		pid=$(cat "$(dirname "$run")/pid" 2>/dev/null)
		if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = vpcd ]; then
			kill -KILL "$pid" && sleep 0.2
		fi
		"$BUILD/vpcd" --instance "$instance" --state-dir "$(dirname "$run")/state" --run-dir "$run" --purge --state
		find /run/netns -maxdepth 1 -name "$instance-*" -printf '%f\n' | xargs -r -n 1 ip netns del
	done < <(find "$TMPDIR" -mindepth 4 -type d -path '*/file/*/run' 2>/dev/null)
}
