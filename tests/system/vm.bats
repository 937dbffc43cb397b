#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Real guests: QEMU, run by users without privilege, boots Debian's kernel (tools/vm-build, tools/vm-init) on taps that
# vpc-qemu-helper hands over. They configure themselves by DHCP, RA and DHCPv6.
#
#   on    subnet prod-app, offloads on        off   subnet prod-app, offloads off
#   far   subnet prod-db, offloads on         big   VPC jumbo, MTU 9000; bare: the same, offloads off

bats_require_minimum_version 1.5.0
load lib

OFFLOADS_OFF=csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,host_tso4=off
OFFLOADS_OFF+=,host_tso6=off,host_ecn=off,host_ufo=off,mrg_rxbuf=off
UID_OF_VMM=12345

setup_file()
{
	local name status=0
	export VMS=$BATS_FILE_TMPDIR/vms
	# Users without privilege must get at the socket, the helper and the kernel.
	mkdir -m 755 "$VMS"
	"$TOOLS/vm-build" "$VMS" || status=$?
	[ "$status" -ne 77 ] || skip "no kernel for a guest"
	[ "$status" -eq 0 ]
	install -m 755 "$BUILD/vpc-qemu-helper" "$VMS/helper"
	vpcd_start
	chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/$INSTANCE" "$RUN_DIR"
	world prod
	ctl vpc create jumbo --cidr 10.50.0.0/16 --cidr6 fd50::/56 --mtu 9000 >/dev/null
	ctl subnet create jumbo-app --vpc jumbo --cidr 10.50.1.0/24 --cidr6 fd50::/64 >/dev/null
	for name in prod jumbo; do
		ctl vpc set-dhcp-options "$name" --dns 10.50.0.53 --dns fd50::53 --domain "$name.internal" >/dev/null
		ctl sg create "$name-vms" --vpc "$name" >/dev/null
	done
	vm_make on prod-app prod-vms
	vm_make off prod-app prod-vms
	vm_make far prod-db prod-vms
	vm_make big jumbo-app jumbo-vms
	vm_make bare jumbo-app jumbo-vms
	vm_start on ""
	vm_start off ",$OFFLOADS_OFF"
	vm_start far ""
	vm_start big ",host_mtu=9000"
	vm_start bare ",host_mtu=9000,$OFFLOADS_OFF"
	for name in on off far big bare; do
		vm_ready "$name"
	done
}

teardown_file()
{
	local pid
	for pid in "$VMS"/*/pid; do
		[ ! -e "$pid" ] || kill -KILL "$(cat "$pid")" 2>/dev/null || true
	done
	vpcd_purge
}

vm_make()
{
	ctl attach "$1" --subnet "$2" --sg "$3" --tap --owner "$UID_OF_VMM" >/dev/null
	mkdir -m 700 "$VMS/$1"
	chown "$UID_OF_VMM" "$VMS/$1"
}

# vm_start NAME OPTIONS OF virtio-net-pci
vm_start()
{
	local folder=$VMS/$1 helper
	helper="$VMS/helper --eni $1 --socket $RUN_DIR/vpcd-tap.sock"
	rm -f "$folder/console" "$folder/shell"
	(
		cd "$folder" && PATH=/usr/bin:/bin exec setpriv --reuid "$UID_OF_VMM" --regid "$UID_OF_VMM" --clear-groups \
			qemu-system-x86_64 -machine accel=kvm:tcg -cpu max -m 128 -nodefaults -no-reboot -nographic -monitor none \
			-kernel "$VMS/vmlinuz" -initrd "$VMS/initramfs" -append "console=ttyS0 panic=-1 loglevel=4" \
			-serial file:console -chardev socket,id=shell,path=shell,server=on,wait=off -serial chardev:shell \
			-netdev "tap,id=n0,helper=$helper" \
			-device "virtio-net-pci,netdev=n0,romfile=,mac=$(eni_field "$1" mac)$2"
	) </dev/null >"$VMS/$1.log" 2>&1 3>&- &
	echo $! >"$folder/pid"
	disown
}

vm_ready()
{
	wait_for 60 test -S "$VMS/$1/shell"
	# What it said before we listened isn't told again: the shell answers when it is up.
	VM_TIMEOUT=5 wait_for 400 has_addresses "$1" || fail "$1 did not come up: $(tail -n 20 "$VMS/$1.log" "$VMS/$1/console")"
}

has_addresses()
{
	in_vm "$1" ip -6 -o address show dev eth0 | grep -q "$(ip6_of "$1")/"
}

# in_vm NAME COMMAND
in_vm()
{
	"$TOOLS/vm" --timeout "${VM_TIMEOUT:-20}" "$VMS/$1/shell" "${*:2}"
}

vm_open()
{
	[ "$(eni_field "$1" attachment.open)" = "${2:-true}" ]
}

# The guest's server, for `can` and `stream`.
vm_serve()
{
	in_vm "$1" "nc -ll -p $2 -e /bin/greet >/dev/null 2>&1 & sleep 0.2" 
}

# vm_can NAME HOST PORT: a connection from the guest is greeted.
vm_can()
{
	[ "$(in_vm "$1" "nc -w 3 $2 $3 </dev/null | head -n 1")" = hello ] || fail "$1 does not reach $2 $3"
}

vm_cannot()
{
	[ -z "$(in_vm "$1" "nc -w 2 $2 $3 </dev/null 2>/dev/null | head -n 1")" ] || fail "$1 reaches $2 $3"
}

teardown()
{
	local name
	background_end
	for name in $(workloads_of "$P-"); do
		ctl detach "$name" >/dev/null 2>&1 || true
	done
	namespaces_remove "$INSTANCE-$P-"
	for name in prod jumbo; do
		ctl -o json sg show "$name-vms" | jq -r '.rules[] | select(.direction == "ingress") | .id' |
			while read -r rule; do
				ctl sg revoke "$name-vms" --rule "$rule" >/dev/null
			done
	done
	for name in on off far big bare; do
		in_vm "$name" "killall nc" >/dev/null 2>&1 || true
	done
}

# open PROTO PORTS [VPC]: to the guests' group, from the VPC.
open()
{
	ctl sg authorize "${3:-prod}-vms" ingress "$1" "$2" --cidr 10.50.0.0/16 >/dev/null
	ctl sg authorize "${3:-prod}-vms" ingress "${1/icmp/icmpv6}" "$2" --cidr fd50::/56 >/dev/null
}

@test "an unprivileged QEMU's guest has its addresses, routes, MTU, DNS and domain" {
	local name
	for name in on off far big; do
		vm_open "$name"
		[ "$(stat -c %u "/proc/$(cat "$VMS/$name/pid")")" = "$UID_OF_VMM" ]
		in_vm "$name" ip -4 -o address show dev eth0 | grep -q "$(ip_of "$name")/24"
		in_vm "$name" ip -6 -o address show dev eth0 | grep -q "$(ip6_of "$name")/"
		in_vm "$name" ip -6 route show default | grep -q 'via fe80::1'
		in_vm "$name" cat /tmp/told | grep -qx 'dns=10.50.0.53'
	done
	ctl eni list | grep -q " on .* tap of $UID_OF_VMM, open, pid $(cat "$VMS/on/pid") qemu-system"
	in_vm on ip route show default | grep -q 'via 10.50.1.1'
	in_vm far ip route show default | grep -q 'via 10.50.2.1'
	in_vm on ip link show dev eth0 | grep -q 'mtu 1500'
	in_vm big ip link show dev eth0 | grep -q 'mtu 9000'
	in_vm on cat /tmp/told | grep -qx 'domain=prod.internal'
	in_vm big cat /tmp/told | grep -qx 'domain=jumbo.internal'
	verify_clean
}

@test "a guest is reached only after a rule says so, and cut off when it is revoked" {
	local t
	workload_add "$P-c" prod-app
	vm_serve on 7000
	ctl monitor --drops --eni on >"$BATS_TEST_TMPDIR/monitor" 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/background"
	sleep 0.5
	cannot "$P-c" tcp "$(ip_of on)" 7000
	wait_for 5 grep "on: pid $(cat "$VMS/on/pid") qemu-system-x86 of $UID_OF_VMM) no_ingress_rule" \
		"$BATS_TEST_TMPDIR/monitor"
	pings_not "$P-c" "$(ip_of on)"
	open tcp 7000
	can "$P-c" tcp "$(ip_of on)" 7000
	can "$P-c" tcp "$(ip6_of on)" 7000
	pings_not "$P-c" "$(ip_of on)"
	stream "$P-c" s tcp-echo "$(ip_of on)" 7000
	ctl sg revoke prod-vms ingress tcp 7000 --cidr 10.50.0.0/16 >/dev/null
	t=$(now_ns)
	sleep 1
	log_stops "$(stream_log s)" "$t"
	cannot "$P-c" tcp "$(ip_of on)" 7000
	can "$P-c" tcp "$(ip6_of on)" 7000
}

@test "guests to guests and containers, in the subnet and across, with offloads on and off, IPv4 and IPv6" {
	local from to
	workload_add "$P-c" prod-app --sg prod-vms
	serve "$P-c" --tcp 7000
	for to in on off far; do
		vm_serve "$to" 7000
	done
	vm_cannot on "$(ip_of off)" 7000
	vm_cannot on "$(ip6_of far)" 7000
	vm_cannot off "$(ip_of "$P-c")" 7000
	open tcp 7000
	for from in on off far; do
		for to in on off far "$P-c"; do
			[ "$from" != "$to" ] || continue
			vm_can "$from" "$(ip_of "$to")" 7000
			vm_can "$from" "$(ip6_of "$to")" 7000
		done
		can "$P-c" tcp "$(ip_of "$from")" 7000
		can "$P-c" tcp "$(ip6_of "$from")" 7000
	done
}

# vm_gives NAME: some megabytes to whoever connects to port 80. (busybox-static's wget dies for want of NSS.)
vm_gives()
{
	VM_TIMEOUT=60 in_vm "$1" "[ -e /data ] || dd if=/dev/urandom of=/data bs=1M count=3 2>/dev/null
		nc -ll -p 80 -e /bin/cat /data >/dev/null 2>&1 & sleep 0.2"
}

data_of()
{
	in_vm "$1" "cat /data | md5sum"
}

# carries FROM TO ADDRESS: they arrive as they were.
carries()
{
	[ "$(VM_TIMEOUT=60 in_vm "$1" "nc -w 5 $3 80 </dev/null | md5sum")" = "$(data_of "$2")" ] || fail "$1 from $2 ($3)"
}

# container_gets NAME TO ADDRESS
container_gets()
{
	[ "$(in_ns "$1" timeout 60 socat -u "TCP:$3:80" - | md5sum)" = "$(data_of "$2")" ] || fail "$1 from $2 ($3)"
}

@test "bulk data arrives as it was: checksums and segments, offloads on and off, IPv4 and IPv6" {
	local name
	workload_add "$P-c" prod-db --sg prod-vms
	for name in on off far; do
		vm_gives "$name"
	done
	open tcp 80
	carries on off "$(ip_of off)"
	carries off on "$(ip_of on)"
	carries on far "$(ip_of far)"
	carries far off "$(ip6_of off)"
	carries off far "$(ip6_of far)"
	for name in on off; do
		container_gets "$P-c" "$name" "$(ip_of "$name")"
		container_gets "$P-c" "$name" "[$(ip6_of "$name")]"
	done
	# The other way the container's segments are 64 KiB, which a guest may or may not take.
	dd if=/dev/urandom of="$BATS_TEST_TMPDIR/data" bs=1M count=3 2>/dev/null
	background "$P-c" socat -U "TCP-LISTEN:80,reuseaddr,fork" "OPEN:$BATS_TEST_TMPDIR/data,rdonly"
	wait_for 5 in_ns "$P-c" sh -c 'ss -Hltn sport = :80 | grep -q .'
	for name in on off far; do
		[ "$(VM_TIMEOUT=60 in_vm "$name" "nc -w 5 $(ip_of "$P-c") 80 </dev/null | md5sum | cut -c1-32")" = \
			"$(md5sum <"$BATS_TEST_TMPDIR/data" | cut -c1-32)" ]
	done
}

@test "MTU 9000: big packets between guests and a container, offloads on and off" {
	local name
	workload_add "$P-c" jumbo-app --sg jumbo-vms
	open icmp all jumbo
	open tcp 80 jumbo
	in_ns "$P-c" ping -n -q -c 2 -i 0.2 -W 2 -M 'do' -s 8972 "$(ip_of big)" >/dev/null
	in_ns "$P-c" ping -n -q -c 2 -i 0.2 -W 2 -M 'do' -s 8972 "$(ip_of bare)" >/dev/null
	in_vm big "ping -q -c 2 -W 2 -s 8972 $(ip_of bare)" >/dev/null
	in_vm bare "ping -q -c 2 -W 2 -s 8952 $(ip6_of big)" >/dev/null
	for name in big bare; do
		vm_gives "$name"
		container_gets "$P-c" "$name" "$(ip_of "$name")"
	done
	carries big bare "$(ip_of bare)"
	carries bare big "$(ip6_of big)"
}

# P7
@test "a guest that takes another's address or MAC reaches nobody" {
	workload_add "$P-c" prod-app --sg prod-vms
	open icmp all
	in_vm on "ping -q -c 1 -W 2 $(ip_of "$P-c")" >/dev/null
	in_vm on "ip address add 10.50.1.250/32 dev eth0"
	run ! in_vm on "ping -q -c 2 -W 1 -I 10.50.1.250 $(ip_of "$P-c")"
	in_vm on "ip address del 10.50.1.250/32 dev eth0"
	[ "$(drops_of on forged_source)" -gt 0 ]
	in_vm on "ip link set dev eth0 down; ip link set dev eth0 address 02:00:00:00:00:77; ip link set dev eth0 up"
	run ! in_vm on "ping -q -c 2 -W 1 $(ip_of "$P-c")"
	[ "$(drops_of on forged_mac)" -gt 0 ]
	in_vm on "ip link set dev eth0 down; ip link set dev eth0 address $(eni_field on mac); ip link set dev eth0 up
		ip route add default via 10.50.1.1"
	in_vm on "ping -q -c 1 -W 2 $(ip_of "$P-c")" >/dev/null
}

@test "a guest is killed and started again while vpcd restarts: same ENI, same address" {
	local before
	workload_add "$P-c" prod-app
	open icmp all
	before=$(ip_of off)
	kill -KILL "$(cat "$VMS/off/pid")"
	wait_for 10 vm_open off false
	pings_not "$P-c" "$before"
	vpcd_restart KILL
	vm_open off false
	vm_start off ",$OFFLOADS_OFF"
	vm_ready off
	vm_open off
	[ "$(ip_of off)" = "$before" ]
	in_vm off ip -4 -o address show dev eth0 | grep -q "$before/24"
	pings "$P-c" "$before"
	# The others never noticed.
	pings "$P-c" "$(ip_of on)"
	verify_clean
}
