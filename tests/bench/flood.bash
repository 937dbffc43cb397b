#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# E. Flows under attack: long TCP connections, and a SYN flood from another ENI towards the same server, first to a port that a
# rule allows, then to one that none does.
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
	ctl -o json status | jq '.tables.flow.used'
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

main()
{
	bench_begin flood
	vpcd_start
	world_up >/dev/null
	measure quiet "$ALLOWED_PORT" 0
	measure allowed "$ALLOWED_PORT" "$SECONDS_EACH"
	measure denied "$DENIED_PORT" "$SECONDS_EACH"
	"$BENCH/report" flood --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
