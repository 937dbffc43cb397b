/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule sets of one shape and many sizes, as plans for the maps: a client at 10.0.0.10 that may send anything, a
 * server at 10.0.0.11 whose groups have the rules. The rule that allows the client's packet is where it takes longest
 * to find.
 */
#ifndef TESTS_BENCH_SHAPE_H
#define TESTS_BENCH_SHAPE_H

#include "bench_util.h"
#include "compiler/plan.h"

#define ENI_CLIENT     VPC_ENI_FIRST
#define ENI_SERVER     (VPC_ENI_FIRST + 1)
#define ADDRESS_CLIENT 0x0a00000au /* host byte order */
#define ADDRESS_SERVER 0x0a00000bu
#define FRAME_BYTES    96

struct shape {
	const char *name;
	uint16_t port;				  /* TCP port of the packet */
	bool denied;				  /* nothing allows it: what a flood of packets without a rule costs */
	uint32_t least, most;			  /* how many rules make sense */
	int (*build)(struct plan *p, uint32_t n); /* adds n rules to the server's groups; -ENOMEM */
	uint32_t server_groups;			  /* how many, from GROUP_SERVER on */
	uint32_t client_groups;			  /* how many unnamed ones the client has besides its own */
	bool client_named;			  /* and the last group that the rules name */
	bool both; /* the client has 16 groups with the same rules for what it sends; build() adds them, too */
	bool ip6;
};
extern const struct shape shapes[]; /* ends with a NULL name */

/* The whole plan; plan_clear() it. Returns 0 or -ENOMEM. */
int shape_plan(const struct shape *shape, uint32_t n, struct plan *ret);
/* A TCP packet from the client to the server, or back. Returns its length. */
size_t shape_frame(const struct shape *shape, bool back, uint16_t client_port, uint8_t flags,
		   uint8_t frame[FRAME_BYTES]);
/* One rule more, or it again taken away, in the server's first group: allows nothing that the bench sends. */
struct plan_row shape_change(bool add);

#endif
