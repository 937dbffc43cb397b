/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of texts. */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "observe/explain/report.h"

void explain_say(struct explain_text *ret, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(ret->text, sizeof(ret->text), format, ap);
	va_end(ap);
}

struct ip explain_ip(const __be32 *address)
{
	struct ip ip = {.family = look_is4(address) ? 4 : 6};

	memcpy(ip.bytes, address, sizeof(ip.bytes));
	return ip;
}

const char *explain_name(const struct model *m, enum object_kind kind, uint32_t number)
{
	const struct object *o = number ? model_by_number(m, kind, number) : NULL;

	return !o ? "?" : o->name && *o->name ? o->name : o->id;
}

struct explain_text explain_address(const __be32 *address)
{
	const struct ip ip = explain_ip(address);
	struct explain_text t;
	char text[IP_STRLEN];

	snprintf(t.text, sizeof(t.text), "%s", ip_format(&ip, text));
	return t;
}

static const char *protocol_name(int protocol)
{
	switch (protocol) {
	case PROTOCOL_ALL:
		return "all";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		return NULL;
	}
}

struct explain_text explain_protocol(const struct look_packet *p)
{
	const char *name = protocol_name(p->proto);
	struct explain_text t;

	switch (look_slot(p->family, p->proto)) {
	case VPC_SLOT_TCP:
	case VPC_SLOT_UDP:
		snprintf(t.text, sizeof(t.text), "%s %u", name, p->dport);
		break;
	case VPC_SLOT_ICMP:
	case VPC_SLOT_ICMPV6:
		snprintf(t.text, sizeof(t.text), "%s %u/%u", name, p->icmp_type, p->icmp_code);
		break;
	default:
		snprintf(t.text, sizeof(t.text), "%u", p->proto);
	}
	return t;
}

struct explain_text explain_ports(int protocol, int32_t from, int32_t to)
{
	const char *name = protocol_name(protocol);
	char number[16];
	struct explain_text t;

	snprintf(number, sizeof(number), "%d", protocol);
	name = name ? name : number;
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		if (from < 0)
			snprintf(t.text, sizeof(t.text), "%s all", name);
		else if (to < 0)
			snprintf(t.text, sizeof(t.text), "%s %d", name, from);
		else
			snprintf(t.text, sizeof(t.text), "%s %d/%d", name, from, to);
	} else if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		if (from < 0 || (from == 0 && to == UINT16_MAX))
			snprintf(t.text, sizeof(t.text), "%s all", name);
		else if (from == to)
			snprintf(t.text, sizeof(t.text), "%s %d", name, from);
		else
			snprintf(t.text, sizeof(t.text), "%s %d-%d", name, from, to);
	} else {
		snprintf(t.text, sizeof(t.text), "%s", name);
	}
	return t;
}

struct explain_text explain_peer(const struct model *m, const struct rule *r)
{
	struct explain_text t;
	char text[CIDR_STRLEN];

	if (r->peer == PEER_SG)
		snprintf(t.text, sizeof(t.text), "group %.200s", explain_name(m, OBJECT_SG, r->peer_sg));
	else if (r->peer == PEER_PREFIX_LIST)
		snprintf(t.text, sizeof(t.text), "prefix list %.200s",
			 explain_name(m, OBJECT_PREFIX_LIST, r->peer_list));
	else
		snprintf(t.text, sizeof(t.text), "%s", cidr_format(&r->cidr, text));
	return t;
}

static const struct object *igw_of_vpc(const struct model *m, uint32_t vpc)
{
	const struct object *o = NULL;

	while ((o = model_next(m, OBJECT_IGW, o)))
		if (igw_of(o)->vpc == vpc)
			break;
	return o;
}

struct explain_text explain_target(const struct model *m, uint32_t vpc, uint32_t gateway)
{
	uint32_t number = gateway & VPC_TARGET_NUMBER;
	const struct object *igw;
	struct explain_text t;

	switch (explain_kind(gateway)) {
	case VPC_EDGE_IGW:
		igw = igw_of_vpc(m, vpc);
		snprintf(t.text, sizeof(t.text), "internet gateway %.200s", igw ? igw->id : "?");
		break;
	case VPC_EDGE_EIGW:
		snprintf(t.text, sizeof(t.text), "egress-only internet gateway");
		break;
	case VPC_EDGE_NAT:
		snprintf(t.text, sizeof(t.text), "NAT gateway %.200s", explain_name(m, OBJECT_NAT, number));
		break;
	case VPC_EDGE_PUBLISHED:
		snprintf(t.text, sizeof(t.text), "published port");
		break;
	case VPC_EDGE_PEERING:
		snprintf(t.text, sizeof(t.text), "peering with VPC %.200s", explain_name(m, OBJECT_VPC, number));
		break;
	case VPC_EDGE_HOST:
		snprintf(t.text, sizeof(t.text), "%s",
			 number == VPC_EDGE_IGW ? "the internet gateway by which the host asked" : "host access");
		break;
	default:
		snprintf(t.text, sizeof(t.text), "nothing");
	}
	return t;
}

const struct acl_rule *explain_acl_rule(const struct model *m, const struct explain_step *s)
{
	const struct object *o = s->acl.acl ? model_by_number(m, OBJECT_ACL, s->acl.acl) : NULL;
	int place = s->acl.place;

	for (size_t i = 0; o && place >= 0 && i < acl_of(o)->n_rules; i++)
		if (acl_of(o)->rules[i].direction == s->direction && place-- == 0)
			return &acl_of(o)->rules[i];
	return NULL;
}
