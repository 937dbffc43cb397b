/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans of the edge: routes, associations, gateways, elastic IPs and publications. */
#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "tests/bpf/maps_util.h"

/* One more item of one of the lists. */
#define TP_ITEM(list)                                               \
	({                                                          \
		cr_assert_lt(tp->p.n_##list, ARRAY_SIZE(tp->list)); \
		tp->list[tp->p.n_##list] = (typeof(tp->list[0])){   \
			.has_before = before != NULL,               \
			.has_after = after != NULL,                 \
		};                                                  \
		if (before)                                         \
			tp->list[tp->p.n_##list].before = *before;  \
		if (after)                                          \
			tp->list[tp->p.n_##list].after = *after;    \
		tp->p.n_##list++;                                   \
	})

void tp_route(struct test_plan *tp, const struct route_record *before, const struct route_record *after)
{
	TP_ITEM(routes);
}

void tp_association(struct test_plan *tp, uint32_t subnet, uint32_t old_table, uint32_t table)
{
	const struct association_record b = {.subnet = subnet, .table = old_table}, a = {subnet, table};
	const struct association_record *before = old_table ? &b : NULL, *after = table ? &a : NULL;

	TP_ITEM(associations);
}

void tp_nat(struct test_plan *tp, const struct nat_record *before, const struct nat_record *after)
{
	TP_ITEM(nats);
}

void tp_eip(struct test_plan *tp, const struct eip_record *before, const struct eip_record *after)
{
	TP_ITEM(eips);
}

void tp_publish(struct test_plan *tp, const struct publish_record *before, const struct publish_record *after)
{
	TP_ITEM(publishes);
}

struct route_record route4_rec(uint32_t table, uint32_t n, uint32_t kind, uint32_t number)
{
	return (struct route_record){.table = table,
				     .destination = {{4, {[10] = 0xff, [11] = 0xff, 10, (uint8_t)n}}, 16},
				     .target = kind << VPC_TARGET_SHIFT | number};
}

struct route_record route6_rec(uint32_t table, uint32_t n, uint32_t kind, uint32_t number)
{
	return (struct route_record){.table = table,
				     .destination = {{6, {0xfd, 0, 0, (uint8_t)n}}, 32},
				     .target = kind << VPC_TARGET_SHIFT | number};
}

struct eip_record eip_rec(uint32_t number, uint8_t n, uint32_t eni, uint8_t host)
{
	struct eip_record r = {.number = number, .address = htonl(0xcb007100u + n), .pool = 1 + n % 2};

	if (host) {
		r.target = VPC_EIP_ENI << VPC_TARGET_SHIFT | (VPC_ENI_FIRST + eni);
		r.vpc = 1;
		r.private_address = htonl(0x0a000000u + host);
	}
	return r;
}

struct publish_record publish_rec(uint32_t number, uint32_t eni, uint8_t host, uint16_t first, uint16_t last)
{
	return (struct publish_record){.number = number,
				       .vpc = 1,
				       .eni = VPC_ENI_FIRST + eni,
				       .private_address = htonl(0x0a000000u + host),
				       .protocol = IPPROTO_TCP,
				       .port = 80,
				       .host_first = first,
				       .host_last = last};
}

void tp_routed_enis(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 0);
	struct vpc_record *vpc;

	tp_init(tp);
	tp_vpc(tp, true, 1);
	vpc = &tp->vpcs[0].after;
	vpc->routed_out = true;
	vpc->routed_out6 = true;
	tp_eni(tp, NULL, &e1);
	tp_eni(tp, NULL, &e2);
	tp_addr(tp, true, 5, 1);
	tp_addr(tp, true, 6, 2);
}
