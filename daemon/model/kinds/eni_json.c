/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON of network interfaces. */
#include <string.h>

#include "model/kinds/eip.h"
#include "model/kinds/eni.h"

static json_t *secondary_to_json(const struct eni *e)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < e->n_secondary; i++) {
		if (json_array_append_new(list, json_ip(&e->secondary[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *groups_to_json(const struct model *m, const struct eni *e)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < e->n_groups; i++) {
		if (json_array_append_new(list, json_string(model_sg(m, e->groups[i])->o.id)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int put_common(const struct model *m, const struct eni *e, json_t *ret)
{
	char mac[MAC_STRLEN];

	if (json_put(ret, "subnet_id", json_string(model_subnet(m, e->subnet)->o.id)) < 0 ||
	    json_put(ret, "mac", json_string(mac_format(e->mac, mac))) < 0 ||
	    json_put(ret, "ip", json_ip(&e->ip)) < 0 || json_put(ret, "ip6", json_ip(&e->ip6)) < 0 ||
	    json_put(ret, "secondary_ips", secondary_to_json(e)) < 0 ||
	    json_put(ret, "source_dest_check", json_boolean(e->source_dest_check)) < 0 ||
	    json_put(ret, "delete_on_termination", json_boolean(e->delete_on_termination)) < 0 ||
	    json_put(ret, "security_groups", groups_to_json(m, e)) < 0 ||
	    json_put(ret, "detach_reason", json_text_or_null(e->detach_reason)) < 0)
		return -ENOMEM;
	return 0;
}

int eni_to_json(const struct model *m, const struct object *o, json_t *ret)
{
	const struct eni *e = eni_of(o);
	const struct vpc *v = model_vpc(m, e->vpc);

	const struct object *eip = eip_of_address(m, e, &e->ip);

	if (json_put(ret, "number", json_integer(o->number)) < 0 || json_put(ret, "vpc_id", json_string(v->o.id)) < 0 ||
	    json_put(ret, "public_ip", eip ? json_ip(&eip_of(eip)->address) : json_null()) < 0 ||
	    put_common(m, e, ret) < 0 || json_put(ret, "mtu", json_integer(v->mtu)) < 0 ||
	    json_put(ret, "attachment", attachment_to_json(&e->attachment)) < 0)
		return -ENOMEM;
	return 0;
}

int eni_to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct eni *e = eni_of(o);

	if (put_common(m, e, ret) < 0 || json_put(ret, "incarnation", json_integer(e->incarnation)) < 0 ||
	    json_put(ret, "tcp_idle_s", json_integer(e->tcp_idle_s)) < 0 ||
	    json_put(ret, "udp_idle_s", json_integer(e->udp_idle_s)) < 0 ||
	    json_put(ret, "udp_stream_idle_s", json_integer(e->udp_stream_idle_s)) < 0 ||
	    json_put(ret, "attachment", attachment_to_document(&e->attachment)) < 0)
		return -ENOMEM;
	return 0;
}

static const struct schema_field fields[] = {
	{"number", SCHEMA_INTEGER, "ifindex of its port"},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"subnet_id", SCHEMA_STRING, NULL},
	{"mac", SCHEMA_STRING, NULL},
	{"ip", SCHEMA_STRING_OR_NULL, NULL},
	{"ip6", SCHEMA_STRING_OR_NULL, NULL},
	{"public_ip", SCHEMA_STRING_OR_NULL, "the elastic IP of its primary address"},
	{"secondary_ips", SCHEMA_STRINGS, NULL},
	{"mtu", SCHEMA_INTEGER, "bytes"},
	{"source_dest_check", SCHEMA_BOOLEAN, NULL},
	{"delete_on_termination", SCHEMA_BOOLEAN, "it goes with the namespace that it is attached to"},
	{"security_groups", SCHEMA_STRINGS, "ids"},
	{"attachment", SCHEMA_REF_OR_NULL("Attachment"), NULL},
	{"detach_reason", SCHEMA_STRING_OR_NULL, "why a former attachment is none"},
	{"counters", SCHEMA_REF("Counters"), NULL},
};
static const struct schema_field attachment_fields[] = {
	{"kind", SCHEMA_STRING, "netns or tap"},
	{"ifname", SCHEMA_STRING, "the workload's end"},
	{"host_ifname", SCHEMA_STRING, "the port, in the VPC's namespace"},
	{"netns", SCHEMA_STRING_OR_NULL, "the path that was opened"},
	{"pid", SCHEMA_INTEGER_OR_NULL, "the process that was named"},
	{"default_route", SCHEMA_BOOLEAN, "netns: as asked for; absent: the first ENI's in a namespace counts"},
	{"netns_inode", SCHEMA_INTEGER_OR_NULL,
	 "as in /proc/PID/ns/net, by which its processes are found; tap: where the tap is"},
	{"owner", SCHEMA_STRING_OR_NULL, "tap: the user who may open it beside root"},
	{"owner_uid", SCHEMA_INTEGER, "tap: what owner stands for"},
	{"queues", SCHEMA_INTEGER, "tap: descriptors it may have at a time"},
	{"open", SCHEMA_BOOLEAN, "tap: a VMM has it open"},
};
static const struct schema_field counter_fields[] = {
	{"rx_packets", SCHEMA_INTEGER, NULL},  {"rx_bytes", SCHEMA_INTEGER, NULL},
	{"tx_packets", SCHEMA_INTEGER, NULL},  {"tx_bytes", SCHEMA_INTEGER, NULL},
	{"drops", SCHEMA_COUNTS, "by reason"},
};
const struct schema eni_schemas[ENI_SCHEMAS] = {
	{NULL, fields, ARRAY_SIZE(fields)},
	{"Attachment", attachment_fields, ARRAY_SIZE(attachment_fields)},
	{"Counters", counter_fields, ARRAY_SIZE(counter_fields)},
};

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool address_is_good(const struct model *m, const struct eni *e, const struct subnet *s, const struct ip *ip)
{
	return cidr_contains_ip(ip->family == 4 ? &s->cidr : &s->cidr6, ip) && !model_eni_by_ip(m, e->vpc, ip);
}

static void load_addresses(struct model *m, struct document *d, struct eni *e)
{
	const struct subnet *s = model_subnet(m, e->subnet);
	json_t *list = json_object_get(d->json, "secondary_ips"), *item;
	size_t i;

	e->ip = document_ip(d, "ip", 4, true);
	e->ip6 = document_ip(d, "ip6", 6, false);
	if (!json_is_array(list)) {
		document_damaged(d, "secondary_ips");
		return;
	}
	e->secondary = calloc(json_array_size(list) + 1, sizeof(*e->secondary));
	if (!e->secondary) {
		document_damaged(d, "(out of memory)");
		return;
	}
	if (!s || d->damaged)
		return;
	if (!address_is_good(m, e, s, &e->ip))
		document_damaged(d, "ip");
	if (e->ip6.family && !address_is_good(m, e, s, &e->ip6))
		document_damaged(d, "ip6");
	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);
		struct ip *ip = &e->secondary[e->n_secondary];

		if (text && ip_parse(text, ip) == 0 && address_is_good(m, e, s, ip))
			e->n_secondary++;
		else
			document_damaged(d, "secondary_ips");
	}
}

static void load_groups(struct model *m, struct document *d, struct eni *e)
{
	json_t *list = json_object_get(d->json, "security_groups"), *item;
	size_t i, n = json_array_size(list);

	if (!n || n > ARRAY_SIZE(e->groups)) {
		document_damaged(d, "security_groups");
		return;
	}
	json_array_foreach (list, i, item) {
		const char *id = json_string_value(item);
		const struct object *g = id ? model_find(m, OBJECT_SG, id) : NULL;

		/* Written in ascending order of numbers, each once. */
		if (!g || sg_of(g)->vpc != e->vpc || (i && e->groups[i - 1] >= g->number)) {
			document_damaged(d, "security_groups");
			return;
		}
		e->groups[e->n_groups++] = g->number;
	}
}

void eni_load(struct model *m, struct document *d, struct object *o)
{
	struct eni *e = (struct eni *)o;
	_cleanup_free_ char *mac = document_text(d, "mac", true);
	const struct subnet *s;
	json_t *attachment = json_object_get(d->json, "attachment");

	e->subnet = document_ref(m, d, "subnet_id", OBJECT_SUBNET);
	s = model_subnet(m, e->subnet);
	e->vpc = s ? s->vpc : 0;
	if (!mac || mac_parse(mac, e->mac) < 0)
		document_damaged(d, "mac");
	load_addresses(m, d, e);
	load_groups(m, d, e);
	e->source_dest_check = document_bool(d, "source_dest_check");
	/* documents of earlier versions lack it */
	if (json_object_get(d->json, "delete_on_termination"))
		e->delete_on_termination = document_bool(d, "delete_on_termination");
	e->detach_reason = document_text(d, "detach_reason", false);
	e->incarnation = (uint32_t)document_i64(d, "incarnation", 1, UINT32_MAX);
	e->tcp_idle_s = (uint32_t)document_i64(d, "tcp_idle_s", 60, 432000);
	e->udp_idle_s = (uint32_t)document_i64(d, "udp_idle_s", 30, 60);
	e->udp_stream_idle_s = (uint32_t)document_i64(d, "udp_stream_idle_s", 60, 180);
	if (json_is_object(attachment)) {
		struct document inner = {.json = attachment, .damaged = d->damaged};

		attachment_load(&inner, &e->attachment);
		d->damaged = inner.damaged;
	} else if (!json_is_null(attachment)) {
		document_damaged(d, "attachment");
	}
}
