#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What others change by hand is reported by verify and put right, and nothing is open in between: promise P1.

bats_require_minimum_version 1.5.0
load lib

# $P-a may reach $P-b on 7000. On 7001 it tries all the time, and must never get there.
setup()
{
	P=t$BATS_TEST_NUMBER
	pair_denied
	PORT=$(eni_field "$P-b" attachment.host_ifname)
	NETNS=/run/netns/$(ctl -o json vpc show prod | jq -r .netns)
	PIN=/sys/fs/bpf/vpcd/$INSTANCE
}

teardown()
{
	background_end
	if ! vpcd_running; then
		vpcd_start
	fi
	local name
	for name in $(workloads_of "$P-"); do
		ctl detach "$name" >/dev/null 2>&1 || true
	done
	namespaces_remove "$INSTANCE-$P-"
}

in_vpc()
{
	nsenter --net="$NETNS" "$@"
}

# repaired: within 15 s all is as before, and the denied traffic never passed.
repaired()
{
	local end=$((SECONDS + 15))
	until ctl verify >/dev/null 2>&1 && can "$P-a" tcp "$B" 7000 2>/dev/null; do
		[ "$SECONDS" -lt "$end" ] || fail "not repaired: $(ctl verify 2>&1)"
		sleep 0.2
	done
	never_open
}

never_open()
{
	[ "$(grep -c ' udp 7001 ' "$(log_of "$P-b")")" -eq 0 ] || fail "packets passed that no rule allows"
}

# repaired_at_start COMMAND…: tampered with while vpcd is down, the next start puts it right.
repaired_at_start()
{
	vpcd_stop TERM
	"$@"
	sleep 0.3
	vpcd_start
	repaired
}

@test "a port deleted by hand in the VPC comes back" {
	in_vpc ip link del dev "$PORT"
	repaired
}

@test "a workload end deleted by the workload comes back" {
	in_ns "$P-b" ip link del dev eth0
	repaired
}

@test "a port that is set down or renamed is put right" {
	in_vpc ip link set dev "$PORT" down
	repaired
}

@test "a bridge deleted by hand comes back, with its ports" {
	in_vpc ip link del dev "$(in_vpc ip -o link show type bridge | awk -F': ' '{ print $2; exit }')"
	repaired
	pings "$P-a" 10.50.1.1
}

@test "a gateway address deleted by hand comes back" {
	in_vpc ip address del 10.50.1.1/24 dev "$(in_vpc ip -o -4 address show to 10.50.1.1 | awk '{ print $2; exit }')"
	repaired
	pings "$P-a" 10.50.1.1
}

@test "neighbours, FDB entries and port flags changed by hand are put right at the next start" {
	local bridge
	bridge=$(in_vpc ip -o link show dev "$PORT" | sed -n 's/.* master \([^ ]*\) .*/\1/p')
	in_vpc ip neigh del "$B" dev "$bridge"
	verify_differs || repaired
	vpcd_restart
	repaired
	in_vpc bridge link set dev "$PORT" learning on flood on
	verify_differs || repaired
	vpcd_restart
	repaired
}

@test "sysctls changed by hand are put right, while vpcd runs and at the next start" {
	in_vpc sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
	repaired
	[ "$(in_vpc cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
	repaired_at_start in_vpc sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/arp_ignore'
}

@test "the clsact qdisc deleted by hand: never open, and put right" {
	in_vpc tc qdisc del dev "$PORT" clsact
	repaired
}

@test "a filter deleted by hand: never open, and put right" {
	in_vpc tc filter del dev "$PORT" egress
	in_vpc tc filter del dev "$PORT" ingress
	vpcd_restart
	repaired
}

@test "a tcx link torn off: the fallback filter judges until it is put right" {
	local link
	# Without tcx there is no link to tear off: only the fallback filter.
	if [ "$(ctl -o json status | jq -r .attach_mode)" != tcx ]; then
		run ! links_pinned
		return
	fi
	wait_for 10 links_pinned
	for link in "$PIN"/v*/links/*; do
		bpftool link detach pinned "$link" || true
		rm -f "$link"
	done
	can "$P-a" tcp "$B" 7000
	wait_for 10 links_pinned
	wait_for 10 ctl verify
	repaired
}

@test "a tcx link that cannot be made is pending, with its reason, until it can" {
	local pin held=/sys/fs/bpf/$INSTANCE-held
	# Without tcx there is no link, as above.
	[ "$(ctl -o json status | jq -r .attach_mode)" = tcx ] || return 0
	verify_clean
	pin=$(echo "$PIN"/v*/links/)$(in_vpc ip -o link show dev "$PORT" | cut -d: -f1)-in
	# another pin keeps the link, and with it the program's place
	bpftool link pin id "$(bpftool -j link show pinned "$pin" | jq .id)" "$held"
	rm "$pin"
	wait_for 10 link_is_pending
	ctl -o json status | jq -e --arg eni "$P-b" '.health.state == "degraded" and
		any(.pending[]; .subsystem == "links" and .eni == $eni and .next_retry != null)'
	can "$P-a" tcp "$B" 7000
	rm "$held"
	wait_for 30 test -e "$pin"
	repaired
	ctl -o json status | jq -e '.health.state == "ok"'
}

link_is_pending()
{
	ctl -o json status | jq -e '.health.conditions.links == 1'
}

links_pinned()
{
	[ -n "$(find "$PIN" -path '*/links/*' 2>/dev/null)" ]
}

# The hash maps that hold what vpcd compiled, as pinned files.
compiled_maps()
{
	local pin
	find "$PIN" -type f ! -path '*/links/*' | while read -r pin; do
		case $(basename "$pin") in
		*flow* | *frag*) continue ;;
		esac
		if bpftool -j map show pinned "$pin" 2>/dev/null | jq -e '.type == "hash"' >/dev/null; then
			printf '%s\n' "$pin"
		fi
	done
}

@test "a map element deleted by hand is reported, and put right at the next start" {
	local pin key tried=0
	for pin in $(compiled_maps); do
		key=$(bpftool -j map dump pinned "$pin" | jq -r '.[0].key // empty | join(" ")')
		[ -n "$key" ] || continue
		# shellcheck disable=SC2086 # bytes are words
		bpftool map delete pinned "$pin" key $key
		tried=$((tried + 1))
		never_open
		vpcd_restart
		repaired
	done
	[ "$tried" -gt 0 ]
}

@test "all of it at once, while vpcd is down" {
	repaired_at_start wreck
}

wreck()
{
	in_vpc tc qdisc del dev "$PORT" clsact || true
	in_vpc ip link del dev "$(in_vpc ip -o link show type bridge | awk -F': ' '{ print $2; exit }')"
	in_ns "$P-a" ip link del dev eth0
	in_vpc sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
}

@test "a VPC's namespace deleted while vpcd is down is made again" {
	repaired_at_start ip netns del "$(basename "$NETNS")"
}

@test "what isn't vpcd's is not touched" {
	in_vpc ip link add name foreign0 type veth peer name foreign1
	vpcd_restart
	in_vpc ip link show dev foreign0 >/dev/null
	can "$P-a" tcp "$B" 7000
	in_vpc ip link del dev foreign0
}
