/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of keep, drain and cut (rule 8): two clients with a server each, changes of a rule, of egress or of
 * groups, and packets of numbered flows through the loaded programs. Functions fail the test on an error. One a
 * process. Needs root and `ip`.
 */
#ifndef TESTS_GRACE_UTIL_H
#define TESTS_GRACE_UTIL_H

#include "tests/bpf/maps_util.h"

#define GRACE_SYN 2
#define GRACE_ACK 16

/* Groups. */
#define GRACE_CLIENTS 1	 /* of the clients, ENIs 1 and 3: egress everything */
#define GRACE_SERVER  2	 /* of the server, ENI 2: the rules */
#define GRACE_OTHER   3	 /* of the other server, ENI 4 */
#define GRACE_EMPTY   9	 /* no rule */
#define GRACE_JOINED  10 /* no rule, too */

extern struct maps *grace_maps; /* open from grace_setup() to grace_teardown() */
extern int grace_proto;		/* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_ICMP: of rules and packets */
extern const char *grace_story; /* for messages: what the test is about */

void grace_setup(void);
void grace_teardown(void);
/* Deletes all flows and makes the state that of grace_setup(): no server has a rule. */
void grace_start_over(void);
/* vpcd ends and starts again: the maps are closed and adopted. */
void grace_reopen(void);
/* Takes a change that is never retired; grace_teardown() frees it. */
void grace_unretired(struct maps_change *c);

/* --- changes --- */
/* Publishes and retires a change. */
void grace_commit(struct maps_change *c);
/* Prepares the addition or deletion of the rule of a group that allows flow n of grace_proto. */
struct maps_change *grace_rule_change(uint32_t sg, bool add, uint16_t n, enum flows_mode flows, uint32_t drain_s);
/* The same for GRACE_SERVER, committed. */
void grace_rule(bool add, uint16_t n, enum flows_mode flows);
/* Adds or deletes the clients' egress. */
void grace_egress(bool add, enum flows_mode flows);
/* Gives an ENI the groups g1 and g2; 0: none. */
void grace_groups(uint32_t eni, uint32_t g1, uint32_t g2, enum flows_mode flows);

/* --- packets --- */
/* Sends one packet of flow n between a client (1 or 3) and its server (2 or 4) through the program at its sender's
 * port. Returns whether it passes. flags: of TCP. */
bool grace_packet(uint32_t client, bool reply, uint16_t n, uint8_t flags);
/* Sends the three packets that open a TCP connection, or as many of another protocol. */
bool grace_opens(uint32_t client, uint16_t n);
/* Whether packets of flow n pass in both directions. It must be the same for both. */
bool grace_lives_of(uint32_t client, uint16_t n);
/* The same for client 1. */
bool grace_lives(uint16_t n);

#endif
