/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts as they happen, for vpcctl monitor: produced by the programs only while somebody listens. */
#include "engine/flows/verdicts.h"

#include <vpc/clock.h>
#include "datapath/maps/maps.h"
#include "engine/engine_private.h"

#include "datapath/maps/events.h"
#include "engine/flows/advice.h"
#include "engine/flows/flow_logs.h"
#include "observe/drop_reason.h"
#include "observe/flow_json.h"
#include "util/json.h"
#include "util/log.h"

struct verdict_listener {
	struct engine *e;
	bool drops_only;
	uint32_t eni;
	void (*fn)(const json_t *verdict, void *userdata);
	void *userdata;
	struct verdict_listener *next;
};

/* --- names ------------------------------------------------------------------------------------------- */

static const char *event_name(const struct vpc_event *ev)
{
	static const char *const names[] = {
		[VPC_EVENT_DROP] = "drop",
		[VPC_EVENT_OPEN] = "open",
		[VPC_EVENT_REJUDGE] = "rejudge",
		[VPC_EVENT_CUT] = "cut",
	};
	return ev->type < ARRAY_SIZE(names) && names[ev->type] ? names[ev->type] : "unknown";
}

static const char *reason_name(const struct vpc_event *ev)
{
	return ev->reason < VPC_DROP_COUNT ? drop_reason_label(ev->reason) : "unknown";
}

static void set_eni(const struct engine *e, json_t *json, uint32_t number, const char *id_key, const char *name_key)
{
	const struct object *eni = number ? model_by_number(e->model, OBJECT_ENI, number) : NULL;

	json_object_set_new(json, id_key, eni ? json_string(eni->id) : json_null());
	json_object_set_new(json, name_key, eni ? json_string(eni->name) : json_null());
}

static json_t *verdict_to_json(const struct engine *e, const struct vpc_event *ev)
{
	struct flow_tuple flow = flow_tuple_of_event(ev);
	json_t *json = json_object(), *rules = json_array();

	json_object_set_new(json, "time", json_time_us(realtime_of_boottime_ns(ev->time_ns)));
	json_object_set_new(json, "event", json_string(event_name(ev)));
	json_object_set_new(json, "reason", ev->type == VPC_EVENT_DROP ? json_string(reason_name(ev)) : json_null());
	json_object_set_new(json, "direction", json_string(ev->direction == VPC_INGRESS ? "ingress" : "egress"));
	set_eni(e, json, ev->eni, "eni_id", "eni");
	set_eni(e, json, ev->peer, "peer_eni_id", "peer_eni");
	flow_put_json(json, &flow);
	for (size_t i = 0; i < ARRAY_SIZE(ev->rule); i++) {
		const char *id = rule_names_id(&e->rule_names, e->model, ev->rule[i], NULL);

		if (id)
			json_array_append_new(rules, json_string(id));
	}
	json_object_set_new(json, "rule_ids", rules);
	/* A flow that was cut by hand has an epoch that no change of rules reaches. */
	json_object_set_new(json, "epoch",
			    json_integer((json_int_t)(ev->epoch == VPC_EPOCH_CUT ? maps_epoch(e->maps) : ev->epoch)));
	json_object_set_new(json, "length", json_integer(ev->length));
	return json;
}

/* --- passing on -------------------------------------------------------------------------------------- */

static void deliver(const struct vpc_event *ev, void *userdata)
{
	struct engine *e = userdata;
	json_t *json = NULL;

	flow_logs_event(e, ev);
	advice_event(e, ev);
	for (struct verdict_listener *l = e->listeners, *next; l; l = next) {
		next = l->next;
		if (ev->lost) {
			json_t *lost = json_pack("{s:s,s:I}", "event", "lost", "lost", (json_int_t)ev->lost);

			l->fn(lost, l->userdata);
			json_decref(lost);
		}
		if (l->drops_only && ev->type != VPC_EVENT_DROP)
			continue;
		if (l->eni && l->eni != ev->eni && l->eni != ev->peer)
			continue;
		if (!json)
			json = verdict_to_json(e, ev);
		l->fn(json, l->userdata);
	}
	json_decref(json);
}

static int on_events(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct engine *e = userdata;

	(void)source, (void)fd, (void)revents;
	maps_events_read(e->maps, deliver, e);
	return 0;
}

void verdicts_update(struct engine *e)
{
	uint32_t bits = flow_logs_listening(e);

	for (const struct verdict_listener *l = e->listeners; l; l = l->next)
		bits |= VPC_LISTEN_DROPS | (l->drops_only ? 0 : VPC_LISTEN_FLOWS);
	if (bits && !e->events_source &&
	    sd_event_add_io(e->event, &e->events_source, maps_events_fd(e->maps), EPOLLIN, on_events, e) < 0)
		log_warning("the programs' events can't be read");
	maps_listen(e->maps, bits);
}

void verdicts_read(struct engine *e)
{
	maps_events_read(e->maps, deliver, e);
}

int engine_listen(struct engine *e, bool drops_only, uint32_t eni, void (*fn)(const json_t *verdict, void *userdata),
		  void *userdata, struct verdict_listener **ret)
{
	struct verdict_listener *l;

	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct verdict_listener){
		.e = e, .drops_only = drops_only, .eni = eni, .fn = fn, .userdata = userdata, .next = e->listeners};
	e->listeners = l;
	verdicts_update(e);
	*ret = l;
	return 0;
}

void engine_unlisten(struct verdict_listener *l)
{
	struct verdict_listener **at;

	if (!l)
		return;
	for (at = &l->e->listeners; *at != l; at = &(*at)->next)
		;
	*at = l->next;
	verdicts_update(l->e);
	free(l);
}

void verdicts_close(struct engine *e)
{
	while (e->listeners)
		engine_unlisten(e->listeners);
	e->events_source = sd_event_source_unref(e->events_source);
}
