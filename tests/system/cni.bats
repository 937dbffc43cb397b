#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpc-cni with those who call it: podman, systemd-nspawn, reference plugins chained after it, mount namespaces of runtimes,
# many at once.

bats_require_minimum_version 1.5.0
load lib
load lib_cni
load lib_rootfs

setup_file()
{
	vpcd_start
	world prod
	podman_prepare
}

teardown_file()
{
	if vpcd_running; then
		podman_end
	fi
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P-sg" --vpc prod >/dev/null
	ID=$P-container
}

# --- podman ------------------------------------------------------------------------------------------------------------

# Networks "front" and "back": each a group of its own.
podman_prepare()
{
	local name
	ROOM=$BATS_FILE_TMPDIR/podman
	mkdir -p "$ROOM"/{net.d,root,run,tmp,bin}
	rootfs_make "$ROOM/rootfs"
	ln -s "$VPC_CNI" "$ROOM/bin/vpc-cni"
	for name in front back; do
		ctl sg create "$name" --vpc prod >/dev/null
		jq -n --arg n "$name" --arg s "$VPCD_SOCKET" '{cniVersion: "1.0.0", name: $n, plugins: [
			{type: "vpc-cni", subnet: "prod-app", securityGroups: [$n], socket: $s}]}' >"$ROOM/net.d/$name.conflist"
	done
	jq -n --arg s "$VPCD_SOCKET" '{cniVersion: "1.0.0", name: "mapped", plugins: [
		{type: "vpc-cni", subnet: "prod-app", socket: $s, capabilities: {portMappings: true}}]}' >"$ROOM/net.d/mapped.conflist"
	printf '[network]\nnetwork_backend="cni"\ncni_plugin_dirs=["%s", "%s"]\nnetwork_config_dir="%s"\n[engine]\n%s\n' \
		"$ROOM/bin" "$REFERENCE" "$ROOM/net.d" \
		$'cgroup_manager="cgroupfs"\nevents_logger="file"\nruntime="crun"' >"$ROOM/containers.conf"
	# One mount namespace for all calls, as podman keeps its containers' namespaces mounted in it. Not vpcd's: crun can't do
	# with a hybrid tree of cgroups.
	unshare -m sleep 600 3>&- &
	echo $! >"$ROOM/pid"
	sleep 0.2
	if mountpoint -q /sys/fs/cgroup/unified; then
		nsenter --mount="/proc/$(cat "$ROOM/pid")/ns/mnt" umount /sys/fs/cgroup/unified
	fi
}

podman_there()
{
	command -v podman >/dev/null || skip "podman isn't installed"
}

pod()
{
	ROOM=$BATS_FILE_TMPDIR/podman
	CONTAINERS_CONF=$ROOM/containers.conf nsenter --mount="/proc/$(cat "$ROOM/pid")/ns/mnt" \
		podman --root "$ROOM/root" --runroot "$ROOM/run" --tmpdir "$ROOM/tmp" --storage-driver vfs "$@" 3>&-
}

# pod_run NAME NETWORK [OPTION…] COMMAND is last: sleep.
pod_run()
{
	local name=$1 network=$2
	shift 2
	pod run -d --name "$name" --network "$network" --ulimit nofile=1024:1024 --ulimit nproc=512:512 "$@" \
		--rootfs "$BATS_FILE_TMPDIR/podman/rootfs" /bin/sleep 500 >/dev/null
}

podman_end()
{
	ROOM=$BATS_FILE_TMPDIR/podman
	pod rm -a -f -t 0 >/dev/null 2>&1 || true
	kill "$(cat "$ROOM/pid")" || true
}

# The ENI of the container with that name.
eni_of_pod()
{
	ctl -o json eni list | jq -r --arg n "$1" '.[] | select(.tags["cni/pod"] == $n) | .name'
}

pod_pings()
{
	pod exec "$1" ping -c 1 -W 1 "$2" >/dev/null
}

pod_pings_not()
{
	if pod_pings "$1" "$2"; then
		fail "$1 pings $2"
	fi
}

@test "podman: two containers in two groups, rules changed while they run" {
	podman_there
	local front back ip
	pod_run "$P-front" front
	pod_run "$P-back" back
	front=$(eni_of_pod "$P-front")
	back=$(eni_of_pod "$P-back")
	ip=$(ip_of "$back")
	[ "$(pod inspect "$P-back" | jq -r '.[0].NetworkSettings.Networks.back.IPAddress')" = "$ip" ]
	pod_pings_not "$P-front" "$ip"
	ctl sg authorize back ingress icmp all --sg front
	pod_pings "$P-front" "$ip"
	pod_pings_not "$P-back" "$(ip_of "$front")"
	ctl sg revoke back ingress icmp all --sg front
	pod_pings_not "$P-front" "$ip"
	ctl sg authorize back ingress tcp 8080 --sg front
	pod exec -d "$P-back" /bin/httpd -f -p 8080 -h / >/dev/null
	# from the container's namespace: a static busybox has no getaddrinfo() there
	reached()
	{
		nsenter --net="/proc/$(pod inspect "$P-front" | jq '.[0].State.Pid')/ns/net" \
			curl -s -m 1 -o /dev/null "http://$ip:8080/"
	}
	wait_for 5 reached
	# the group moves, the rule goes with it
	ctl eni set "$front" --sg back
	if reached; then
		fail "reached without the group"
	fi
	# vpcd never saw these namespaces by a path of its own, and needs none
	vpcd_restart
	[ "$(eni_field "$front" attachment.kind)" = netns ]
	ctl eni set "$front" --sg front
	reached
	verify_clean
	pod rm -f -t 0 "$P-front" "$P-back" >/dev/null
	[ "$(enis_of front)$(enis_of back)" = 00 ]
}

@test "podman: what its containers are attached to is shown" {
	podman_there
	local id line
	pod_run "$P-x" front
	id=$(pod inspect "$P-x" | jq -r '.[0].Id')
	line=$(ctl eni list | grep "cni:${id:0:12}:eth0")
	[ "${#line}" -le 100 ]
	line=$(ctl eni show "${id:0:12}" | grep ^attached)
	[[ $line == *"container ${id:0:12} ($P-x) eth0, pid $(pod inspect "$P-x" | jq '.[0].State.Pid') sleep"* ]]
	ctl monitor >"$BATS_TEST_TMPDIR/monitor" 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/background"
	sleep 0.5
	pod_pings_not "$P-x" 10.50.1.250
	wait_for 5 grep "container ${id:0:12} ($P-x), pid [0-9]* sleep" "$BATS_TEST_TMPDIR/monitor"
	pod rm -f -t 0 "$P-x" >/dev/null
}

@test "podman: static address and MAC, a port that cannot be published is refused, what fails leaves nothing" {
	podman_there
	local eni
	pod_run "$P-x" front --ip 10.50.1.200 --mac-address 02:00:00:00:02:00
	eni=$(eni_of_pod "$P-x")
	[ "$(ip_of "$eni") $(eni_field "$eni" mac)" = "10.50.1.200 02:00:00:00:02:00" ]
	run pod_run "$P-y" front --ip 10.50.1.200
	[ "$status" -ne 0 ]
	[[ $output == *InvalidIPAddress.InUse* ]]
	run pod_run "$P-z" mapped -p 8099:80/sctp
	[ "$status" -ne 0 ]
	[[ $output == *portMappings* ]]
	# killed, not stopped: podman's own cleanup calls DEL
	pod rm -f -t 0 -a >/dev/null
	[ "$(enis_of front)$(enis_of mapped)" = 00 ]
}

# --- other runtimes ----------------------------------------------------------------------------------------------------

@test "ip netns: a command in a namespace that vpc-cni has attached" {
	netns_add "$P-a"
	cni ADD "$ID" "$(path_of "$P-a")" "$(config 1.1.0)" >/dev/null
	ip netns exec "$(netns_of "$P-a")" ping -c 1 -W 1 10.50.1.1
	cni_silent DEL "$ID" "$(path_of "$P-a")" "$(config 1.1.0)"
}

@test "systemd-nspawn --network-namespace-path" {
	local rootfs=$BATS_TEST_TMPDIR/rootfs
	command -v systemd-nspawn >/dev/null || skip "systemd-nspawn isn't installed"
	rootfs_make "$rootfs"
	netns_add "$P-a"
	cni ADD "$ID" "$(path_of "$P-a")" "$(config 1.1.0)" >/dev/null
	timeout 30 systemd-nspawn -q -D "$rootfs" --register=no --keep-unit --pipe \
		--network-namespace-path="$(path_of "$P-a")" /bin/ping -c 1 -W 1 10.50.1.1 </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- ||
		true # it ends with an error of its own when /run/systemd isn't a disk file system
	grep -q '1 packets received' "$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	cni_silent DEL "$ID" "$(path_of "$P-a")" "$(config 1.1.0)"
}

# In a namespace of their own, as they write into the ruleset and the sysctls of what they take for the host.
reference()
{
	env -i PATH="$PATH" CNI_COMMAND="$1" CNI_CONTAINERID="$ID" CNI_NETNS="$(path_of "$P-a")" CNI_IFNAME=eth0 \
		CNI_PATH="$REFERENCE" nsenter --net="$(path_of "$P-host")" "$REFERENCE/$2" <<<"$3"
}

@test "reference plugins chained after it take its result, and CHECK holds after them" {
	local result after name more
	[ -x "$REFERENCE/tuning" ] || skip "containernetworking-plugins isn't installed"
	netns_add "$P-a"
	netns_add "$P-host"
	result=$(cni ADD "$ID" "$(path_of "$P-a")" "$(config 1.0.0)")
	for name in tuning portmap firewall sbr; do
		more='{}'
		[ "$name" != tuning ] || more='{"sysctl": {"net.ipv4.conf.eth0.log_martians": "1"}}'
		[ "$name" != firewall ] || more='{"backend": "iptables"}'
		after=$(reference ADD "$name" "$(with_result "$(config 1.0.0 "$more")" "$result")")
		jq -e --argjson r "$result" '.ips == $r.ips and .interfaces == $r.interfaces' <<<"$after"
		result=$after
	done
	[ "$(in_ns "$P-a" cat /proc/sys/net/ipv4/conf/eth0/log_martians)" = 1 ]
	cni_silent CHECK "$ID" "$(path_of "$P-a")" "$(with_result "$(config 1.0.0)" "$result")"
	# bandwidth works on a host's end of a veth, which is in the VPC's namespace: it says so and changes nothing
	after=$(reference ADD bandwidth "$(with_result "$(config 1.0.0 '{"ingressRate": 1000000, "ingressBurst": 1000000}')" \
		"$result")") && fail "bandwidth found a host's end: $after"
	[[ $after == *"not in host ns"* ]]
	for name in sbr firewall portmap tuning; do
		reference DEL "$name" "$(with_result "$(config 1.0.0)" "$result")"
	done
	cni_silent DEL "$ID" "$(path_of "$P-a")" "$(with_result "$(config 1.0.0)" "$result")"
}

# --- containers that go while nobody can be asked ----------------------------------------------------------------------

no_enis()
{
	[ "$(enis_of "$1")" -eq 0 ]
}

@test "an ENI made by a runtime is deleted with its namespace: while vpcd runs, and while it is away" {
	local before
	before=$(ctl -o json subnet show prod-app | jq .available_ips)
	netns_add "$P-a"
	cni ADD "$ID" "$(path_of "$P-a")" "$(config 1.1.0)" >/dev/null
	[ "$(eni_field "$(cni_name "$ID")" delete_on_termination)" = true ]
	ip netns del "$(netns_of "$P-a")"
	wait_for 5 no_enis dbnet
	# one that people made stays, with the reason
	netns_add "$P-b"
	ctl attach "$P-mine" --subnet prod-app --netns "$(netns_of "$P-b")" >/dev/null
	netns_add "$P-c"
	cni ADD "$ID" "$(path_of "$P-c")" "$(config 1.1.0)" >/dev/null
	vpcd_stop KILL
	ip netns del "$(netns_of "$P-b")"
	ip netns del "$(netns_of "$P-c")"
	vpcd_start
	wait_for 5 no_enis dbnet
	eni_gone()
	{
		[ "$(eni_field "$P-mine" attachment)" = null ]
	}
	wait_for 5 eni_gone
	[[ "$(eni_field "$P-mine" detach_reason)" == *"/run/netns/$(netns_of "$P-b") is gone" ]]
	ctl eni delete "$P-mine" >/dev/null
	[ "$(ctl -o json subnet show prod-app | jq .available_ips)" -eq "$before" ]
	verify_clean
}

@test "podman: a container removed while vpcd is away leaves nothing" {
	podman_there
	pod_run "$P-x" front
	vpcd_stop KILL
	pod rm -f -t 0 "$P-x" >/dev/null 2>&1 || true
	vpcd_start
	wait_for 5 no_enis front
	verify_clean
}

@test "ADD takes over what a container of that id left in another namespace" {
	local config
	config=$(config 1.1.0)
	netns_add "$P-a"
	netns_add "$P-b"
	cni ADD "$ID" "$(path_of "$P-a")" "$config" >/dev/null
	cni_fails 101 ADD "$ID" "$(path_of "$P-a")" "$config"
	cni ADD "$ID" "$(path_of "$P-b")" "$config" >/dev/null
	pings "$P-b" 10.50.1.1
	if in_ns "$P-a" ip link show dev eth0 2>/dev/null; then
		fail "the container's former interface is still there"
	fi
	[ "$(enis_of dbnet)" -eq 1 ]
	cni_silent DEL "$ID" "$(path_of "$P-b")" "$config"
}

# --- mount namespaces --------------------------------------------------------------------------------------------------

@test "a namespace that only the runtime's mount namespace has is attached all the same" {
	local dir=$BATS_TEST_TMPDIR
	netns_add "$P-a"
	touch "$dir/hidden"
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'mount --bind "$1" "$2/hidden" && shift 2 && exec "$@"' - "$(path_of "$P-a")" "$dir" \
		env CNI_COMMAND=ADD CNI_CONTAINERID="$ID" CNI_NETNS="$dir/hidden" CNI_IFNAME=eth0 "$VPC_CNI" \
		<<<"$(config 1.1.0)" >/dev/null
	pings "$P-a" 10.50.1.1
	[ "$(eni_field "$(cni_name "$ID")" 'tags["cni/netns"]')" = "$dir/hidden" ]
	vpcd_restart KILL
	pings "$P-a" 10.50.1.1
	cni_silent DEL "$ID" "$dir/hidden" "$(config 1.1.0)"
}

@test "the same path is another namespace for vpcd: the runtime's is the one" {
	netns_add "$P-a"
	netns_add "$P-b"
	# in there, the path of b shows a
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' - "$(path_of "$P-a")" "$(path_of "$P-b")" \
		env CNI_COMMAND=ADD CNI_CONTAINERID="$ID" CNI_NETNS="$(path_of "$P-b")" CNI_IFNAME=eth0 "$VPC_CNI" \
		<<<"$(config 1.1.0)" >/dev/null
	in_ns "$P-a" ip link show dev eth0
	if in_ns "$P-b" ip link show dev eth0; then
		fail "attached to another's namespace"
	fi
	cni_silent DEL "$ID" '' "$(config 1.1.0)"
}

# --- many --------------------------------------------------------------------------------------------------------------

@test "100 ADDs at once, half of them killed midway: addresses are unique, DEL and GC leave nothing" {
	local i n pids=() config valid
	config=$(config 1.1.0)
	for i in {1..100}; do
		ip netns add "$(netns_of "$P-n$i")"
	done
	for i in {1..100}; do
		cni ADD "$P-c$i" "$(path_of "$P-n$i")" "$config" >"$BATS_TEST_TMPDIR/result-$i" 2>/dev/null 3>&- &
		pids[i]=$!
	done
	for i in {1..50}; do
		sleep 0.00$((RANDOM % 9))
		# the plugin itself, where it has got as far as that
		pkill -KILL -P "${pids[i]}" 2>/dev/null || kill -KILL "${pids[i]}" 2>/dev/null || true
	done
	wait
	for i in {51..100}; do
		jq -e '.ips[0].address' "$BATS_TEST_TMPDIR/result-$i" >/dev/null || fail "$i: $(cat "$BATS_TEST_TMPDIR/result-$i")"
	done
	n=$(ctl -o json eni list | jq '[.[].ip] | length')
	[ "$n" -ge 50 ]
	[ "$(ctl -o json eni list | jq '[.[].ip] | unique | length')" -eq "$n" ]
	[ "$(ctl -o json eni list | jq '[.[].ip6] | unique | length')" -eq "$n" ]
	verify_clean
	# a runtime that died: GC with the 25 it still knows; then DEL of those, and of some that GC has taken
	valid=$(for i in {76..100}; do printf '{"containerID": "%s", "ifname": "eth0"}\n' "$P-c$i"; done | jq -sc .)
	cni_silent GC '' '' "$(config 1.1.0 "{\"cni.dev/valid-attachments\": $valid}")"
	[ "$(enis_of dbnet)" -eq 25 ]
	for i in {70..100}; do
		cni_silent DEL "$P-c$i" "$(path_of "$P-n$i")" "$config"
	done
	[ "$(enis_of dbnet)" -eq 0 ]
	verify_clean
}

@test "100 rounds of ADD and DEL leave no address, port or descriptor behind" {
	local config free before
	config=$(config 1.1.0)
	netns_add "$P-a"
	cni ADD "$ID" "$(path_of "$P-a")" "$config" >/dev/null
	cni_silent DEL "$ID" "$(path_of "$P-a")" "$config"
	free=$(ctl -o json subnet show prod-app | jq .available_ips)
	before=$(find "/proc/$(vpcd_pid)/fd" -mindepth 1 | wc -l)
	for _ in {1..100}; do
		cni ADD "$ID" "$(path_of "$P-a")" "$config" >/dev/null
		cni_silent DEL "$ID" "$(path_of "$P-a")" "$config"
	done
	[ "$(ctl -o json subnet show prod-app | jq .available_ips)" -eq "$free" ]
	[ "$(find "/proc/$(vpcd_pid)/fd" -mindepth 1 | wc -l)" -le $((before + 2)) ]
	no_ports()
	{
		[ "$(nsenter --net="/run/netns/$(ctl -o json vpc show prod | jq -r .netns)" ip -o link show type veth | wc -l)" -eq 0 ]
	}
	wait_for 10 no_ports
	verify_clean
}
