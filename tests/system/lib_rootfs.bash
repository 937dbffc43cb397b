# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Root file systems of containers.

# rootfs_make FOLDER: of busybox alone.
rootfs_make()
{
	local name
	mkdir -p "$1"/{bin,dev,etc,proc,root,run,sbin,sys,tmp,usr}
	cp /bin/busybox "$1/bin/busybox"
	for name in sh ip sleep ping httpd cat udhcpc; do
		ln -s busybox "$1/bin/$name"
	done
	ln -s ../bin/busybox "$1/sbin/init"
	touch "$1/etc/os-release"
}
