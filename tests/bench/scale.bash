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
CNI_ROUNDS=40

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

# cni ADD|DEL CONTAINER: one run of the plugin, in a namespace that stands for the host.
cni()
{
	nsenter --net="/run/netns/$INSTANCE-cni-host" env CNI_COMMAND="$1" CNI_CONTAINERID="c$2" CNI_IFNAME=eth0 \
		CNI_NETNS="/run/netns/$INSTANCE-cni-$2" CNI_PATH="$CNI_BIN" "$CNI_BIN/bridge" >/dev/null <<-CONFIG
			{"cniVersion": "0.4.0", "name": "$INSTANCE", "type": "bridge", "bridge": "cni0", "isGateway": true,
			 "ipam": {"type": "host-local", "dataDir": "$BATS_FILE_TMPDIR/cni", "ranges": [[{"subnet": "10.97.0.0/16"}]]}}
		CONFIG
}

cni_all()
{
	local i before
	for ((i = 0; i < CNI_ROUNDS; i++)); do
		before=$(now_ns)
		cni "$1" "$i"
		printf '%s\n' $(($(now_ns) - before))
	done | sort -n | awk -v what="cni $1" '{ v[NR] = $1 / 1e6 } END { printf "%s,%d,%.3f,%.3f\n", what, NR, v[int(NR / 2) + 1], v[int(NR * 0.99)] }' \
		>>"$BATS_FILE_TMPDIR/scale.csv"
}

cni_plugin()
{
	local i
	ip netns add "$INSTANCE-cni-host"
	for ((i = 0; i < CNI_ROUNDS; i++)); do
		ip netns add "$INSTANCE-cni-$i"
	done
	cni_all ADD
	cni_all DEL
}

main()
{
	local empty_rss
	bench_begin scale
	cni_plugin
	vpcd_start
	empty_rss=$(rss_kib)
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
