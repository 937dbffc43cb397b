/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_log_line.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "observe/drop_reason.h"

/* A value, and whether JSON has it as a number. */
struct value {
	char text[INET6_ADDRSTRLEN];
	const char *other; /* borrowed; instead of text */
	bool number;
};

static void set_number(struct value *v, uint64_t n)
{
	snprintf(v->text, sizeof(v->text), "%" PRIu64, n);
	v->number = true;
}

static bool is_v4(const __be32 addr[4])
{
	return !addr[0] && !addr[1] && addr[2] == htonl(0xffff);
}

static void set_address(struct value *v, const __be32 addr[4])
{
	if (is_v4(addr))
		inet_ntop(AF_INET, &addr[3], v->text, sizeof(v->text));
	else
		inet_ntop(AF_INET6, addr, v->text, sizeof(v->text));
}

/* AWS shows SYN, SYN-ACK, FIN and RST: an ACK alone isn't shown. */
static unsigned shown_flags(uint8_t flags)
{
	unsigned shown = flags & 7u;

	return flags & 2u ? shown | (flags & 16u) : shown;
}

static void set_of_record(struct value *v, enum flow_log_field field, const struct flow_log_record *r)
{
	const struct flow_log_tuple *t = &r->key.tuple;

	switch (field) {
	case FLOW_LOG_SRCADDR:
	case FLOW_LOG_PKT_SRCADDR:
		set_address(v, t->src);
		break;
	case FLOW_LOG_DSTADDR:
	case FLOW_LOG_PKT_DSTADDR:
		set_address(v, t->dst);
		break;
	case FLOW_LOG_SRCPORT:
		set_number(v, ntohs(t->sport));
		break;
	case FLOW_LOG_DSTPORT:
		set_number(v, ntohs(t->dport));
		break;
	case FLOW_LOG_PROTOCOL:
		set_number(v, t->proto);
		break;
	case FLOW_LOG_PACKETS:
		set_number(v, r->amount.packets);
		break;
	case FLOW_LOG_BYTES:
		set_number(v, r->amount.bytes);
		break;
	case FLOW_LOG_ACTION:
		v->other = r->key.accepted ? "ACCEPT" : "REJECT";
		break;
	case FLOW_LOG_TCP_FLAGS:
		set_number(v, shown_flags(r->tcp_flags));
		break;
	case FLOW_LOG_TYPE:
		v->other = is_v4(t->src) ? "IPv4" : "IPv6";
		break;
	case FLOW_LOG_FLOW_DIRECTION:
		v->other = r->key.ingress ? "ingress" : "egress";
		break;
	case FLOW_LOG_DROP_REASON:
		if (!r->key.accepted && r->key.reason < VPC_DROP_COUNT)
			v->other = drop_reason_label(r->key.reason);
		break;
	default:
		break;
	}
}

static void set_value(struct value *v, enum flow_log_field field, const struct flow_log_format *format,
		      const struct flow_log_names *names, const struct flow_log_record *record)
{
	*v = (struct value){.text = "-"};
	switch (field) {
	case FLOW_LOG_VERSION:
		set_number(v, format->version);
		return;
	case FLOW_LOG_ACCOUNT_ID:
		v->other = "unknown"; /* as AWS where it doesn't know whose an interface is */
		return;
	case FLOW_LOG_INTERFACE_ID:
		v->other = names->interface_id;
		return;
	case FLOW_LOG_VPC_ID:
		v->other = names->vpc_id;
		return;
	case FLOW_LOG_SUBNET_ID:
		v->other = names->subnet_id;
		return;
	case FLOW_LOG_RULE_ID:
		v->other = names->rule_id;
		return;
	case FLOW_LOG_TRAFFIC_PATH:
		if (names->traffic_path)
			set_number(v, names->traffic_path);
		return;
	case FLOW_LOG_START:
		set_number(v, names->start_s);
		return;
	case FLOW_LOG_END:
		set_number(v, names->end_s);
		return;
	case FLOW_LOG_LOG_STATUS:
		v->other = names->status;
		return;
	default:
		if (record)
			set_of_record(v, field, record);
	}
}

/* No value has a character that JSON would escape. */
static void print_json(FILE *f, enum flow_log_field field, const struct value *v, bool first)
{
	const char *text = v->other ?: v->text;

	fprintf(f, "%s\"%s\":", first ? "{" : ",", flow_log_field_name(field));
	if (!strcmp(text, "-"))
		fputs("null", f);
	else if (v->number)
		fputs(text, f);
	else
		fprintf(f, "\"%s\"", text);
}

void flow_log_line(FILE *f, const struct flow_log_format *format, const struct flow_log_names *names,
		   const struct flow_log_record *record)
{
	for (size_t i = 0; i < format->n; i++) {
		enum flow_log_field field = (enum flow_log_field)format->column[i];
		struct value v;

		set_value(&v, field, format, names, record);
		if (format->json)
			print_json(f, field, &v, i == 0);
		else
			fprintf(f, "%s%s", i ? " " : "", v.other ?: v.text);
	}
	if (format->json && names->skipped)
		fprintf(f, ",\"skipped\":%" PRIu64, names->skipped);
	fputs(format->json ? "}\n" : "\n", f);
}
