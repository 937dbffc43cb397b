/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keep and drain spare of what a revocation would cut, and what ends it (rule 8, P7). */
#include "revoke_util.h"

#include <criterion/criterion.h>
#include <string.h>

static struct revoke_rows rows;

LAB_SUITE(revoke_keep, revoke_lab_open(&rows));

/* A grace is for rules that were taken away. It lets nobody write an address that isn't his any more (P7). */
Test(revoke_keep, keep_spares_no_address)
{
	revoke_establish();
	lab_kill_row(l, rows.tcp);
	lab_kill_row(l, rows.udp);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, ~0ull), 2);
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_assert_eq(revoke_tcp(true, ACK), 0);
	cr_assert_eq(revoke_udp(true), 0);
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_addr(l, 1, "10.0.0.10", ENI_C);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_FORGED_SOURCE);
	cr_expect_eq(revoke_udp(true), VPC_DROP_FORGED_SOURCE);
}

/* A grace ends with the address: who gets it back begins without one, whatever became of it in between. */
Test(revoke_keep, keep_ends_with_the_address)
{
	struct vpc_flow_key key;
	struct vpc_flow f;

	revoke_establish();
	lab_kill_row(l, rows.tcp);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, ~0ull), 1);
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_assert_eq(revoke_tcp(true, ACK), 0);
	lab_addr(l, 1, "10.0.0.77", ENI_A);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_ADDRESS, 0), 1, "another address says nothing of it");
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_ADDRESS, 0), 0, "none has one any more");
	cr_expect_not_null(memchr(lab_sweep_io(l)->result, VPC_SWEPT_ENDED, VPC_SWEEP_MAX), "and one lived on it");
	cr_assert(lab_flow(l, true, &key, &f));
	cr_expect_eq(f.grace_until[0] | f.grace_until[1], 0);
	lab_sweep(l, VPC_SWEEP_ADDRESS, 0);
	cr_expect_null(memchr(lab_sweep_io(l)->result, VPC_SWEPT_ENDED, VPC_SWEEP_MAX), "none is left to end");
	lab_addr(l, 1, "10.0.0.10", ENI_A);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
}

/* A kept flow that is allowed again is one like any other: vpcd ends its grace before it takes anything away, so that a
 * later cut cuts it. */
Test(revoke_keep, keep_ends_when_it_is_allowed_again)
{
	uint32_t again;

	revoke_establish();
	lab_kill_row(l, rows.udp);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, ~0ull), 1);
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_assert_eq(revoke_udp(true), 0);
	again = lab_allow(
		l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer_sg = SG_A});
	lab_commit(l);
	cr_assert_eq(revoke_udp(true), 0);
	lab_revoke(l, again);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_CONFIRM, 0), 0, "none has one any more");
	cr_expect_eq(revoke_udp(true), VPC_DROP_REVOKED);
}

/* A grace of one side says nothing about the other's rules. */
Test(revoke_keep, keep_is_for_one_side)
{
	struct vpc_flow_key key;
	struct vpc_flow f;
	uint32_t row = lab_allow_all(l, SG_A, VPC_EGRESS, 4);

	lab_commit(l);
	revoke_establish();
	lab_kill_row(l, rows.tcp);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, ~0ull), 1);
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_assert_eq(revoke_tcp(true, ACK), 0);
	lab_revoke(l, row);
	lab_commit(l);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_REPORT, 0), 2);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
	cr_assert(lab_flow(l, true, &key, &f));
	cr_expect_eq(f.grace_until[0] | f.grace_until[1], 0);
}

/* What failed before already gets no grace, and what is spared keeps the one it has. */
Test(revoke_keep, keep_gives_nothing_to_what_is_cut)
{
	struct vpc_flow_key key;
	struct vpc_flow f;

	revoke_establish();
	lab_revoke(l, rows.udp);
	lab_commit(l);
	lab_kill_row(l, rows.tcp);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, lab_now_ns() + 3600000000000ull), 1);
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(false, ACK), 0);
	cr_expect_eq(revoke_udp(false), VPC_DROP_REVOKED);
	lab_kill_row(l, rows.icmp);
	lab_commit(l);
	cr_assert_eq(lab_sweep(l, VPC_SWEEP_GRACE, ~0ull), 1, "it goes on");
	while (lab_flow(l, true, &key, &f) && f.state == VPC_FLOW_TOMBSTONE)
		lab_sweep(l, VPC_SWEEP_EXPIRE, 0), lab_age(l, 961);
	cr_expect_neq(f.grace_until[1], VPC_GRACE_KEEP, "as long as it was told");
}

Test(revoke_keep, keep_and_drain)
{
	revoke_establish();
	/* published without raising gen_revoke */
	lab_kill_row(l, rows.tcp);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), 0);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_REPORT, 0), 1, "one would be cut");
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_GRACE, lab_now_ns() + 3600000000000ull), 1);
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), 0, "spared");
	cr_expect_eq(revoke_tcp(false, ACK), 0);
	cr_expect_eq(revoke_tcp(true, SYN), VPC_DROP_NO_INGRESS_RULE, "new ones are refused");
	cr_expect_eq(revoke_udp(true), 0);
	/* another change of the set doesn't cut it */
	lab_raise(l, SG_B, true);
	lab_commit(l);
	cr_expect_eq(revoke_tcp(true, ACK), 0);
	cr_expect_eq(lab_sweep(l, VPC_SWEEP_UNSPARE, 0), 1);
	cr_expect_eq(revoke_tcp(false, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_tcp(true, ACK), VPC_DROP_REVOKED);
	cr_expect_eq(revoke_udp(true), 0);
}
