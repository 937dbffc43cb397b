/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the map of fragments is divided between VPCs and ENIs: who sends too many evicts nobody else's. */
#include "share_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

LAB_SUITE(share_fragments, share_lab());

static void guarantee(uint32_t guaranteed)
{
	lab_host_flows(l)->fragment_guaranteed = guaranteed;
}

static struct packet_spec fragment_of(const char *src, const char *dst, uint32_t id, bool first)
{
	return (struct packet_spec){.src = src,
				    .dst = dst,
				    .proto = IPPROTO_UDP,
				    .sport = 7,
				    .dport = 53,
				    .payload = 96,
				    .fragment_id = id,
				    .fragment_offset = first ? 0 : 104,
				    .more_fragments = first};
}

static int fragment_out(uint32_t number, uint32_t id, bool first)
{
	return lab_send(l, number, fragment_of(share_address(number), "198.51.100.1", id, first)).reason;
}

/* From ENI `from` (0: from outside) as it arrives at ENI `to`. */
static int fragment_in(uint32_t from, uint32_t to, uint32_t id, bool first)
{
	return lab_deliver(l, to, from ? VPC_MARK_ENI | from : 0,
			   fragment_of(from ? share_address(from) : "198.51.100.1", share_address(to), id, first))
		.reason;
}

/* What others send first fragments of, however many: another VPC's, a quiet ENI's of the same, and at the same
 * receiver. */
Test(share_fragments, of_others_are_followed)
{
	guarantee(50);
	lab_host_flows(l)->fragment_pool = 100;
	cr_assert_eq(fragment_out(ENI_D, 1, true), 0);
	cr_assert_eq(fragment_out(ENI_C, 1, true), 0);
	cr_assert_eq(fragment_in(ENI_C, ENI_B, 1, true), 0);
	cr_assert_eq(fragment_in(0, ENI_B, 1, true), 0);
	for (uint32_t id = 1; id <= SHARE_MANY; id++) {
		cr_assert_eq(fragment_out(ENI_A, id, true), 0);
		cr_assert_eq(fragment_in(ENI_A, ENI_B, id, true), 0);
	}
	cr_expect_eq(fragment_out(ENI_D, 1, false), 0, "another VPC's");
	cr_expect_eq(fragment_out(ENI_C, 1, false), 0, "another ENI's");
	cr_expect_eq(fragment_in(ENI_C, ENI_B, 1, false), 0, "another ENI's, at the same receiver");
	cr_expect_eq(fragment_in(0, ENI_B, 1, false), 0, "from outside");
	/* and who comes later */
	cr_assert_eq(fragment_out(ENI_B, 2, true), 0);
	cr_assert_eq(fragment_out(ENI_D, 2, true), 0);
	for (uint32_t id = SHARE_MANY; id <= 2 * SHARE_MANY; id++)
		cr_assert_eq(fragment_out(ENI_A, id, true), 0);
	cr_expect_eq(fragment_out(ENI_B, 2, false), 0);
	cr_expect_eq(fragment_out(ENI_D, 2, false), 0);
	cr_expect_eq(fragment_out(ENI_A, 2 * SHARE_MANY, false), 0, "who has more than his share is served, too");
	cr_expect_eq(fragment_out(ENI_A, 300, false), VPC_DROP_FRAGMENT, "but evicts himself");
}

Test(share_fragments, from_outside_evict_no_own_ones)
{
	guarantee(100);
	cr_assert_eq(fragment_out(ENI_B, 1, true), 0);
	cr_assert_eq(fragment_in(ENI_A, ENI_B, 1, true), 0);
	for (uint32_t id = 1; id <= SHARE_MANY; id++)
		cr_assert_eq(fragment_in(0, ENI_B, id, true), 0);
	cr_expect_eq(fragment_out(ENI_B, 1, false), 0);
	cr_expect_eq(fragment_in(ENI_A, ENI_B, 1, false), 0);
	cr_expect_eq(fragment_in(0, ENI_B, SHARE_MANY, false), 0);
}

/* Where it is remembered makes no difference to what may follow. */
Test(share_fragments, beyond_the_share_are_judged_alike)
{
	struct packet_spec p = fragment_of("fd00:1::10", "2001:db8::1", 5, true), later;

	for (int beyond = 0; beyond < 2; beyond++) {
		guarantee(beyond ? 0 : 100);
		p.fragment_id++;
		p.payload = 96;
		cr_assert_eq(lab_send(l, ENI_A, p).reason, 0);
		later = p;
		later.more_fragments = false, later.fragment_offset = 104;
		cr_expect_eq(lab_send(l, ENI_A, later).reason, 0, "beyond %d", beyond);
		p.payload = 48; /* another first one, which ends earlier */
		guarantee(beyond ? 100 : 0);
		cr_expect_eq(lab_send(l, ENI_A, p).reason, 0);
		later.fragment_offset = 56;
		cr_expect_eq(lab_send(l, ENI_A, later).reason, VPC_DROP_MALFORMED, "beyond %d: over the first one",
			     beyond);
		later.fragment_offset = 104;
		cr_expect_eq(lab_send(l, ENI_A, later).reason, 0, "beyond %d", beyond);
		lab_age(l, 31);
		cr_expect_eq(lab_send(l, ENI_A, later).reason, VPC_DROP_FRAGMENT, "beyond %d: 30 s are over", beyond);
	}
}
