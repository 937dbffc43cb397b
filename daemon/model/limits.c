/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refusing what would exceed a limit, with the limit's name, its value and what was asked. */
#include <stddef.h>

#include "model/internal.h"

static const struct {
	const char *name;
	const char *text;
	size_t offset;
} limits[] = {
#define LIMIT(symbol, value, text) [MODEL_LIMIT_##symbol] = {#symbol, text, offsetof(struct vpc_limits, symbol)},
#include <vpc/limits.def>
#undef LIMIT
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
	return vpc_error_set(reterr, code, field, "the limit %s (%s) is %u, and this would make %zu",
			     limits[limit].name, limits[limit].text, value, asked);
}
