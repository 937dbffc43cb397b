/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/flows/advice.h"

#include <netinet/in.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/counters.h"
#include "datapath/maps/flows/expiry.h"
#include "engine/engine.h"
#include "engine/flows/advice_keep.h"
#include "engine/flows/verdicts.h"
#include "observe/advice_report.h"
#include "util/log.h"

/* Rules of all watched VPCs that are remembered: 9 MiB. */
#define RULES_MAX 16384u
/* Rules that are looked at in a second. */
#define LOOKS	  1024u

/* --- what a rule has allowed -------------------------------------------------------------------------------------- */

/* A side of a flow: what a rule is asked for. Network byte order. */
struct asked {
	uint8_t proto;
	uint16_t icmp; /* host byte order: type << 8 | code */
	__be16 port;
	const __be32 *peer; /* four words */
};

static struct advice_box box_of(const struct rule *rule, const struct asked *a)
{
	struct advice_box box = {.protocol = a->proto};
	struct ip *ip = &box.peer.addr;

	if (a->proto == IPPROTO_ICMP || a->proto == IPPROTO_ICMPV6)
		box.from = a->icmp;
	else if (a->proto == IPPROTO_TCP || a->proto == IPPROTO_UDP)
		box.from = ntohs(a->port);
	box.to = box.from;
	/* A rule that names a group or a list keeps it. */
	if (rule->peer != PEER_CIDR)
		return box;
	memcpy(ip->bytes, a->peer, sizeof(ip->bytes));
	ip->family = rule->cidr.addr.family;
	box.peer.plen = ip->family == 4 ? 32 : 128;
	return box;
}

static uint64_t counter_of(struct engine *e, uint32_t rule)
{
	struct rule_counters c = {0};

	maps_rule_counters(e->maps, rule, &c); /* -ENOENT: it has no rows, and has counted nothing */
	return c.packets;
}

static void note(struct engine *e, uint32_t number, const struct asked *a, bool told)
{
	const struct object *o = number ? model_by_number(e->model, OBJECT_RULE, number) : NULL,
			    *sg = o ? model_by_number(e->model, OBJECT_SG, rule_of(o)->sg) : NULL;
	struct advice_rule *r;
	struct advice_box box;

	if (!sg || !advice_vpc_find(e->advice, sg_of(sg)->vpc))
		return;
	r = advice_find(e->advice, number);
	if (!r)
		r = advice_add(e->advice, sg_of(sg)->vpc, number, counter_of(e, number), told, boottime_ns());
	if (!r)
		return;
	box = box_of(rule_of(o), a);
	advice_note(r, &box);
	r->told += told;
}

/* --- sources ------------------------------------------------------------------------------------------------------ */

void advice_event(struct engine *e, const struct vpc_event *ev)
{
	struct asked a = {.proto = ev->proto, .icmp = ntohs(ev->sport), .port = ev->dport};

	if (!e->advice || !advice_watches(e->advice))
		return;
	if (ev->lost)
		advice_lost(e->advice, ev->time_ns);
	if (ev->type != VPC_EVENT_OPEN && ev->type != VPC_EVENT_REJUDGE)
		return;
	a.peer = ev->dst;
	note(e, ev->rule[0], &a, true);
	a.peer = ev->src;
	note(e, ev->rule[1], &a, true);
}

/* When the flow was last used, by CLOCK_BOOTTIME. */
static uint64_t used_ns(const struct vpc_flow *flow)
{
	uint64_t now_ns = monotonic_ns(), idle_ns = now_ns > flow->last_seen_ns ? now_ns - flow->last_seen_ns : 0,
		 boot_ns = boottime_ns();

	return boot_ns > idle_ns ? boot_ns - idle_ns : 0;
}

static void on_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, void *userdata)
{
	struct engine *e = userdata;
	unsigned opener = flow->opener & 1;
	struct asked a = {.proto = key->proto,
			  .icmp = (uint16_t)(key->icmp_type << 8 | key->icmp_code),
			  .port = key->port[!opener]};

	uint64_t at_ns = used_ns(flow);

	for (unsigned i = 0; i < 2; i++) {
		if (!flow->eni[i] || !flow->rule[i])
			continue;
		maps_rule_used(e->maps, flow->rule[i], at_ns);
		a.peer = key->addr[i ? opener : !opener];
		note(e, flow->rule[i], &a, false);
	}
}

void advice_watch(struct engine *e, uint32_t vpc)
{
	if (advice_begin(e->advice, vpc, boottime_ns(), model_next_rule_number(e->model),
			 maps_expiry_rounds(e->expiry)) < 0)
		log_warning("what the rules of a VPC allow can't be watched: no memory");
}

void advice_look_at_some(struct engine *e)
{
	size_t n = advice_count(e->advice);
	uint64_t rounds = maps_expiry_rounds(e->expiry);

	if (rounds != e->advice_rounds) {
		e->advice_rounds = rounds;
		e->advice_round_ns[0] = e->advice_round_ns[1];
		e->advice_round_ns[1] = boottime_ns();
	}
	if (!n)
		return;
	verdicts_read(e);
	for (size_t i = 0; i < n && i < LOOKS; i++) {
		struct advice_rule *r = advice_next(e->advice);

		if (model_by_number(e->model, OBJECT_RULE, r->rule))
			advice_look(r, counter_of(e, r->rule), boottime_ns());
		else
			advice_forget(e->advice, r);
	}
}

int advice_start(struct engine *e)
{
	int r = advice_new(RULES_MAX, &e->advice);

	if (r < 0)
		return r;
	e->advice_times =
		(struct advice_times){.since_ns = boottime_ns(), .first_rule = model_next_rule_number(e->model)};
	advice_keep_load(e);
	maps_expiry_watch(e->expiry, on_flow, e);
	return 0;
}

void advice_end_all(struct engine *e)
{
	e->advice = advice_free(e->advice);
}

/* --- the report --------------------------------------------------------------------------------------------------- */

int engine_advise(struct engine *e, const struct object *sg, uint64_t since_s, json_t **ret, struct vpc_error *reterr)
{
	struct advice_question q = {
		.advice = e->advice,
		.model = e->model,
		.maps = e->maps,
		.sg = sg_of(sg),
		.since_s = since_s,
		.times = &e->advice_times,
		.rounds = maps_expiry_rounds(e->expiry),
		.looked_ns = e->advice_round_ns[0],
		.now_ns = boottime_ns(),
	};

	verdicts_read(e);
	*ret = NULL;
	if (since_s > realtime_s())
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "used_since",
				     "used_since lies in the future; give a time that is over");
	*ret = advice_report(&q);
	if (!*ret || json_object_set_new(*ret, "revision", json_integer((json_int_t)e->revision)) < 0) {
		json_decref(*ret);
		return vpc_error_oom(reterr);
	}
	return 0;
}
