/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do the groups of a set allow a packet? Groups are unions of allow rules, so the first visible row that matches ends
 * the search, and the order doesn't matter. Rules with addresses and groups as peers come first: by the rule walk
 * (walk.h), or by the set's classifier where the walk would be long. Rules with prefix lists as peers come last.
 */
#ifndef BPF_LIB_POLICY_H
#define BPF_LIB_POLICY_H

#include "lib/rules/lists.h"

/*
 * Judges the packet in the scratch's `policy` (set, peer_set, peer, dir, slot, port, family) at the scratch's epoch.
 * Returns the number of the row that allows it, with the row's rule in found_rule; 0: none does.
 */
__noinline int policy_allowed(__u32 which)
{
	struct scratch *s = scratch_get(which);
	struct policy_walk walk;
	struct vpc_set *peers;
	__u32 number;

	if (!s)
		return 0;
	walk.q = &s->policy;
	s->policy.epoch = s->epoch;
	s->policy.found = 0;
	s->policy.found_rule = 0;
	s->policy.peer_bloom = 0;
	s->policy.stage = 0;
	s->policy.bits = 0;
	s->policy.slot_bits = 0;
	s->policy.groups_at = 0;
	s->policy.n_peers = 0;
	number = s->policy.peer_set;
	peers = number ? bpf_map_lookup_elem(&set, &number) : 0;
	if (peers) {
		s->policy.peer_bloom = READ_ONCE(peers->bloom);
		s->policy.n_peers = READ_ONCE(peers->n);
	}
	if (classifier_begin(&s->policy))
		bpf_loop(CLASSIFIER_STEPS, classifier_step, &walk, 0);
	else
		bpf_loop(POLICY_STEPS, policy_step, &walk, 0);
	if (!s->policy.found && lists_begin(&s->policy))
		bpf_loop(LISTS_STEPS, lists_step, &walk, 0);
	return (int)s->policy.found;
}

#endif
