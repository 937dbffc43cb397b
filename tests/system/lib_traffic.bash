# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Servers, probes, streams and forged frames between workloads. lib.bash loads it.

# serve NAME OPTION…: tools/serve in the workload, until the test ends; its log is log_of NAME.
serve()
{
	local name=$1 ready
	shift
	ready=$BATS_TEST_TMPDIR/ready-$name-$RANDOM
	background "$name" "$TOOLS/serve" --ready "$ready" --log "$(log_of "$name")" "$@"
	wait_for 10 test -e "$ready"
}

log_of()
{
	printf '%s/served-%s' "$BATS_TEST_TMPDIR" "$1"
}

# probe_is STATUS NAME PROTOCOL HOST PORT [OPTION]…
probe_is()
{
	local expected=$1 name=$2 status=0
	shift 2
	in_ns "$name" "$TOOLS/probe" "$@" || status=$?
	[ "$status" -eq "$expected" ] || fail "$name: probe $*: $status, expected $expected"
}

# can NAME PROTOCOL HOST PORT: it is answered, at the first try.
can()
{
	probe_is 0 "$@" --timeout 0.9
}

# cannot NAME PROTOCOL HOST PORT: nothing comes back.
cannot()
{
	probe_is 2 "$@" --timeout 0.4
}

# closed NAME PROTOCOL HOST PORT: it gets there, and nobody listens (RST or ICMP error).
closed()
{
	probe_is 1 "$@" --timeout 0.9
}

pings()
{
	in_ns "$1" ping -n -q -c 2 -i 0.2 -W 1 "${@:3}" "$2" >/dev/null
}

pings_not()
{
	if in_ns "$1" ping -n -q -c 2 -i 0.2 -W 0.4 "${@:3}" "$2" >/dev/null; then
		fail "$1 pings $2"
	fi
}

# stream NAME LABEL MODE HOST PORT [OPTION]…: tools/stream in the background; waits until data passes.
stream()
{
	local name=$1 label=$2
	shift 2
	background "$name" "$TOOLS/stream" "$@" --log "$(stream_log "$label")" >"$BATS_TEST_TMPDIR/report-$label"
	echo $! >"$BATS_TEST_TMPDIR/pid-$label"
	wait_for 30 stream_has "$label" 20
}

stream_log()
{
	printf '%s/stream-%s' "$BATS_TEST_TMPDIR" "$1"
}

# stream_has LABEL N: more lines than that in its log.
stream_has()
{
	local lines
	mapfile -n $(($2 + 1)) lines <"$BATS_TEST_TMPDIR/stream-$1" && [ "${#lines[@]}" -gt "$2" ]
}

# stream_end LABEL: ends it and prints its report.
stream_end()
{
	local pid tries=0
	pid=$(cat "$BATS_TEST_TMPDIR/pid-$1")
	kill "$pid" 2>/dev/null || true
	until [ -s "$BATS_TEST_TMPDIR/report-$1" ] || [ "$tries" -ge 50 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	cat "$BATS_TEST_TMPDIR/report-$1"
}

# log_after FILE NANOSECONDS: how many lines are later.
log_after()
{
	awk -v t="$2" '$2 != "start" && $1 + 0 > t + 0 { n++ } END { print n + 0 }' "$1"
}

# log_stops FILE NANOSECONDS: nothing in it later than SLACK_MS after that time. Call it a second after.
log_stops()
{
	local late
	late=$(log_after "$1" $(($2 + SLACK_MS * 1000000)))
	[ "$late" -eq 0 ] || fail "$(basename "$1"): $late came after the reply to the change"
}

# log_goes_on FILE NANOSECONDS: things came in the second half of the second after that time.
log_goes_on()
{
	[ "$(log_after "$1" $(($2 + 500000000)))" -gt 20 ] || fail "$(basename "$1"): ended"
}

# forge NAME KIND OPTION…: tools/frames send, by eth0.
forge()
{
	local name=$1 kind=$2
	shift 2
	in_ns "$name" "$TOOLS/frames" send "$kind" --dev eth0 "$@"
}

# arrives NAME MARKER COMMAND…: runs the command and prints how many frames with the marker reach the workload, until a moment
# after the command's end.
arrives()
{
	local name=$1 marker=$2 ready=$BATS_TEST_TMPDIR/sniff-$RANDOM pid
	shift 2
	# no function between: its shell would get the signal
	netns_find "$name"
	nsenter --net="/run/netns/$WORKLOAD_NETNS" "$TOOLS/frames" sniff --dev eth0 --marker "$marker" --ready "$ready" >"$ready.count" 3>&- &
	pid=$!
	wait_for 20 test -e "$ready"
	"$@" >&2
	sleep 0.3
	kill "$pid"
	wait "$pid"
	cat "$ready.count"
}
