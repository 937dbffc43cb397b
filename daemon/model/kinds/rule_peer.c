/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups as peers of rules: of the VPC itself, or of one that it is peered with. */
#include "model/internal.h"

bool rule_is_stale(const struct model *m, const struct rule *r)
{
	uint32_t vpc = model_sg(m, r->sg)->vpc, peer;

	if (r->peer != PEER_SG)
		return false;
	peer = model_sg(m, r->peer_sg)->vpc;
	return peer != vpc && !peering_is_active(m, vpc, peer);
}

/* *ret NULL: the VPC has no group of that name. */
static int find_named(const struct model *m, uint32_t vpc, const char *name, const struct object **ret,
		      struct vpc_error *reterr)
{
	_cleanup_free_ char *key = name_key(OBJECT_SG, vpc, name);

	if (!key)
		return vpc_error_oom(reterr);
	*ret = index_by_key(&m->ix, key);
	return 0;
}

/* A name among the groups of the VPCs that `vpc` is peered with. *ret NULL: none of them has it. */
static int find_peered(const struct model *m, uint32_t vpc, const char *name, const char *field,
		       const struct object **ret, struct vpc_error *reterr)
{
	const struct object *found;
	const struct post *at = NULL;
	uint32_t peer;

	*ret = NULL;
	while (peering_next_active(m, vpc, &at, &peer)) {
		int r = find_named(m, peer, name, &found, reterr);

		if (r < 0)
			return r;
		if (found && *ret) {
			if (vpc_error_add_holder(reterr, (*ret)->id) < 0 || vpc_error_add_holder(reterr, found->id) < 0)
				return vpc_error_oom(reterr);
			return vpc_error_set(reterr, VPC_E_AMBIGUOUS_NAME, field,
					     "the name '%.255s' fits groups of several peered VPCs; use an id: %s, %s",
					     name, (*ret)->id, found->id);
		}
		*ret = found ? found : *ret;
	}
	return 0;
}

int rule_peer_resolve(struct model_txn *t, uint32_t vpc, const char *given, const char *field,
		      const struct object **ret, struct vpc_error *reterr)
{
	const char *ref;
	int r = txn_dereference(t, given, field, &ref, reterr);

	if (r < 0)
		return r;
	if (name_is_id(ref))
		return txn_resolve(t, OBJECT_SG, ref, NULL, field, ret, reterr);
	r = find_named(t->m, vpc, ref, ret, reterr);
	if (r >= 0 && !*ret)
		r = find_peered(t->m, vpc, ref, field, ret, reterr);
	/* Nobody has it: says so. */
	return r < 0 || *ret ? r : txn_resolve_in(t, OBJECT_SG, ref, vpc, field, ret, reterr);
}
