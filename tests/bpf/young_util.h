/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections in the slots of flow_young, in a lab. */
#ifndef TESTS_BPF_YOUNG_UTIL_H
#define TESTS_BPF_YOUNG_UTIL_H

#include "tests/bpf/lab_util.h"

/* Lets connections begin in the first `slots` slots. A lab has none before. */
void young_use(struct lab *l, uint32_t slots);
/* Empties all slots and flow_stored. */
void young_clear(struct lab *l);
/* How many connections are in slots. */
unsigned young_count(struct lab *l);
/* The slot of the only or first one; NULL: there is none. */
struct vpc_young *young_the_slot(struct lab *l);
/* Has the sweep do something to one flow, or move all connections out of their slots. Returns enum vpc_swept. */
uint8_t young_sweep(struct lab *l, uint32_t op, const struct vpc_flow_key *key);
void young_flush_all(struct lab *l);
/* Lets this thread run on other processors than the one that it is on, if there are any. */
void young_go_elsewhere(void);
/* Makes flow_stored exact, as vpcd's rounds do in time. */
void young_recount(struct lab *l);

#endif
