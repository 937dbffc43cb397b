/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The eBPF side of the datapath: programs and maps of one instance, and the rows in them.
 *
 *   maps_prepare   everything that can fail: rows, sets, addresses are written with birth epoch+1; nothing judges by
 *                    them yet. Undo with maps_undo.
 *   maps_publish   stores the epoch: from then on every packet is judged by the new state. Cannot fail.
 *   maps_retire    after a grace period: dead rows are deleted and their numbers may be used again.
 *
 * Keeps a mirror of the maps in memory (what is in the kernel, by key), so that nothing is read back on the way of a
 * change. One thread. Numbers whose grace period has not passed are not reused.
 */
#ifndef DATAPATH_TABLES_H
#define DATAPATH_TABLES_H

#include <jansson.h>
#include <vpc/limits.h>

#include "compiler/plan.h"

struct maps;
struct maps_change;

/* What is done with each flow; not 0 stops. */
typedef int (*maps_flow_fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established,
			    void *userdata);

struct maps_config {
	const char *pin_dir; /* "/sys/fs/bpf/vpcd/<instance>": made if missing; NULL: nothing is pinned (tests) */
	const struct vpc_limits *limits; /* as asked for; maps_limits() tells what memory allowed */
	uint64_t first_epoch;		 /* of a new ctl map; at least 1 */
	bool fixed_size;		 /* don't shrink to 5 % of memory (tests) */
	/* Sets of groups whose rules may take a new flow so many probes or more have a compiled table. 0: the default,
	 * MAPS_CLASSIFIER_FROM; 1: all sets (tests). */
	uint32_t compile_from;
};
/* With one probe less on both sides a new flow costs 3 to 5 µs; twice that if all of it waits for memory. */
#define MAPS_CLASSIFIER_FROM 64u

/* Loads the programs and makes the maps, or adopts those pinned under <pin_dir>/v<VPC_ABI_VERSION>/: half-done work is
 * cleared first (rows born after the epoch go, deaths after it are undone), then the mirror is read back. Mounts bpffs
 * on /sys/fs/bpf if nothing is. Errors: DatapathUnavailable. */
int maps_open(const struct maps_config *config, struct maps **ret, struct vpc_error *reterr);
/* Closes; what is pinned stays and goes on judging. */
void maps_close(struct maps *t);
DEFINE_CLEANUP(struct maps *, maps_close);
/* Whether maps_open found maps of an earlier run. */
bool maps_adopted(const struct maps *t);
const struct vpc_limits *maps_limits(const struct maps *t);
uint64_t maps_epoch(const struct maps *t);

/* Program descriptors, borrowed: for the ports. */
int maps_prog_from_workload(const struct maps *t);
int maps_prog_to_workload(const struct maps *t);
int maps_prog_from_router(const struct maps *t);
/* For net_fast_path_test. */
int maps_prog_fast_path_probe(const struct maps *t);

/* --- changing --- */

/* Uses the rows, enis, addrs and vpcs of the plan. Errors: ResourceLimitExceeded naming the table, its size and what
 * was asked for, before anything is touched; DatapathUnavailable. -EBUSY: a number it needs is not yet retired: retire
 * first and try again. On error nothing is left behind. ret is NULL when nothing changes for the programs. */
int maps_prepare(struct maps *t, const struct plan *plan, struct maps_change **ret, struct vpc_error *reterr);
/* Takes everything back; frees c. NULL is fine. */
void maps_undo(struct maps *t, struct maps_change *c);
/* The commit: returns the epoch now in force. c goes on living for maps_retire; NULL is fine and publishes nothing.
 * With plan.flows keep or drain, the flows that it would have cut have their grace then; that takes as long as reading
 * the flow tables twice. */
uint64_t maps_publish(struct maps *t, struct maps_change *c);
/* The epoch that a prepared change will be published at. */
uint64_t maps_change_epoch(const struct maps_change *c);
/* Whether flows still lack the grace that a published change promised, since an error came between: they aren't cut
 * until the next publish, which tries again. */
bool maps_sweep_pending(const struct maps *t);
/* After a start, before anything is published: a change with keep or drain may have been published by the run before,
 * and a kill have come before all was done that follows. Does that: a flow of which nothing was taken away since it was
 * judged, but for that change, gets its grace. until_ns: end of the drain, CLOCK_MONOTONIC. -ENOMEM, -errno of bpf():
 * it is pending. */
int maps_resume_sweep(struct maps *t, enum flows_mode flows, uint64_t until_ns);
/* Calls fn for each established flow that a prepared change would cut, or that a published one (not yet retired) has
 * cut. Looks at no flow where none can be. now_ns: CLOCK_MONOTONIC. fn returns not 0 to stop, which is returned.
 * Blocks. */
int maps_cut_flows(struct maps *t, const struct maps_change *c, uint64_t now_ns, maps_flow_fn fn, void *userdata);
/*
 * The same for a published change without keeping the event loop: read on another thread, step until it wants more
 * read, and so on to the end.
 */
struct maps_cutting;
/* *ret NULL: no established flow can be cut. before: the change is not retired until the end, so that what an earlier
 * change has cut isn't told again. -ENOMEM. */
int maps_cutting_new(const struct maps *t, const struct maps_change *c, bool before, struct maps_cutting **ret);
struct maps_cutting *maps_cutting_free(struct maps_cutting *x);
DEFINE_CLEANUP(struct maps_cutting *, maps_cutting_free);
/* About how many established flows there were when the change was published. */
uint64_t maps_established(const struct maps_change *c);
/* On any thread: not while a step is running. -errno of the kernel. */
int maps_cutting_read(struct maps_cutting *x);
#define MAPS_CUTTING_END  0 /* that was all */
#define MAPS_CUTTING_STEP 1 /* step again */
#define MAPS_CUTTING_READ 2 /* read again */
/* Takes some 100 µs. TABLES_CUTTING_…, or -errno of the kernel. fn returns 0. */
int maps_cutting_step(struct maps *t, struct maps_cutting *x, maps_flow_fn fn, void *userdata);
/* At the end, if the change isn't retired: flows whose grace it ended. */
int maps_cutting_last(struct maps *t, const struct maps_change *c, maps_flow_fn fn, void *userdata);
/* To be called when a grace period (maps_wait_grace_period, on a worker thread) has passed since publish; frees c. */
void maps_retire(struct maps *t, struct maps_change *c);
/* Blocks until every program that was running has ended (milliseconds). Any thread. */
int maps_wait_grace_period(void);

/* What turns the state in the kernel (as the mirror has it) into the whole state `all` (compile_all): a plan for
 * maps_prepare. Empty where they agree. */
int maps_diff(struct maps *t, const struct plan *all, struct plan *ret, struct vpc_error *reterr);
/* Reads the maps back from the kernel and compares them with the whole state: appends to report (a JSON array) one
 * {"what": "rule row", "object": id or description, "problem": "missing"|"unexpected"|"differs", "detail": text} each.
 */
int maps_verify(struct maps *t, const struct plan *all, json_t *report);

/* Forgets the mirror and reads it back from the kernel as a start does, after maps_verify found differences; missing
 * pins are made again. maps_diff then tells what to mend. -EBUSY: a change is not yet retired or swept.
 * DatapathUnavailable: the mirror may be half read; only maps_close and this are safe then. */
int maps_reread(struct maps *t, struct vpc_error *reterr);

/*
 * The rolling audit: what a row, key or pin that somebody changed by hand is found by while vpcd runs. Compares with
 * the mirror, so it needs nothing but the maps. Not between prepare and publish: it does nothing then.
 */
struct maps_audit;
struct maps_finding {
	const char *map;
	char detail[128]; /* in English */
};
int maps_audit_new(struct maps_audit **ret);
/* Returns NULL. NULL is fine. */
struct maps_audit *maps_audit_free(struct maps_audit *a);
/* How many items a pass over everything has, about. */
uint32_t maps_audit_size(const struct maps *t);
/* Looks at the next `most` items, about, and begins anew after the last. An item takes 0.1 to 1 µs. 1: *ret says what
 * the first difference is, and the next step begins anew; 0: none; -errno of bpf(). */
int maps_audit_step(const struct maps *t, struct maps_audit *a, uint32_t most, struct maps_finding *ret);
/* Makes pins of maps and programs again that are gone or lead to something else, with their folders and the mount.
 * Returns how many were made, or -errno. Takes about 2 µs a pin when all are right. */
int maps_pins_mend(struct maps *t);

/* --- reading --- */

struct eni_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t drops[VPC_DROP_REASONS_MAX];
};
int maps_eni_counters(struct maps *t, uint32_t eni, struct eni_counters *ret);
/* Zeroes the counters of a number that is given to a new ENI: done by maps_prepare itself. */

struct rule_counters {
	uint64_t packets, bytes, last_used_ns; /* CLOCK_BOOTTIME; 0: never */
};
/* Sum over the rows that stand for a rule now. -ENOENT: none. */
int maps_rule_counters(struct maps *t, uint32_t rule, struct rule_counters *ret);

/* Calls fn for every flow (eni 0: all). fn returns not 0 to stop, which is returned. Blocks. */
int maps_each_flow(struct maps *t, uint32_t eni, maps_flow_fn fn, void *userdata);

/*
 * Deleting flows that are idle past their timeout or of an ENI that is gone: read looks at no more than about `budget`
 * entries, going on where it stopped last time; step, again and again, deletes what of them is over. Borrows the
 * tables.
 */
struct maps_expiry;
int maps_expiry_new(const struct maps *t, uint32_t budget, struct maps_expiry **ret);
struct maps_expiry *maps_expiry_free(struct maps_expiry *x);
DEFINE_CLEANUP(struct maps_expiry *, maps_expiry_free);
/* Before a read: brings the shares of the VPCs up to date, and decides whether flows are ended early for being idle. */
void maps_expiry_plan(struct maps *t, struct maps_expiry *x, uint64_t now_ns);
/* Takes milliseconds, and runs on any thread while the tables are used: not while a step does. -errno: of the kernel.
 */
int maps_expiry_read(struct maps_expiry *x);
/* Takes some 100 µs at most. now_ns: CLOCK_MONOTONIC. Adds to *deleted. 1: there is more of what was read; 0: that was
 * all; -errno: of the kernel, and the rest of what was read is for the next time around. */
int maps_expiry_step(struct maps *t, struct maps_expiry *x, uint64_t now_ns, unsigned *deleted);

/* What a VPC has of the map of established flows. */
struct vpc_flows_count {
	int64_t established, half_open;
	int64_t guaranteed; /* may have in any case */
	int64_t room;	    /* may have now beside those */
};
void maps_vpc_flows(const struct maps *t, uint32_t vpc, struct vpc_flows_count *ret);

/* Events: the ring's epoll descriptor, and reading what is there. listen: VPC_LISTEN_… bits, 0 ends production. */
void maps_listen(struct maps *t, uint32_t bits);
int maps_events_fd(struct maps *t);
typedef void (*maps_event_fn)(const struct vpc_event *e, void *userdata);
int maps_events_read(struct maps *t, maps_event_fn fn, void *userdata);

/* Flags of an ENI's row that depend on its port (VPC_ENI_PEER_REDIRECT, VPC_ENI_TAP): set after the port was checked.
 */
void maps_eni_set_flags(struct maps *t, uint32_t eni, uint32_t set, uint32_t clear);

/* What the ports answer DHCP, DHCPv6 and router solicitations with, of the ENIs and VPCs of a plan: written after its
 * publishing, and at a start for the whole state. What is right stays as it is. */
void maps_address_config_apply(struct maps *t, const struct plan *plan);
/* As maps_verify. */
int maps_address_config_verify(struct maps *t, const struct plan *all, json_t *report);

/* How many classifiers (of a set and direction) have found no room in `classifier` or no memory: these sets' rules
 * are walked, which may take a new flow hundreds of microseconds. Tried again with the next change of such a set's
 * rules. */
uint32_t maps_walked(const struct maps *t);
/* {table: {"size": n, "used": n, "bytes": n}, …} for status; of `classifier` also "walked". NULL: out of memory. */
json_t *maps_status(struct maps *t);

/* Removes every pin of the instance, and the folder that pin_dir is in if no other instance has one there. The maps go
 * with their last user. */
int maps_purge(const char *pin_dir);

/* Takes over from other versions of the datapath (<pin_dir>/v<other ABI>), if there are any: until their tcx links are
 * off the ports, they judge, by rules that nobody changes any more. To be called when the ports' filters are this
 * version's, which then judge. Flows opened since maps_carry are carried over, and for 30 s TCP may be taken up
 * mid-stream (now_ns: CLOCK_MONOTONIC). Returns 0, or -errno: another version may still judge. */
int maps_take_over(struct maps *t, uint64_t now_ns);

/* Carries over the flows of the version before, if its maps are there. To be called when the rules and ENIs are in
 * force, before the ports get this version's programs. now_ns: CLOCK_MONOTONIC. Returns 0, or -errno: not all were
 * carried; UDP and ICMP flows then begin anew, TCP is taken up. */
int maps_carry(struct maps *t, uint64_t now_ns);

#endif
