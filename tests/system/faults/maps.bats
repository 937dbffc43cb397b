#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Rows, keys and pins changed by hand while vpcd runs: mended within a minute, pins within seconds, told and counted; what
# isn't allowed never passes (P1), established connections go on (P6), also over the next restart.

bats_require_minimum_version 1.5.0
load ../lib

# $P-a may reach $P-b on 7000 and never on 7001, where it tries all the time.
setup()
{
	P=t$BATS_TEST_NUMBER
	pair_denied
	PIN=/sys/fs/bpf/vpcd/$INSTANCE
	MAPS=$(echo "$PIN"/v*/maps)
}

audit()
{
	ctl -o json status | jq ".audit.$1"
}

never_open()
{
	[ "$(grep -c ' udp 7001 ' "$(log_of "$P-b")")" -eq 0 ] || fail "packets passed that no rule allows"
}

# mended SECONDS: all is as before within that time, without a restart.
mended()
{
	local end=$((SECONDS + $1))
	until ctl verify >/dev/null 2>&1 && can "$P-a" tcp "$B" 7000 2>/dev/null; do
		[ "$SECONDS" -lt "$end" ] || fail "not mended within $1 s: $(ctl verify 2>&1)"
		sleep 0.5
	done
	never_open
	[ "$(ctl -o json status | jq -r .health.state)" = ok ]
}

empty()
{
	local key
	bpftool -j map dump pinned "$MAPS/$1" | jq -r '.[].key | join(" ")' | while read -r key; do
		# shellcheck disable=SC2046,SC2086 # bytes are words
		bpftool map delete pinned "$MAPS/$1" key $key
	done
}

@test "P1: keys of rules and addresses deleted by hand are mended within a minute" {
	local found
	found=$(audit found)
	empty addr
	empty rule
	empty mask_group_of
	mended 60
	[ "$(audit found)" -gt "$found" ]
	[ "$(audit mended)" -gt 0 ]
	grep -q "somebody else changed the map" "$VPCD_LOG"
}

@test "P1: an interface's row that is zeroed is mended within a minute" {
	local number size
	number=$(nsenter --net="/run/netns/$(ctl -o json vpc show prod | jq -r .netns)" \
		ip -j link show dev "$(eni_field "$P-b" attachment.host_ifname)" | jq '.[0].ifindex')
	size=$(bpftool -j map show pinned "$MAPS/eni" | jq .bytes_value)
	# shellcheck disable=SC2046 # bytes are words
	bpftool map update pinned "$MAPS/eni" key hex $(printf '%08x' "$number" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4 \3 \2 \1/') \
		value hex $(yes 00 | head -n "$size")
	cannot "$P-a" tcp "$B" 7000
	mended 60
}

@test "P1: an epoch that somebody writes is put right at once, and rules changed meanwhile hold" {
	local value
	value=$(bpftool -j map dump pinned "$MAPS/ctl" | jq -r '.[0].value | join(" ")')
	# shellcheck disable=SC2046,SC2086 # bytes are words
	bpftool map update pinned "$MAPS/ctl" key 0 0 0 0 value 1 0 0 0 0 0 0 0 $(cut -d' ' -f9- <<<"$value")
	wait_for 2 grep -q "somebody else changed the map 'ctl': epoch" "$VPCD_LOG"
	mended 2
	[ "$(audit mended)" -gt 0 ]
	# shellcheck disable=SC2046,SC2086 # bytes are words
	bpftool map update pinned "$MAPS/ctl" key 0 0 0 0 value 1 0 0 0 0 0 0 0 $(cut -d' ' -f9- <<<"$value")
	ctl sg authorize "$P-b" ingress tcp 7002 --cidr 0.0.0.0/0 >/dev/null
	mended 2
}

@test "the addresses that a port answers DHCP with are mended within a minute" {
	local number key found
	found=$(audit found)
	number=$(nsenter --net="/run/netns/$(ctl -o json vpc show prod | jq -r .netns)" \
		ip -j link show dev "$(eni_field "$P-b" attachment.host_ifname)" | jq '.[0].ifindex')
	key=$(printf '%08x' "$number" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4 \3 \2 \1/')
	# shellcheck disable=SC2046,SC2086 # bytes are words
	bpftool map update pinned "$MAPS/address_config" key hex $key value hex $(yes 00 | head -n 32)
	ctl verify && fail "verify does not see it"
	mended 60
	[ "$(audit found)" -gt "$found" ]
	grep -qE "somebody else changed (the map 'address_config'|what 1 interfaces)" "$VPCD_LOG"
}

pins()
{
	find "$PIN" -type f | sort
}

goes_on()
{
	local now
	now=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log going)" "$now"
}

pins_are()
{
	[ "$(pins)" = "$1" ]
}

@test "P6: pins that are removed are made again within seconds, and a connection outlives it and the next restart" {
	local before
	wait_for 10 ctl verify
	sleep 3 # tcx links, too
	before=$(pins)
	stream "$P-a" going tcp-echo "$B" 7000
	find "$PIN" -type f -delete
	wait_for 5 pins_are "$before"
	rm -rf "$PIN"
	wait_for 8 pins_are "$before"
	[ "$(audit pins)" -gt 0 ]
	grep -q "made again" "$VPCD_LOG"
	goes_on
	vpcd_restart KILL
	goes_on
	mended 20
}
