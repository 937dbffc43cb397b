/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow logs: what is noted of the traffic of a VPC's, a subnet's or one network interface. */
#include <string.h>

#include <vpc/flow_log_format.h>

#include "model/internal.h"

#define INTERVAL_MAX_S	   600
#define INTERVAL_DEFAULT_S 600

static const char *const traffics[] = {
	[FLOW_LOG_ALL] = "all",
	[FLOW_LOG_ACCEPT] = "accept",
	[FLOW_LOG_REJECT] = "reject",
};

static int traffic_of(const char *text, enum flow_log_traffic *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(traffics); i++) {
		if (!strcmp(traffics[i], text)) {
			*ret = (enum flow_log_traffic)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* --- checks ------------------------------------------------------------------------------------------------------ */

/* What it logs: a VPC, a subnet or an ENI. The VPC may be named beside what is in it. */
static int choose_target(struct model_txn *t, const struct change *c, struct flow_log *f, struct vpc_error *reterr)
{
	const struct object *o;
	enum object_kind kind = change_has(c, FIELD_ENI_ID)	 ? OBJECT_ENI
				: change_has(c, FIELD_SUBNET_ID) ? OBJECT_SUBNET
								 : OBJECT_VPC;
	bool both = change_has(c, FIELD_ENI_ID) && change_has(c, FIELD_SUBNET_ID);
	int r;

	if (both || (kind == OBJECT_VPC && !change_has(c, FIELD_VPC_ID)))
		return vpc_error_set(reterr, both ? VPC_E_INVALID_PARAMETER_COMBINATION : VPC_E_MISSING_PARAMETER,
				     kind_of(kind)->field_id,
				     "a flow log is of one VPC, one subnet or one network interface: give vpc_id, "
				     "subnet_id or eni_id");
	r = txn_target(t, c, kind, &o, reterr);
	if (r < 0)
		return r;
	f->vpc = model_vpc_of(t->m, o);
	if (kind != OBJECT_VPC && change_has(c, FIELD_VPC_ID)) {
		const struct object *vpc;

		r = txn_target(t, c, OBJECT_VPC, &vpc, reterr);
		if (r >= 0 && vpc->number != f->vpc)
			r = vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_COMBINATION, "vpc_id",
					  "%s is not in %s; leave the VPC out, or name the right one", o->id, vpc->id);
		if (r < 0)
			return r;
	}
	f->subnet = kind == OBJECT_SUBNET ? o->number : 0;
	f->eni = kind == OBJECT_ENI ? o->number : 0;
	return 0;
}

static int choose_format(const struct change *c, struct flow_log *f, struct vpc_error *reterr)
{
	const char *text = change_has(c, FIELD_FORMAT) ? c->format : FLOW_LOG_DEFAULT;
	struct flow_log_format parsed;
	size_t wrong;

	if (strlen(text) > FLOW_LOG_FORMAT_MAX)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "format",
				     "a format has at most %d characters", FLOW_LOG_FORMAT_MAX);
	wrong = flow_log_format_parse(text, &parsed);
	if (wrong)
		return vpc_error_set(
			reterr, VPC_E_INVALID_PARAMETER_VALUE, "format",
			"'%.40s' is no field of a flow log here: a format is default, json, or fields like "
			"${srcaddr} ${dstport} ${action}, separated by blanks; vpcctl flow-log create "
			"--help lists them",
			text + wrong - 1);
	return text_set(&f->format, text) < 0 ? vpc_error_oom(reterr) : 0;
}

static int choose_rest(const struct change *c, struct flow_log *f, struct vpc_error *reterr)
{
	f->traffic = FLOW_LOG_ALL;
	if (change_has(c, FIELD_TRAFFIC) && traffic_of(c->traffic, &f->traffic) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "traffic",
				     "traffic must be all, accept or reject, not '%.32s'", c->traffic);
	f->interval_s = INTERVAL_DEFAULT_S;
	if (change_has(c, FIELD_INTERVAL) && (c->interval < 1 || c->interval > INTERVAL_MAX_S))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "interval",
				     "interval must be 1 to %d seconds", INTERVAL_MAX_S);
	if (change_has(c, FIELD_INTERVAL))
		f->interval_s = (uint32_t)c->interval;
	return choose_format(c, f, reterr);
}

/* --- the changes ------------------------------------------------------------------------------------------------- */

int flow_log_create(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *o = object_new(OBJECT_FLOW_LOG);
	struct flow_log *f = (struct flow_log *)o;
	int r;

	if (!o)
		return vpc_error_oom(reterr);
	r = choose_target(t, c, f, reterr);
	if (r >= 0)
		r = change_names(t->m, c, o, NULL, reterr);
	if (r >= 0)
		r = choose_rest(c, f, reterr);
	return r < 0 ? r : change_add(t, TAKE_PTR(o), ret, reterr);
}

int flow_log_remove_of(struct model_txn *t, const struct object *eni, struct vpc_error *reterr)
{
	const struct posting *p;
	int r = 0;

	while (r >= 0 && (p = index_users(&t->m->ix, eni->id, OBJECT_FLOW_LOG)) && p->n)
		r = txn_remove(t, p->first->owner, reterr);
	return r;
}

/* --- the kind ---------------------------------------------------------------------------------------------------- */

static void clear_members(struct object *o)
{
	free(((struct flow_log *)o)->format);
	((struct flow_log *)o)->format = NULL;
}

static int copy_members(struct object *to, const struct object *from)
{
	struct flow_log *f = (struct flow_log *)to;
	const struct flow_log *old = flow_log_of(from);

	f->vpc = old->vpc;
	f->subnet = old->subnet;
	f->eni = old->eni;
	f->traffic = old->traffic;
	f->interval_s = old->interval_s;
	return text_set(&f->format, old->format);
}

/* A subnet can't be deleted while it has a flow log. That of an ENI goes with it. */
static int post(struct index *ix, struct object *o)
{
	const struct flow_log *f = flow_log_of(o);

	if (f->eni)
		return index_post_use(ix, o, index_by_number(ix, OBJECT_ENI, f->eni)->id);
	return f->subnet ? index_post_reference(ix, o, OBJECT_SUBNET, f->subnet) : 0;
}

static json_t *id_or_null(const struct model *m, enum object_kind kind, uint32_t number)
{
	return number ? json_string(model_by_number(m, kind, number)->id) : json_null();
}

static int to_document(const struct model *m, const struct object *o, json_t *ret)
{
	const struct flow_log *f = flow_log_of(o);

	if (json_put(ret, "vpc_id", id_or_null(m, OBJECT_VPC, f->vpc)) < 0 ||
	    json_put(ret, "subnet_id", id_or_null(m, OBJECT_SUBNET, f->subnet)) < 0 ||
	    json_put(ret, "eni_id", id_or_null(m, OBJECT_ENI, f->eni)) < 0 ||
	    json_put(ret, "traffic", json_string(traffics[f->traffic])) < 0 ||
	    json_put(ret, "interval", json_integer(f->interval_s)) < 0)
		return -ENOMEM;
	return json_put(ret, "format", json_string(f->format ? f->format : FLOW_LOG_DEFAULT));
}

static void load(struct model *m, struct document *d, struct object *o)
{
	struct flow_log *f = (struct flow_log *)o;
	_cleanup_free_ char *traffic = document_text(d, "traffic", true);
	struct flow_log_format parsed;

	f->vpc = document_ref(m, d, "vpc_id", OBJECT_VPC);
	if (!json_is_null(json_object_get(d->json, "subnet_id")))
		f->subnet = document_ref(m, d, "subnet_id", OBJECT_SUBNET);
	if (!json_is_null(json_object_get(d->json, "eni_id")))
		f->eni = document_ref(m, d, "eni_id", OBJECT_ENI);
	if (traffic && traffic_of(traffic, &f->traffic) < 0)
		document_damaged(d, "traffic");
	f->interval_s = (uint32_t)document_i64(d, "interval", 1, INTERVAL_MAX_S);
	f->format = document_text(d, "format", true);
	if (f->format && flow_log_format_parse(f->format, &parsed))
		document_damaged(d, "format");
}

static const struct schema_field fields[] = {
	{"vpc_id", SCHEMA_STRING, NULL},
	{"subnet_id", SCHEMA_STRING_OR_NULL, "it logs this subnet alone"},
	{"eni_id", SCHEMA_STRING_OR_NULL, "it logs this network interface alone"},
	{"traffic", SCHEMA_STRING, "all, accept or reject"},
	{"interval", SCHEMA_INTEGER, "seconds whose packets become one record"},
	{"format", SCHEMA_STRING, "default, json, or fields of a line like ${srcaddr}"},
	{"file", SCHEMA_STRING, "where the records are; older ones are beside it with .1 to .3 behind the name"},
	{"log_status", SCHEMA_STRING, "ok, or why nothing is logged"},
};
static const struct schema schemas[] = {{NULL, fields, ARRAY_SIZE(fields)}};

const struct kind_ops flow_log_ops = {
	.size = sizeof(struct flow_log),
	.parent = {OBJECT_VPC, offsetof(struct flow_log, vpc)},
	.name_optional = true,
	.clear = clear_members,
	.copy = copy_members,
	.post = post,
	.to_json = to_document,
	.to_document = to_document,
	.load = load,
	.schemas = schemas,
	.n_schemas = ARRAY_SIZE(schemas),
};
