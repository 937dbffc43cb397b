#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpc-libvirt with Debian's libvirt and QEMU (TCG). Domain "guest" boots a kernel; those of the tests find nothing to boot, which
# is enough for what libvirt does with their interfaces.

bats_require_minimum_version 1.5.0
load lib
load lib_libvirt

setup_file()
{
	local status=0
	"$TOOLS/vm-build" "$BATS_FILE_TMPDIR" || status=$?
	[ "$status" -ne 77 ] || skip "no kernel for a guest"
	[ "$status" -eq 0 ]
	vpcd_start
	world prod
	ctl sg create vms --vpc prod >/dev/null
	ctl sg create db --vpc prod >/dev/null
	libvirt_start
	virt cp "$BATS_FILE_TMPDIR/vmlinuz" "$BATS_FILE_TMPDIR/initramfs" /var/lib/libvirt/
	MEMORY=128 define guest "$(ours "dev='vmguest' subnet='prod-app' vpc='prod' groups='vms'")" "$(nic vmguest)
		<serial type='file'><source path='/var/lib/libvirt/console'/></serial>
		<serial type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/shell'/></serial>" \
		"<kernel>/var/lib/libvirt/vmlinuz</kernel><initrd>/var/lib/libvirt/initramfs</initrd>
		<cmdline>console=ttyS0 panic=-1 loglevel=4</cmdline>"
}

# Domain "guest", booted; it stays for the other tests.
guest_runs()
{
	domain_is guest running || virsh start guest
	VM_TIMEOUT=5 wait_for 400 in_vm true
}

guest_detached()
{
	[ "$(eni_field "$(eni_of guest vmguest)" attachment)" = null ]
}

teardown_file()
{
	libvirt_end
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
	LINK=vm$BATS_TEST_NUMBER
}

teardown()
{
	local name
	background_end
	for name in $(virsh list --all --name | grep "^$P-"); do
		virsh destroy "$name" >/dev/null 2>&1 || true
		virsh undefine "$name" >/dev/null
	done
	clean
	for name in $(ctl -o json eni list | jq -r ".[] | select(.name | startswith(\"$P-\")) | .name"); do
		ctl detach "$name" >/dev/null
	done
	namespaces_remove "$INSTANCE-$P-"
}

in_vm()
{
	virt "$TOOLS/vm" --timeout "${VM_TIMEOUT:-20}" /var/lib/libvirt/qemu/shell "$@"
}

clean()
{
	virt "$BUILD/vpc-libvirt" --socket "$VPCD_SOCKET" clean
}

macvtap_on()
{
	ip link show type macvtap | grep -q "@$1:"
}

# eni_of DOMAIN [LINK]
eni_of()
{
	printf 'libvirt:%s:%s' "$(domain_uuid "$1")" "${2:-$LINK}"
}

attached()
{
	[ "$(eni_field "$(eni_of "$1")" attachment.kind)" = link ]
}

group_of()
{
	ctl -o json sg show "$(eni_field "$1" 'security_groups[0]')" | jq -r .name
}

# machine [ATTRIBUTES]: domain "$P-a" with one interface.
machine()
{
	define "$P-a" "$(ours "dev='$LINK' subnet='prod-app' groups='vms'${1:+ $1}")" "$(nic "$LINK")"
}

# refused TEXT: the domain is not started, virsh says why, and nothing is attached.
refused()
{
	run virsh start "$P-a"
	[ "$status" -ne 0 ]
	[[ "$output" == *"vpc-libvirt: $1"* ]] || fail "virsh does not say '$1': $output"
	domain_is "$P-a" "shut off"
	[ -z "$(ctl -o json eni list | jq -r --arg id "$(domain_uuid "$P-a")" '.[] |
		select(.tags["libvirt/domain"] == $id and .attachment != null) | .name')" ]
}

@test "a guest has its ENI's address, is reached by a rule until it is revoked; suspended, with libvirtd killed, and rebooted" {
	local eni ip pid
	guest_runs
	eni=$(eni_of guest vmguest)
	ip=$(eni_field "$eni" ip)
	pid=$(qemu_pid guest)
	[ "$(stat -c %u "/proc/$pid")" = "$UID_OF_QEMU" ]
	tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- '-sandbox on,.*spawn=deny'
	virsh domiflist guest | grep -qi "$(eni_field "$eni" mac)"
	ctl eni list | grep -q "guest"
	ctl eni show "$eni" | grep -q "domain $(domain_uuid guest | cut -c 1-12) (guest) vmguest"
	in_vm ip -4 -o address show dev eth0 | grep -q "$ip/24"
	# the host itself has nothing in the VPC
	[ -z "$(ip -o address show dev vmguest)" ]
	[ -z "$(ip -o address show type macvtap)" ]
	in_vm "nc -ll -p 7000 -e /bin/greet >/dev/null 2>&1 & sleep 0.2"
	workload_add "$P-c" prod-app
	cannot "$P-c" tcp "$ip" 7000
	ctl sg authorize vms ingress tcp 7000 --cidr 10.50.0.0/16 >/dev/null
	can "$P-c" tcp "$ip" 7000
	virsh suspend guest
	virsh resume guest
	can "$P-c" tcp "$ip" 7000
	libvirtd_end KILL
	can "$P-c" tcp "$ip" 7000
	libvirtd_start
	domain_is guest running
	[ "$(qemu_pid guest)" = "$pid" ]
	can "$P-c" tcp "$ip" 7000
	ctl sg revoke vms ingress tcp 7000 --cidr 10.50.0.0/16 >/dev/null
	cannot "$P-c" tcp "$ip" 7000
	# the guest hears of its power button
	virsh reboot guest
	VM_TIMEOUT=2 wait_for 60 not in_vm true
	[ "$(qemu_pid guest)" = "$pid" ]
	[ "$(eni_field "$eni" attachment.ifname)" = vmguest ]
	[ "$(eni_field "$eni" ip)" = "$ip" ]
	verify_clean
}

@test "stopped and started: the address stays; undefined and cleaned: nothing is left" {
	local eni ip mac
	machine
	virsh start "$P-a"
	eni=$(eni_of "$P-a")
	ip=$(eni_field "$eni" ip)
	mac=$(eni_field "$eni" mac)
	virsh dumpxml "$P-a" | grep -q "mac address='$mac'"
	virsh reset "$P-a"
	attached "$P-a"
	[ "$(group_of "$eni")" = vms ]
	virsh destroy "$P-a"
	[ "$(eni_field "$eni" attachment)" = null ]
	not ip link show dev "$LINK"
	workload_add "$P-c" prod-app
	virsh start "$P-a"
	attached "$P-a"
	[ "$(eni_field "$eni" ip)" = "$ip" ]
	clean
	attached "$P-a"
	# an undefined one that runs is still a domain
	virsh undefine "$P-a"
	clean
	[ "$(eni_field "$eni" ip)" = "$ip" ]
	virsh destroy "$P-a"
	clean | grep -q "^$eni: its domain is no more; deleted"
	not ctl eni show "$eni"
	[ -z "$(ctl -o json eni list | jq -r --arg p "$P-" '.[] | select(.tags["libvirt/domain-name"] // "" | startswith($p)) | .name')" ]
}

@test "without an answer of libvirt's, clean deletes nothing" {
	local eni
	machine
	virsh start "$P-a"
	eni=$(eni_of "$P-a")
	virsh destroy "$P-a"
	run virt "$BUILD/vpc-libvirt" --socket "$VPCD_SOCKET" clean --connect qemu+unix:///system?socket=/run/none
	[ "$status" -eq 1 ]
	[[ "$output" == *"nothing was deleted"* ]]
	run virt env PATH=/none "$BUILD/vpc-libvirt" --socket "$VPCD_SOCKET" clean
	[ "$status" -eq 1 ]
	[[ "$output" == *"virsh can't be run"* ]]
	ctl eni show "$eni" >/dev/null
}

@test "what is wrong in the XML is refused, and virsh says what" {
	local none
	none=$(nic "$LINK")
	machine "flavour='x'"
	refused "metadata: <interface> has no attribute 'flavour'; it has dev, subnet, vpc, groups, ip, ip6"
	define "$P-a" "$(ours "dev='$LINK' subnet='nosuch'")" "$none"
	refused "vpcd: InvalidSubnetID.NotFound"
	define "$P-a" "$(ours "dev='$LINK' subnet='prod-app' groups='nosuch'")" "$none"
	refused "vpcd: InvalidGroup.NotFound"
	define "$P-a" "$(ours "dev='$LINK' subnet='prod-app' ip='10.99.0.1'")" "$none"
	refused "vpcd: InvalidParameterValue"
	define "$P-a" "$(ours "dev='$LINK' subnet='prod-app'" "dev='${LINK}b' subnet='prod-app'")" "$none"
	refused "metadata: dev '${LINK}b' is no interface of the domain"
	define "$P-a" "$(ours "dev='$LINK' subnet='prod-app'" "dev='${LINK}b' subnet='nosuch'")" "$none$(nic "${LINK}b")"
	refused "vpcd: InvalidSubnetID.NotFound"
	define "$P-a" "$(ours "dev='$LINK' subnet='prod-app'")" "${none/passthrough/vepa}"
	refused "interface '$LINK': its <source> must have mode='passthrough'"
	define "$P-a" "<v:interface xmlns:v='urn:vpcd:libvirt' dev='$LINK' subnet='prod-app'/>" "$none"
	refused "metadata: <interface> must be inside of <interfaces xmlns='urn:vpcd:libvirt'>"
	# the link's name is another's
	ctl attach "$P-x" --subnet prod-app --link --ifname "$LINK" >/dev/null
	machine
	refused "vpcd: "
	# domains without interfaces of ours are no business of the hook's
	define "$P-a" "<x xmlns='urn:another'/>" ""
	vpcd_stop
	virsh start "$P-a"
	virsh destroy "$P-a"
	machine
	refused "vpcd: "
	vpcd_start
}

@test "QEMU is killed, with and without libvirtd: the ENI is detached, and the domain starts again" {
	local eni ip pid
	machine
	virsh start "$P-a"
	eni=$(eni_of "$P-a")
	ip=$(eni_field "$eni" ip)
	kill -KILL "$(qemu_pid "$P-a")"
	wait_for 20 domain_is "$P-a" "shut off"
	wait_for 10 not attached "$P-a"
	virsh start "$P-a"
	pid=$(qemu_pid "$P-a")
	libvirtd_end KILL
	kill -KILL "$pid"
	wait_for 5 not process_runs "$pid"
	[ "$(eni_field "$eni" attachment.kind)" = link ]
	libvirtd_start
	wait_for 20 domain_is "$P-a" "shut off"
	wait_for 10 not attached "$P-a"
	virsh start "$P-a"
	attached "$P-a"
	[ "$(eni_field "$eni" ip)" = "$ip" ]
	# nobody told vpcd that it ended
	virsh destroy "$P-a"
	ctl eni attach "$eni" --link --ifname "$LINK" >/dev/null
	virsh start "$P-a"
	attached "$P-a"
	[ "$(eni_field "$eni" ip)" = "$ip" ]
}

@test "what the XML says now counts at the next start: groups, name, MAC, subnet, interfaces" {
	local eni id uuid
	machine
	virsh start "$P-a"
	eni=$(eni_of "$P-a")
	id=$(eni_field "$eni" id)
	uuid=$(domain_uuid "$P-a")
	virsh destroy "$P-a"
	virsh dumpxml "$P-a" >"$BATS_TEST_TMPDIR/xml"
	sed -i "s/groups=\"vms\"/groups=\"db\"/" "$BATS_TEST_TMPDIR/xml"
	virsh define "$BATS_TEST_TMPDIR/xml"
	virsh domrename "$P-a" "$P-b"
	virsh start "$P-b"
	[ "$(eni_field "$eni" id)" = "$id" ]
	[ "$(group_of "$eni")" = db ]
	[ "$(eni_field "$eni" 'tags["libvirt/domain-name"]')" = "$P-b" ]
	virsh destroy "$P-b"
	sed -i "s/<name>.*/<name>$P-b<\/name>/; s/mac address='.*'/mac address='52:54:00:aa:bb:cc'/; s/prod-app/prod-db/" "$BATS_TEST_TMPDIR/xml"
	virsh define "$BATS_TEST_TMPDIR/xml"
	virsh start "$P-b"
	[ "$(eni_field "$eni" mac)" = 52:54:00:aa:bb:cc ]
	[[ "$(eni_field "$eni" ip)" == 10.50.2.* ]]
	virsh destroy "$P-b"
	sed -i "s/'$LINK'/'${LINK}n'/; s/\"$LINK\"/\"${LINK}n\"/" "$BATS_TEST_TMPDIR/xml"
	virsh define "$BATS_TEST_TMPDIR/xml"
	virsh start "$P-b"
	not ctl eni show "$eni"
	[ "$(eni_field "libvirt:$uuid:${LINK}n" attachment.ifname)" = "${LINK}n" ]
}

@test "a running domain gets another interface, and gives it back" {
	local mac=52:54:00:00:00:77
	guest_runs
	ctl attach "$P-hot" --subnet prod-app --sg vms --link --ifname "$LINK" --mac "$mac" >/dev/null
	nic "$LINK" "<mac address='$mac'/>" >"$BATS_TEST_TMPDIR/nic"
	virt sh -c 'cat >/run/nic.xml' <"$BATS_TEST_TMPDIR/nic"
	virsh attach-device guest /run/nic.xml --live
	wait_for 20 in_vm ip link show dev eth1
	in_vm cat /sys/class/net/eth1/address | grep -qx "$mac"
	in_vm "ip link set eth1 up; udhcpc -i eth1 -q -n -t 20 -T 1 -s /bin/true 2>&1" | grep -q "lease of $(ip_of "$P-hot") obtained"
	macvtap_on "$LINK"
	virsh detach-device guest /run/nic.xml --live
	wait_for 20 in_vm "! ip link show dev eth1"
	wait_for 10 not macvtap_on "$LINK"
	ctl detach "$P-hot" >/dev/null
	not ip link show dev "$LINK"
}

@test "without the hook: type direct on a link; type ethernet, managed='no', on a macvtap over it; a tap's own name is refused" {
	ctl attach "$P-e" --subnet prod-app --sg vms --link --ifname "$LINK" >/dev/null
	define "$P-a" "" "$(nic "$LINK" "<mac address='$(eni_field "$P-e" mac)'/>")"
	virsh start "$P-a"
	virsh destroy "$P-a"
	ip link add link "$LINK" name "${LINK}t" type macvtap mode passthru
	define "$P-b" "" "<interface type='ethernet'><mac address='$(eni_field "$P-e" mac)'/><target dev='${LINK}t' managed='no'/>
		<model type='virtio'/></interface>"
	virsh start "$P-b"
	virsh domiflist "$P-b" | grep -q "${LINK}t"
	virsh destroy "$P-b"
	ip link show dev "${LINK}t"
	# the tap is in the VPC's namespace, where libvirt does not look
	ctl attach "$P-t" --subnet prod-app --tap --owner "$UID_OF_QEMU" >/dev/null
	define "$P-c" "" "<interface type='ethernet'><target dev='$(eni_field "$P-t" attachment.host_ifname)' managed='no'/></interface>"
	run virsh start "$P-c"
	[ "$status" -ne 0 ]
	[[ "$output" == *"managed='no' but specified dev doesn't exist"* ]] || fail "$output"
}

@test "a domain of a VPC that is to migrate here is refused; another one isn't" {
	machine
	virsh dumpxml "$P-a" >"$BATS_TEST_TMPDIR/xml"
	run "$BUILD/vpc-libvirt" --socket "$VPCD_SOCKET" "$P-a" migrate begin - <"$BATS_TEST_TMPDIR/xml"
	[ "$status" -eq 1 ]
	[[ "$output" == *"shut it down and start it here" ]]
	sed -i s/urn:vpcd:libvirt/urn:another/ "$BATS_TEST_TMPDIR/xml"
	"$BUILD/vpc-libvirt" --socket "$VPCD_SOCKET" "$P-a" migrate begin - <"$BATS_TEST_TMPDIR/xml"
}

@test "a domain is saved and restored, and the guest is told to shut down" {
	local eni
	machine
	virsh start "$P-a"
	eni=$(eni_of "$P-a")
	virsh managedsave "$P-a"
	[ "$(eni_field "$eni" attachment)" = null ]
	virsh start "$P-a"
	attached "$P-a"
	virsh destroy "$P-a"
	guest_runs
	virsh shutdown guest
	wait_for 60 domain_is guest "shut off"
	wait_for 10 guest_detached
}
