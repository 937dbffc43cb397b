/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What requests get back: objects with their counters, and results of changes. */
#include "engine/txn/reply.h"

#include <vpc/clock.h>
#include "datapath/net/net.h"
#include "engine/engine_private.h"
#include "util/json.h"

#include "datapath/maps/counters.h"
#include "engine/condition.h"
#include "engine/flows/flow_logs.h"
#include "engine/reports/gateways.h"
#include "engine/reports/traffic.h"
#include "observe/drop_reason.h"
#include "observe/traffic_json.h"

/* So many results of a transaction show all of one object that has a list, and after that only the first and the last:
 * the reply's size would grow with the square of the changes. */
#define WHOLE_MAX 16

/* --- objects ----------------------------------------------------------------------------------------- */

static int add_eni_counters(struct engine *e, const struct object *o, json_t *json)
{
	struct eni_counters c = {0};
	json_t *drops = json_object();

	if (!drops || maps_eni_counters(e->maps, o->number, &c) < 0) {
		json_decref(drops);
		return -ENOMEM;
	}
	for (size_t i = 1; i < VPC_DROP_COUNT; i++)
		if (c.drops[i])
			json_object_set_new(drops, drop_reason_label((int)i), json_integer((json_int_t)c.drops[i]));
	if (json_object_set_new(json, "counters", json_object()) < 0) {
		json_decref(drops);
		return -ENOMEM;
	}
	return traffic_put_json(json_object_get(json, "counters"), &c.traffic) |
	       json_object_set_new(json_object_get(json, "counters"), "drops", drops);
}

/* What the ENIs of a VPC received and sent since it was made, those that are gone included. */
static int add_vpc_counters(struct engine *e, const struct object *o, json_t *json)
{
	struct vpc_eni_stat sum;

	traffic_refresh_vpc(e, o->number, &sum);
	return json_object_set_new(json, "counters", json_object()) |
	       traffic_put_json(json_object_get(json, "counters"), &sum);
}

/* What a gateway let through, each way. */
static int add_gateway_counters(struct engine *e, const struct object *o, json_t *json)
{
	struct vpc_eni_stat stat;

	if (gateway_read(e, o, &stat) < 0)
		return -ENOMEM;
	return json_object_set_new(json, "counters", json_object()) |
	       traffic_put_json(json_object_get(json, "counters"), &stat);
}

static int add_rule_counters(struct engine *e, const struct object *o, json_t *json)
{
	struct rule_counters c = {0};
	int r;

	maps_rule_counters(e->maps, o->number, &c); /* -ENOENT: in no map yet, so zero */
	r = json_object_set_new(json, "packets", json_integer((json_int_t)c.packets));
	r |= json_object_set_new(json, "bytes", json_integer((json_int_t)c.bytes));
	r |= json_object_set_new(json, "last_used",
				 c.last_used_ns ? json_time_s(realtime_of_boottime_ns(c.last_used_ns)) : json_null());
	return r ? -ENOMEM : 0;
}

/* Whether somebody runs a VM on it, and where its tap is: that tells by whom. */
static int add_tap_state(struct engine *e, const struct object *o, json_t *json)
{
	json_t *attachment = json_object_get(json, "attachment");
	uint32_t vpc = eni_of(o)->vpc;

	if (eni_of(o)->attachment.kind != ATTACHMENT_TAP)
		return 0;
	return json_object_set_new(attachment, "netns_inode", json_integer((json_int_t)net_vpc_inode(e->net, vpc))) |
	       json_object_set_new(attachment, "open", json_boolean(net_tap_is_open(e->net, vpc, o->number)));
}

static int add_group_counters(struct engine *e, const struct object *o, json_t *json)
{
	json_t *rules = json_object_get(json, "rules");
	const struct rule *rule = NULL;
	size_t i = 0;

	/* model_to_json lists them in the same order. */
	while ((rule = model_next_rule(e->model, o->number, rule)) && i < json_array_size(rules))
		if (add_rule_counters(e, &rule->o, json_array_get(rules, i++)) < 0)
			return -ENOMEM;
	return 0;
}

static int add_eni_state(struct engine *e, const struct object *o, json_t *json)
{
	return add_eni_counters(e, o, json) | add_tap_state(e, o, json);
}

/* What the engine knows of an object beside the model, by kind; NULL: nothing. */
static int (*const add_state[OBJECT_KINDS])(struct engine *e, const struct object *o, json_t *json) = {
	[OBJECT_VPC] = add_vpc_counters,	 [OBJECT_SG] = add_group_counters,
	[OBJECT_RULE] = add_rule_counters,	 [OBJECT_ENI] = add_eni_state,
	[OBJECT_FLOW_LOG] = flow_logs_put_json,	 [OBJECT_IGW] = add_gateway_counters,
	[OBJECT_EIGW] = add_gateway_counters,	 [OBJECT_NAT] = add_gateway_counters,
	[OBJECT_PEERING] = add_gateway_counters,
};

json_t *engine_object_json(struct engine *e, const struct object *o)
{
	json_t *json = model_to_json(e->model, o);

	if (json && add_state[o->kind] && add_state[o->kind](e, o, json) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* --- results of changes ------------------------------------------------------------------------------ */

/* The rules that were made, or the ids of those that are gone. */
static json_t *rules_to_json(struct engine *e, const struct change_result *r)
{
	json_t *rules = json_array();

	for (size_t i = 0; rules && i < r->n_rule_ids; i++) {
		const struct object *rule = model_find(e->model, OBJECT_RULE, r->rule_ids[i]);
		json_t *one = rule ? engine_object_json(e, rule) : json_pack("{s:s}", "id", r->rule_ids[i]);

		if (!one || json_array_append_new(rules, one) < 0) {
			json_decref(rules);
			return NULL;
		}
	}
	return rules;
}

/* What the change made or changed. whole: with all that is known of the object. NULL: out of memory. */
static json_t *result_to_json(struct engine *e, enum change_op op, const struct change_result *r, bool whole)
{
	const struct object *o = model_find(e->model, change_op_kind(op), r->id);

	if (op == CHANGE_SG_AUTHORIZE || op == CHANGE_SG_REVOKE)
		return json_pack("{s:s,s:o}", "id", r->id, "rules", rules_to_json(e, r));
	return o && whole ? engine_object_json(e, o) : json_pack("{s:s}", "id", r->id);
}

/* Whether the change's result shows an object with a list that may be long. */
static bool shows_list(const struct change *c)
{
	return model_has_list(change_op_kind(c->op)) && c->op != CHANGE_SG_AUTHORIZE && c->op != CHANGE_SG_REVOKE;
}

/* Which results show an object that has a list, each by the object's id. */
struct shown {
	json_t *first, *last; /* the result's place */
	json_t *times;
};

static json_int_t at_id(const json_t *object, const char *id)
{
	return json_integer_value(json_object_get(object, id));
}

static int note_shown(const struct change *changes, const struct change_result *results, size_t n, struct shown *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *id = results[i].id;

		if (!shows_list(&changes[i]))
			continue;
		if (!json_object_get(s->first, id))
			r = json_object_set_new(s->first, id, json_integer((json_int_t)i));
		r |= json_object_set_new(s->last, id, json_integer((json_int_t)i));
		r |= json_object_set_new(s->times, id, json_integer(at_id(s->times, id) + 1));
	}
	return r ? -ENOMEM : 0;
}

static bool is_whole(const struct shown *s, const char *id, size_t i)
{
	return at_id(s->times, id) <= WHOLE_MAX || at_id(s->first, id) == (json_int_t)i ||
	       at_id(s->last, id) == (json_int_t)i;
}

json_t *results_to_json(struct engine *e, const struct change *changes, const struct change_result *results, size_t n)
{
	_cleanup_json_ json_t *first = json_object(), *last = json_object(), *times = json_object(),
			      *list = json_array();
	struct shown shown = {.first = first, .last = last, .times = times};

	if (!first || !last || !times || !list || note_shown(changes, results, n, &shown) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const char *id = results[i].id;
		bool whole = !shows_list(&changes[i]) || is_whole(&shown, id, i);

		if (json_array_append_new(list, result_to_json(e, changes[i].op, &results[i], whole)) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

/* --- warnings ---------------------------------------------------------------------------------------- */

/* So many of elastic IPs in one reply. */
#define EIP_WARNINGS_MAX 20

/* VPCs that the host does not reach, in spite of host access (edge_overlap). */
static void warn_of_vpcs(struct engine *e, const struct plan *plan, json_t *list)
{
	for (size_t i = 0; i < plan->n_vpcs; i++) {
		const char *id = plan->vpcs[i].after.id;
		const struct condition *c =
			plan->vpcs[i].has_after ? condition_find(e->conditions, CONDITION_EDGE, id) : NULL;

		if (c)
			json_array_append_new(list, json_sprintf("%s: %s", id, c->reason));
	}
}

/* The VPC of what was associated, if it has no internet gateway, by which alone an ENI's elastic IP works. */
static const struct object *vpc_without_gateway(const struct model *m, const char *eip)
{
	const struct object *o = model_find(m, OBJECT_EIP, eip);
	const struct object *vpc = o && eip_of(o)->eni ? model_by_number(m, OBJECT_VPC, eip_of(o)->vpc) : NULL;

	return vpc && model_referrers(m, OBJECT_VPC, vpc->number, OBJECT_IGW, NULL, 0) == 0 ? vpc : NULL;
}

static void warn_of_eips(struct engine *e, const struct change *changes, const struct change_result *results, size_t n,
			 json_t *list)
{
	unsigned left = EIP_WARNINGS_MAX;

	for (size_t i = 0; i < n && left > 0; i++) {
		const struct object *vpc =
			changes[i].op == CHANGE_EIP_ASSOCIATE ? vpc_without_gateway(e->model, results[i].id) : NULL;

		if (!vpc)
			continue;
		left--;
		json_array_append_new(list, json_sprintf("%s: nothing comes or goes by it, as %s has no internet "
							 "gateway: vpcctl igw create --vpc %s, then vpcctl route add",
							 results[i].id, vpc->id, vpc->name));
	}
}

json_t *warnings_to_json(struct engine *e, const struct plan *plan, const struct change *changes,
			 const struct change_result *results, size_t n)
{
	json_t *list = json_array();

	if (list) {
		warn_of_vpcs(e, plan, list);
		warn_of_eips(e, changes, results, n, list);
	}
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

json_t *engine_reply_encode(const struct engine_reply *reply)
{
	json_t *json = json_pack("{s:I,s:I,s:I,s:O}", "revision", (json_int_t)reply->revision, "epoch",
				 (json_int_t)reply->epoch, "enforced_ns", (json_int_t)reply->enforced_ns, "results",
				 reply->results);
	int r = 0;

	if (!json)
		return NULL;
	if (json_array_size(reply->pending))
		r |= json_object_set(json, "pending", reply->pending);
	if (json_array_size(reply->warnings))
		r |= json_object_set(json, "warnings", reply->warnings);
	if (reply->cut_flows) {
		json_t *total = reply->cut_flows_pending || reply->cut_flows_uncounted
					? json_null()
					: json_integer((json_int_t)reply->cut_flows_total);

		r |= json_object_set(json, "cut_flows", reply->cut_flows);
		r |= json_object_set_new(json, "cut_flows_total", total);
	}
	if (reply->dry_run)
		r |= json_object_set_new(json, "dry_run", json_true());
	if (r) {
		json_decref(json);
		return NULL;
	}
	return json;
}
