/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the model equal the documents of a backup: takes out everything, and puts in everything, as a start does. So
 * what follows from other documents comes out right by itself. The deltas say what differs: compiling what is as it was
 * gives nothing.
 */
#include <string.h>

#include "model/document_set.h"
#include "model/internal.h"

/* What belongs to this host's run. */
static const char *const own_members[] = {"number", "revision"};
/* What an object never changes: with another value it is another object. */
static const struct {
	enum object_kind kind;
	const char *members[4];
} fixed[] = {
	{OBJECT_VPC, {"cidr"}},
	{OBJECT_SUBNET, {"vpc_id", "cidr", "cidr6"}},
	{OBJECT_SG, {"vpc_id"}},
	{OBJECT_RULE, {"security_group_id"}},
	{OBJECT_ROUTE_TABLE, {"vpc_id"}},
	{OBJECT_ACL, {"vpc_id"}},
	{OBJECT_ENI, {"subnet_id", "mac"}},
	{OBJECT_NAT, {"vpc_id"}},
	{OBJECT_EIP, {"address"}},
};

json_t *document_for_backup(const json_t *document)
{
	json_t *copy = json_deep_copy(document);

	for (size_t i = 0; copy && i < ARRAY_SIZE(own_members); i++)
		json_object_del(copy, own_members[i]);
	json_object_del(json_object_get(copy, "attachment"), "host_ifname");
	return copy;
}

/* The document of a backup with a number and a revision. Owned; NULL: out of memory. */
static json_t *complete(const json_t *document, uint32_t number, uint64_t revision)
{
	json_t *copy = json_deep_copy(document), *attachment = json_object_get(copy, "attachment");
	char port[16];
	int r = copy ? 0 : -1;

	snprintf(port, sizeof(port), "p%u", number);
	if (r == 0)
		r = json_object_set_new(copy, "number", json_integer(number));
	if (r == 0)
		r = json_object_set_new(copy, "revision", json_integer((json_int_t)revision));
	if (r == 0 && json_is_object(attachment))
		r = json_object_set_new(attachment, "host_ifname", json_string(port));
	if (r == 0)
		return copy;
	json_decref(copy);
	return NULL;
}

/* --- checking ---------------------------------------------------------------------------------------------------- */

static int check_pool(const struct model *m, const struct object *o, struct vpc_error *reterr)
{
	const struct eip *e;
	char address[IP_STRLEN];

	if (o->kind != OBJECT_EIP)
		return 0;
	e = eip_of(o);
	for (size_t i = 0; i < m->n_pools; i++)
		if (cidr_contains_ip(&m->pools[i].cidr, &e->address))
			return 0;
	return vpc_error_set(
		reterr, VPC_E_INVALID_PARAMETER_VALUE, "state",
		"the elastic IP %s (%s) is of the pool '%.32s', and no pool of this host has that address: "
		"configure [pool \"%.32s\"] with it in vpcd.conf, start vpcd anew, then restore",
		o->id, ip_format(&e->address, address), e->pool ? e->pool : "", e->pool ? e->pool : "");
}

static int check_count(const struct document_set *s, const struct model *like, struct vpc_error *reterr)
{
	size_t count[OBJECT_KINDS] = {0};

	for (size_t i = 0; i < s->n; i++)
		count[s->at[i].kind]++;
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++)
		if (count[kind] > kind_limit(like, (enum object_kind)kind))
			return vpc_error_set(
				reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, "state",
				"the backup has %zu %ss; the limit of this host is %u: raise it in vpcd.conf if it "
				"is lower there than by default, start vpcd anew, then restore",
				count[kind], kind_of((enum object_kind)kind)->title,
				kind_limit(like, (enum object_kind)kind));
	return 0;
}

int document_set_check(const struct document_set *s, const struct model *like, struct vpc_error *reterr)
{
	_cleanup_(model_freep) struct model *m = NULL;
	uint32_t next[OBJECT_KINDS] = {0};
	int r = check_count(s, like, reterr);

	if (r == 0 && model_new(&like->limits, &m) < 0)
		r = vpc_error_oom(reterr);
	if (r == 0)
		model_set_pools(m, like->pools, like->n_pools);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct document_entry *d = &s->at[i];
		uint32_t number = kind_first_number(d->kind) + next[d->kind]++;
		json_t *document = complete(d->document, number, 1);

		r = document ? model_load(m, d->kind, document, reterr) : vpc_error_oom(reterr);
		json_decref(document);
		if (r == 0)
			r = check_pool(m, model_find(m, d->kind, d->id), reterr);
	}
	if (r < 0 && reterr->code == VPC_E_STORE_UNAVAILABLE) {
		_cleanup_free_ char *message = strdup(reterr->message);

		vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "state", "%s",
			      message ? message : "a document is damaged");
	}
	return r;
}

/* --- restoring --------------------------------------------------------------------------------------------------- */

/* What becomes of one document. */
struct restored {
	const struct object *before; /* NULL: it is new */
	size_t slot;		     /* before's, once that is removed */
	uint32_t number;
	uint64_t revision;
};

static int check_fixed(const struct document_entry *d, const json_t *present, struct vpc_error *reterr)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (fixed[i].kind != d->kind)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(fixed[i].members) && fixed[i].members[k]; k++) {
			const char *member = fixed[i].members[k];

			if (!json_equal(json_object_get(d->document, member), json_object_get(present, member)))
				return vpc_error_set(
					reterr, VPC_E_INVALID_PARAMETER_VALUE, member,
					"%s is there with another %s, which never changes; delete it, then "
					"restore",
					d->id, member);
		}
	}
	return 0;
}

static int keep(struct model_txn *t, const struct document_entry *d, struct restored *r, struct vpc_error *reterr)
{
	json_t *document = model_to_document(t->m, r->before);
	json_t *present = document ? document_for_backup(document) : NULL;
	int n = present ? check_fixed(d, present, reterr) : vpc_error_oom(reterr);

	r->number = r->before->number;
	if (n == 0 && json_equal(present, d->document))
		r->revision = r->before->revision;
	json_decref(document);
	json_decref(present);
	return n;
}

/* Numbers of what is taken out are not given: the kernel still knows them. */
static int give_number(struct model_txn *t, enum object_kind kind, size_t *given, uint32_t *ret,
		       struct vpc_error *reterr)
{
	struct object named = {.kind = kind};
	int n;

	if (!kind_ops(kind)->numbers_once && model_count(t->m, kind) + ++*given > kind_limit(t->m, kind))
		return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, "state",
				     "too few numbers are free for another %s beside those that are there; delete some "
				     "that the backup doesn't have, then restore",
				     kind_of(kind)->title);
	n = txn_number(t, &named, reterr);
	*ret = named.number;
	return n;
}

static int plan(struct model_txn *t, const struct document_set *s, struct restored *list, struct vpc_error *reterr)
{
	size_t given[OBJECT_KINDS] = {0};
	int n = 0;

	for (size_t i = 0; n == 0 && i < s->n; i++) {
		const struct document_entry *d = &s->at[i];

		list[i] = (struct restored){
			.before = model_find(t->m, d->kind, d->id), .slot = SIZE_MAX, .revision = t->context.revision};
		n = list[i].before ? keep(t, d, &list[i], reterr)
				   : give_number(t, d->kind, &given[d->kind], &list[i].number, reterr);
	}
	return n;
}

static int compare_before(const void *a, const void *b)
{
	const struct restored *const *x = a, *const *y = b;

	return (*x)->before < (*y)->before ? -1 : (*x)->before > (*y)->before;
}

/* Takes everything out, the last kind first, and notes the places of what stays. by_before: sorted. */
static int take_out(struct model_txn *t, struct restored **by_before, size_t n_before, struct vpc_error *reterr)
{
	for (unsigned kind = OBJECT_KINDS; kind-- > 0;) {
		const struct object *o;

		while ((o = t->m->ix.last[kind])) {
			struct restored key = {.before = o}, *at = &key, **found;
			int n = txn_remove(t, o, reterr);

			if (n < 0)
				return n;
			found = n_before ? bsearch(&at, by_before, n_before, sizeof(*by_before), compare_before) : NULL;
			if (found)
				(*found)->slot = txn_last_slot(t);
		}
	}
	return 0;
}

static int put_in(struct model_txn *t, const struct document_entry *d, const struct restored *r,
		  struct vpc_error *reterr)
{
	json_t *document = complete(d->document, r->number, r->revision);
	struct object *o = NULL;
	int n = document ? document_make(t->m, d->kind, document, &o, reterr) : vpc_error_oom(reterr);

	json_decref(document);
	if (n == 0)
		n = txn_put(t, r->slot, o, reterr);
	if (n == 0)
		document_loaded(t->m, o);
	return n;
}

int model_restore(struct model_txn *t, const struct document_set *s, struct vpc_error *reterr)
{
	_cleanup_free_ struct restored *list = calloc(s->n + 1, sizeof(*list));
	_cleanup_free_ struct restored **by_before = calloc(s->n + 1, sizeof(struct restored *));
	size_t n_before = 0;
	int n = list && by_before ? plan(t, s, list, reterr) : vpc_error_oom(reterr);

	if (n < 0)
		return n;
	for (size_t i = 0; i < s->n; i++)
		if (list[i].before)
			by_before[n_before++] = &list[i];
	qsort(by_before, n_before, sizeof(*by_before), compare_before);
	n = take_out(t, by_before, n_before, reterr);
	for (size_t i = 0; n == 0 && i < s->n; i++)
		n = put_in(t, &s->at[i], &list[i], reterr);
	return n == 0 ? model_upgrade(t, reterr) : n;
}
