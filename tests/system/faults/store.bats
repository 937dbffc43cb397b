#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A store that is damaged, older, another or gone is refused, and what was enforced stays so: P1, P6.

bats_require_minimum_version 1.5.0
load ../lib

# Two workloads; what is revoked last must stay so.
setup()
{
	P=t$BATS_TEST_NUMBER
	vpcd_running || vpcd_start
	pair prod-db
	ctl sg authorize "$P-b" ingress all --sg "$P-a"
	serve "$P-b" --tcp 7000
	can "$P-a" tcp "$B" 7000
	SAFE=$BATS_TEST_TMPDIR/safe
}

teardown()
{
	if vpcd_running; then
		vpcd_stop KILL
	fi
	if [ -d "$SAFE" ]; then
		put_back
	fi
	vpcd_start
	background_end
	namespaces_remove "$INSTANCE-$P-"
}

put_back()
{
	rm -rf "$STATE_DIR"
	cp -a "$SAFE" "$STATE_DIR"
}

# start_refused PART…: the daemon doesn't start, says each PART, and what was revoked stays so.
start_refused()
{
	local args part status=0
	mapfile -t args < <(vpcd_args)
	timeout 20 "$VPCD" "${args[@]}" >"$BATS_TEST_TMPDIR/refused" 2>&1 3>&- || status=$?
	[ "$status" -eq 1 ] || fail "exit $status: $(tail -n 5 "$BATS_TEST_TMPDIR/refused")"
	for part in "$@" --accept-store; do
		grep -qF -- "$part" "$BATS_TEST_TMPDIR/refused" || fail "not said: $part: $(cat "$BATS_TEST_TMPDIR/refused")"
	done
	cannot "$P-a" tcp "$B" 7000
}

@test "P6: a log that is damaged, cut or removed, an older folder, and one that is gone are refused" {
	local old=$BATS_TEST_TMPDIR/old offset
	vpcd_stop TERM
	cp -a "$STATE_DIR" "$old"
	vpcd_start
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	cannot "$P-a" tcp "$B" 7000
	vpcd_stop KILL
	cp -a "$STATE_DIR" "$SAFE"

	# in the last transaction, its first frame: without the kernel nobody could tell that it had ended
	rm "$STATE_DIR/acknowledged"
	offset=$((32 + 24 + 100))
	printf '\377' | dd of="$STATE_DIR/state.db-wal" bs=1 seek=$offset conv=notrunc status=none
	start_refused "has lost changes"
	put_back
	truncate -s 0 "$STATE_DIR/state.db-wal"
	start_refused "has lost changes"
	put_back
	rm "$STATE_DIR/state.db-wal"
	start_refused "has lost changes"

	rm -rf "$STATE_DIR"
	cp -a "$old" "$STATE_DIR"
	start_refused "the kernel's maps knows revision"

	rm -rf "$STATE_DIR"
	start_refused "there is no store in"
	[ ! -e "$STATE_DIR" ] || fail "made in its place: $(ls "$STATE_DIR")"
	mkdir "$STATE_DIR"
	start_refused "there is no store in"

	# what was right is still right
	put_back
	vpcd_start
	cannot "$P-a" tcp "$B" 7000
	verify_clean
}

@test "who means it goes on with an older store: --accept-store, once" {
	local args old=$BATS_TEST_TMPDIR/old
	vpcd_stop TERM
	cp -a "$STATE_DIR" "$old"
	vpcd_start
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	vpcd_stop TERM
	cp -a "$STATE_DIR" "$BATS_TEST_TMPDIR/newer"
	rm -rf "$STATE_DIR"
	cp -a "$old" "$STATE_DIR"
	start_refused "has lost changes"
	mapfile -t args < <(vpcd_args)
	"$VPCD" "${args[@]}" --accept-store >>"$VPCD_LOG" 2>&1 3>&- &
	echo $! >"$PID_FILE"
	disown
	vpcd_wait
	can "$P-a" tcp "$B" 7000
	verify_clean
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	vpcd_restart TERM
	# the other's history is no longer this one's
	vpcd_stop TERM
	cp -a "$STATE_DIR" "$SAFE"
	rm -rf "$STATE_DIR"
	cp -a "$BATS_TEST_TMPDIR/newer" "$STATE_DIR"
	start_refused "is another store than"
}

# What was enforced stays so: the ports' fallback filters hold the maps whose pins are gone.
@test "P1, P6: the store and the pins lost at once are refused: folder, store alone, an older copy" {
	local old=$BATS_TEST_TMPDIR/old pins=/sys/fs/bpf/vpcd/$INSTANCE namespaces
	vpcd_stop TERM
	cp -a "$STATE_DIR" "$old"
	vpcd_start
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	ctl vpc create "$P-later" --cidr 10.77.0.0/16 >/dev/null
	wait_for 10 ctl verify
	vpcd_stop KILL
	cp -a "$STATE_DIR" "$SAFE"
	namespaces=$(find /run/netns -name "$INSTANCE-vpc-*" | sort)

	rm -rf "$pins" "$STATE_DIR"
	start_refused "does not know vpc-" "pinned maps"
	[ ! -e "$STATE_DIR" ] || fail "made in its place: $(ls "$STATE_DIR")"
	mkdir "$STATE_DIR"
	start_refused "does not know vpc-"
	put_back
	rm -f "$STATE_DIR/state.db"
	start_refused "does not know vpc-"
	rm -rf "$STATE_DIR"
	cp -a "$old" "$STATE_DIR"
	start_refused "does not know vpc-"
	[ "$(find /run/netns -name "$INSTANCE-vpc-*" | sort)" = "$namespaces" ]

	# the pins alone
	put_back
	vpcd_start
	cannot "$P-a" tcp "$B" 7000
	verify_clean
}

@test "after a clean stop nothing that is wrong in the log counts" {
	local offset bytes
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	vpcd_stop TERM
	bytes=$(stat -c %s "$STATE_DIR/state.db-wal")
	for offset in 0 8 16 32 100 5000 9000 20000 $((bytes / 2)); do
		printf '\252' | dd of="$STATE_DIR/state.db-wal" bs=1 seek="$offset" conv=notrunc status=none
	done
	vpcd_start
	cannot "$P-a" tcp "$B" 7000
	vpcd_stop TERM
	truncate -s 0 "$STATE_DIR/state.db-wal"
	vpcd_start
	cannot "$P-a" tcp "$B" 7000
	verify_clean
}

@test "a folder that vanishes while vpcd runs is noticed at the next change, and found again" {
	local status=0
	mv "$STATE_DIR" "$STATE_DIR.away"
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >"$BATS_TEST_TMPDIR/out" 2>&1 || status=$?
	[ "$status" -ne 0 ]
	grep -q "was removed" "$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	can "$P-a" tcp "$B" 7000
	[ ! -e "$STATE_DIR" ]
	mv "$STATE_DIR.away" "$STATE_DIR"
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	cannot "$P-a" tcp "$B" 7000
	vpcd_restart KILL
	cannot "$P-a" tcp "$B" 7000
	verify_clean
}

health()
{
	ctl -o json status | jq -r .health.state
}

healthy()
{
	[ "$(health)" = ok ]
}

@test "somebody else's transaction on state.db: reads go on, changes are refused soon, health says so until it ends" {
	local from took status=0 holder
	sqlite3 "$STATE_DIR/state.db" 'BEGIN IMMEDIATE' '.system sleep 12' 'ROLLBACK' >/dev/null 2>&1 3>&- &
	holder=$!
	sleep 1
	from=$(now_ns)
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	for _ in 1 2 3 4 5 6; do
		from=$(now_ns)
		ctl sg list --vpc prod >/dev/null
		took=$((($(now_ns) - from) / 1000000))
		[ "$took" -lt 1000 ] || fail "a read took $took ms"
		sleep 0.1
	done
	wait $! || status=$?
	[ "$status" -ne 0 ]
	grep -q "another process has a transaction open" "$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	[ "$(health)" = degraded ]
	from=$(now_ns)
	for _ in 1 2 3; do
		! ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null 2>&1 || fail "committed beside another's transaction"
	done
	took=$((($(now_ns) - from) / 1000000))
	[ "$took" -lt 4000 ] || fail "three refusals took $took ms"
	can "$P-a" tcp "$B" 7000
	pkill -P "$holder" || true
	wait "$holder" || true
	wait_for 5 healthy
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	cannot "$P-a" tcp "$B" 7000
	verify_clean
}

@test "a folder that vanishes is noticed without a change too, and again when it is back" {
	mv "$STATE_DIR" "$STATE_DIR.away"
	wait_for 10 eval '! healthy'
	ctl -o json status | jq -e '.health.conditions.store == 1' >/dev/null
	mv "$STATE_DIR.away" "$STATE_DIR"
	wait_for 5 healthy
	ctl sg revoke "$P-b" ingress all --sg "$P-a" >/dev/null
	cannot "$P-a" tcp "$B" 7000
}
