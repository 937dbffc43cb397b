/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows with the outside a change cuts that takes a way from them (rule 8), each before it is published, after
 * it, and a little at a time. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "datapath/maps/edge_state.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_edge_cut, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 60);

#define NAT1 (VPC_TARGET_NAT << VPC_TARGET_SHIFT | 1)
#define IDLE 100 /* seconds */
#define PORT 443

static const struct nat_record nat1 = {.number = 1, .vpc = 1, .incarnation = 5, .eip = VPC_NAT_HOST_ADDRESS};
static struct maps *t;

/* ENI 1 (10.0.0.5, elastic IP 203.0.113.1) and ENI 2 (10.0.0.6, ports 8080..8090 are its 80..90) in a subnet whose
 * table 1 sends 10.9.0.0/16 to NAT gateway 1 and 10.8.0.0/16 to the internet gateway. */
static void begin(void)
{
	const struct route_record nat = route4_rec(1, 9, VPC_TARGET_NAT, 1), igw = route4_rec(1, 8, VPC_TARGET_IGW, 0),
				  other = route4_rec(2, 9, VPC_TARGET_NAT, 1);
	const struct eip_record mine = eip_rec(1, 1, 1, 5);
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8090);
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 0);
	struct test_plan tp;

	t = maps_small(false);
	tp_init(&tp);
	tp_vpc(&tp, true, 1);
	tp_all(&tp, true, 1, 100);
	tp_eni(&tp, NULL, &e1);
	tp_eni(&tp, NULL, &e2);
	tp_addr(&tp, true, 5, 1);
	tp_addr(&tp, true, 6, 2);
	tp_route(&tp, NULL, &nat);
	tp_route(&tp, NULL, &igw);
	tp_route(&tp, NULL, &other);
	tp_association(&tp, e1.subnet, 0, 1);
	tp_nat(&tp, NULL, &nat1);
	tp_eip(&tp, NULL, &mine);
	tp_publish(&tp, NULL, &p);
	maps_apply(t, &tp);
}

/* An established flow of ENI `n` with 10.net.0.1, opened by the ENI or by the outside, which had a packet age_s ago. */
static struct vpc_nat_key flow(uint32_t n, uint8_t net, bool outside, uint16_t port, uint32_t age_s)
{
	struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP};
	uint64_t now_ns = monotonic_ns();
	struct vpc_flow f = {
		.state = VPC_FLOW_ESTABLISHED, .opener = outside, .last_seen_ns = now_ns - age_s * NS_PER_S};

	key.addr[0][2] = key.addr[1][2] = htonl(0xffff);
	key.addr[0][3] = htonl(0x0a000004u + n); /* less than the other one's */
	key.addr[1][3] = htonl(0x0a000001u | (uint32_t)net << 16);
	key.port[0] = htons(port);
	key.port[1] = htons(PORT);
	f.eni[outside] = VPC_ENI_FIRST + n;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW].fd, &key, &f, BPF_NOEXIST), 0);
	vpc_flows_at(t, 1)->total++;
	return (struct vpc_nat_key){.vpc = 1,
				    .local = key.addr[0][3],
				    .remote = key.addr[1][3],
				    .lport = key.port[0],
				    .rport = key.port[1],
				    .proto = IPPROTO_TCP};
}

static void translate(const struct vpc_nat_key *out, uint32_t by, uint32_t incarnation, uint32_t flags)
{
	const struct vpc_nat_entry e = {.key = *out, .by = by, .incarnation = incarnation, .flags = flags};

	cr_assert_eq(bpf_map_update_elem(t->map[MAP_NAT_OUT].fd, out, &e, BPF_NOEXIST), 0);
}

/* The row that leads to a port of ENI 2. */
static uint32_t row_to(uint16_t port)
{
	for (uint32_t i = 1; i < t->mirror.size.publishes; i++) {
		const struct vpc_publish_row *row = &t->mirror.publishes[i].row;

		if (t->mirror.publishes[i].state == NODE_ALIVE && port >= row->port &&
		    port < row->port + (1 << (16 - row->key.plen)))
			return i;
	}
	cr_assert_fail("port %u is not published", port);
	return 0;
}

static int count(const struct vpc_flow_key *key, const struct vpc_flow *f, bool established, void *userdata)
{
	(void)key, (void)f;
	cr_assert(established);
	++*(unsigned *)userdata;
	return 0;
}

/* How many flows the plan cuts: by all that can be asked. */
static unsigned cuts(const struct test_plan *tp)
{
	_cleanup_(maps_cut_search_freep) struct maps_cut_search *x = NULL;
	struct maps_change *c = maps_prepared(t, tp);
	unsigned dry = 0, after = 0, found = 0;
	int r = MAPS_CUT_SEARCH_READ;

	cr_assert_eq(maps_cut_flows(t, c, monotonic_ns(), count, &dry), 0);
	maps_publish(t, c);
	cr_assert_eq(maps_cut_flows(t, c, monotonic_ns(), count, &after), 0);
	cr_assert_eq(maps_cut_search_new(t, c, false, &x), 0);
	/* What an uncounted search finds doesn't need the change. */
	maps_retire(t, c);
	while (x && r != MAPS_CUT_SEARCH_END) {
		if (r == MAPS_CUT_SEARCH_READ)
			cr_assert_eq(maps_cut_search_read(x), 0);
		r = maps_cut_search_step(t, x, count, &found);
		cr_assert_geq(r, 0);
	}
	cr_expect_eq(dry, after, "a dry run says %u, the change %u", dry, after);
	cr_expect_eq(found, after, "the search says %u, the change %u", found, after);
	return after;
}

/* Flows of both ENIs by the NAT gateway, one of which is over for long, and one that is the internet gateway's. */
static void flows_out(void)
{
	struct vpc_nat_key a = flow(1, 9, false, 1000, IDLE), b = flow(2, 9, false, 1001, IDLE);
	struct vpc_nat_key older = flow(2, 9, false, 1002, IDLE);

	translate(&a, 1, 5, 0);
	translate(&b, 1, 5, 0);
	translate(&older, 1, 4, 0); /* of a gateway that had the number before */
	(void)flow(2, 9, false, 1003, IDLE);
	(void)flow(1, 8, false, 1004, IDLE);
	(void)flow(2, 8, false, 1005, IDLE); /* without an elastic IP */
}

Test(maps_edge_cut, a_route_deleted_or_replaced)
{
	const struct route_record nat = route4_rec(1, 9, VPC_TARGET_NAT, 1), igw = route4_rec(1, 8, VPC_TARGET_IGW, 0);
	const struct route_record hole = route4_rec(1, 8, VPC_TARGET_BLACKHOLE, 0);
	struct test_plan tp;

	begin();
	flows_out();
	tp_init(&tp);
	tp_route(&tp, &nat, NULL);
	cr_expect_eq(cuts(&tp), 2);
	tp_init(&tp);
	tp_route(&tp, &igw, &hole);
	cr_expect_eq(cuts(&tp), 1);
	tp_init(&tp);
	tp_route(&tp, NULL, &nat);
	tp_route(&tp, &hole, &igw);
	cr_expect_eq(cuts(&tp), 0, "they had no way");
	maps_close(t);
}

/* Less specific than a route that is there, the same way, and more specific with another way. */
Test(maps_edge_cut, a_route_added)
{
	const struct route_record more = {
		.table = 1,
		.destination = {.addr = {.family = 4, .bytes = {[10] = 0xff, 0xff, 10, 9}}, .plen = 24},
		.target = VPC_TARGET_BLACKHOLE << VPC_TARGET_SHIFT};
	struct route_record less = more, same = more;
	struct test_plan tp;

	begin();
	flows_out();
	less.destination.plen = 0;
	memset(&less.destination.addr.bytes[12], 0, 4);
	same.destination.plen = 20;
	same.target = NAT1;
	tp_init(&tp);
	tp_route(&tp, NULL, &less);
	tp_route(&tp, NULL, &same);
	cr_expect_eq(cuts(&tp), 0);
	tp_init(&tp);
	tp_route(&tp, NULL, &more);
	cr_expect_eq(cuts(&tp), 2);
	maps_close(t);
}

/* Table 2 has the same route to the NAT gateway, and none to the other destination. */
Test(maps_edge_cut, another_table)
{
	struct test_plan tp;

	begin();
	flows_out();
	tp_init(&tp);
	tp_association(&tp, eni_rec(1, 1, 0).subnet, 1, 2);
	cr_expect_eq(cuts(&tp), 1);
	maps_close(t);
}

Test(maps_edge_cut, a_nat_gateway_deleted_or_given_an_elastic_ip)
{
	struct nat_record moved = nat1;
	const struct eip_record nats = {
		.number = 2, .address = htonl(0xcb007102u), .target = VPC_EIP_NAT << VPC_TARGET_SHIFT | 1};
	struct test_plan tp;

	for (int deleted = 0; deleted < 2; deleted++) {
		begin();
		flows_out();
		moved.eip = 2;
		tp_init(&tp);
		if (!deleted)
			tp_eip(&tp, NULL, &nats);
		tp_nat(&tp, &nat1, deleted ? NULL : &moved);
		cr_expect_eq(cuts(&tp), 2);
		maps_close(t);
	}
}

Test(maps_edge_cut, an_elastic_ip_moved)
{
	const struct eip_record mine = eip_rec(1, 1, 1, 5), moved = eip_rec(1, 1, 2, 6);
	struct test_plan tp;

	begin();
	flows_out();
	(void)flow(1, 8, true, 80, IDLE); /* came by it */
	tp_init(&tp);
	tp_eip(&tp, &mine, &moved);
	cr_expect_eq(cuts(&tp), 2);
	maps_close(t);
}

/* Of two published ranges that lead to one ENI, one goes: the row that each flow came by counts. */
Test(maps_edge_cut, a_publication_deleted)
{
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8090), q = publish_rec(2, 2, 6, 9080, 9081);
	struct vpc_nat_key by_p, by_q;
	struct test_plan tp;
	uint32_t row;

	begin();
	row = row_to(85);
	by_p = flow(2, 9, true, 85, IDLE);
	translate(&by_p, row, (uint32_t)publish_at(t, row)->born, VPC_NAT_PUBLISHED);
	by_p = flow(2, 8, true, 85, IDLE); /* of the row's number in an earlier life */
	translate(&by_p, row, (uint32_t)publish_at(t, row)->born + 1, VPC_NAT_PUBLISHED);
	(void)flow(2, 7, true, 85, 0);	  /* its translation was taken out just now */
	(void)flow(2, 7, true, 86, IDLE); /* and long ago */
	(void)flow(2, 7, true, 22, 0);	  /* another port */
	tp_init(&tp);
	tp_publish(&tp, NULL, &q);
	cr_expect_eq(cuts(&tp), 0);
	row = row_to(80);
	by_q = flow(2, 9, true, 80, IDLE);
	for (uint32_t i = 1; i < t->mirror.size.publishes; i++)
		if (t->mirror.publishes[i].row.publication == 2)
			row = i;
	translate(&by_q, row, (uint32_t)publish_at(t, row)->born, VPC_NAT_PUBLISHED);
	tp_init(&tp);
	tp_publish(&tp, &p, NULL);
	cr_expect_eq(cuts(&tp), 2);
	maps_close(t);
}

static struct ip ip4(uint8_t net)
{
	return (struct ip){4, {[10] = 0xff, 0xff, 10, net, 0, 1}};
}

/* VPC 1 gets host access to 10.net.0.0/16 of each net in place of what it had. */
static void host_access(struct test_plan *tp, struct vpc_record *record, const uint8_t *nets, uint32_t n)
{
	struct plan_vpc *v;

	tp_init(tp);
	tp_vpc(tp, true, 1);
	v = &tp->vpcs[0];
	v->has_before = true;
	v->before = *record;
	for (uint32_t i = 0; i < n; i++)
		v->after.host_access[i] = (struct cidr){{4, {[10] = 0xff, 0xff, 10, nets[i]}}, 16};
	v->after.n_host_access = n;
	*record = v->after;
}

/* 10.3.0.1, 10.4.0.1 and 10.9.0.1 are the host's, 10.6.0.1 isn't. What goes by host access doesn't go by the routes. */
Test(maps_edge_cut, host_access_taken_away)
{
	static const uint8_t nets[] = {4, 9, 6, 3};
	const struct ip own[] = {ip4(3), ip4(4), ip4(9)};
	struct vpc_record record = {.number = 1};
	struct test_plan tp;

	begin();
	cr_assert_eq(maps_own_addresses_set(t, own, ARRAY_SIZE(own)), 0);
	(void)flow(1, 3, false, 79, IDLE);
	(void)flow(1, 9, false, 79, 0);
	(void)flow(1, 6, false, 79, 0);
	(void)flow(2, 4, true, 79, IDLE);
	(void)flow(2, 3, true, 79, IDLE);
	host_access(&tp, &record, nets, 4);
	cr_expect_eq(cuts(&tp), 0, "it is given");
	tp_init(&tp);
	tp_nat(&tp, &nat1, NULL);
	cr_expect_eq(cuts(&tp), 0, "the route to 10.9.0.0/16 is of no use");
	host_access(&tp, &record, nets, 3);
	cr_expect_eq(cuts(&tp), 2, "to and from 10.3.0.1");
	host_access(&tp, &record, nets, 2);
	cr_expect_eq(cuts(&tp), 0, "10.6.0.1 is nothing of the host's");
	host_access(&tp, &record, nets, 0);
	cr_expect_eq(cuts(&tp), 2, "all the rest");
	maps_close(t);
}

/* What ENIs of other subnets and flows inside the VPC do is nobody's business here; nor what was cut before. */
Test(maps_edge_cut, flows_that_are_not_concerned)
{
	const struct route_record nat = route4_rec(1, 9, VPC_TARGET_NAT, 1);
	struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP};
	struct vpc_flow f = {.state = VPC_FLOW_ESTABLISHED, .eni = {VPC_ENI_FIRST + 1, VPC_ENI_FIRST + 2}};
	struct test_plan tp;

	begin();
	key.addr[0][2] = key.addr[1][2] = htonl(0xffff);
	key.addr[0][3] = htonl(0x0a000005u);
	key.addr[1][3] = htonl(0x0a000006u);
	f.last_seen_ns = monotonic_ns();
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW].fd, &key, &f, BPF_NOEXIST), 0);
	vpc_flows_at(t, 1)->total++;
	key.addr[1][3] = htonl(0x0a090001u);
	f.eni[1] = 0;
	f.state = VPC_FLOW_TOMBSTONE;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_FLOW].fd, &key, &f, BPF_NOEXIST), 0);
	tp_init(&tp);
	tp_route(&tp, &nat, NULL);
	cr_expect_eq(cuts(&tp), 0);
	maps_close(t);
}
