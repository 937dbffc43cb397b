/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows that somebody names are found, a piece at a time, and stay cut although rules allow them (P2). Needs root and
 * `ip`. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "datapath/maps/flows/by_hand.h"
#include "datapath/maps/flows/walk.h"
#include "tests/bpf/grace_util.h"

TestSuite(maps_by_hand, .init = grace_setup, .fini = grace_teardown, .timeout = 120);

struct found {
	unsigned n, pieces;
	struct vpc_flow_key key[64];
};

static bool is_wanted(const struct vpc_flow_key *key, const struct vpc_flow *flow, uint64_t now_ns,
		      const void *userdata)
{
	const uint16_t *port = userdata;

	(void)now_ns;
	return flow->state != VPC_FLOW_TOMBSTONE &&
	       (!*port || key->port[0] == htons(*port) || key->port[1] == htons(*port));
}

/* All flows with a port; 0: with any. */
static struct found walk(bool thorough, uint16_t port)
{
	_cleanup_(flow_walk_freep) struct flow_walk *w = NULL;
	struct found found = {0};
	int r;

	cr_assert_eq(flow_walk_new(grace_maps, thorough, is_wanted, &port, &w), 0);
	do {
		struct flow_walk_piece piece;

		r = flow_walk_read(w);
		cr_assert_geq(r, 0);
		piece = flow_walk_piece(w);
		cr_assert_lt(piece.n, FLOW_WALK_MOST);
		for (uint32_t i = 0; i < piece.n; i++, found.n++)
			if (found.n < ARRAY_SIZE(found.key))
				found.key[found.n] = piece.key[i];
		found.pieces++;
	} while (r > 0);
	return found;
}

static unsigned cut(const struct found *found)
{
	bool was_cut[ARRAY_SIZE(found->key)];
	unsigned n = 0;

	cr_assert_eq(maps_cut_by_hand(grace_maps, found->key, found->n, monotonic_ns(), was_cut), 0);
	for (unsigned i = 0; i < found->n; i++)
		n += was_cut[i];
	return n;
}

Test(maps_by_hand, what_is_cut_stays_cut_whatever_rules_change)
{
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t p = 0; p < ARRAY_SIZE(protocols); p++) {
		struct found found;

		grace_start_over();
		grace_proto = protocols[p];
		for (uint16_t i = 0; i < 2; i++)
			grace_rule(true, i, FLOWS_CUT);
		cr_assert(grace_opens(1, 0) && grace_opens(1, 1));
		cr_assert(grace_lives(0) && grace_lives(1));
		found = walk(true, 5000);
		cr_assert_eq(cut(&found), 1, "protocol %d: found %u", grace_proto, found.n);
		cr_expect(!grace_lives(0) && grace_lives(1), "only the one that was named");
		cr_expect_eq(cut(&found), 0, "it is cut already");
		/* More is allowed, then less, in the groups of both sides. */
		grace_rule(true, 7, FLOWS_CUT);
		grace_groups(1, GRACE_CLIENTS, GRACE_JOINED, FLOWS_CUT);
		cr_expect(!grace_lives(0) && grace_lives(1), "a change of rules brings nothing back");
		grace_rule(false, 0, FLOWS_CUT);
		grace_rule(true, 0, FLOWS_CUT);
		cr_expect_not(grace_lives(0), "nor does its own rule");
		grace_reopen();
		cr_expect(!grace_lives(0) && grace_lives(1), "nor another start of vpcd");
		if (grace_proto == IPPROTO_TCP)
			cr_expect(grace_opens(1, 0) && grace_lives(0), "a SYN opens a new connection");
		grace_groups(1, GRACE_CLIENTS, 0, FLOWS_CUT);
	}
}

Test(maps_by_hand, half_open_and_unanswered_flows_are_found_too)
{
	struct found found;

	grace_proto = IPPROTO_TCP;
	grace_rule(true, 0, FLOWS_CUT);
	cr_assert(grace_packet(1, false, 0, GRACE_SYN));
	found = walk(false, 0);
	cr_assert_eq(found.n, 1);
	cr_expect_eq(cut(&found), 1);
	cr_expect_not(grace_packet(1, true, 0, GRACE_SYN | GRACE_ACK), "the answer to its SYN");
	grace_proto = IPPROTO_UDP;
	grace_rule(true, 1, FLOWS_CUT);
	cr_assert(grace_packet(1, false, 1, 0));
	found = walk(true, 5001);
	cr_assert_geq(found.n, 1, "a thorough walk may meet it twice");
	cr_expect_eq(cut(&found), 1);
	cr_expect_not(grace_packet(1, false, 1, 0));
}

/* More flows than a piece has, of which few or none are wanted: each is met once, and memory stays that of a piece. */
Test(maps_by_hand, many_flows_are_walked_in_pieces)
{
	const struct kernel_map *map = &grace_maps->map[MAP_FLOW];
	uint32_t many = map->n / 2 < 4000 ? map->n / 2 : 4000;
	struct vpc_flow flow = {.tag = 1, .state = VPC_FLOW_ESTABLISHED, .timeout_s = 60};

	for (uint32_t i = 0; i < many; i++) {
		struct vpc_flow_key key = {.vpc = 1, .proto = IPPROTO_TCP, .port = {htons(7), htons(8)}};

		key.addr[0][3] = htonl(i);
		cr_assert_eq(bpf_map_update_elem(map->fd, &key, &flow, BPF_NOEXIST), 0);
	}
	cr_expect_eq(walk(false, 8).n, many);
	cr_expect_geq(walk(false, 8).pieces, many / FLOW_WALK_MOST);
	cr_expect_eq(walk(false, 9).n, 0);
	cr_expect_eq(walk(true, 9).n, 0);
}
