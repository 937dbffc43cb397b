/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translations that are over are deleted, and only those; what they count is kept right. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/flows/translations.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_edge_translations, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

#define NOW_NS	 1000000000000ull
#define PUBLIC4	 htonl(0xcb007101u)
#define OUTSIDE4 htonl(0xc6336401u)

static const struct nat_record nat1 = {.number = 1, .vpc = 1, .incarnation = 5, .eip = 1};

static void world(struct test_plan *tp)
{
	const struct eip_record gateways = {
		.number = 1, .address = PUBLIC4, .target = VPC_EIP_NAT << VPC_TARGET_SHIFT | 1};
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8080);
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 0);

	tp_init(tp);
	tp_vpc(tp, true, 1);
	tp->vpcs[0].after.routed_out = true;
	tp->vpcs[0].after.routed_out6 = true;
	tp_eni(tp, NULL, &e1);
	tp_eni(tp, NULL, &e2);
	tp_addr(tp, true, 5, 1);
	tp_addr(tp, true, 6, 2);
	tp_nat(tp, NULL, &nat1);
	tp_eip(tp, NULL, &gateways);
	tp_publish(tp, NULL, &p);
}

/* The nth translation, as it stands in nat_out. host: the last byte of the private address. */
static struct vpc_nat_entry make(uint16_t nth, uint8_t host, uint32_t age_s)
{
	return (struct vpc_nat_entry){
		.last_seen_ns = NOW_NS - age_s * NS_PER_S,
		.key = {.vpc = 1,
			.local = htonl(0x0a000000u + host),
			.remote = OUTSIDE4,
			.lport = htons(nth),
			.rport = htons(443),
			.proto = IPPROTO_TCP},
		.other = {.local = PUBLIC4,
			  .remote = OUTSIDE4,
			  .lport = htons((uint16_t)(30000 + nth)),
			  .rport = htons(443),
			  .proto = IPPROTO_TCP},
		.by = 1,
		.incarnation = 5,
		.timeout_s = 300,
		.eni = VPC_ENI_FIRST + host - 4u,
	};
}

/* As the programs do: both entries, counted. */
static void store(struct maps *t, const struct vpc_nat_entry *e)
{
	struct vpc_nat_entry in = *e;

	in.key = e->other;
	in.other = e->key;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_NAT_OUT].fd, &e->key, e, BPF_ANY), 0);
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_NAT_IN].fd, &in.key, &in, BPF_ANY), 0);
	++*nat_used_at(t, 1);
}

static bool is_there(struct maps *t, const struct vpc_nat_entry *e)
{
	struct vpc_nat_entry seen;
	bool out = bpf_map_lookup_elem(t->map[MAP_NAT_OUT].fd, &e->key, &seen) == 0;
	bool in = bpf_map_lookup_elem(t->map[MAP_NAT_IN].fd, &e->other, &seen) == 0;

	cr_assert_eq(out, in, "one entry without the other");
	return out;
}

/* So many times all the way around both maps. */
static unsigned walks(struct maps *t, int n)
{
	struct maps_expiry *x;
	unsigned deleted = 0;
	int r = 1;

	cr_assert_eq(maps_expiry_new(t, 100000, &x), 0);
	for (int i = 0; i < n; i++) {
		maps_expiry_plan(t, x, NOW_NS);
		cr_assert_eq(maps_expiry_read(x), 0);
		while ((r = maps_expiry_step(t, x, NOW_NS, &deleted)) == 1)
			;
		cr_assert_eq(r, 0);
	}
	maps_expiry_free(x);
	return deleted;
}

static unsigned expire(struct maps *t)
{
	return walks(t, 3);
}

Test(maps_edge_translations, what_was_idle_for_too_long_goes)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct vpc_nat_entry live, idle, closed;

	world(&tp);
	maps_apply(t, &tp);
	live = make(1, 5, 299);
	idle = make(2, 5, 301);
	closed = make(3, 5, VPC_NAT_CLOSED_S + 1);
	closed.timeout_s = VPC_NAT_CLOSED_S;
	closed.flags = VPC_NAT_CLOSED;
	store(t, &live);
	store(t, &idle);
	store(t, &closed);
	cr_assert_eq(maps_translations(t), 3);
	cr_assert_eq(expire(t), 2);
	cr_assert(is_there(t, &live));
	cr_assert(!is_there(t, &idle) && !is_there(t, &closed));
	cr_assert_eq(*nat_used_at(t, 1), 1);
	maps_close(t);
}

/* Each thing that a translation hangs on, taken away. */
Test(maps_edge_translations, what_hangs_on_something_that_is_gone_goes_and_nothing_else)
{
	static const char *const what[] = {"the NAT gateway", "its elastic IP", "the publication", "the ENI",
					   "the address"};
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8080);
	const struct eip_record nobodys = {.number = 1, .address = PUBLIC4};
	struct eni_record e1 = eni_rec(1, 1, 0);

	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		struct maps *t = maps_small(false);
		struct vpc_nat_entry outward, inward;
		struct test_plan tp;

		world(&tp);
		maps_apply(t, &tp);
		outward = make(1, 5, 0);
		inward = make(2, 6, 0);
		inward.flags = VPC_NAT_PUBLISHED;
		inward.by = 1;
		inward.incarnation = (uint32_t)publish_at(t, 1)->born;
		store(t, &outward);
		store(t, &inward);
		cr_assert_eq(expire(t), 0);
		tp_init(&tp);
		if (i == 0)
			tp_nat(&tp, &nat1, NULL);
		else if (i == 1)
			tp_eip(&tp, &nobodys, &nobodys);
		else if (i == 2)
			tp_publish(&tp, &p, NULL);
		else if (i == 3)
			tp_eni(&tp, &e1, NULL);
		else
			tp_addr(&tp, true, 5, 2);
		maps_apply(t, &tp);
		cr_assert_eq(expire(t), 1, "%s", what[i]);
		cr_assert_eq(is_there(t, &outward), i == 2, "%s", what[i]);
		cr_assert_eq(is_there(t, &inward), i != 2, "%s", what[i]);
		cr_assert_eq(*nat_used_at(t, 1), 1);
		maps_close(t);
	}
}

Test(maps_edge_translations, the_translation_of_a_flow_that_was_cut_goes)
{
	struct maps *t = maps_small(false);
	struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP};
	struct vpc_flow flow = {.tag = 1, .last_seen_ns = NOW_NS, .timeout_s = 960, .state = VPC_FLOW_TOMBSTONE};
	struct vpc_nat_entry cut, other;
	struct test_plan tp;

	world(&tp);
	maps_apply(t, &tp);
	cut = make(1, 5, 0);
	other = make(2, 5, 0);
	store(t, &cut);
	store(t, &other);
	key.addr[0][2] = key.addr[1][2] = htonl(0xffff);
	key.addr[0][3] = cut.key.local;
	key.addr[1][3] = OUTSIDE4;
	key.port[0] = cut.key.lport;
	key.port[1] = cut.key.rport;
	flow.eni[0] = cut.eni;
	flow.incarnation[0] = 1;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW].fd, &key, &flow, BPF_ANY), 0);
	/* One that lives, of the other translation. */
	key.port[0] = other.key.lport;
	flow.state = VPC_FLOW_ESTABLISHED;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW].fd, &key, &flow, BPF_ANY), 0);
	cr_assert_eq(expire(t), 1);
	cr_assert(!is_there(t, &cut) && is_there(t, &other));
	cr_assert_eq(*nat_used_at(t, 1), 1);
	maps_close(t);
}

Test(maps_edge_translations, which_translation_a_flow_has)
{
	struct vpc_flow_key key = {.vpc = 7, .proto = IPPROTO_UDP, .port = {1, 2}};
	struct vpc_flow flow = {.eni = {0, 1030}, .opener = 0};
	struct vpc_nat_key out;

	key.addr[0][2] = key.addr[1][2] = htonl(0xffff);
	key.addr[0][3] = 11;
	key.addr[1][3] = 22;
	cr_assert(translation_of_flow(&key, &flow, &out)); /* the outside opened it */
	cr_assert(out.vpc == 7 && out.local == 22 && out.remote == 11 && out.lport == 2 && out.rport == 1);
	flow.eni[0] = 1030;
	flow.eni[1] = 0;
	flow.opener = 1;
	cr_assert(translation_of_flow(&key, &flow, &out));
	cr_assert(out.local == 22 && out.remote == 11);
	flow.eni[1] = 1031;
	cr_assert(!translation_of_flow(&key, &flow, &out), "between two ENIs");
	flow.eni[1] = 0;
	key.via = 3;
	cr_assert(!translation_of_flow(&key, &flow, &out), "by an appliance");
	key.via = 0;
	key.addr[0][2] = 0;
	cr_assert(!translation_of_flow(&key, &flow, &out), "IPv6");
}

/* An entry whose other one is missing, or is another translation's, holds a port for nothing. */
Test(maps_edge_translations, an_entry_without_its_other_one_goes_once_it_was_idle)
{
	struct maps *t = maps_small(false);
	struct vpc_nat_entry fresh, old, taken, taker, seen;
	struct test_plan tp;

	world(&tp);
	maps_apply(t, &tp);
	fresh = make(1, 5, 1);
	old = make(2, 5, 100);
	taken = make(3, 5, 100);
	taker = make(4, 5, 100);
	taker.other = taken.other; /* the same public port */
	store(t, &fresh);
	store(t, &old);
	store(t, &taken);
	store(t, &taker);
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_NAT_IN].fd, &fresh.other), 0);
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_NAT_OUT].fd, &old.key), 0);
	--*nat_used_at(t, 1);
	cr_assert_eq(expire(t), 2);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_NAT_OUT].fd, &fresh.key, &seen), 0);
	cr_assert_neq(bpf_map_lookup_elem(t->map[MAP_NAT_IN].fd, &old.other, &seen), 0);
	cr_assert_neq(bpf_map_lookup_elem(t->map[MAP_NAT_OUT].fd, &taken.key, &seen), 0);
	cr_assert(is_there(t, &taker));
	cr_assert_eq(*nat_used_at(t, 1), 2);
	maps_close(t);
}

static void count_is_corrected(int64_t wrong, int n_walks)
{
	struct maps *t = maps_small(false);
	struct vpc_nat_entry live = make(1, 5, 0);
	struct test_plan tp;

	world(&tp);
	maps_apply(t, &tp);
	store(t, &live);
	*nat_used_at(t, 1) = wrong;
	walks(t, n_walks);
	cr_assert_eq(*nat_used_at(t, 1), 1);
	maps_close(t);
}

Test(maps_edge_translations, a_wrong_count_is_corrected)
{
	count_is_corrected(77, 4);
}

/* Nobody has any by the count, so the maps are walked now and then only. */
Test(maps_edge_translations, a_count_that_is_wrongly_zero_is_corrected)
{
	count_is_corrected(0, 3 * 16 + 3);
}

/* A step is short, however much there is to do. */
Test(maps_edge_translations, many_go_in_small_steps)
{
	struct maps *t = maps_small(false);
	struct maps_expiry *x;
	struct test_plan tp;
	unsigned deleted = 0, before, steps = 0;
	int r;

	world(&tp);
	maps_apply(t, &tp);
	for (uint16_t i = 0; i < 250; i++) {
		struct vpc_nat_entry e = make(i, 5, 400);

		store(t, &e);
	}
	cr_assert_eq(maps_expiry_new(t, 100000, &x), 0);
	maps_expiry_plan(t, x, NOW_NS);
	cr_assert_eq(maps_expiry_read(x), 0);
	do {
		before = deleted;
		r = maps_expiry_step(t, x, NOW_NS, &deleted);
		cr_assert_leq(deleted - before, 64);
		steps++;
	} while (r == 1);
	cr_assert_eq(r, 0);
	cr_assert_eq(deleted, 250);
	cr_assert_gt(steps, 3);
	cr_assert_eq(*nat_used_at(t, 1), 0);
	maps_expiry_free(x);
	maps_close(t);
}

Test(maps_edge_translations, no_vpc_takes_the_others_share)
{
	const uint32_t size = 262144;
	uint64_t used = 0;
	struct maps *t = maps_small(false);

	cr_assert_eq(shares_translations(size, 0, 0), size - size / 16);
	cr_assert_eq(shares_translations(size, 1, size), size - size / 16);
	cr_assert_geq(shares_translations(size, 1000, 0), 60000u);
	cr_assert_eq(shares_translations(size, 4, size), size / 8);
	cr_assert_eq(shares_translations(size, 1000, size), size / 2 / 1000);
	/* Two that take all they can within a second, then nothing but the equal parts. */
	used = 2ull * shares_translations(size, 10, 0);
	cr_assert_leq(used + 8ull * shares_translations(size, 10, used), size);
	/* One that takes a little at a time. */
	used = 0;
	while (used < shares_translations(size, 10, used))
		used += 100;
	cr_assert_geq(used, 60000u);
	cr_assert_eq(edge_ctl_at(t, 0)->nat_per_vpc, 256u - 16);
	maps_close(t);
}
