/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vpcctl explain` says of a packet, beside what the programs then do with it. */
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <vpc/clock.h>

#include "datapath/maps/state.h"
#include "observe/drop_reason.h"

#include "world.h"

#define TCP_JUDGED (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

/* Explain is asked about packets that may open a flow. In IPv6, 0 is no protocol but an extension header, which these
 * packets don't have. */
static bool is_asked(const struct packet *p)
{
	return !p->quotes && !tuple_is_error(&p->t) && (p->t.family == 4 || p->t.proto) &&
	       (p->t.proto != IPPROTO_TCP || (p->flags & TCP_JUDGED) == TCP_SYN);
}

static struct look_packet look_packet_of(const struct tuple *t)
{
	struct look_packet p = {.family = t->family, .proto = t->proto, .sport = t->sport, .dport = t->dport};

	memcpy(p.src, t->src.bytes, sizeof(p.src));
	memcpy(p.dst, t->dst.bytes, sizeof(p.dst));
	if (tuple_is_icmp(t)) {
		p.icmp_type = t->type;
		p.icmp_code = t->code;
		p.sport = p.dport = tuple_has_id(t) ? t->id : 0;
	}
	return p;
}

static uint64_t drops_at(const struct world *w, uint32_t eni, int reason)
{
	uint32_t at = eni * VPC_DROP_REASONS_MAX + (uint32_t)reason;
	uint64_t drops = 0;

	bpf_map_lookup_elem(w->maps->map[MAP_DROP].fd, &at, &drops);
	return drops;
}

/* The first step at a port that refuses the packet. Uplinks of this world are no devices: what happens behind them
 * isn't compared here. */
static const struct explain_step *refusal(const struct explain_trace *t)
{
	for (unsigned i = 0; i < t->n && t->step[i].stage < EXPLAIN_GATEWAY; i++)
		if (t->step[i].reason && !t->step[i].reply)
			return &t->step[i];
	return NULL;
}

static void begin(const struct world *w, const struct packet *p, struct explained *ret)
{
	*ret = (struct explained){.asked = is_asked(p)};
	ret->trace.look = look_begin(w->maps, monotonic_ns());
	ret->trace.packet = look_packet_of(&p->t);
}

static void end(const struct world *w, uint32_t eni, struct explained *e)
{
	const struct explain_step *step = refusal(&e->trace);

	e->reason = step ? step->reason : 0;
	e->eni = step && step->eni ? step->eni : eni;
	e->drops = step ? drops_at(w, e->eni, e->reason) : 0;
}

void explained_out(const struct world *w, uint32_t eni, const struct packet *p, struct explained *ret)
{
	begin(w, p, ret);
	if (!ret->asked)
		return;
	explain_send(&ret->trace, eni);
	end(w, eni, ret);
}

void explained_in(const struct world *w, uint32_t eni, const struct packet *p, struct explained *ret)
{
	const struct vpc_eni *row = eni_at(w->maps, eni);
	struct explain_port port = {.me = eni, .vpc = row->vpc, .direction = VPC_INGRESS};

	begin(w, p, ret);
	if (!ret->asked)
		return;
	explain_receive(&ret->trace, &port);
	end(w, eni, ret);
}

enum world_result explained_compare(struct world *w, const struct explained *e, bool pass)
{
	if (!e->asked)
		return WORLD_SAME;
	w->stats.explained++;
	if (e->reason ? !pass && drops_at(w, e->eni, e->reason) == e->drops + 1 : pass)
		return WORLD_SAME;
	snprintf(w->message, sizeof(w->message), "the programs %s, explain says %s at %u (stage %u of %u)",
		 pass ? "pass" : "drop", drop_reason_label(e->reason), e->eni, e->trace.n, e->trace.n);
	for (int i = 1; i < VPC_DROP_COUNT; i++)
		if (drops_at(w, e->eni, i)) {
			size_t n = strlen(w->message);

			snprintf(w->message + n, sizeof(w->message) - n, "; %s %llu", drop_reason_label(i),
				 (unsigned long long)drops_at(w, e->eni, i));
		}
	return WORLD_MISMATCH;
}
