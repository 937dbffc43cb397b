# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the parts of `make bench` share: a place of their own, an instance of vpcd as the system tests start one (their lib.bash),
# results as CSV. A part sources this, calls bench_begin NAME, and is cleaned up after however it ends.

BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck disable=SC2034 # lib.bash's
BATS_TEST_FILENAME=bench
# shellcheck source=tests/system/lib.bash
source "$BENCH/../system/lib.bash"
# What is measured is vpcd as users have it.
# shellcheck disable=SC2034 # lib.bash's
INSTANCE_LIMITS=()
export BIN=$BUILD/tests/bench
export RESULTS=${RESULTS:-$BENCH/results}
export VPCCTL VPCD BUILD

# bench_begin PART: a temporary place and an instance's name; both go when the shell ends.
bench_begin()
{
	BATS_FILE_TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/vpcd-bench-$1.XXXXXX")
	# shellcheck disable=SC2034 # lib.bash's
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	export BATS_FILE_TMPDIR BATS_TEST_TMPDIR
	trap bench_end EXIT
	trap 'exit 130' INT TERM
	instance_use "$(printf 'b%x-%s' "$$" "$1")"
	mkdir -p "$RESULTS"
}

bench_end()
{
	local status=$?
	trap - EXIT
	if [ "$status" -ne 0 ] && [ -s "$VPCD_LOG" ]; then
		printf 'the last of the log of vpcd:\n' >&2
		tail -n 15 "$VPCD_LOG" >&2
	fi
	if declare -F part_end >/dev/null; then
		part_end || true
	fi
	vpcd_purge >&2 || status=1
	rm -rf "$BATS_FILE_TMPDIR"
	exit "$status"
}

# amount FULL SHORT: how much of something a run takes; the second one if SHORT is set.
amount()
{
	printf '%s' "${SHORT:+$2}"
	[ -n "${SHORT:-}" ] || printf '%s' "$1"
}

# realtime COMMAND…: before everything else that runs on the machine but for what the kernel does.
realtime()
{
	chrt -f 1 "$@"
}

# machine_describe: what the figures were measured on, as "key,value" lines.
machine_describe()
{
	printf 'key,value\n'
	printf 'cpu,"%s"\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	printf 'cpus,%s\n' "$(nproc)"
	printf 'memory_mib,%s\n' "$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)"
	printf 'kernel,%s\n' "$(uname -r)"
	printf 'virtual,%s\n' "$(systemd-detect-virt 2>/dev/null || true)"
	printf 'commit,%s\n' "$(git -C "$TOP" describe --always --dirty 2>/dev/null || printf unknown)"
	printf 'date,%s\n' "$(date -u +%Y-%m-%d)"
	printf 'load_before,%s\n' "$(cut -d' ' -f1 /proc/loadavg)"
}
