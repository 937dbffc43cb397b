#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# E. Flows under attack: long TCP connections, and a SYN flood from another ENI towards the same server, first to a port that a
# rule allows, then to one that none does. Then two tenants: one fills the map of established flows with crafted handshakes, and
# scans; what becomes of the other's connections, and of those of a quiet ENI of its own?
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

CONNECTIONS=${CONNECTIONS:-1000}
SECONDS_EACH=${SECONDS_EACH:-30}
ALLOWED_PORT=7001
DENIED_PORT=7002

world_up()
{
	local name
	ctl vpc create bench --cidr 10.98.0.0/16
	ctl subnet create bench --vpc bench --cidr 10.98.1.0/24
	ctl sg create server --vpc bench
	ctl sg authorize server ingress tcp 7000 --cidr 10.98.1.10/32
	ctl sg authorize server ingress tcp "$ALLOWED_PORT" --cidr 10.98.1.0/24
	for name in client=10 server=20 attacker=30; do
		netns_add "${name%=*}"
		ctl attach "${name%=*}" --subnet bench --netns "$(netns_of "${name%=*}")" --ip "10.98.1.${name#*=}" \
			--sg "$([ "${name%=*}" = server ] && echo server || echo default)" --ifname eth0
	done
}

established()
{
	ctl -o json status | jq '.maps.flow.used'
}

# Sum of all ENIs' drops, as "reason count" lines.
drops()
{
	local name
	for name in client server attacker; do
		ctl -o json eni show "$name" | jq -r '.counters.drops | to_entries[] | "\(.key) \(.value)"'
	done | awk '{ n[$1] += $2 } END { for (r in n) print r, n[r] }'
}

# measure LABEL PORT SECONDS: floods (0: only talks), and says what it did to the flows and the counters.
measure()
{
	local pid used_before used_during used_most=0 used_least=999999999 drops_before=$BATS_FILE_TMPDIR/drops
	used_before=$(established)
	drops >"$drops_before"
	realtime "$BIN/flood" "$1" "$(netns_of client)" "$(netns_of server)" 10.98.1.20 "$(netns_of attacker)" "$2" "$3" \
		"$CONNECTIONS" >>"$BATS_FILE_TMPDIR/flood.csv" &
	pid=$!
	sleep 3 # the connections are there
	while kill -0 "$pid" 2>/dev/null; do
		used_during=$(established)
		kill -0 "$pid" 2>/dev/null || break
		used_most=$((used_during > used_most ? used_during : used_most))
		used_least=$((used_during < used_least ? used_during : used_least))
		sleep 1
	done
	wait "$pid"
	printf '%s,established_before,%s\n%s,established_least,%s\n%s,established_most,%s\n' "$1" "$used_before" "$1" "$used_least" \
		"$1" "$used_most" >>"$BATS_FILE_TMPDIR/flood.csv"
	drops | awk -v label="$1" -v before="$drops_before" 'BEGIN { while ((getline line < before) > 0) { split(line, p); was[p[1]] = p[2] } }
		$2 > was[$1] { print label ",drop " $1 "," $2 - was[$1] }' >>"$BATS_FILE_TMPDIR/flood.csv"
}

# The other tenant, and what the quiet ENI of the first one needs.
tenants_up()
{
	local name
	for name in evil=10.66 good=10.67; do
		ctl vpc create "${name%=*}" --cidr "${name#*=}.0.0/16"
		ctl subnet create "${name%=*}" --vpc "${name%=*}" --cidr "${name#*=}.1.0/24"
		ctl sg create "${name%=*}-open" --vpc "${name%=*}"
		ctl sg authorize "${name%=*}-open" ingress all --cidr "${name#*=}.0.0/16"
		ctl sg create "${name%=*}-closed" --vpc "${name%=*}"
		workload_add "${name%=*}-client" "${name%=*}" --sg "${name%=*}-closed"
		workload_add "${name%=*}-server" "${name%=*}" --sg "${name%=*}-open"
		nsenter --net="/run/netns/$(netns_of "${name%=*}-server")" "$TOOLS/serve" --ready "$BATS_FILE_TMPDIR/ready-$name" --tcp 7000 &
		echo $! >>"$BATS_FILE_TMPDIR/background"
		nsenter --net="/run/netns/$(netns_of "${name%=*}-server")" "$TOOLS/bystander" answer 7001 \
			--ready "$BATS_FILE_TMPDIR/ready-udp-$name" &
		echo $! >>"$BATS_FILE_TMPDIR/background"
		wait_for 10 test -e "$BATS_FILE_TMPDIR/ready-$name"
		wait_for 10 test -e "$BATS_FILE_TMPDIR/ready-udp-$name"
	done
	for name in a1 a2 a3 a4; do
		workload_add "$name" evil --sg evil-open
		in_ns "$name" ip address flush dev eth0 # its kernel answers nothing
	done
}

end_of()
{
	printf '%s,%s,%s' "$(netns_of "$1")" "$(eni_field "$1" mac)" "$(ip_of "$1")"
}

# bystanders LABEL: how many of 50 connections, and of 50 answers that take 10 s, work; of each tenant.
bystanders()
{
	local name answered=()
	for name in evil good; do
		in_ns "$name-client" "$TOOLS/bystander" ask "$(ip_of "$name-server")" 7001 --count 50 --after 10 \
			>"$BATS_FILE_TMPDIR/answered-$name" &
		answered+=($!)
	done
	for name in evil good; do
		printf '%s,%s_connected,%s\n' "$1" "$name" \
			"$(in_ns "$name-client" "$TOOLS/bystander" connect "$(ip_of "$name-server")" 7000 --count 50)" \
			>>"$BATS_FILE_TMPDIR/shares.csv"
	done
	wait "${answered[@]}"
	for name in evil good; do
		printf '%s,%s_answered,%s\n' "$1" "$name" "$(cat "$BATS_FILE_TMPDIR/answered-$name")" >>"$BATS_FILE_TMPDIR/shares.csv"
	done
}

# Everything that four ENIs can open in a number of seconds, then a scan by two of them.
measure_shares()
{
	local ends pair pids=() evil size per=${FILL_EACH:-300000}
	mapfile -t ends < <(for name in a1 a2 a3 a4; do end_of "$name"; echo; done)
	evil=$(ctl -o id vpc show evil)
	size=$(ctl -o json status | jq .maps.flow.size)
	bystanders alone
	for pair in "0 1" "1 0" "2 3" "3 2"; do
		"$TOOLS/overrun" handshakes "${ends[${pair% *}]}" "${ends[${pair#* }]}" --count "$per" >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	printf 'filled,size,%s\nfilled,taken,%s\n' "$size" "$(ctl -o json status | jq ".flow_shares[\"$evil\"].established")" \
		>>"$BATS_FILE_TMPDIR/shares.csv"
	bystanders filled
	pids=()
	for pair in "0 1" "2 3"; do
		"$TOOLS/overrun" scan "${ends[${pair% *}]}" "${ends[${pair#* }]}" --seconds 20 >"$BATS_FILE_TMPDIR/scanned-${pair% *}" &
		pids+=($!)
	done
	bystanders scanned
	wait "${pids[@]}"
	printf 'scanned,rate,%s\n' "$(cat "$BATS_FILE_TMPDIR"/scanned-? | awk '{ n += $1 } END { print int(n / 20) }')" \
		>>"$BATS_FILE_TMPDIR/shares.csv"
}

main()
{
	bench_begin flood
	vpcd_start
	world_up >/dev/null
	measure quiet "$ALLOWED_PORT" 0
	measure allowed "$ALLOWED_PORT" "$SECONDS_EACH"
	measure denied "$DENIED_PORT" "$SECONDS_EACH"
	tenants_up >/dev/null
	measure_shares
	background_end
	"$BENCH/report" flood --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
