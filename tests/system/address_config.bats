#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Workloads configure themselves by DHCP, router advertisements and DHCPv6, which their ports answer: real clients, in
# namespaces to which vpcd attached an interface, emptied of what vpcd put on it. tests/bpf/address_config.c has the messages one by one.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	ctl vpc set-dhcp-options prod --dns 10.50.0.53 --dns 10.50.0.54 --dns fd50::53 --domain prod.internal >/dev/null
	ctl vpc create plain --cidr 10.60.0.0/16 --mtu 9000 >/dev/null
	ctl subnet create plain-app --vpc plain --cidr 10.60.1.0/24 >/dev/null
}

# bare NAME SUBNET [OPTION]…: a namespace with an ENI whose interface has nothing but its MAC.
bare()
{
	workload_add "$@"
	in_ns "$1" ip address flush dev eth0
	in_ns "$1" ip route flush table main
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
	in_ns "$1" ip link set dev eth0 down
	in_ns "$1" ip link set dev eth0 mtu 1500 up
	wait_for 5 has_link_local "$1"
}

has_link_local()
{
	in_ns "$1" ip -6 -o address show dev eth0 scope link | grep -q fe80
}

# udhcpc NAME OPTION…: once, in the foreground; what it was told goes to the file "told".
udhcpc()
{
	local name=$1
	shift
	cat >"$BATS_TEST_TMPDIR/script" <<-EOF
		#!/bin/sh
		env | grep -E '^(ip|mask|router|dns|domain|mtu|lease|serverid|search)=' | sort >"$BATS_TEST_TMPDIR/told"
		echo \$1 >>"$BATS_TEST_TMPDIR/events"
	EOF
	chmod +x "$BATS_TEST_TMPDIR/script"
	in_ns "$name" busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -s "$BATS_TEST_TMPDIR/script" -O mtu -O search "$@"
}

told()
{
	grep -qx "$1" "$BATS_TEST_TMPDIR/told" || fail "not told $1 but: $(cat "$BATS_TEST_TMPDIR/told")"
}

@test "udhcpc: address, mask, router, DNS, MTU, domain, lease" {
	bare "$P-a" prod-app
	udhcpc "$P-a"
	told "ip=$(ip_of "$P-a")"
	told "mask=24"
	told "router=10.50.1.1"
	told "dns=10.50.0.53 10.50.0.54"
	told "domain=prod.internal"
	told "mtu=1500"
	told "lease=3600"
	told "serverid=10.50.1.1"
}

@test "udhcpc: with a client id, with the broadcast flag, asking for an address that isn't its own" {
	bare "$P-a" prod-app
	udhcpc "$P-a" -x 0x3d:0102030405060708
	told "ip=$(ip_of "$P-a")"
	udhcpc "$P-a" -B
	told "ip=$(ip_of "$P-a")"
	udhcpc "$P-a" -r 10.50.1.77
	told "ip=$(ip_of "$P-a")"
}

@test "a VPC without options and with jumbo frames; options that change" {
	bare "$P-a" plain-app
	udhcpc "$P-a"
	told "ip=$(ip_of "$P-a")"
	told "mtu=9000"
	run ! grep -E '^(dns|domain)=' "$BATS_TEST_TMPDIR/told"
	ctl vpc set-dhcp-options plain --dns 192.0.2.1 >/dev/null
	udhcpc "$P-a"
	told "dns=192.0.2.1"
	[ "$(ctl -o json vpc show plain | jq -c .dhcp_options)" = '{"dns_servers":["192.0.2.1"],"domain_name":null}' ]
	ctl vpc set-dhcp-options plain --domain "$(printf 'a%.0s' $(seq 63)).$(printf 'b%.0s' $(seq 63)).example" >/dev/null
	udhcpc "$P-a"
	run ! grep -E '^dns=' "$BATS_TEST_TMPDIR/told"
	grep -qE '^domain=a{63}\.b{63}\.example$' "$BATS_TEST_TMPDIR/told"
	ctl vpc set-dhcp-options plain >/dev/null
	verify_clean
}

@test "it works while vpcd is down, and after it was killed and started" {
	bare "$P-a" prod-app
	vpcd_stop KILL
	udhcpc "$P-a"
	vpcd_start
	told "dns=10.50.0.53 10.50.0.54"
	udhcpc "$P-a"
	told "ip=$(ip_of "$P-a")"
	verify_clean
	[ "$(ctl -o json vpc show prod | jq -r .dhcp_options.domain_name)" = prod.internal ]
}

@test "dhclient" {
	bare "$P-a" prod-app
	background "$P-a" unshare -m sh -c 'mount -t tmpfs tmpfs /etc && exec "$@"' - dhclient -d -4 -sf /bin/true -v \
		-pf "$BATS_TEST_TMPDIR/pid" -lf "$BATS_TEST_TMPDIR/leases" -cf /dev/null eth0 2>"$BATS_TEST_TMPDIR/log"
	wait_for 10 grep -q "bound to $(ip_of "$P-a")" "$BATS_TEST_TMPDIR/log"
	grep -q 'option domain-name "prod.internal";' "$BATS_TEST_TMPDIR/leases"
	grep -q 'option interface-mtu 1500;' "$BATS_TEST_TMPDIR/leases"
	grep -q 'option dhcp-server-identifier 10.50.1.1;' "$BATS_TEST_TMPDIR/leases"
}

# From a UDP socket, whose checksums the device completes.
@test "a lease is renewed by unicast, and hears of new options" {
	local pid
	bare "$P-a" prod-app
	cat >"$BATS_TEST_TMPDIR/configure" <<-EOF
		#!/bin/sh
		echo "\$1 \$dns" >>"$BATS_TEST_TMPDIR/renewals"
		[ "\$1" != bound ] || { ip address add \$ip/\$mask dev eth0; ip route add default via \$router; }
	EOF
	chmod +x "$BATS_TEST_TMPDIR/configure"
	background "$P-a" busybox udhcpc -i eth0 -f -t 3 -T 1 -R -s "$BATS_TEST_TMPDIR/configure" >&2
	pid=$!
	wait_for 10 grep -q '^bound 10.50.0.53 10.50.0.54$' "$BATS_TEST_TMPDIR/renewals"
	ctl vpc set-dhcp-options prod --dns 10.50.0.99 --dns fd50::53 --domain prod.internal >/dev/null
	kill -USR1 "$pid"
	wait_for 10 grep -q '^renew 10.50.0.99$' "$BATS_TEST_TMPDIR/renewals"
	ctl vpc set-dhcp-options prod --dns 10.50.0.53 --dns 10.50.0.54 --dns fd50::53 --domain prod.internal >/dev/null
}

@test "dhcpcd: DHCP, router advertisement and DHCPv6 in one" {
	bare "$P-a" prod-app
	in_ns "$P-a" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra'
	background "$P-a" unshare -m sh -c '
		mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib/dhcpcd && mount -t tmpfs tmpfs /etc
		printf "duid\noption domain_name_servers, domain_name, interface_mtu\nslaac private\n" >/etc/dhcpcd.conf
		exec dhcpcd -B -d -c /bin/true eth0' 2>"$BATS_TEST_TMPDIR/log" >&2
	wait_for 20 in_ns "$P-a" sh -c "ip -4 -o address show dev eth0 | grep -q '$(ip_of "$P-a")/24'"
	wait_for 20 in_ns "$P-a" sh -c "ip -6 -o address show dev eth0 | grep -q '$(ip6_of "$P-a")/'"
	wait_for 5 in_ns "$P-a" sh -c 'ip -4 route show default | grep -q "via 10.50.1.1"'
	wait_for 5 in_ns "$P-a" sh -c 'ip -6 route show default | grep -q "via fe80::1"'
	pings "$P-a" 10.50.1.1
	pings "$P-a" fe80::1%eth0
	# Nothing but the ENI's own addresses: none that a client makes up.
	[ "$(in_ns "$P-a" ip -6 -o address show dev eth0 scope global | wc -l)" -eq 1 ]
}

# Without systemd as the first process, and without udev, for which it looks whether /sys can be written to.
@test "systemd-networkd: DHCP, router advertisement and DHCPv6 in one" {
	[ -x /lib/systemd/systemd-networkd ] || skip "systemd-networkd is not installed"
	bare "$P-a" prod-app
	in_ns "$P-a" ip link set dev eth0 down
	# shellcheck disable=SC2016 # the inner shell's
	background "$P-a" unshare -m sh -e -c '
		mount -t tmpfs tmpfs /run && mount -t sysfs -o ro sysfs /sys
		mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
		printf "[Match]\nName=eth0\n[Network]\nDHCP=yes\n[DHCPv4]\nUseMTU=yes\n" >/run/systemd/network/eth0.network
		chmod -R a+rX /run/systemd
		chown -R systemd-network: /run/systemd/netif
		SYSTEMD_LOG_TARGET=console exec /lib/systemd/systemd-networkd' >"$BATS_TEST_TMPDIR/log" 2>&1
	wait_for 20 in_ns "$P-a" sh -c "ip -4 -o address show dev eth0 | grep -q '$(ip_of "$P-a")/24'"
	wait_for 20 in_ns "$P-a" sh -c "ip -6 -o address show dev eth0 | grep -q '$(ip6_of "$P-a")/'"
	wait_for 5 in_ns "$P-a" sh -c 'ip -4 route show default | grep -q "via 10.50.1.1 dev eth0 proto dhcp"'
	wait_for 5 in_ns "$P-a" sh -c 'ip -6 route show default | grep -q "via fe80::1 dev eth0 proto ra"'
	wait_for 10 pings "$P-a" 10.50.1.1
}

@test "the kernel's own router solicitation: a route, a prefix that is on-link, no address of its own making" {
	bare "$P-a" prod-app
	wait_for 10 in_ns "$P-a" sh -c 'ip -6 route show default | grep -q "via fe80::1 dev eth0 proto ra"'
	in_ns "$P-a" ip -6 route show | grep -q '^fd50::/64 dev eth0 proto kernel'
	[ -z "$(in_ns "$P-a" ip -6 -o address show dev eth0 scope global)" ]
	in_ns "$P-a" rdisc6 -1 eth0 >"$BATS_TEST_TMPDIR/ra"
	grep -q 'Stateful address conf. *: *Yes' "$BATS_TEST_TMPDIR/ra"
	grep -q 'Recursive DNS server *: *fd50::53' "$BATS_TEST_TMPDIR/ra"
	grep -q 'DNS search list *: *prod.internal' "$BATS_TEST_TMPDIR/ra"
	grep -q 'MTU *: *1500' "$BATS_TEST_TMPDIR/ra"
	grep -q 'Source link-layer address: *0A:56' "$BATS_TEST_TMPDIR/ra"
}

@test "dhclient -6: stateful, and stateless" {
	bare "$P-a" prod-app
	in_ns "$P-a" unshare -m sh -c 'mount -t tmpfs tmpfs /etc && exec "$@"' - dhclient -6 -1 -v -sf /bin/true \
		-pf "$BATS_TEST_TMPDIR/pid" -lf "$BATS_TEST_TMPDIR/leases" -cf /dev/null eth0 2>"$BATS_TEST_TMPDIR/log" ||
		fail "$(cat "$BATS_TEST_TMPDIR/log")"
	kill "$(cat "$BATS_TEST_TMPDIR/pid")"
	grep -q "iaaddr $(ip6_of "$P-a") {" "$BATS_TEST_TMPDIR/leases"
	grep -q 'option dhcp6.name-servers fd50::53;' "$BATS_TEST_TMPDIR/leases"
	grep -q 'option dhcp6.domain-search "prod.internal.";' "$BATS_TEST_TMPDIR/leases"
	in_ns "$P-a" timeout 20 unshare -m sh -c 'mount -t tmpfs tmpfs /etc && exec "$@"' - dhclient -6 -S -1 -v -sf /bin/true \
		-pf "$BATS_TEST_TMPDIR/pid" -lf "$BATS_TEST_TMPDIR/leases2" -cf /dev/null eth0 2>"$BATS_TEST_TMPDIR/log2" ||
		fail "$(cat "$BATS_TEST_TMPDIR/log2")"
	grep -q 'XMT: Info-Request' "$BATS_TEST_TMPDIR/log2"
	grep -q 'RCV: Reply' "$BATS_TEST_TMPDIR/log2"
	pkill -F "$BATS_TEST_TMPDIR/pid" 2>/dev/null || true
}

# P7
@test "a workload's own DHCP server and router reach nobody" {
	bare "$P-a" prod-app
	workload_add "$P-s" prod-app
	printf '%s\n' "interface eth0" "start 10.50.1.100" "end 10.50.1.110" "lease_file $BATS_TEST_TMPDIR/given" \
		"pidfile $BATS_TEST_TMPDIR/server" >"$BATS_TEST_TMPDIR/udhcpd.conf"
	touch "$BATS_TEST_TMPDIR/given"
	background "$P-s" busybox udhcpd -f "$BATS_TEST_TMPDIR/udhcpd.conf" >&2
	wait_for 5 test -e "$BATS_TEST_TMPDIR/server"
	udhcpc "$P-a"
	told "ip=$(ip_of "$P-a")"
	told "serverid=10.50.1.1"
	[ "$(arrives "$P-a" marked-x forge "$P-s" udp --smac "$(eni_field "$P-s" mac)" --dmac "$(eni_field "$P-a" mac)" \
		--src "$(ip_of "$P-s")" --dst "$(ip_of "$P-a")" --sport 67 --dport 68 --marker marked-x)" -eq 0 ]
	[ "$(drops_of "$P-s" dhcp_server)" -gt 0 ]
	[ "$(arrives "$P-a" marked-y forge "$P-s" udp --smac "$(eni_field "$P-s" mac)" --dmac "$(eni_field "$P-a" mac)" \
		--src "$(ip_of "$P-s")" --dst "$(ip_of "$P-a")" --sport 67 --dport 69 --marker marked-y)" -gt 0 ]
}

@test "refused options" {
	local name
	for name in 10.50.0.300 example.org 0.0.0.0 127.0.0.1 224.0.0.1 ::1 fe80::1 ff02::1; do
		refused InvalidParameterValue vpc set-dhcp-options prod --dns "$name"
	done
	refused InvalidParameterValue vpc set-dhcp-options prod --dns 10.0.0.1 --dns 10.0.0.1
	refused InvalidParameterValue vpc set-dhcp-options prod --dns 10.0.0.1 --dns 10.0.0.2 --dns 10.0.0.3 --dns 10.0.0.4 \
		--dns 10.0.0.5
	for name in -a a- a..b .a a. 'a b' "$(printf 'a%.0s' $(seq 64))" "$(printf 'a.%.0s' $(seq 127))a"; do
		refused InvalidParameterValue vpc set-dhcp-options prod --domain="$name"
	done
	refused InvalidVpcID.NotFound vpc set-dhcp-options none --dns 10.0.0.1
	[ "$(ctl -o json vpc show prod | jq -r .dhcp_options.domain_name)" = prod.internal ]
}
