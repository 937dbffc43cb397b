/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host access of VPCs: which of the host's own addresses a VPC may talk with. A change replaces the whole list. */
#include <string.h>

#include "model/internal.h"

/* Addresses that the host has for itself or for a link, and that never leave a VPC. */
static const char *const never_reached[] = {"169.254.0.0/16", "127.0.0.0/8", "224.0.0.0/3",
					    "fe80::/10",      "ff00::/8",    "::1/128"};

static bool cidr_equal(const struct cidr *a, const struct cidr *b)
{
	return a->plen == b->plen && ip_equal(&a->addr, &b->addr);
}

static int check_cidr(const struct vpc *v, const struct cidr *c, const char *text, struct vpc_error *reterr)
{
	for (size_t i = 0; i < ARRAY_SIZE(never_reached); i++) {
		struct cidr never;

		if (cidr_parse(never_reached[i], &never) == 0 && cidr_contains(&never, c))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "host_access",
					     "%.64s is in %s, which never leaves a VPC; leave it out", text,
					     never_reached[i]);
	}
	if (vpc_has_cidr(v, c))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "host_access",
				     "%.64s is in the VPC's own address space; name addresses that this host has",
				     text);
	for (size_t i = 0; i < v->n_host_access; i++)
		if (cidr_equal(&v->host_access[i], c))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "host_access",
					     "%.64s is named twice; name it once", text);
	return 0;
}

static int set_host_access(const struct model *m, const struct change *c, struct vpc *v, struct vpc_error *reterr)
{
	size_t asked[2] = {0, 0};
	int r = 0;

	memset(v->host_access, 0, sizeof(v->host_access));
	v->n_host_access = 0;
	for (size_t i = 0; i < c->n_host_access; i++) {
		struct cidr cidr;

		r = cidr_check(c->host_access[i], 0, "host_access", &cidr, reterr);
		if (r >= 0)
			r = limit_check(m, MODEL_LIMIT_host_access_per_vpc, ++asked[cidr.addr.family == 6],
					VPC_E_RESOURCE_LIMIT_EXCEEDED, "host_access", reterr);
		if (r >= 0)
			r = check_cidr(v, &cidr, c->host_access[i], reterr);
		if (r < 0)
			return r;
		v->host_access[v->n_host_access++] = cidr; /* by the limit, which can't be set higher */
	}
	return 0;
}

int vpc_update(struct model_txn *t, const struct change *c, struct change_result *ret, struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	const struct object *o;
	uint32_t number;
	int r = txn_target(t, c, OBJECT_VPC, &o, reterr);

	if (r < 0)
		return r;
	number = o->number;
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	r = change_names(t->m, c, copy, o, reterr);
	if (r >= 0 && change_has(c, FIELD_HOST_ACCESS))
		r = set_host_access(t->m, c, (struct vpc *)copy, reterr);
	if (r < 0)
		return r;
	if (change_has(c, FIELD_COUNT_FLOWS))
		((struct vpc *)copy)->count_flows = c->count_flows;
	result_set(ret, o);
	r = txn_replace(t, o, TAKE_PTR(copy), reterr);
	return r < 0 || !change_has(c, FIELD_HOST_ACCESS) ? r : vpc_note_exits(t, number, reterr);
}

bool vpc_reaches_host(const struct vpc *v, uint8_t family)
{
	for (size_t i = 0; i < v->n_host_access; i++)
		if (v->host_access[i].addr.family == family)
			return true;
	return false;
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

json_t *vpc_host_access_to_json(const struct vpc *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->n_host_access; i++) {
		if (json_array_append_new(list, json_cidr(&v->host_access[i])) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}

void vpc_host_access_load(struct document *d, struct vpc *v)
{
	const json_t *list = json_object_get(d->json, "host_access");
	_cleanup_error_ struct vpc_error refused = VPC_ERROR_INIT;
	size_t n[2] = {0, 0};

	if (list && !json_is_array(list)) {
		document_damaged(d, "host_access");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct cidr c;

		if (!text || cidr_parse(text, &c) < 0 || cidr_has_host_bits(&c) ||
		    ++n[c.addr.family == 6] > VPC_HOST_ACCESS_MAX || check_cidr(v, &c, text, &refused) < 0) {
			document_damaged(d, "host_access");
			return;
		}
		v->host_access[v->n_host_access++] = c;
	}
	v->routed_out = v->routed_out || v->n_host_access;
}
