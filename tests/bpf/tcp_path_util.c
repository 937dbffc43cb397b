/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/tcp_path_util.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

#define ISN_A 1000
#define ISN_B 70000

static struct lab *l;

uint32_t tcp_allow_web(const char *peer)
{
	return lab_allow(
		l, &(struct rule_spec){.sg = SG_B, .slot = VPC_SLOT_TCP, .port = 80, .port_plen = 16, .peer = peer});
}

struct lab *tcp_lab_open(uint32_t *ret_row)
{
	lab_stay();
	l = lab_usual();
	*ret_row = tcp_allow_web("10.0.0.10/32");
	tcp_allow_web("fd00:1::10/128");
	lab_ctl(l)->half_open_max = 100;
	for (unsigned i = 0; i < 4; i++)
		lab_set_fast_path(l, LAB_ENI(i), true);
	lab_commit(l);
	return l;
}

struct packet_spec tcp_from_a(uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct packet_spec){.src = "10.0.0.10",
				    .dst = "10.0.0.11",
				    .proto = IPPROTO_TCP,
				    .sport = sport,
				    .dport = 80,
				    .tcp_flags = flags,
				    .tcp_seq = ISN_A + seq,
				    .tcp_ack = ISN_B + ack};
}

struct packet_spec tcp_from_b(uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct packet_spec){.src = "10.0.0.11",
				    .dst = "10.0.0.10",
				    .proto = IPPROTO_TCP,
				    .sport = 80,
				    .dport = dport,
				    .tcp_flags = flags,
				    .tcp_seq = ISN_B + seq,
				    .tcp_ack = ISN_A + ack};
}

struct packet_spec tcp_syn(uint16_t sport)
{
	return tcp_from_a(sport, SYN, 0, 0);
}

static void expect(const char *what, uint32_t from, struct packet_spec p, int reason, bool slow_path)
{
	struct verdict v;

	lab_slow_path(l);
	v = lab_send(l, from, p);
	cr_expect_eq(v.reason, reason, "%s: reason %d", what, v.reason);
	cr_expect_eq(lab_slow_path(l), slow_path, "%s: not by the %s path", what, slow_path ? "slow" : "fast");
}

void tcp_expect_fast(const char *what, uint32_t from, struct packet_spec p)
{
	expect(what, from, p, 0, false);
}

void tcp_expect_slow(const char *what, uint32_t from, struct packet_spec p)
{
	expect(what, from, p, 0, true);
}

void tcp_expect_drop(const char *what, uint32_t from, struct packet_spec p, int reason)
{
	expect(what, from, p, reason, true);
}

void tcp_fill_syn_cache(void)
{
	cr_assert_eq(lab_send(l, ENI_A, tcp_syn(1000)).reason, 0);
	tcp_expect_fast("remembered", ENI_A, tcp_syn(1001));
	lab_age(l, 61);
	lab_sweep(l, VPC_SWEEP_EXPIRE, 0);
	cr_assert_eq(lab_flows(l, true) + lab_flows(l, false), 0);
}

void tcp_handshake(uint16_t sport)
{
	cr_expect_eq(lab_send(l, ENI_A, tcp_syn(sport)).reason, 0);
	tcp_expect_fast("SYN-ACK", ENI_B, tcp_from_b(sport, SYN | ACK, 0, 1));
	tcp_expect_fast("ACK", ENI_A, tcp_from_a(sport, ACK, 1, 1));
}

struct vpc_flow tcp_the_flow(bool established)
{
	struct vpc_flow_key key;
	struct vpc_flow f;

	cr_assert_eq(lab_flows(l, established), 1);
	cr_assert_eq(lab_flows(l, !established), 0);
	cr_assert(lab_flow(l, established, &key, &f));
	return f;
}

void tcp_expect_nothing_counted(void)
{
	cr_expect_eq(lab_established(l, ENI_A), 0);
	cr_expect_eq(lab_established(l, ENI_B), 0);
	cr_expect_eq(lab_half_open(l), 0);
}
