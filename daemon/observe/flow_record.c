/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/flows/flows.h"
#include "observe/flow_filter.h"
#include "observe/flow_json.h"

/* --- what the maps tell ------------------------------------------------------------------------------------------- */

/* The side of a flow with the outside that is an ENI of this VPC. */
static unsigned local_side(const struct vpc_flow *flow)
{
	return flow->eni[0] ? 0 : 1;
}

void flow_record_begin(struct flow_record *r, const struct maps *maps, const struct vpc_flow_key *key,
		       const struct vpc_flow *flow, uint64_t now_ns)
{
	unsigned local = local_side(flow);
	struct vpc_nat_entry out;

	*r = (struct flow_record){.key = *key, .flow = *flow, .now_ns = now_ns};
	r->paired = flow_pair_find(maps, key, flow, now_ns, &r->pair);
	if (r->paired)
		r->flow.state = (__u8)flow_pair_state(flow, &r->pair);
	if (!maps_flow_translation(maps, key, flow, &out))
		return;
	r->translation = out.flags & VPC_NAT_PUBLISHED ? FLOW_BY_PUBLISHED_PORT : FLOW_BY_NAT;
	r->outside_addr[local] = out.other.local;
	r->outside_addr[!local] = out.other.remote;
	r->outside_port[local] = out.other.lport;
	r->outside_port[!local] = out.other.rport;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static int set_name(char **ret, const char *name)
{
	free(*ret);
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

static void set_id(char ret[OBJECT_ID_MAX], const char *id)
{
	memcpy(ret, id, strnlen(id, OBJECT_ID_MAX - 1));
}

/* The ENI's number, its incarnation in the flow and the one that the number has. An ENI of a peered VPC is told by a
 * digest of its incarnation. */
static uint32_t side_number(const struct flow_record *r, const struct maps *maps, unsigned i, uint32_t *ret_incarnation,
			    uint32_t *ret_current)
{
	uint32_t number = r->flow.eni[i];

	*ret_incarnation = r->flow.incarnation[i];
	if (!number && *ret_incarnation) {
		number = *ret_incarnation & VPC_NUMBER_MASK;
		*ret_current = VPC_PEER_WORD(number, maps_eni_incarnation(maps, number));
		return number;
	}
	*ret_current = number ? maps_eni_incarnation(maps, number) : 0;
	return number;
}

static int name_eni(struct flow_record *r, const struct flow_context *c, unsigned i)
{
	uint32_t incarnation, current, number = side_number(r, c->maps, i, &incarnation, &current);
	const char *name = NULL, *id = eni_names_find(c->enis, c->model, number, incarnation, current, &name);

	if (!id)
		return 0;
	set_id(r->side[i].eni_id, id);
	return set_name(&r->side[i].eni, name);
}

static int name_rule(struct flow_record *r, const struct flow_context *c, unsigned i)
{
	const struct vpc_flow *judged = r->paired && !r->flow.eni[i] ? &r->pair.flow : &r->flow;
	uint32_t number = judged->eni[i] ? judged->rule[i] : 0, sg = 0;
	const char *id = rule_names_id(c->rules, c->model, number, &sg);
	const struct object *group = id ? model_by_number(c->model, OBJECT_SG, sg) : NULL;

	if (id)
		set_id(r->side[i].rule_id, id);
	if (!group)
		return 0;
	set_id(r->side[i].sg_id, group->id);
	return set_name(&r->side[i].sg, group->name);
}

static void name_elastic_ip(struct flow_record *r, const struct maps *maps)
{
	unsigned local = local_side(&r->flow), opener = r->flow.opener & 1;
	__be32 address = r->translation == FLOW_UNTRANSLATED ? maps_flow_elastic_ip(maps, &r->key, &r->flow) : 0;

	if (!address)
		return;
	r->translation = FLOW_BY_ELASTIC_IP;
	for (unsigned i = 0; i < 2; i++) {
		unsigned end = i ? !opener : opener;

		r->outside_addr[i] = i == local ? address : r->key.addr[end][3];
		r->outside_port[i] = r->key.port[end];
	}
}

static int name_vpc(const struct flow_context *c, uint32_t number, char ret_id[OBJECT_ID_MAX], char **ret)
{
	const struct object *vpc = model_by_number(c->model, OBJECT_VPC, number);

	if (!vpc)
		return 0;
	set_id(ret_id, vpc->id);
	return set_name(ret, vpc->name);
}

/* The VPC of the end that is in a peered one. */
static int name_peer_vpc(struct flow_record *r, const struct flow_context *c)
{
	int peer = flow_peer_side(&r->key, &r->flow);
	const struct object *eni =
		peer < 0 ? NULL : model_by_number(c->model, OBJECT_ENI, r->flow.incarnation[peer] & VPC_NUMBER_MASK);

	return eni ? name_vpc(c, model_vpc_of(c->model, eni), r->peer_vpc_id, &r->peer_vpc) : 0;
}

int flow_record_name(struct flow_record *r, const struct flow_context *context)
{
	int rc = name_vpc(context, r->key.vpc, r->vpc_id, &r->vpc);

	if (rc == 0)
		rc = name_peer_vpc(r, context);
	for (unsigned i = 0; rc == 0 && i < 2; i++) {
		rc = name_eni(r, context, i);
		if (rc == 0)
			rc = name_rule(r, context, i);
	}
	name_elastic_ip(r, context->maps);
	if (context->totals)
		r->counts = flow_totals_of(context->totals, &r->key, &r->flow);
	if (context->totals && r->paired && r->flow.eni[0] && !r->counts.known)
		r->counts = flow_totals_of(context->totals, &r->pair.key, &r->pair.flow);
	return rc;
}

void flow_record_clear(struct flow_record *r)
{
	free(TAKE_PTR(r->vpc));
	free(TAKE_PTR(r->peer_vpc));
	for (unsigned i = 0; i < 2; i++) {
		free(TAKE_PTR(r->side[i].eni));
		free(TAKE_PTR(r->side[i].sg));
	}
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static const char *opened_by(const struct vpc_flow *flow)
{
	if (flow->eni[0])
		return "eni";
	if (flow->flags & VPC_FLOW_FROM_HOST)
		return "host";
	return flow->incarnation[0] ? "peer" : "outside";
}

static int put_side(json_t *object, const struct flow_side *side, const char *const keys[5])
{
	const char *const values[] = {side->eni_id, side->eni, side->rule_id, side->sg_id, side->sg};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		r |= json_object_set_new(object, keys[i], text_or_null(values[i]));
	return r;
}

static int put_outside(json_t *object, const struct flow_record *r)
{
	static const char *const kinds[] = {NULL, "nat", "elastic_ip", "published_port"};
	char src[INET_ADDRSTRLEN], dst[INET_ADDRSTRLEN];
	bool has_ports = r->key.proto == IPPROTO_TCP || r->key.proto == IPPROTO_UDP;
	json_t *outside;

	if (r->translation == FLOW_UNTRANSLATED)
		return json_object_set_new(object, "outside", json_null());
	inet_ntop(AF_INET, &r->outside_addr[0], src, sizeof(src));
	inet_ntop(AF_INET, &r->outside_addr[1], dst, sizeof(dst));
	outside = json_pack("{s:s,s:s,s:s}", "by", kinds[r->translation], "src", src, "dst", dst);
	if (!outside || json_object_set_new(object, "outside", outside) < 0)
		return -1;
	return json_object_set_new(outside, "src_port",
				   has_ports ? json_integer(ntohs(r->outside_port[0])) : json_null()) |
	       json_object_set_new(outside, "dst_port",
				   has_ports ? json_integer(ntohs(r->outside_port[1])) : json_null());
}

static json_t *seconds_since(uint64_t now_ns, uint64_t then_ns)
{
	return json_integer(now_ns > then_ns ? (json_int_t)((now_ns - then_ns) / NS_PER_S) : 0);
}

/* The epoch at which a flow's sides were allowed. */
static json_t *epoch_to_json(const struct vpc_flow *flow)
{
	return flow->epoch < VPC_EPOCH_CUT ? json_integer((json_int_t)flow->epoch) : json_null();
}

static json_t *count_or_null(const struct flow_counts *c, uint64_t n)
{
	return c->known ? json_integer((json_int_t)n) : json_null();
}

int flow_counts_put_json(json_t *flow, const struct flow_counts *c)
{
	return json_object_set_new(flow, "packets_sent", count_or_null(c, c->packets_sent)) |
	       json_object_set_new(flow, "bytes_sent", count_or_null(c, c->bytes_sent)) |
	       json_object_set_new(flow, "packets_received", count_or_null(c, c->packets_received)) |
	       json_object_set_new(flow, "bytes_received", count_or_null(c, c->bytes_received)) |
	       json_object_set_new(flow, "counts_complete", c->known ? json_boolean(c->complete) : json_null());
}

json_t *flow_record_to_json(const struct flow_record *r)
{
	static const char *const src[] = {"src_eni_id", "src_eni", "src_rule_id", "src_sg_id", "src_sg"};
	static const char *const dst[] = {"dst_eni_id", "dst_eni", "dst_rule_id", "dst_sg_id", "dst_sg"};
	struct flow_tuple tuple = flow_tuple_of(&r->key, &r->flow);
	json_t *json = json_object();
	int n = flow_put_json(json, &tuple);

	n |= put_side(json, &r->side[0], src) | put_side(json, &r->side[1], dst);
	n |= json_object_set_new(json, "vpc_id", text_or_null(r->vpc_id));
	n |= json_object_set_new(json, "vpc", text_or_null(r->vpc));
	n |= json_object_set_new(json, "peer_vpc_id", text_or_null(r->peer_vpc_id));
	n |= json_object_set_new(json, "peer_vpc", text_or_null(r->peer_vpc));
	n |= json_object_set_new(json, "state", json_string(flow_state_name(r->flow.state)));
	n |= json_object_set_new(json, "opened_by", json_string(opened_by(&r->flow)));
	n |= json_object_set_new(json, "age_s", seconds_since(r->now_ns, r->flow.created_ns));
	n |= json_object_set_new(json, "idle_s", seconds_since(r->now_ns, r->flow.last_seen_ns));
	n |= json_object_set_new(json, "packets", json_integer(r->flow.packets));
	n |= flow_counts_put_json(json, &r->counts);
	n |= json_object_set_new(json, "epoch", epoch_to_json(&r->flow));
	n |= put_outside(json, r);
	if (n == 0)
		return json;
	json_decref(json);
	return NULL;
}
