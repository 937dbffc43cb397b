/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was counted and what events tell becomes records. */
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "engine/flows/flow_logs_private.h"

static void add(struct flow_logs *fl, const struct eni *eni, struct flow_log_key *key,
		const struct flow_log_amount *amount, uint64_t first_ns, uint64_t last_ns, uint8_t flags)
{
	if (!amount->packets)
		return;
	key->eni = eni->o.number;
	for (size_t i = 0; i < fl->n_logs; i++) {
		const struct flow_log *f = flow_logs_model(fl->logs[i]);

		if (!f || !flow_logs_cover(f, eni) || f->traffic == (key->accepted ? FLOW_LOG_REJECT : FLOW_LOG_ACCEPT))
			continue;
		flow_log_table_add(&fl->logs[i]->table, key, amount, first_ns, last_ns, flags);
	}
}

void flow_logs_skip(struct flow_logs *fl, const struct eni *eni, uint64_t packets, bool rejects)
{
	for (size_t i = 0; packets && i < fl->n_logs; i++) {
		const struct flow_log *f = flow_logs_model(fl->logs[i]);

		if (f && flow_logs_cover(f, eni) && (!rejects || f->traffic != FLOW_LOG_ACCEPT))
			flow_log_table_skip(&fl->logs[i]->table, eni->o.number, packets);
	}
}

struct ip flow_logs_ip(const __be32 addr[4])
{
	struct ip ip = {.family = !addr[0] && !addr[1] && addr[2] == htonl(0xffff) ? 4 : 6};

	memcpy(ip.bytes, addr, sizeof(ip.bytes));
	return ip;
}

/* What the port itself answers, and what never reaches another ENI, is in no record: DHCP, link-local addresses, and
 * addresses of the subnet that are the gateway's. AWS leaves it out, too. */
static bool is_local(const struct engine *e, const struct eni *sender, const struct flow_log_tuple *t)
{
	static const uint16_t dhcp[] = {67, 68, 546, 547};
	const struct object *o = sender ? model_by_number(e->model, OBJECT_SUBNET, sender->subnet) : NULL;
	const struct subnet *s = o ? subnet_of(o) : NULL;
	struct ip dst = flow_logs_ip(t->dst);

	for (size_t i = 0; t->proto == IPPROTO_UDP && i < ARRAY_SIZE(dhcp); i++)
		if (ntohs(t->dport) == dhcp[i])
			return true;
	if (dst.family == 6)
		return dst.bytes[0] == 0xff || (dst.bytes[0] == 0xfe && (dst.bytes[1] & 0xc0) == 0x80);
	if (dst.bytes[12] >= 224)
		return true;
	/* The first address of a subnet is the network's, the second the gateway's. */
	return s && !memcmp(dst.bytes, s->cidr.addr.bytes, 15) && dst.bytes[15] == (s->cidr.addr.bytes[15] | 1);
}

/* Packets of a flow that nothing dropped. */
static void add_total(struct flow_logs *fl, const struct counted *c, const struct flow_log_split *split)
{
	struct flow_total total = {.key = c->key,
				   .vpc = c->vpc,
				   .created_ns = c->created_ns,
				   .packets = split->received.packets,
				   .bytes = split->received.bytes};

	if (split->unknown)
		flow_totals_lost(fl->totals, c->vpc, monotonic_ns());
	if (c->created_ns)
		flow_totals_add(fl->totals, &total, monotonic_ns());
}

void flow_logs_add_counted(struct flow_logs *fl, const struct counted *c)
{
	struct engine *e = fl->e;
	struct flow_log_tuple tuple = flow_log_tuple_of_count(c->vpc, &c->key);
	struct flow_log_amount amount = {c->count.packets, c->count.bytes};
	bool from_port = c->key.ifindex <= VPC_NUMBER_MASK;
	const struct object *o = from_port ? model_by_number(e->model, OBJECT_ENI, c->key.ifindex) : NULL;
	const struct eni *sender = o ? eni_of(o) : NULL, *receiver;
	struct ip dst = flow_logs_ip(c->key.dst);
	struct flow_log_split split;
	struct flow_log_key key = {.tuple = tuple, .accepted = 1};

	split = flow_log_verdicts_split(fl->verdicts, &tuple, &amount, c->has_flow ? &c->rules : NULL,
					fl->lost_events || fl->lost_packets);
	/* The receipt of a deletion tells what the ENI had sent. */
	add_total(fl, c, &split);
	if ((from_port && !sender) || is_local(e, sender, &tuple))
		return;
	receiver = model_eni_by_ip(e->model, c->vpc, &dst);
	if (sender) {
		key.rule = split.rules.src;
		add(fl, sender, &key, &split.sent, c->count.first_ns, c->count.last_ns, (uint8_t)c->count.tcp_flags);
		flow_logs_skip(fl, sender, split.unknown, false);
	}
	if (receiver) {
		key.ingress = 1;
		key.rule = split.rules.dst;
		add(fl, receiver, &key, &split.received, c->count.first_ns, c->count.last_ns,
		    (uint8_t)c->count.tcp_flags);
		flow_logs_skip(fl, receiver, split.unknown, false);
	}
}

/* --- events ------------------------------------------------------------------------------------------- */

void flow_logs_event(struct engine *e, const struct vpc_event *event)
{
	struct flow_logs *fl = e->flow_logs;
	const struct object *o = model_by_number(e->model, OBJECT_ENI, event->eni);
	struct flow_log_key key = {.reason = event->reason, .ingress = event->direction == VPC_INGRESS};
	struct flow_log_amount one = {1, event->length};
	struct eni_drops *drops;

	if (!fl || !flow_logs_active(fl))
		return;
	/* Of drops, which are limited per ENI, the counters tell what is missing. */
	fl->lost_events += event->lost;
	if (!o)
		return;
	drops = event->type == VPC_EVENT_DROP ? flow_logs_drops(fl, event->eni) : NULL;
	if (drops)
		drops->told++;
	if (ntohs(event->ethertype) != ETHERTYPE_IP && ntohs(event->ethertype) != ETHERTYPE_IPV6)
		return;
	flow_log_verdicts_event(fl->verdicts, eni_of(o)->vpc, event);
	if (event->type != VPC_EVENT_DROP)
		return;
	key.tuple = flow_log_tuple_of_event(eni_of(o)->vpc, event);
	add(fl, eni_of(o), &key, &one, event->time_ns, event->time_ns, 0);
}

uint32_t flow_logs_listening(const struct engine *e)
{
	return e->flow_logs && flow_logs_active(e->flow_logs) ? VPC_LISTEN_DROPS | VPC_LISTEN_FLOWS : 0;
}
