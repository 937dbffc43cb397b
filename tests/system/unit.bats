#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The systemd unit: no mount namespace, and what confines vpcd.

bats_require_minimum_version 1.5.0
load lib

# Without a daemon.
setup_file()
{
	:
}

setup()
{
	UNIT=$TOP/daemon/vpcd.service
}

teardown()
{
	:
}

@test "systemd-analyze verify has nothing to say" {
	local copy=$BATS_TEST_TMPDIR/vpcd.service text
	# verify wants the program to exist where the unit says.
	sed "s#^ExecStart=[^ ]*#ExecStart=$VPCD#" "$UNIT" >"$copy"
	text=$(systemd-analyze verify --man=no "$copy" 2>&1) || fail "$text"
	[ -z "$text" ] || fail "$text"
}

@test "it uses no option that makes a mount namespace" {
	local option
	for option in ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateMounts PrivateNetwork PrivateUsers PrivateIPC \
		ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups ProtectHostname ProtectProc ProcSubset \
		ProtectClock ReadWritePaths ReadOnlyPaths InaccessiblePaths ExecPaths NoExecPaths TemporaryFileSystem BindPaths \
		BindReadOnlyPaths MountFlags MountAPIVFS MountImages ExtensionImages RootDirectory RootImage DynamicUser LogNamespace \
		NetworkNamespacePath JoinsNamespaceOf; do
		run ! grep -q "^$option=" "$UNIT"
	done
}

@test "it is confined by what is left" {
	local option
	for option in Type=notify NoNewPrivileges=yes KillMode=process Restart=on-failure Nice=-10; do
		grep -qx "$option" "$UNIT"
	done
	for option in CapabilityBoundingSet SystemCallFilter WatchdogSec; do
		grep -q "^$option=." "$UNIT"
	done
}
