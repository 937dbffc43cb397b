/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes scripts up, one line at a time, from a seed and what the world looks like after the lines before. Small pools
 * of addresses, ports and names, so that rules and packets meet; every kind of rule, change and packet has its share,
 * and some of each are wrong on purpose.
 */
#ifndef TESTS_MODEL_GENERATE_H
#define TESTS_MODEL_GENERATE_H

#include "world.h"

#define SENT_MAX 96

/* A packet that was sent: flows are followed up from here. */
struct sent_packet {
	int vpc;
	struct tuple t;
};

struct generator {
	uint64_t state;	  /* of the random numbers; never 0 */
	unsigned setup;	  /* lines of the setup made so far */
	unsigned changes; /* left in the open transaction */
	unsigned names;	  /* given out */
	struct sent_packet sent[SENT_MAX];
	unsigned n_sent;
};

/* seed: any; episode tells several scripts of a seed apart. */
void generator_init(struct generator *g, uint64_t seed, unsigned episode);
/* 0..n-1. n at least 1. */
unsigned generator_pick(struct generator *g, unsigned n);
/* True in `percent` of cases. */
bool generator_chance(struct generator *g, unsigned percent);
/* The next line. */
void generate_line(struct generator *g, const struct world *w, char line[LINE_MAX_BYTES]);

/* --- parts --- */

void generate_change(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES]);
/* Some line of VPCs, subnets, groups and ENIs to start with; false: setup is complete. */
bool generate_setup(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES]);
void generate_packet(struct generator *g, const struct naive_state *s, char line[LINE_MAX_BYTES]);

#endif
