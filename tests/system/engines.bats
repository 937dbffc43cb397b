#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Container engines that need no plugin: LXC by the hook vpc-lxc or by a link, systemd-nspawn by a link, bubblewrap by its namespace,
# containerd by vpc-cni. Each as its page in cli/engines says.

bats_require_minimum_version 1.5.0
load lib
load lib_docker
load lib_rootfs

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod >/dev/null
	ctl sg create db --vpc prod >/dev/null
	rootfs_make "$BATS_FILE_TMPDIR/rootfs"
	printf '::sysinit:/bin/busybox true\n::respawn:/bin/sleep 1000\n' >"$BATS_FILE_TMPDIR/rootfs/etc/inittab"
	# shellcheck disable=SC2016 # the script's own
	printf '#!/bin/sh\n[ "$1" = bound ] || exit 0\n%s\n' \
		'ip address add "$ip/$mask" dev "$interface" && ip route add default via "$router"' >"$BATS_FILE_TMPDIR/rootfs/bin/lease"
	chmod 755 "$BATS_FILE_TMPDIR/rootfs/bin/lease"
	# Engines' mounts are not the host's. The engines of Debian 12 can't do with a hybrid tree of cgroups.
	unshare -m --propagation private sleep 600 >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/mounts"
	sleep 0.2
	inside sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; mount -t tmpfs opt /opt; mount -t tmpfs cni /etc/cni'
}

teardown_file()
{
	kill "$(cat "$BATS_FILE_TMPDIR/mounts")" || true
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
	ROOTFS=$BATS_FILE_TMPDIR/rootfs
}

teardown()
{
	[ ! -d "$BATS_TEST_TMPDIR/lxc/box" ] || lxc stop -k >/dev/null 2>&1 || true
	[ -z "${CONTAINERD:-}" ] || containerd_end
	enis_detach
}

inside()
{
	nsenter --mount="/proc/$(cat "$BATS_FILE_TMPDIR/mounts")/ns/mnt" "$@" 3>&-
}

there()
{
	command -v "$1" >/dev/null || skip "$1 isn't installed"
}

enis_are()
{
	[ "$(ctl -o json eni list | jq length)" -eq "$1" ]
}

# group_is ENI GROUP
group_is()
{
	[ "$(eni_field "$1" 'security_groups | join(",")')" = "$(ctl -o json sg show "$2" | jq -r .id)" ]
}

# --- LXC ---------------------------------------------------------------------------------------------------------------

# lxc COMMAND [OPTION]…: of the container box.
lxc()
{
	local command=$1
	shift
	PATH=$BUILD:$PATH inside timeout 60 "lxc-$command" -P "$BATS_TEST_TMPDIR/lxc" -n box "$@"
}

# lxc_new: with the lines of its configuration that are on stdin.
lxc_new()
{
	mkdir -p "$BATS_TEST_TMPDIR/lxc"
	cp -r "$ROOTFS" "$BATS_TEST_TMPDIR/rootfs"
	{
		printf 'lxc.%s\n' "rootfs.path = dir:$BATS_TEST_TMPDIR/rootfs" 'signal.halt = SIGUSR1' 'signal.reboot = SIGTERM' \
			'pty.max = 1' 'tty.max = 0' 'mount.auto = proc sys:ro'
		cat
	} >"$BATS_TEST_TMPDIR/conf"
	lxc create -t none -f "$BATS_TEST_TMPDIR/conf"
}

lxc_hook()
{
	printf 'lxc.net.0.type = empty\nlxc.hook.version = 1\nlxc.hook.start-host = %s --socket %s --vpc prod --subnet prod-app %s\n' \
		"$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)/cli/engines/vpc-lxc" "$VPCD_SOCKET" "$1"
}

lxc_pid()
{
	lxc info -pH
}

@test "LXC: groups in the configuration; reboot, stop, start and destroy" {
	there lxc-start
	local pid ip
	lxc_hook "--sg web" | lxc_new
	lxc start
	group_is lxc:box:eth0 web
	ip=$(ip_of lxc:box:eth0)
	lxc attach -- /bin/ip -4 address show dev eth0 | grep -q "$ip/24"
	lxc attach -- /bin/ping -c 1 -W 5 10.50.1.1
	ctl eni list | grep -q "lxc:box:eth0.*box, pid"
	pid=$(lxc_pid)
	lxc stop -r -t 20
	[ "$(lxc_pid)" != "$pid" ]
	group_is lxc:box:eth0 web
	lxc attach -- /bin/ping -c 1 -W 5 10.50.1.1
	enis_are 1
	sed -i 's/--sg web/--sg db --ip 10.50.1.99/' "$BATS_TEST_TMPDIR/lxc/box/config"
	lxc stop -t 20
	wait_for 60 enis_are 0
	lxc start
	group_is lxc:box:eth0 db
	lxc attach -- /bin/ip -4 address show dev eth0 | grep -q 10.50.1.99/24
	lxc stop -k
	lxc destroy
	wait_for 60 enis_are 0
	verify_clean
}

@test "LXC: its monitor is killed, vpcd is away meanwhile: the next start gets the address again" {
	there lxc-start
	local pid
	lxc_hook "--sg web --ip 10.50.1.98" | lxc_new
	lxc start
	pid=$(lxc_pid)
	vpcd_stop KILL
	kill -KILL "$(ps -o ppid= -p "$pid" | tr -d ' ')"
	kill -KILL "$pid" 2>/dev/null || true
	wait_for 60 test ! -e "/proc/$pid"
	vpcd_start
	lxc start
	lxc attach -- /bin/ip -4 address show dev eth0 | grep -q 10.50.1.98/24
	enis_are 1
	lxc stop -k
	wait_for 60 enis_are 0
	verify_clean
}

@test "LXC: what vpcd refuses starts no container, and the log says why" {
	there lxc-start
	lxc_hook "--sg nobody" | lxc_new
	run lxc start -l DEBUG -o "$BATS_TEST_TMPDIR/log"
	[ "$status" -ne 0 ]
	grep -q "InvalidGroup.NotFound: there is no security group 'nobody'" "$BATS_TEST_TMPDIR/log"
	sed -i 's/hook.version = 1/hook.version = 0/' "$BATS_TEST_TMPDIR/lxc/box/config"
	run lxc start -l DEBUG -o "$BATS_TEST_TMPDIR/log"
	[ "$status" -ne 0 ]
	grep -q "with lxc.hook.version = 1" "$BATS_TEST_TMPDIR/log"
	enis_are 0
}

@test "LXC: a link as the container's physical interface, for every start" {
	there lxc-start
	ctl attach "$P-a" --subnet prod-app --sg web --link --ifname "$P-box" >/dev/null
	printf 'lxc.net.0.%s\n' 'type = phys' "link = $P-box" 'name = eth0' 'flags = up' "ipv4.address = $(ip_of "$P-a")/24" \
		'ipv4.gateway = 10.50.1.1' | lxc_new
	lxc start
	lxc attach -- /bin/ping -c 1 -W 5 10.50.1.1
	lxc stop -k
	wait_for 60 ip link show dev "$P-box"
	lxc start
	lxc attach -- /bin/ping -c 1 -W 5 10.50.1.1
	lxc stop -k
	verify_clean
}

# --- systemd-nspawn ----------------------------------------------------------------------------------------------------

# As it is where udev doesn't run; else it waits for udev to know the link.
nspawn()
{
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m sh -c 'mount -o remount,ro /sys && exec "$@"' - timeout 30 systemd-nspawn -q -D "$ROOTFS" --register=no --keep-unit \
		--pipe "$@" </dev/null 3>&-
}

@test "systemd-nspawn: a link, which gets its address by DHCP and is there again for the next" {
	there systemd-nspawn
	local i
	ctl attach "$P-a" --subnet prod-app --sg web --link --ifname "$P-box" >/dev/null
	for i in 1 2; do
		wait_for 60 ip link show dev "$P-box"
		nspawn --network-interface="$P-box" /bin/sh -c "ip link set $P-box up && udhcpc -i $P-box -n -q -s /bin/lease &&
			ping -c 1 -W 5 10.50.1.1" >"$BATS_TEST_TMPDIR/out$i" 2>&1 || true # it ends with an error of its own on some file systems
		grep -q '1 packets received' "$BATS_TEST_TMPDIR/out$i" || fail "$(cat "$BATS_TEST_TMPDIR/out$i")"
		grep -q "lease of $(ip_of "$P-a") obtained" "$BATS_TEST_TMPDIR/out$i"
	done
	verify_clean
}

# --- bubblewrap --------------------------------------------------------------------------------------------------------

@test "bubblewrap: in a namespace that is attached" {
	there bwrap
	workload_add "$P-a" prod-app --sg web
	in_ns "$P-a" bwrap --ro-bind "$ROOTFS" / --proc /proc --dev /dev --unshare-pid --cap-add CAP_NET_RAW \
		/bin/ping -c 1 -W 5 10.50.1.1
}

@test "bubblewrap: its own namespace is attached before the program runs, and nothing is left" {
	there bwrap
	local pid
	mkfifo "$BATS_TEST_TMPDIR/block" "$BATS_TEST_TMPDIR/info"
	exec 7<>"$BATS_TEST_TMPDIR/block" 8<>"$BATS_TEST_TMPDIR/info"
	bwrap --ro-bind "$ROOTFS" / --proc /proc --dev /dev --unshare-net --unshare-pid --cap-add CAP_NET_RAW --block-fd 7 --info-fd 8 \
		/bin/ping -c 1 -W 5 10.50.1.1 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$(sed -n '/child-pid/{s/[^0-9]//g;p;q}' <&8)
	ctl attach "$P-a" --subnet prod-app --sg web --pid "$pid" --delete-on-termination >/dev/null
	echo >&7
	wait $!
	exec 7>&- 8>&-
	grep -q '1 packets received' "$BATS_TEST_TMPDIR/out"
	wait_for 60 enis_are 0
}

# --- containerd --------------------------------------------------------------------------------------------------------

containerd_new()
{
	local root
	root=$(docker_fetch)
	export PATH=$root/usr/bin:$PATH
	CONTAINERD=$(mktemp -d /tmp/vc.XXXXXX)
	export CONTAINERD_ADDRESS=$CONTAINERD/sock
	nsenter --mount="/proc/$(cat "$BATS_FILE_TMPDIR/mounts")/ns/mnt" containerd --root "$BATS_TEST_TMPDIR/containerd" \
		--state "$CONTAINERD/state" --address "$CONTAINERD_ADDRESS" --config /dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
	echo $! >"$CONTAINERD/pid"
	wait_for 60 inside ctr version
}

containerd_end()
{
	local pid
	pid=$(cat "$CONTAINERD/pid")
	kill "$pid"
	wait_for 60 test ! -e "/proc/$pid"
	rm -rf "$CONTAINERD"
}

@test "containerd: vpc-cni from /etc/cni/net.d" {
	containerd_new
	inside mkdir -p /opt/cni/bin /etc/cni/net.d
	inside cp "$BUILD/vpc-cni" /opt/cni/bin
	jq -n --arg s "$VPCD_SOCKET" '{cniVersion: "1.0.0", name: "vpc", plugins: [{type: "vpc-cni", vpc: "prod", subnet: "prod-app",
		securityGroups: ["web"], socket: $s}]}' | inside sh -c 'cat >/etc/cni/net.d/10-vpc.conflist'
	inside ctr run --rm --cni --rootfs "$ROOTFS" "$P-a" /bin/ping -c 1 -W 5 10.50.1.1
	enis_are 0
	inside ctr run -d --cni --rootfs "$ROOTFS" "$P-b" /bin/sleep 1000
	ctl eni list | grep -q "default-$P-b, pid [0-9]* sleep"
	inside ctr task kill -s KILL "$P-b"
	wait_for 60 enis_are 0
	inside ctr task rm "$P-b" || true # it says with which status the task ended
	inside ctr container rm "$P-b"
	verify_clean
}
