#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's packages on a fresh Debian that boots with systemd (tools/machine): installed with what they depend on, upgraded under
# running flows (P6), removed while rules go on being enforced (P1), purged without a trace. The tests are steps of one story.

bats_require_minimum_version 1.5.0
load lib

# Each test is skipped for that reason: bats does not let setup_file do so.
missing()
{
	printf '%s\n' "$1" >"$BATS_FILE_TMPDIR/missing"
}

setup_file()
{
	local status=0 tool
	export DEBS=$BATS_FILE_TMPDIR/debs MACHINE=$BATS_FILE_TMPDIR/machine
	for tool in dpkg-buildpackage dh lintian; do
		command -v "$tool" >/dev/null || { missing "$tool is missing"; return; }
	done
	mkdir "$DEBS"
	"$TOP/scripts/deb" "$BUILD" "$(version)" "$DEBS"
	image=$("$TOOLS/machine-image" "$DEBS"/*.deb 2>"$BATS_FILE_TMPDIR/why") || status=$?
	[ "$status" -ne 77 ] || { missing "$(cat "$BATS_FILE_TMPDIR/why")"; return; }
	[ "$status" -eq 0 ] || fail "$(cat "$BATS_FILE_TMPDIR/why")"
	export image
	"$TOOLS/machine" start "$MACHINE" "$image"
	wait_for 120 booted
	mkdir "$(root)/run/debs"
	cp "$DEBS"/*.deb "$(root)/run/debs/"
	older
	printf '#!/bin/sh\nexec "%s" run "%s" vpcctl "$@"\n' "$TOOLS/machine" "$MACHINE" >"$BATS_FILE_TMPDIR/vpcctl"
	chmod 755 "$BATS_FILE_TMPDIR/vpcctl"
}

teardown_file()
{
	background_end
	[ ! -d "$MACHINE" ] || "$TOOLS/machine" stop "$MACHINE"
}

setup()
{
	[ ! -e "$BATS_FILE_TMPDIR/missing" ] || skip "$(cat "$BATS_FILE_TMPDIR/missing")"
	VPCCTL=$BATS_FILE_TMPDIR/vpcctl
}

teardown()
{
	background_end
	if [ "${BATS_ERROR_STATUS:-0}" -ne 0 ]; then
		inside journalctl --no-pager -n 40 || true
	fi
}

version()
{
	sed -n 's/^VERSION := //p' "$TOP/Makefile"
}

inside()
{
	"$TOOLS/machine" run "$MACHINE" "$@"
}

root()
{
	printf '/proc/%s/root' "$("$TOOLS/machine" pid "$MACHINE")"
}

# A workload's namespace is one of the machine's, seen from here: the tools in it are this machine's.
netns_find()
{
	# shellcheck disable=SC2034 # lib.bash reads it
	WORKLOAD_NETNS=../..$(root)/run/netns/$1
}

booted()
{
	inside systemctl is-active multi-user.target
}

# The same packages with an earlier version, and with the daemon of VPCD_TEST_OLD, the build folder of an older checkout, if it is set.
older()
{
	local deb folder=$BATS_FILE_TMPDIR/unpacked
	mkdir "$(root)/run/debs/old"
	for deb in "$DEBS"/*.deb; do
		dpkg-deb -R "$deb" "$folder"
		sed -i -e 's/^Version: .*/Version: 0.0.9/' -e 's/vpcd (>= [^)]*)/vpcd (>= 0.0.9)/' "$folder/DEBIAN/control"
		[ ! -e "$folder/usr/bin/vpcd" ] || [ -z "${VPCD_TEST_OLD:-}" ] || install -s "$VPCD_TEST_OLD/vpcd" "$folder/usr/bin/vpcd"
		dpkg-deb -Znone --root-owner-group -b "$folder" "$(root)/run/debs/old/$(basename "$deb")" >/dev/null
		rm -rf "$folder"
	done
}

apt_get()
{
	inside apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io "$@" 2>&1
}

version_of()
{
	inside dpkg-query -W -f "\${Version}" "$1"
}

workload_add_in()
{
	inside ip netns add "$1"
	inside ip -n "$1" link set lo up
	"$VPCCTL" attach "$1" --subnet app --netns "$1" --sg "$2" >/dev/null
	wait_for 10 addresses_ready "$1"
}

# Files by which vpcd could be known, but for the lists of dpkg and apt. /run, /dev and the like are mounts.
files()
{
	inside find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path /tmp \) -prune -o \
		-path '*vpc*' -print
}

# What the kernel has of vpcd, beside its programs.
kernel_has()
{
	inside sh -c 'find /sys/fs/bpf/vpcd /run/netns -mindepth 1 2>/dev/null; ip -o link show | grep "vpcd:"' || true
}

# lost NAME: TCP segments that it sent again and whose first copy had not arrived (RFC 2883 tells), since its namespace was made.
lost()
{
	in_ns "$1" nstat -asz TcpRetransSegs TcpExtTCPDSACKRecv TcpExtTCPDSACKOfoRecv |
		awk '$1 == "TcpRetransSegs" { n += $2 } $1 ~ /DSACK/ { n -= $2 } END { print n }'
}

@test "lintian finds no error in the packages" {
	[ "$(find "$DEBS" -name '*.deb' | wc -l)" -eq 5 ]
	# it leaves files in its folder for temporary files
	TMPDIR=$BATS_TEST_TMPDIR lintian --allow-root --fail-on error "$DEBS"/*.deb
}

@test "apt installs the packages with what they depend on; the daemon runs, and vpcctl has it" {
	local unit file
	inside sh -c 'apt-get -qq -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install /run/debs/old/*.deb' \
		>"$BATS_TEST_TMPDIR/out" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	[ "$(version_of vpcd)" = 0.0.9 ]
	for unit in vpcd.service vpc-docker.service vpc-libvirt-clean.path; do
		inside systemctl is-active "$unit"
		inside systemctl is-enabled "$unit"
	done
	[ "$(inside stat -c '%a %G' /run/vpcd/vpcd.sock)" = "660 vpcd" ]
	[ "$(inside stat -c '%a %G' /run/vpcd/vpcd-ro.sock)" = "660 vpcd-ro" ]
	inside dpkg-query -W -f "\${Conffiles}" vpcd | grep -q /etc/vpcd/vpcd.conf
	for file in lib/cni/vpc-cni lib/netavark/vpc-netavark share/bash-completion/completions/vpcctl share/man/man1/vpcctl.1.gz \
		share/man/man5/vpcd.conf.5.gz share/man/man8/vpcd.8.gz share/man/man8/vpc-docker.8.gz share/man/man8/vpc-libvirt.8.gz \
		share/doc/vpcd/NEWS.Debian.gz; do
		inside test -s "/usr/$file" || fail "/usr/$file is missing"
	done
	inside bash -c '. /usr/share/bash-completion/completions/vpcctl && complete -p vpcctl'
	"$VPCCTL" status >/dev/null
}

@test "P6: an upgrade loses no packet of a running flow, and keeps a change that waits to be confirmed" {
	local pid before
	"$VPCCTL" vpc create prod --cidr 10.50.0.0/16 >/dev/null
	"$VPCCTL" subnet create app --vpc prod --cidr 10.50.1.0/24 >/dev/null
	"$VPCCTL" sg create web --vpc prod --description "web servers" >/dev/null
	"$VPCCTL" sg create clients --vpc prod >/dev/null
	workload_add_in web1 web
	workload_add_in client1 clients
	"$VPCCTL" sg authorize web ingress tcp 7001 --sg clients >/dev/null
	"$VPCCTL" sg authorize web ingress udp 7001 --sg clients >/dev/null
	serve web1 --tcp 7001 --tcp 80 --udp 7001
	stream client1 tcp tcp-echo "$(ip_of web1)" 7001
	stream client1 udp udp-echo "$(ip_of web1)" 7001
	if [ -z "${VPCD_TEST_OLD:-}" ]; then
		"$VPCCTL" export | sed 's/web servers/kept/' | "$VPCCTL" apply -f - --confirm 600
		"$VPCCTL" status | grep 'taken back in'
	fi
	printf '# mine\n' | inside tee -a /etc/vpcd/vpcd.conf
	pid=$(inside systemctl show -P MainPID vpcd)
	before=$(now_ns)
	inside sh -c 'dpkg --force-unsafe-io -i /run/debs/*.deb'
	[ "$(version_of vpcd)" = "$(version)" ]
	[ "$(version_of vpcd-docker)" = "$(version)" ]
	[ "$(inside systemctl show -P MainPID vpcd)" != "$pid" ]
	inside systemctl is-active vpcd vpc-docker vpc-libvirt-clean.path
	[ "$(inside tail -n 1 /etc/vpcd/vpcd.conf)" = '# mine' ]
	"$VPCCTL" verify
	if [ -z "${VPCD_TEST_OLD:-}" ]; then
		"$VPCCTL" confirm
		[ "$("$VPCCTL" -o json sg show web | jq -r .description)" = kept ]
	fi
	log_goes_on "$(stream_log udp)" "$before"
	stream_end udp | tee -a /dev/stderr | jq -e '.sent > 100 and .lost == 0'
	stream_end tcp | tee -a /dev/stderr | jq -e '.sent > 100 and .received + 100 > .sent'
	[ "$(lost client1)" -eq 0 ]
	[ "$(lost web1)" -eq 0 ]
}

@test "P1: removed, the daemon is gone and the rules are enforced as before; it says how to purge" {
	local address
	address=$(ip_of web1)
	serve web1 --tcp 7001 --tcp 80
	# as of a network of Docker's
	inside touch /var/lib/vpc-docker/0123.json
	apt_get remove vpcd | tee "$BATS_TEST_TMPDIR/removal"
	grep -q 'To remove them: apt purge vpcd' "$BATS_TEST_TMPDIR/removal"
	grep -q "docker network rm, apt purge vpcd-docker" "$BATS_TEST_TMPDIR/removal"
	inside sh -c '! command -v vpcd && ! pidof vpcd'
	can client1 tcp "$address" 7001
	cannot client1 tcp "$address" 80
	inside test -e /etc/vpcd/vpcd.conf
}

@test "purged in a chroot that sees this kernel, only the chroot's files go" {
	kernel_has | sort >"$BATS_TEST_TMPDIR/before"
	inside sh -c 'mkdir -p /run/copy/upper /run/copy/work /run/copy/root
		mount -t overlay -o lowerdir=/,upperdir=/run/copy/upper,workdir=/run/copy/work copy /run/copy/root
		mount --rbind /sys /run/copy/root/sys && mount --bind /proc /run/copy/root/proc
		chroot /run/copy/root dpkg --purge vpcd vpcd-docker'
	inside sh -c '[ ! -e /run/copy/root/var/lib/vpcd ] && [ ! -e /run/copy/root/etc/vpcd ] && [ -x /var/lib/vpcd/purge/vpcd ]'
	inside umount -R /run/copy/root
	kernel_has | sort >"$BATS_TEST_TMPDIR/after"
	grep -q /sys/fs/bpf/vpcd/ "$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "installed again, it takes over what it finds" {
	apt_get install "/run/debs/vpcd_$(version)_$(dpkg --print-architecture).deb"
	inside systemctl is-active vpcd
	"$VPCCTL" verify
	inside test ! -e /var/lib/vpcd/purge
	[ "$("$VPCCTL" -o json eni list | jq length)" -eq 2 ]
}

@test "purged after its libraries, with workloads that run, it leaves nothing but its groups" {
	apt_get remove --autoremove vpcd
	inside sh -c '! ls /usr/lib/*/libmicrohttpd.so.12'
	inside test -x /var/lib/vpcd/purge/vpcd
	kernel_has | grep -q vpc-
	# where nothing may be run, it says so, and can be tried again
	inside sh -c 'mount --bind /var/lib/vpcd /var/lib/vpcd && mount -o remount,bind,noexec /var/lib/vpcd'
	run inside dpkg --purge vpcd
	[ "$status" -ne 0 ]
	[[ "$output" == *"Mount it without noexec, then: dpkg --purge vpcd"* ]] || fail "$output"
	kernel_has | grep -q vpc-
	inside umount /var/lib/vpcd
	apt_get purge 'vpcd*'
	kernel_has | grep -v -E '/run/netns/(web1|client1)$' >"$BATS_TEST_TMPDIR/left" || true
	[ ! -s "$BATS_TEST_TMPDIR/left" ] || fail "left: $(cat "$BATS_TEST_TMPDIR/left")"
	! inside ip -n web1 link show eth0 || fail "the interface stays"
	inside ip netns del web1
	inside ip netns del client1
	files >"$BATS_TEST_TMPDIR/left"
	[ ! -s "$BATS_TEST_TMPDIR/left" ] || fail "left: $(cat "$BATS_TEST_TMPDIR/left")"
	inside getent group vpcd vpcd-ro
}
