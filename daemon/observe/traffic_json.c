/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/traffic_json.h"

#include <stdlib.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "util/json.h"

int traffic_put_json(json_t *object, const struct vpc_eni_stat *stat)
{
	return json_object_set_new(object, "rx_packets", json_integer((json_int_t)stat->rx_packets)) |
	       json_object_set_new(object, "rx_bytes", json_integer((json_int_t)stat->rx_bytes)) |
	       json_object_set_new(object, "tx_packets", json_integer((json_int_t)stat->tx_packets)) |
	       json_object_set_new(object, "tx_bytes", json_integer((json_int_t)stat->tx_bytes));
}

static uint64_t bytes_of(const struct vpc_eni_stat *stat)
{
	return stat->rx_bytes + stat->tx_bytes;
}

static int compare_enis(const void *a, const void *b)
{
	const struct eni_traffic *x = a, *y = b;

	if (bytes_of(&x->stat) != bytes_of(&y->stat))
		return bytes_of(&x->stat) < bytes_of(&y->stat) ? 1 : -1;
	return (x->eni > y->eni) - (x->eni < y->eni);
}

void eni_traffic_sort(struct eni_traffic *enis, size_t n)
{
	if (n)
		qsort(enis, n, sizeof(*enis), compare_enis);
}

static int compare_gateways(const void *a, const void *b)
{
	const struct gateway_traffic *x = a, *y = b;

	if (bytes_of(&x->stat) != bytes_of(&y->stat))
		return bytes_of(&x->stat) < bytes_of(&y->stat) ? 1 : -1;
	return (x->row > y->row) - (x->row < y->row);
}

void gateway_traffic_sort(struct gateway_traffic *gateways, size_t n)
{
	if (n)
		qsort(gateways, n, sizeof(*gateways), compare_gateways);
}

/* An object's id and name, and the id and name of its VPC. */
static json_t *named(const struct model *m, const struct object *o)
{
	const struct object *vpc = model_by_number(m, OBJECT_VPC, model_vpc_of(m, o));

	return json_pack("{s:s, s:s, s:s, s:s}", "id", o->id, "name", o->name ?: "", "vpc_id", vpc ? vpc->id : "",
			 "vpc", vpc ? vpc->name : "");
}

static json_t *vpcs_json(const struct traffic_report *r)
{
	_cleanup_json_ json_t *list = json_array();
	const struct object *o = NULL;

	while (list && (o = model_next(r->model, OBJECT_VPC, o))) {
		struct vpc_eni_stat sum = traffic_of_vpc(r->vpcs, o->number);
		json_t *json = json_pack("{s:s, s:s}", "id", o->id, "name", o->name);

		if (json_array_append_new(list, json) < 0 || traffic_put_json(json, &sum) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static json_t *enis_json(const struct traffic_report *r)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_enis; i++) {
		const struct object *o = model_by_number(r->model, OBJECT_ENI, r->enis[i].eni);
		json_t *json;

		if (!o)
			continue;
		json = named(r->model, o);
		if (json_array_append_new(list, json) < 0 || traffic_put_json(json, &r->enis[i].stat) < 0 ||
		    json_object_set_new(json, "drops", json_integer((json_int_t)r->enis[i].drops)) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

/* The VPC of a gateway, or of a peering the one that asked for it. */
static const struct object *gateway_vpc(const struct model *m, const struct object *o)
{
	uint32_t number = o->kind == OBJECT_IGW	      ? igw_of(o)->vpc
			  : o->kind == OBJECT_PEERING ? peering_of(o)->vpc
						      : model_vpc_of(m, o);

	return number ? model_by_number(m, OBJECT_VPC, number) : NULL;
}

static json_t *gateways_json(const struct traffic_report *r)
{
	_cleanup_json_ json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_gateways; i++) {
		const struct object *o = model_by_number(r->model, r->gateways[i].kind, r->gateways[i].number);
		const struct object *vpc = o ? gateway_vpc(r->model, o) : NULL, *peer = NULL;
		json_t *json;

		if (!o)
			continue;
		if (o->kind == OBJECT_PEERING)
			peer = model_by_number(r->model, OBJECT_VPC, peering_of(o)->peer_vpc);
		json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s?}", "id", o->id, "name", o->name ?: "", "kind",
				 kind_of(o->kind)->noun, "vpc_id", vpc ? vpc->id : "", "vpc", vpc ? vpc->name : "",
				 "peer_vpc_id", peer ? peer->id : NULL, "peer_vpc", peer ? peer->name : NULL);
		if (json_array_append_new(list, json) < 0 || traffic_put_json(json, &r->gateways[i].stat) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

static int add_rule(const struct traffic_report *r, const struct object *o, json_t *list)
{
	const struct object *sg = model_by_number(r->model, OBJECT_SG, ((const struct rule *)o)->sg);
	/* What every object has, and a rule doesn't need here. */
	static const char *const of_objects[] = {"name", "tags", "revision", "stale"};
	uint64_t packets = 0, bytes = 0;
	json_t *json;

	if (r->rule(o->number, &packets, &bytes, r->userdata) < 0)
		return 0;
	json = model_to_json(r->model, o);
	if (json_array_append_new(list, json) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(of_objects); i++)
		json_object_del(json, of_objects[i]);
	return json_object_set_new(json, "security_group", json_string(sg ? sg->name : "")) |
	       json_object_set_new(json, "packets", json_integer((json_int_t)packets)) |
	       json_object_set_new(json, "bytes", json_integer((json_int_t)bytes));
}

/* A rule may have several rows; it is reported once. */
static json_t *rules_json(const struct traffic_report *r)
{
	_cleanup_json_ json_t *list = json_array(), *told = json_object();

	for (size_t i = 0; list && told && i < r->n_rows; i++) {
		const struct object *o = model_by_number(r->model, OBJECT_RULE, r->rows[i].rule);

		if (!o || json_object_get(told, o->id))
			continue;
		if (json_object_set_new(told, o->id, json_true()) < 0 || add_rule(r, o, list) < 0)
			return NULL;
	}
	return TAKE_PTR(list);
}

json_t *traffic_report_json(const struct traffic_report *r)
{
	return json_pack("{s:o, s:I, s:o, s:o, s:I, s:o, s:I, s:o, s:I}", "time", json_time_us(r->realtime_ns),
			 "time_ns", (json_int_t)r->monotonic_ns, "vpcs", vpcs_json(r), "enis", enis_json(r),
			 "enis_left_out", (json_int_t)r->enis_left_out, "gateways", gateways_json(r),
			 "gateways_left_out", (json_int_t)r->gateways_left_out, "rules", rules_json(r),
			 "rules_left_out", (json_int_t)r->rows_left_out);
}
