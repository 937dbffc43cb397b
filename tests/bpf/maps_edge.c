/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes, gateways, elastic IPs and published ports: prepare, undo, publish, retire; limits. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_edge, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

static const struct nat_record nat1 = {.number = 1, .vpc = 1, .incarnation = 5, .eip = VPC_NAT_HOST_ADDRESS};

/* A state with a bit of everything of the edge. */
static void base(struct test_plan *tp)
{
	const struct route_record r4 = route4_rec(1, 9, VPC_TARGET_NAT, 1), r6 = route6_rec(1, 9, VPC_TARGET_EIGW, 0),
				  other = route4_rec(2, 9, VPC_TARGET_IGW, 0);
	const struct eip_record mine = eip_rec(1, 1, 1, 5), nobodys = eip_rec(2, 2, 0, 0);
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8090);

	tp_routed_enis(tp);
	tp_all(tp, true, 1, 100);
	tp_route(tp, NULL, &r4);
	tp_route(tp, NULL, &r6);
	tp_route(tp, NULL, &other);
	tp_association(tp, 1, 0, 1);
	tp_nat(tp, NULL, &nat1);
	tp_eip(tp, NULL, &mine);
	tp_eip(tp, NULL, &nobodys);
	tp_publish(tp, NULL, &p);
}

/* --- as a packet sees it --- */

static uint32_t number_of(struct maps *t, enum map_id id, const void *key)
{
	uint32_t number = 0;

	(void)bpf_map_lookup_elem(t->map[id].fd, key, &number);
	return number;
}

static uint32_t target_of(struct maps *t, const struct route_record *r)
{
	struct vpc_route_key key;
	uint32_t number;

	route_key_of(r->table, &r->destination, &key);
	number = number_of(t, MAP_ROUTE, &key);
	return number ? versioned_value(&route_at(t, number)->target, maps_epoch(t)) : 0;
}

static uint32_t addr_eip(struct maps *t, uint8_t host)
{
	struct vpc_addr_key key = {.vpc = 1, .addr = {[2] = htonl(0xffff), [3] = htonl(0x0a000000u + host)}};
	uint32_t number = number_of(t, MAP_ADDR, &key);

	return number ? versioned_value(&addr_at(t, number)->eip, maps_epoch(t)) : 0;
}

static struct vpc_public public_of(struct maps *t, uint8_t n)
{
	struct vpc_public_key key;
	struct vpc_public ret = {};

	edge_public_key_of(htonl(0xcb007100u + n), &key);
	(void)bpf_map_lookup_elem(t->map[MAP_PUBLIC].fd, &key, &ret);
	return ret;
}

/* The ENI's port behind a port of the host; 0: it isn't published. */
static uint16_t published(struct maps *t, uint16_t port, uint32_t *ret_eni)
{
	uint32_t plens = edge_ctl_at(t, 0)->publish_plens;

	for (unsigned plen = 17; plen-- > 0;) {
		struct vpc_publish_key key = {.proto = IPPROTO_TCP, .plen = (uint8_t)plen};
		const struct vpc_publish_row *row;

		if (!(plens & 1u << plen))
			continue;
		key.port = (uint16_t)(port & ~((1u << (16 - plen)) - 1));
		row = publish_at(t, number_of(t, MAP_PUBLISH, &key));
		if (!visible(row->born, row->died, maps_epoch(t)) || memcmp(&row->key, &key, sizeof(key)) != 0)
			continue;
		*ret_eni = row->eni;
		return (uint16_t)(row->port + (port - key.port));
	}
	return 0;
}

/* --- tests --- */

Test(maps_edge, nothing_counts_before_the_store_and_all_after_it)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct maps_change *c;
	char first[512];
	uint32_t eni = 0;

	base(&tp);
	c = maps_prepared(t, &tp);
	for (size_t i = 0; i < tp.p.n_routes; i++)
		cr_assert_eq(target_of(t, &tp.routes[i].after), 0);
	cr_assert_eq(versioned_value(subnet_table_at(t, 1), maps_epoch(t)), 0);
	cr_assert_eq(versioned_value(&nat_at(t, 1)->eip, maps_epoch(t)), 0);
	cr_assert_eq(versioned_value(&eip_at(t, 1)->target, maps_epoch(t)), 0);
	cr_assert_eq(addr_eip(t, 5), 0);
	cr_assert_eq(published(t, 8080, &eni), 0);
	maps_publish(t, c);
	for (size_t i = 0; i < tp.p.n_routes; i++)
		cr_assert_eq(target_of(t, &tp.routes[i].after), tp.routes[i].after.target);
	cr_assert_eq(versioned_value(subnet_table_at(t, 1), maps_epoch(t)), 1);
	cr_assert_eq(versioned_value(&nat_at(t, 1)->eip, maps_epoch(t)), VPC_NAT_HOST_ADDRESS);
	cr_assert_eq(nat_at(t, 1)->incarnation, 5);
	cr_assert_eq(addr_eip(t, 5), 1);
	cr_assert_eq(public_of(t, 1).number, 1);
	cr_assert_eq(versioned_value(&eip_at(t, 2)->target, maps_epoch(t)), VPC_EIP_NOBODY << VPC_TARGET_SHIFT);
	for (uint16_t port = 8070; port < 8100; port++) {
		uint16_t expected = port < 8080 || port > 8090 ? 0 : (uint16_t)(80 + port - 8080);

		cr_assert_eq(published(t, port, &eni), expected, "port %u", port);
	}
	cr_assert_eq(eni, VPC_ENI_FIRST + 2);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_retire(t, c);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_close(t);
}

/* Everything of the edge is changed, or goes and comes. */
static void upset(struct test_plan *tp)
{
	const struct route_record r4 = route4_rec(1, 9, VPC_TARGET_NAT, 1),
				  r4b = route4_rec(1, 9, VPC_TARGET_BLACKHOLE, 0),
				  r6 = route6_rec(1, 9, VPC_TARGET_EIGW, 0),
				  fresh = route4_rec(3, 7, VPC_TARGET_IGW, 0);
	const struct eip_record mine = eip_rec(1, 1, 1, 5), moved = eip_rec(1, 1, 2, 6), nobodys = eip_rec(2, 2, 0, 0),
				third = eip_rec(3, 3, 1, 5);
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8090), p2 = publish_rec(1, 1, 5, 8085, 8095);
	const struct nat_record nat2 = {.number = 2, .vpc = 1, .incarnation = 6, .eip = 3};

	tp_init(tp);
	tp_route(tp, &r4, &r4b);
	tp_route(tp, &r6, NULL);
	tp_route(tp, NULL, &fresh);
	tp_association(tp, 1, 1, 2);
	tp_association(tp, 2, 0, 3);
	tp_nat(tp, &nat1, NULL);
	tp_nat(tp, NULL, &nat2);
	tp_eip(tp, &mine, &moved);
	tp_eip(tp, &nobodys, NULL);
	tp_eip(tp, NULL, &third);
	tp_publish(tp, &p, &p2);
}

/* The whole state after that. */
static void upset_state(struct test_plan *tp)
{
	const struct route_record r4 = route4_rec(1, 9, VPC_TARGET_BLACKHOLE, 0),
				  other = route4_rec(2, 9, VPC_TARGET_IGW, 0),
				  fresh = route4_rec(3, 7, VPC_TARGET_IGW, 0);
	const struct eip_record moved = eip_rec(1, 1, 2, 6), third = eip_rec(3, 3, 1, 5);
	const struct publish_record p2 = publish_rec(1, 1, 5, 8085, 8095);
	const struct nat_record nat2 = {.number = 2, .vpc = 1, .incarnation = 6, .eip = 3};

	tp_routed_enis(tp);
	tp_all(tp, true, 1, 100);
	tp_route(tp, NULL, &r4);
	tp_route(tp, NULL, &other);
	tp_route(tp, NULL, &fresh);
	tp_association(tp, 1, 0, 2);
	tp_association(tp, 2, 0, 3);
	tp_nat(tp, NULL, &nat2);
	tp_eip(tp, NULL, &moved);
	tp_eip(tp, NULL, &third);
	tp_publish(tp, NULL, &p2);
}

Test(maps_edge, undo_leaves_every_byte_as_it_was)
{
	struct maps *t = maps_small(false);
	struct ip host = {.family = 4, .bytes = {[10] = 0xff, 0xff, 203, 0, 113, 3}};
	struct test_plan tp, gone;
	struct maps_change *c, *dead;
	struct dump before, after;
	const struct publish_record p3 = publish_rec(3, 1, 5, 9000, 9000);
	char first[512];

	/* An address that is to be an elastic IP is the host's meanwhile. */
	cr_assert_eq(maps_host_addresses_set(t, &host, 1), 0);
	base(&tp);
	tp_publish(&tp, NULL, &p3);
	maps_apply(t, &tp);
	/* Dead, and not retired. */
	tp_init(&gone);
	tp_publish(&gone, &p3, NULL);
	dead = maps_prepared(t, &gone);
	maps_publish(t, dead);
	before = maps_dump(t);
	for (int i = 0; i < 3; i++) {
		const struct publish_record again = publish_rec(4, 2, 6, 9000, 9000);

		upset(&tp);
		tp_publish(&tp, NULL, &again);
		c = maps_prepared(t, &tp);
		cr_assert_neq(public_of(t, 3).kind & VPC_PUBLIC_EIP, 0);
		maps_undo(t, c);
		after = maps_dump(t);
		cr_assert(dump_equal(&before, &after), "round %d", i);
		free(after.at);
	}
	cr_assert_eq(public_of(t, 3).kind, VPC_PUBLIC_HOST);
	maps_retire(t, dead);
	base(&tp);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	free(before.at);
	maps_close(t);
}

Test(maps_edge, a_change_of_everything_is_one_store)
{
	struct maps *t = maps_small(false);
	struct test_plan tp, all;
	struct maps_change *c;
	uint32_t eni = 0;
	char first[512];

	base(&tp);
	maps_apply(t, &tp);
	upset(&tp);
	c = maps_prepared(t, &tp);
	base(&all);
	cr_assert_eq(addr_eip(t, 5), 1);
	cr_assert_eq(published(t, 8080, &eni), 80);
	maps_publish(t, c);
	upset_state(&all);
	cr_assert_eq(maps_differences(t, &all, first, sizeof(first)), 0, "%s", first);
	cr_assert_eq(addr_eip(t, 5), 3);
	cr_assert_eq(addr_eip(t, 6), 1);
	cr_assert_eq(published(t, 8080, &eni), 0);
	cr_assert_eq(published(t, 8085, &eni), 80);
	cr_assert_eq(eni, VPC_ENI_FIRST + 1);
	maps_retire(t, c);
	cr_assert_eq(maps_differences(t, &all, first, sizeof(first)), 0, "%s", first);
	cr_assert_eq(public_of(t, 2).kind, 0);
	maps_close(t);
}

Test(maps_edge, nothing_is_left_when_all_is_taken_away)
{
	struct maps *t = maps_small(false);
	struct test_plan tp, none;
	struct maps_change *c;
	struct dump before = maps_dump(t), after;

	base(&tp);
	tp.p.n_enis = tp.p.n_addrs = tp.p.n_rows = tp.p.n_vpcs = 0; /* they leave counters and sets behind */
	maps_apply(t, &tp);
	tp_init(&none);
	maps_mend(t, &none);
	epoch_store(t, 7);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after));
	/* And all numbers are free again. */
	base(&tp);
	c = maps_prepared(t, &tp);
	maps_undo(t, c);
	cr_assert_eq(t->mirror.route_numbers.used, 0);
	cr_assert_eq(t->mirror.publish_numbers.used, 0);
	cr_assert_eq(t->mirror.waiting_routes, 0);
	cr_assert_eq(t->mirror.waiting_publishes, 0);
	free(before.at);
	free(after.at);
	maps_close(t);
}

/* The elastic IP is a private address's, whoever has it. */
Test(maps_edge, an_address_keeps_its_elastic_ip_when_its_row_is_new)
{
	struct maps *t = maps_small(false);
	struct test_plan tp;
	struct maps_change *c;

	base(&tp);
	maps_apply(t, &tp);
	tp_init(&tp);
	tp_addr(&tp, false, 5, 1);
	maps_apply(t, &tp);
	cr_assert_eq(addr_eip(t, 5), 0);
	tp_init(&tp);
	tp_addr(&tp, true, 5, 1);
	maps_apply(t, &tp);
	cr_assert_eq(addr_eip(t, 5), 1);
	tp_init(&tp);
	tp_addr(&tp, true, 5, 2);
	c = maps_prepared(t, &tp);
	cr_assert_eq(addr_eip(t, 5), 1);
	maps_publish(t, c);
	cr_assert_eq(addr_eip(t, 5), 1);
	maps_retire(t, c);
	cr_assert_eq(addr_eip(t, 5), 1);
	maps_close(t);
}

static void refused(struct maps *t, const struct test_plan *tp, const char *map)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct dump before = maps_dump(t), after;
	struct maps_change *c = NULL;
	int r = maps_prepare(t, &tp->p, &c, &error);

	cr_assert_lt(r, 0, "%s was not refused", map);
	cr_assert_eq(error.code, VPC_E_RESOURCE_LIMIT_EXCEEDED, "%s: %s", map, error.message);
	cr_assert_not_null(strstr(error.message, map), "%s: %s", map, error.message);
	after = maps_dump(t);
	cr_assert(dump_equal(&before, &after), "%s: something was written", map);
	free(before.at);
	free(after.at);
}

Test(maps_edge, what_does_not_fit_is_refused_whole_and_by_name)
{
	struct maps *t = maps_small(false);
	const struct route_record table = route4_rec(maps_limits_small.route_tables + 1, 1, VPC_TARGET_IGW, 0);
	const struct nat_record nat = {
		.number = maps_limits_small.nat_gateways + 1, .vpc = 1, .incarnation = 1, .eip = 1};
	const struct eip_record eip = eip_rec(maps_limits_small.eips + 1, 7, 0, 0);
	struct publish_record wide = publish_rec(5, 1, 5, 1, 65534);
	struct test_plan tp;

	base(&tp);
	maps_apply(t, &tp);
	tp_init(&tp);
	for (uint32_t i = 0; i < maps_limits_small.routes - 2; i++) {
		const struct route_record r = route4_rec(4, i, VPC_TARGET_IGW, 0);

		tp_route(&tp, NULL, &r);
	}
	refused(t, &tp, "'route' holds 40 entries: 3 are used and this change asks for 38 more");
	tp_init(&tp);
	tp_route(&tp, NULL, &table);
	refused(t, &tp, "'route_plens'");
	tp_init(&tp);
	tp_nat(&tp, NULL, &nat);
	refused(t, &tp, "'nat'");
	tp_init(&tp);
	tp_eip(&tp, NULL, &eip);
	refused(t, &tp, "'eip'");
	tp_init(&tp);
	tp_association(&tp, maps_limits_small.subnets + 1, 0, 1);
	refused(t, &tp, "'subnet_table'");
	tp_init(&tp);
	wide.port = 1;
	tp_publish(&tp, NULL, &wide);
	wide.protocol = IPPROTO_UDP;
	wide.number = 6;
	tp_publish(&tp, NULL, &wide);
	wide.host_address = htonl(0x01020304);
	wide.number = 7;
	tp_publish(&tp, NULL, &wide);
	refused(t, &tp, "'publish'");
	maps_close(t);
}

/* The kernel refuses a key in the middle: all that was written before it is taken back. */
Test(maps_edge, what_the_kernel_refuses_leaves_nothing_behind)
{
	static const enum map_id hashes[] = {MAP_ROUTE, MAP_PUBLIC, MAP_PUBLISH};

	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		struct maps *t = maps_small(false);
		struct maps_change *c = NULL;
		struct dump before, after;
		struct test_plan tp;

		for (uint32_t n = 0; n < t->map[hashes[i]].n; n++) {
			uint32_t key[8] = {0, 0, 0, 0, n + 1}, value[8] = {0};

			key[0] = n + 1;
			cr_assert_eq(bpf_map_update_elem(t->map[hashes[i]].fd, key, value, BPF_ANY), 0);
		}
		before = maps_dump(t);
		base(&tp);
		cr_assert_lt(maps_prepare(t, &tp.p, &c, &error), 0);
		cr_assert_eq(error.code, VPC_E_DATAPATH_UNAVAILABLE, "%s", error.message);
		after = maps_dump(t);
		cr_assert(dump_equal(&before, &after), "%s", t->map[hashes[i]].name);
		free(before.at);
		free(after.at);
		maps_close(t);
	}
}

Test(maps_edge, a_number_waits_for_its_retirement)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps *t = maps_small(false);
	struct test_plan tp, none, again;
	struct maps_change *c, *busy = NULL;
	char first[512];

	base(&tp);
	tp.p.n_enis = tp.p.n_addrs = tp.p.n_rows = tp.p.n_vpcs = 0;
	maps_apply(t, &tp);
	tp_init(&none);
	for (size_t i = 0; i < tp.p.n_routes; i++)
		tp_route(&none, &tp.routes[i].after, NULL);
	tp_nat(&none, &tp.nats[0].after, NULL);
	for (size_t i = 0; i < tp.p.n_eips; i++)
		tp_eip(&none, &tp.eips[i].after, NULL);
	c = maps_prepared(t, &none);
	maps_publish(t, c);
	for (int i = 0; i < 3; i++) {
		tp_init(&again);
		if (i == 0)
			tp_route(&again, NULL, &tp.routes[0].after);
		else if (i == 1)
			tp_nat(&again, NULL, &tp.nats[0].after);
		else
			tp_eip(&again, NULL, &tp.eips[0].after);
		cr_assert_eq(maps_prepare(t, &again.p, &busy, &error), -EBUSY, "%d", i);
	}
	maps_retire(t, c);
	maps_mend(t, &tp);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	maps_close(t);
}
