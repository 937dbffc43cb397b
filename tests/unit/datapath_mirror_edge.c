/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror's part of the edge by itself: rows of published ranges, keys of routes, which elastic IP an address has.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/mirror.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"

static struct mirror m;
static struct mirror_change c;

static void setup(void)
{
	const struct mirror_sizes sizes = {.rows = 8,
					   .mask_groups = 8,
					   .sets = 8,
					   .addrs = 8,
					   .addr_numbers = 9,
					   .enis = 1040,
					   .groups = 8,
					   .vpcs = 4,
					   .blocks = 8,
					   .routes = 8,
					   .route_tables = 4,
					   .subnets = 4,
					   .nats = 4,
					   .eips = 8,
					   .publishes = 80};

	cr_assert_eq(mirror_init(&m, &sizes), 0);
	c = (struct mirror_change){};
}

static void teardown(void)
{
	mirror_change_clear(&c);
	mirror_free(&m);
}

TestSuite(mirror_edge, .init = setup, .fini = teardown);

static int prepare(const struct plan *plan)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	return mirror_plan(&m, &c, plan, &error);
}

static void publish(const struct plan *plan)
{
	cr_assert_eq(prepare(plan), 0);
	mirror_publish(&m, &c);
	mirror_change_clear(&c);
}

/* Every port of the range stands in one row, with the ENI's port that belongs to it, and no other port does. */
Test(mirror_edge, a_published_range_is_its_ports_and_no_others)
{
	static const uint16_t ranges[][2] = {{1, 65535}, {0, 65535},	 {8080, 8080},	{8080, 8090},
					     {1, 2},	 {32767, 32769}, {49152, 65535}};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct publish_record r = {.number = 3,
					   .host_address = htonl(0x01020304),
					   .protocol = IPPROTO_UDP,
					   .host_first = ranges[i][0],
					   .host_last = ranges[i][1],
					   .port = i % 2 ? ranges[i][0] : 0};
		struct vpc_publish_row rows[PORT_PREFIXES_MAX];
		size_t n = publish_rows_of(&r, rows);

		for (uint32_t port = 0; port <= 0xffff; port++) {
			size_t found = 0;

			for (size_t k = 0; k < n; k++) {
				const struct vpc_publish_key *key = &rows[k].key;

				if (port >> (16 - key->plen) != (uint32_t)key->port >> (16 - key->plen))
					continue;
				found++;
				cr_assert_eq((uint16_t)(rows[k].port + (port - key->port)),
					     (uint16_t)(r.port + (port - r.host_first)));
			}
			cr_assert_eq(found, port >= r.host_first && port <= r.host_last, "port %u", port);
		}
		for (size_t k = 0; k < n; k++)
			cr_assert(publish_key_valid(&rows[k].key) && rows[k].publication == 3);
	}
}

Test(mirror_edge, a_route_is_written_back_as_it_was_planned)
{
	struct route_record records[] = {
		{.table = 1, .destination = {{4, {[10] = 0xff, 0xff, 10, 1}}, 16}, .target = 1u << VPC_TARGET_SHIFT},
		{.table = 3, .destination = {{4, {[10] = 0xff, 0xff}}, 0}, .target = 2u << VPC_TARGET_SHIFT},
		{.table = 2, .destination = {{6, {0x20, 1}}, 128}, .target = 3u << VPC_TARGET_SHIFT | 7},
		{.table = 2, .destination = {{6, {0}}, 0}, .target = 6u << VPC_TARGET_SHIFT},
	};
	struct plan_route routes[ARRAY_SIZE(records)] = {};
	struct plan plan = {.routes = routes, .n_routes = ARRAY_SIZE(records)};
	struct vpc_route_plens hints;

	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		routes[i] = (struct plan_route){.has_after = true, .after = records[i]};
	publish(&plan);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		struct route_record back;
		struct vpc_route_key key;

		route_key_of(records[i].table, &records[i].destination, &key);
		route_record_of(&m.routes[route_by_key(&m, &key)], &back);
		cr_assert_eq(back.table, records[i].table);
		cr_assert_eq(back.target, records[i].target);
		cr_assert_eq(back.destination.plen, records[i].destination.plen);
		cr_assert_eq(memcmp(&back.destination.addr, &records[i].destination.addr, sizeof(struct ip)), 0);
	}
	route_hints(&m, 2, &hints);
	cr_assert(!hints.plens4 && hints.plens6[0] == 1 && !hints.plens6[1] && hints.plens6[2] == 1);
}

/* Removed and made again by one plan: the route stays, and its row with it. */
Test(mirror_edge, a_route_that_one_plan_removes_and_makes_stays)
{
	const struct route_record r = {
		.table = 1, .destination = {{4, {[10] = 0xff, 0xff, 10}}, 8}, .target = 1u << VPC_TARGET_SHIFT};
	struct route_record other = r;
	struct plan_route one = {.has_after = true, .after = r}, two[2] = {};
	struct vpc_route_key key;
	uint32_t number;

	publish(&(struct plan){.routes = &one, .n_routes = 1});
	route_key_of(r.table, &r.destination, &key);
	number = route_by_key(&m, &key);
	other.target = 6u << VPC_TARGET_SHIFT;
	two[0] = (struct plan_route){.has_after = true, .after = other};
	two[1] = (struct plan_route){.has_before = true, .before = r};
	publish(&(struct plan){.routes = two, .n_routes = 2});
	cr_assert_eq(route_by_key(&m, &key), number);
	cr_assert_eq(m.routes[number].state, NODE_ALIVE);
	cr_assert_eq(m.routes[number].target, other.target);
	cr_assert_eq(m.waiting_routes, 0);
}

static struct eip_record eip_record_of(uint32_t number, uint8_t host)
{
	struct eip_record r = {.number = number, .address = htonl(0xcb007100u + number)};

	if (host)
		r = (struct eip_record){.number = number,
					.address = r.address,
					.target = VPC_EIP_ENI << VPC_TARGET_SHIFT | 1024,
					.vpc = 1,
					.private_address = htonl(0x0a000000u + host)};
	return r;
}

static struct plan_addr addr_of(uint8_t host)
{
	return (struct plan_addr){
		.add = true, .vpc = 1, .eni = 1024, .ip = {.family = 4, .bytes = {[10] = 0xff, 0xff, 10, 0, 0, host}}};
}

static uint32_t eip_at_host(uint8_t host)
{
	struct plan_addr addr = addr_of(host);
	struct vpc_addr_key key;

	addr_key_of(1, &addr.ip, &key);
	return m.addrs[addr_find(&m, &key)].eip;
}

/* Two elastic IPs change places in one plan; undone it is as before. */
Test(mirror_edge, elastic_ips_change_places)
{
	struct plan_addr addrs[] = {addr_of(5), addr_of(6)};
	struct plan_eip eips[2] = {{.has_after = true, .after = eip_record_of(1, 5)},
				   {.has_after = true, .after = eip_record_of(2, 6)}};
	struct plan plan = {.addrs = addrs, .n_addrs = 2, .eips = eips, .n_eips = 2};

	publish(&plan);
	cr_assert(eip_at_host(5) == 1 && eip_at_host(6) == 2);
	plan.n_addrs = 0;
	for (unsigned i = 0; i < 2; i++)
		eips[i] = (struct plan_eip){.has_before = true,
					    .has_after = true,
					    .before = eips[i].after,
					    .after = eip_record_of(i + 1, i ? 5 : 6)};
	cr_assert_eq(prepare(&plan), 0);
	cr_assert(eip_at_host(5) == 2 && eip_at_host(6) == 1);
	mirror_undo(&m, &c);
	mirror_change_clear(&c);
	cr_assert(eip_at_host(5) == 1 && eip_at_host(6) == 2);
	publish(&plan);
	cr_assert(eip_at_host(5) == 2 && eip_at_host(6) == 1);
	cr_assert_eq(eip_by_address(&m, eip_record_of(1, 0).address), 1);
}

/* An address of the pool is released and given out anew, under another number, by one plan. */
Test(mirror_edge, an_address_goes_to_another_elastic_ip)
{
	struct plan_eip eips[2] = {{.has_after = true, .after = eip_record_of(1, 0)}};
	struct plan plan = {.eips = eips, .n_eips = 1};
	struct eip_record again = eip_record_of(2, 0);

	publish(&plan);
	again.address = eips[0].after.address;
	eips[0] = (struct plan_eip){.has_before = true, .before = eips[0].after};
	eips[1] = (struct plan_eip){.has_after = true, .after = again};
	plan.n_eips = 2;
	cr_assert_eq(prepare(&plan), 0);
	cr_assert_eq(eip_by_address(&m, again.address), 1);
	mirror_publish(&m, &c);
	mirror_change_clear(&c);
	cr_assert_eq(eip_by_address(&m, again.address), 2);
	/* Number 1 isn't retired. */
	plan.n_eips = 1;
	eips[0] = (struct plan_eip){.has_after = true, .after = eip_record_of(1, 0)};
	cr_assert_eq(prepare(&plan), -EBUSY);
	mirror_undo(&m, &c);
}

Test(mirror_edge, a_plan_that_is_not_valid_is_refused)
{
	struct plan_publish p = {.has_after = true,
				 .after = {.number = 1, .protocol = IPPROTO_TCP, .host_first = 9, .host_last = 8}};
	struct plan_route r = {.has_after = true, .after = {.table = 1, .destination = {{4}, 33}, .target = 1u << 20}};
	struct plan_nat n = {.has_after = true, .after = {.number = 1, .vpc = 1}};

	cr_assert_lt(prepare(&(struct plan){.publishes = &p, .n_publishes = 1}), 0);
	mirror_undo(&m, &c);
	p.after.host_last = 10;
	p.after.port = 65535;
	cr_assert_lt(prepare(&(struct plan){.publishes = &p, .n_publishes = 1}), 0, "ports beyond the last");
	mirror_undo(&m, &c);
	cr_assert_lt(prepare(&(struct plan){.routes = &r, .n_routes = 1}), 0);
	mirror_undo(&m, &c);
	cr_assert_lt(prepare(&(struct plan){.nats = &n, .n_nats = 1}), 0, "no incarnation");
	mirror_undo(&m, &c);
}
