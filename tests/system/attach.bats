#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# ENIs get into namespaces, out of them, and not into wrong ones.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P-sg" --vpc prod >/dev/null
	ctl sg authorize "$P-sg" ingress all --sg "$P-sg"
	NETNS=/run/netns/$(ctl -o json vpc show prod | jq -r .netns)
}

attached()
{
	[ "$(eni_field "$1" attachment.kind)" = netns ]
}

attached_to_nothing()
{
	[ "$(eni_field "$1" attachment)" = null ]
}

ports()
{
	nsenter --net="$NETNS" ip -o link show type veth | wc -l
}

ports_are()
{
	[ "$(ports)" -eq "$1" ]
}

@test "by name: the workload end is named, addressed, routed and of the right MTU" {
	local mac
	netns_add "$P-a"
	ctl attach "$P-a" --subnet prod-app --sg "$P-sg" --netns "$(netns_of "$P-a")" --ip 10.50.1.200
	mac=$(eni_field "$P-a" mac)
	in_ns "$P-a" ip -4 -o address show dev eth0 | grep -q '10.50.1.200/'
	in_ns "$P-a" ip -6 -o address show dev eth0 | grep -q "$(ip6_of "$P-a")/"
	in_ns "$P-a" ip link show dev eth0 | grep -q "mtu 1500"
	in_ns "$P-a" ip link show dev eth0 | grep -q "$mac"
	in_ns "$P-a" ip -4 route show default | grep -q 'via 10.50.1.1'
	in_ns "$P-a" ip -6 route show default | grep -q 'via fe80::1'
	[ "$(eni_field "$P-a" attachment.ifname)" = eth0 ]
	# The port's ifindex is the ENI's number.
	nsenter --net="$NETNS" ip -o link show dev "$(eni_field "$P-a" attachment.host_ifname)" |
		grep -q "^$(eni_field "$P-a" number):"
	nsenter --net="$NETNS" ip link show dev "$(eni_field "$P-a" attachment.host_ifname)" |
		grep -q "alias vpcd:$INSTANCE:$(eni_field "$P-a" id)"
	pings "$P-a" 10.50.1.1
}

@test "by path" {
	netns_add "$P-a"
	ctl attach "$P-a" --subnet prod-app --netns "/run/netns/$(netns_of "$P-a")" --ifname net7
	in_ns "$P-a" ip -4 -o address show dev net7 | grep -q "$(ip_of "$P-a")/"
}

@test "by pid" {
	local pid
	unshare -n sleep 60 3>&- &
	pid=$!
	echo "$pid" >>"$BATS_FILE_TMPDIR/background"
	sleep 0.3
	ctl attach "$P-a" --subnet prod-app --pid "$pid"
	nsenter --net="/proc/$pid/ns/net" ip -4 -o address show dev eth0 | grep -q "$(ip_of "$P-a")/"
	kill "$pid"
	wait_for 10 attached_to_nothing "$P-a"
}

@test "an ENI made first, attached later, moved to another namespace" {
	netns_add "$P-a"
	netns_add "$P-b"
	ctl eni create "$P-e" --subnet prod-app --sg "$P-sg" >/dev/null
	[ "$(eni_field "$P-e" attachment)" = null ]
	ctl eni attach "$P-e" --netns "$(netns_of "$P-a")"
	in_ns "$P-a" ip link show dev eth0 >/dev/null
	refused IncorrectState eni attach "$P-e" --netns "$(netns_of "$P-b")"
	ctl eni detach "$P-e"
	run ! in_ns "$P-a" ip link show dev eth0
	ctl eni attach "$P-e" --netns "$(netns_of "$P-b")"
	in_ns "$P-b" ip -4 -o address show dev eth0 | grep -q "$(ip_of "$P-e")/"
	ctl eni detach "$P-e"
	ctl eni delete "$P-e"
	refused InvalidNetworkInterfaceID.NotFound eni show "$P-e"
}

@test "detach leaves no port behind" {
	local before
	before=$(ports)
	workload_add "$P-a" prod-app --sg "$P-sg"
	ports_are $((before + 1))
	ctl detach "$P-a"
	wait_for 5 ports_are "$before"
	run ! in_ns "$P-a" ip link show dev eth0
	verify_clean
}

@test "a container that goes away leaves nothing, and the ENI says so" {
	local before
	before=$(ports)
	workload_add "$P-a" prod-app --sg "$P-sg"
	ip netns del "$(netns_of "$P-a")"
	wait_for 10 attached_to_nothing "$P-a"
	wait_for 5 ports_are "$before"
	verify_clean
	netns_add "$P-a"
	ctl eni attach "$P-a" --netns "$(netns_of "$P-a")"
	attached "$P-a"
}

# While the first was being looked at, the others vanished: nobody heard of them any more.
@test "many containers that go away at once: none is forgotten" {
	local before i
	before=$(ports)
	for _ in 1 2 3 4; do
		for i in {1..20}; do
			netns_add "$P-m$i"
			ctl attach "$P-m$i" --subnet prod-app --netns "$INSTANCE-$P-m$i" >/dev/null
		done
		for i in {1..20}; do
			ip netns del "$INSTANCE-$P-m$i"
		done
		for i in {1..20}; do
			# less than the pause between two looks at a VPC in which nothing happened
			wait_for 4 attached_to_nothing "$P-m$i"
			ctl eni delete "$P-m$i" >/dev/null
		done
	done
	wait_for 5 ports_are "$before"
	verify_clean
}

# detached_as_told NAME: when the reply is there, nothing passes, and nothing is left or the reply says so.
detached_as_told()
{
	local reply pending id
	id=$(ctl -o json eni show "$1" | jq -r .id)
	reply=$(ctl -o json detach "$1") || fail "$1 could not be detached"
	pending=$(jq -r '[.pending // [] | .[]] | join(" ")' <<<"$reply")
	if in_ns "$1" ping -c 1 -W 1 "$(ip_of "$P-stays")" >/dev/null 2>&1; then
		fail "$1 is connected after the reply"
	fi
	[ -z "$pending" ] || [ "$pending" = "devices of $id" ] || fail "$1: pending: $pending"
	if [ -z "$pending" ] && in_ns "$1" ip link show dev eth0 >/dev/null 2>&1; then
		fail "$1 is there after the reply"
	fi
	printf '%s\n' "$pending" >"$BATS_TEST_TMPDIR/pending-$1"
}

@test "one detached after the other: each is gone when its reply comes" {
	local i
	for i in {1..4}; do
		netns_add "$P-m$i"
		ctl attach "$P-m$i" --subnet prod-app --netns "$INSTANCE-$P-m$i" >/dev/null
	done
	verify_clean
	for i in {1..4}; do
		ctl detach "$P-m$i" >/dev/null
		if in_ns "$P-m$i" ip link show dev eth0 >/dev/null 2>&1; then
			fail "$i is there after the reply"
		fi
	done
}

@test "background: the reply doesn't wait for the interface, says that it is pending, and nothing passes" {
	local id i
	workload_add "$P-stays" prod-app --sg "$P-sg"
	ctl sg authorize "$P-sg" ingress icmp all --cidr 0.0.0.0/0 >/dev/null
	netns_add "$P-m"
	for i in {1..3}; do
		ctl attach "$P-m" --subnet prod-app --netns "$INSTANCE-$P-m" >/dev/null
		id=$(ctl -o json eni show "$P-m" | jq -r .id)
		in_ns "$P-m" ping -c 1 -W 2 "$(ip_of "$P-stays")" >/dev/null
		api_is 200 POST /v1/transactions '{"changes": [{"op": "eni.detach", "eni_id": "'"$id"'"},
			{"op": "eni.delete", "eni_id": "'"$id"'"}], "background": true}' | jq -e --arg id "$id" '.pending == ["devices of " + $id]'
		if in_ns "$P-m" ping -c 1 -W 1 "$(ip_of "$P-stays")" >/dev/null 2>&1; then
			fail "$P-m is connected after the reply"
		fi
	done
	# of what removes no device nothing is pending
	api_is 200 POST /v1/transactions '{"changes": [{"op": "sg.create", "vpc_id": "prod", "name": "'"$P"'-more"}], "background": true}' |
		jq -e '(.pending // []) == []'
	wait_for 10 nothing_pending
	verify_clean
}

nothing_pending()
{
	ctl -o json status | jq -e '.pending | length == 0'
}

# Deleting them takes longer than who asks waits for it (engine/devices/removal.c).
@test "twenty detached at once: each is gone when its reply comes, or pending; attached again, each waits for that" {
	local before i jobs=()
	workload_add "$P-stays" prod-app --sg "$P-sg"
	ctl sg authorize "$P-sg" ingress icmp all --cidr 0.0.0.0/0 >/dev/null
	before=$(ports)
	for i in {1..20}; do
		netns_add "$P-m$i"
		ctl attach "$P-m$i" --subnet prod-app --netns "$INSTANCE-$P-m$i" >/dev/null
	done
	ports_are $((before + 20))
	verify_clean
	for i in {1..20}; do
		detached_as_told "$P-m$i" 3>&- &
		jobs+=($!)
	done
	for i in "${jobs[@]}"; do
		wait "$i"
	done
	grep -q devices "$BATS_TEST_TMPDIR"/pending-* || fail "all were gone within 50 ms: this tests nothing"
	# the same interface in the same namespaces
	for i in {1..20}; do
		ctl attach "$P-m$i" --subnet prod-app --netns "$INSTANCE-$P-m$i" >/dev/null
		in_ns "$P-m$i" ping -c 1 -W 2 "$(ip_of "$P-stays")" >/dev/null
	done
	ports_are $((before + 20))
	verify_clean
	# the same ENIs in other namespaces
	for i in {1..6}; do
		netns_add "$P-o$i"
		ctl eni detach "$P-m$i" >/dev/null 3>&- &
		jobs[i]=$!
	done
	for i in {1..6}; do
		wait "${jobs[i]}"
		ctl eni attach "$P-m$i" --netns "$INSTANCE-$P-o$i" >/dev/null
		in_ns "$P-o$i" ping -c 1 -W 2 "$(ip_of "$P-stays")" >/dev/null
	done
	ports_are $((before + 20))
	verify_clean
	for i in {1..20}; do
		ctl detach "$P-m$i" >/dev/null
	done
	ports_are "$before"
	attached "$P-stays"
	in_ns "$P-stays" ip link show dev eth0
	verify_clean
}

@test "vpcd ends while many are detached: what was asked is done, and nothing is left" {
	local before i jobs=() done_=0
	before=$(ports)
	for i in {1..12}; do
		netns_add "$P-m$i"
		ctl attach "$P-m$i" --subnet prod-app --netns "$INSTANCE-$P-m$i" >/dev/null
	done
	verify_clean
	for i in {1..12}; do
		ctl detach "$P-m$i" >/dev/null 2>&1 3>&- &
		jobs+=($!)
	done
	sleep 0.1
	vpcd_stop
	for i in "${jobs[@]}"; do
		wait "$i" || true
	done
	vpcd_start
	for i in {1..12}; do
		if ctl eni show "$P-m$i" >/dev/null 2>&1; then
			ctl detach "$P-m$i" >/dev/null
		else
			done_=$((done_ + 1))
		fi
	done
	[ "$done_" -ge 1 ] || fail "none was detached before the stop"
	ports_are "$before"
	verify_clean
}

@test "an ENI's number isn't another's flows: a new ENI at an old address starts with nothing" {
	workload_add "$P-s" prod-app --sg "$P-sg"
	serve "$P-s" --tcp 7000
	workload_add "$P-a" prod-app --sg "$P-sg" --ip 10.50.1.220
	stream "$P-a" s tcp-echo "$(ip_of "$P-s")" 7000
	background_end
	ctl detach "$P-a"
	ctl sg create "$P-none" --vpc prod >/dev/null
	workload_add "$P-b" prod-app --sg "$P-none" --ip 10.50.1.220
	serve "$P-s" --tcp 7000
	cannot "$P-b" tcp "$(ip_of "$P-s")" 7000
}

@test "refused: the host's namespace, vpcd's, a VPC's, files that are none, names that aren't names" {
	local other
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns /proc/1/ns/net
	# what is wrong with the request itself comes first
	refused InvalidNetworkInterfaceID.NotFound eni attach "$P-nobody" --netns "$P-nowhere"
	refused AttachmentFailed attach "$P-x" --subnet prod-app --pid 1
	refused AttachmentFailed attach "$P-x" --subnet prod-app --pid "$(vpcd_pid)"
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns "$NETNS"
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns "$(basename "$NETNS")"
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns /etc/hostname
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns /proc/1/ns/mnt
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns "$P-no-such-namespace"
	refused AttachmentFailed attach "$P-x" --subnet prod-app --pid 4194303
	for other in .. . 'a/../b' "$(printf 'x%.0s' $(seq 65))" 'a b'; do
		run ctl attach "$P-x" --subnet prod-app --netns "$other"
		[ "$status" -eq 1 ]
	done
	# A FIFO would hold the opener for ever.
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	refused AttachmentFailed attach "$P-x" --subnet prod-app --netns "$BATS_TEST_TMPDIR/fifo"
	# Nothing of all that stayed.
	refused InvalidNetworkInterfaceID.NotFound eni show "$P-x"
	verify_clean
}

@test "refused: an interface name that is taken or isn't one" {
	netns_add "$P-a"
	in_ns "$P-a" ip link add name eth0 type veth peer name other
	refused AttachmentFailed attach "$P-a" --subnet prod-app --netns "$(netns_of "$P-a")"
	run ctl attach "$P-a" --subnet prod-app --netns "$(netns_of "$P-a")" --ifname 'a-name-that-is-too-long'
	[ "$status" -eq 1 ]
	run ctl attach "$P-a" --subnet prod-app --netns "$(netns_of "$P-a")" --ifname 'a/b'
	[ "$status" -eq 1 ]
	ctl attach "$P-a" --subnet prod-app --netns "$(netns_of "$P-a")" --ifname eth1
	verify_clean
}

@test "refused: names that the kernel keeps for itself; nothing is left of them" {
	local name
	netns_add "$P-a"
	for name in all default; do
		refused InvalidParameterValue attach "$P-a" --subnet prod-app --netns "$(netns_of "$P-a")" \
			--ifname "$name"
	done
	refused InvalidNetworkInterfaceID.NotFound eni show "$P-a"
	verify_clean
}

@test "refused: a caller who isn't root and doesn't own the process" {
	local pid status=0
	unshare -n sleep 60 3>&- &
	pid=$!
	echo "$pid" >>"$BATS_FILE_TMPDIR/background"
	sleep 0.3
	setpriv --reuid 65534 --inh-caps +dac_override,+dac_read_search --ambient-caps +dac_override,+dac_read_search \
		"$VPCCTL" attach "$P-x" --subnet prod-app --pid "$pid" >/dev/null 2>"$BATS_TEST_TMPDIR/error" || status=$?
	[ "$status" -eq 1 ]
	grep -Eq '^vpcctl: (AttachmentFailed|AccessDenied): ' "$BATS_TEST_TMPDIR/error"
}

# --- several ENIs in one namespace -------------------------------------------------------------------------------------

@test "two ENIs in one namespace: each answers by itself, and --default-route says whose route counts" {
	local ns client a
	ns=$(netns_of "$P-two")
	client=$P-client
	ctl subnet create "$P-far" --vpc prod --cidr 10.50.3.0/24 --cidr6 fd50:0:0:2::/64 >/dev/null
	workload_add "$client" "$P-far" --sg "$P-sg"
	netns_add "$P-two"
	ctl attach "$P-a" --subnet prod-app --sg "$P-sg" --netns "$ns" >/dev/null
	ctl attach "$P-b" --subnet prod-db --sg "$P-sg" --netns "$ns" --ifname eth1 >/dev/null
	serve "$P-two" --tcp 8080
	for a in "$(ip_of "$P-a")" "$(ip_of "$P-b")" "$(ip6_of "$P-a")" "$(ip6_of "$P-b")"; do
		can "$client" tcp "$a" 8080
		pings "$client" "$a"
	done
	in_ns "$P-two" ip route get 10.50.3.200 | grep -q 'dev eth0'
	ctl detach "$P-b" >/dev/null
	can "$client" tcp "$(ip_of "$P-a")" 8080
	ctl attach "$P-b" --subnet prod-db --sg "$P-sg" --netns "$ns" --ifname eth1 --default-route yes >/dev/null
	[ "$(eni_field "$P-b" attachment.default_route)" = true ]
	in_ns "$P-two" ip route get 10.50.3.200 | grep -q 'dev eth1'
	in_ns "$P-two" ip -6 route get fd50:0:0:2::99 | grep -q 'dev eth1'
	for a in "$(ip_of "$P-a")" "$(ip_of "$P-b")" "$(ip6_of "$P-a")" "$(ip6_of "$P-b")"; do
		can "$client" tcp "$a" 8080
	done
	vpcd_restart KILL
	can "$client" tcp "$(ip_of "$P-a")" 8080
	verify_clean
}

# --- the first packet --------------------------------------------------------------------------------------------------

@test "what is sent the moment a route appears arrives" {
	local i subnet host lost=0
	workload_add "$P-server" prod-app --sg "$P-sg"
	serve "$P-server" --udp 8080
	for i in {1..16}; do
		netns_add "$P-e$i"
		# the same subnet and another one
		subnet=prod-app
		[ $((i % 2)) -eq 0 ] || subnet=prod-db
		host=$(ip_of "$P-server")
		[ $((i % 4)) -ge 2 ] || host=$(ip6_of "$P-server")
		in_ns "$P-e$i" "$TOOLS/eager" "$host" 8080 "$BATS_TEST_TMPDIR/ready-$i" 3>&- &
		wait_for 5 test -e "$BATS_TEST_TMPDIR/ready-$i"
		ctl attach "$P-e$i" --subnet "$subnet" --sg "$P-sg" --netns "$(netns_of "$P-e$i")" >/dev/null
		wait $! || lost=$((lost + 1))
	done
	[ "$lost" -eq 0 ] || fail "$lost of 16 were lost"
}
