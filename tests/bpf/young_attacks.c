/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks on young connections (lib/flow/young.h): nothing that holds against a connection in `flow` is weaker against
 * one in a slot, and nobody can take a connection from another tenant by his own ones (P1, P5, P7, P8).
 */
#include "tests/bpf/tcp_path_util.h"
#include "tests/bpf/young_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <vpc/abi/flow_tag.h>

static uint32_t row;

LAB_SUITE(young_attacks, tcp_lab_open(&row));

static void fill_syn_cache(void)
{
	young_use(l, 0);
	tcp_fill_syn_cache();
	young_use(l, VPC_YOUNG_SLOTS);
}

static struct vpc_flow_key key_between(const char *lesser, const char *greater, uint16_t port0, uint16_t port1)
{
	struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP, .port = {htons(port0), htons(port1)}};
	unsigned plen;

	lab_parse_cidr(lesser, key.addr[0], &plen, true);
	lab_parse_cidr(greater, key.addr[1], &plen, true);
	return key;
}

/* The key of A's connection from this port. */
static struct vpc_flow_key key_of(uint16_t sport)
{
	return key_between("10.0.0.10", "10.0.0.11", sport, 80);
}

/* --- a chosen tag ----------------------------------------------------------------------------------------------- */

#define ATTACKERS_PORT 7777

/* The steps of vpc_flow_tag() backwards. */
static uint64_t rotated(uint64_t v)
{
	return v << 32 | v >> 32;
}

static uint64_t mixed(uint64_t h, const void *two_words)
{
	return vpc_flow_tag_mix(h, two_words);
}

static uint64_t unmixed(uint64_t h)
{
	const uint64_t factor = 0xff51afd7ed558ccdull;
	uint64_t inverse = factor;

	for (unsigned i = 0; i < 6; i++)
		inverse *= 2 - factor * inverse;
	return (h ^ h >> 32) * inverse;
}

static uint64_t half(const struct vpc_flow_key *k, unsigned which)
{
	const uint32_t *w = (const uint32_t *)(const void *)k + 6 * which;
	uint64_t h = which ? 0xc4ceb9fe1a85ec53ull : 0x9e3779b97f4a7c15ull;

	for (unsigned i = 0; i < 6; i += 2)
		h = mixed(h, w + i);
	return h;
}

/* Chooses the interface identifier of key's second address such that the tag is the victim's. */
static void collide(struct vpc_flow_key *key, const struct vpc_flow_key *victims)
{
	uint64_t b = rotated(half(victims, 0) + rotated(half(victims, 1)) - half(key, 0)), behind, identifier;

	memcpy(&behind, (const uint32_t *)(const void *)key + 10, sizeof(behind));
	identifier = unmixed(unmixed(b) ^ behind) ^ mixed(0xc4ceb9fe1a85ec53ull, key->addr[1]);
	memcpy(&key->addr[1][2], &identifier, sizeof(identifier));
	cr_assert_eq(vpc_flow_tag(key), vpc_flow_tag(victims));
	cr_assert_neq(memcmp(key, victims, sizeof(*key)), 0);
}

/* C, whose subnet gives it any address, begins a connection with the tag of A's from PORTS_FROM. */
static struct packet_spec attack(void)
{
	struct vpc_flow_key victims = key_of(PORTS_FROM),
			    key = key_between("fd00:1::11", "fd00:1:0:1::", 80, ATTACKERS_PORT);
	static char address[INET6_ADDRSTRLEN];
	struct packet_spec p = {
		.dst = "fd00:1::11", .proto = IPPROTO_TCP, .sport = 7000, .dport = 80, .tcp_flags = SYN};
	char peer[INET6_ADDRSTRLEN + 4];

	collide(&key, &victims);
	inet_ntop(AF_INET6, key.addr[1], address, sizeof(address));
	p.src = address;
	snprintf(peer, sizeof(peer), "%s/128", address);
	lab_addr(l, 1, address, ENI_C);
	tcp_allow_web(peer);
	lab_commit(l);
	fill_syn_cache();
	tcp_expect_slow("the first SYN", ENI_C, p);
	p.sport = ATTACKERS_PORT;
	tcp_expect_fast("in the victim's slot", ENI_C, p);
	cr_assert_eq(young_the_slot(l)->flow.tag, vpc_flow_tag(&victims));
	return p;
}

/* Both are what they were, and apart. */
static void expect_both(struct packet_spec attackers)
{
	struct packet_spec back = {.src = attackers.dst,
				   .dst = attackers.src,
				   .proto = IPPROTO_TCP,
				   .sport = 80,
				   .dport = ATTACKERS_PORT,
				   .tcp_flags = SYN | ACK};

	cr_expect_eq(young_count(l), 1);
	tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	tcp_expect_fast("ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(lab_established(l, ENI_A), 1);
	cr_expect_eq(lab_send(l, ENI_B, back).reason, 0);
	cr_expect_eq(lab_send(l, ENI_A, tcp_from_a(PORTS_FROM, RST, 1, 1)).reason, 0);
	cr_expect_eq(young_count(l), 1);
	young_flush_all(l);
	cr_expect_eq(lab_established(l, ENI_A), 0);
}

/* The digest is public, and has no key. Who may choose an address of his own can have a connection with the tag of
 * another's. */
Test(young_attacks, the_tag_of_anothers_connection)
{
	struct packet_spec attackers = attack();

	tcp_expect_fast("the victim's SYN", ENI_A, tcp_syn(PORTS_FROM));
	expect_both(attackers);
}

Test(young_attacks, the_tag_of_anothers_connection_on_the_slow_path)
{
	struct packet_spec attackers = attack();

	lab_raise(l, SG_A, false);
	lab_commit(l);
	tcp_expect_slow("the victim's SYN", ENI_A, tcp_syn(PORTS_FROM));
	expect_both(attackers);
}

/* --- two CPUs at once ------------------------------------------------------------------------------------------- */

/* One of seven met the other CPU before this was mended. */
#define AT_ONCE 400

static _Atomic unsigned round_of[2];
static const struct bpf_program *sweep;

static void flush_once(void)
{
	uint8_t frame[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	cr_assert_eq(bpf_prog_test_run_opts(lab_program_fd(l, sweep), &opts), 0);
}

/* Flushes what sweep_io names whenever the test does. */
static void *flush_too(void *userdata)
{
	(void)userdata;
	young_go_elsewhere();
	for (unsigned i = 1;; i++) {
		unsigned now;

		while ((now = round_of[0]) < i)
			sched_yield();
		if (now == UINT32_MAX)
			return NULL;
		flush_once();
		round_of[1] = i;
	}
}

static unsigned entries_of(const struct vpc_flow_key *key)
{
	const struct bpf_map *maps[] = {l->skel->maps.flow, l->skel->maps.flow_new, l->skel->maps.flow_overflow};
	struct vpc_flow f;
	unsigned n = 0;

	for (size_t i = 0; i < 3; i++)
		n += bpf_map_lookup_elem(bpf_map__fd(maps[i]), key, &f) == 0;
	return n;
}

static void forget(const struct vpc_flow_key *key)
{
	(void)bpf_map_delete_elem(bpf_map__fd(l->skel->maps.flow), key);
	(void)bpf_map_delete_elem(bpf_map__fd(l->skel->maps.flow_new), key);
	lab_eni_flows(l, ENI_A)->opened = 0;
	lab_eni_flows(l, ENI_B)->answered = 0;
	lab_vpc_flows(l, 1)->total = 0;
	young_clear(l);
}

/* A connection that takes the last of A's share is flushed by two CPUs: the second finds no room for it in `flow`. */
Test(young_attacks, two_flush_what_takes_the_last_of_a_share)
{
	struct vpc_sweep io = {.op = VPC_SWEEP_FLUSH, .n = 1};
	uint32_t zero = 0;
	unsigned twice = 0;
	pthread_t thread;

	fill_syn_cache();
	sweep = l->skel->progs.sweep;
	lab_eni_row(l, ENI_A)->flow_budget = 1;
	cr_assert_eq(pthread_create(&thread, NULL, flush_too, NULL), 0);
	for (unsigned i = 1; i <= AT_ONCE; i++) {
		uint16_t sport = (uint16_t)(PORTS_FROM + i);

		cr_assert_eq(lab_send(l, ENI_A, tcp_syn(sport)).reason, 0);
		cr_assert_eq(lab_send(l, ENI_B, tcp_from_b(sport, SYN | ACK, 0, 1)).reason, 0);
		cr_assert_eq(lab_send(l, ENI_A, tcp_from_a(sport, ACK, 1, 1)).reason, 0);
		io.epoch = lab_epoch(l);
		io.now_ns = lab_now_ns();
		io.key[0] = key_of(sport);
		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.sweep_io), &zero, &io, BPF_ANY), 0);
		round_of[0] = i;
		flush_once();
		while (round_of[1] < i)
			sched_yield();
		twice += entries_of(&io.key[0]) != 1;
		forget(&io.key[0]);
	}
	round_of[0] = UINT32_MAX;
	pthread_join(thread, NULL);
	cr_expect_eq(twice, 0, "%u of %u don't have one entry", twice, AT_ONCE);
}

/* --- all slots -------------------------------------------------------------------------------------------------- */

/* Whose ports are chosen, takes a slot by each connection. Others are stored in `flow`, and the same path has them. */
static unsigned take_all_slots(void)
{
	static bool taken[VPC_YOUNG_SLOTS];
	unsigned n = 0;

	for (uint16_t sport = PORTS_FROM + 1; sport < 60000; sport++) {
		struct vpc_flow_key key = key_of(sport);
		uint32_t slot = VPC_YOUNG_SLOT(vpc_flow_tag(&key));

		if (taken[slot])
			continue;
		taken[slot] = true;
		cr_assert_eq(lab_send(l, ENI_A, tcp_syn(sport)).reason, 0);
		n++;
	}
	return n;
}

Test(young_attacks, all_slots_are_taken)
{
	unsigned n;

	fill_syn_cache();
	n = take_all_slots();
	cr_assert_geq(n, VPC_YOUNG_SLOTS - 2);
	cr_assert_eq(young_count(l), n, "each has a slot of its own");
	tcp_expect_nothing_counted();
	tcp_expect_fast("SYN", ENI_A, tcp_syn(PORTS_FROM));
	tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1));
	tcp_expect_fast("ACK", ENI_A, tcp_from_a(PORTS_FROM, ACK, 1, 1));
	cr_expect_eq(lab_established(l, ENI_A), 1);
	/* vpcd is dead for ten days: nobody moves what is in the slots */
	lab_age(l, 864000);
	tcp_expect_slow("SYN", ENI_A, tcp_syn(PORTS_FROM)); /* the entry in `flow` is over */
	cr_expect_eq(lab_send(l, ENI_B, tcp_from_b(PORTS_FROM, SYN | ACK, 0, 1)).reason, 0);
	tcp_expect_drop("of a SYN long ago", ENI_B, tcp_from_b(PORTS_FROM + 1, SYN | ACK, 0, 1), VPC_DROP_NO_FLOW);
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(PORTS_FROM + 1)).reason, 0);
	cr_expect_eq(young_count(l), n - 1);
	/* and comes back */
	young_flush_all(l);
	cr_expect_leq(lab_half_open(l), 100);
	cr_expect_leq(lab_flows(l, true), 102);
}

/* --- what else may change --------------------------------------------------------------------------------------- */

static void a_is_another_eni(void)
{
	lab_eni_row(l, ENI_A)->incarnation++;
}

static void b_is_another_eni(void)
{
	lab_eni_row(l, ENI_B)->incarnation++;
}

static void a_is_gone(void)
{
	memset(lab_eni_row(l, ENI_A), 0, sizeof(struct vpc_eni));
}

static void b_is_gone(void)
{
	memset(lab_eni_row(l, ENI_B), 0, sizeof(struct vpc_eni));
}

static void b_is_detached(void)
{
	lab_eni_row(l, ENI_B)->flags |= VPC_ENI_DETACHED;
}

static void a_is_an_appliance(void)
{
	lab_eni_row(l, ENI_A)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
}

static void b_is_an_appliance(void)
{
	lab_eni_row(l, ENI_B)->flags &= ~VPC_ENI_SOURCE_DEST_CHECK;
}

static void a_lost_its_address(void)
{
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_eni_row(l, ENI_A)->gen_revoke = lab_eni_row(l, ENI_A)->gen_any = lab_commit(l);
}

static void c_got_bs_address(void)
{
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_addr(l, 1, "10.0.0.11", ENI_C);
	lab_eni_row(l, ENI_B)->gen_revoke = lab_eni_row(l, ENI_B)->gen_any = lab_commit(l);
}

static void b_has_no_groups(void)
{
	lab_join(l, ENI_B, true, NO_GROUPS);
	lab_commit(l);
}

static void a_is_in_another_vpc(void)
{
	lab_eni_row(l, ENI_A)->vpc = 2;
}

static void a_list_lost_an_entry(void)
{
	lab_set_row(l, lab_set(l, GROUPS(SG_B)))->lists = 1;
	lab_kill_row(l, row);
	lab_ctl(l)->lists_revoke = lab_ctl(l)->lists_any = lab_commit(l);
}

static void the_rule_died(void)
{
	lab_revoke(l, row);
	lab_commit(l);
}

static void b_has_no_budget(void)
{
	lab_eni_row(l, ENI_B)->flow_budget = 0;
}

static void nothing_changed(void)
{
}

/* Two connections, one in a slot and one in `flow`, are told the same in each state. */
static void expect_the_same(const char *what, uint16_t in_slot, uint16_t in_flow)
{
	static const uint8_t flags[] = {ACK, SYN, SYN | ACK, FIN | ACK, RST, ACK};

	for (size_t i = 0; i < sizeof(flags); i++) {
		for (unsigned from = 0; from < 2; from++) {
			struct packet_spec p[2];
			int reason[2];

			for (unsigned k = 0; k < 2; k++) {
				uint16_t port = k ? in_flow : in_slot;

				p[k] = from ? tcp_from_b(port, flags[i], 1, 1) : tcp_from_a(port, flags[i], 1, 1);
				reason[k] = lab_send(l, from ? ENI_B : ENI_A, p[k]).reason;
			}
			cr_expect_eq(reason[0], reason[1], "%s, flags %#x of %c: %d, in `flow` %d", what, flags[i],
				     "AB"[from], reason[0], reason[1]);
		}
	}
}

/* As before the change, and without flows. a, b: the rows of the ENIs. */
static void undo(const struct vpc_eni *a, const struct vpc_eni *b)
{
	struct vpc_flow_key key;
	struct vpc_flow flow;

	*lab_eni_row(l, ENI_A) = *a;
	*lab_eni_row(l, ENI_B) = *b;
	lab_set_row(l, lab_set(l, GROUPS(SG_B)))->lists = 0;
	lab_addr_remove(l, 1, "10.0.0.10");
	lab_addr_remove(l, 1, "10.0.0.11");
	lab_commit(l);
	lab_addr(l, 1, "10.0.0.10", ENI_A);
	lab_addr(l, 1, "10.0.0.11", ENI_B);
	row = tcp_allow_web("10.0.0.10/32");
	lab_eni_row(l, ENI_A)->gen_any = lab_eni_row(l, ENI_B)->gen_any = lab_commit(l);
	while (lab_flow(l, true, &key, &flow) || lab_flow(l, false, &key, &flow))
		forget(&key);
	forget(&key);
}

Test(young_attacks, what_holds_in_flow_holds_in_a_slot)
{
	static const struct {
		const char *what;
		void (*change)(void);
		bool cuts;
	} changes[] = {
		{"nothing changed", nothing_changed, false},
		{"A is another ENI", a_is_another_eni, true},
		{"B is another ENI", b_is_another_eni, true},
		{"A is gone", a_is_gone, true},
		{"B is gone", b_is_gone, true},
		{"B is detached", b_is_detached, true},
		{"A is an appliance", a_is_an_appliance, false},
		{"B is an appliance", b_is_an_appliance, false},
		{"A lost its address", a_lost_its_address, true},
		{"C has B's address", c_got_bs_address, true},
		{"B has no groups", b_has_no_groups, true},
		{"A is in another VPC", a_is_in_another_vpc, true},
		{"a list lost an entry", a_list_lost_an_entry, true},
		{"the rule died", the_rule_died, true},
		{"B has no budget", b_has_no_budget, false},
	};
	const struct vpc_eni a = *lab_eni_row(l, ENI_A), b = *lab_eni_row(l, ENI_B);
	uint16_t sport = PORTS_FROM;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++, sport += 4) {
		int reason;

		fill_syn_cache();
		for (uint16_t k = 0; k < 4; k++) {
			young_use(l, k % 2 ? 0 : VPC_YOUNG_SLOTS);
			tcp_handshake(sport + k);
		}
		cr_expect_eq(young_count(l), 2);
		changes[i].change();
		/* the other end sends first to one pair of connections */
		reason = lab_send(l, ENI_B, tcp_from_b(sport + 2, ACK, 1, 1)).reason;
		cr_expect_eq(reason, lab_send(l, ENI_B, tcp_from_b(sport + 3, ACK, 1, 1)).reason, "%s",
			     changes[i].what);
		reason = lab_send(l, ENI_A, tcp_from_a(sport, ACK, 1, 1)).reason;
		cr_expect_eq(reason != 0, changes[i].cuts, "%s: %d", changes[i].what, reason);
		cr_expect_eq(reason, lab_send(l, ENI_A, tcp_from_a(sport + 1, ACK, 1, 1)).reason, "%s",
			     changes[i].what);
		expect_the_same(changes[i].what, sport, sport + 1);
		undo(&a, &b);
	}
}
