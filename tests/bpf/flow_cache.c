/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow cache of a CPU (lib/flow/cache.h) never lets through what the maps don't: P1, P2, P5, P7. fast.c has the
 * revocations; here is what entries could be mistaken for, and the same packets with and without them.
 */
#include "tests/bpf/flow_cache_util.h"
#include "tests/bpf/random.h"

#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACK 0x10
#define SYN 0x02
#define FIN 0x01

static struct lab *l;
static cpu_set_t cpus; /* that there are */

/* Everything that follows is sent by this CPU (by number among those that there are). */
static void on_cpu(int nth)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus) || nth--)
			continue;
		CPU_SET(cpu, &one);
		cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
		return;
	}
	cr_assert_fail("no such CPU");
}

static uint32_t row;

static void setup(void)
{
	cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	on_cpu(0);
	l = lab_usual_fast_path(&row);
	lab_allow(l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_ANY, .peer = "fd00::/16"});
	lab_commit(l);
}

static void teardown(void)
{
	lab_close(l);
}

TestSuite(flow_cache, .init = setup, .fini = teardown);

static void expect_fast_path(const char *what, uint32_t from, uint32_t to, struct packet_spec p)
{
	struct verdict v = lab_send(l, from, p);

	cr_expect_eq(v.reason, 0, "%s: dropped for reason %d", what, v.reason);
	cr_expect_eq(v.target, to, "%s: to %u", what, v.target);
}

static void expect_drop(const char *what, uint32_t from, struct packet_spec p, int reason)
{
	struct verdict v = lab_send(l, from, p);

	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
}

static struct packet_spec back_of(const struct packet_spec *p)
{
	struct packet_spec back = *p;

	back.src = p->dst, back.dst = p->src, back.sport = p->dport, back.dport = p->sport;
	return back;
}

/* This CPU remembers both directions of the UDP stream from here on. */
static void stream_of(uint32_t from, uint32_t to, struct packet_spec p)
{
	struct packet_spec back = back_of(&p);

	expect_fast_path("request", from, to, p);
	expect_fast_path("answer", to, from, back);
	expect_fast_path("another", from, to, p);
	usleep(LAB_TICK_US);
	expect_fast_path("remembered", from, to, p);
	expect_fast_path("remembered answer", to, from, back);
}

/* --- the entries themselves --- */

/* Nobody takes an entry out: its flow may end, its slot may go unused for weeks. Times have 32 bits. */
Test(flow_cache, nothing_is_remembered_for_longer_than_a_second)
{
	stream_of(ENI_A, ENI_B, lab_udp);
	cache_lose_flows(l);
	expect_fast_path("within the second", ENI_B, ENI_A, lab_udp_back);
	for (unsigned bit = 5; bit < 32; bit++) {
		cache_turn_back(l, "until", (1u << bit) + 100);
		expect_drop("long ago", ENI_B, lab_udp_back, VPC_DROP_NO_INGRESS_RULE);
		cache_turn_back(l, "until", -(1u << bit) - 100);
	}
	usleep(1100000);
	expect_drop("a second later", ENI_B, lab_udp_back, VPC_DROP_NO_INGRESS_RULE);
}

/* Slot and mark are a digest; only what stands in the entry says whose it is. */
Test(flow_cache, entries_that_collide)
{
	struct packet_spec other = lab_udp;
	uint32_t slot_other, slot, slots[2];
	uint8_t *entry = cache_entry_new(l);
	size_t at = cache_field_at(l, "ports");

	other.dport = 54;
	uint32_t row54 = lab_allow(
		l, &(struct rule_spec){
			   .sg = SG_B, .slot = VPC_SLOT_UDP, .port = 54, .port_plen = 16, .peer = "10.0.0.0/24"});
	lab_commit(l);
	expect_fast_path("first", ENI_A, ENI_B, other);
	usleep(LAB_TICK_US);
	expect_fast_path("remembered", ENI_A, ENI_B, other);
	cr_assert_eq(cache_slots_used(l, &slot_other, 1), 1);
	lab_revoke(l, row54);
	lab_commit(l);
	expect_drop("revoked", ENI_A, other, VPC_DROP_REVOKED);
	expect_fast_path("first", ENI_A, ENI_B, lab_udp);
	usleep(LAB_TICK_US);
	expect_fast_path("remembered", ENI_A, ENI_B, lab_udp);
	unsigned n = cache_slots_used(l, slots, 2);
	cr_assert_eq(n, 2, "the two tuples need different slots, have %u: %u", n, slots[0]);
	slot = slots[0] == slot_other ? slots[1] : slots[0];
	cache_entry_get(l, slot, entry);
	cache_entry_put(l, slot_other, entry);
	expect_drop("somebody else's entry under its digest", ENI_A, other, VPC_DROP_REVOKED);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		uint32_t ports = (uint32_t)htons(54) << 16 | htons(999);

		memcpy(entry + (size_t)cpu * cache_value_bytes(l->skel->maps.flow_cache_of_cpu) + at, &ports, 4);
	}
	cache_entry_put(l, slot_other, entry);
	expect_fast_path("were it its own, it would be believed", ENI_A, ENI_B, other);
	free(entry);
}

/* Flows between the same two ENIs don't take one another's place: every part of the tuple counts. */
Test(flow_cache, flows_have_slots_of_their_own)
{
	struct packet_spec p = lab_udp, back;
	uint32_t slots[400];
	unsigned n;

	for (int i = 0; i < 3; i++) {
		for (p.sport = 2000; p.sport < 2200; p.sport++) {
			back = back_of(&p);
			expect_fast_path("request", ENI_A, ENI_B, p);
			expect_fast_path("answer", ENI_B, ENI_A, back);
		}
		usleep(LAB_TICK_US);
	}
	n = cache_slots_used(l, slots, 400);
	cr_expect_gt(n, 340, "400 entries in %u of 2048 slots; chance would give 363", n);
}

/* IPv6 addresses are found by a digest that anybody can make collide. */
Test(flow_cache, ipv6_addresses_with_the_same_digest)
{
	struct packet_spec p = lab_udp;

	p.src = "fd00:1::10", p.dst = "fd00:1::11";
	stream_of(ENI_A, ENI_B, p);
	p.dst = "fd00::10"; /* the first and the last word changed by the same bit */
	struct verdict v = lab_send(l, ENI_A, p);
	cr_expect_eq(v.reason, 0);
	cr_expect_eq(v.target, 0, "not B's: goes up, to the world");
	p = lab_udp, p.src = "fd00::11", p.dst = "fd00:1::11";
	expect_drop("a source that isn't its own", ENI_A, p, VPC_DROP_FORGED_SOURCE);
}

Test(flow_cache, two_vpcs_with_the_same_addresses_and_ports)
{
	stream_of(ENI_A, ENI_B, lab_udp);
	for (int i = 0; i < 3; i++) {
		expect_drop("of the other VPC, which has no B", ENI_D, lab_udp, VPC_DROP_UNKNOWN_DESTINATION);
		expect_fast_path("A's own", ENI_A, ENI_B, lab_udp);
	}
}

/* What one CPU learns, the others know: judged again there, too. */
Test(flow_cache, revoked_by_one_cpu_and_sent_by_another)
{
	if (CPU_COUNT(&cpus) < 2)
		cr_skip_test("needs two CPUs");
	for (int round = 0; round < 3; round++) {
		stream_of(ENI_A, ENI_B, lab_udp);
		on_cpu(1);
		stream_of(ENI_A, ENI_B, lab_udp);
		on_cpu(round % 2);
		if (round) {
			lab_revoke(l, row);
			lab_commit(l);
		} else {
			cr_assert_eq(lab_sweep(l, VPC_SWEEP_CUT, 0), 1); /* no rule changed */
		}
		if (round == 2)
			expect_drop("finds it cut", ENI_A, lab_udp, VPC_DROP_REVOKED);
		on_cpu(!(round % 2));
		expect_drop("the other CPU", ENI_A, lab_udp, VPC_DROP_REVOKED);
		expect_drop("the other CPU, answers", ENI_B, lab_udp_back, VPC_DROP_REVOKED);
		on_cpu(round % 2);
		expect_drop("this CPU", ENI_A, lab_udp, VPC_DROP_REVOKED);
		expect_drop("this CPU, answers", ENI_B, lab_udp_back, VPC_DROP_REVOKED);
		on_cpu(0);
		lab_kill_row(l, row);
		lab_commit(l);
		row = lab_allow_dns(l); /* the tombstone lives again, and is remembered again */
		lab_commit(l);
	}
}

static void segment(uint32_t from, uint8_t flags, uint32_t seq, uint32_t ack, int reason)
{
	cr_expect_eq(lab_segment(l, from, flags, seq, ack), reason);
}

Test(flow_cache, closed_by_one_cpu_and_sent_by_another)
{
	if (CPU_COUNT(&cpus) < 2)
		cr_skip_test("needs two CPUs");
	lab_ctl(l)->half_open_max = 1;
	segment(ENI_A, SYN, 100, 0, 0);
	segment(ENI_B, SYN | ACK, 70000, 101, 0);
	segment(ENI_A, ACK, 101, 70001, 0);
	usleep(LAB_TICK_US);
	for (int cpu = 1; cpu >= 0; cpu--) {
		on_cpu(cpu);
		segment(ENI_A, ACK, 101, 70001, 0);
		segment(ENI_B, ACK, 70001, 101, 0);
	}
	segment(ENI_A, FIN | ACK, 101, 70001, 0);
	segment(ENI_B, FIN | ACK, 70001, 102, 0);
	segment(ENI_A, ACK, 102, 70002, 0);
	cr_assert_eq(lab_flows(l, true) + lab_flows(l, false), 0);
	for (int cpu = 0; cpu < 2; cpu++) {
		on_cpu(cpu);
		segment(ENI_B, ACK, 70002, 102, VPC_DROP_NO_FLOW);
		segment(ENI_A, ACK, 102, 70002, VPC_DROP_NO_FLOW);
	}
}

/* --- who has the address --- */

Test(flow_cache, the_receivers_address_moves)
{
	struct packet_spec p = lab_udp;

	stream_of(ENI_A, ENI_B, lab_udp);
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_commit(l);
	expect_drop("nobody's", ENI_A, lab_udp, VPC_DROP_UNKNOWN_DESTINATION);
	expect_drop("not B's any more", ENI_B, lab_udp_back, VPC_DROP_FORGED_SOURCE);
	lab_addr(l, 1, "10.0.0.11", ENI_C);
	lab_commit(l);
	for (int i = 0; i < 3; i++) {
		expect_fast_path("by the gateway, to C", ENI_A, ENI_C, p);
		usleep(LAB_TICK_US);
		p.dmac = lab_mac(ENI_B);
		expect_drop("a stale neighbour", ENI_A, p, VPC_DROP_WRONG_DESTINATION);
		p.dmac = NULL;
		expect_drop("not B's", ENI_B, lab_udp_back, VPC_DROP_FORGED_SOURCE);
	}
	expect_fast_path("C answers", ENI_C, ENI_A, lab_udp_back);
}

/* An ENI that may carry others' packets keeps nothing of what it sent under an address that was its own. */
Test(flow_cache, the_senders_address_moves_and_it_is_an_appliance)
{
	struct packet_spec mac = lab_udp;
	struct verdict v;

	stream_of(ENI_A, ENI_B, lab_udp);
	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
	lab_eni_row(l, ENI_A)->gen_any = lab_epoch(l) + 1;
	lab_commit(l);
	stream_of(ENI_A, ENI_B, lab_udp);
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_addr(l, 1, "10.0.0.10", ENI_C);
	lab_commit(l);
	mac.dmac = lab_mac(ENI_B);
	for (int i = 0; i < 3; i++) {
		v = lab_send(l, ENI_A, i ? mac : lab_udp);
		cr_expect_eq(v.action, i ? TC_ACT_REDIRECT : TC_ACT_OK,
			     "C's packet, by an appliance: B's port decides");
		cr_expect_eq(v.target, 0);
		cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
		usleep(LAB_TICK_US);
	}
	lab_eni_row(l, ENI_A)->flags |= VPC_ENI_SOURCE_DEST_CHECK;
	lab_eni_row(l, ENI_A)->gen_any = lab_epoch(l) + 1;
	lab_commit(l);
	for (int i = 0; i < 3; i++)
		expect_drop("no appliance any more", ENI_A, lab_udp, VPC_DROP_FORGED_SOURCE);
}

Test(flow_cache, to_an_address_of_its_own)
{
	struct packet_spec p = lab_udp;

	lab_addr(l, 1, "10.0.0.20", ENI_A);
	lab_commit(l);
	p.dst = "10.0.0.20";
	for (int i = 0; i < 3; i++)
		expect_drop("to itself", ENI_A, p, VPC_DROP_WRONG_DESTINATION);
	p.dst = "10.0.0.10", p.dport = p.sport;
	expect_drop("both ends are the same", ENI_A, p, VPC_DROP_WRONG_DESTINATION);
	p = lab_udp, p.sport = 53;
	stream_of(ENI_A, ENI_B, p); /* the same port at both ends: who sends is told by the addresses */
	p.src = "10.0.0.20";
	stream_of(ENI_A, ENI_B, p);
	lab_addr_remove(l, 1, "10.0.0.20");
	lab_commit(l);
	expect_drop("of the address that it has no more", ENI_A, p, VPC_DROP_FORGED_SOURCE);
	p = back_of(&p);
	expect_drop("answers to it", ENI_B, p, VPC_DROP_UNKNOWN_DESTINATION);
}

/* --- lengths --- */

/* A bridge looks at the frame's length, whatever the IP header says. */
Test(flow_cache, what_lies_behind_the_packet_counts)
{
	struct packet_spec p = lab_udp;
	struct frame f;
	struct verdict v;

	p.smac = lab_mac(ENI_A), p.dmac = lab_mac(ENI_B);
	frame_build(&f, &p);
	for (int i = 0; i < 3; i++) {
		f.length = 1514;
		v = lab_from(l, ENI_A, &f);
		cr_expect_eq(v.target, ENI_B, "as long as the MTU allows");
		f.length++;
		v = lab_from(l, ENI_A, &f);
		cr_expect_eq(v.reason, 0, "one byte more: what the bridge let pass, by the port's own program");
		cr_expect_eq(v.target, 0);
		cr_expect_eq(v.mark, VPC_MARK_ENI | ENI_A);
		usleep(LAB_TICK_US);
	}
}

/* BIG TCP: a segment over 64 KiB has no length. Anything else without one is no packet. */
Test(flow_cache, packets_without_a_length)
{
	struct packet_spec p = lab_udp;
	struct frame f;

	stream_of(ENI_A, ENI_B, lab_udp);
	p.smac = lab_mac(ENI_A), p.dmac = lab_gateway_mac();
	frame_build(&f, &p);
	f.data[16] = f.data[17] = 0;
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(lab_from(l, ENI_A, &f).reason, VPC_DROP_MALFORMED);
		lab_gso(l, 1000);
		cr_expect_eq(lab_from(l, ENI_A, &f).target, ENI_B);
		lab_gso(l, 0);
	}
}

/* --- with and without entries --- */

#define FLOWS 8
static struct flow_spec {
	uint32_t from, to;
	struct packet_spec p;
} flows[FLOWS];

/* Streams and connections within the subnet and across, of both families, which this CPU remembers. */
static void make_flows(void)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		bool six = i & 1, routed = i & 2, tcp = i & 4;
		struct flow_spec *f = &flows[i];

		f->from = ENI_A, f->to = routed ? ENI_C : ENI_B;
		f->p = lab_udp;
		f->p.src = six ? "fd00:1::10" : "10.0.0.10";
		f->p.dst = six ? (routed ? "fd00:1:0:1::12" : "fd00:1::11") : (routed ? "10.0.1.12" : "10.0.0.11");
		f->p.sport = (uint16_t)(1000 + i);
		if (!tcp) {
			stream_of(f->from, f->to, f->p);
			continue;
		}
		f->p.proto = IPPROTO_TCP, f->p.dport = 80, f->p.tcp_flags = SYN, f->p.payload = 0;
		expect_fast_path("SYN", f->from, f->to, f->p);
		struct packet_spec back = back_of(&f->p);
		back.tcp_flags = SYN | ACK;
		expect_fast_path("SYN-ACK", f->to, f->from, back);
		f->p.tcp_flags = ACK, f->p.payload = 100;
		expect_fast_path("ACK", f->from, f->to, f->p);
		usleep(LAB_TICK_US);
	}
}

/* A frame of a flow, bent a little. What it asks of a connection stays: nothing. */
static void bend(const struct flow_spec *flow, struct frame *f)
{
	struct packet_spec p = flow->p;
	size_t l4 = strchr(p.src, ':') ? 54 : 34;

	p.smac = lab_mac(flow->from);
	p.dmac = random_below(4) ? lab_gateway_mac() : lab_mac(flow->to);
	p.ttl = (uint8_t)(random_below(4) ? 64 : 1);
	p.payload = random_below(4) ? random_below(200) : random_below(2500);
	frame_build(f, &p);
	for (uint32_t n = random_below(2); n; n--)
		f->data[random_below(64)] ^= (uint8_t)(1u << random_below(8));
	if (!random_below(5)) /* the IP packet's length */
		f->data[l4 == 34 ? 17 : 19] = (uint8_t)random_below(256);
	if (!random_below(5))
		f->length = l4 + random_below((uint32_t)(f->length - l4)); /* less isn't taken by a test run */
	if (!random_below(5))
		f->length += random_below(600);
	f->data[l4 + 13] &= (uint8_t)(p.proto == IPPROTO_TCP ? ~(SYN | FIN | 0x04) : 0xff);
	lab_gso(l, random_below(4) ? 0 : 1 + random_below(1600));
}

Test(flow_cache, the_same_with_and_without_entries, .timeout = 120)
{
	unsigned redirected = 0, up = 0, dropped = 0;

	make_flows();
	for (int i = 0; i < 6000; i++) {
		const struct flow_spec *flow = &flows[random_below(FLOWS)];
		struct verdict with, without;
		struct frame f, out;

		lab_gso(l, 0);
		expect_fast_path("as ever", flow->from, flow->to, flow->p);
		bend(flow, &f);
		lab_answers(l); /* else the last token decides */
		with = lab_from(l, flow->from, &f);
		out = *lab_out(l);
		cache_forget(l);
		without = lab_from(l, flow->from, &f);
		if (memcmp(&with, &without, sizeof(with)) || out.length != lab_out(l)->length ||
		    memcmp(out.data, lab_out(l)->data, out.length))
			cr_assert_fail("round %d: action %d, %d reason %d, %d target %u, %u", i, with.action,
				       without.action, with.reason, without.reason, with.target, without.target);
		redirected += with.target != 0;
		up += with.action == TC_ACT_OK;
		dropped += with.action == TC_ACT_SHOT;
	}
	cr_expect(redirected > 1000 && up > 100 && dropped > 500, "%u redirected, %u up, %u dropped", redirected, up,
		  dropped);
}
