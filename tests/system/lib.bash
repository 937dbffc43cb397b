# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2119,SC2120
# What every system test uses: an instance of vpcd per file, workloads in namespaces of its own, probes between them.
#
# A test file says `load lib`, and has setup_file() { vpcd_start; … } and teardown_file() { vpcd_purge; }; the setup() and
# teardown() below serve each test. State that must reach another function of the file is in files under $BATS_FILE_TMPDIR,
# since bats runs each test in a process of its own. Workload NAME lives in the namespace "$INSTANCE-NAME".

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BUILD=${BUILD:-$TOP/build}
TOOLS=$TOP/tests/system/tools
VPCCTL=$BUILD/vpcctl
VPCD=$BUILD/vpcd
# How late a process may read what the kernel had delivered before the reply; on a machine under load.
SLACK_MS=250

# --- the instance ------------------------------------------------------------------------------------------------------

# instance_name [SUFFIX]: unique per test file and run.
instance_name()
{
	printf 't%x-%s%s' "$$" "$(basename "$BATS_TEST_FILENAME" .bats | tr -cd 'a-z0-9' | cut -c1-12)" "${1:-}"
}

# instance_use NAME: what follows talks to that instance.
instance_use()
{
	export INSTANCE=$1
	export STATE_DIR=$BATS_FILE_TMPDIR/$INSTANCE/state RUN_DIR=$BATS_FILE_TMPDIR/$INSTANCE/run
	export VPCD_SOCKET=$RUN_DIR/vpcd.sock
	export VPCD_LOG=$BATS_FILE_TMPDIR/$INSTANCE/log PID_FILE=$BATS_FILE_TMPDIR/$INSTANCE/pid
	export CONFIG=$BATS_FILE_TMPDIR/$INSTANCE/vpcd.conf
	mkdir -p "$STATE_DIR" "$RUN_DIR"
}

vpcd_args()
{
	printf '%s\n' --instance "$INSTANCE" --state-dir "$STATE_DIR" --run-dir "$RUN_DIR"
	if [ -e "$CONFIG" ]; then
		printf '%s\n' --config "$CONFIG"
	fi
}

# vpcd_start [CONFIG LINE]…: starts the daemon of the instance in use (by default this file's) and waits until it answers.
# VPCD_TEST_CONFIG, lines too, goes into every instance's configuration: scripts/test runs files again without tcx by it.
vpcd_start()
{
	local args
	[ -n "${INSTANCE:-}" ] || instance_use "$(instance_name)"
	if [ $# -gt 0 ] || [ -n "${VPCD_TEST_CONFIG:-}" ]; then
		printf '%s\n' "$@" "${VPCD_TEST_CONFIG:-}" >"$CONFIG"
	fi
	mapfile -t args < <(vpcd_args)
	"$VPCD" "${args[@]}" >>"$VPCD_LOG" 2>&1 3>&- &
	echo $! >"$PID_FILE"
	# No word of the shell about it being killed.
	disown
	vpcd_wait
}

# vpcctl itself waits up to 30 s for a vpcd that starts.
vpcd_wait()
{
	local end=$((SECONDS + 60))
	until [ -S "$VPCD_SOCKET" ] && timeout 5 "$VPCCTL" status >/dev/null 2>&1; do
		# not left to errexit, which the caller's || or if would switch off
		vpcd_running || { fail "vpcd ended while starting: $(tail -n 20 "$VPCD_LOG")"; return 1; }
		[ "$SECONDS" -lt "$end" ] || { fail "vpcd did not answer within 60 s: $(tail -n 20 "$VPCD_LOG")"; return 1; }
		sleep 0.1
	done
}

vpcd_pid()
{
	cat "$PID_FILE"
}

vpcd_running()
{
	[ -e "$PID_FILE" ] && process_runs "$(vpcd_pid)"
}

# process_runs PID: and is no zombie, which kill -0 takes for a process where nobody reaps it (a command as pid 1). While other
# threads of it are not gone, neither are its files and locks.
process_runs()
{
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra stat <<<"${stat##*) }"
	case ${stat[0]} in
	Z* | X*) [ "${stat[17]}" -gt 1 ] ;;
	esac
}

# vpcd_stop [SIGNAL]: ends the daemon and waits for it.
vpcd_stop()
{
	local pid tries=0
	pid=$(vpcd_pid)
	kill "-${1:-TERM}" "$pid" 2>/dev/null || true
	while process_runs "$pid"; do
		tries=$((tries + 1))
		if [ "$tries" -ge 200 ]; then
			kill -KILL "$pid" 2>/dev/null || true
			fail "vpcd did not end within 10 s of SIG${1:-TERM}"
			return 1
		fi
		sleep 0.05
	done
	rm -f "$PID_FILE"
}

vpcd_restart()
{
	vpcd_stop "${1:-TERM}"
	vpcd_start
}

# Ends every instance of this file and removes what it made; fails if something of it is left.
vpcd_purge()
{
	local folder
	background_end
	for folder in "$BATS_FILE_TMPDIR"/*/run; do
		[ -d "$folder" ] || continue
		instance_use "$(basename "$(dirname "$folder")")"
		if vpcd_running; then
			vpcd_stop
		fi
		instance_purge
		namespaces_remove "$INSTANCE-"
		instance_left
	done
}

instance_purge()
{
	local args
	mapfile -t args < <(vpcd_args)
	"$VPCD" "${args[@]}" --purge --state
}

# Fails if the kernel holds anything of the instance.
instance_left()
{
	local left
	left=$(find /run/netns -maxdepth 1 -name "$INSTANCE-*" 2>/dev/null)
	left+=$(find "/sys/fs/bpf/vpcd/$INSTANCE" 2>/dev/null | head -n 5)
	[ -z "$left" ] || fail "left after the purge: $left"
}

# --- what a test does before and after itself --------------------------------------------------------------------------

setup()
{
	[ -n "${INSTANCE:-}" ] || instance_use "$(instance_name)"
	# Names of this test's resources begin with it, so that tests of one file don't meet.
	P=t$BATS_TEST_NUMBER
	export P
}

teardown()
{
	local name
	background_end
	if vpcd_running; then
		for name in $(workloads_of "$P-"); do
			"$VPCCTL" detach "$name" >/dev/null 2>&1 || true
		done
	fi
	namespaces_remove "$INSTANCE-$P-"
	if [ -n "${BATS_ERROR_STATUS:-}" ] && [ "${BATS_ERROR_STATUS:-0}" -ne 0 ]; then
		printf 'the last of the log of vpcd:\n'
		tail -n 15 "$VPCD_LOG" 2>/dev/null || true
	fi
}

fail()
{
	printf '%s\n' "$*" >&2
	return 1
}

# background NAME COMMAND…: runs it in the workload NAME until the test ends; $! is its process. No function may be
# between: the shell that ran it would be killed in its place.
background()
{
	local name=$1
	shift
	nsenter --net="/run/netns/$(netns_of "$name")" "$@" 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/background"
}

background_end()
{
	local pid
	[ -e "$BATS_FILE_TMPDIR/background" ] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
	done <"$BATS_FILE_TMPDIR/background"
	rm -f "$BATS_FILE_TMPDIR/background"
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		# not left to errexit, which the caller's || or if would switch off
		[ "$SECONDS" -le "$end" ] || { fail "still not: $*"; return 1; }
		sleep 0.1
	done
}

now_ns()
{
	# EPOCHREALTIME is microseconds after the point, which may be a comma.
	printf '%s000' "${EPOCHREALTIME//[.,]/}"
}

# --- workloads ---------------------------------------------------------------------------------------------------------

netns_of()
{
	printf '%s-%s' "$INSTANCE" "$1"
}

# netns_add NAME: a container's namespace, empty but for lo.
netns_add()
{
	local full
	full=$(netns_of "$1")
	ip netns add "$full"
	nsenter --net="/run/netns/$full" sh -c 'ip link set lo up
		echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad'
}

# namespaces_remove PREFIX: of workloads (the VPCs' own are vpcd's to remove).
namespaces_remove()
{
	local path
	for path in /run/netns/"$1"*; do
		case $(basename "$path") in
		"$INSTANCE"-vpc-* | "$1*") ;;
		*) ip netns del "$(basename "$path")" ;;
		esac
	done
}

workloads_of()
{
	local path
	for path in /run/netns/"$INSTANCE-$1"*; do
		[ -e "$path" ] || continue
		basename "${path#"/run/netns/$INSTANCE-"}"
	done
}

# in_ns NAME COMMAND…: not `ip netns exec`, which hides /sys/fs/bpf.
in_ns()
{
	local name=$1
	shift
	nsenter --net="/run/netns/$(netns_of "$name")" "$@"
}

# plug NAME SUBNET [OPTION OF vpcctl attach]…: a namespace with an ENI of that name in it as eth0, ready to use.
plug()
{
	local name=$1 subnet=$2
	shift 2
	netns_add "$name"
	"$VPCCTL" attach "$name" --subnet "$subnet" --netns "$(netns_of "$name")" "$@" >/dev/null
	wait_for 5 addresses_ready "$name"
}

addresses_ready()
{
	in_ns "$1" ip -4 -br address show dev eth0 | grep -q '[0-9]/' &&
		! in_ns "$1" ip -6 address show dev eth0 | grep -q tentative
}

eni_field()
{
	"$VPCCTL" -o json eni show "$1" | jq -r ".$2"
}

ip_of()
{
	eni_field "$1" ip
}

ip6_of()
{
	eni_field "$1" ip6
}

# drops_of ENI REASON: how many were dropped so far.
drops_of()
{
	eni_field "$1" "counters.drops.$2 // 0"
}

# world VPC: 10.50.0.0/16 and fd50::/56 with the subnets VPC-app (10.50.1.0/24, fd50::/64) and VPC-db (10.50.2.0/24,
# fd50:0:0:1::/64).
world()
{
	"$VPCCTL" vpc create "$1" --cidr 10.50.0.0/16 --cidr6 fd50::/56 >/dev/null
	"$VPCCTL" subnet create "$1-app" --vpc "$1" --cidr 10.50.1.0/24 --cidr6 fd50::/64 >/dev/null
	"$VPCCTL" subnet create "$1-db" --vpc "$1" --cidr 10.50.2.0/24 --cidr6 fd50:0:0:1::/64 >/dev/null
}

# --- control -----------------------------------------------------------------------------------------------------------

ctl()
{
	"$VPCCTL" "$@"
}

# sg_new NAME VPC [PROTO PORTS CIDR]: a group, and one ingress rule of it.
sg_new()
{
	ctl sg create "$1" --vpc "$2" >/dev/null
	if [ $# -gt 2 ]; then
		ctl sg authorize "$1" ingress "$3" "$4" --cidr "$5" >/dev/null
	fi
}

# refused CODE COMMAND…: vpcctl exits with 1 and says "vpcctl: CODE: message".
refused()
{
	local code=$1 status=0 text
	shift
	text=$("$VPCCTL" "$@" 2>&1 >/dev/null) || status=$?
	[ "$status" -eq 1 ] || fail "vpcctl $*: exit $status, expected 1: $text"
	case $text in
	"vpcctl: $code: "?*) ;;
	*) fail "vpcctl $*: expected $code, got: $text" ;;
	esac
}

# misused COMMAND…: vpcctl exits with 2.
misused()
{
	local status=0
	"$VPCCTL" "$@" >/dev/null 2>&1 || status=$?
	[ "$status" -eq 2 ] || fail "vpcctl $*: exit $status, expected 2"
}

# api METHOD PATH [BODY [HEADER]…]: prints the reply; the HTTP status is in $BATS_TEST_TMPDIR/status.
api()
{
	local method=$1 path=$2 body=${3:-} header headers=()
	shift 2
	[ $# -eq 0 ] || shift
	for header in "$@"; do
		headers+=(-H "$header")
	done
	if [ -n "$body" ]; then
		headers+=(-H 'Content-Type: application/json' --data-binary "$body")
	fi
	curl -sS --max-time 30 --unix-socket "${API_SOCKET:-$VPCD_SOCKET}" -X "$method" "${headers[@]}" \
		-o "$BATS_TEST_TMPDIR/reply" -w '%{http_code}' "http://vpcd$path" >"$BATS_TEST_TMPDIR/status"
	cat "$BATS_TEST_TMPDIR/reply"
}

# api_is STATUS METHOD PATH …: the reply has that status (a pattern, as 20?); prints it.
api_is()
{
	local expected=$1 status
	shift
	api "$@"
	status=$(cat "$BATS_TEST_TMPDIR/status")
	# shellcheck disable=SC2254 # a pattern
	case $status in
	$expected) ;;
	*) fail "$1 $2: status $status, expected $expected: $(head -c 500 "$BATS_TEST_TMPDIR/reply")" ;;
	esac
}

# api_refused STATUS CODE METHOD PATH …: problem+json with that code.
api_refused()
{
	local code=$2 reply
	reply=$(api_is "$1" "${@:3}") || fail "$reply"
	[ "$(jq -r .code <<<"$reply")" = "$code" ] || fail "${*:3:2}: expected $code: $reply"
}

verify_clean()
{
	local text
	text=$(ctl verify 2>&1) || fail "verify: $text"
}

verify_differs()
{
	if ctl verify >/dev/null 2>&1; then
		fail "verify found no difference"
	fi
}

# --- traffic -----------------------------------------------------------------------------------------------------------

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
	wait_for 5 stream_has "$label" 20
}

stream_log()
{
	printf '%s/stream-%s' "$BATS_TEST_TMPDIR" "$1"
}

stream_has()
{
	[ "$(wc -l <"$(stream_log "$1")")" -gt "$2" ]
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
	nsenter --net="/run/netns/$(netns_of "$name")" "$TOOLS/frames" sniff --dev eth0 --marker "$marker" --ready "$ready" >"$ready.count" 3>&- &
	pid=$!
	wait_for 20 test -e "$ready"
	"$@" >&2
	sleep 0.3
	kill "$pid"
	wait "$pid"
	cat "$ready.count"
}
