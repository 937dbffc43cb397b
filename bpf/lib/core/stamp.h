/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a judgement still stand? This is the only place that says what a judgement of one side of a flow rests on: the
 * ENI's row, its set of groups, and the prefix lists that these name. Whatever changes one of them raises a generation
 * there: the epoch of the change.
 *
 *   gen_revoke  something that was allowed may be refused by now
 *   gen_any     anything changed
 *
 * stamp_take() reads the newest generations of a side, stamp_holds() compares them with the epoch of a judgement. Every
 * cache and every path uses this pair. Another thing to judge by (a route table) is added to stamp_take() and nowhere
 * else.
 *
 * The generation of a network ACL is gen_any of the ENIs in the subnets that use it. What is asked about each packet,
 * or is remembered of one (STAMP_PACKET, STAMP_SYN), so holds until the ACL changes. A flow (STAMP_ALLOWED) doesn't
 * rest on an ACL.
 */
#ifndef BPF_LIB_STAMP_H
#define BPF_LIB_STAMP_H

#include "lib/core/state.h"

/* The kinds of stored judgements. Each says until when it holds. */
enum stamp_kind {
	STAMP_ALLOWED, /* of a flow or a first fragment: holds until something is revoked from the side */
	STAMP_REFUSED, /* of a tombstone: holds until anything changes */
	STAMP_PACKET,  /* of a packet in the flow cache: holds as STAMP_ALLOWED does, and while the ENI's own row is
			* the same. So the ENI has the same set and the same addresses. */
	STAMP_SYN,     /* of a SYN in the SYN cache: holds as STAMP_PACKET does, and while the rules are the same. A
			* revocation with keep or drain raises gen_revoke only when the flows have their graces, and
			* no new flow may be opened until then. gen_any is raised at once. */
};

static __always_inline void stamp_raise(__u64 *newest, __u64 generation)
{
	if (generation > *newest)
		*newest = generation;
}

/* Returns the newest generation of the entries of all prefix lists. any: gen_any rather than gen_revoke. These
 * generations are not a list's own: they concern each set that names any list, so a change of an entry costs the same
 * however many sets do. Not inlined: its callers have no stack left on 6.1. */
static __noinline __u64 stamp_lists(__u32 any)
{
	__u32 zero = 0;
	struct vpc_ctl *c = bpf_map_lookup_elem(&ctl, &zero);

	if (!c)
		return ~0ull;
	return any ? READ_ONCE(c->lists_any) : READ_ONCE(c->lists_revoke);
}

/*
 * Raises `now` to the newest generations that a judgement of this kind depends on. e: the side's ENI. number: the set
 * that is in force for it, or that a cache stored. Returns 1, or 0 if there is no such set: no judgement holds then.
 *
 * The order of the reads doesn't matter. An ENI's gen_any is raised a grace period before its row is cleared, and a
 * cleared row has 0 in it.
 */
static __always_inline int stamp_take(struct stamp *now, enum stamp_kind kind, const struct vpc_eni *e, __u32 number)
{
	struct vpc_set *groups = bpf_map_lookup_elem(&set, &number);

	if (!groups)
		return 0;
	if (READ_ONCE(groups->lists)) {
		stamp_raise(&now->revoke, stamp_lists(0));
		if (kind == STAMP_REFUSED || kind == STAMP_SYN)
			stamp_raise(&now->rules, stamp_lists(1));
	}
	stamp_raise(&now->revoke, READ_ONCE(e->gen_revoke));
	stamp_raise(&now->revoke, READ_ONCE(groups->gen_revoke));
	if (kind != STAMP_ALLOWED)
		stamp_raise(&now->own, READ_ONCE(e->gen_any));
	if (kind == STAMP_REFUSED || kind == STAMP_SYN)
		stamp_raise(&now->rules, READ_ONCE(groups->gen_any));
	return 1;
}

/* Whether a judgement made at the epoch `judged` holds. noted: the epoch at which a cache stored it. STAMP_ALLOWED and
 * STAMP_REFUSED, which no cache stores, don't look at it. */
static __always_inline int stamp_holds(const struct stamp *now, enum stamp_kind kind, __u64 judged, __u64 noted)
{
	switch (kind) {
	case STAMP_ALLOWED:
		return now->revoke <= judged;
	case STAMP_REFUSED:
		return now->own <= judged && now->rules <= judged;
	case STAMP_PACKET: /* own - 1 is the largest number in a cleared row, of which nothing holds */
		return now->revoke <= judged && now->own - 1 < noted;
	case STAMP_SYN:
		return now->revoke <= judged && now->own - 1 < noted && now->rules <= noted;
	}
	return 0;
}

/* Whether what a cache stored of one side holds: the ENI has the same incarnation, and stamp_holds() says so. */
static __always_inline int stamp_cached_holds(enum stamp_kind kind, const struct stamp_side *side,
					      const struct vpc_eni *e, __u64 judged, __u64 noted)
{
	struct stamp now = {0};

	return stamp_take(&now, kind, e, side->set) && READ_ONCE(e->incarnation) == side->incarnation &&
	       stamp_holds(&now, kind, judged, noted);
}

/*
 * Loads ENI `number` at the epoch into side i, and raises the scratch's stamp. incarnation: the one that the ENI must
 * have; 0: any. owns: whether the ENI's groups count as the other side's peer. Returns PASS, AGAIN, or NOT_READY: the
 * ENI is another one or has no groups.
 */
static __always_inline int side_load(struct scratch *s, __u32 i, __u32 number, __u32 incarnation, __u32 owns)
{
	struct side *side = &s->side[i & 1];
	struct vpc_eni *e = eni_get(number);
	int in_force;

	side->eni = number;
	side->set = 0;
	side->member = 0;
	if (!e || e->vpc != s->vpc)
		return VPC_DROP_NOT_READY;
	side->incarnation = READ_ONCE(e->incarnation);
	if (incarnation && side->incarnation != incarnation)
		return VPC_DROP_NOT_READY;
	in_force = versioned_read(&e->set, s->epoch);
	if (in_force < 0)
		return AGAIN;
	/* STAMP_REFUSED and STAMP_ALLOWED are both compared later: the former reads all that the latter does */
	if (!in_force || !stamp_take(&s->stamp, STAMP_REFUSED, e, (__u32)in_force))
		return VPC_DROP_NOT_READY;
	side->set = (__u32)in_force;
	side->member = owns ? side->set : 0;
	return PASS;
}

/* Fills side i with the ENI of a peered VPC that has this word. Its groups count as the peer of the other side's rules.
 * Its own rules aren't asked. Returns PASS, AGAIN, or NOT_READY if the ENI is another by now or has no groups. */
static __always_inline int side_load_peer(struct scratch *s, __u32 i, __u32 word)
{
	__u32 number = word & VPC_NUMBER_MASK;
	struct side *side = &s->side[i & 1];
	struct vpc_eni *e = eni_get(number);
	int in_force;

	if (!e || e->vpc == s->vpc || VPC_PEER_WORD(number, READ_ONCE(e->incarnation)) != word)
		return VPC_DROP_NOT_READY;
	in_force = versioned_read(&e->set, s->epoch);
	if (in_force < 0)
		return AGAIN;
	if (!in_force || !stamp_take(&s->stamp, STAMP_REFUSED, e, (__u32)in_force))
		return VPC_DROP_NOT_READY;
	side->incarnation = word;
	side->member = (__u32)in_force;
	return PASS;
}

static __always_inline void sides_clear(struct scratch *s)
{
	__builtin_memset(s->side, 0, sizeof(s->side));
	__builtin_memset(&s->stamp, 0, sizeof(s->stamp));
	s->spare = 0;
}

#endif
