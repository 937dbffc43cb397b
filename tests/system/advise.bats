#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154 # stderr is set by run
# sg advise: rules that were not used, and narrower rules in the place of those that are wider than what they allowed.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	# A scan fills what is kept of single flows at once, so that more of it must cost nothing.
	vpcd_start "[Limits]" "flow_log_flows=4096"
	world prod
	ctl vpc set prod --count-flows on >/dev/null
	world_lab
}

# A VPC whose flows nobody watches.
world_lab()
{
	ctl vpc create lab --cidr 10.60.0.0/16 >/dev/null
	ctl subnet create lab-app --vpc lab --cidr 10.60.1.0/24 >/dev/null
	ctl sg create open --vpc lab >/dev/null
	ctl sg authorize open ingress all --cidr 0.0.0.0/0 --vpc lab >/dev/null
	workload_add x lab-app --sg open
	workload_add y lab-app --sg open
}

# said GROUP FILTER: what jq says of the report's rules.
said()
{
	ctl sg advise "$1" -o json | jq -r "[.rules[] | select(.direction == \"ingress\")] | $2"
}

# said_since GROUP DATE ADVICE: what is said of its first ingress rule.
said_since()
{
	[ "$(ctl sg advise "$1" --since "$2" -o json | jq -r '[.rules[] | select(.direction == "ingress")][0].advice')" = "$3" ]
}

# known GROUP: nothing is left to be read or told.
known()
{
	[ "$(said "$1" 'map(select(.advice == "unknown")) | length')" -eq 0 ]
}

# goes_on LABEL: the stream does, after now; ends it.
goes_on()
{
	local now
	now=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log "$1")" "$now"
	stream_end "$1"
}

@test "unused rules go, wide ones get narrower, and the document is applied without cutting what was seen" {
	pair
	ctl sg authorize "$P-b" ingress tcp 1-65535 --cidr 10.50.0.0/16 --description wide --tag k=v >/dev/null
	ctl sg authorize "$P-b" ingress tcp 8080 --cidr 0.0.0.0/0 --description unused >/dev/null
	ctl sg authorize "$P-b" ingress icmp all --cidr 10.50.0.0/16 >/dev/null
	ctl sg authorize "$P-b" ingress udp 53 --sg "$P-a" --description exact >/dev/null
	serve "$P-b" --tcp 443 --tcp 8443 --udp 53
	can "$P-a" tcp "$B" 443
	can "$P-a" udp "$B" 53
	pings "$P-a" "$B"
	stream "$P-a" open tcp-echo "$B" 8443
	wait_for 30 known "$P-b"
	[ "$(said "$P-b" 'map("\(.description) \(.advice)") | sort | join(",")')" = " narrow,exact keep,unused remove,wide narrow" ]
	[ "$(said "$P-b" '.[] | select(.description == "wide").narrower | map("\(.protocol) \(.from_port)-\(.to_port) \(.cidr)") | sort | join(",")')" = \
		"tcp 443-443 $A/32,tcp 8443-8443 $A/32" ]
	[ "$(said "$P-b" '.[] | select(.protocol == "icmp").narrower[0] | "\(.from_port)/\(.to_port) \(.cidr)"')" = "8/0 $A/32" ]

	cd "$BATS_TEST_TMPDIR" || return
	ctl sg advise "$P-b" >narrow.yaml
	grep -q '^# remove .*ingress tcp 8080 0.0.0.0/0: was not used since 20[0-9T:-]*Z$' narrow.yaml
	grep -q "^# *to ingress tcp 443 $A/32\$" narrow.yaml
	run -0 ctl apply -f narrow.yaml --dry-run
	[[ $output == *"0 to create, 1 to change, 0 to delete"* && $output != *"would be cut"* ]]
	run -0 ctl apply -f narrow.yaml
	[[ $output != *"flow was cut"* ]]
	goes_on open
	can "$P-a" tcp "$B" 443
	can "$P-a" udp "$B" 53
	pings "$P-a" "$B"
	cannot "$P-a" tcp "$B" 22
	[ "$(ctl sg show "$P-b" -o json | jq '[.rules[] | select(.description == "wide" and .tags.k == "v")] | length')" -eq 2 ]
	verify_clean
}

@test "since: what was used before isn't asked for, and a rule that nobody watched for so long stays" {
	pair
	ctl sg authorize "$P-b" ingress tcp 7000 --cidr 0.0.0.0/0 >/dev/null
	serve "$P-b" --tcp 7000
	can "$P-a" tcp "$B" 7000
	wait_for 30 known "$P-b"
	[ "$(said "$P-b" '.[0].advice')" = narrow ]
	sleep 2
	since=$(date -u +%FT%TZ)
	wait_for 30 said_since "$P-b" "$since" remove
	# a connection that goes on is used, also if it was opened before
	stream "$P-a" open tcp-echo "$B" 7000
	sleep 2
	since=$(date -u +%FT%TZ)
	wait_for 30 said_since "$P-b" "$since" narrow
	stream_end open
	run -2 --separate-stderr ctl sg advise "$P-b" --since tomorrow
	[[ $stderr == *"must be a date"*"or an age"* ]]
	refused InvalidParameterValue sg advise "$P-b" --since 2199-01-01
	refused InvalidGroup.NotFound sg advise no-such-group
}

@test "where flows aren't watched nothing is narrowed, and it says what to do" {
	serve y --tcp 7000
	can x tcp "$(ip_of y)" 7000
	run -0 ctl sg advise open --vpc lab
	[[ $output == *"# unknown"*"ingress all all 0.0.0.0/0: what it allows isn't watched: vpcctl vpc set VPC --count-flows on"* ]]
	ctl sg advise open --vpc lab >"$BATS_TEST_TMPDIR/same.yaml"
	run -0 ctl apply -f "$BATS_TEST_TMPDIR/same.yaml" --dry-run
	[[ $output != *"tcp 7000"* ]]
	# the rule of all IPv6 was not used, and that is known everywhere
	[ "$(ctl sg advise open --vpc lab -o json | jq -r '.rules[] | select(.cidr == "::/0").advice')" = remove ]
}

# said_of GROUP DESCRIPTION [--since T]: what is said of the ingress rule.
said_of()
{
	local group=$1 description=$2
	shift 2
	ctl sg advise "$group" "$@" -o json |
		jq -r --arg d "$description" '.rules[] | select(.direction == "ingress" and .description == $d) | "\(.advice): \(.why)"'
}

# watched GROUP: since when vpcd knows when rules are used, and what they allow.
watched()
{
	ctl sg advise "$1" -o json | jq -r '"\(.watched_since) \(.flows_watched_since)"'
}

@test "what rules allowed is known over a restart, also what they allow while vpcd is gone; a kill forgets what was not written" {
	pair
	ctl sg authorize "$P-b" ingress tcp 1-65535 --cidr 0.0.0.0/0 --description wide >/dev/null
	ctl sg authorize "$P-b" ingress udp 1-65535 --cidr 0.0.0.0/0 --description busy >/dev/null
	ctl sg authorize "$P-b" ingress udp 53 --sg "$P-a" --description unused >/dev/null
	serve "$P-b" --tcp 443 --tcp 444 --udp 7000 --udp 7001
	stream "$P-a" open tcp-echo "$B" 443
	can "$P-a" tcp "$B" 444
	can "$P-a" udp "$B" 7000
	wait_for 60 known "$P-b"
	since=$(watched "$P-b")
	before=$(date -u +%FT%TZ)
	sleep 2
	vpcd_stop
	can "$P-a" udp "$B" 7001
	sleep 1.1
	stop=$(date -u +%FT%TZ)
	vpcd_start
	[ "$(watched "$P-b")" = "$since" ]
	wait_for 60 looked "$P-b"
	# both connections, although one had ended and the other one goes on
	[[ $(said_of "$P-b" wide) == "narrow: "* ]]
	[ "$(said "$P-b" '.[] | select(.description == "wide").narrower | map("\(.from_port) \(.cidr)") | sort | join(",")')" = "443 $A/32,444 $A/32" ]
	# the kernel told of it when vpcd was back
	[ "$(said "$P-b" '.[] | select(.description == "busy").narrower | map("\(.from_port) \(.cidr)") | sort | join(",")')" = "7000 $A/32,7001 $A/32" ]
	[[ $(said_of "$P-b" unused) == "remove: was not used since "* ]]
	[[ $(said_of "$P-b" unused --since "$before") == "remove: was not used since $before" ]]
	# its connection may have been open while vpcd was gone; flows that go on must have been looked at since
	wait_for 60 open_meanwhile "$P-b" busy --since "$stop"
	# what a kill leaves is what was written before
	vpcd_restart KILL
	[ "$(watched "$P-b")" = "$since" ]
	wait_for 60 looked "$P-b"
	[ "$(said "$P-b" '.[] | select(.description == "wide").narrower | map("\(.from_port) \(.cidr)") | sort | join(",")')" = "443 $A/32,444 $A/32" ]
	ctl sg advise "$P-b" | ctl apply -f - >/dev/null
	goes_on open
	verify_clean
}

# open_meanwhile GROUP RULE [ARG…]: a connection that was open when vpcd was stopped may have used the rule.
open_meanwhile()
{
	[[ $(said_of "$@") == "unknown: a connection that was open when vpcd was stopped "* ]]
}

# looked GROUP: after a start all flows have been looked at, and no event is awaited.
looked()
{
	ctl sg advise "$1" -o json | jq -e '[.rules[].why | test("still being|ask again")] | any | not' >/dev/null
}

@test "what isn't there or is damaged is no knowledge: vpcd begins anew, and says since when it knows" {
	pair
	ctl sg authorize "$P-b" ingress tcp 1-65535 --cidr 0.0.0.0/0 >/dev/null
	serve "$P-b" --tcp 443 --tcp 444
	stream "$P-a" open tcp-echo "$B" 443
	can "$P-a" tcp "$B" 444
	before=$(date -u +%FT%TZ)
	wait_for 60 known "$P-b"
	sleep 1
	vpcd_stop
	printf x | dd of="$STATE_DIR/advice" bs=1 seek=100 conv=notrunc status=none
	start=$(date -u +%FT%TZ)
	vpcd_start
	grep -q 'advice can.t be used, and what rules were seen to allow is forgotten: it is damaged' "$VPCD_LOG"
	[[ ! $(watched "$P-b") < "$start" ]]
	# what the rule allowed before isn't known any more
	[ "$(ctl sg advise "$P-b" --since "$before" -o json | jq -r '[.rules[] | select(.direction == "ingress")][0].advice')" = unknown ]
	# connections that go on are seen again
	wait_for 60 known "$P-b"
	[ "$(said "$P-b" '.[0].narrower | map("\(.from_port) \(.cidr)") | join(",")')" = "443 $A/32" ]
	goes_on open
	verify_clean
}

# What vpcd itself holds. The kernel's maps of flows, which it reads as memory, are there from the beginning.
memory_kib()
{
	awk '/^RssAnon/ { print $2 }' "/proc/$(vpcd_pid)/status"
}

# scan NAME ADDRESS…: a UDP datagram to each port of each address.
scan()
{
	in_ns "$1" python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for host in sys.argv[1:]:
    for port in range(1, 65536):
        try:
            s.sendto(b"x", (host, port))
        except OSError:
            pass' "${@:2}"
}

# retried NAME HOST: a connection that nobody answers, so that its SYN is sent again.
retried()
{
	in_ns "$1" timeout 4 python3 -c "import socket; socket.create_connection(('$2', 7001))" || true
}

@test "a tenant that scans all ports: bounded memory, another group's rules are judged as before, its own aren't narrowed to half" {
	local before after
	pair
	for name in s t; do
		ctl sg create "$P-$name" --vpc prod >/dev/null
		workload_add "$P-$name" prod-app --sg "$P-$name"
	done
	ctl sg authorize "$P-t" ingress udp 1-65535 --cidr 10.50.0.0/16 >/dev/null
	ctl sg authorize "$P-b" ingress tcp 1-65535 --cidr 10.50.0.0/16 >/dev/null
	serve "$P-b" --tcp 443
	can "$P-a" tcp "$B" 443
	# b drops what comes to 7001, which its groups allow
	in_ns "$P-b" nft 'table ip t { chain c { type filter hook input priority 0; tcp dport 7001 drop; }; }'
	scan "$P-s" "$(ip_of "$P-t")" "$B"
	retried "$P-a" "$B"
	before=$(memory_kib)
	scan "$P-s" "$(ip_of "$P-t")" "$B" "$(ip_of "$P-t")"
	after=$(memory_kib)
	[ $((after - before)) -lt 4096 ]
	wait_for 30 known "$P-b"
	[ "$(said "$P-b" '.[0].narrower | map("\(.from_port) \(.cidr)") | sort | join(",")')" = "443 $A/32,7001 $A/32" ]
	# Events of so many flows are not all told. What the scan has used isn't taken away.
	[ "$(said "$P-t" '.[0].advice')" != narrow ] ||
		[ "$(said "$P-t" '.[0].narrower | map(.to_port - .from_port + 1) | add')" -ge 60000 ]
	[ "$(said "$P-t" '.[0].narrower | length')" -le 16 ]
	verify_clean
}
