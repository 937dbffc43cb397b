# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
# Debian's libvirtd for libvirt.bats, with configuration and state of its own, in a mount namespace of its own and in the test's
# network namespace. `load lib` comes first. Its qemu.conf differs from the packaged one by what this place lacks: AppArmor,
# cgroups, virtlogd. The user libvirt-qemu, whom libvirtd wants even where another one is configured, comes with the package
# libvirt-daemon-system, which would start services. QEMU's seccomp sandbox is on, as everywhere.

UID_OF_QEMU=12345

# virt COMMAND…: where libvirt is.
virt()
{
	nsenter --mount="/proc/$(cat "$BATS_FILE_TMPDIR/mounts")/ns/mnt" "$@"
}

libvirt_start()
{
	unshare -m --propagation private sleep 900 >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/mounts"
	disown
	wait_for 5 virt true
	# shellcheck disable=SC2016 # the inner shell's
	virt sh -c 'for d in /run /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
			mkdir -p "$d" && mount -t tmpfs -o mode=755 libvirt "$d" || exit 1
		done
		cp /etc/passwd /etc/group /run/ || exit 1
		printf "libvirt-qemu:x:%s:%s::/var/lib/libvirt:/usr/sbin/nologin\n" "$1" "$1" >>/run/passwd
		printf "libvirt-qemu:x:%s:\n" "$1" >>/run/group
		mount --bind /run/passwd /etc/passwd && mount --bind /run/group /etc/group || exit 1
		mkdir -p /etc/libvirt/hooks/qemu.d
		printf "%s\n" "security_driver = \"none\"" "cgroup_controllers = []" "stdio_handler = \"file\"" \
			"user = \"+$1\"" "group = \"+$1\"" >/etc/libvirt/qemu.conf
		printf "auth_unix_rw = \"none\"\n" >/etc/libvirt/libvirtd.conf
		printf "#!/bin/sh\nexec %s --socket %s \"\$@\"\n" "$2" "$3" >/etc/libvirt/hooks/qemu.d/vpc
		chmod 755 /etc/libvirt/hooks/qemu.d/vpc' sh "$UID_OF_QEMU" "$BUILD/vpc-libvirt" "$VPCD_SOCKET"
	libvirtd_start
}

libvirtd_start()
{
	nsenter --mount="/proc/$(cat "$BATS_FILE_TMPDIR/mounts")/ns/mnt" libvirtd >>"$BATS_FILE_TMPDIR/libvirtd.log" 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/libvirtd.pid"
	disown
	wait_for 30 virsh version || { tail -n 20 "$BATS_FILE_TMPDIR/libvirtd.log" >&2; return 1; }
}

# libvirtd_end SIGNAL
libvirtd_end()
{
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/libvirtd.pid")
	kill -s "$1" "$pid" 2>/dev/null || return 0
	wait_for 20 not process_runs "$pid"
}

libvirt_end()
{
	local domain
	[ -e "$BATS_FILE_TMPDIR/mounts" ] || return 0
	if [ -e "$BATS_FILE_TMPDIR/libvirtd.pid" ]; then
		for domain in $(virsh list --name); do
			virsh destroy "$domain" >/dev/null
		done
		libvirtd_end TERM
	fi
	kill "$(cat "$BATS_FILE_TMPDIR/mounts")" 2>/dev/null || true
}

virsh()
{
	timeout 60 nsenter --mount="/proc/$(cat "$BATS_FILE_TMPDIR/mounts")/ns/mnt" virsh -q -c qemu:///system "$@"
}

not()
{
	! "$@"
}

# define NAME METADATA DEVICES [OS]: without OS the machine finds nothing to boot. A name has one uuid.
define()
{
	local uuid
	uuid=$(md5sum <<<"$1" | sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/\1-\2-\3-\4-\5/')
	virt sh -c 'cat >/run/domain.xml && virsh -q -c qemu:///system define /run/domain.xml' <<-END
		<domain type='qemu'><name>$1</name><uuid>$uuid</uuid><memory unit='MiB'>${MEMORY:-16}</memory><vcpu>1</vcpu>
		<metadata>$2</metadata>
		<os><type arch='x86_64'>hvm</type>${4:-}</os><features><acpi/></features><cpu mode='maximum'/>
		<devices><memballoon model='none'/><controller type='usb' model='none'/>$3</devices></domain>
	END
}

# ours ATTRIBUTES…: the metadata, an interface each.
ours()
{
	printf "<vpc:interfaces xmlns:vpc='urn:vpcd:libvirt'>"
	[ $# -eq 0 ] || printf '<vpc:interface %s/>' "$@"
	printf '</vpc:interfaces>'
}

# nic LINK [ELEMENT]
nic()
{
	printf "<interface type='direct'><source dev='%s' mode='passthrough'/><model type='virtio'/>%s</interface>" "$1" "${2:-}"
}

domain_uuid()
{
	virsh domuuid "$1" | tr -d '\n'
}

domain_is()
{
	[ "$(virsh domstate "$1" | head -n 1)" = "$2" ]
}

qemu_pid()
{
	virt cat "/run/libvirt/qemu/$1.pid"
}
