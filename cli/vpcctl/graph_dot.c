/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/graph_dot.h"

#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/screen.h"

/* Lines beside an arrow; the rest is counted. */
#define LABEL_LINES 8

struct drawing {
	FILE *f;
	const struct snapshot *s;
	const char *vpc; /* id; NULL: all */
	json_t *edges;	 /* {"from\001to": {"from", "to", "labels": [text]}} */
	json_t *outside; /* {text of a peer that is no group: true} */
};

/* A text between quotes. Nothing in it ends the quotes, begins an escape or an entity, or steers a terminal. */
static void quote(FILE *f, const char *text)
{
	_cleanup_free_ char *clean = screen_clean(text);

	for (const char *c = clean ? clean : ""; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', f);
		fputs(*c == '&' ? "&amp;" : (char[]){*c, '\0'}, f);
	}
}

static void node(FILE *f, const char *indent, const char *id, const char *style, const char *title, const char *more)
{
	fprintf(f, "%s\"", indent);
	quote(f, id);
	fprintf(f, "\" [%s, label=\"", style);
	quote(f, title);
	if (more && *more) {
		fputs("\\n", f);
		quote(f, more);
	}
	fputs("\"];\n", f);
}

static void cluster(FILE *f, const char *indent, const char *id, const char *style, const char *title, const char *more)
{
	fprintf(f, "%ssubgraph \"cluster_", indent);
	quote(f, id);
	fprintf(f, "\" {\n%s\t%s\n%s\tlabel=\"", indent, style, indent);
	quote(f, title);
	if (more && *more) {
		fputs("  ", f);
		quote(f, more);
	}
	fputs("\";\n", f);
}

static bool is_in(const struct entry *e, const char *key, const char *id)
{
	const char *value = json_member_text(e->object, key);

	return value && !strcmp(value, id);
}

/* "10.0.1.4 fd00::4" */
static char *addresses(const struct entry *e)
{
	const char *ip = json_member_text(e->object, "ip"), *ip6 = json_member_text(e->object, "ip6"),
		   *public = json_member_text(e->object, "public_ip");
	char *text = NULL;

	if (asprintf(&text, "%s%s%s%s%s", ip ? ip : "", ip && ip6 ? "  " : "", ip6 ? ip6 : "", public ? "  " : "",
		     public ? public : "") < 0)
		return NULL;
	return text;
}

static void draw_enis(const struct drawing *d, const struct entry *subnet)
{
	for (size_t i = 0; i < d->s->n; i++) {
		const struct entry *e = &d->s->entries[i];
		_cleanup_free_ char *text = NULL;

		if (e->kind != OBJECT_ENI || !is_in(e, "subnet_id", subnet->id))
			continue;
		text = addresses(e);
		node(d->f, "\t\t\t", e->id, "shape=box, style=\"filled,rounded\", fillcolor=white", e->name, text);
	}
}

static void draw_vpc(const struct drawing *d, const struct entry *vpc)
{
	static const struct {
		enum object_kind kind;
		const char *style;
	} parts[] = {
		{OBJECT_SG, "shape=ellipse, style=filled, fillcolor=\"#fff2cc\""},
		{OBJECT_IGW, "shape=hexagon, style=filled, fillcolor=\"#d5e8d4\""},
		{OBJECT_EIGW, "shape=hexagon, style=filled, fillcolor=\"#d5e8d4\""},
		{OBJECT_NAT, "shape=hexagon, style=filled, fillcolor=\"#d5e8d4\""},
	};

	cluster(d->f, "\t", vpc->id, "style=\"rounded\"; color=\"#6c8ebf\"; penwidth=2;", vpc->name,
		json_member_text(vpc->object, "cidr"));
	for (size_t i = 0; i < d->s->n; i++) {
		const struct entry *e = &d->s->entries[i];

		if (!is_in(e, "vpc_id", vpc->id))
			continue;
		if (e->kind == OBJECT_SUBNET) {
			cluster(d->f, "\t\t", e->id, "style=filled; color=\"#dae8fc\";", e->name,
				json_member_text(e->object, "cidr"));
			draw_enis(d, e);
			fprintf(d->f, "\t\t\t\"%s.\" [style=invis, shape=point];\n\t\t}\n", e->id);
		}
		for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
			if (parts[k].kind == e->kind)
				node(d->f, "\t\t", e->id, parts[k].style, e->name,
				     e->kind == OBJECT_SG ? NULL : kind_of(e->kind)->title);
	}
	fputs("\t}\n", d->f);
}

/* --- who may talk to whom ---------------------------------------------------------------------------------------- */

/* "tcp 443", "icmp", "all". Owned. */
static char *what(const json_t *rule)
{
	const char *protocol = json_member_text(rule, "protocol") ?: "";
	long long from = json_integer_value(json_object_get(rule, "from_port")),
		  to = json_integer_value(json_object_get(rule, "to_port"));
	char *text = NULL;
	int n;

	if (!json_is_integer(json_object_get(rule, "from_port")) || from < 0)
		n = asprintf(&text, "%s", protocol);
	else if (from == to || !strncmp(protocol, "icmp", 4))
		n = asprintf(&text, "%s %lld", protocol, from);
	else
		n = asprintf(&text, "%s %lld-%lld", protocol, from, to);
	return n < 0 ? NULL : text;
}

static int add_edge(struct drawing *d, const char *from, const char *to, const char *label)
{
	_cleanup_free_ char *key = NULL;
	json_t *edge;

	if (!label || asprintf(&key, "%s\001%s", from, to) < 0)
		return -ENOMEM;
	edge = json_object_get(d->edges, key);
	if (!edge) {
		edge = json_pack("{s:s,s:s,s:[]}", "from", from, "to", to, "labels");
		if (json_object_set_new(d->edges, key, edge) < 0)
			return -ENOMEM;
	}
	return json_array_append_new(json_object_get(edge, "labels"), json_string(label));
}

/* The node of a rule's peer. Owned. */
static char *peer_of(struct drawing *d, const json_t *rule)
{
	const struct entry *e = snapshot_member(d->s, rule, "sg_id") ?: snapshot_member(d->s, rule, "prefix_list_id");
	const char *cidr = json_member_text(rule, "cidr");
	char *text = NULL;

	if (e && e->kind == OBJECT_SG)
		return strdup(e->id);
	if (asprintf(&text, "%s%s", e ? "prefix list " : "", e ? e->name : cidr ? cidr : "") < 0)
		return NULL;
	json_object_set_new(d->outside, text, json_true());
	return text;
}

static int add_rules(struct drawing *d, const struct entry *sg)
{
	json_t *rules = json_object_get(sg->object, "rules"), *rule;
	size_t i;

	json_array_foreach (rules, i, rule) {
		bool ingress = !strcmp(json_member_text(rule, "direction") ?: "", "ingress");
		_cleanup_free_ char *label = what(rule), *peer = peer_of(d, rule);

		if (!peer || add_edge(d, ingress ? peer : sg->id, ingress ? sg->id : peer, label) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_drawn(const struct drawing *d, const char *vpc)
{
	return !d->vpc || (vpc && !strcmp(d->vpc, vpc));
}

static void draw_edges(const struct drawing *d)
{
	const char *key;
	json_t *edge;

	json_object_foreach (d->edges, key, edge) {
		json_t *labels = json_object_get(edge, "labels"), *label;
		size_t i;

		fputs("\t\"", d->f);
		quote(d->f, json_member_text(edge, "from"));
		fputs("\" -> \"", d->f);
		quote(d->f, json_member_text(edge, "to"));
		fputs("\" [label=\"", d->f);
		json_array_foreach (labels, i, label) {
			if (i == LABEL_LINES) {
				fprintf(d->f, "and %zu more", json_array_size(labels) - i);
				break;
			}
			quote(d->f, json_string_value(label));
			fputs("\\n", d->f);
		}
		fputs("\"];\n", d->f);
	}
}

static void draw_memberships(const struct drawing *d)
{
	for (size_t i = 0; i < d->s->n; i++) {
		const struct entry *e = &d->s->entries[i];
		json_t *groups = json_object_get(e->object, "security_groups"), *group;
		size_t k;

		if (e->kind != OBJECT_ENI || !is_drawn(d, json_member_text(e->object, "vpc_id")))
			continue;
		json_array_foreach (groups, k, group)
			fprintf(d->f, "\t\"%s\" -> \"%s\" [style=dashed, arrowhead=none, color=gray];\n", e->id,
				json_string_value(group));
	}
}

static void draw_peerings(const struct drawing *d)
{
	for (size_t i = 0; i < d->s->n; i++) {
		const struct entry *e = &d->s->entries[i];
		const struct entry *a = snapshot_member(d->s, e->object, "vpc_id"),
				   *b = snapshot_member(d->s, e->object, "peer_vpc_id");
		_cleanup_free_ char *text = NULL;

		if (e->kind != OBJECT_PEERING || !a || !b || (!is_drawn(d, a->id) && !is_drawn(d, b->id)) ||
		    asprintf(&text, "%s - %s: %s", a->name, b->name, json_member_text(e->object, "status") ?: "") < 0)
			continue;
		node(d->f, "\t", e->id, "shape=cds, style=filled, fillcolor=\"#e1d5e7\"", e->name, text);
	}
}

static int draw(struct drawing *d)
{
	const char *text;
	json_t *value;

	fputs("digraph vpcd {\n\trankdir=LR;\n\tfontname=\"sans-serif\";\n"
	      "\tnode [fontname=\"sans-serif\", fontsize=11];\n\tedge [fontname=\"sans-serif\", fontsize=9];\n",
	      d->f);
	for (size_t i = 0; i < d->s->n; i++) {
		const struct entry *e = &d->s->entries[i];

		if (e->kind == OBJECT_VPC && is_drawn(d, e->id))
			draw_vpc(d, e);
		if (e->kind == OBJECT_SG && is_drawn(d, json_member_text(e->object, "vpc_id")) && add_rules(d, e) < 0)
			return -ENOMEM;
	}
	json_object_foreach (d->outside, text, value)
		node(d->f, "\t", text, "shape=plaintext", text, NULL);
	draw_peerings(d);
	draw_memberships(d);
	draw_edges(d);
	fputs("}\n", d->f);
	return 0;
}

int graph_dot(FILE *f, const struct snapshot *s, const char *vpc)
{
	struct drawing d = {.f = f, .s = s, .vpc = vpc, .edges = json_object(), .outside = json_object()};
	int r = d.edges && d.outside ? draw(&d) : -ENOMEM;

	json_decref(d.edges);
	json_decref(d.outside);
	return r;
}
