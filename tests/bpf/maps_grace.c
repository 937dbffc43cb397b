/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep, drain and later cuts (rule 8), told as stories of a word a step, idle and in use, for TCP, UDP and ICMP. A
 * grace spares only what was allowed until the change that grants it. A later cut always wins. Needs root and `ip`.
 */
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <netinet/in.h>

#include "tests/bpf/grace_util.h"

TestSuite(maps_grace, .init = grace_setup, .fini = grace_teardown, .timeout = 280);

/* --- in short ---
 * A story: each word is a step, and at its end flow 0 lives or is cut.
 *   open, use          flow 0
 *   +N -N ~N %N        rule N is authorized, revoked with cut, with keep, with drain=1
 *   -e ~e +e           the clients' egress
 *   -c -s ~c ~s        client, server lose their groups (with cut, with keep) and have the empty one
 *   -j ~j +j           the server leaves (cut, keep) and joins a group that says nothing
 *   wait               until a drain is over
 *   restart            vpcd ends and comes again */
/* As if the time of every drain were over. */
static int end_drain(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct vpc_flow over = *flow;

	(void)userdata;
	for (unsigned i = 0; i < 2; i++)
		if (over.grace_until[i] && over.grace_until[i] != VPC_GRACE_KEEP)
			over.grace_until[i] = 1;
	return bpf_map_update_elem(grace_maps->map[established ? MAP_FLOW : MAP_FLOW_NEW].fd, key, &over, BPF_EXIST);
}

static void step_groups(char how, char what)
{
	enum flows_mode mode = how == '~' ? FLOWS_KEEP : FLOWS_CUT;

	if (what == 'c')
		grace_groups(1, GRACE_EMPTY, 0, mode);
	else if (what == 's')
		grace_groups(2, GRACE_EMPTY, 0, mode);
	else
		grace_groups(2, GRACE_SERVER, how == '+' ? GRACE_JOINED : 0, mode);
}

static void step(const char *word)
{
	if (strcmp(word, "open") == 0)
		cr_assert(grace_opens(1, 0));
	else if (strcmp(word, "use") == 0)
		(void)grace_lives(0);
	else if (strcmp(word, "wait") == 0)
		cr_assert_eq(maps_each_flow(grace_maps, 0, end_drain, NULL), 0);
	else if (strcmp(word, "restart") == 0)
		grace_reopen();
	else if (word[1] == 'e')
		grace_egress(word[0] == '+', word[0] == '~' ? FLOWS_KEEP : FLOWS_CUT);
	else if (strchr("csj", word[1]))
		step_groups(word[0], word[1]);
	else
		grace_commit(grace_rule_change(GRACE_SERVER, word[0] == '+', (uint16_t)(word[1] - '0'),
					       word[0] == '~'	? FLOWS_KEEP
					       : word[0] == '%' ? FLOWS_DRAIN
								: FLOWS_CUT,
					       1));
}

struct story {
	const char *words;
	bool lives;
};

/* With the flow idle from its opening to the end, and with a packet of each side after each step. */
static void tell(const struct story *s, bool idle)
{
	char words[128], *at = words, *word;
	bool opened = false;

	grace_story = s->words;
	snprintf(words, sizeof(words), "+0 +1 %s", s->words);
	while ((word = strsep(&at, " ")))
		if (*word) {
			step(word);
			if (!idle && opened)
				step("use");
			opened |= strcmp(word, "open") == 0;
		}
	cr_expect_eq(grace_lives(0), s->lives, "protocol %d, %s: %s", grace_proto, idle ? "idle" : "in use", s->words);
}

static void tell_all(const struct story *stories, size_t n, bool idle_only)
{
	static const int protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (size_t i = 0; i < n; i++)
		for (unsigned p = 0; p < 3; p++)
			for (unsigned idle = idle_only; idle < 2; idle++) {
				grace_proto = protos[p];
				tell(&stories[i], idle);
				grace_start_over();
			}
}
#define TELL(stories, idle_only) tell_all(stories, ARRAY_SIZE(stories), idle_only)

Test(maps_grace, what_was_cut_stays_cut)
{
	static const struct story stories[] = {
		{"open -0", false},	    {"open -0 ~1", false},	{"open -0 %1", false},
		{"open -0 ~j", false},	    {"open -0 ~e", false},	{"open -0 ~s", false},
		{"open -0 ~c ~s", false},   {"open %0 wait ~1", false}, {"open %0 wait %1", false},
		{"open %0 wait ~j", false}, {"open %0 wait -1", false}, {"open -e ~1", false},
		{"open -e ~0", false},	    {"open -0 ~1 ~e", false},	{"open -0 restart ~1", false},
		{"open -s ~e", false},
	};

	TELL(stories, false);
}

Test(maps_grace, a_later_cut_wins)
{
	static const struct story stories[] = {
		{"open ~0 +0 -0", false},
		{"open %0 +0 -0", false},
		{"open ~0 -e", false},
		{"open ~0 -c -s", false},
		{"open ~0 -s", false},
		{"open ~0 -c", false},
		{"open ~0 -j", false},
		{"open ~e +e -e", false},
		{"open ~e -0", false},
		{"open ~e -s", false},
		{"open ~0 ~e +0 -0", false},
		{"open ~0 ~e +e -e", false},
		{"open ~s -e", false},
		{"open ~0 ~1 -e", false},
		{"open ~0 +0 ~0 +0 -0", false},
		{"open ~0 +0 ~0 -e", false},
		{"open ~0 +0 -0 ~1", false},
		{"open ~0 restart +0 -0", false},
		{"open ~0 restart -s", false},
		{"open ~0 +0 restart -0", false},
		{"open ~0 restart restart -e", false},
	};

	TELL(stories, false);
}

Test(maps_grace, a_grace_spares_what_it_is_for)
{
	static const struct story stories[] = {
		{"open ~0", true},
		{"open %0", true},
		{"open %0 wait", false},
		{"open ~0 -1", true},
		{"open ~0 ~1 -1", true},
		{"open ~0 +2 -2", true},
		{"open ~0 restart -1", true},
		{"open -1 ~0", true}, /* judged again since, or not */
		{"open ~1 ~0", true},
		{"open ~0 ~e", true},
		{"open ~0 ~s", true},
		{"open ~0 ~c ~s", true},
		{"open ~s", true},
		{"open ~j", true},
		{"open -j ~0 +j", true},
		{"open ~0 ~j", true},
		{"open ~0 +0 ~0", true},
		{"open ~0 +0", true},
		{"open %0 +0 wait", true},
		{"open %0 ~e wait", false},
		{"open ~e %0 wait", false},
		{"open %0 ~e +0 wait", true},
		{"open %0 +0 ~0 wait", true},
		{"open ~0 %1 wait", true},
	};

	TELL(stories, false);
}

/* Cut while it is idle, and allowed again before anybody looked: as if nothing had been. */
Test(maps_grace, allowed_again_before_the_next_packet)
{
	static const struct story stories[] = {
		{"open -0 +0", true},
		{"open -0 +0 ~0", true},
		{"open -0 +0 ~0 -e", false},
		{"open -0 ~1 +0", true},
	};

	TELL(stories, true);
}

/* Only the flow's own ENIs: what others lose is nothing to it. */
Test(maps_grace, others_lose_their_groups)
{
	grace_proto = IPPROTO_TCP;
	grace_rule(true, 0, FLOWS_CUT);
	cr_assert(grace_opens(1, 0));
	grace_rule(false, 0, FLOWS_KEEP);
	grace_groups(3, GRACE_CLIENTS, 0, FLOWS_CUT);
	grace_groups(4, GRACE_EMPTY, 0, FLOWS_CUT);
	cr_assert(grace_lives(0));
}

/* A flow that has a grace stays in its map: a copy on its way to the other would carry it along. */
Test(maps_grace, it_stays_in_its_map)
{
	grace_proto = IPPROTO_TCP;
	grace_rule(true, 0, FLOWS_CUT);
	cr_assert(grace_opens(1, 0));
	grace_rule(false, 0, FLOWS_KEEP);
	for (int i = 0; i < 10; i++) {
		cr_assert(grace_packet(1, true, 0, 4 /* RST */));
		cr_assert(grace_lives(0));
	}
	grace_rule(true, 0, FLOWS_CUT);
	grace_rule(false, 0, FLOWS_CUT);
	cr_assert(!grace_lives(0));
	grace_proto = IPPROTO_UDP;
	grace_rule(true, 0, FLOWS_CUT);
	cr_assert(grace_packet(1, false, 0, 0) && grace_packet(1, true, 0, 0));
	grace_rule(false, 0, FLOWS_KEEP);
	for (int i = 0; i < 10; i++)
		cr_assert(grace_lives(0));
	grace_rule(true, 0, FLOWS_CUT);
	grace_rule(false, 0, FLOWS_CUT);
	cr_assert(!grace_lives(0));
}

/* The list of who has a grace doesn't fit into memory: all flows are looked at. */
Test(maps_grace, without_a_list)
{
	grace_proto = IPPROTO_TCP;
	grace_rule(true, 0, FLOWS_CUT);
	grace_rule(true, 1, FLOWS_CUT);
	cr_assert(grace_opens(1, 0) && grace_opens(1, 1));
	grace_rule(false, 0, FLOWS_KEEP);
	grace_rule(false, 1, FLOWS_KEEP);
	grace_maps->graced.n = 0;
	grace_maps->graced_lost = true;
	grace_rule(true, 0, FLOWS_CUT);
	grace_rule(false, 0, FLOWS_CUT);
	cr_assert(!grace_maps->graced_lost);
	cr_assert(!grace_lives(0));
	cr_assert(grace_lives(1));
	grace_maps->graced.n = 0;
	grace_maps->graced_lost = true;
	grace_groups(2, GRACE_EMPTY, 0, FLOWS_CUT);
	cr_assert(!grace_lives(1));
}
