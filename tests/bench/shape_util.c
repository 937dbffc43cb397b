/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/compile.h"
#include "util/port_range.h"

#define GROUP_CLIENT  1u
#define GROUP_SERVER  2u
#define GROUP_UNNAMED 40u
#define GROUP_NAMED   100u
#define GROUP_BOTH    200u /* of the client, 16 */
#define SAME_BLOOM    64u  /* so far apart are groups that a bloom filter takes for each other */
#define RULE_NEVER    0x7ffffffeu
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
	size_t n = port_range_split(low, high, prefixes);
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

/* E: one rule with N prefixes, of all lengths from 8 to 32, as its peers, the client's own address the last. It is no
 * prefix list. */
static int build_list(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 1; i < n && !rc; i++) {
		uint32_t plen = i <= 8 ? 7 + i : 16 + i % 17, nth = i <= 8 ? 0 : i / 17;
		struct plan_row row = tcp(GROUP_SERVER, 80, 0x10000000 + (nth << (32 - plen)), (uint8_t)plen);

		row.rule = 1;
		rc = add_row(p, row);
	}
	return rc ? rc : add_row(p, tcp(GROUP_SERVER, 80, ADDRESS_CLIENT, 32));
}

/* A row for the server's groups, and its like for what the client sends. `both`: the i-th of 16 groups. */
static int add_both(struct plan *p, struct plan_row row, uint32_t i, const uint32_t egress_peer[4])
{
	int rc;

	row.sg = GROUP_SERVER + i;
	rc = add_row(p, row);
	row.sg = GROUP_BOTH + i;
	row.direction = VPC_EGRESS;
	memcpy(row.peer, egress_peer, sizeof(row.peer));
	return rc ? rc : add_row(p, row);
}

/* The port prefix of this length that holds the packet's port. */
static struct plan_row worst_port(uint32_t plen)
{
	struct plan_row row = tcp(0, (uint16_t)(80 & (0xffff0000u >> plen)), 0, 0);

	row.port_plen = (uint8_t)plen;
	return row;
}

/* An address with all but the last bit of a prefix: not in it. */
static int add_near4(struct plan *p, uint32_t group, uint32_t port_plen, uint32_t plen)
{
	uint32_t mask = ~0u << (32 - plen), bit = 1u << (32 - plen);
	uint32_t egress[4] = {htonl((ADDRESS_SERVER ^ bit) & mask)};
	struct plan_row row = worst_port(port_plen);

	row.peer_plen = (uint8_t)plen;
	row.peer[0] = htonl((ADDRESS_CLIENT ^ bit) & mask);
	return add_both(p, row, group, egress);
}

/* Whatever makes the search long and finds nothing: in each of 16 groups all port prefixes that hold the port, and in
 * each of those all prefix lengths, every one of them the peer's but for the last bit. n is 16 * 17 * 32. */
static int build_worst(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++)
		rc = add_near4(p, i / (32 * 17), i / 32 % 17, 1 + i % 32);
	return rc;
}

static void address6(uint32_t address, uint32_t ret[4])
{
	ret[0] = htonl(0xfd100000);
	ret[1] = 0;
	ret[2] = 0;
	ret[3] = htonl(address);
}

static void near6(uint32_t address, uint32_t plen, uint32_t ret[4])
{
	address6(address, ret);
	ret[(plen - 1) / 32] ^= htonl(0x80000000u >> (plen - 1) % 32);
	for (uint32_t bit = plen; bit < 128; bit++)
		ret[bit / 32] &= ~htonl(0x80000000u >> bit % 32);
}

/* The same for IPv6. n is 16 * 17 * 128. */
static int build_worst6(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		struct plan_row row = worst_port(i / 128 % 17);
		uint32_t egress[4];

		row.peer_kind = VPC_PEER_CIDR6;
		row.peer_plen = (uint8_t)(1 + i % 128);
		near6(ADDRESS_CLIENT, row.peer_plen, row.peer);
		near6(ADDRESS_SERVER, row.peer_plen, egress);
		rc = add_both(p, row, i / (128 * 17), egress);
	}
	return rc;
}

/* Groups on top: each mask group names 16 that only the peer's bloom filter knows. n is 16 * 17 * (32 + 16). */
static int build_worst_groups(struct plan *p, uint32_t n)
{
	int rc = build_worst(p, n / 48 * 32);

	for (uint32_t i = 0; i < n / 48 * 16 && !rc; i++) {
		struct plan_row row = worst_port(i / 16 % 17);
		uint32_t egress[4] = {GROUP_SERVER + i % 16 + SAME_BLOOM};

		row.peer_kind = VPC_PEER_SG;
		row.peer[0] = GROUP_BOTH + i % 16 + SAME_BLOOM;
		rc = add_both(p, row, i / (16 * 17), egress);
	}
	return rc;
}

/* The longest walk that is still walked, 63 probes a side: 16 groups, one port, two prefix lengths, one in the last
 * group. */
static int build_edge(struct plan *p, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++)
		rc = add_near4(p, i / 2, 16, 31 + i % 2);
	return rc;
}

const struct shape shapes[] = {
	{.name = "A", .port = 80, .least = 10, .most = 100000, .build = build_addresses, .server_groups = 1},
	{.name = "B", .port = 80, .least = 128, .most = 100000, .build = build_groups, .server_groups = 16},
	{.name = "C", .port = 65535, .least = 10, .most = 100000, .build = build_ranges, .server_groups = 1},
	{.name = "D",
	 .port = 80,
	 .least = 10,
	 .most = 2500,
	 .build = build_named,
	 .server_groups = 1,
	 .client_groups = 14,
	 .client_named = true},
	{.name = "E", .port = 80, .least = 32, .most = 100000, .build = build_list, .server_groups = 1},
	{.name = "edge",
	 .port = 80,
	 .denied = true,
	 .least = 31,
	 .most = 31,
	 .build = build_edge,
	 .server_groups = 16,
	 .both = true},
	{.name = "worst",
	 .port = 80,
	 .denied = true,
	 .least = 16 * 17 * 32,
	 .most = 16 * 17 * 32,
	 .build = build_worst,
	 .server_groups = 16,
	 .both = true},
	{.name = "worst-groups",
	 .port = 80,
	 .denied = true,
	 .least = 16 * 17 * 48,
	 .most = 16 * 17 * 48,
	 .build = build_worst_groups,
	 .server_groups = 16,
	 .both = true},
	{.name = "worst-ipv6",
	 .port = 80,
	 .denied = true,
	 .least = 16 * 17 * 128,
	 .most = 16 * 17 * 128,
	 .build = build_worst6,
	 .server_groups = 16,
	 .both = true,
	 .ip6 = true},
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
				       .subnet6 = {htonl(0xfd100000)},
				       .tcp_idle_s = 432000,
				       .udp_idle_s = 30,
				       .udp_stream_idle_s = 180,
				       .flow_budget = 500000};
	mac_of(number, e->after.mac);
}

static void fill_groups(const struct shape *shape, uint32_t n, struct plan *p)
{
	struct eni_record *client = &p->enis[0].after, *server = &p->enis[1].after;

	for (uint32_t i = 0; shape->both && i < VPC_GROUPS_PER_ENI; i++)
		client->groups[client->n_groups++] = GROUP_BOTH + i;
	if (!shape->both)
		client->groups[client->n_groups++] = GROUP_CLIENT;
	for (uint32_t i = 0; i < shape->client_groups; i++)
		client->groups[client->n_groups++] = GROUP_UNNAMED + i;
	if (shape->client_named)
		client->groups[client->n_groups++] = GROUP_NAMED + n - 1;
	for (uint32_t i = 0; i < shape->server_groups; i++)
		server->groups[server->n_groups++] = GROUP_SERVER + i;
}

static void fill_address(struct plan_addr *a, uint32_t eni, uint32_t address, bool ip6)
{
	uint32_t bytes[4] = {0, 0, htonl(0xffff), htonl(address)};

	if (ip6)
		address6(address, bytes);
	*a = (struct plan_addr){.add = true, .vpc = 1, .eni = eni, .ip = {.family = ip6 ? 6 : 4}};
	memcpy(a->ip.bytes, bytes, sizeof(bytes));
}

/* What lets the client send, where it is found last. */
static struct plan_row egress_rule(const struct shape *shape)
{
	struct plan_row row = {.sg = GROUP_CLIENT,
			       .direction = VPC_EGRESS,
			       .slot = VPC_SLOT_ANY,
			       .peer_kind = shape->ip6 ? VPC_PEER_CIDR6 : VPC_PEER_CIDR4,
			       .rule = 0x7fffffff};

	if (!shape->both)
		return row;
	row.sg = GROUP_BOTH + VPC_GROUPS_PER_ENI - 1;
	row.peer_kind = VPC_PEER_SG;
	row.peer[0] = GROUP_SERVER + shape->server_groups - 1;
	return row;
}

struct plan_row shape_change(bool add)
{
	struct plan_row row = tcp(GROUP_SERVER, 80, 0xc0000201, 32);

	row.add = add;
	row.rule = RULE_NEVER;
	return row;
}

int shape_plan(const struct shape *shape, uint32_t n, struct plan *ret)
{
	struct plan p = {.n_enis = 2, .n_addrs = 2, .n_vpcs = 1};
	int rc = -ENOMEM;

	p.enis = calloc(2, sizeof(*p.enis));
	p.addrs = calloc(2, sizeof(*p.addrs));
	p.vpcs = calloc(1, sizeof(*p.vpcs));
	if (!p.enis || !p.addrs || !p.vpcs)
		goto fail;
	fill_eni(&p.enis[0], ENI_CLIENT);
	fill_eni(&p.enis[1], ENI_SERVER);
	fill_groups(shape, n, &p);
	fill_address(&p.addrs[0], ENI_CLIENT, ADDRESS_CLIENT, shape->ip6);
	fill_address(&p.addrs[1], ENI_SERVER, ADDRESS_SERVER, shape->ip6);
	p.vpcs[0].has_after = true;
	p.vpcs[0].after =
		(struct vpc_record){.number = 1,
				    .n_cidrs = 2,
				    .cidrs = {{{4, {[10] = 0xff, [11] = 0xff, 10}}, 16}, {{6, {0xfd, 0x10}}, 56}}};
	rc = shape->build(&p, n);
	if (!rc)
		rc = add_row(&p, egress_rule(shape));
	if (!rc) {
		*ret = p;
		return 0;
	}
fail:
	plan_clear(&p);
	return rc;
}

static size_t put_ip6(bool back, uint8_t *ip)
{
	const uint8_t fixed[8] = {0x60, 0, 0, 0, 0, 30, IPPROTO_TCP, 64};
	uint32_t addresses[2][4];

	address6(back ? ADDRESS_SERVER : ADDRESS_CLIENT, addresses[0]);
	address6(back ? ADDRESS_CLIENT : ADDRESS_SERVER, addresses[1]);
	memcpy(ip, fixed, sizeof(fixed));
	memcpy(ip + 8, addresses, sizeof(addresses));
	return 40;
}

/* Of an IPv4 header of 20 bytes whose checksum is 0. */
static void put_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

static size_t put_ip4(bool back, uint8_t *ip)
{
	const uint8_t fixed[12] = {0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, IPPROTO_TCP};
	uint32_t addresses[2] = {htonl(back ? ADDRESS_SERVER : ADDRESS_CLIENT),
				 htonl(back ? ADDRESS_CLIENT : ADDRESS_SERVER)};

	memcpy(ip, fixed, sizeof(fixed));
	memcpy(ip + 12, addresses, sizeof(addresses));
	put_checksum(ip);
	return 20;
}

size_t shape_frame(const struct shape *shape, bool back, uint16_t client_port, uint8_t flags,
		   uint8_t frame[FRAME_BYTES])
{
	uint16_t ports[2] = {htons(back ? shape->port : client_port), htons(back ? client_port : shape->port)};
	uint8_t *l4;

	memset(frame, 0, FRAME_BYTES);
	mac_of(back ? ENI_CLIENT : ENI_SERVER, frame);
	mac_of(back ? ENI_SERVER : ENI_CLIENT, frame + 6);
	frame[12] = shape->ip6 ? 0x86 : 8;
	frame[13] = shape->ip6 ? 0xdd : 0;
	l4 = frame + 14 + (shape->ip6 ? put_ip6(back, frame + 14) : put_ip4(back, frame + 14));
	memcpy(l4, ports, sizeof(ports));
	l4[12] = 5 << 4;
	l4[13] = flags;
	return (size_t)(l4 - frame) + 30;
}
