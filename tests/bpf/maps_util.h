/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of daemon/datapath/maps: a place of their own for pins, plans in a few words, copies of the maps. */
#ifndef TESTS_MAPS_UTIL_H
#define TESTS_MAPS_UTIL_H

#include <vpc/clock.h>

#include "datapath/maps/change_record.h"
#include "datapath/maps/counters.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/events.h"
#include "datapath/maps/flows/cut.h"
#include "datapath/maps/flows/expiry.h"
#include "datapath/maps/flows/grace.h"
#include "datapath/maps/flows/sweep.h"
#include "datapath/maps/generations.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/mirror.h"
#include "datapath/maps/mirror/rows.h"
#include "datapath/maps/mirror/sets.h"
#include "datapath/maps/shares.h"
#include "datapath/maps/state.h"
#include "datapath/maps/verify/audit.h"
#include "datapath/maps/words.h"
#include "datapath/maps/write.h"

/* Enters namespaces of its own and mounts a bpf filesystem on a temporary folder. Needs root. */
void maps_setup(void);
void maps_teardown(void);
extern char maps_pin_dir[];

/* From here on, in this process and those that it forks, programs that only judge packets are loaded without their
 * instructions: verifying them takes seconds, and tests that open the same maps again and again send no packet. */
void maps_without_judging(void);
/* maps_setup() for a suite that sends no packet. */
void maps_setup_without_judging(void);

/* Small maps; pinned: under maps_pin_dir. Fails the test on an error. */
struct maps *maps_small(bool pinned);
extern struct vpc_limits maps_limits_small;
/* Small maps with ENIs 1 to n, each in the VPC of that number; each may have as many flows as there is room for. */
struct maps *maps_with_enis(const uint32_t vpcs[], uint32_t n);
/* One round over the maps of flows. Returns how many entries it deleted. */
unsigned maps_expiry_round(struct maps *t, struct maps_expiry *x, uint64_t now_ns);

/* A plan under construction; its lists are in the struct. */
#define PLAN_MAX 512
struct test_plan {
	struct plan p;
	struct plan_row rows[PLAN_MAX];
	struct plan_eni enis[16];
	struct plan_addr addrs[64];
	struct plan_vpc vpcs[4];
	struct plan_route routes[64];
	struct plan_association associations[8];
	struct plan_nat nats[8];
	struct plan_eip eips[16];
	struct plan_publish publishes[16];
};
void tp_init(struct test_plan *tp);
/* TCP ingress from 10.0.n.0/24, exact port. */
void tp_row(struct test_plan *tp, bool add, uint32_t sg, uint16_t port, uint32_t n, uint32_t rule);
/* All protocols, egress, to 0.0.0.0/0. */
void tp_all(struct test_plan *tp, bool add, uint32_t sg, uint32_t rule);
/* TCP ingress from a group. */
void tp_peer(struct test_plan *tp, bool add, uint32_t sg, uint16_t port, uint32_t peer, uint32_t rule);
/* TCP ingress from a prefix list; an entry of it, 10.0.n.0/24. */
void tp_names(struct test_plan *tp, bool add, uint32_t sg, uint16_t port, uint32_t list, uint32_t rule);
void tp_entry(struct test_plan *tp, bool add, uint32_t list, uint32_t n, uint32_t entry);
/* groups: up to two, ascending, 0: none. */
struct eni_record eni_rec(uint32_t n, uint32_t g1, uint32_t g2);
void tp_eni(struct test_plan *tp, const struct eni_record *before, const struct eni_record *after);
void tp_addr(struct test_plan *tp, bool add, uint32_t n, uint32_t eni);
/* Starts a plan with a VPC, rules of two groups, two ENIs and their addresses: a state with a bit of everything. */
void tp_base(struct test_plan *tp);
/* Starts a smaller one: a VPC, group 1 with egress and a rule, group 2 with a rule for group 1, an ENI with group 1 and
 * one with both. */
void tp_two_sets(struct test_plan *tp);
void tp_vpc(struct test_plan *tp, bool add, uint32_t n);

/* The edge. Of each a before and an after, of which one may be NULL. */
void tp_route(struct test_plan *tp, const struct route_record *before, const struct route_record *after);
void tp_association(struct test_plan *tp, uint32_t subnet, uint32_t before, uint32_t after);
void tp_nat(struct test_plan *tp, const struct nat_record *before, const struct nat_record *after);
void tp_eip(struct test_plan *tp, const struct eip_record *before, const struct eip_record *after);
void tp_publish(struct test_plan *tp, const struct publish_record *before, const struct publish_record *after);
/* Starts a plan with a VPC that has routes to the outside for both families, and ENIs 1 and 2 with group 1 and the
 * addresses 10.0.0.5 and 10.0.0.6. */
void tp_routed_enis(struct test_plan *tp);
/* 10.n.0.0/16, or fd00:n::/32. */
struct route_record route4_rec(uint32_t table, uint32_t n, uint32_t kind, uint32_t number);
struct route_record route6_rec(uint32_t table, uint32_t n, uint32_t kind, uint32_t number);
/* 203.0.113.n; host 0: nobody's, else of ENI `eni` and its address 10.0.0.host. */
struct eip_record eip_rec(uint32_t number, uint8_t n, uint32_t eni, uint8_t host);
/* TCP ports first..last of any address of the host, to the ENI's address 10.0.0.host from port 80 on. */
struct publish_record publish_rec(uint32_t number, uint32_t eni, uint8_t host, uint16_t first, uint16_t last);

/* prepare, publish, and (retire) all the rest; fails the test on an error. */
struct maps_change *maps_prepared(struct maps *t, const struct test_plan *tp);
void maps_apply(struct maps *t, const struct test_plan *tp);

/* What the engine's reconcile does: diff, prepare, publish, retire. */
void maps_mend(struct maps *t, const struct test_plan *all);

/* A child changes from state a to state b and back without end, and is killed at moments spread over its run: the maps
 * must be as one of the two says. The maps are pinned. */
void maps_killed_while_changing(const struct test_plan *a, const struct test_plan *b, unsigned rounds);

/* What maps_verify says of a state. */
size_t maps_differences(struct maps *t, const struct test_plan *all, char *first, size_t first_bytes);

/* A whole pass of the rolling audit, in slices, as the engine does it. 1: it found something. */
int maps_audited(struct maps *t, struct maps_finding *ret);

/* Everything that prepare writes, as bytes. */
struct dump {
	char *at;
	size_t n;
};
struct dump maps_dump(struct maps *t);
bool dump_equal(const struct dump *a, const struct dump *b);

/* The row that a key of a plan has in the kernel now; 0: none. */
uint32_t kernel_row(struct maps *t, const struct plan_row *r);
#endif
