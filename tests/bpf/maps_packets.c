/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real packets through the loaded programs, before and after publish: what maps/ writes is what the programs read.
 * Needs root and `ip`.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <poll.h>

#include <vpc/clock.h>

#include "tests/bpf/maps_util.h"

static struct maps *t;

/* A device for each ENI: TEST_RUN takes skb->ifindex only of one that is there. */
static void with_ports(void)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 2, 0);
	struct test_plan tp;
	char command[128];

	maps_setup();
	for (unsigned i = 1; i <= 2; i++) {
		snprintf(command, sizeof(command), "ip link add p%u index %u type veth peer name q%u", i,
			 VPC_ENI_FIRST + i, i);
		cr_assert_eq(system(command), 0);
	}
	t = maps_small(true);
	e1.udp_idle_s = e2.udp_idle_s = 30;
	e1.udp_stream_idle_s = e2.udp_stream_idle_s = 180;
	tp_init(&tp);
	tp_vpc(&tp, true, 1);
	tp_all(&tp, true, 1, 100);
	tp_eni(&tp, NULL, &e1);
	tp_eni(&tp, NULL, &e2);
	tp_addr(&tp, true, 5, 1);
	tp_addr(&tp, true, 6, 2);
	maps_apply(t, &tp);
}

static void without_ports(void)
{
	maps_close(t);
	maps_teardown();
}

TestSuite(maps_packets, .init = with_ports, .fini = without_ports, .timeout = 60);

/* One UDP packet between ENIs 1 (10.0.0.5) and 2 (10.0.0.6) at the port of its sender; the server's port is 5000 + n.
 */
static bool passes(bool reply, uint16_t n)
{
	unsigned from = reply ? 2 : 1, to = reply ? 1 : 2;
	unsigned char frame[64] = {2, 0, 0, 0, 0, (unsigned char)to, 2, 0, 0, 0, 0, (unsigned char)from, 8, 0};
	unsigned char *ip = frame + 14;
	uint16_t server = htons((uint16_t)(5000 + n)), client = htons(4000);
	struct __sk_buff skb = {.ifindex = VPC_ENI_FIRST + from};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
			    .ctx_size_in = sizeof(skb));

	ip[0] = 0x45;
	ip[3] = 50;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	ip[12] = ip[16] = 10;
	ip[15] = (unsigned char)(4 + from);
	ip[19] = (unsigned char)(4 + to);
	memcpy(ip + 20, reply ? &server : &client, 2);
	memcpy(ip + 22, reply ? &client : &server, 2);
	ip[25] = 30;
	cr_assert_eq(bpf_prog_test_run_opts(maps_prog_from_workload(t), &opts), 0, "%m");
	return opts.retval != TC_ACT_SHOT;
}

/* All that is over at now_ns, as the engine has it deleted. Each step is a small one. Returns how many were deleted. */
static unsigned expire(uint64_t at_ns)
{
	_cleanup_(maps_expiry_freep) struct maps_expiry *x = NULL;
	unsigned deleted = 0, before;
	int r;

	cr_assert_eq(maps_expiry_new(t, 10000, &x), 0);
	cr_assert_eq(maps_expiry_read(x), 0);
	do {
		before = deleted;
		r = maps_expiry_step(t, x, at_ns, &deleted);
		cr_assert_geq(r, 0);
		cr_assert_leq(deleted - before, VPC_SWEEP_MAX);
	} while (r > 0);
	return deleted;
}

static struct maps_change *rule(bool add, uint16_t n, enum flows_mode flows, uint32_t drain_s)
{
	struct test_plan tp;

	tp_init(&tp);
	tp_row(&tp, add, 2, (uint16_t)(5000 + n), 0, 200u + n);
	tp.rows[0].slot = VPC_SLOT_UDP;
	tp.p.flows = flows;
	tp.p.drain_s = drain_s;
	return maps_prepared(t, &tp);
}

static void commit(struct maps_change *c)
{
	maps_publish(t, c);
	cr_assert(!maps_sweep_pending(t));
	maps_retire(t, c);
}

static int count_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	(void)key;
	(void)flow;
	(void)established;
	++*(unsigned *)userdata;
	return 0;
}

static unsigned flows(uint32_t eni)
{
	unsigned n = 0;

	cr_assert_eq(maps_each_flow(t, eni, count_flow, &n), 0);
	return n;
}

Test(maps_packets, the_store_decides)
{
	struct maps_change *c;
	struct rule_counters counters;
	struct eni_counters eni;

	cr_assert(!passes(false, 0), "default deny");
	c = rule(true, 0, FLOWS_CUT, 0);
	cr_assert(!passes(false, 0), "prepared, not published");
	maps_undo(t, c);
	cr_assert(!passes(false, 0));
	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0));
	cr_assert(!passes(false, 1), "another port");
	cr_assert(passes(true, 0), "the answer");
	cr_assert_eq(maps_rule_counters(t, 200, &counters), 0);
	cr_assert_geq(counters.packets, 1);
	cr_assert_gt(counters.last_used_ns, 0);
	cr_assert_eq(maps_eni_counters(t, VPC_ENI_FIRST + 1, &eni), 0);
	cr_assert_geq(eni.traffic.tx_packets, 1);
	cr_assert_eq(maps_eni_counters(t, VPC_ENI_FIRST + 2, &eni), 0);
	cr_assert_geq(eni.drops[VPC_DROP_NO_INGRESS_RULE], 3);
}

Test(maps_packets, a_revocation_cuts_in_both_directions_and_allowing_again_mends)
{
	struct maps_change *c;

	commit(rule(true, 0, FLOWS_CUT, 0));
	commit(rule(true, 1, FLOWS_CUT, 0));
	cr_assert(passes(false, 0) && passes(true, 0) && passes(false, 1) && passes(true, 1));
	c = rule(false, 0, FLOWS_CUT, 0);
	cr_assert(passes(false, 0) && passes(true, 0), "prepared, not published");
	commit(c);
	cr_assert(!passes(true, 0), "the server goes on sending");
	cr_assert(!passes(false, 0));
	cr_assert(passes(false, 1) && passes(true, 1), "a flow that another rule allows");
	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0) && passes(true, 0));
}

Test(maps_packets, keep_spares_flows_and_refuses_new_ones)
{
	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0) && passes(true, 0));
	commit(rule(true, 1, FLOWS_CUT, 0));
	cr_assert(passes(false, 1));
	commit(rule(false, 0, FLOWS_KEEP, 0));
	cr_assert(passes(false, 0) && passes(true, 0));
	/* Another change that cuts does not cut the kept one. */
	commit(rule(false, 1, FLOWS_CUT, 0));
	cr_assert(!passes(false, 1));
	cr_assert(passes(false, 0) && passes(true, 0));
	/* A new flow of the same rule: it ends all flows first. */
	cr_assert_geq(expire(monotonic_ns() + 2000ull * 1000000000u), 2);
	cr_assert_eq(flows(0), 0);
	cr_assert(!passes(false, 0));
}

Test(maps_packets, drain_ends_on_time)
{
	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0) && passes(true, 0));
	commit(rule(false, 0, FLOWS_DRAIN, 1));
	cr_assert(passes(false, 0) && passes(true, 0));
	usleep(1200000);
	cr_assert(!passes(true, 0) && !passes(false, 0));
}

Test(maps_packets, leaving_a_group_cuts_its_flows)
{
	struct eni_record e2 = eni_rec(2, 2, 0), e2b = eni_rec(2, 3, 0);
	struct maps_change *c;
	struct test_plan tp;

	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0) && passes(true, 0));
	tp_init(&tp);
	tp_eni(&tp, &e2, &e2b);
	c = maps_prepared(t, &tp);
	cr_assert(passes(false, 0) && passes(true, 0));
	commit(c);
	cr_assert(!passes(true, 0) && !passes(false, 0));
}

/* A group as peer: by membership, which an address joins and leaves. */
Test(maps_packets, a_group_as_peer)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e1b = eni_rec(1, 1, 5);
	struct test_plan tp;

	tp_init(&tp);
	tp_peer(&tp, true, 2, 5000, 5, 300);
	tp.rows[0].slot = VPC_SLOT_UDP;
	maps_apply(t, &tp);
	cr_assert(!passes(false, 0));
	tp_init(&tp);
	tp_eni(&tp, &e1, &e1b);
	maps_apply(t, &tp);
	cr_assert(passes(false, 0) && passes(true, 0));
	tp_init(&tp);
	tp_eni(&tp, &e1b, &e1);
	maps_apply(t, &tp);
	cr_assert(!passes(false, 0) && !passes(true, 0));
}

Test(maps_packets, an_adopted_datapath_goes_on)
{
	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0) && passes(true, 0));
	maps_close(t);
	t = maps_small(true);
	cr_assert(t->adopted);
	cr_assert_eq(flows(0), 1);
	cr_assert(passes(false, 0) && passes(true, 0));
	commit(rule(false, 0, FLOWS_CUT, 0));
	cr_assert(!passes(false, 0) && !passes(true, 0));
}

Test(maps_packets, flows_are_listed_and_expire)
{
	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert_eq(flows(0), 0);
	cr_assert(passes(false, 0));
	cr_assert_eq(flows(0), 1);
	cr_assert_eq(flows(VPC_ENI_FIRST + 1), 1);
	cr_assert_eq(flows(VPC_ENI_FIRST + 2), 1);
	cr_assert_eq(flows(VPC_ENI_FIRST + 3), 0);
	cr_assert_eq(expire(monotonic_ns()), 0);
	cr_assert_eq(flows(0), 1);
	cr_assert_eq(expire(monotonic_ns() + 100ull * 1000000000u), 1);
	cr_assert_eq(flows(0), 0);
}

/* More than one step deletes, and more than one read finds; between reading and deleting the loop does other things. */
Test(maps_packets, many_flows_expire_a_few_at_a_time)
{
	_cleanup_(maps_expiry_freep) struct maps_expiry *x = NULL;
	uint64_t later_ns = monotonic_ns() + 100ull * 1000000000u;
	unsigned deleted = 0, steps = 0, reads = 0;

	for (uint16_t n = 0; n < 300; n++) {
		commit(rule(true, n, FLOWS_CUT, 0));
		cr_assert(passes(false, n));
	}
	cr_assert_eq(flows(0), 300);
	cr_assert_eq(maps_expiry_new(t, 100, &x), 0);
	while (flows(0) && reads++ < 10) {
		cr_assert_eq(maps_expiry_read(x), 0);
		do
			steps++;
		while (maps_expiry_step(t, x, later_ns, &deleted) > 0);
	}
	cr_assert_eq(flows(0), 0);
	cr_assert_eq(deleted, 300);
	cr_assert_geq(steps, 300 / VPC_SWEEP_MAX);
	/* What was read is looked at again: it may have ended since, and another may have begun. */
	cr_assert(passes(false, 7));
	cr_assert_eq(maps_expiry_read(x), 0);
	cr_assert_eq(expire(later_ns), 1);
	cr_assert_eq(maps_expiry_step(t, x, later_ns, &deleted), 0);
	cr_assert_eq(deleted, 300, "deleted once");
}

/* Killed containers send no FIN: their flows must not hold their peers' budget until they are idle for long. */
Test(maps_packets, flows_of_a_deleted_eni_end)
{
	struct eni_record e2 = eni_rec(2, 2, 0);
	struct test_plan tp;

	commit(rule(true, 0, FLOWS_CUT, 0));
	cr_assert(passes(false, 0));
	cr_assert_eq(flows(0), 1);
	tp_init(&tp);
	tp_addr(&tp, false, 6, 2);
	tp_eni(&tp, &e2, NULL);
	maps_apply(t, &tp);
	cr_assert_eq(expire(monotonic_ns()), 1);
	cr_assert_eq(flows(0), 0);
}

static void count_event(const struct vpc_event *e, void *userdata)
{
	unsigned *counts = userdata;

	counts[e->type]++;
}

Test(maps_packets, events_while_somebody_listens)
{
	unsigned counts[8] = {};
	struct pollfd p = {.fd = maps_events_fd(t), .events = POLLIN};

	cr_assert_geq(p.fd, 0);
	passes(false, 0);
	cr_assert_eq(maps_events_read(t, count_event, counts), 0);
	maps_listen(t, VPC_LISTEN_DROPS | VPC_LISTEN_FLOWS);
	passes(false, 0);
	cr_assert_eq(poll(&p, 1, 1000), 1);
	commit(rule(true, 0, FLOWS_CUT, 0));
	passes(false, 0);
	commit(rule(false, 0, FLOWS_CUT, 0));
	passes(false, 0);
	cr_assert_gt(maps_events_read(t, count_event, counts), 0);
	cr_assert_geq(counts[VPC_EVENT_DROP], 1);
	cr_assert_eq(counts[VPC_EVENT_OPEN], 1);
	cr_assert_eq(counts[VPC_EVENT_CUT], 1);
	maps_listen(t, 0);
	passes(false, 0);
	memset(counts, 0, sizeof(counts));
	maps_events_read(t, count_event, counts);
	cr_assert_eq(counts[VPC_EVENT_DROP], 0);
}

/* --- prefix lists --- */

static void names(bool add, uint32_t list, uint16_t n)
{
	struct test_plan tp;

	tp_init(&tp);
	tp_names(&tp, add, 2, (uint16_t)(5000 + n), list, 300u + list * 10 + n);
	tp.rows[0].slot = VPC_SLOT_UDP;
	commit(maps_prepared(t, &tp));
}

static struct maps_change *entry(bool add, uint32_t list, uint32_t n)
{
	struct test_plan tp;

	tp_init(&tp);
	tp_entry(&tp, add, list, n, list * 100 + n);
	return maps_prepared(t, &tp);
}

Test(maps_packets, an_entry_counts_for_who_names_its_list)
{
	struct maps_change *c;

	names(true, 3, 1);
	names(true, 4, 2);
	cr_assert_not(passes(false, 1));
	c = entry(true, 3, 0);
	cr_assert_not(passes(false, 1), "prepared, and not published");
	commit(c);
	cr_assert(passes(false, 1));
	cr_assert_not(passes(false, 2), "of another list");
	cr_assert(passes(true, 1));
	c = entry(false, 3, 0);
	cr_assert(passes(false, 1), "prepared, and not published");
	commit(c);
	cr_assert_not(passes(false, 1), "cut with the next packet");
	cr_assert_not(passes(true, 1), "in both directions");
	commit(entry(true, 3, 0));
	cr_assert(passes(false, 1), "allowed again");
	commit(entry(true, 4, 7));
	cr_assert_not(passes(false, 2), "another entry's address");
	commit(entry(true, 4, 0));
	cr_assert(passes(false, 2));
	names(false, 4, 2);
	cr_assert_not(passes(false, 2), "nobody names the list any more");
	cr_assert(passes(false, 1));
}

Test(maps_packets, what_an_entry_takes_away_spares_what_another_allows)
{
	names(true, 3, 1);
	names(true, 4, 1);
	commit(entry(true, 3, 0));
	commit(entry(true, 4, 0));
	cr_assert(passes(false, 1));
	commit(entry(false, 3, 0));
	cr_assert(passes(false, 1));
	cr_assert(passes(true, 1));
	commit(entry(false, 4, 0));
	cr_assert_not(passes(false, 1));
}

/* A group names as many lists as there are places, and no more; a place that is left can be taken again. */
Test(maps_packets, a_group_names_so_many_lists)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_change *c = NULL;
	struct test_plan tp;

	for (uint32_t i = 1; i <= VPC_LISTS_PER_GROUP; i++)
		names(true, i, 1);
	commit(entry(true, VPC_LISTS_PER_GROUP, 0));
	cr_assert(passes(false, 1), "the last one is found");
	tp_init(&tp);
	tp_names(&tp, true, 2, 5001, VPC_LISTS_PER_GROUP + 1, 999);
	cr_assert_lt(maps_prepare(t, &tp.p, &c, &error), 0);
	cr_assert_eq(error.code, VPC_E_RESOURCE_LIMIT_EXCEEDED);
	names(false, 1, 1);
	names(true, VPC_LISTS_PER_GROUP + 1, 2);
	commit(entry(true, VPC_LISTS_PER_GROUP + 1, 0));
	cr_assert(passes(false, 2));
}
