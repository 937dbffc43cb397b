/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A little world for the tests of net: a process of its own in mount and network namespaces of its own, with a private
 * /run and a bpffs, one VPC with two subnets, and workload namespaces w0, w1, … Needs CAP_SYS_ADMIN, CAP_NET_ADMIN,
 * CAP_BPF. Everything ends with the process.
 */
#ifndef TESTS_BPF_NET_UTIL_H
#define TESTS_BPF_NET_UTIL_H

#include <limits.h>

#include "datapath/net/net.h"
#include "util/worker.h"

#define NETTEST_PORTS	  4
#define NETTEST_FIRST_ENI 1030
#define NETTEST_ALIAS	  "vpcd:nettest:"

struct nettest_event {
	uint32_t vpc, port;
};

struct nettest {
	sd_event *event;
	struct net *net;
	struct net_config config;
	int prog_from, prog_to;
	struct vpc_record vpc;
	struct subnet_record subnets[2];
	struct port_record ports[NETTEST_PORTS]; /* 0 to 2 in subnet 0, the last in subnet 1; port i goes to wi */
	struct ip ips[NETTEST_PORTS][4];
	struct nettest_event events[64];
	size_t n_events;
	char failed[OBJECT_ID_MAX];
};

/* Path of what was built: name is relative to the build folder. Fails the test where it isn't there. */
void nettest_built(const char *name, char ret[PATH_MAX]);
/* Call once, first. Fails the test where it can't. */
void nettest_enter(void);
/* Fills t, opens net; no VPC yet. */
void nettest_init(struct nettest *t, bool tcx);
/* The same with programs for uplinks, which let everything pass. */
void nettest_init_edge(struct nettest *t, bool tcx, net_uplink_fn on_uplink);
void nettest_end(struct nettest *t);
/* A program that lets everything pass. Returns its descriptor. */
int nettest_program(void);
/* The same for from-workload and from-router: a frame with a port's MAC is redirected to that port. */
int nettest_deliver(void);

/* A plan of the first n_ports ports with all subnets and the VPC; before: as what is there, else as what is to be made.
 * It is the caller's: free with nettest_plan_free. */
struct plan nettest_plan(const struct nettest *t, size_t n_ports, bool before);
/* Only port i. */
struct plan nettest_port_plan(const struct nettest *t, size_t i, bool before);
void nettest_plan_free(struct plan *p);
/* Makes and adds the namespace, prepares and publishes VPC, subnets and the first n_ports ports. */
void nettest_build(struct nettest *t, size_t n_ports);
/* The same for another instance. */
void nettest_build_as(struct nettest *t, const char *instance, size_t n_ports);
/* Runs the removal of a plan to its end. */
void nettest_remove(struct nettest *t, const struct plan *p);
/* Opens w<i> for port i, whose attachment is filled in from it. */
void nettest_open_workload(struct nettest *t, size_t i, struct workload *ret);
/* Prepares and publishes port i on w<i>. */
void nettest_attach(struct nettest *t, size_t i);
/* tcx links for what lacks them, once. -errno; t->failed is the id of one that failed. */
int nettest_try_links(struct nettest *t);
/* The same until they are all there: a link whose pin was removed is in the way for a while. */
void nettest_attach_links(struct nettest *t);

/* Runs a shell command: its exit status. */
PRINTF_LIKE(1, 2) int nettest_sh(const char *format, ...);
/* The same inside the VPC's namespace, /run/netns/<name>. */
PRINTF_LIKE(2, 3) int nettest_in(const char *netns, const char *format, ...);
/* Lines of output of a command. */
PRINTF_LIKE(1, 2) int nettest_lines(const char *format, ...);
/* Handles what is there for the event loop. */
void nettest_loop(struct nettest *t);
/* The same until the condition holds, for at most some seconds: the kernel tells of some things a while later. */
#define NETTEST_UNTIL(t, condition)                                                   \
	for (int tries_ = 0; tries_ == 0 || (tries_ < 500 && !(condition)); tries_++) \
	nettest_loop(t)
/* The report of net_verify; owned. */
json_t *nettest_verify(struct nettest *t, size_t n_ports);
/* Fails the test, printing it, unless the report is empty. */
void nettest_clean(struct nettest *t, size_t n_ports, const char *when);
unsigned nettest_count_fds(void);
/* For net_audit_each: counts in an int. */
void nettest_count(uint32_t vpc, void *userdata);

#endif
