#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpcd may stop, be killed and come back: promises P3 and P6.

bats_require_minimum_version 1.5.0
load lib

setup()
{
	P=t$BATS_TEST_NUMBER
	pair prod-db
	ctl sg authorize "$P-b" ingress all --sg "$P-a"
	serve "$P-b" --tcp 7000 --udp 7000
}

teardown()
{
	if ! vpcd_running; then
		vpcd_start
	fi
	background_end
	namespaces_remove "$INSTANCE-$P-"
}

@test "P6: SIGKILL during traffic loses no packet, the next start adopts everything" {
	local before t
	before=$(ctl -o json eni show "$P-b" | jq -c '[.id, .number, .mac, .ip, .attachment.host_ifname]')
	stream "$P-a" u udp-echo "$B" 7000
	stream "$P-a" t tcp-recv "$B" 7000
	vpcd_stop KILL
	sleep 1
	can "$P-a" tcp "$B" 7000
	can "$P-a" udp "$(ip6_of_cached)" 7000
	vpcd_start
	t=$(now_ns)
	sleep 1.2
	log_goes_on "$(stream_log t)" "$t"
	[ "$(stream_end u | tee "$BATS_TEST_TMPDIR/u" | jq .lost)" -eq 0 ] || fail "lost: $(cat "$BATS_TEST_TMPDIR/u")"
	[ "$(ctl -o json eni show "$P-b" | jq -c '[.id, .number, .mac, .ip, .attachment.host_ifname]')" = "$before" ]
	verify_clean
}

ip6_of_cached()
{
	in_ns "$P-b" ip -6 -o address show dev eth0 scope global | awk '{ sub("/.*", "", $4); print $4; exit }'
}

@test "P6: SIGTERM leaves networks and enforcement in place" {
	stream "$P-a" u udp-echo "$B" 7000
	vpcd_stop TERM
	[ ! -S "$VPCD_SOCKET" ]
	can "$P-a" tcp "$B" 7000
	cannot "$P-b" tcp "$(in_ns "$P-a" ip -4 -o address show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }')" 7000
	vpcd_start
	sleep 0.3
	[ "$(stream_end u | jq .lost)" -eq 0 ]
	verify_clean
}

@test "P6: rules changed after a restart hold for flows from before it" {
	local t
	stream "$P-a" t tcp-echo "$B" 7000
	vpcd_restart KILL
	ctl sg revoke "$P-b" ingress all --sg "$P-a"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log t)" "$t"
}

@test "exit 3 when no daemon is there" {
	local status=0
	vpcd_stop TERM
	ctl status >/dev/null 2>&1 || status=$?
	[ "$status" -eq 3 ]
}

@test "vpcctl waits for a daemon that is restarting, killed or stopped, and asks at once where none ever was" {
	local signal asking status=0
	for signal in KILL TERM; do
		vpcd_stop "$signal"
		ctl -o id vpc list >"$BATS_TEST_TMPDIR/list-$signal" 3>&- &
		asking=$!
		sleep 1
		vpcd_start
		wait "$asking"
		grep -q '^vpc-' "$BATS_TEST_TMPDIR/list-$signal"
	done
	timeout 1 "$VPCCTL" --socket "$BATS_TEST_TMPDIR/vpcd.sock" status >/dev/null 2>&1 || status=$?
	[ "$status" -eq 3 ]
}

@test "P3, P6: SIGKILL in the middle of a thousand changes: each is there or not, every acknowledged one is" {
	local n killed status=0
	ctl sg create "$P-many" --vpc prod >/dev/null
	for killed in 1 2 3; do
		"$TOOLS/hammer" --socket "$VPCD_SOCKET" --group "$P-many" --first $((killed * 1000)) --count 350 \
			>"$BATS_TEST_TMPDIR/acknowledged-$killed" 3>&- &
		local pid=$!
		wait_for 10 test -s "$BATS_TEST_TMPDIR/acknowledged-$killed"
		sleep "0.$((killed * 2))"
		vpcd_stop KILL
		wait "$pid" || true
		vpcd_start
		verify_clean
	done
	ctl -o json sg show "$P-many" | jq -r '.rules[] | select(.direction == "ingress") | .from_port' | sort -n >"$BATS_TEST_TMPDIR/there"
	sort -n "$BATS_TEST_TMPDIR"/acknowledged-* >"$BATS_TEST_TMPDIR/acknowledged"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/acknowledged")" -gt 10 ]
	# Acknowledged and missing:
	[ -z "$(comm -23 <(sort "$BATS_TEST_TMPDIR/acknowledged") <(sort "$BATS_TEST_TMPDIR/there"))" ]
	# There without an acknowledgement: at most the one in flight at each kill, which is two rules or none.
	n=$(comm -13 <(sort "$BATS_TEST_TMPDIR/acknowledged") <(sort "$BATS_TEST_TMPDIR/there") | wc -l)
	[ "$n" -le 6 ] && [ $((n % 2)) -eq 0 ] || fail "$n rules nobody was told of"
	can "$P-a" tcp "$B" 7000
}

@test "P6: attachments to namespaces that went away while vpcd was down become none" {
	workload_add "$P-gone" prod-app --sg "$P-a"
	vpcd_stop TERM
	ip netns del "$(netns_of "$P-gone")"
	vpcd_start
	wait_for 10 attached_to_nothing "$P-gone"
	verify_clean
	can "$P-a" tcp "$B" 7000
}

attached_to_nothing()
{
	[ "$(eni_field "$1" attachment)" = null ]
}

# Another version's tcx link stayed in front of ours and went on judging by rules that nobody changed any more.
@test "P2, P6: an upgrade of the datapath: connections go on, rules hold, nothing of the old version is left" {
	local pins=/sys/fs/bpf/vpcd/$INSTANCE name t
	stream "$P-a" t tcp-echo "$B" 7000
	vpcd_stop
	name=$(basename "$pins"/v*)
	mv "$pins/$name" "$pins/v0"
	# and the pin of a link whose port is gone
	mkdir -p "$pins/$name/links"
	mv "$pins/v0/progs/sweep" "$pins/$name/links/99999-in"
	vpcd_start
	t=$(now_ns)
	[ ! -e "$pins/v0" ]
	[ ! -e "$pins/$name/links/99999-in" ]
	verify_clean
	sleep 1.2
	log_goes_on "$(stream_log t)" "$t"
	ctl sg revoke "$P-b" ingress all --sg "$P-a"
	t=$(now_ns)
	sleep 1.2
	log_stops "$(stream_log t)" "$t"
	cannot "$P-a" tcp "$B" 7000
}

@test "a lock admits one daemon per instance" {
	local args status=0
	mapfile -t args < <(vpcd_args)
	timeout 10 "$VPCD" "${args[@]}" >/dev/null 2>&1 3>&- || status=$?
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	status=0
	timeout 10 "$VPCD" "${args[@]}" --purge >/dev/null 2>&1 3>&- || status=$?
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	ctl status >/dev/null
	can "$P-a" tcp "$B" 7000
}

# newest_rule: the highest number of a rule in the store.
newest_rule()
{
	sqlite3 -readonly "$STATE_DIR/state.db" "SELECT max(json_extract(text, '\$.number')) FROM document WHERE kind = 'rule'"
}

@test "a rule's number is not given again, be it that nothing is left of it and vpcd was killed" {
	local number last=0
	for _ in 1 2 3; do
		ctl sg authorize "$P-b" ingress tcp 9 --cidr 192.0.2.0/24
		number=$(newest_rule)
		[ "$number" -gt "$last" ]
		last=$number
		ctl sg revoke "$P-b" ingress tcp 9 --cidr 192.0.2.0/24
		[ "$(newest_rule)" -lt "$number" ]
		vpcd_stop KILL
		vpcd_start
	done
}
