/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The eBPF side of the datapath: programs and maps of one instance, and the rows in them.
 *
 *   tables_prepare   everything that can fail: rows, sets, addresses are written with birth epoch+1; nothing judges by
 *                    them yet. Undo with tables_undo.
 *   tables_publish   stores the epoch: from then on every packet is judged by the new state. Cannot fail.
 *   tables_retire    after a grace period: dead rows are deleted and their numbers may be used again.
 *
 * Keeps a mirror of the maps in memory (what is in the kernel, by key), so that nothing is read back on the way of a
 * change. One thread. Numbers whose grace period has not passed are not reused.
 */
#ifndef DATAPATH_TABLES_H
#define DATAPATH_TABLES_H

#include <jansson.h>
#include <vpc/limits.h>

#include "compiler/plan.h"

struct tables;
struct tables_change;

/* What is done with each flow; not 0 stops. */
typedef int (*tables_flow_fn)(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established,
			      void *userdata);

struct tables_config {
	const char *pin_dir; /* "/sys/fs/bpf/vpcd/<instance>": made if missing; NULL: nothing is pinned (tests) */
	const struct vpc_limits *limits; /* as asked for; tables_limits() tells what memory allowed */
	uint64_t first_epoch;		 /* of a new ctl map; at least 1 */
	bool fixed_size;		 /* don't shrink to 5 % of memory (tests) */
	/* Sets of groups whose rules may take a new flow so many probes or more have a compiled table. 0: the default,
	 * TABLES_COMPILE_FROM; 1: all sets (tests). */
	uint32_t compile_from;
};
/* With one probe less on both sides a new flow costs 3 to 5 µs; twice that if all of it waits for memory. */
#define TABLES_COMPILE_FROM 64u

/* Loads the programs and makes the maps, or adopts those pinned under <pin_dir>/v<VPC_ABI_VERSION>/: half-done work is
 * cleared first (rows born after the epoch go, deaths after it are undone), then the mirror is read back. Mounts bpffs
 * on /sys/fs/bpf if nothing is. Errors: DatapathUnavailable. */
int tables_open(const struct tables_config *config, struct tables **ret, struct vpc_error *reterr);
/* Closes; what is pinned stays and goes on judging. */
void tables_close(struct tables *t);
DEFINE_CLEANUP(struct tables *, tables_close);
/* Whether tables_open found maps of an earlier run. */
bool tables_adopted(const struct tables *t);
const struct vpc_limits *tables_limits(const struct tables *t);
uint64_t tables_epoch(const struct tables *t);

/* Program descriptors, borrowed: for the ports. */
int tables_prog_from_workload(const struct tables *t);
int tables_prog_to_workload(const struct tables *t);
int tables_prog_from_router(const struct tables *t);
/* For net_fast_path_test. */
int tables_prog_fast_path_probe(const struct tables *t);

/* --- changing --- */

/* Uses the rows, enis, addrs and vpcs of the plan. Errors: ResourceLimitExceeded naming the table, its size and what
 * was asked for, before anything is touched; DatapathUnavailable. -EBUSY: a number it needs is not yet retired: retire
 * first and try again. On error nothing is left behind. ret is NULL when nothing changes for the programs. */
int tables_prepare(struct tables *t, const struct plan *plan, struct tables_change **ret, struct vpc_error *reterr);
/* Takes everything back; frees c. NULL is fine. */
void tables_undo(struct tables *t, struct tables_change *c);
/* The commit: returns the epoch now in force. c goes on living for tables_retire; NULL is fine and publishes nothing.
 * With plan.flows keep or drain, the flows that it would have cut have their grace then; that takes as long as reading
 * the flow tables twice. */
uint64_t tables_publish(struct tables *t, struct tables_change *c);
/* The epoch that a prepared change will be published at. */
uint64_t tables_change_epoch(const struct tables_change *c);
/* Whether flows still lack the grace that a published change promised, since an error came between: they aren't cut
 * until the next publish, which tries again. */
bool tables_sweep_pending(const struct tables *t);
/* After a start, before anything is published: a change with keep or drain may have been published by the run before,
 * and a kill have come before all was done that follows. Does that: a flow of which nothing was taken away since it was
 * judged, but for that change, gets its grace. until_ns: end of the drain, CLOCK_MONOTONIC. -ENOMEM, -errno of bpf():
 * it is pending. */
int tables_resume_sweep(struct tables *t, enum flows_mode flows, uint64_t until_ns);
/* Calls fn for each established flow that a prepared change would cut, or that a published one (not yet retired) has
 * cut. Looks at no flow where none can be. now_ns: CLOCK_MONOTONIC. fn returns not 0 to stop, which is returned.
 * Blocks. */
int tables_cut_flows(struct tables *t, const struct tables_change *c, uint64_t now_ns, tables_flow_fn fn,
		     void *userdata);
/*
 * The same for a published change without keeping the event loop: read on another thread, step until it wants more
 * read, and so on to the end.
 */
struct tables_cutting;
/* *ret NULL: no established flow can be cut. before: the change is not retired until the end, so that what an earlier
 * change has cut isn't told again. -ENOMEM. */
int tables_cutting_new(const struct tables *t, const struct tables_change *c, bool before, struct tables_cutting **ret);
struct tables_cutting *tables_cutting_free(struct tables_cutting *x);
DEFINE_CLEANUP(struct tables_cutting *, tables_cutting_free);
/* About how many established flows there were when the change was published. */
uint64_t tables_established(const struct tables_change *c);
/* On any thread: not while a step is running. -errno of the kernel. */
int tables_cutting_read(struct tables_cutting *x);
#define TABLES_CUTTING_END  0 /* that was all */
#define TABLES_CUTTING_STEP 1 /* step again */
#define TABLES_CUTTING_READ 2 /* read again */
/* Takes some 100 µs. TABLES_CUTTING_…, or -errno of the kernel. fn returns 0. */
int tables_cutting_step(struct tables *t, struct tables_cutting *x, tables_flow_fn fn, void *userdata);
/* At the end, if the change isn't retired: flows whose grace it ended. */
int tables_cutting_last(struct tables *t, const struct tables_change *c, tables_flow_fn fn, void *userdata);
/* To be called when a grace period (tables_wait_grace_period, on a worker thread) has passed since publish; frees c. */
void tables_retire(struct tables *t, struct tables_change *c);
/* Blocks until every program that was running has ended (milliseconds). Any thread. */
int tables_wait_grace_period(void);

/* What turns the state in the kernel (as the mirror has it) into the whole state `all` (compile_all): a plan for
 * tables_prepare. Empty where they agree. */
int tables_diff(struct tables *t, const struct plan *all, struct plan *ret, struct vpc_error *reterr);
/* Reads the maps back from the kernel and compares them with the whole state: appends to report (a JSON array) one
 * {"what": "rule row", "object": id or description, "problem": "missing"|"unexpected"|"differs", "detail": text} each.
 */
int tables_verify(struct tables *t, const struct plan *all, json_t *report);

/* Forgets the mirror and reads it back from the kernel as a start does, after tables_verify found differences; missing
 * pins are made again. tables_diff then tells what to mend. -EBUSY: a change is not yet retired or swept.
 * DatapathUnavailable: the mirror may be half read; only tables_close and this are safe then. */
int tables_reread(struct tables *t, struct vpc_error *reterr);

/*
 * The rolling audit: what a row, key or pin that somebody changed by hand is found by while vpcd runs. Compares with
 * the mirror, so it needs nothing but the maps. Not between prepare and publish: it does nothing then.
 */
struct tables_audit;
struct tables_finding {
	const char *map;
	char detail[128]; /* in English */
};
int tables_audit_new(struct tables_audit **ret);
/* Returns NULL. NULL is fine. */
struct tables_audit *tables_audit_free(struct tables_audit *a);
/* How many items a pass over everything has, about. */
uint32_t tables_audit_size(const struct tables *t);
/* Looks at the next `most` items, about, and begins anew after the last. An item takes 0.1 to 1 µs. 1: *ret says what
 * the first difference is, and the next step begins anew; 0: none; -errno of bpf(). */
int tables_audit_step(const struct tables *t, struct tables_audit *a, uint32_t most, struct tables_finding *ret);
/* Makes pins of maps and programs again that are gone or lead to something else, with their folders and the mount.
 * Returns how many were made, or -errno. Takes about 2 µs a pin when all are right. */
int tables_pins_mend(struct tables *t);

/* --- reading --- */

struct eni_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t drops[VPC_DROP_REASONS_MAX];
};
int tables_eni_counters(struct tables *t, uint32_t eni, struct eni_counters *ret);
/* Zeroes the counters of a number that is given to a new ENI: done by tables_prepare itself. */

struct rule_counters {
	uint64_t packets, bytes, last_used_ns; /* CLOCK_BOOTTIME; 0: never */
};
/* Sum over the rows that stand for a rule now. -ENOENT: none. */
int tables_rule_counters(struct tables *t, uint32_t rule, struct rule_counters *ret);

/* Calls fn for every flow (eni 0: all). fn returns not 0 to stop, which is returned. Blocks. */
int tables_each_flow(struct tables *t, uint32_t eni, tables_flow_fn fn, void *userdata);

/*
 * Deleting flows that are idle past their timeout or of an ENI that is gone: read looks at no more than about `budget`
 * entries, going on where it stopped last time; step, again and again, deletes what of them is over. Borrows the
 * tables.
 */
struct tables_expiry;
int tables_expiry_new(const struct tables *t, uint32_t budget, struct tables_expiry **ret);
struct tables_expiry *tables_expiry_free(struct tables_expiry *x);
DEFINE_CLEANUP(struct tables_expiry *, tables_expiry_free);
/* Before a read: brings the shares of the VPCs up to date, and decides whether flows are ended early for being idle. */
void tables_expiry_plan(struct tables *t, struct tables_expiry *x, uint64_t now_ns);
/* Takes milliseconds, and runs on any thread while the tables are used: not while a step does. -errno: of the kernel.
 */
int tables_expiry_read(struct tables_expiry *x);
/* Takes some 100 µs at most. now_ns: CLOCK_MONOTONIC. Adds to *deleted. 1: there is more of what was read; 0: that was
 * all; -errno: of the kernel, and the rest of what was read is for the next time around. */
int tables_expiry_step(struct tables *t, struct tables_expiry *x, uint64_t now_ns, unsigned *deleted);

/* What a VPC has of the map of established flows. */
struct vpc_flows_count {
	int64_t established, half_open;
	int64_t guaranteed; /* may have in any case */
	int64_t room;	    /* may have now beside those */
};
void tables_vpc_flows(const struct tables *t, uint32_t vpc, struct vpc_flows_count *ret);

/* Events: the ring's epoll descriptor, and reading what is there. listen: VPC_LISTEN_… bits, 0 ends production. */
void tables_listen(struct tables *t, uint32_t bits);
int tables_events_fd(struct tables *t);
typedef void (*tables_event_fn)(const struct vpc_event *e, void *userdata);
int tables_events_read(struct tables *t, tables_event_fn fn, void *userdata);

/* Flags of an ENI's row that depend on its port (VPC_ENI_PEER_REDIRECT, VPC_ENI_TAP): set after the port was checked.
 */
void tables_eni_set_flags(struct tables *t, uint32_t eni, uint32_t set, uint32_t clear);

/* What the ports answer DHCP, DHCPv6 and router solicitations with, of the ENIs and VPCs of a plan: written after its
 * publishing, and at a start for the whole state. What is right stays as it is. */
void tables_boot_apply(struct tables *t, const struct plan *plan);
/* As tables_verify. */
int tables_boot_verify(struct tables *t, const struct plan *all, json_t *report);

/* How many compiled tables (of a set and direction) have found no room in `compiled` or no memory: these sets' rules
 * are walked, which may take a new flow hundreds of microseconds. Tried again with the next change of such a set's
 * rules. */
uint32_t tables_walked(const struct tables *t);
/* {table: {"size": n, "used": n, "bytes": n}, …} for status; of `compiled` also "walked". NULL: out of memory. */
json_t *tables_status(struct tables *t);

/* Removes every pin of the instance, and the folder that pin_dir is in if no other instance has one there. The maps go
 * with their last user. */
int tables_purge(const char *pin_dir);

/* Takes over from other versions of the datapath (<pin_dir>/v<other ABI>), if there are any: until their tcx links are
 * off the ports, they judge, by rules that nobody changes any more. To be called when the ports' filters are this
 * version's, which then judge. Flows opened since tables_carry are carried over, and for 30 s TCP may be taken up
 * mid-stream (now_ns: CLOCK_MONOTONIC). Returns 0, or -errno: another version may still judge. */
int tables_take_over(struct tables *t, uint64_t now_ns);

/* Carries over the flows of the version before, if its maps are there. To be called when the rules and ENIs are in
 * force, before the ports get this version's programs. now_ns: CLOCK_MONOTONIC. Returns 0, or -errno: not all were
 * carried; UDP and ICMP flows then begin anew, TCP is taken up. */
int tables_carry(struct tables *t, uint64_t now_ns);

#endif
