/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /v1/status: what runs, how much of it, and what is wrong now; the same as metrics. */
#include "engine/reports/status.h"

#include <sys/utsname.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "datapath/maps/counters.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/shares.h"
#include "engine/condition.h"
#include "engine/devices/edge.h"
#include "engine/engine_private.h"
#include "engine/flows/flow_counts.h"
#include "engine/txn/confirm.h"
#include "engine/upkeep/audit_maps.h"
#include "observe/metrics.h"
#include "util/json.h"

static json_t *limits_to_json(const struct vpc_limits *limits)
{
	json_t *json = json_object();

#define LIMIT(symbol, value, text) json_object_set_new(json, #symbol, json_integer(limits->symbol));
#include <vpc/limits.def>
#undef LIMIT
	return json;
}

static json_t *counts_to_json(const struct engine *e)
{
	json_t *json = json_object();
	const struct object *o = NULL;
	json_int_t attached = 0;

	for (enum object_kind kind = 0; kind < OBJECT_KINDS; kind++)
		json_object_set_new(json, kind_of(kind)->list, json_integer((json_int_t)model_count(e->model, kind)));
	while ((o = model_next(e->model, OBJECT_ENI, o)))
		attached += eni_of(o)->attachment.kind != ATTACHMENT_NONE;
	json_object_set_new(json, "attached_enis", json_integer(attached));
	return json;
}

/* When it is tried again; null: when an event says that it may work. */
static json_t *retry_to_json(uint64_t retry_ns)
{
	uint64_t now_ns = monotonic_ns();

	if (!retry_ns)
		return json_null();
	return json_time_s(realtime_ns() + (retry_ns > now_ns ? retry_ns - now_ns : 0));
}

static const struct object *find_object(const struct engine *e, const char *id)
{
	enum object_kind kind = kind_of_id(id);

	return kind < OBJECT_KINDS ? model_find(e->model, kind, id) : NULL;
}

uint32_t engine_vpc_of(const struct engine *e, const char *id)
{
	const struct object *o = find_object(e, id);

	return o ? model_vpc_of(e->model, o) : 0;
}

/* Its id and name, as "eni_id" and "eni". */
static void add_name(const struct object *o, json_t *json)
{
	const struct kind *k = kind_of(o->kind);

	if (k->scope == SCOPE_PART)
		return;
	json_object_set_new(json, k->field_id, json_string(o->id));
	json_object_set_new(json, k->field, json_string(o->name));
}

/* The object that a condition is about, and its VPC. */
static void add_names(const struct engine *e, const char *id, json_t *json)
{
	const struct object *o = find_object(e, id), *vpc;

	if (!o)
		return;
	vpc = model_by_number(e->model, OBJECT_VPC, model_vpc_of(e->model, o));
	if (vpc)
		add_name(vpc, json);
	if (o != vpc)
		add_name(o, json);
}

struct listing {
	const struct engine *e;
	json_t *list;
};

static void list_condition(const struct condition *c, void *userdata)
{
	const struct listing *l = userdata;
	json_t *json = json_pack("{s:s,s:s,s:s,s:o,s:o,s:i}", "subsystem", condition_subsystem_name(c->subsystem),
				 "object", c->object, "reason", c->reason, "since", json_time_s(c->since_ns),
				 "next_retry", retry_to_json(c->retry_ns), "failures", (int)c->failures);

	if (!json)
		return;
	add_names(l->e, c->object, json);
	json_array_append_new(l->list, json);
}

/* What is wrong now, and what the worker has yet to delete. */
static json_t *pending_to_json(const struct engine *e)
{
	struct listing l = {.e = e, .list = json_array()};

	if (!l.list)
		return NULL;
	condition_each(e->conditions, list_condition, &l);
	if (e->confirm)
		json_array_append_new(l.list, confirm_pending(e));
	if (e->removing)
		json_array_append_new(l.list, json_pack("{s:s,s:s,s:o}", "subsystem", "removal", "object", "", "reason",
							json_sprintf("%u deletions of devices run", e->removing)));
	return l.list;
}

/* What each VPC has of the map of established flows. */
static json_t *flow_shares_to_json(const struct engine *e)
{
	const struct object *o = NULL;
	json_t *json = json_object();

	while (json && (o = model_next(e->model, OBJECT_VPC, o))) {
		struct vpc_flows_count n;

		maps_vpc_flows(e->maps, o->number, &n);
		json_object_set_new(json, o->id,
				    json_pack("{s:I,s:I,s:I,s:I}", "established", (json_int_t)n.established,
					      "half_open", (json_int_t)n.half_open, "guaranteed",
					      (json_int_t)n.guaranteed, "room", (json_int_t)n.room));
	}
	return json;
}

json_t *engine_status(struct engine *e)
{
	struct utsname uts = {0};

	uname(&uts);
	return json_pack("{s:s,s:s,s:I,s:I,s:s,s:b,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:s,s:s,s:b,s:i},s:o,s:s,s:o,s:o}",
			 "instance", e->instance, "version", VPCD_VERSION, "epoch", (json_int_t)maps_epoch(e->maps),
			 "revision", (json_int_t)e->revision, "engine", "ebpf", "fast_path", (int)e->fast_path,
			 "attach_mode", net_attach_mode(e->net), "edge", edge_status(e), "pending", pending_to_json(e),
			 "limits", limits_to_json(&e->limits), "counts", counts_to_json(e), "maps",
			 maps_status(e->maps), "flow_shares", flow_shares_to_json(e), "kernel", "release", uts.release,
			 "machine", uts.machine, "tcx", strcmp(net_attach_mode(e->net), "tcx") == 0, "abi",
			 VPC_ABI_VERSION, "health", conditions_health(e->conditions), "rule_counters", "flows judged",
			 "audit", maps_audit_json(e), "flow_counts", flow_counts_status(e));
}

char *engine_metrics(struct engine *e, const json_t *traffic, size_t *ret_size)
{
	_cleanup_json_ json_t *status = engine_status(e);

	return metrics_text(status, traffic, ret_size);
}
