/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_totals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct entry {
	struct flow_total total;
	UT_hash_handle hh;
};

struct observed {
	uint32_t vpc;
	uint64_t since_ns;
	uint64_t lost_ns; /* when packets of it were last lost */
	size_t n;	  /* entries */
	UT_hash_handle hh;
};

struct flow_totals {
	struct entry *entries;
	struct observed *vpcs;
	size_t max;
	struct entry *cursor; /* whose flow is looked for next; NULL: the first */
	uint64_t refused;
};

int flow_totals_new(size_t max, struct flow_totals **ret)
{
	struct flow_totals *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->max = max;
	*ret = t;
	return 0;
}

static struct observed *find_vpc(const struct flow_totals *t, uint32_t vpc)
{
	struct observed *o;

	HASH_FIND(hh, t->vpcs, &vpc, sizeof(vpc), o);
	return o;
}

static struct entry *find(const struct flow_totals *t, const struct vpc_flow_count_key *key)
{
	struct entry *e;

	HASH_FIND(hh, t->entries, key, sizeof(*key), e);
	return e;
}

static void forget(struct flow_totals *t, struct entry *e)
{
	struct observed *o = find_vpc(t, e->total.vpc);

	if (o)
		o->n--;
	if (t->cursor == e)
		t->cursor = e->hh.next;
	HASH_DEL(t->entries, e);
	free(e);
}

struct flow_totals *flow_totals_free(struct flow_totals *t)
{
	struct observed *o, *next;

	if (!t)
		return NULL;
	HASH_ITER (hh, t->vpcs, o, next)
		flow_totals_end(t, o->vpc);
	free(t);
	return NULL;
}

int flow_totals_begin(struct flow_totals *t, uint32_t vpc, uint64_t now_ns)
{
	struct observed *o = find_vpc(t, vpc);

	if (o)
		return 0;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->vpc = vpc;
	o->since_ns = now_ns;
	HASH_ADD(hh, t->vpcs, vpc, sizeof(o->vpc), o);
	if (o->hh.tbl)
		return 0;
	free(o);
	return -ENOMEM;
}

void flow_totals_end(struct flow_totals *t, uint32_t vpc)
{
	struct observed *o = find_vpc(t, vpc);
	struct entry *e, *next;

	if (!o)
		return;
	HASH_ITER (hh, t->entries, e, next)
		if (e->total.vpc == vpc)
			forget(t, e);
	HASH_DEL(t->vpcs, o);
	free(o);
}

bool flow_totals_observes(const struct flow_totals *t, uint32_t vpc)
{
	return find_vpc(t, vpc) != NULL;
}

static struct entry *add_entry(struct flow_totals *t, struct observed *o, const struct flow_total *what)
{
	struct entry *e =
		o->n < t->max / HASH_COUNT(t->vpcs) && HASH_COUNT(t->entries) < t->max ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return NULL;
	e->total.key = what->key;
	e->total.vpc = what->vpc;
	e->total.created_ns = what->created_ns;
	HASH_ADD(hh, t->entries, total.key, sizeof(e->total.key), e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	o->n++;
	return e;
}

void flow_totals_add(struct flow_totals *t, const struct flow_total *what, uint64_t now_ns)
{
	struct observed *o = find_vpc(t, what->vpc);
	struct entry *e = find(t, &what->key);

	if (!o || !what->packets)
		return;
	/* The number of the device was another VPC's. */
	if (e && e->total.vpc != what->vpc) {
		forget(t, e);
		e = NULL;
	}
	if (!e)
		e = add_entry(t, o, what);
	if (!e) {
		t->refused++;
		o->lost_ns = now_ns;
		return;
	}
	if (e->total.created_ns != what->created_ns) {
		e->total.created_ns = what->created_ns;
		e->total.packets = e->total.bytes = 0;
	}
	e->total.packets += what->packets;
	e->total.bytes += what->bytes;
}

void flow_totals_lost(struct flow_totals *t, uint32_t vpc, uint64_t now_ns)
{
	struct observed *o, *next;

	HASH_ITER (hh, t->vpcs, o, next)
		if (!vpc || o->vpc == vpc)
			o->lost_ns = now_ns;
}

/* The entry of what a side of the flow has sent, side 0 being the opener. */
static const struct entry *find_side(const struct flow_totals *t, const struct vpc_flow_key *key,
				     const struct vpc_flow *flow, unsigned side)
{
	unsigned from = side == 0 ? flow->opener & 1 : !(flow->opener & 1);
	struct vpc_flow_count_key k = {
		.ifindex = flow->eni[side] ? flow->eni[side] : VPC_UPLINK_FIRST + key->vpc,
		.sport = key->port[from],
		.dport = key->port[!from],
		.proto = key->proto,
	};
	const struct entry *e;

	memcpy(k.src, key->addr[from], sizeof(k.src));
	memcpy(k.dst, key->addr[!from], sizeof(k.dst));
	e = find(t, &k);
	return e && e->total.vpc == key->vpc && e->total.created_ns == flow->created_ns ? e : NULL;
}

struct flow_counts flow_totals_of(const struct flow_totals *t, const struct vpc_flow_key *key,
				  const struct vpc_flow *flow)
{
	const struct observed *o = find_vpc(t, key->vpc);
	const struct entry *sent = o ? find_side(t, key, flow, 0) : NULL,
			   *received = o ? find_side(t, key, flow, 1) : NULL;
	struct flow_counts c = {.known = sent || received};

	if (!c.known)
		return c;
	c.complete = flow->created_ns > o->since_ns && flow->created_ns > o->lost_ns;
	if (sent) {
		c.packets_sent = sent->total.packets;
		c.bytes_sent = sent->total.bytes;
	}
	if (received) {
		c.packets_received = received->total.packets;
		c.bytes_received = received->total.bytes;
	}
	return c;
}

size_t flow_totals_next(struct flow_totals *t, struct flow_total *ret, size_t n)
{
	size_t most = n < HASH_COUNT(t->entries) ? n : HASH_COUNT(t->entries), i;

	for (i = 0; i < most; i++) {
		struct entry *e = t->cursor ? t->cursor : t->entries;

		ret[i] = e->total;
		t->cursor = e->hh.next;
	}
	return i;
}

void flow_totals_gone(struct flow_totals *t, const struct flow_total *copy)
{
	struct entry *e = find(t, &copy->key);

	if (e && e->total.vpc == copy->vpc && e->total.created_ns == copy->created_ns)
		forget(t, e);
}

size_t flow_totals_count(const struct flow_totals *t)
{
	return HASH_COUNT(t->entries);
}

uint64_t flow_totals_refused(const struct flow_totals *t)
{
	return t->refused;
}
