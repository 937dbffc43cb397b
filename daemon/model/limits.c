/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refusing what would exceed a limit, with the limit's name, its value and what was asked. */
#include <stddef.h>

#include "model/internal.h"

static const struct {
	const char *name;
	const char *text;
	uint32_t most;
	size_t offset;
} limits[] = {
#define LIMIT(symbol, value, text) [MODEL_LIMIT_##symbol] = {#symbol, text, value, offsetof(struct vpc_limits, symbol)},
#include <vpc/limits.def>
#undef LIMIT
};

/* How many objects of a kind there may be on the host. */
static const enum model_limit kind_limits[OBJECT_KINDS] = {
#define KIND(SYMBOL, symbol, noun, prefix, code, article, title, list, schema, limit) \
	[OBJECT_##SYMBOL] = MODEL_LIMIT_##limit,
#include <vpc/kinds.def>
};

uint32_t kind_limit(const struct model *m, enum object_kind kind)
{
	return *(const uint32_t *)((const char *)&m->limits + kind_of(kind)->limit_offset);
}

int limit_check(const struct model *m, enum model_limit limit, size_t asked, enum vpc_code code, const char *field,
		struct vpc_error *reterr)
{
	uint32_t value = *(const uint32_t *)((const char *)&m->limits + limits[limit].offset);

	if (asked <= value)
		return 0;
	return vpc_error_set(reterr, code, field,
			     "the limit %s (%s) is %u, and this would make %zu; ask for fewer, or take others away "
			     "first%s",
			     limits[limit].name, limits[limit].text, value, asked,
			     value < limits[limit].most ? ", or raise the limit in vpcd.conf" : "");
}

int limit_check_new(const struct model *m, const struct object *o, struct vpc_error *reterr)
{
	const struct kind_ops *ops = kind_ops(o->kind);
	enum vpc_code code = ops->limit_code ? ops->limit_code : VPC_E_RESOURCE_LIMIT_EXCEEDED;
	int r = 0;

	if (ops->limit_per_vpc) {
		size_t n = posting_count(index_referrers(&m->ix, OBJECT_VPC, object_parent(o), o->kind));

		r = limit_check(m, ops->limit_per_vpc, n + 1, code, NULL, reterr);
	}
	return r < 0 ? r : limit_check(m, kind_limits[o->kind], model_count(m, o->kind) + 1, code, NULL, reterr);
}
