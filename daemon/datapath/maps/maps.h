/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The eBPF side of the datapath: the programs and maps of one instance, and the rows in them.
 *
 *   maps_prepare   all that can fail: writes rows, sets and addresses that are born at epoch + 1. No packet is judged
 * by them yet. maps_undo takes it back. maps_publish   stores the epoch: every packet from then on is judged by the new
 * state. Can't fail. maps_retire    after a grace period: deletes the dead rows, whose numbers may be used again then.
 *
 * A mirror in memory says what is in the maps, so a change reads nothing back. Everything here is for one thread, but
 * where it says otherwise.
 *
 * Beside this: flows/{flows,cut,expiry}.h, counters.h, shares.h, events.h, audit.h, address_config.h, store_mark.h.
 */
#ifndef DATAPATH_MAPS_H
#define DATAPATH_MAPS_H

#include <jansson.h>

#include <vpc/cleanup.h>
#include <vpc/limits.h>

#include "compiler/plan.h"

struct maps;
struct maps_change;

/* --- opening and closing ------------------------------------------------------------------------------------------ */

struct maps_config {
	const char *pin_dir;		 /* "/sys/fs/bpf/vpcd/<instance>": made if missing; NULL: nothing is pinned */
	const struct vpc_limits *limits; /* as asked for; maps_limits() tells what memory allows */
	uint64_t first_epoch;		 /* of a new ctl map; at least 1 */
	/* The limits are shrunk until all maps together take at most this part of the machine's memory. 0: no bound. */
	unsigned memory_percent;
	/* A set of groups has a classifier where its rule walk may take a new flow so many probes or more; at least 1.
	 */
	uint32_t classifier_from;
};
/* The default for classifier_from. With one probe less on both sides a new flow costs 3 to 5 µs; twice that if all of
 * it waits for memory. */
#define MAPS_CLASSIFIER_FROM 64u

/* Loads the programs and makes the maps, or adopts those pinned under <pin_dir>/v<VPC_ABI_VERSION>/: clears half-done
 * work (rows born after the epoch go, deaths after it are undone), then reads the mirror back. Mounts a bpf filesystem
 * on /sys/fs/bpf if there is none. DatapathUnavailable. */
int maps_open(const struct maps_config *config, struct maps **ret, struct vpc_error *reterr);
/* Closes; what is pinned stays and goes on judging. NULL is fine. */
void maps_close(struct maps *maps);
DEFINE_CLEANUP(struct maps *, maps_close);
const struct vpc_limits *maps_limits(const struct maps *maps);
/* The epoch that packets are judged at. */
uint64_t maps_epoch(const struct maps *maps);

/* Program descriptors, borrowed: for the ports. */
int maps_prog_from_workload(const struct maps *maps);
int maps_prog_to_workload(const struct maps *maps);
int maps_prog_from_router(const struct maps *maps);
/* For net_fast_path_test. */
int maps_prog_fast_path_probe(const struct maps *maps);
/* For uplinks and outer interfaces, by name: "from_uplink", "from_vpc", "to_host", "from_world"; "edge_probe" for
 * net_edge_test. -ENOENT: there is no such program. */
int maps_prog_edge(const struct maps *maps, const char *name);

/* Flags in an ENI's row that depend on its port (VPC_ENI_PEER_REDIRECT, VPC_ENI_TAP): after the port was checked. */
void maps_eni_set_flags(struct maps *maps, uint32_t eni, uint32_t set, uint32_t clear);

/* Pins maps and programs again whose pins are gone or lead to something else, with their folders and the mount. Returns
 * how many there were, or -errno. Takes about 2 µs a pin when all are right. */
int maps_pins_mend(struct maps *maps);
/* Removes every pin of the instance, and the folder that pin_dir is in if no other instance has one there. The maps go
 * with their last user. -errno. */
int maps_purge(const char *pin_dir);

/* --- an upgrade to another ABI ------------------------------------------------------------------------------------ */

/* Copies the flows of the version before, if its maps are there: once rules and ENIs are in force, and before the ports
 * get this version's programs. now_ns: CLOCK_MONOTONIC, also below. -errno: not all were copied; UDP and ICMP flows
 * then begin anew, TCP is taken up. */
int maps_carry(struct maps *maps, uint64_t now_ns);
/* Removes the pins of other versions of the datapath: until their tcx links are off the ports, they judge, by rules
 * that nobody changes any more. To be called when the ports' filters are this version's, which then judge. Copies the
 * flows that were opened since maps_carry, and for 30 s TCP may be taken up in mid-stream. -errno: another version may
 * still judge. */
int maps_take_over(struct maps *maps, uint64_t now_ns);

/* --- changing ----------------------------------------------------------------------------------------------------- */

/* Uses the rows, enis, addrs and vpcs of the plan. *ret NULL: nothing changes for the programs. On an error nothing is
 * left behind. ResourceLimitExceeded names the map, its size and what was asked for, before anything is written;
 * DatapathUnavailable; -EBUSY: retire the changes before it first, then try again. */
int maps_prepare(struct maps *maps, const struct plan *plan, struct maps_change **ret, struct vpc_error *reterr);
/* Takes everything back; frees c. NULL is fine. */
void maps_undo(struct maps *maps, struct maps_change *c);
/* The commit: returns the epoch that is in force then. c is needed for maps_retire; NULL is fine and publishes nothing.
 * With plan.flows keep or drain, the flows that it would have cut have their grace then; that takes as long as reading
 * all flows twice. */
uint64_t maps_publish(struct maps *maps, struct maps_change *c);
/* The epoch that a prepared change will be published at. */
uint64_t maps_change_epoch(const struct maps_change *c);
/* Whether an error kept flows from getting the grace that a published change promised: they aren't cut until the next
 * publish, which tries again. */
bool maps_sweep_pending(const struct maps *maps);
/* After a start, before anything is published, if the last change had keep or drain: the run before may have been
 * killed before all flows had their grace. Gives it to the flows that nothing was taken from but by that change.
 * until_ns: end of the drain, CLOCK_MONOTONIC. -ENOMEM, -errno of bpf(): it is pending. */
int maps_resume_sweep(struct maps *maps, enum flows_mode flows, uint64_t until_ns);
/* Blocks until every program that was running has ended: milliseconds. Any thread. -errno of the kernel. */
int maps_wait_grace_period(void);
/* When a grace period has passed since publish: deletes what is dead; frees c. NULL is fine. While another change is
 * prepared it waits for that one's end. */
void maps_retire(struct maps *maps, struct maps_change *c);

/* --- comparing ---------------------------------------------------------------------------------------------------- */

/* The plan that turns what the mirror says into the whole state `all` (compile_all); empty where they agree. For
 * maps_prepare; plan_clear it. */
int maps_diff(struct maps *maps, const struct plan *all, struct plan *ret, struct vpc_error *reterr);
/* Reads the maps back from the kernel and compares them with the whole state. Appends {"what": "rule row", "object": id
 * or description, "problem": "missing"|"unexpected"|"differs", "detail": text} to report for each difference. -ENOMEM,
 * -errno of bpf(). */
int maps_verify(struct maps *maps, const struct plan *all, json_t *report);
/* Forgets the mirror and reads it back as a start does, after maps_verify found differences; pins again what is not
 * pinned. maps_diff then tells what to mend. -EBUSY: a change is not retired yet, or its graces are pending.
 * DatapathUnavailable: the mirror may be half read; only maps_close and this are safe then. */
int maps_reread(struct maps *maps, struct vpc_error *reterr);

#endif
