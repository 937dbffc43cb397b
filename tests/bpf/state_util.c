/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpcd would write into the maps, by hand: VPCs, ENIs, addresses, the epoch. */
#include "lab_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

int lab_parse_cidr(const char *text, uint32_t addr[4], unsigned *plen, bool mapped)
{
	char copy[64], *slash;
	int family = strchr(text, ':') ? 6 : 4;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = 0;
	*plen = slash ? (unsigned)atoi(slash + 1) : family == 4 ? 32 : 128;
	memset(addr, 0, 16);
	if (family == 6) {
		cr_assert_eq(inet_pton(AF_INET6, copy, addr), 1, "%s", text);
		return 6;
	}
	cr_assert_eq(inet_pton(AF_INET, copy, mapped ? &addr[3] : &addr[0]), 1, "%s", text);
	if (mapped)
		addr[2] = htonl(0xffff);
	return 4;
}

static uint32_t mask_word(unsigned plen, unsigned word)
{
	unsigned bits = plen <= word * 32 ? 0 : plen - word * 32;

	return bits == 0 ? 0 : htonl(0xffffffffu << (bits >= 32 ? 0 : 32 - bits));
}

void lab_vpc(struct lab *l, uint32_t vpc, const char *cidr4, const char *cidr6)
{
	struct vpc_space *s = &l->space[vpc];
	uint32_t addr[4];
	unsigned plen;

	memset(s, 0, sizeof(*s));
	s->flags = VPC_SPACE_ROUTED_OUT;
	if (cidr4) {
		lab_parse_cidr(cidr4, addr, &plen, false);
		s->cidr4[0].addr = addr[0];
		s->cidr4[0].mask = mask_word(plen, 0);
		s->n4 = 1;
	}
	if (cidr6) {
		lab_parse_cidr(cidr6, addr, &plen, false);
		for (unsigned i = 0; i < 4; i++) {
			s->cidr6[0].addr[i] = addr[i];
			s->cidr6[0].mask[i] = mask_word(plen, i);
		}
		s->n6 = 1;
	}
}

const uint8_t *lab_gateway_mac(void)
{
	static const uint8_t mac[6] = {0x02, 0xff, 0, 0, 0, 1};

	return mac;
}

const uint8_t *lab_mac(uint32_t number)
{
	static uint8_t macs[LAB_PORTS_MAX][6];
	uint8_t *mac = macs[(number - LAB_ENI(0)) % LAB_PORTS_MAX];

	mac[0] = 2;
	mac[4] = (uint8_t)(number >> 8);
	mac[5] = (uint8_t)number;
	return mac;
}

struct vpc_space *lab_space(struct lab *l, uint32_t vpc)
{
	return &l->space[vpc];
}

bool lab_fast_path(void)
{
	const char *wanted = getenv("VPCD_TEST_FAST_PATH");

	return !wanted || strcmp(wanted, "no") != 0;
}

void lab_set_fast_path(struct lab *l, uint32_t number, bool fast_path)
{
	uint32_t *flags = &l->eni[number].flags;

	*flags = fast_path ? *flags | VPC_ENI_PEER_REDIRECT : *flags & ~VPC_ENI_PEER_REDIRECT;
}

static void addr_row_new(struct lab *l, const struct vpc_addr_key *key, uint32_t number)
{
	uint32_t n = l->n_addrs++;
	struct vpc_addr_row *r = &l->addr_row[n];

	r->key = *key;
	r->eni = number;
	r->born = l->ctl->epoch + 1;
	r->died = VPC_ALIVE;
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.addr), key, &n, BPF_ANY), 0);
}

static void mac_row(struct lab *l, const struct vpc_eni *e, uint32_t number)
{
	struct vpc_addr_key key = {.vpc = VPC_BRIDGE_FIRST + e->subnet};

	memcpy((uint8_t *)key.addr + 10, e->mac, sizeof(e->mac));
	addr_row_new(l, &key, number);
}

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	int rc = bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY);

	cr_assert_eq(rc, 0, "%s: %s", bpf_map__name(map), strerror(-rc));
}

/* The last ones, which no test uses. */
#define WORLD_TABLE  1023u
#define WORLD_ROUTE4 1023u
#define WORLD_ROUTE6 1022u

static void world_route(struct lab *l, uint8_t family, uint32_t number)
{
	struct vpc_route_row row = {.key = {.table = WORLD_TABLE, .family = family},
				    .target.slot[0] = (uint64_t)VPC_TARGET_IGW << VPC_TARGET_SHIFT};

	put(l->skel->maps.route_row, &number, &row);
	put(l->skel->maps.route, &row.key, &number);
}

/* Lets a subnet reach the world by an internet gateway. Its uplink is no device. */
static void lab_world(struct lab *l, uint32_t vpc, uint32_t subnet)
{
	struct vpc_route_plens plens = {.plens4 = 1, .plens6 = {1}};
	struct vpc_versioned table = {.slot = {WORLD_TABLE}};
	struct vpc_uplink uplink = {.ifindex = VPC_UPLINK_FIRST + vpc, .mtu = 65535};
	uint32_t number = WORLD_TABLE;

	world_route(l, 4, WORLD_ROUTE4);
	world_route(l, 6, WORLD_ROUTE6);
	put(l->skel->maps.route_plens, &number, &plens);
	put(l->skel->maps.subnet_table, &subnet, &table);
	put(l->skel->maps.uplink, &vpc, &uplink);
}

void lab_eni(struct lab *l, const struct eni_spec *spec)
{
	struct vpc_eni *e = &l->eni[spec->number];
	uint32_t addr[4];
	unsigned plen;

	memset(e, 0, sizeof(*e));
	e->vpc = spec->vpc ? spec->vpc : 1;
	e->incarnation = spec->incarnation ? spec->incarnation : 1;
	e->subnet = spec->subnet ? spec->subnet : 1;
	e->flags = spec->no_source_dest_check ? 0 : VPC_ENI_SOURCE_DEST_CHECK;
	lab_parse_cidr(spec->gateway4 ? spec->gateway4 : "10.0.0.1", addr, &plen, false);
	e->gateway4 = addr[0];
	lab_parse_cidr(spec->subnet4 ? spec->subnet4 : "10.0.0.0/24", addr, &plen, false);
	e->subnet4 = addr[0];
	e->mask4 = mask_word(plen, 0);
	lab_parse_cidr(spec->subnet6 ? spec->subnet6 : "fd00:1::/64", addr, &plen, false);
	memcpy(e->subnet6, addr, 16);
	memcpy(e->mac, lab_mac(spec->number), 6);
	memcpy(e->gateway_mac, lab_gateway_mac(), 6);
	e->tcp_idle_s = 432000;
	e->udp_idle_s = 30;
	e->udp_stream_idle_s = 180;
	e->flow_budget = spec->flow_budget ? spec->flow_budget : 1000;
	e->mtu = spec->mtu ? spec->mtu : 1500;
	if (lab_fast_path())
		e->flags |= VPC_ENI_PEER_REDIRECT;
	mac_row(l, e, spec->number);
	lab_world(l, e->vpc, e->subnet);
}

static void addr_key(struct vpc_addr_key *key, uint32_t vpc, const char *address)
{
	uint32_t addr[4];
	unsigned plen;

	lab_parse_cidr(address, addr, &plen, true);
	memset(key, 0, sizeof(*key));
	key->vpc = vpc;
	memcpy(key->addr, addr, 16);
}

void lab_addr(struct lab *l, uint32_t vpc, const char *address, uint32_t number)
{
	struct vpc_addr_key key;

	addr_key(&key, vpc, address);
	addr_row_new(l, &key, number);
}

void lab_addr_remove(struct lab *l, uint32_t vpc, const char *address)
{
	struct vpc_addr_key key;
	uint32_t n;

	addr_key(&key, vpc, address);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.addr), &key, &n), 0);
	l->addr_row[n].died = l->ctl->epoch + 1;
	l->eni[l->addr_row[n].eni].gen_revoke = l->ctl->epoch + 1;
	l->eni[l->addr_row[n].eni].gen_any = l->ctl->epoch + 1;
}

uint64_t lab_commit(struct lab *l)
{
	for (uint32_t n = 1; lab_classifier() && n < l->n_sets; n++)
		for (unsigned direction = 0; direction < 2; direction++)
			lab_compile(l, n, direction);
	__atomic_store_n(&l->ctl->epoch, l->ctl->epoch + 1, __ATOMIC_SEQ_CST);
	return l->ctl->epoch;
}

uint64_t lab_epoch(struct lab *l)
{
	return l->ctl->epoch;
}

struct vpc_ctl *lab_ctl(struct lab *l)
{
	return l->ctl;
}

struct vpc_eni *lab_eni_row(struct lab *l, uint32_t number)
{
	return &l->eni[number];
}

struct vpc_row *lab_row(struct lab *l, uint32_t number)
{
	return &l->row[number];
}

struct vpc_sg *lab_sg(struct lab *l, uint32_t number)
{
	return &l->sg[number];
}

struct lab *lab_usual(void)
{
	static const uint32_t groups[] = {SG_A, SG_B, SG_C, SG_D};
	struct lab *l = lab_open(4);

	lab_vpc(l, 1, "10.0.0.0/16", "fd00:1::/56");
	lab_vpc(l, 2, "10.0.0.0/16", "fd00:1::/56");
	lab_eni(l, &(struct eni_spec){.number = ENI_A});
	lab_eni(l, &(struct eni_spec){.number = ENI_B});
	lab_eni(l, &(struct eni_spec){.number = ENI_C,
				      .subnet = 2,
				      .gateway4 = "10.0.1.1",
				      .subnet4 = "10.0.1.0/24",
				      .subnet6 = "fd00:1:0:1::/64"});
	lab_eni(l, &(struct eni_spec){.number = ENI_D, .vpc = 2, .subnet = 3});
	lab_addr(l, 1, "10.0.0.10", ENI_A);
	lab_addr(l, 1, "10.0.0.11", ENI_B);
	lab_addr(l, 1, "10.0.1.12", ENI_C);
	lab_addr(l, 2, "10.0.0.10", ENI_D);
	lab_addr(l, 1, "fd00:1::10", ENI_A);
	lab_addr(l, 1, "fd00:1::11", ENI_B);
	lab_addr(l, 1, "fd00:1:0:1::12", ENI_C);
	lab_addr(l, 2, "fd00:1::10", ENI_D);
	for (uint32_t i = 0; i < 4; i++) {
		lab_join(l, LAB_ENI(i), false, GROUPS(groups[i]));
		lab_allow_all(l, groups[i], VPC_EGRESS, 4);
		lab_allow_all(l, groups[i], VPC_EGRESS, 6);
	}
	lab_commit(l);
	return l;
}

uint32_t lab_allow_dns(struct lab *l)
{
	return lab_allow(l,
			 &(struct rule_spec){
				 .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 53, .port_plen = 16, .peer = "10.0.0.0/24"});
}

struct lab *lab_usual_fast_path(uint32_t *ret_dns)
{
	struct lab *l = lab_usual();

	*ret_dns = lab_allow_dns(l);
	lab_allow(l, &(struct rule_spec){
			     .sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_ANY, .peer = "10.0.0.0/16"});
	lab_allow(l, &(struct rule_spec){.sg = SG_C, .slot = VPC_SLOT_ANY, .peer = "fd00::/16"});
	for (unsigned i = 0; i < 4; i++)
		lab_set_fast_path(l, LAB_ENI(i), true);
	lab_commit(l);
	return l;
}
