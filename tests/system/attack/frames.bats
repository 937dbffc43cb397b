#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Forged frames of every kind that we could think of, from the namespace of one ENI: nothing of them arrives anywhere, the
# router and the bridge learn nothing, and each one is counted as a drop (P1, P5, P7, P9). Beside each kind something honest
# that does arrive. With the fast path and without.

bats_require_minimum_version 1.5.0
load ../lib

setup_file()
{
	vpcd_start
	world prod
	# First: a start of vpcd looks after the last ones' own ends, and a's is to stay as the test leaves it.
	workload_add a prod-app
	# Another VPC with the same addresses.
	ctl vpc create other --cidr 10.50.0.0/16 --cidr6 fd50::/56 >/dev/null
	ctl subnet create other-app --vpc other --cidr 10.50.1.0/24 --cidr6 fd50::/64 >/dev/null
	ctl sg create open --vpc prod >/dev/null
	ctl sg authorize open ingress udp 7000 --cidr 0.0.0.0/0 --cidr ::/0 >/dev/null
	ctl sg create other-open --vpc other >/dev/null
	ctl sg authorize other-open ingress all --cidr 0.0.0.0/0 --cidr ::/0 >/dev/null
	workload_add b prod-app --sg open
	workload_add c prod-db --sg open
	workload_add spare other-app
	workload_add x other-app --sg other-open
	ctl eni create u --subnet prod-app --sg open >/dev/null
	ctl eni create v --subnet prod-app --sg open --no-source-dest-check >/dev/null
	in_ns a ping -n -q -c 1 -W 1 10.50.1.1 >/dev/null
	in_ns a ip -j neigh show 10.50.1.1 | jq -r '.[0].lladdr' >"$BATS_FILE_TMPDIR/gateway"
	world_write >"$BATS_FILE_TMPDIR/world"
}

vpc_netns()
{
	printf '/run/netns/%s-%s' "$INSTANCE" "$(ctl -o id vpc show prod)"
}

world_write()
{
	local name
	{
		printf '{"api":"%s","gateway4":"10.50.1.1","gateway_mac":"%s","nobody_mac":"02:11:22:33:44:55"}\n' \
			"$VPCD_SOCKET" "$(cat "$BATS_FILE_TMPDIR/gateway")"
		for name in a b c x u v; do
			ctl -o json eni show "$name" |
				jq --arg name "$name" --arg netns "/run/netns/$(netns_of "$name")" '{($name): {eni: .id, mac, ip, ip6, netns: $netns}}'
		done
	} | jq -s add
}

# learnt: what router and bridges of the VPC, and the host, know of neighbours.
learnt()
{
	nsenter --net="$(vpc_netns)" sh -c 'ip neigh show nud all; bridge fdb show; ip route show table all; ip -6 route show table all' |
		grep -v -e ' nud noarp' -e NOARP | sort
	ip neigh show
}

# quiet: a's kernel has nothing to say: all that leaves it is the attacker's.
quiet()
{
	in_ns a sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	in_ns a ip address flush dev eth0
	sleep 0.3
}

all_kinds()
{
	local before text status=0
	quiet
	before=$(learnt)
	text=$("$TOOLS/forgeries" "$BATS_FILE_TMPDIR/world") || status=$?
	[ "$status" -eq 0 ] || fail "$text"
	[ "$(tail -n 1 <<<"$text")" -gt 1000 ] || fail "only $text frames"
	[ "$(learnt)" = "$before" ] || fail "learnt: $(diff <(printf '%s\n' "$before") <(learnt))"
	verify_clean
}

@test "P1, P5, P7, P9: nothing forged arrives or is learnt, and everything is counted" {
	all_kinds
}

@test "nor without the fast path" {
	vpcd_stop
	printf '[Datapath]\nfast-path=no\n' >>"$CONFIG"
	vpcd_start
	[ "$(ctl -o json status | jq .fast_path)" = false ]
	all_kinds
}
