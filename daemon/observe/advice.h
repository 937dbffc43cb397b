/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules were seen to allow, for `vpcctl sg advise`: of each rule of the VPCs whose flows are watched, a few boxes
 * of protocol, ports and peers that together hold every flow it was seen to allow. Pure.
 *
 * Bounded: ADVICE_BOXES boxes a rule (what is more is merged, so that the boxes grow wider and never lose a flow), and
 * an equal share of all entries for each watched VPC. Times are CLOCK_BOOTTIME.
 */
#ifndef OBSERVE_ADVICE_H
#define OBSERVE_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/address.h"

#define ADVICE_BOXES 16
#define ADVICE_GAPS  16

/* Flows, by the words of a rule. */
struct advice_box {
	int16_t protocol;  /* -1: several */
	uint16_t from, to; /* ports of the responder; of ICMP type << 8 | code; 0 of protocols without */
	struct cidr peer;  /* family 0: whoever the rule names */
};

struct advice_rule {
	uint32_t rule, vpc; /* numbers */
	uint64_t base;	    /* what the kernel's counter was when vpcd began to be told of the rule's flows */
	uint64_t told;	    /* flows that vpcd was told of since */
	uint64_t untold;    /* flows since then of which it wasn't */
	bool doubted;	    /* there seemed to be more of these at the last look */
	uint64_t gap_ns;    /* when it last missed some; 0: never since the rule was made */
	bool merged;
	uint8_t n;
	struct advice_box box[ADVICE_BOXES];
};

/* A VPC whose flows are watched. */
struct advice_vpc {
	uint32_t vpc;
	uint64_t since_ns;
	uint32_t first_rule; /* rules with this number or a higher one were made since */
	uint64_t round;	     /* of looks at all flows, in which it began */
	uint64_t lost_ns;    /* when the kernel last said that it had not told something; 0: never */
	size_t n;
	bool full;  /* a rule found no room */
	bool whole; /* all flows that were there when it began have been looked at */
	bool kept;  /* known from before a restart, and not watched again yet */
};

/* vpcd didn't run. */
struct advice_gap {
	uint64_t begin_ns; /* every flow that was there then has been looked at later */
	uint64_t end_ns;
};

/* Since when it is known when rules are used. */
struct advice_times {
	uint64_t since_ns;
	uint32_t first_rule; /* rules with this number or a higher one were made since */
	uint32_t n_gaps;
	struct advice_gap gap[ADVICE_GAPS]; /* the oldest first */
};

struct advice;

/* max: entries. -ENOMEM. */
int advice_new(size_t max, struct advice **ret);
/* Returns NULL. NULL is fine. */
struct advice *advice_free(struct advice *a);

/* A VPC is watched from now on. Fine if it is already. -ENOMEM. */
int advice_begin(struct advice *a, uint32_t vpc, uint64_t now_ns, uint32_t first_rule, uint64_t round);
/* It no longer is: its entries are freed. */
void advice_end(struct advice *a, uint32_t vpc);
/* NULL: it isn't watched. */
const struct advice_vpc *advice_vpc_find(const struct advice *a, uint32_t vpc);
bool advice_watches(const struct advice *a);
/* The kernel has not told something. */
void advice_lost(struct advice *a, uint64_t now_ns);

/* NULL: there is none. Borrowed until entries are added or forgotten. */
struct advice_rule *advice_find(const struct advice *a, uint32_t rule);
/* Makes an entry of a rule that has none, in a watched VPC. counter: the kernel's, which this flow is in if it was
 * told. NULL: there is no room. */
struct advice_rule *advice_add(struct advice *a, uint32_t vpc, uint32_t rule, uint64_t counter, bool told,
			       uint64_t now_ns);
void advice_forget(struct advice *a, struct advice_rule *r);
/* The entry to be looked at next, in turn; NULL: there are none. */
struct advice_rule *advice_next(struct advice *a);
size_t advice_count(const struct advice *a);

/* The rule has allowed this. */
void advice_note(struct advice_rule *r, const struct advice_box *flow);
/* vpcd runs again; the kernel's counter may have gone on, or have been set back. */
void advice_resume(struct advice_rule *r, uint64_t counter, uint64_t now_ns);
/* Compares with the kernel's counter. A flow that is counted a moment before it is told is only doubted at first. */
void advice_look(struct advice_rule *r, uint64_t counter, uint64_t now_ns);
/* Whether the counter knows of flows that are neither told nor known to be missing. */
bool advice_is_behind(const struct advice_rule *r, uint64_t counter);

/* --- a restart --- */

/* What is known, in turn; prev NULL: the first. NULL: there are no more. */
const struct advice_vpc *advice_next_vpc(const struct advice *a, const struct advice_vpc *prev);
const struct advice_rule *advice_next_rule(const struct advice *a, const struct advice_rule *prev);
/* Takes up what was known of a VPC before a restart, until advice_begin() says that it is watched again. -ENOMEM,
 * -EEXIST. */
int advice_keep_vpc(struct advice *a, const struct advice_vpc *vpc);
/* The same of a rule of such a VPC. -ENOMEM; -ENOSPC; -EEXIST; -ENOENT: it isn't kept. */
int advice_keep_rule(struct advice *a, const struct advice_rule *rule);
/* VPCs that are kept and weren't watched again are forgotten. */
void advice_end_kept(struct advice *a);
/* Adds a gap. Where there are too many, the oldest ones become one that is longer. */
void advice_add_gap(struct advice_times *t, const struct advice_gap *gap);

/* The smallest box that holds both. */
struct advice_box advice_merge(const struct advice_box *a, const struct advice_box *b);
bool advice_contains(const struct advice_box *outer, const struct advice_box *inner);

#endif
