/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/advice_report.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <vpc/clock.h>

#include "datapath/maps/counters.h"
#include "util/json.h"

/* How exactly flows tell when they were last used. */
#define FLOW_USED_NS (2 * NS_PER_S)
/* A flow that is idle for longer has ended (tcp_idle_s of ENIs). */
#define IDLE_MAX_NS  (432000 * NS_PER_S)

enum opinion {
	KEEP,
	REMOVE,
	NARROW,
	UNKNOWN,
};

/* What is said of a rule. */
struct saying {
	enum opinion opinion;
	char *why; /* owned */
	struct advice_box box[ADVICE_BOXES];
	uint8_t n;
};

/* --- time --------------------------------------------------------------------------------------------------------- */

/* CLOCK_BOOTTIME of the question's time; 0: before the machine started. */
static uint64_t since_ns(const struct advice_question *q, const struct advice_vpc *v)
{
	uint64_t now_s = realtime_s(), ago_ns;

	if (!q->since_s)
		return v && v->since_ns > q->times->since_ns ? v->since_ns : q->times->since_ns;
	ago_ns = now_s > q->since_s ? (now_s - q->since_s) * NS_PER_S : 0;
	return q->now_ns > ago_ns ? q->now_ns - ago_ns : 0;
}

/* "…; --since DATE judges by what came later", of the first whole second behind a moment. */
static char *later_text(const char *what, uint64_t boottime_ns)
{
	_cleanup_json_ json_t *time = json_time_s(realtime_of_boottime_ns(boottime_ns) + NS_PER_S);
	char *text;

	if (asprintf(&text, "%s; ask for what came later: --since %s", what, json_string_value(time) ?: "") < 0)
		return NULL;
	return text;
}

/* --- boxes and rules ---------------------------------------------------------------------------------------------- */

static bool has_ports(int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static bool is_icmp(int protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* A rule that allows what is in the box, and nothing that `rule` doesn't. ret borrows what rule owns. */
static void narrow(const struct rule *rule, const struct advice_box *box, struct rule *ret)
{
	*ret = *rule;
	if (rule->peer == PEER_CIDR)
		ret->cidr = box->peer;
	if (box->protocol < 0)
		return;
	ret->protocol = box->protocol;
	ret->from_port = ret->to_port = -1;
	if (has_ports(box->protocol)) {
		ret->from_port = box->from;
		ret->to_port = box->to;
	} else if (is_icmp(box->protocol) && box->from >> 8 == box->to >> 8) {
		ret->from_port = box->from >> 8;
		ret->to_port = box->from == box->to ? box->from & 0xff : -1;
	}
}

static bool same_words(const struct rule *a, const struct rule *b)
{
	return a->protocol == b->protocol && a->from_port == b->from_port && a->to_port == b->to_port &&
	       (a->peer != PEER_CIDR || (a->cidr.plen == b->cidr.plen && ip_equal(&a->cidr.addr, &b->cidr.addr)));
}

/* Nothing narrower could be said. */
static bool is_narrow(const struct rule *r)
{
	bool one_peer = r->peer != PEER_CIDR || r->cidr.plen == (r->cidr.addr.family == 4 ? 32 : 128);

	if (r->protocol < 0 || !one_peer)
		return false;
	if (is_icmp(r->protocol))
		return r->from_port >= 0 && r->to_port >= 0;
	return !has_ports(r->protocol) || r->from_port == r->to_port;
}

static int put_rule(const struct model *m, const struct rule *rule, json_t *list)
{
	static const char *const keys[] = {"direction", "protocol", "from_port",     "to_port",
					   "cidr",	"sg_id",    "prefix_list_id"};
	_cleanup_json_ json_t *whole = model_to_json(m, &rule->o);
	json_t *words = json_object();
	int r = whole ? 0 : -1;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(keys); i++)
		if (json_object_get(whole, keys[i]))
			r = json_object_set(words, keys[i], json_object_get(whole, keys[i]));
	return json_array_append_new(list, words) | r;
}

/* --- one rule ----------------------------------------------------------------------------------------------------- */

static void say(struct saying *s, enum opinion opinion, char *why)
{
	s->opinion = opinion;
	s->why = why;
}

static void say_unknown(struct saying *s, const char *why)
{
	say(s, UNKNOWN, strdup(why));
}

/* The last gap in which the rule may have been used after `since` although the kernel's last use is older: a flow was
 * there already when vpcd ended, and had ended when it was back. Those that are judged, the kernel notes without vpcd.
 */
static const struct advice_gap *gap_of(const struct advice_question *q, uint64_t last_used_ns, uint64_t since)
{
	const struct advice_gap *last = NULL;

	for (uint32_t i = 0; last_used_ns && i < q->times->n_gaps; i++) {
		const struct advice_gap *gap = &q->times->gap[i];

		if (gap->end_ns > since && last_used_ns + IDLE_MAX_NS >= gap->begin_ns)
			last = gap;
	}
	return last;
}

static char *unused_text(uint64_t since)
{
	_cleanup_json_ json_t *time = json_time_s(realtime_of_boottime_ns(since));
	char *text;

	return asprintf(&text, "was not used since %s", json_string_value(time) ?: "") < 0 ? NULL : text;
}

static void judge_unused(const struct advice_question *q, const struct rule *rule, uint64_t last_used_ns,
			 uint64_t since, struct saying *s)
{
	const struct advice_gap *gap = gap_of(q, last_used_ns, since);

	if (q->looked_ns < since + FLOW_USED_NS)
		say_unknown(s,
			    "was not used, but flows that go on are still being looked at: ask again in a few seconds");
	else if (gap)
		say(s, UNKNOWN,
		    later_text("a connection that was open when vpcd was stopped may have used it", gap->end_ns));
	else if (rule->o.number >= q->times->first_rule || q->times->since_ns <= since)
		say(s, REMOVE, unused_text(since));
	else
		say(s, UNKNOWN, later_text("vpcd has not watched for so long", q->times->since_ns));
}

/* Why nobody knows all that the rule has allowed since then; false: it is known. */
static bool is_unknown(const struct advice_question *q, const struct advice_vpc *v, const struct advice_rule *seen,
		       uint64_t counter, uint64_t since, struct saying *s)
{
	if (!v)
		say_unknown(s,
			    "what it allows isn't watched: vpcctl vpc set VPC --count-flows on, and ask again later");
	else if (q->rounds < v->round + 2)
		say_unknown(s, "the flows that are there are still being read: ask again in a minute");
	else if (!seen && v->full)
		say_unknown(s, "too many rules of its VPC are used: there is no room to remember what this one allows");
	else if (!seen)
		say(s, UNKNOWN, later_text("what it allowed was not told to vpcd", q->now_ns));
	else if (seen->doubted || advice_is_behind(seen, counter))
		say_unknown(s, "it allowed something a moment ago: ask again in a few seconds");
	else if (seen->gap_ns > since)
		say(s, UNKNOWN, later_text("vpcd doesn't know of all that it allowed", seen->gap_ns));
	else
		return false;
	return true;
}

static void judge_width(const struct rule *rule, const struct advice_rule *seen, struct saying *s)
{
	struct rule words;

	for (uint8_t i = 0; i < seen->n; i++) {
		narrow(rule, &seen->box[i], &words);
		if (same_words(rule, &words)) {
			say(s, KEEP, strdup("all that it says was used"));
			return;
		}
	}
	memcpy(s->box, seen->box, sizeof(s->box));
	s->n = seen->n;
	say(s, NARROW,
	    strdup(seen->merged ? "is wider than what it allowed; the narrower rules are merged from more"
				: "is wider than what it allowed"));
}

static void judge(const struct advice_question *q, const struct advice_vpc *v, const struct rule *rule,
		  const struct rule_counters *c, bool in_force, struct saying *s)
{
	const struct advice_rule *seen = advice_find(q->advice, rule->o.number);
	uint64_t since = since_ns(q, v);

	if (!in_force)
		say_unknown(s, "it is not in force: its peer is gone; see vpcctl sg show");
	else if (c->last_used_ns < since || !c->last_used_ns)
		judge_unused(q, rule, c->last_used_ns, since, s);
	else if (is_narrow(rule))
		say(s, KEEP, strdup("was used, and can't be narrower"));
	else if (!is_unknown(q, v, seen, c->packets, since, s))
		judge_width(rule, seen, s);
}

static json_t *narrower_json(const struct advice_question *q, const struct rule *rule, const struct saying *s)
{
	json_t *list = json_array();
	struct rule words;
	int r = 0;

	for (uint8_t i = 0; r == 0 && i < s->n; i++) {
		narrow(rule, &s->box[i], &words);
		r = put_rule(q->model, &words, list);
	}
	if (r == 0)
		return list;
	json_decref(list);
	return NULL;
}

static int add_rule(const struct advice_question *q, const struct advice_vpc *v, const struct rule *rule, json_t *rules)
{
	static const char *const opinions[] = {
		[KEEP] = "keep", [REMOVE] = "remove", [NARROW] = "narrow", [UNKNOWN] = "unknown"};
	const struct advice_rule *seen = advice_find(q->advice, rule->o.number);
	json_t *json = model_to_json(q->model, &rule->o);
	struct rule_counters c = {0};
	struct saying s = {0};
	int r = maps_rule_counters(q->maps, rule->o.number, &c);

	judge(q, v, rule, &c, r != -ENOENT, &s);
	r = s.why && json ? 0 : -1;
	r |= json_object_set_new(json, "packets", json_integer((json_int_t)c.packets)) |
	     json_object_set_new(json, "bytes", json_integer((json_int_t)c.bytes)) |
	     json_object_set_new(json, "last_used",
				 c.last_used_ns ? json_time_s(realtime_of_boottime_ns(c.last_used_ns)) : json_null()) |
	     json_object_set_new(json, "advice", json_string(opinions[s.opinion])) |
	     json_object_set_new(json, "why", json_string(s.why ? s.why : "")) |
	     json_object_set_new(json, "merged", json_boolean(seen && seen->merged)) |
	     json_object_set_new(json, "narrower", narrower_json(q, rule, &s));
	free(s.why);
	return json_array_append_new(rules, json) | r;
}

/* --- the group ---------------------------------------------------------------------------------------------------- */

static json_t *time_of(uint64_t boottime_ns)
{
	return json_time_s(realtime_of_boottime_ns(boottime_ns));
}

json_t *advice_report(const struct advice_question *q)
{
	const struct object *vpc = model_by_number(q->model, OBJECT_VPC, q->sg->vpc);
	const struct advice_vpc *v = advice_vpc_find(q->advice, q->sg->vpc);
	_cleanup_json_ json_t *report = json_object();
	const struct rule *rule = NULL;
	json_t *rules = json_array();
	uint64_t since = since_ns(q, v);
	int r = json_object_set_new(report, "rules", rules);

	r |= json_object_set_new(report, "id", json_string(q->sg->o.id)) |
	     json_object_set_new(report, "name", json_string(q->sg->o.name)) |
	     json_object_set_new(report, "vpc_id", json_string(vpc ? vpc->id : "")) |
	     json_object_set_new(report, "vpc", json_string(vpc ? vpc->name : "")) |
	     json_object_set_new(report, "since", q->since_s ? json_time_s(q->since_s * NS_PER_S) : time_of(since)) |
	     json_object_set_new(report, "watched_since", time_of(q->times->since_ns)) |
	     json_object_set_new(report, "flows_watched_since", v ? time_of(v->since_ns) : json_null());
	while (r == 0 && (rule = model_next_rule(q->model, q->sg->o.number, rule)))
		r = add_rule(q, v, rule, rules);
	return r == 0 ? TAKE_PTR(report) : NULL;
}
