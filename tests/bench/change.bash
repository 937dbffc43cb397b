#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# C. How long a rule change takes, end to end: by the rules of the group, the ENIs that carry it, the changes in one request,
# idle and with all CPUs forwarding; beside it a change of an nftables set and of an iptables list, and the same change by the
# programs of other products.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

ROUNDS=${ROUNDS:-60}
DEFAULT_RULES=10000
PRODUCT_ROUNDS=${PRODUCT_ROUNDS:-10}
PRODUCT_RULES=10
PRODUCTS_FAILED=
ABI=$(sed -n 's/^#define VPC_ABI_VERSION \([0-9]*\).*/\1/p' "$TOP/include/vpc/abi/abi.h")

part_end()
{
	for peer in nft-set iptables-list; do
		"$BENCH/peers/$peer" down "$INSTANCE-$peer"
	done
}

ctl_quiet()
{
	ctl "$@" >/dev/null
}

# rules GROUP FROM TO: ingress rules of other addresses, in one request.
rules()
{
	seq "$2" "$3" | jq -n '{rules: [inputs | {direction: "ingress", protocol: "tcp", from_port: (1024 + . % 60000),
		to_port: (1024 + . % 60000), cidr: "10.\(100 + (. / 62500 | floor)).\(. / 250 % 250 | floor).\(1 + . % 250)/32"}]}' |
		curl -sS --fail-with-body --unix-socket "$VPCD_SOCKET" -H 'Content-Type: application/json' --data-binary @- \
			-o /dev/null "http://vpcd/v1/security-groups/$1/rules"
}

# group NAME RULES: a group with so many, in requests that fit the 8 MiB that vpcd takes.
group()
{
	local from
	ctl_quiet sg create "$1" --vpc bench
	for ((from = 1; from <= $2; from += 20000)); do
		rules "$1" "$from" $((from + 19999 < $2 ? from + 19999 : $2))
	done
}

# members FROM TO: ENIs that carry the group `many`, attached to nothing.
members()
{
	seq "$1" "$2" | jq -n '{changes: [inputs | {op: "eni.create", name: "m\(.)", subnet_id: "crowd",
		security_groups: ["many"]}]}' |
		curl -sS --fail-with-body --unix-socket "$VPCD_SOCKET" -H 'Content-Type: application/json' --data-binary @- \
			-o /dev/null http://vpcd/v1/transactions
}

workload_add_here()
{
	netns_add "$1"
	ctl_quiet attach "$1" --subnet bench --netns "$(netns_of "$1")" --ip "$2" --sg "$3" --ifname eth0
}

# daemon_class CPUS SCHEDULING…: of every thread of vpcd.
daemon_class()
{
	taskset -a -p -c "$1" "$(vpcd_pid)" >/dev/null
	chrt -a -p "${@:2}" "$(vpcd_pid)" >/dev/null
}

# measure LABEL GROUP CHANGES [COMMAND…]: one line of figures each in changes.csv.
measure()
{
	local label=$1 group=$2 changes=$3
	shift 3
	ctl_quiet eni set server --sg "$group"
	"$@" "$BIN/change" "$label" "$VPCD_SOCKET" "$group" "$(netns_of client)" "$(netns_of server)" 10.98.1.20 "$changes" "$ROUNDS" \
		"$STATE_DIR/commit-$label.db" >>"$BATS_FILE_TMPDIR/changes.csv"
}

by_rules()
{
	local rules
	for rules in 10 100 1000 10000 100000; do
		group "rules-$rules" $((rules - 1)) # and the one that changes
		measure "rules-$rules" "rules-$rules" 1 realtime
	done
}

by_members()
{
	local members have=1
	group many "$DEFAULT_RULES"
	for members in 1 10 100 1000; do
		if [ "$members" -gt "$have" ]; then
			members "$have" $((members - 1))
			have=$members
		fi
		measure "enis-$members" many 1 realtime
	done
}

by_changes()
{
	local changes
	for changes in 10 100 1000; do
		ROUNDS=20 measure "changes-$changes" many "$changes" realtime
	done
}

# Beside as many established flows as the map holds, of other ENIs: what a revoke's reply waits for.
by_flows()
{
	local maps=/sys/fs/bpf/vpcd/$INSTANCE/v$ABI/maps number
	for number in 1 2; do
		ctl_quiet eni create "flows$number" --subnet bench
	done
	measure flows-0 many 1 realtime
	"$BIN/fill_flows" "$maps" "$(eni_field flows1 number)" "$(eni_field flows2 number)" 1000000 >"$BATS_FILE_TMPDIR/flows"
	measure "flows-$(cat "$BATS_FILE_TMPDIR/flows")" many 1 realtime
}

# With a connection per CPU sending what it can, through ENIs of the same group.
loaded()
{
	local pid rc=0
	workload_add_here busy 10.98.1.30 many
	workload_add_here idle 10.98.1.40 many
	ctl_quiet sg authorize many ingress tcp 7000 --cidr 10.98.1.30/32
	ctl_quiet sg authorize many ingress udp 7000 --cidr 10.98.1.30/32
	"$BIN/forwarding" --load --measure stream --rounds 100000 "busy=$(netns_of busy),$(netns_of idle),10.98.1.40" >/dev/null &
	pid=$!
	sleep 0.5
	daemon_class 0,1 -o 0
	measure loaded many 1 env || rc=$?
	kill "$pid" || fail "what was to load the CPUs ended early"
	wait "$pid" 2>/dev/null || true
	return "$rc"
}

others()
{
	"$BENCH/peers/nft-set" up "$INSTANCE-nft-set" "$DEFAULT_RULES" >/dev/null
	"$BENCH/peers/iptables-list" up "$INSTANCE-iptables-list" "$DEFAULT_RULES" >/dev/null
	realtime "$BIN/change_peers" nft "$INSTANCE-nft-set-mid" 10.98.0.1 7000 "$ROUNDS" >>"$BATS_FILE_TMPDIR/changes.csv"
	realtime "$BIN/change_peers" iptables "$INSTANCE-iptables-list-mid" 10.98.0.1 7000 20 >>"$BATS_FILE_TMPDIR/changes.csv"
}

# Ours as others are measured: by the program that a user runs.
product_vpcd()
{
	local words=(product ingress udp)
	group product "$PRODUCT_RULES"
	ctl_quiet eni set server --sg product
	chrt -r 1 "$BIN/change_products" vpcd "$(netns_of client)" "$(netns_of server)" 10.98.1.20 "$PRODUCT_ROUNDS" \
		-- "$VPCCTL" sg authorize "${words[@]}" 7000 --cidr 10.98.1.10/32 \
		-- "$VPCCTL" sg revoke "${words[@]}" 7000 --cidr 10.98.1.10/32 \
		-- "$VPCCTL" sg authorize "${words[@]}" 7000 --cidr 10.97.0.1/32 \
		-- "$VPCCTL" sg revoke "${words[@]}" 7000 --cidr 10.97.0.1/32
}

# One that isn't there is told, with the reason, and has no figures. One that fails is told too, and changes the part's status.
# All are in real time, round robin, with all that they run.
products()
{
	local product status reason=$BATS_FILE_TMPDIR/reason
	daemon_class 0,1 -r 1
	product_vpcd >"$BATS_FILE_TMPDIR/products.csv"
	for product in ovn nwfilter firewalld; do
		status=0
		chrt -r 1 "$BENCH/peers/product-$product" "$BIN/change_products" "$PRODUCT_ROUNDS" "$PRODUCT_RULES" >"$BATS_FILE_TMPDIR/product" \
			2>"$reason" || status=$?
		if [ "$status" -eq 0 ]; then
			cat "$BATS_FILE_TMPDIR/product" >>"$BATS_FILE_TMPDIR/products.csv"
		elif [ "$status" -eq 77 ]; then
			printf 'skipped: %s\n' "$(tail -n 1 "$reason")"
		else
			printf 'failed: %s\n' "$product" >&2
			tail -n 20 "$reason" >&2
			PRODUCTS_FAILED=1
		fi
	done
}

main()
{
	bench_begin change
	vpcd_start
	# The same as the programs that measure it: on an idle machine it changes nothing, on a shared one it is the figure. And
	# not on the prober's CPU: it would send nothing while vpcd runs, and note the end of that in place of the change.
	# -r: threads of vpcd that wait for the kernel's rtnl lock may do so without sleeping, and mustn't keep its holder from running.
	daemon_class 0 -r 1
	ctl_quiet vpc create bench --cidr 10.98.0.0/16
	ctl_quiet subnet create bench --vpc bench --cidr 10.98.1.0/24
	ctl_quiet subnet create crowd --vpc bench --cidr 10.98.16.0/20
	workload_add_here client 10.98.1.10 default
	workload_add_here server 10.98.1.20 default
	products
	daemon_class 0 -r 1
	by_rules
	by_members
	by_changes
	loaded
	by_flows
	others
	"$BENCH/report" change --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
	[ -z "$PRODUCTS_FAILED" ]
}

main
