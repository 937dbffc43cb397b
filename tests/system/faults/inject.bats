#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpcd killed, and single calls of it failing, at calls of every kind of change and of a start: a short selection.
# P1, P3, P6, P8; `make faults` does it at random for long.

load ../lib

setup_file()
{
	export FAULTS_WORK=$BATS_FILE_TMPDIR/faults
}

# inject SECONDS KIND…
inject()
{
	local seconds=$1 kinds=() kind
	shift
	for kind in "$@"; do
		kinds+=(--kind "$kind")
	done
	rm -rf "$FAULTS_WORK"
	mkdir -p "$FAULTS_WORK"
	"$BATS_TEST_DIRNAME/alone" "$BATS_TEST_DIRNAME/faults" --build "$BUILD" --work "$FAULTS_WORK" --seconds "$seconds" --seed 8 "${kinds[@]}"
}

@test "P3, P6: a fault at a call of a change of rules leaves the old state or the new, and traffic goes on" {
	inject 8 sg.create sg.delete sg.authorize sg.revoke sg.revoke-keep
}

@test "P3, P6: a fault at a call of a change of networks and interfaces leaves nothing behind" {
	inject 12 vpc.create vpc.delete subnet.create subnet.delete eni.attach eni.attach-tap eni.detach transaction
}

@test "P3, P6: a fault at a call of a restore leaves the old state or the one of the backup, in the store and in the kernel" {
	inject 15 restore restore.delete
}

@test "P6: a fault at a call of a start: the next start is well, and packets are judged meanwhile" {
	inject 12 start
}
