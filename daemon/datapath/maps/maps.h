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
 * Beside this: flows/{flows,cut,expiry}.h, counters.h, shares.h, events.h, verify/audit.h, address_config.h,
 * store_mark.h.
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
	const char *pin_dir;		 /* "/sys/fs/bpf/vpcd/<instance>", made if it is missing; NULL: nothing is
					  * pinned */
	const struct vpc_limits *limits; /* the wanted limits; maps_limits() returns what memory allows */
	uint64_t first_epoch;		 /* of a new ctl map; at least 1 */
	/* The limits are shrunk until all maps together take at most this percentage of the machine's memory. 0: no
	 * bound. */
	unsigned memory_percent;
	/* A set of groups has a classifier if its rule walk may take a new flow this many probes or more; at least
	 * 1. */
	uint32_t classifier_from;
};
/* The default for classifier_from. With one probe less on both sides a new flow costs 3 to 5 µs; twice that if all of
 * it waits for memory. */
#define MAPS_CLASSIFIER_FROM 64u

/* Loads the programs, and makes the maps or adopts those pinned under <pin_dir>/v<VPC_ABI_VERSION>/. When it adopts
 * them, it clears half-done work (deletes rows born after the epoch, undoes deaths after it) and reads the mirror back.
 * Mounts a bpf filesystem on /sys/fs/bpf if there is none. The caller closes *ret. DatapathUnavailable. */
int maps_open(const struct maps_config *config, struct maps **ret, struct vpc_error *reterr);
/* Frees maps. What is pinned stays, and goes on judging. maps may be NULL. */
void maps_close(struct maps *maps);
DEFINE_CLEANUP(struct maps *, maps_close);
const struct vpc_limits *maps_limits(const struct maps *maps);
/* The epoch at which packets are judged. */
uint64_t maps_epoch(const struct maps *maps);

/* Descriptors of the programs for ports. They are borrowed. */
int maps_prog_from_workload(const struct maps *maps);
int maps_prog_to_workload(const struct maps *maps);
int maps_prog_from_router(const struct maps *maps);
/* The descriptor for net_fast_path_test, borrowed. */
int maps_prog_fast_path_probe(const struct maps *maps);
/* The descriptor, borrowed, of a program for uplinks and outer interfaces: "from_uplink", "from_vpc", "to_host",
 * "from_world"; "edge_probe" for net_edge_test. -ENOENT: there is no such program. */
int maps_prog_edge(const struct maps *maps, const char *name);

/* Sets and clears flags of an ENI's row that depend on its port (VPC_ENI_PEER_REDIRECT, VPC_ENI_TAP), after the port
 * was examined. */
void maps_eni_set_flags(struct maps *maps, uint32_t eni, uint32_t set, uint32_t clear);

/* Pins maps and programs again whose pins are gone or lead to something else, with their folders and the mount. Returns
 * how many there were, or -errno. Takes about 2 µs per pin when all are right. */
int maps_pins_mend(struct maps *maps);
/* Removes every pin of the instance, and the folder above pin_dir if no other instance has pins there. The maps are
 * freed with their last user. -errno. */
int maps_purge(const char *pin_dir);

/* --- an upgrade to another ABI ------------------------------------------------------------------------------------ */

/* Copies the flows of the version before, if its maps are there. It must be called when rules and ENIs are in force,
 * and before the ports get this version's programs. now_ns: CLOCK_MONOTONIC, also below. -errno: not all were copied;
 * UDP and ICMP flows start anew then, and TCP flows are picked up. */
int maps_carry(struct maps *maps, uint64_t now_ns);
/* Removes the pins of other versions of the datapath. Until their tcx links are off the ports they judge, by rules that
 * nobody changes any more. It must be called when the ports' filters are this version's, which judge from then on.
 * Copies the flows that were opened since maps_carry, and lets TCP flows be picked up mid-stream for 30 s. -errno:
 * another version may still judge. */
int maps_take_over(struct maps *maps, uint64_t now_ns);

/* --- changing ----------------------------------------------------------------------------------------------------- */

/* Writes what the plan changes, to count at the next epoch. *ret NULL: nothing changes for the programs. On an error
 * nothing is left behind. ResourceLimitExceeded names the map, its size and what was needed, before anything is
 * written. DatapathUnavailable. -EBUSY: retire earlier changes first, then try again. */
int maps_prepare(struct maps *maps, const struct plan *plan, struct maps_change **ret, struct vpc_error *reterr);
/* Undoes a prepared change, and frees c. c may be NULL. */
void maps_undo(struct maps *maps, struct maps_change *c);
/* Commits a prepared change, and returns the epoch that is in force then. c is still needed for maps_retire. c NULL
 * publishes nothing. With plan.flows keep or drain, the flows that the change would have cut have their grace on
 * return; that takes as long as reading all flows twice. */
uint64_t maps_publish(struct maps *maps, struct maps_change *c);
/* The epoch at which a prepared change will be published. */
uint64_t maps_change_epoch(const struct maps_change *c);
/* Whether an error kept flows from getting the grace that a published change promised. They aren't cut until the next
 * publish, which tries again. */
bool maps_sweep_pending(const struct maps *maps);
/* To be called after a start, before anything is published, if the last change had keep or drain: the run before may
 * have been killed before all flows had their grace. Gives it to the flows from which only that change revoked
 * something. until_ns: end of the drain, CLOCK_MONOTONIC. -ENOMEM, -errno of bpf(): it is still pending. */
int maps_resume_sweep(struct maps *maps, enum flows_mode flows, uint64_t until_ns);
/* Blocks until every program that was running has ended, for some milliseconds. Any thread may call it. -errno of the
 * kernel. */
int maps_wait_grace_period(void);
/* Deletes what is dead, and frees c. It must be called when a grace period has passed since publish. c may be NULL.
 * While another change is prepared, the retirement is postponed until that one ends. */
void maps_retire(struct maps *maps, struct maps_change *c);

/* --- comparing ---------------------------------------------------------------------------------------------------- */

/* Computes the plan that turns what the mirror says into the whole state `all` (compile_all). It is empty if they
 * agree. It is for maps_prepare; the caller frees it with plan_clear. */
int maps_diff(struct maps *maps, const struct plan *all, struct plan *ret, struct vpc_error *reterr);
/* Reads the maps back from the kernel and compares them with the whole state. Appends {"what": "rule row", "object": id
 * or description, "problem": "missing"|"unexpected"|"differs", "detail": text} to report for each difference. -ENOMEM,
 * -errno of bpf(). */
int maps_verify(struct maps *maps, const struct plan *all, json_t *report);
/* Forgets the mirror and reads it back as a start does, after maps_verify found differences, and pins what is not
 * pinned. maps_diff then returns what to mend. -EBUSY: a change is not retired yet, or its graces are pending.
 * DatapathUnavailable: the mirror may be half read; only maps_close and this function may be called then. */
int maps_reread(struct maps *maps, struct vpc_error *reterr);

#endif
