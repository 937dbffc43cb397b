#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2317 # part_end is called at the end of the shell
# D. Scale of one host: 1,000 ENIs in 100 subnets of 10 VPCs with 50,000 rules, built, restarted, weighed; and the reference
# bridge CNI plugin attaching and detaching.
set -euo pipefail
# shellcheck source=tests/bench/lib.bash
source "$(dirname "$0")/lib.bash"

ENIS=${ENIS:-1000}
RULES=${RULES:-50000}
CNI_BIN=${CNI_BIN:-/usr/lib/cni}
CNI_ROUNDS=${CNI_ROUNDS:-10}
CNI_TOGETHER=20

part_end()
{
	namespaces_remove "$INSTANCE-cni"
}

say()
{
	local IFS=,
	printf '%s\n' "$*" >>"$BATS_FILE_TMPDIR/scale.csv"
}

build()
{
	local i names=()
	for i in 0 1 2 3 4 5 6 7 8 9; do
		names+=("$(netns_of "w$i")")
		[ -e "/run/netns/${names[i]}" ] || netns_add "w$i"
	done
	python3 "$BENCH/scale_build.py" "$1" --socket "$VPCD_SOCKET" --enis "$ENIS" --rules "$RULES" --namespaces "${names[@]}" \
		>>"$BATS_FILE_TMPDIR/scale.csv"
}

rss_kib()
{
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$(vpcd_pid)/status"
}

# Bytes of the instance's maps, as the kernel counts them.
maps_bytes()
{
	ctl -o json status | jq '[.maps[].bytes] | add'
}

# Whether what was deleted is gone.
nothing_pending()
{
	ctl -o json status | jq -e '.pending | length == 0'
}

restart()
{
	local before after
	vpcd_stop
	before=$(now_ns)
	vpcd_start
	after=$(now_ns)
	say restart "$ENIS" "$(awk -v ns=$((after - before)) 'BEGIN { printf "%.3f", ns / 1e9 }')"
	verify_clean
}

# Both plugins from one program, in a namespace that stands for the host: it changes nothing for vpc-cni, whose work is vpcd's.
cni_plugins()
{
	local i
	printf '{"cniVersion": "0.4.0", "name": "%s", "type": "bridge", "bridge": "cni0", "isGateway": true,
		"ipam": {"type": "host-local", "dataDir": "%s", "ranges": [[{"subnet": "10.97.0.0/16"}]]}}' \
		"$INSTANCE" "$BATS_FILE_TMPDIR/cni" >"$BATS_FILE_TMPDIR/bridge.json"
	printf '{"cniVersion": "0.4.0", "name": "%s", "type": "vpc-cni", "vpc": "cni", "subnet": "cni", "socket": "%s"}' \
		"$INSTANCE" "$VPCD_SOCKET" >"$BATS_FILE_TMPDIR/vpc.json"
	ip netns add "$INSTANCE-cni-host"
	for ((i = 0; i < CNI_TOGETHER; i++)); do
		ip netns add "$INSTANCE-cni-$i"
	done
	ctl vpc create cni --cidr 10.96.0.0/16 >/dev/null
	ctl subnet create cni --vpc cni --cidr 10.96.0.0/20 >/dev/null
	# All of it before what else runs on the machine. -r: a thread that waits for rtnl without sleeping lets its holder run.
	chrt -a -r -p 1 "$(vpcd_pid)" >/dev/null
	nsenter --net="/run/netns/$INSTANCE-cni-host" chrt -r 1 python3 "$BENCH/cni_rounds.py" "$CNI_ROUNDS" "$CNI_TOGETHER" "$INSTANCE-cni-" \
		"bridge=$CNI_BIN/bridge,$BATS_FILE_TMPDIR/bridge.json,sleep 0.2" \
		"vpc=$BUILD/vpc-cni,$BATS_FILE_TMPDIR/vpc.json,until $VPCCTL -o json status | jq -e '.pending | length == 0'; do sleep 0.05; done; sleep 0.2" \
		>>"$BATS_FILE_TMPDIR/scale.csv"
	chrt -a -o -p 0 "$(vpcd_pid)" >/dev/null
	namespaces_remove "$INSTANCE-cni"
	ctl subnet delete cni --vpc cni >/dev/null
	ctl vpc delete cni >/dev/null
	wait_for 60 nothing_pending
}

main()
{
	local empty_rss
	bench_begin scale
	vpcd_start
	empty_rss=$(rss_kib)
	cni_plugins
	build one-by-one
	say memory_daemon_empty_kib 1 "$empty_rss"
	say memory_daemon_kib 1 "$(rss_kib)"
	say memory_maps_bytes 1 "$(maps_bytes)"
	restart
	build detach
	wait_for 60 nothing_pending
	vpcd_purge >&2 || fail "the first instance could not be purged"
	instance_use "$(printf 'b%x-scale2' "$$")"
	vpcd_start
	build transaction || say "build in one transaction" "$ENIS" nan
	if vpcd_running; then
		verify_clean
	fi
	"$BENCH/report" scale --rules "$RULES" --raw "$BATS_FILE_TMPDIR" --results "$RESULTS"
}

main
