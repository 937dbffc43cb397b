/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/grace_util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>

struct maps *grace_maps;
int grace_proto;
const char *grace_story = "";
static struct maps_change *unretired[32];
static unsigned n_unretired;

/* The state that a story begins with: no rule of a server. */
static void base_state(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, GRACE_CLIENTS, 0), e2 = eni_rec(2, GRACE_SERVER, GRACE_JOINED),
			  e3 = eni_rec(3, GRACE_CLIENTS, GRACE_JOINED), e4 = eni_rec(4, GRACE_OTHER, 0);
	const struct eni_record *all[] = {&e1, &e2, &e3, &e4};

	tp_init(tp);
	tp_vpc(tp, true, 1);
	tp_all(tp, true, GRACE_CLIENTS, 100);
	for (unsigned i = 0; i < 4; i++) {
		struct eni_record e = *all[i];

		e.tcp_idle_s = 3600;
		e.udp_idle_s = 30;
		e.udp_stream_idle_s = 180;
		tp_eni(tp, NULL, &e);
		tp_addr(tp, true, 4 + i + 1, i + 1);
	}
}

void grace_setup(void)
{
	struct test_plan tp;
	char command[128];

	maps_setup();
	for (unsigned i = 1; i <= 4; i++) {
		snprintf(command, sizeof(command), "ip link add p%u index %u type veth peer name q%u", i,
			 VPC_ENI_FIRST + i, i);
		cr_assert_eq(system(command), 0);
	}
	grace_maps = maps_small(true);
	base_state(&tp);
	maps_apply(grace_maps, &tp);
}

void grace_start_over(void)
{
	_cleanup_(maps_expiry_freep) struct maps_expiry *x = NULL;
	struct test_plan tp;
	unsigned deleted = 0;

	cr_assert_eq(maps_expiry_new(grace_maps, 10000, &x), 0);
	cr_assert_eq(maps_expiry_read(x), 0);
	while (maps_expiry_step(grace_maps, x, monotonic_ns() + 1000000000000000, &deleted) > 0)
		;
	base_state(&tp);
	maps_mend(grace_maps, &tp);
}

void grace_teardown(void)
{
	for (unsigned i = 0; i < n_unretired; i++)
		change_free(unretired[i]);
	maps_close(grace_maps);
	maps_teardown();
}

void grace_unretired(struct maps_change *c)
{
	cr_assert_lt(n_unretired, ARRAY_SIZE(unretired));
	unretired[n_unretired++] = c;
}

void grace_reopen(void)
{
	maps_close(grace_maps);
	grace_maps = maps_small(true);
	cr_assert(grace_maps->adopted);
}

/* --- changes --- */

void grace_commit(struct maps_change *c)
{
	maps_publish(grace_maps, c);
	cr_assert(!maps_sweep_pending(grace_maps));
	maps_retire(grace_maps, c); /* no program is running */
}

struct maps_change *grace_rule_change(uint32_t sg, bool add, uint16_t n, enum flows_mode flows, uint32_t drain_s)
{
	struct test_plan tp;
	struct plan_row *row = &tp.rows[0];

	tp_init(&tp);
	tp_row(&tp, add, sg, (uint16_t)(5000 + n), 0, sg * 1000u + n + (grace_proto == IPPROTO_UDP) * 100u);
	if (grace_proto == IPPROTO_UDP)
		row->slot = VPC_SLOT_UDP;
	if (grace_proto == IPPROTO_ICMP) {
		row->slot = VPC_SLOT_ICMP;
		row->port = (uint16_t)(n ? 13 << 8 : 8 << 8);
	}
	tp.p.flows = flows;
	tp.p.drain_s = drain_s;
	return maps_prepared(grace_maps, &tp);
}

void grace_rule(bool add, uint16_t n, enum flows_mode flows)
{
	grace_commit(grace_rule_change(GRACE_SERVER, add, n, flows, 0));
}

void grace_egress(bool add, enum flows_mode flows)
{
	struct test_plan tp;

	tp_init(&tp);
	tp_all(&tp, add, GRACE_CLIENTS, 100);
	tp.p.flows = flows;
	grace_commit(maps_prepared(grace_maps, &tp));
}

void grace_groups(uint32_t eni, uint32_t g1, uint32_t g2, enum flows_mode flows)
{
	struct eni_record before = eni_rec(eni, 0, 0), after = eni_rec(eni, g1, g2);
	struct test_plan tp;

	after.tcp_idle_s = 3600;
	after.udp_idle_s = 30;
	after.udp_stream_idle_s = 180;
	tp_init(&tp);
	tp_eni(&tp, &before, &after);
	tp.p.flows = flows;
	grace_commit(maps_prepared(grace_maps, &tp));
}

/* --- packets --- */

bool grace_packet(uint32_t client, bool reply, uint16_t n, uint8_t flags)
{
	unsigned server = client + 1, from = reply ? server : client, to = reply ? client : server;
	unsigned char frame[80] = {2, 0, 0, 0, 0, (unsigned char)to, 2, 0, 0, 0, 0, (unsigned char)from, 8, 0};
	unsigned char *ip = frame + 14, *l4 = ip + 20;
	uint16_t service = htons((uint16_t)(5000 + n)), mine = htons(4000);
	struct __sk_buff skb = {.ifindex = VPC_ENI_FIRST + from};
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame), .ctx_in = &skb,
			    .ctx_size_in = sizeof(skb));

	ip[0] = 0x45;
	ip[3] = 66;
	ip[8] = 64;
	ip[9] = (unsigned char)grace_proto;
	ip[12] = ip[16] = 10;
	ip[15] = (unsigned char)(4 + from);
	ip[19] = (unsigned char)(4 + to);
	if (grace_proto == IPPROTO_ICMP) {
		l4[0] = n ? (reply ? 14 : 13) : (reply ? 0 : 8);
		l4[5] = 1;
	} else {
		memcpy(l4, reply ? &service : &mine, 2);
		memcpy(l4 + 2, reply ? &mine : &service, 2);
	}
	if (grace_proto == IPPROTO_UDP)
		l4[5] = 46;
	if (grace_proto == IPPROTO_TCP) {
		l4[12] = 5 << 4;
		l4[13] = flags;
	}
	cr_assert_eq(bpf_prog_test_run_opts(maps_prog_from_workload(grace_maps), &opts), 0, "%m");
	return opts.retval != TC_ACT_SHOT;
}

bool grace_opens(uint32_t client, uint16_t n)
{
	return grace_packet(client, false, n, GRACE_SYN) && grace_packet(client, true, n, GRACE_SYN | GRACE_ACK) &&
	       grace_packet(client, false, n, GRACE_ACK);
}

bool grace_lives_of(uint32_t client, uint16_t n)
{
	bool answer = grace_packet(client, true, n, GRACE_ACK), more = grace_packet(client, false, n, GRACE_ACK);

	cr_assert_eq(answer, more, "protocol %d: one direction only, %s", grace_proto, grace_story);
	return answer;
}

bool grace_lives(uint16_t n)
{
	return grace_lives_of(1, n);
}
