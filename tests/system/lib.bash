# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2119,SC2120
# What every system test uses: an instance of vpcd per file, workloads in namespaces of its own, probes between them.
#
# A test file says `load lib`. It gets the setup_file(), teardown_file(), setup() and teardown() below, and may have its own in
# their place. State that must reach another function of the file is in files under $BATS_FILE_TMPDIR,
# since bats runs each test in a process of its own. Workload NAME lives in the namespace "$INSTANCE-NAME".

TOP=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
BUILD=${BUILD:-$TOP/build}
TOOLS=$TOP/tests/system/tools
VPCCTL=$BUILD/vpcctl
VPCD=$BUILD/vpcd
# How late a process may read what the kernel had delivered before the reply; on a machine under load.
SLACK_MS=250

# Of every instance, unless its file says otherwise. At the first start the kernel allocates the map of established flows: 0.8 s of
# processor time for the million that users have. With fewer than these, connections would have only some of the slots of young ones
# (bpf/lib/flow/README.md). Each restart reads the rows of rules. packages.bats has the sizes of users.
INSTANCE_LIMITS=("[Limits]" flows_established=524288 rows=200000)

# shellcheck source=tests/system/lib_traffic.bash
source "$TOP/tests/system/lib_traffic.bash"

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
	if [ $# -gt 0 ] || [ -n "${VPCD_TEST_CONFIG:-}" ] || [ ! -e "$CONFIG" ]; then
		printf '%s\n' "${INSTANCE_LIMITS[@]}" "$@" "${VPCD_TEST_CONFIG:-}" >"$CONFIG"
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
	local pid
	{ read -r pid <"$PID_FILE"; } 2>/dev/null && process_runs "$pid"
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
	read -r pid <"$PID_FILE"
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
		folder=${folder%/run}
		instance_use "${folder##*/}"
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

# --- what a file and a test do before and after ------------------------------------------------------------------------

setup_file()
{
	vpcd_start
	world prod
}

teardown_file()
{
	vpcd_purge
}

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

# enis_detach: the same for ENIs that are attached to something else than a workload.
enis_detach()
{
	local name
	background_end
	for name in $(ctl -o json eni list | jq -r ".[] | select(.name | startswith(\"$P-\")) | .name"); do
		ctl detach "$name" >/dev/null
	done
	namespaces_remove "$INSTANCE-$P-"
}

# sleep SECONDS: instead of the program. To start a process takes longer than many a wait.
sleep()
{
	local nothing=$BATS_FILE_TMPDIR/nothing # that somebody would write
	[ -p "$nothing" ] || mkfifo "$nothing"
	read -rt "$1" <>"$nothing" || true
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
	netns_find "$name"
	nsenter --net="/run/netns/$WORKLOAD_NETNS" "$@" 3>&- &
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

# vpcd_waited [MILLISECONDS]: stores in VPCD_WAITED for how many milliseconds, together, threads of vpcd were ready and had no
# processor: as many more than MILLISECONDS as it is, 30 s at most, and 0 if it is less, as after a restart. A vpcd whose threads
# never rest would make every wait endless.
vpcd_waited()
{
	local pid file ns
	VPCD_WAITED=$((-${1:-0}))
	{ read -r pid <"$PID_FILE"; } 2>/dev/null || pid=none
	for file in /proc/"$pid"/task/*/schedstat; do
		{ read -r _ ns _ <"$file"; } 2>/dev/null || continue
		VPCD_WAITED=$((VPCD_WAITED + ns / 1000000))
	done
	[ "$VPCD_WAITED" -gt 0 ] || VPCD_WAITED=0
	[ $# -eq 0 ] || [ "$VPCD_WAITED" -lt 30000 ] || VPCD_WAITED=30000
}

# wait_for SECONDS COMMAND…: until it succeeds. The time in which others had the processors that vpcd was ready for doesn't count.
wait_for()
{
	local end=$((SECONDS + $1)) before
	shift
	! "$@" >/dev/null 2>&1 || return 0
	vpcd_waited
	before=$VPCD_WAITED
	until sleep 0.1; "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -gt "$end" ] || continue
		vpcd_waited "$before"
		# not left to errexit, which the caller's || or if would switch off
		[ "$SECONDS" -le $((end + VPCD_WAITED / 1000)) ] || { fail "still not: $*"; return 1; }
	done
}

now_ns()
{
	# EPOCHREALTIME is microseconds after the point, which may be a comma.
	printf '%s000' "${EPOCHREALTIME//[.,]/}"
}

# --- workloads ---------------------------------------------------------------------------------------------------------

# netns_find NAME: sets WORKLOAD_NETNS to what a workload's namespace is called in /run/netns. A test whose workloads are
# elsewhere has its own.
netns_find()
{
	WORKLOAD_NETNS=$INSTANCE-$1
}

netns_of()
{
	netns_find "$1"
	printf '%s' "$WORKLOAD_NETNS"
}

# netns_add NAME: a container's namespace, empty but for lo.
netns_add()
{
	ip netns add "$INSTANCE-$1"
	in_ns "$1" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
		exec ip link set lo up'
}

# namespaces_remove PREFIX: of workloads (the VPCs' own are vpcd's to remove).
namespaces_remove()
{
	local path name
	for path in /run/netns/"$1"*; do
		name=${path##*/}
		case $name in
		"$INSTANCE"-vpc-* | "$1*") ;;
		*) ip netns del "$name" ;;
		esac
	done
}

workloads_of()
{
	local path
	for path in /run/netns/"$INSTANCE-$1"*; do
		[ -e "$path" ] || continue
		printf '%s\n' "${path#"/run/netns/$INSTANCE-"}"
	done
}

# in_ns NAME COMMAND…: not `ip netns exec`, which hides /sys/fs/bpf.
in_ns()
{
	local name=$1
	shift
	netns_find "$name"
	nsenter --net="/run/netns/$WORKLOAD_NETNS" "$@"
}

# workload_add NAME SUBNET [OPTION OF vpcctl attach]…: a namespace with an ENI of that name in it as eth0, ready to use.
workload_add()
{
	local name=$1 subnet=$2
	shift 2
	netns_add "$name"
	"$VPCCTL" attach "$name" --subnet "$subnet" --netns "$INSTANCE-$name" "$@" >/dev/null
	wait_for 30 addresses_ready "$name"
}

addresses_ready()
{
	local text
	text=$(in_ns "$1" ip -o address show dev eth0) && [[ $text == *' inet '* && $text != *' tentative'* ]]
}

eni_field()
{
	"$VPCCTL" -o json eni show "$1" | jq -r ".$2"
}

# eni_words ENI FIELD…: fields of the ENI itself whose values are words. It takes jq more than twice as long to start as vpcctl.
eni_words()
{
	local text name field words=()
	text=$("$VPCCTL" -o json eni show "$1") || return
	shift
	for name in "$@"; do
		field=$'\n  "'$name$'": "?([^",\n]*)'
		[[ $text =~ $field ]] || return
		words+=("${BASH_REMATCH[1]}")
	done
	printf '%s\n' "${words[*]}"
}

ip_of()
{
	eni_words "$1" ip
}

ip6_of()
{
	eni_words "$1" ip6
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

# pair [SUBNET OF $P-b]: the workloads $P-a and $P-b of the VPC prod, each with a group of its name. A, A6, B and B6 are their
# addresses.
pair()
{
	local name
	for name in a b; do
		ctl sg create "$P-$name" --vpc prod >/dev/null
	done
	workload_add "$P-a" prod-app --sg "$P-a"
	workload_add "$P-b" "${1:-prod-app}" --sg "$P-b"
	read -r A A6 < <(eni_words "$P-a" ip ip6)
	read -r B B6 < <(eni_words "$P-b" ip ip6)
	export A A6 B B6
}

# pair_denied: pair; $P-a may reach $P-b on 7000. It tries 7001 all the time, and what is answered there is in the log "denied".
pair_denied()
{
	pair
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 >/dev/null
	serve "$P-b" --tcp 7000 --udp 7001
	background "$P-a" "$TOOLS/stream" udp-echo "$B" 7001 --log "$BATS_TEST_TMPDIR/denied" >/dev/null
	can "$P-a" tcp "$B" 7000
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

# sg_open NAME VPC: a group that lets everything in.
sg_open()
{
	ctl sg create "$1" --vpc "$2" >/dev/null
	ctl sg authorize "$1" ingress all --cidr 0.0.0.0/0 --cidr ::/0 >/dev/null
}

# sg_pings NAME: a group of the VPC prod that lets in what its members ping.
sg_pings()
{
	sg_new "$1" prod icmp all 10.50.0.0/16
	ctl sg authorize "$1" ingress icmpv6 all --cidr fd50::/56 >/dev/null
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

# verify_differs_after COMMAND…: verify finds what the command did. The audit may find it first: then once more.
verify_differs_after()
{
	local i
	for i in {1..5}; do
		"$@"
		ctl verify >/dev/null 2>&1 || return 0
	done
	fail "verify found no difference in $i tries: $*"
}

verify_differs()
{
	if ctl verify >/dev/null 2>&1; then
		fail "verify found no difference"
	fi
}
