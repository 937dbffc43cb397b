#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Taps: who may open one, what a VMM does with it, and that it is a port like any other. The guests are namespaces behind
# tools/guest; vm.bats has real ones.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	# Other users must get at the socket, and at what they run.
	chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/$INSTANCE" "$RUN_DIR"
	mkdir -m 755 "$BATS_FILE_TMPDIR/bin"
	install -m 755 "$TOOLS/guest" "$BUILD/vpc-qemu-helper" "$BATS_FILE_TMPDIR/bin"
}

setup()
{
	P=t$BATS_TEST_NUMBER
	TAPS=$RUN_DIR/vpcd-tap.sock
	GUEST_TOOL=$BATS_FILE_TMPDIR/bin/guest
	HELPER=$BATS_FILE_TMPDIR/bin/vpc-qemu-helper
	NETNS=/run/netns/$(ctl -o json vpc show prod | jq -r .netns)
	sg_pings "$P-sg"
}

teardown()
{
	enis_detach
}

in_vpc()
{
	nsenter --net="$NETNS" "$@"
}

# tap NAME SUBNET [OPTION]…: an ENI on a tap.
tap()
{
	local name=$1 subnet=$2
	shift 2
	ctl attach "$name" --subnet "$subnet" --sg "$P-sg" --tap "$@" >/dev/null
}

# guest NAME [OPTION]…: a namespace whose eth0 is the guest's end of that ENI's tap.
guest()
{
	local name=$1 ready=$BATS_TEST_TMPDIR/guest-$1-$RANDOM
	shift
	[ -e "/run/netns/$(netns_of "$name")" ] || netns_add "$name"
	background "$name" "$GUEST_TOOL" --socket "$TAPS" --eni "$name" --ready "$ready" "$@"
	GUEST=$!
	wait_for 30 test -e "$ready" # a busy machine takes seconds to start it
}

# address NAME: what a guest would have by DHCP.
address()
{
	in_ns "$1" ip address add "$(ip_of "$1")/24" dev eth0
	in_ns "$1" ip -6 address add "$(ip6_of "$1")/64" dev eth0 nodad
	in_ns "$1" ip route add default via "${2:-10.50.1.1}"
	in_ns "$1" ip -6 route replace default via fe80::1 dev eth0
}

is_open()
{
	[ "$(eni_field "$1" attachment.open)" = "${2:-true}" ]
}

verify_quiet()
{
	[ "$(ctl -o json status | jq '.pending | length')" = 0 ] && ctl verify >/dev/null
}

# What the instance has in the kernel, and vpcd's descriptors.
objects()
{
	in_vpc ip -o link show | wc -l
	find "/sys/fs/bpf/vpcd/$INSTANCE" | wc -l
	find "/proc/$(vpcd_pid)/fd" -mindepth 1 ! -lname 'socket:*' | wc -l
}

same_objects()
{
	[ "$(objects)" = "$1" ]
}

# as_user UID GID GROUPS COMMAND…
as_user()
{
	local uid=$1 gid=$2 groups=$3
	shift 3
	if [ -n "$groups" ]; then
		groups=--groups=$groups
	fi
	# Not what only root has in its path.
	PATH=/usr/bin:/bin setpriv --reuid "$uid" --regid "$gid" "${groups:---clear-groups}" "$@"
}

@test "a tap is a port: number, name, bridge, programs, and nobody's descriptor" {
	local number
	tap "$P-a" prod-app
	number=$(eni_field "$P-a" number)
	in_vpc ip -d -o link show dev "p$number" >"$BATS_TEST_TMPDIR/link"
	grep -q "^$number:" "$BATS_TEST_TMPDIR/link"
	grep -q "tun type tap pi off vnet_hdr on persist on" "$BATS_TEST_TMPDIR/link"
	grep -qv "multi_queue" "$BATS_TEST_TMPDIR/link"
	grep -q "alias vpcd:$INSTANCE:$(eni_field "$P-a" id)" <(in_vpc ip link show dev "p$number")
	in_vpc tc filter show dev "p$number" ingress | grep -q from_workload
	in_vpc tc filter show dev "p$number" egress | grep -q to_workload
	[ "$(eni_field "$P-a" attachment.kind)" = tap ]
	[ "$(eni_field "$P-a" attachment.host_ifname)" = "p$number" ]
	[ "$(eni_field "$P-a" attachment.owner_uid)" = 0 ]
	is_open "$P-a" false
	[ -z "$(find "/proc/$(vpcd_pid)/fd" -lname '*tun*')" ]
	verify_clean
	ctl detach "$P-a"
	run ! in_vpc ip link show dev "p$number"
	verify_clean
}

@test "guests on taps reach each other by the rules, across subnets, and containers, IPv4 and IPv6" {
	tap "$P-a" prod-app
	tap "$P-b" prod-db
	workload_add "$P-c" prod-app --sg "$P-sg"
	guest "$P-a"
	guest "$P-b"
	address "$P-a"
	address "$P-b" 10.50.2.1
	pings "$P-a" 10.50.1.1
	pings "$P-a" "$(ip_of "$P-b")"
	pings "$P-a" "$(ip6_of "$P-b")"
	pings "$P-c" "$(ip_of "$P-a")"
	pings "$P-a" "$(ip6_of "$P-c")"
	serve "$P-b" --tcp 7000
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	ctl sg authorize "$P-sg" ingress tcp 7000 --cidr 10.50.0.0/16 >/dev/null
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	can "$P-c" tcp "$(ip_of "$P-b")" 7000
	ctl sg revoke "$P-sg" ingress tcp 7000 --cidr 10.50.0.0/16 >/dev/null
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	verify_clean
}

@test "the guest ends, crashes, starts again, while vpcd restarts: the ENI stays" {
	tap "$P-a" prod-app
	workload_add "$P-c" prod-app --sg "$P-sg"
	guest "$P-a"
	is_open "$P-a"
	address "$P-a"
	pings "$P-c" "$(ip_of "$P-a")"
	kill -KILL "$GUEST"
	wait_for 5 is_open "$P-a" false
	pings_not "$P-c" "$(ip_of "$P-a")"
	vpcd_restart KILL
	verify_clean
	guest "$P-a"
	address "$P-a"
	pings "$P-c" "$(ip_of "$P-a")"
	vpcd_restart
	pings "$P-c" "$(ip_of "$P-a")"
	is_open "$P-a"
	verify_clean
}

@test "one VMM at a time" {
	tap "$P-a" prod-app
	guest "$P-a"
	run "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --once
	[ "$status" -eq 1 ]
	[ "$(jq -r .code <<<"$output")" = IncorrectState ]
}

@test "several queues when asked for" {
	tap "$P-a" prod-app --queues 4
	in_vpc ip -d link show dev "p$(eni_field "$P-a" number)" | grep -q "multi_queue"
	[ "$(eni_field "$P-a" attachment.queues)" = 4 ]
	run -0 "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --queues 4 --once
	[ "$(jq .descriptors <<<"$output")" -eq 4 ]
	run -1 "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --queues 5 --once
	[ "$(jq -r .code <<<"$output")" = InvalidParameterValue ]
	verify_clean
	refused InvalidParameterValue attach "$P-x" --subnet prod-app --tap --queues 65
	misused attach "$P-x" --subnet prod-app --tap --queues -1
	misused attach "$P-x" --subnet prod-app --netns x --queues 2
}

@test "root, the owner and the group of the socket may open it, nobody else, who learns nothing" {
	local group
	group=$(stat -c %g "$VPCD_SOCKET")
	[ "$(stat -c %a "$TAPS")" = 666 ]
	tap "$P-a" prod-app --owner 12345
	tap "$P-r" prod-app
	[ "$(eni_field "$P-a" attachment.owner)" = 12345 ]
	run -0 as_user 12345 12345 "" "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --once
	run -0 "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --once
	run -0 as_user 12346 "$group" "" "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --once
	run -0 as_user 12346 12346 "12346,$group" "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --once
	for name in "$P-a" "$P-r" "$P-none" "$(eni_field "$P-a" id)"; do
		run -1 as_user 12346 12346 "" "$GUEST_TOOL" --socket "$TAPS" --eni "$name" --once
		[ "$(jq -r .code <<<"$output")" = AccessDenied ]
		[ "$name" = "$P-a" ] || [ "$output" = "$first" ]
		first=$output
	done
	run -1 "$GUEST_TOOL" --socket "$TAPS" --eni "$P-none" --once
	[ "$(jq -r .code <<<"$output")" = InvalidNetworkInterfaceID.NotFound ]
	# By name too.
	ctl eni create "$P-e" --subnet prod-app >/dev/null
	ctl eni attach "$P-e" --tap --owner nobody >/dev/null
	[ "$(eni_field "$P-e" attachment.owner_uid)" = "$(id -u nobody)" ]
	refused AttachmentFailed attach "$P-x" --subnet prod-app --tap --owner no-such-user
	refused InvalidNetworkInterfaceID.NotFound eni show "$P-x"
}

@test "malformed requests end the connection or are refused, and hold nobody up" {
	local request
	tap "$P-a" prod-app
	for request in 'x' '{}' '[]' '{"eni": 7}' '{"eni": "a", "more": 1}' '{"eni": "a", "queues": 0}' '{"eni": "a"' '""'; do
		run socat -t 2 - "UNIX-CONNECT:$TAPS" <<<"$request"
		jq -e .code <<<"$output" >/dev/null
	done
	run socat -t 2 - "UNIX-CONNECT:$TAPS" < <(head -c 100000 /dev/zero)
	run socat -t 2 - "UNIX-CONNECT:$TAPS" < <(printf '{"eni": "%s"' "$P-a")
	[ -z "$output" ]
	# Another user's idle connections don't keep root, nor a third user, out.
	for _ in $(seq 20); do
		as_user 12347 12347 "" socat -u "UNIX-CONNECT:$TAPS" /dev/null 3>&- &
		echo $! >>"$BATS_FILE_TMPDIR/background"
	done
	sleep 0.5
	run -0 "$GUEST_TOOL" --socket "$TAPS" --eni "$P-a" --once
}

@test "an ENI on no tap has none to open" {
	workload_add "$P-c" prod-app
	run -1 "$GUEST_TOOL" --socket "$TAPS" --eni "$P-c" --once
	[ "$(jq -r .code <<<"$output")" = IncorrectState ]
}

# Whoever has the descriptor may do any ioctl on it (daemon/datapath/net/device/README.md, Taps).
@test "P7: a VMM that takes a neighbour's MAC for the host's end, and ends persistence, gains nothing that stays" {
	tap "$P-a" prod-app
	tap "$P-h" prod-app
	workload_add "$P-c" prod-app --sg "$P-sg"
	guest "$P-a"
	address "$P-a"
	guest "$P-h" --hostile --mac "$(eni_field "$P-c" mac)"
	wait_for 5 ctl verify
	pings "$P-a" "$(ip_of "$P-c")"
	pings "$P-c" "$(ip_of "$P-a")"
	kill "$GUEST"
	# It went with its last descriptor, and is there again.
	wait_for 5 ctl verify
	in_vpc ip -d link show dev "p$(eni_field "$P-h" number)" | grep -q "persist on"
	guest "$P-h"
	address "$P-h"
	pings "$P-h" "$(ip_of "$P-c")"
}

@test "a tap that somebody deletes or changes is put right" {
	local number
	tap "$P-a" prod-app
	number=$(eni_field "$P-a" number)
	in_vpc ip link del dev "p$number"
	wait_for 5 in_vpc ip link show dev "p$number"
	wait_for 5 ctl verify
	in_vpc ip link set dev "p$number" down
	wait_for 5 ctl verify
	vpcd_stop
	in_vpc ip link del dev "p$number"
	vpcd_start
	verify_clean
	guest "$P-a"
	address "$P-a"
	pings "$P-a" 10.50.1.1
}

@test "moved from a tap to a container and back" {
	tap "$P-a" prod-app
	ctl eni detach "$P-a" >/dev/null
	netns_add "$P-c"
	ctl eni attach "$P-a" --netns "$(netns_of "$P-c")" >/dev/null
	pings "$P-c" 10.50.1.1
	ctl eni detach "$P-a" >/dev/null
	ctl eni attach "$P-a" --tap --queues 2 >/dev/null
	verify_clean
	guest "$P-a"
	address "$P-a"
	pings "$P-a" 10.50.1.1
}

# What a round leaves behind anywhere would be there fifty times.
@test "nothing is left of fifty taps that came and went" {
	local before
	tap "$P-x" prod-app
	ctl detach "$P-x" >/dev/null
	wait_for 10 verify_quiet
	before=$(objects)
	for _ in $(seq 50); do
		tap "$P-x" prod-app --owner 12345
		"$GUEST_TOOL" --socket "$TAPS" --eni "$P-x" --once >/dev/null
		ctl detach "$P-x" >/dev/null
	done
	wait_for 60 same_objects "$before"
	verify_clean
}

@test "vpc-qemu-helper hands the descriptor on as qemu-bridge-helper does" {
	tap "$P-a" prod-app --owner 12345
	run -0 as_user 12345 12345 "" python3 - "$HELPER" "$TAPS" "$P-a" <<-'EOF'
		import array, socket, subprocess, sys, os, stat
		a, b = socket.socketpair()
		c = subprocess.run([sys.argv[1], "--eni", sys.argv[3], "--socket", sys.argv[2], "--use-vnet", f"--fd={b.fileno()}", "--br=br0"],
		                   pass_fds=[b.fileno()])
		assert c.returncode == 0, c
		data, control, _, _ = a.recvmsg(100, socket.CMSG_SPACE(4))
		assert len(data) == 1 and len(control) == 1
		fds = array.array("i"); fds.frombytes(control[0][2])
		assert os.readlink(f"/proc/self/fd/{fds[0]}") == "/dev/net/tun"
	EOF
	run -1 as_user 12346 12346 "" "$HELPER" --eni "$P-a" --socket "$TAPS" --use-vnet --fd=1
	[[ $output == "vpc-qemu-helper: AccessDenied: "* ]]
	run -2 "$HELPER" --use-vnet --fd=1
	run -2 "$HELPER" --eni "$P-a" --exec=3
	run -2 "$HELPER" --eni "$P-a" --fd=3 -- true
	run -3 "$HELPER" --eni x --socket "$BATS_TEST_TMPDIR/none" --fd=1
}

@test "vpc-qemu-helper runs a VMM that is told the number of its descriptor" {
	tap "$P-a" prod-app --owner 12345
	run -0 as_user 12345 12345 "" "$HELPER" --eni "$P-a" --socket "$TAPS" --exec=7 -- readlink /proc/self/fd/7
	[ "$output" = /dev/net/tun ]
	run -1 as_user 12345 12345 "" "$HELPER" --eni "$P-a" --socket "$TAPS" --exec=7 -- no-such-command
	run -1 as_user 12345 12345 "" "$HELPER" --eni "$P-a" --socket "$TAPS" --exec=7 --queues=2 -- true
	[[ $output == *InvalidParameterValue* ]]
	tap "$P-b" prod-app --owner 12345 --queues 3
	run -0 as_user 12345 12345 "" "$HELPER" --eni "$P-b" --socket "$TAPS" --exec=3 --queues=3 -- \
		readlink /proc/self/fd/3 /proc/self/fd/4 /proc/self/fd/5
	[ "$output" = $'/dev/net/tun\n/dev/net/tun\n/dev/net/tun' ]
	run -2 "$HELPER" --eni "$P-b" --fd=3 --queues=2
	run -2 "$HELPER" --eni "$P-b" --exec=3 --queues=0 -- true
}

# What cli/README.md says of Firecracker, which opens a tap by name in its own namespace.
@test "a tap in a namespace with an ENI, joined to it by tc" {
	local mac
	netns_add "$P-a"
	ctl attach "$P-a" --subnet prod-app --sg "$P-sg" --netns "$(netns_of "$P-a")" >/dev/null
	workload_add "$P-c" prod-app --sg "$P-sg"
	mac=$(eni_field "$P-a" mac)
	# shellcheck disable=SC2016 # the inner shell's
	in_ns "$P-a" sh -e -c '
		ip address flush dev eth0
		ip tuntap add dev tap0 mode tap
		ip link set tap0 up
		for pair in "eth0 tap0" "tap0 eth0"; do
			set -- $pair
			tc qdisc add dev $1 clsact
			tc filter add dev $1 ingress protocol all u32 match u8 0 0 action mirred egress redirect dev $2
		done'
	# In place of Firecracker: a guest of another namespace behind that tap.
	netns_add "$P-g"
	background "$P-a" "$TOOLS/guest" --tap tap0 --mac "$mac" --into "/run/netns/$(netns_of "$P-g")" \
		--ready "$BATS_TEST_TMPDIR/joined"
	wait_for 20 test -e "$BATS_TEST_TMPDIR/joined"
	in_ns "$P-g" ip address add "$(ip_of "$P-a")/24" dev eth0
	in_ns "$P-g" ip route add default via 10.50.1.1
	pings "$P-g" 10.50.1.1
	pings "$P-c" "$(ip_of "$P-a")"
	serve "$P-c" --tcp 7000
	cannot "$P-g" tcp "$(ip_of "$P-c")" 7000
}
