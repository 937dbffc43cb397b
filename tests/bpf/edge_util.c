/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Maps of the edge's tests, as vpcd would write them. */
#include "edge_devices_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vpc/cleanup.h>

static void update(const struct bpf_map *map, const void *key, const void *value)
{
	int rc = bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY);

	cr_assert_eq(rc, 0, "%s: %s", bpf_map__name(map), strerror(-rc));
}

void edge_peer_redirect(struct edge_lab *e, bool yes)
{
	for (uint32_t number = 1; number < ARRAY_SIZE(e->vu); number++) {
		struct vpc_uplink u = {.ifindex = VPC_UPLINK_FIRST + number,
				       .host_ifindex = e->vu[number],
				       .flags = yes ? VPC_UPLINK_PEER_REDIRECT : 0,
				       .mtu = e->uplink_mtu ? e->uplink_mtu : 1500};
		struct ifreq r = {};
		int s;

		if (!e->vu[number])
			continue;
		edge_enter(e, NS_HOST);
		s = socket(AF_INET, SOCK_DGRAM, 0);
		cr_assert(if_indextoname(e->vu[number], r.ifr_name));
		cr_assert_eq(ioctl(s, SIOCGIFHWADDR, &r), 0);
		memcpy(u.host_mac, r.ifr_hwaddr.sa_data, 6);
		close(s);
		edge_enter(e, NS_VPC);
		update(e->l->skel->maps.uplink, &number, &u);
		update(e->l->skel->maps.uplink_of, &e->vu[number], &number);
	}
	lab_set_fast_path(e->l, ENI_A, yes);
	lab_set_fast_path(e->l, ENI_C, yes);
	lab_set_fast_path(e->l, ENI_D, yes);
}

static void edge_versioned_at(struct edge_lab *e, struct vpc_versioned *v, uint32_t value)
{
	uint64_t next = lab_epoch(e->l) + 1, a = v->slot[0] >> VPC_VERSIONED_SHIFT,
		 b = v->slot[1] >> VPC_VERSIONED_SHIFT;

	v->slot[a == next ? 0 : b == next ? 1 : a > b] = next << VPC_VERSIONED_SHIFT | value;
}

void edge_versioned(struct edge_lab *e, struct bpf_map *map, uint32_t number, uint32_t value)
{
	uint8_t row[64] __attribute__((aligned(8)));

	cr_assert_leq(bpf_map__value_size(map), sizeof(row));
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &number, row), 0);
	edge_versioned_at(e, (struct vpc_versioned *)row, value);
	update(map, &number, row);
}

/* "10.0.0.0/8" as a key of the map `route`. */
static struct vpc_route_key route_key(uint32_t table, const char *cidr)
{
	struct vpc_route_key key = {.table = table, .family = strchr(cidr, ':') ? 6 : 4};
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", cidr);
	key.plen = (uint8_t)atoi(strchr(copy, '/') + 1);
	*strchr(copy, '/') = 0;
	cr_assert_eq(inet_pton(key.family == 4 ? AF_INET : AF_INET6, copy, key.addr), 1);
	return key;
}

void edge_route_of(struct edge_lab *e, uint32_t vpc, const char *cidr, uint32_t kind, uint32_t number)
{
	struct bpf_map *plens_map = e->l->skel->maps.route_plens;
	struct vpc_route_key key = route_key(vpc, cidr);
	struct vpc_route_plens plens;
	struct vpc_route_row row = {.key = key};
	uint32_t table = vpc, n;

	if (bpf_map_lookup_elem(bpf_map__fd(e->l->skel->maps.route), &key, &n)) {
		n = ++e->n_routes;
		update(e->l->skel->maps.route_row, &n, &row);
		update(e->l->skel->maps.route, &key, &n);
	}
	edge_versioned(e, e->l->skel->maps.route_row, n, kind << VPC_TARGET_SHIFT | number);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(plens_map), &table, &plens), 0);
	if (key.family == 4)
		plens.plens4 |= 1ull << key.plen;
	else
		plens.plens6[key.plen / 64] |= 1ull << key.plen % 64;
	update(plens_map, &table, &plens);
}

void edge_route(struct edge_lab *e, const char *cidr, uint32_t kind, uint32_t number)
{
	edge_route_of(e, EDGE_TABLE, cidr, kind, number);
}

void edge_nat_gateway(struct edge_lab *e, uint32_t number, uint32_t eip, uint32_t incarnation)
{
	struct vpc_nat row;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(e->l->skel->maps.nat), &number, &row), 0);
	row.vpc = number; /* gateway n is of VPC n */
	row.incarnation = incarnation;
	update(e->l->skel->maps.nat, &number, &row);
	edge_versioned(e, e->l->skel->maps.nat, number, eip);
}

struct vpc_edge_ctl edge_ctl_read(struct edge_lab *e)
{
	struct vpc_edge_ctl c;
	uint32_t zero = 0;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(e->l->skel->maps.edge_ctl), &zero, &c), 0);
	return c;
}

void edge_ctl_set(struct edge_lab *e, const struct vpc_edge_ctl *c)
{
	uint32_t zero = 0;

	update(e->l->skel->maps.edge_ctl, &zero, c);
}

static struct vpc_public_key public_key(const char *address)
{
	struct vpc_public_key key = {.addr = {0, 0, htonl(0xffff), 0}};

	cr_assert_eq(inet_pton(AF_INET, address, &key.addr[3]), 1);
	return key;
}

void edge_eip(struct edge_lab *e, uint32_t number, const char *address, uint32_t kind, uint32_t target,
	      const char *private4, uint32_t vpc)
{
	struct vpc_public_key key = public_key(address), inside = {};
	struct vpc_public found = {.kind = VPC_PUBLIC_EIP, .number = number};
	struct bpf_map *map = e->l->skel->maps.eip;
	uint64_t next = lab_epoch(e->l) + 1;
	struct vpc_eip row;
	int i;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &number, &row), 0);
	i = row.target.slot[0] > row.target.slot[1];
	if (private4)
		inside = public_key(private4);
	row.private4[i] = inside.addr[3];
	row.vpc[i] = vpc;
	row.addr4 = key.addr[3];
	row.pool = EDGE_POOL;
	row.target.slot[i] = next << VPC_VERSIONED_SHIFT | (kind ? kind << VPC_TARGET_SHIFT | target : 0);
	update(map, &number, &row);
	update(e->l->skel->maps.public, &key, &found);
	if (private4)
		for (uint32_t n = 1; n < e->l->n_addrs; n++)
			if (e->l->addr_row[n].key.vpc == vpc &&
			    !memcmp(e->l->addr_row[n].key.addr, inside.addr, sizeof(inside.addr)))
				edge_versioned_at(e, &e->l->addr_row[n].eip, kind == VPC_EIP_ENI ? number : 0);
}

uint32_t edge_publish(struct edge_lab *e, const char *address, uint8_t proto, uint16_t host_port, uint16_t ports,
		      uint32_t vpc, uint32_t eni, uint16_t port)
{
	uint8_t plen = (uint8_t)(16 - __builtin_ctz(ports));
	struct vpc_publish_row row = {.born = lab_epoch(e->l) + 1,
				      .died = VPC_ALIVE,
				      .key = {.proto = proto, .plen = plen, .port = host_port},
				      .vpc = vpc,
				      .eni = eni,
				      .port = port,
				      .publication = 1};
	struct vpc_edge_ctl c = edge_ctl_read(e);
	uint32_t n = ++e->n_publications;

	row.private4 = public_key(WORKLOAD).addr[3];
	if (address)
		memcpy(row.key.addr, public_key(address).addr, sizeof(row.key.addr));
	update(e->l->skel->maps.publish_row, &n, &row);
	update(e->l->skel->maps.publish, &row.key, &n);
	c.publish_plens |= 1u << plen;
	edge_ctl_set(e, &c);
	return n;
}

void edge_prefix6(struct edge_lab *e, uint32_t vpc)
{
	struct vpc_space *space = lab_space(e->l, vpc);
	struct vpc_prefix6_key key = {.plen = 56};
	struct vpc_edge_ctl c = edge_ctl_read(e);

	memcpy(key.addr, space->cidr6[0].addr, sizeof(key.addr));
	update(e->l->skel->maps.prefix6, &key, &vpc);
	c.prefix6_plens |= 1u << (56 - 32);
	edge_ctl_set(e, &c);
}

void edge_unpublish(struct edge_lab *e, uint32_t number)
{
	struct vpc_publish_row row;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(e->l->skel->maps.publish_row), &number, &row), 0);
	row.died = lab_epoch(e->l) + 1;
	update(e->l->skel->maps.publish_row, &number, &row);
}

void edge_allow(struct edge_lab *e, uint32_t sg, uint8_t slot, uint16_t port, const char *peer)
{
	lab_allow(e->l, &(struct rule_spec){.sg = sg,
					    .direction = VPC_INGRESS,
					    .slot = slot,
					    .port = port,
					    .port_plen = slot == VPC_SLOT_ANY ? 0 : 16,
					    .peer = peer});
}

static const struct edge_vpc first_vpc = {.number = 1,
					  .eni = ENI_A,
					  .sg = SG_A,
					  .cidr4 = "10.0.0.0/16",
					  .cidr6 = "fd00:1::/56",
					  .address4 = WORKLOAD,
					  .gateway4 = "10.0.0.1",
					  .address6 = "fd00:1::10"};

void edge_second_vpc(struct edge_lab *e)
{
	struct edge_vpc v = first_vpc;

	v.number = 2;
	v.eni = ENI_D;
	lab_vpc(e->l, 2, "10.0.0.0/16", "fd00:2::/56");
	lab_eni(e->l, &(struct eni_spec){.number = ENI_D, .vpc = 2, .subnet = 3});
	lab_addr(e->l, 2, WORKLOAD, ENI_D);
	lab_join(e->l, ENI_D, false, GROUPS(SG_D));
	lab_allow_all(e->l, SG_D, VPC_EGRESS, 4);
	edge_make_vpc(e, &v, NS_VPC2, NS_WORKLOAD2);
	edge_peer_redirect(e, lab_fast_path());
	edge_versioned(e, e->l->skel->maps.subnet_table, 3, 2);
	edge_nat_gateway(e, 2, VPC_NAT_HOST_ADDRESS, 1);
	edge_route_of(e, 2, "0.0.0.0/0", VPC_TARGET_NAT, 2);
	lab_commit(e->l);
}

/* The subnet of VPC n is n + 1, and its route table n. */
void edge_vpc(struct edge_lab *e, const struct edge_vpc *v)
{
	char subnet4[64], subnet6[64];

	snprintf(subnet4, sizeof(subnet4), "%.*s.0/24", (int)(strrchr(v->address4, '.') - v->address4), v->address4);
	snprintf(subnet6, sizeof(subnet6), "%.*s:/64", (int)(strrchr(v->address6, ':') - v->address6), v->address6);
	lab_vpc(e->l, v->number, v->cidr4, v->cidr6);
	lab_eni(e->l, &(struct eni_spec){.number = v->eni,
					 .vpc = v->number,
					 .subnet = v->number + 1,
					 .gateway4 = v->gateway4,
					 .subnet4 = subnet4,
					 .subnet6 = subnet6});
	lab_addr(e->l, v->number, v->address4, v->eni);
	lab_addr(e->l, v->number, v->address6, v->eni);
	lab_join(e->l, v->eni, false, GROUPS(v->sg));
	lab_allow_all(e->l, v->sg, VPC_EGRESS, 4);
	lab_allow_all(e->l, v->sg, VPC_EGRESS, 6);
	edge_make_vpc(e, v, v->number == 2 ? NS_VPC2 : NS_VPC3, v->number == 2 ? NS_WORKLOAD2 : NS_WORKLOAD3);
	edge_peer_redirect(e, lab_fast_path());
	edge_versioned(e, e->l->skel->maps.subnet_table, v->number + 1, v->number);
	lab_commit(e->l);
}

static void make_rows(struct edge_lab *e)
{
	struct vpc_edge_ctl c = {.nat_port_first = 1024,
				 .nat_port_last = 65535,
				 .nat_prefer_first = EDGE_PORT_FIRST,
				 .nat_prefer_last = 65535,
				 .nat_per_vpc = 100000};
	struct vpc_outer outer = {.mtu = 1500, .pools = 1u << (EDGE_POOL - 1)};
	struct ifreq r = {.ifr_name = "wan"};
	int s;
	struct vpc_public_key host = public_key(HOST);
	struct vpc_public found = {.kind = VPC_PUBLIC_HOST};

	edge_ctl_set(e, &c);
	edge_enter(e, NS_HOST);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert_eq(ioctl(s, SIOCGIFHWADDR, &r), 0);
	memcpy(outer.mac, r.ifr_hwaddr.sa_data, 6);
	close(s);
	edge_enter(e, NS_VPC);
	outer.addr4 = host.addr[3];
	update(e->l->skel->maps.outer, &e->wan, &outer);
	update(e->l->skel->maps.public, &host, &found);
	edge_peer_redirect(e, lab_fast_path());
	edge_versioned(e, e->l->skel->maps.subnet_table, 1, EDGE_TABLE);
	edge_nat_gateway(e, EDGE_NAT, VPC_NAT_HOST_ADDRESS, 1);
	edge_route(e, "0.0.0.0/0", VPC_TARGET_NAT, EDGE_NAT);
}

struct edge_lab *edge_open(void)
{
	struct edge_lab *e = calloc(1, sizeof(*e));

	cr_assert(e);
	e->l = lab_open(0);
	edge_make_namespaces(e);
	lab_vpc(e->l, 1, "10.0.0.0/16", "fd00:1::/56");
	lab_eni(e->l, &(struct eni_spec){.number = ENI_A});
	lab_addr(e->l, 1, WORKLOAD, ENI_A);
	lab_addr(e->l, 1, "fd00:1::10", ENI_A);
	lab_join(e->l, ENI_A, false, GROUPS(SG_A));
	lab_allow_all(e->l, SG_A, VPC_EGRESS, 4);
	lab_allow_all(e->l, SG_A, VPC_EGRESS, 6);
	edge_make_vpc(e, &first_vpc, NS_VPC, NS_WORKLOAD);
	edge_make_host(e);
	make_rows(e);
	lab_commit(e->l);
	return e;
}

void edge_close(struct edge_lab *e)
{
	if (!e)
		return;
	lab_close(e->l);
	for (int i = 0; i < NS_COUNT; i++)
		close(e->ns[i]);
	free(e);
}

int64_t edge_nat_used(struct edge_lab *e, uint32_t vpc)
{
	int64_t n = -1;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(e->l->skel->maps.nat_used), &vpc, &n), 0);
	return n;
}

unsigned edge_translations(struct edge_lab *e)
{
	int in = bpf_map__fd(e->l->skel->maps.nat_in), out = bpf_map__fd(e->l->skel->maps.nat_out);
	struct vpc_nat_key key, *at = NULL;
	struct vpc_nat_entry inside, outside;
	unsigned n = 0;

	for (; !bpf_map_get_next_key(out, at, &key); at = &key, n++) {
		cr_assert_eq(bpf_map_lookup_elem(out, &key, &outside), 0);
		cr_assert_eq(bpf_map_lookup_elem(in, &outside.other, &inside), 0, "both entries are there");
		cr_assert_arr_eq(&inside.other, &key, sizeof(key));
	}
	at = NULL;
	for (unsigned others = n; !bpf_map_get_next_key(in, at, &key); at = &key)
		cr_assert(others--, "an entry without the other");
	return n;
}

/* An entry that is written is another place of its bucket: all keys are read first. */
static void age(const struct bpf_map *map, unsigned seconds)
{
	static struct vpc_nat_key keys[LAB_TRANSLATIONS];
	struct vpc_nat_key *at = NULL;
	struct vpc_nat_entry entry;
	unsigned n = 0;

	for (; n < LAB_TRANSLATIONS && !bpf_map_get_next_key(bpf_map__fd(map), at, &keys[n]); n++)
		at = &keys[n];
	for (unsigned i = 0; i < n; i++) {
		cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &keys[i], &entry), 0);
		entry.last_seen_ns -= seconds * 1000000000ull;
		update(map, &keys[i], &entry);
	}
}

void edge_age(struct edge_lab *e, unsigned seconds)
{
	age(e->l->skel->maps.nat_in, seconds);
	age(e->l->skel->maps.nat_out, seconds);
}

uint64_t edge_drops(struct edge_lab *e, uint32_t number, int reason)
{
	return lab_drops(e->l, number, reason);
}

uint64_t edge_drops_reach(struct edge_lab *e, uint32_t number, int reason, uint64_t drops)
{
	for (int i = 0; i < 300 && edge_drops(e, number, reason) < drops; i++)
		usleep(10000);
	return edge_drops(e, number, reason);
}

bool edge_dropped(struct edge_lab *e, uint32_t number, int reason)
{
	return edge_drops_reach(e, number, reason, 1) != 0;
}
