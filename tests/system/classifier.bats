#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Groups whose rules make a long walk are answered by classifiers: enforced as instantly as any (P2), through restarts
# (P6), and verified.

bats_require_minimum_version 1.5.0
load lib

# Sixteen port ranges around 7000 and in each seven prefix lengths, none of them $P-a's: 17 * 8 probes, were they walked.
setup()
{
	local size low
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P-a" --vpc prod >/dev/null
	ctl sg create "$P-b" --vpc prod >/dev/null
	for size in 1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 32768; do
		low=$((7000 / size * size))
		ctl sg authorize "$P-b" ingress udp "$low-$((low + size - 1))" --cidr 203.0.113.0/24 --cidr 198.51.0.0/16 \
			--cidr 192.0.2.0/28 --cidr 192.0.2.64/30 --cidr 172.16.0.0/12 --cidr 100.64.0.0/10 --cidr 9.0.0.0/8 >/dev/null
	done
	workload_add "$P-a" prod-app --sg "$P-a"
	workload_add "$P-b" prod-app --sg "$P-b"
	serve "$P-b" --udp 7000
	B=$(ip_of "$P-b")
}

teardown()
{
	local name
	background_end
	if ! vpcd_running; then
		vpcd_start
	fi
	for name in "$P-a" "$P-b"; do
		ctl detach "$name" >/dev/null 2>&1 || true
		ctl sg delete "$name" >/dev/null 2>&1 || true
	done
	namespaces_remove "$INSTANCE-$P-"
}

classifier_blocks()
{
	ctl -o json status | jq .maps.classifier.used
}

@test "P2: a rule of such a group is in force, and out of force, when the reply comes" {
	[ "$(classifier_blocks)" -gt 0 ] || fail "there is no classifier: the test tests nothing"
	cannot "$P-a" udp "$B" 7000
	in_ns "$P-a" "$TOOLS/flip" --socket "$VPCD_SOCKET" --group "$P-b" --host "$B" --port 7000 --rounds 50 ||
		fail "an allowed packet didn't come back"
	sleep 0.3
	[ "$(grep -c denied "$(log_of "$P-b")")" -eq 0 ] || fail "packets passed after their rule was revoked"
	[ "$(ctl -o json status | jq .maps.classifier.walked)" -eq 0 ] || fail "rules are walked"
	verify_clean
}

@test "P6: its classifier judges while vpcd is dead, and is taken up again" {
	local blocks
	ctl sg authorize "$P-b" ingress udp 7000 --sg "$P-a" >/dev/null
	stream "$P-a" u udp-echo "$B" 7000
	blocks=$(classifier_blocks)
	vpcd_stop KILL
	can "$P-a" udp "$B" 7000
	vpcd_start
	[ "$(classifier_blocks)" -eq "$blocks" ] || fail "$(classifier_blocks) blocks, $blocks before"
	verify_clean
	[ "$(stream_end u | tee "$BATS_TEST_TMPDIR/u" | jq .lost)" -eq 0 ] || fail "lost: $(cat "$BATS_TEST_TMPDIR/u")"
	ctl sg revoke "$P-b" ingress udp 7000 --sg "$P-a"
	cannot "$P-a" udp "$B" 7000
	verify_clean
}
