/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compile.h"

#define GROUP_CLIENT  1u
#define GROUP_SERVER  2u
#define GROUP_UNNAMED 40u
#define GROUP_NAMED   100u
#define RULE_CAPACITY 4096u

/* Appends one row. Rules are numbered from 1. */
static int add_row(struct plan *p, struct plan_row row)
{
	if (p->n_rows % RULE_CAPACITY == 0) {
		struct plan_row *rows = realloc(p->rows, (p->n_rows + RULE_CAPACITY) * sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		p->rows = rows;
	}
	row.add = true;
	if (!row.rule)
		row.rule = (uint32_t)p->n_rows + 1;
	p->rows[p->n_rows++] = row;
	return 0;
}

static struct plan_row tcp(uint32_t sg, uint16_t port, uint32_t address, uint8_t plen)
{
	uint32_t mask = plen ? ~0u << (32 - plen) : 0;

	return (struct plan_row){.sg = sg,
				 .direction = VPC_INGRESS,
				 .slot = VPC_SLOT_TCP,
				 .port_plen = 16,
				 .port = port,
				 .peer_kind = VPC_PEER_CIDR4,
				 .peer_plen = plen,
				 .peer = {htonl(address & mask)}};
}

/* A: one group, N addresses on one port. */
static int build_addresses(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 1; i < n && !rc; i++)
		rc = add_row(p, tcp(GROUP_SERVER, 80, 0x0b000000 + i * 7, 32));
	return rc ? rc : add_row(p, tcp(GROUP_SERVER, 80, ADDRESS_CLIENT, 32));
}

/* B: 16 groups, prefixes of eight lengths in each; the last group has the client's own address. */
static int build_groups(struct plan *p, uint32_t n)
{
	static const uint8_t lengths[] = {12, 16, 20, 24, 26, 28, 30, 32};
	int rc = 0;

	for (uint32_t i = 1; i < n && !rc; i++) {
		uint32_t nth = i / (16 * ARRAY_SIZE(lengths)) + 16; /* above 16.0.0.0 for the longest */
		uint8_t plen = lengths[i / 16 % ARRAY_SIZE(lengths)];

		rc = add_row(p, tcp(GROUP_SERVER + i % 16, 80, 0x10000000 + (nth << (32 - plen)), plen));
	}
	return rc ? rc : add_row(p, tcp(GROUP_SERVER + 15, 80, ADDRESS_CLIENT, 32));
}

static int add_range(struct plan *p, uint16_t low, uint16_t high, uint32_t rule)
{
	struct port_prefix prefixes[PORT_PREFIXES_MAX];
	size_t n = compile_port_range(low, high, prefixes);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		struct plan_row row = tcp(GROUP_SERVER, prefixes[i].port, ADDRESS_CLIENT, 24);

		row.port_plen = prefixes[i].plen;
		row.rule = rule;
		rc = add_row(p, row);
	}
	return rc;
}

/* C: one group, N different port ranges, among them prefixes of all 17 lengths; the packet's port, 65535, is last. */
static int build_ranges(struct plan *p, uint32_t n)
{
	uint32_t from = 1024, width = 2;
	int rc = 0;

	for (uint32_t i = 1; i < n && !rc; i++) {
		if (i < 16) {
			uint32_t low = 0x10000u - (0x20000u >> i);

			rc = add_range(p, (uint16_t)low, (uint16_t)(low + (0x10000u >> i) - 1), i);
			continue;
		}
		rc = add_range(p, (uint16_t)from, (uint16_t)(from + width - 1), i);
		from += 1;
		if (from + width > 60000) {
			from = 1024;
			width++;
		}
	}
	return rc ? rc : add_range(p, 65535, 65535, n);
}

/* D: one group that names N others; of the client's 16 the last is the last that is named. */
static int build_named(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		struct plan_row row = tcp(GROUP_SERVER, 80, 0, 0);

		row.peer_kind = VPC_PEER_SG;
		row.peer[0] = GROUP_NAMED + i;
		rc = add_row(p, row);
	}
	return rc;
}

/* Whatever makes the search long and finds nothing: in each of 16 groups all port prefixes that hold the port, and in
 * each of those all prefix lengths, every one of them the client's but for the last bit. n is 16 * 17 * 32. */
static int build_worst(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		uint8_t plen = (uint8_t)(1 + i % 32), port_plen = (uint8_t)(i / 32 % 17);
		struct plan_row row = tcp(GROUP_SERVER + i / (32 * 17), 80, ADDRESS_CLIENT ^ 1u << (32 - plen), plen);

		row.port_plen = port_plen;
		row.port = (uint16_t)(80 & (0xffff0000u >> port_plen));
		rc = add_row(p, row);
	}
	return rc;
}

const struct shape shapes[] = {
	{"A", 80, false, 10, 100000, build_addresses, 1, 0, false},
	{"B", 80, false, 128, 100000, build_groups, 16, 0, false},
	{"C", 65535, false, 10, 100000, build_ranges, 1, 0, false},
	{"D", 80, false, 10, 2500, build_named, 1, 14, true},
	{"worst", 80, true, 16 * 17 * 32, 16 * 17 * 32, build_worst, 16, 0, false},
	{0},
};

static void mac_of(uint32_t eni, uint8_t mac[6])
{
	const uint8_t bytes[6] = {2, 0, 0, 0, (uint8_t)(eni >> 8), (uint8_t)eni};

	memcpy(mac, bytes, sizeof(bytes));
}

static void fill_eni(struct plan_eni *e, uint32_t number)
{
	e->has_after = true;
	e->after = (struct eni_record){.number = number,
				       .incarnation = 1,
				       .vpc = 1,
				       .subnet = 1,
				       .flags = VPC_ENI_SOURCE_DEST_CHECK,
				       .mtu = 1500,
				       .gateway_mac = {0x0a, 0x56, 0, 0, 0, 1},
				       .gateway4 = htonl(0x0a000001),
				       .subnet4 = htonl(0x0a000000),
				       .mask4 = htonl(0xffffff00),
				       .tcp_idle_s = 432000,
				       .udp_idle_s = 30,
				       .udp_stream_idle_s = 180,
				       .flow_budget = 500000};
	mac_of(number, e->after.mac);
}

static void fill_groups(const struct shape *shape, uint32_t n, struct plan *p)
{
	struct eni_record *client = &p->enis[0].after, *server = &p->enis[1].after;

	client->groups[client->n_groups++] = GROUP_CLIENT;
	for (uint32_t i = 0; i < shape->client_groups; i++)
		client->groups[client->n_groups++] = GROUP_UNNAMED + i;
	if (shape->client_named)
		client->groups[client->n_groups++] = GROUP_NAMED + n - 1;
	for (uint32_t i = 0; i < shape->server_groups; i++)
		server->groups[server->n_groups++] = GROUP_SERVER + i;
}

static void fill_address(struct plan_addr *a, uint32_t eni, uint32_t address)
{
	const uint32_t mapped[4] = {0, 0, htonl(0xffff), htonl(address)};

	*a = (struct plan_addr){.add = true, .vpc = 1, .eni = eni, .ip = {.family = 4}};
	memcpy(a->ip.bytes, mapped, sizeof(mapped));
}

int shape_plan(const struct shape *shape, uint32_t n, struct plan *ret)
{
	struct plan p = {.n_enis = 2, .n_addrs = 2, .n_vpcs = 1};
	struct plan_row egress = {
		.sg = GROUP_CLIENT, .direction = VPC_EGRESS, .slot = VPC_SLOT_ANY, .peer_kind = VPC_PEER_CIDR4};
	int rc = -ENOMEM;

	p.enis = calloc(2, sizeof(*p.enis));
	p.addrs = calloc(2, sizeof(*p.addrs));
	p.vpcs = calloc(1, sizeof(*p.vpcs));
	if (!p.enis || !p.addrs || !p.vpcs)
		goto fail;
	fill_eni(&p.enis[0], ENI_CLIENT);
	fill_eni(&p.enis[1], ENI_SERVER);
	fill_groups(shape, n, &p);
	fill_address(&p.addrs[0], ENI_CLIENT, ADDRESS_CLIENT);
	fill_address(&p.addrs[1], ENI_SERVER, ADDRESS_SERVER);
	p.vpcs[0].has_after = true;
	p.vpcs[0].after =
		(struct vpc_record){.number = 1, .n_cidrs = 1, .cidrs = {{{4, {[10] = 0xff, [11] = 0xff, 10}}, 112}}};
	rc = shape->build(&p, n);
	egress.rule = 0x7fffffff;
	if (!rc)
		rc = add_row(&p, egress);
	if (!rc) {
		*ret = p;
		return 0;
	}
fail:
	plan_clear(&p);
	return rc;
}

size_t shape_frame(const struct shape *shape, bool back, uint16_t client_port, uint8_t flags, uint8_t frame[64])
{
	uint32_t addresses[2] = {htonl(back ? ADDRESS_SERVER : ADDRESS_CLIENT),
				 htonl(back ? ADDRESS_CLIENT : ADDRESS_SERVER)};
	uint16_t ports[2] = {htons(back ? shape->port : client_port), htons(back ? client_port : shape->port)};
	const uint8_t ip[12] = {0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, IPPROTO_TCP};

	memset(frame, 0, 64);
	mac_of(back ? ENI_CLIENT : ENI_SERVER, frame);
	mac_of(back ? ENI_SERVER : ENI_CLIENT, frame + 6);
	frame[12] = 8; /* IPv4 */
	memcpy(frame + 14, ip, sizeof(ip));
	memcpy(frame + 26, addresses, sizeof(addresses));
	memcpy(frame + 34, ports, sizeof(ports));
	frame[46] = 5 << 4;
	frame[47] = flags;
	return 64;
}
