/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror by itself: whose flows a change affects, and that finding them costs no more than they are. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "datapath/maps/mirror/affected.h"
#include "datapath/maps/mirror/enis.h"
#include "datapath/maps/mirror/mirror.h"
#include "datapath/maps/mirror/sets.h"

#define ENIS	  1000
#define GROUPS	  100
#define EACH	  (ENIS / GROUPS) /* ENIs with one group */
#define MANY_ENIS (ENIS + 16)

static struct mirror m;
static struct mirror_change c;
static struct plan plan;
static struct plan_row rows[GROUPS + 1];
static struct plan_eni enis[MANY_ENIS];
static struct plan_addr addrs[4];

/* ENI n has the group n % GROUPS + 1. */
static uint32_t group_of(uint32_t eni)
{
	return eni % GROUPS + 1;
}

static void plan_empty(void)
{
	plan = (struct plan){.rows = rows, .enis = enis, .addrs = addrs};
}

static void add_row(bool add, uint32_t sg, uint16_t port, uint32_t rule)
{
	rows[plan.n_rows++] = (struct plan_row){.add = add,
						.slot = VPC_SLOT_TCP,
						.port_plen = 16,
						.port = port,
						.peer_kind = VPC_PEER_CIDR4,
						.sg = sg,
						.rule = rule};
}

static void add_peer_row(uint32_t sg, uint32_t peer, uint32_t rule)
{
	add_row(true, sg, 22, rule);
	rows[plan.n_rows - 1].peer_kind = VPC_PEER_SG;
	rows[plan.n_rows - 1].peer[0] = peer;
}

static void add_eni(bool before, bool after, uint32_t number, uint32_t sg)
{
	struct eni_record record = {.number = number, .incarnation = 1, .vpc = 1, .n_groups = 1, .groups = {sg}};

	enis[plan.n_enis++] = (struct plan_eni){.has_before = before,
						.has_after = after,
						.before = record,
						.after = after ? record : (struct eni_record){}};
}

static void add_addr(bool add, uint8_t host, uint32_t eni)
{
	addrs[plan.n_addrs++] = (struct plan_addr){
		.add = add, .vpc = 1, .eni = eni, .ip = {.family = 4, .bytes = {[10] = 0xff, 0xff, 10, 0, 0, host}}};
}

static void prepare(void)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	cr_assert_eq(mirror_plan(&m, &c, &plan, &error), 0, "%s", error.message ? error.message : "");
}

static void publish(void)
{
	mirror_publish(&m, &c);
	mirror_change_clear(&c);
	plan_empty();
}

static int count(uint32_t eni, void *userdata)
{
	cr_assert(eni);
	++*(unsigned *)userdata;
	return 0;
}

/* How many ENIs are looked at for the prepared change. */
static unsigned looked_at(void)
{
	unsigned n = 0;

	cr_assert_eq(affected_each_revoked(&m, &c, false, count, &n), 0);
	return n;
}

/* Each group has a row; group 1 has one more, that refers to group 2. */
static void setup(void)
{
	static const struct mirror_sizes sizes = {.rows = 512,
						  .mask_groups = 512,
						  .sets = 256,
						  .addrs = 64,
						  .addr_numbers = 65,
						  .enis = MANY_ENIS,
						  .groups = GROUPS + 8,
						  .vpcs = 4,
						  .blocks = 1024};

	cr_assert_eq(mirror_init(&m, &sizes), 0);
	plan_empty();
	for (uint32_t i = 1; i <= GROUPS; i++)
		add_row(true, i, 443, i);
	add_peer_row(1, 2, GROUPS + 1);
	for (uint32_t i = 1; i <= ENIS; i++)
		add_eni(false, true, i, group_of(i));
	add_addr(true, 1, 1);
	prepare();
	cr_expect_eq(looked_at(), 0, "it only adds");
	publish();
}

static void teardown(void)
{
	mirror_change_clear(&c);
	mirror_free(&m);
}

TestSuite(datapath_mirror, .init = setup, .fini = teardown);

Test(datapath_mirror, a_change_that_only_adds_looks_at_no_eni)
{
	add_row(true, 7, 80, 500);
	prepare();
	cr_expect(!c.revoked);
	cr_expect_eq(c.affected_sets.n, 1);
	cr_expect_eq(looked_at(), 0);
	publish();
	add_eni(false, true, ENIS + 1, 7);
	add_addr(true, 2, 2);
	prepare();
	cr_expect_eq(looked_at(), 0);
	publish();
}

Test(datapath_mirror, a_rule_taken_away_looks_at_the_enis_of_its_group)
{
	add_row(false, 7, 443, 7);
	prepare();
	cr_expect(c.revoked);
	cr_expect_eq(looked_at(), EACH, "%u of %u ENIs", looked_at(), ENIS);
	publish();
}

Test(datapath_mirror, an_eni_that_leaves_a_group)
{
	/* Number GROUPS + 1 has group 2, which group 1 refers to: it, and the ENIs of group 1. */
	add_eni(true, true, GROUPS + 1, 3);
	prepare();
	cr_expect_eq(looked_at(), 1 + EACH, "%u", looked_at());
	publish();
	cr_expect_eq(m.sets[m.enis[GROUPS + 1].set].sg[0], 3);
	add_row(false, 2, 443, 2);
	prepare();
	cr_expect_eq(looked_at(), EACH - 1, "it left: %u", looked_at());
	publish();
	add_row(false, 3, 443, 3);
	prepare();
	cr_expect_eq(looked_at(), EACH + 1, "it came: %u", looked_at());
	publish();
}

Test(datapath_mirror, an_eni_that_is_removed)
{
	add_eni(true, false, 8, group_of(8));
	prepare();
	cr_expect_eq(looked_at(), 1);
	publish();
	add_row(false, group_of(8), 443, group_of(8));
	prepare();
	cr_expect_eq(looked_at(), EACH - 1);
	publish();
}

/* Of ENI 1, with group 2, which group 1 refers to. With keep only the ENI itself is cut at once. */
Test(datapath_mirror, an_address_taken_away)
{
	unsigned n = 0;

	add_addr(false, 1, 1);
	prepare();
	cr_expect_eq(looked_at(), 1 + EACH, "%u", looked_at());
	cr_expect_eq(affected_each_revoked(&m, &c, true, count, &n), 0);
	cr_expect_eq(n, 1);
	publish();
}

static int stop(uint32_t eni, void *userdata)
{
	count(eni, userdata);
	return 1;
}

Test(datapath_mirror, the_first_with_flows_is_enough)
{
	unsigned n = 0;

	add_row(false, 7, 443, 7);
	prepare();
	cr_expect_eq(affected_each_revoked(&m, &c, false, stop, &n), 1);
	cr_expect_eq(n, 1);
	publish();
}

/* A transaction deletes a VPC, and creates one that gets its number: whichever the plan names first, the number has the
 * new one's addresses. */
Test(datapath_mirror, a_vpc_that_gets_the_number_of_one_that_goes)
{
	const struct vpc_record vpc = {
		.number = 2, .n_cidrs = 1, .cidrs = {{{.family = 4, .bytes = {[10] = 0xff, 0xff, 10}}, 16}}};
	struct plan_vpc vpcs[] = {{.has_after = true, .after = vpc}, {.has_before = true, .before = vpc}};

	for (unsigned i = 0; i < 3; i++) {
		plan_empty();
		plan.vpcs = vpcs;
		plan.n_vpcs = i == 0 ? 1 : 2;
		prepare();
		cr_assert_eq(c.vpcs.n, i == 0, "round %u", i);
		publish();
		cr_assert_eq(m.spaces[2].n4, 1, "round %u", i);
		if (i == 1) {
			vpcs[0] = (struct plan_vpc){.has_before = true, .before = vpc};
			vpcs[1] = (struct plan_vpc){.has_after = true, .after = vpc};
		}
	}
}

/* Who reads an address space while it is written misses no CIDR that stays. */
Test(datapath_mirror, a_cidr_keeps_its_place)
{
	struct vpc_record vpc = {.number = 1};
	struct vpc_space space = {}, again;
	uint32_t second;

	for (uint8_t i = 0; i < 5; i++) {
		vpc.cidrs[vpc.n_cidrs++] = (struct cidr){{.family = 4, .bytes = {[10] = 0xff, 0xff, 10, i}}, 16};
		vpc.cidrs[vpc.n_cidrs++] = (struct cidr){{.family = 6, .bytes = {0xfd, i}}, 56};
	}
	space_of(&vpc, &space, &space);
	cr_assert_eq(space.n4, 5);
	cr_assert_eq(space.n6, 5);
	second = space.cidr4[2].addr;
	space_of(&vpc, &space, &again);
	cr_assert_arr_eq(&space, &again, sizeof(space));
	/* The second and the third of the list go: one of each family. */
	vpc.n_cidrs -= 2;
	memmove(&vpc.cidrs[2], &vpc.cidrs[4], (vpc.n_cidrs - 2) * sizeof(vpc.cidrs[0]));
	space_of(&vpc, &space, &space);
	cr_assert_eq(space.n4, 5);
	cr_assert_eq(space.cidr4[2].addr, second);
	cr_assert_arr_eq(&space.cidr4[1], &space_empty4, sizeof(space_empty4));
	cr_assert_arr_eq(&space.cidr6[1], &space_empty6, sizeof(space_empty6));
	/* A new one takes the place. */
	vpc.cidrs[vpc.n_cidrs++] = (struct cidr){{.family = 6, .bytes = {0xfd, 9}}, 56};
	space_of(&vpc, &space, &space);
	cr_assert_eq(space.n6, 5);
	cr_assert_eq(((uint8_t *)space.cidr6[1].addr)[1], 9);
	/* What somebody else wrote differs from what should be there. */
	again = space;
	again.cidr4[3] = again.cidr4[2];
	space_of(&vpc, &again, &again);
	cr_assert_eq(again.n4, 5);
	cr_assert_neq(again.cidr4[3].addr, second);
}

/* So does one of host access. */
Test(datapath_mirror, host_access_keeps_its_place)
{
	const struct cidr one = {{.family = 4, .bytes = {[10] = 0xff, 0xff, 192, 0, 2, 1}}, 32},
			  two = {{.family = 4, .bytes = {[10] = 0xff, 0xff, 192, 0, 2, 2}}, 32},
			  six = {{.family = 6, .bytes = {0x20, 1}}, 16};
	struct vpc_record vpc = {.number = 1, .host_access = {one, six, two}, .n_host_access = 3};
	struct vpc_space space = {};

	space_of(&vpc, &space, &space);
	cr_assert_eq(space.n_host4, 2);
	cr_assert_eq(space.n_host6, 1);
	cr_assert_eq(space.n4 + space.n6, 0);
	vpc.host_access[0] = two;
	vpc.n_host_access = 1;
	space_of(&vpc, &space, &space);
	cr_assert_arr_eq(&space.host4[0], &space_empty4, sizeof(space_empty4));
	cr_assert_arr_eq(&space.host6[0], &space_empty6, sizeof(space_empty6));
	cr_assert_eq(((uint8_t *)&space.host4[1].addr)[3], 2);
	/* What somebody else wrote differs from what should be there. */
	space.n_host4 = VPC_HOST_CIDRS_MAX + 1;
	space_of(&vpc, &space, &space);
	cr_assert_eq(space.n_host4, 1);
}

Test(datapath_mirror, nothing_stays_marked_after_an_undo)
{
	add_row(false, 7, 443, 7);
	add_eni(true, true, GROUPS + 1, 3);
	add_addr(false, 1, 1);
	prepare();
	mirror_undo(&m, &c);
	mirror_change_clear(&c);
	for (uint32_t i = 1; i <= ENIS; i++) {
		cr_assert_eq(m.enis[i].affected, 0);
		cr_assert_eq(m.enis[i].state, NODE_ALIVE);
	}
	for (uint32_t i = 1; i < m.set_numbers.fresh; i++)
		cr_assert_eq(m.sets[i].affected, 0);
	plan_empty();
	add_row(true, 7, 80, 500);
	prepare();
	cr_expect_eq(looked_at(), 0);
	publish();
}
