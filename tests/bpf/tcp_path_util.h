/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP between ENI A and port 80 of ENI B of lab_usual(), and which path a segment takes: the TCP fast path
 * (lib/fast/tcp.h) or the slow path, which lab_slow_path() tells.
 */
#ifndef TESTS_BPF_TCP_PATH_UTIL_H
#define TESTS_BPF_TCP_PATH_UTIL_H

#include "tests/bpf/lab_util.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define PORTS_FROM 2000 /* A's, of connections that a test opens; below it those before */

/* All ports may be redirected to. *ret_row: of the rule that allows A's IPv4 address at B's port 80. */
struct lab *tcp_lab_open(uint32_t *ret_row);
/* Allows an address at B's port 80, from the next commit on. Returns the row. */
uint32_t tcp_allow_web(const char *peer);

/* A segment of a connection; seq, ack: from the initial sequence numbers on. */
struct packet_spec tcp_from_a(uint16_t sport, uint8_t flags, uint32_t seq, uint32_t ack);
struct packet_spec tcp_from_b(uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack);
struct packet_spec tcp_syn(uint16_t sport);

/* Sends it, and expects that it is allowed by the fast path, allowed by the slow path, or dropped by the slow path. */
void tcp_expect_fast(const char *what, uint32_t from, struct packet_spec p);
void tcp_expect_slow(const char *what, uint32_t from, struct packet_spec p);
void tcp_expect_drop(const char *what, uint32_t from, struct packet_spec p, int reason);

/* This CPU's SYN cache has A's connections to port 80 of B afterwards; there is no flow. */
void tcp_fill_syn_cache(void);
/* A connection by the TCP fast path, but for the SYN if the SYN cache has none. */
void tcp_handshake(uint16_t sport);
/* The one flow that there is, which must be in `flow` (established) or in flow_new. */
struct vpc_flow tcp_the_flow(bool established);
void tcp_expect_nothing_counted(void);

#endif
