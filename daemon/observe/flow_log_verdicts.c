/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_log_verdicts.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A flow is remembered for so many readings after its last packet. */
#define READINGS_KEPT 3

struct known {
	struct flow_log_tuple tuple; /* for a flow from its opener to its responder */
	struct flow_log_rules rules;
	bool opened;
	/* By the source's side (VPC_EGRESS), by the destination's. */
	struct flow_log_amount dropped[2]; /* told since the last reading was split */
	struct flow_log_amount early[2];   /* told before, of packets that this reading may have counted */
	struct flow_log_amount taken[2];   /* of both, from what this reading has counted */
	uint32_t used;			   /* the reading */
	UT_hash_handle hh;
};

struct flow_log_verdicts {
	struct known *known;
	size_t max;
	uint32_t reading;
};

int flow_log_verdicts_new(size_t max, struct flow_log_verdicts **ret)
{
	struct flow_log_verdicts *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->max = max;
	*ret = v;
	return 0;
}

static void forget(struct flow_log_verdicts *v, struct known *k)
{
	HASH_DEL(v->known, k);
	free(k);
}

struct flow_log_verdicts *flow_log_verdicts_free(struct flow_log_verdicts *v)
{
	struct known *k, *next;

	if (!v)
		return NULL;
	HASH_ITER (hh, v->known, k, next)
		forget(v, k);
	free(v);
	return NULL;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

struct flow_log_tuple flow_log_tuple_of_count(uint32_t vpc, const struct vpc_flow_count_key *key)
{
	struct flow_log_tuple t = {.vpc = vpc, .sport = key->sport, .dport = key->dport, .proto = key->proto};

	memcpy(t.src, key->src, sizeof(t.src));
	memcpy(t.dst, key->dst, sizeof(t.dst));
	return t;
}

struct flow_log_tuple flow_log_tuple_of_event(uint32_t vpc, const struct vpc_event *event)
{
	struct flow_log_tuple t = {.vpc = vpc, .proto = event->proto};

	memcpy(t.src, event->src, sizeof(t.src));
	memcpy(t.dst, event->dst, sizeof(t.dst));
	if (has_ports(t.proto)) {
		t.sport = event->sport;
		t.dport = event->dport;
	}
	return t;
}

static struct known *find(struct flow_log_verdicts *v, const struct flow_log_tuple *tuple)
{
	struct known *k;

	HASH_FIND(hh, v->known, tuple, sizeof(*tuple), k);
	if (k)
		k->used = v->reading;
	return k;
}

/* NULL: no memory, or no room. */
static struct known *find_or_add(struct flow_log_verdicts *v, const struct flow_log_tuple *tuple)
{
	struct known *k = find(v, tuple);

	if (k || HASH_COUNT(v->known) >= v->max)
		return k;
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->tuple = *tuple;
	k->used = v->reading;
	HASH_ADD(hh, v->known, tuple, sizeof(k->tuple), k);
	if (!k->hh.tbl) {
		free(k);
		return NULL;
	}
	return k;
}

void flow_log_verdicts_event(struct flow_log_verdicts *v, uint32_t vpc, const struct vpc_event *event)
{
	struct flow_log_tuple tuple = flow_log_tuple_of_event(vpc, event);
	struct known *k = find_or_add(v, &tuple);

	if (!k)
		return;
	if (event->type == VPC_EVENT_DROP) {
		struct flow_log_amount *dropped = &k->dropped[event->direction == VPC_INGRESS];

		dropped->packets++;
		dropped->bytes += event->length;
	} else {
		k->opened = event->type != VPC_EVENT_CUT;
		k->rules = (struct flow_log_rules){event->rule[0], event->rule[1]};
	}
}

static struct flow_log_tuple reversed(const struct flow_log_tuple *t)
{
	struct flow_log_tuple r = {.vpc = t->vpc, .sport = t->dport, .dport = t->sport, .proto = t->proto};

	memcpy(r.src, t->dst, sizeof(r.src));
	memcpy(r.dst, t->src, sizeof(r.dst));
	return r;
}

/* Whether an event told of the flow that the tuple belongs to; and its rules. */
static bool was_opened(struct flow_log_verdicts *v, const struct flow_log_tuple *tuple, const struct known *forth,
		       struct flow_log_rules *ret)
{
	struct flow_log_tuple other = reversed(tuple);
	const struct known *back;

	if (forth && forth->opened) {
		*ret = forth->rules;
		return true;
	}
	back = find(v, &other);
	if (!back || !back->opened)
		return false;
	*ret = (struct flow_log_rules){back->rules.dst, back->rules.src};
	return true;
}

static struct flow_log_amount least(const struct flow_log_amount *a, const struct flow_log_amount *b)
{
	return a->packets <= b->packets
		       ? *a
		       : (struct flow_log_amount){b->packets, a->bytes < b->bytes ? a->bytes : b->bytes};
}

static void take(struct flow_log_amount *from, const struct flow_log_amount *what)
{
	from->packets -= what->packets < from->packets ? what->packets : from->packets;
	from->bytes -= what->bytes < from->bytes ? what->bytes : from->bytes;
	if (!from->packets)
		from->bytes = 0;
}

/* Takes what a side has dropped from what was counted. Two devices may have counted the same tuple. */
static void take_dropped(struct known *k, unsigned side, struct flow_log_amount *from)
{
	struct flow_log_amount dropped = {k->dropped[side].packets + k->early[side].packets,
					  k->dropped[side].bytes + k->early[side].bytes},
			       taken = least(&dropped, from);

	if (taken.packets > k->taken[side].packets)
		k->taken[side] = taken;
	take(from, &dropped);
}

/* What this reading hasn't counted may be counted by the next one: an event may come before the reading ends and its
 * packet after it began. */
static void age(struct known *k)
{
	for (unsigned i = 0; i < 2; i++) {
		struct flow_log_amount left = k->taken[i];

		take(&left, &k->early[i]);
		k->early[i] = k->dropped[i];
		take(&k->early[i], &left);
		k->dropped[i] = k->taken[i] = (struct flow_log_amount){};
	}
}

struct flow_log_split flow_log_verdicts_split(struct flow_log_verdicts *v, const struct flow_log_tuple *tuple,
					      const struct flow_log_amount *counted, const struct flow_log_rules *flow,
					      bool lost)
{
	struct flow_log_split s = {.sent = *counted};
	struct known *k = find(v, tuple);
	bool allowed = was_opened(v, tuple, k, &s.rules);

	if (flow) {
		s.rules = *flow;
		allowed = true;
	}
	if (k)
		take_dropped(k, 0, &s.sent);
	s.received = s.sent;
	if (k)
		take_dropped(k, 1, &s.received);
	if (!allowed && lost) {
		s.unknown = s.received.packets;
		s.sent = s.received = (struct flow_log_amount){};
	}
	return s;
}

void flow_log_verdicts_next(struct flow_log_verdicts *v)
{
	struct known *k, *next;

	v->reading++;
	HASH_ITER (hh, v->known, k, next) {
		age(k);
		if (v->reading - k->used > READINGS_KEPT)
			forget(v, k);
	}
}
