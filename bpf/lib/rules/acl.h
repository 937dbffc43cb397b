/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network ACLs (include/vpc/abi/acl.h): stateless, at the edge of a subnet. A packet's protocol and port lead to the
 * set of rules that name them, and its peer's address to the set of rules that name that. Each is a search down a tree
 * of blocks, as in classifier.h, of at most ACL_LEVELS blocks. The lowest rule that is in both sets decides.
 *
 * Only the slow path searches. The flow cache and the SYN cache store the verdict, and their entries end with the ACL's
 * generation (core/stamp.h). The TCP fast path leaves packets about which an ACL must be asked.
 */
#ifndef BPF_LIB_ACL_H
#define BPF_LIB_ACL_H

#include "lib/packet/parse.h"
#include "lib/rules/policy.h"

/* More levels than any list of an ACL has. */
#define ACL_LEVELS 16u

/* Whether any ACL of VPC s->vpc has a table. */
static __always_inline int acl_asked(const struct scratch *s)
{
	__u32 number = s->vpc;
	__u64 *tables = bpf_map_lookup_elem(&vpc_acls, &number);

	return tables && READ_ONCE(*tables);
}

static __always_inline struct vpc_classifier_block *acl_block_at(__u32 at)
{
	return bpf_map_lookup_elem(&acl_block, &at);
}

/* Searches one block. Returns enum step. */
static long acl_step(__u32 i, void *ctx)
{
	struct policy *q = ((struct policy_walk *)ctx)->q;
	struct vpc_classifier_block *block;

	(void)i;
	if (!q->levels)
		return STEP_OVER;
	block = acl_block_at(q->level_at + q->nth);
	if (!block)
		return STEP_OVER;
	q->levels--;
	if (q->levels) {
		classifier_down(q, block);
		return STEP_ON;
	}
	q->found = classifier_leaf(q, block);
	return STEP_OVER;
}

/* Returns the set of rules that the list has for the key in the scratch's policy, after classifier_search(). NULL: the
 * table is broken. sets: the block of the table's sets. */
static __always_inline struct vpc_acl_set *acl_search(struct policy *q, __u32 sets)
{
	struct policy_walk walk = {.q = q};
	struct vpc_classifier_block *block;

	q->found = VPC_ACL_SET_NONE;
	bpf_loop(ACL_LEVELS, acl_step, &walk, 0);
	block = acl_block_at(sets + (q->found >> 1));
	return block ? (struct vpc_acl_set *)block + (q->found & 1) : 0;
}

/* Fills the scratch's policy from the packet. dir: VPC_EGRESS: the peer is the destination; VPC_INGRESS: it is the
 * source. */
static __always_inline void acl_ask(struct policy *q, const struct packet *p, __u32 dir)
{
	const __be32 *peer = dir == VPC_EGRESS ? p->dst : p->src;

	q->family = p->family;
	q->slot = slot_of(p->family, p->proto);
	q->port = q->slot == VPC_SLOT_OTHER ? p->proto
		  : q->slot == VPC_SLOT_ICMP || q->slot == VPC_SLOT_ICMPV6
			  ? (__u16)((__u16)p->icmp_type << 8 | p->icmp_code)
			  : bpf_ntohs(p->dport);
	address_copy(q->peer, peer);
}

static __always_inline void acl_peer_key(struct policy *q)
{
	if (q->family == 4) {
		q->key[0] = bpf_ntohl(q->peer[3]);
		return;
	}
	q->key[0] = bpf_ntohl(q->peer[0]);
	q->key[1] = bpf_ntohl(q->peer[1]);
	q->key[2] = bpf_ntohl(q->peer[2]);
	q->key[3] = bpf_ntohl(q->peer[3]);
}

/* Whether the lowest of the rules that are in both sets is one of those that allow. */
static __always_inline int acl_first_allows(const struct vpc_acl_set *a, const struct vpc_acl_set *b,
					    const struct vpc_acl_set *allow)
{
	for (__u32 i = 0; i < 4; i++) {
		__u64 both = a->word[i] & b->word[i];

		if (both)
			return (both & -both & allow->word[i]) != 0;
	}
	return 0;
}

/* Whether the table at block `at` of ACL `number` allows the packet in the scratch. A broken table denies it. */
__noinline int acl_table_allows(__u32 which, __u32 at, __u32 number, __u32 dir)
{
	struct scratch *s = scratch_get(which);
	struct vpc_classifier_block *block = acl_block_at(at);
	struct vpc_acl_table *table = (struct vpc_acl_table *)block;
	struct vpc_acl_set *ports, *peers, *first;
	__u32 sets;

	if (!s || !table || table->acl != number || table->dir != dir)
		return 0;
	sets = at + table->sets;
	acl_ask(&s->policy, &s->packet, dir);
	s->policy.table = at;
	s->policy.key[0] = (__u32)s->policy.slot << 16 | s->policy.port;
	classifier_search(&s->policy, &table->ports, 1);
	ports = acl_search(&s->policy, sets);
	acl_peer_key(&s->policy);
	if (s->policy.family == 4)
		classifier_search(&s->policy, &table->peers4, 1);
	else
		classifier_search(&s->policy, &table->peers6, 4);
	peers = acl_search(&s->policy, sets);
	block = acl_block_at(sets);
	first = (struct vpc_acl_set *)block;
	return ports && peers && first && acl_first_allows(ports, peers, first + VPC_ACL_SET_ALLOW);
}

/* Asks the ACL of ENI `number`'s subnet about the packet in the scratch, which enters the subnet (VPC_INGRESS) or
 * leaves it. Returns PASS, AGAIN, or a reason with culprit set. */
__noinline int acl_of(__u32 which, __u32 number, __u32 dir)
{
	struct scratch *s = scratch_get(which);
	struct vpc_eni *e = eni_get(number);
	struct vpc_versioned *version;
	struct vpc_acl *of;
	__u32 subnet, n;
	int in_force;

	if (!s || !e)
		return VPC_DROP_NOT_READY;
	subnet = READ_ONCE(e->subnet);
	version = bpf_map_lookup_elem(&subnet_acl, &subnet);
	in_force = version ? versioned_read(version, s->epoch) : 0;
	if (in_force <= 0)
		return in_force ? AGAIN : PASS;
	n = (__u32)in_force;
	of = bpf_map_lookup_elem(&acl, &n);
	in_force = of ? versioned_read(&of->table[dir & 1], s->epoch) : 0;
	if (in_force <= 0)
		return in_force ? AGAIN : PASS;
	if (acl_table_allows(which, (__u32)in_force, n, dir & 1))
		return PASS;
	s->culprit = number;
	s->culprit_direction = dir;
	return dir == VPC_EGRESS ? VPC_DROP_ACL_EGRESS : VPC_DROP_ACL_INGRESS;
}

/* Asks the ACLs about the packet in the scratch, which goes from ENI `from` to ENI `to` of another subnet. to 0: it
 * leaves the VPC. No ACL is asked about packets within a subnet. Returns as acl_of() does. */
__noinline int acl_between(__u32 which, __u32 from, __u32 to)
{
	struct vpc_eni *sender = eni_get(from), *receiver = to ? eni_get(to) : 0;
	int rc;

	if (!sender)
		return VPC_DROP_NOT_READY;
	if (receiver && READ_ONCE(receiver->subnet) == READ_ONCE(sender->subnet))
		return PASS;
	rc = acl_of(which, from, VPC_EGRESS);
	return rc || !receiver ? rc : acl_of(which, to, VPC_INGRESS);
}

#endif
