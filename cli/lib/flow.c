/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/flow.h"

#include <stdio.h>
#include <string.h>

#include <vpc/json.h>

/* A member of an end: "src_port". Borrowed; NULL: there is none. */
static const json_t *of_end(const json_t *flow, const char *end, const char *member)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", end, member);
	return json_object_get(flow, key);
}

/* Address and port, as "10.0.1.4:443". Owned. */
static char *socket_text(const char *address, const json_t *port)
{
	bool brackets = strchr(address, ':') && json_is_integer(port);
	char *text = NULL;
	int r = json_is_integer(port) ? asprintf(&text, "%s%s%s:%lld", brackets ? "[" : "", address,
						 brackets ? "]" : "", (long long)json_integer_value(port))
				      : asprintf(&text, "%s", address);

	return r < 0 ? NULL : text;
}

char *flow_end_text(const json_t *flow, const char *end)
{
	const char *address = json_string_value(of_end(flow, end, "")) ?: "?";
	const char *name =
		json_string_value(of_end(flow, end, "_eni")) ?: json_string_value(of_end(flow, end, "_eni_id"));
	_cleanup_free_ char *socket = socket_text(address, of_end(flow, end, "_port"));
	char *text = NULL;

	if (!socket || asprintf(&text, "%s%s%s%s", socket, name ? " (" : "", name ? name : "", name ? ")" : "") < 0)
		return NULL;
	return text;
}

/* "12 s", "3 min", "5 h", "2 d". Owned; NULL: out of memory. */
static char *flow_age_text(const json_t *flow, const char *key)
{
	const json_t *value = json_object_get(flow, key);
	long long s = json_integer_value(value);
	char *text = NULL;
	int r;

	if (!json_is_integer(value))
		return strdup("");
	r = s < 120	      ? asprintf(&text, "%lld s", s)
	    : s < 120 * 60    ? asprintf(&text, "%lld min", s / 60)
	    : s < 48 * 3600ll ? asprintf(&text, "%lld h", s / 3600)
			      : asprintf(&text, "%lld d", s / 86400);
	return r < 0 ? NULL : text;
}

/* The group and rule that allowed an end: "web sgr-0123…". */
static void rule_cell(struct table *t, const json_t *flow, const char *end)
{
	const char *rule = json_string_value(of_end(flow, end, "_rule_id"));
	const char *group =
		json_string_value(of_end(flow, end, "_sg")) ?: json_string_value(of_end(flow, end, "_sg_id"));

	if (rule)
		table_cellf(t, "%s%s%s", group ? group : "", group ? " " : "", rule);
	else
		table_cell(t, NULL);
}

/* "nat 203.0.113.5:40001 -> 198.51.100.7:443" */
static void outside_cell(struct table *t, const json_t *flow)
{
	const json_t *outside = json_object_get(flow, "outside");
	_cleanup_free_ char *src = json_is_object(outside) ? flow_end_text(outside, "src") : NULL;
	_cleanup_free_ char *dst = src ? flow_end_text(outside, "dst") : NULL;

	if (dst)
		table_cellf(t, "%s %s -> %s", json_member_text(outside, "by") ?: "", src, dst);
	else
		table_cell(t, NULL);
}

static void end_cell(struct table *t, const json_t *flow, const char *end)
{
	_cleanup_free_ char *text = flow_end_text(flow, end);

	table_cell(t, text);
}

static void age_cell(struct table *t, const json_t *flow, const char *key)
{
	_cleanup_free_ char *text = flow_age_text(flow, key);

	table_cell(t, text);
}

/* Bytes and packets of one direction: "10485760 B in 7240", with a + where they are at least so many; "-": they aren't
 * counted. */
static void amount_cell(struct table *t, const json_t *flow, const char *direction)
{
	char bytes_key[32], packets_key[32];
	const json_t *bytes, *packets;

	snprintf(bytes_key, sizeof(bytes_key), "bytes_%s", direction);
	snprintf(packets_key, sizeof(packets_key), "packets_%s", direction);
	bytes = json_object_get(flow, bytes_key);
	packets = json_object_get(flow, packets_key);
	if (json_is_integer(bytes) && json_is_integer(packets))
		table_cellf(t, "%lld B in %lld%s", (long long)json_integer_value(bytes),
			    (long long)json_integer_value(packets),
			    json_is_false(json_object_get(flow, "counts_complete")) ? "+" : "");
	else
		table_cell(t, "-");
}

void flow_columns(struct table *t, bool titles)
{
	static const struct {
		const char *title;
		enum table_align align;
	} columns[] = {
		{"PROTOCOL", TABLE_LEFT},     {"FROM", TABLE_LEFT},	 {"TO", TABLE_LEFT},
		{"STATE", TABLE_LEFT},	      {"AGE", TABLE_RIGHT},	 {"IDLE", TABLE_RIGHT},
		{"SENT", TABLE_RIGHT},	      {"RECEIVED", TABLE_RIGHT}, {"EGRESS RULE", TABLE_LEFT},
		{"INGRESS RULE", TABLE_LEFT}, {"OUTSIDE", TABLE_LEFT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		table_column(t, titles ? columns[i].title : NULL, columns[i].align);
}

void flow_row(struct table *t, const json_t *flow)
{
	table_cell(t, json_member_text(flow, "protocol"));
	end_cell(t, flow, "src");
	end_cell(t, flow, "dst");
	table_cell(t, json_member_text(flow, "state"));
	age_cell(t, flow, "age_s");
	age_cell(t, flow, "idle_s");
	amount_cell(t, flow, "sent");
	amount_cell(t, flow, "received");
	rule_cell(t, flow, "src");
	rule_cell(t, flow, "dst");
	outside_cell(t, flow);
}

/* --- receipts ----------------------------------------------------------------------------------------------------- */

/* "  tcp  10.0.0.4:4711 (web1)  -> 10.0.1.4:443 (db1)  established  3 min  sent 5120 B in 9  received …" */
static void cut_row(struct table *t, const json_t *flow, bool counted)
{
	_cleanup_free_ char *dst = flow_end_text(flow, "dst");

	table_cellf(t, "  %s", json_member_text(flow, "protocol") ?: "");
	end_cell(t, flow, "src");
	table_cellf(t, "-> %s", dst ? dst : "");
	table_cell(t, json_member_text(flow, "state"));
	age_cell(t, flow, "age_s");
	if (!counted)
		return;
	table_cell(t, "sent");
	amount_cell(t, flow, "sent");
	table_cell(t, "received");
	amount_cell(t, flow, "received");
}

/* Whether packets and bytes of some of the flows are known. */
static bool is_counted(const json_t *list)
{
	const json_t *flow;
	size_t i;

	json_array_foreach (list, i, flow)
		if (json_is_integer(json_object_get(flow, "bytes_sent")))
			return true;
	return false;
}

void flow_print_cut(const struct cli *cli, const json_t *reply)
{
	json_int_t total = json_integer_value(json_object_get(reply, "cut_flows_total"));
	const json_t *list = json_object_get(reply, "cut_flows");
	size_t listed = json_array_size(list), i;
	bool counted = is_counted(list);
	_cleanup_(table_freep) struct table *t = table_new();
	json_t *flow;

	if (total <= 0 || !t)
		return;
	printf("%lld %s %s cut:\n", (long long)total, total == 1 ? "flow" : "flows",
	       cli->dry_run ? "would be"
	       : total == 1 ? "was"
			    : "were");
	for (i = 0; i < (counted ? 9 : 5); i++)
		table_column(t, NULL, i == 4 || i == 6 || i == 8 ? TABLE_RIGHT : TABLE_LEFT);
	json_array_foreach (list, i, flow)
		cut_row(t, flow, counted);
	(void)table_print(t, 0, false);
	if ((json_int_t)listed < total)
		printf("  and %lld more\n", (long long)total - (long long)listed);
}
