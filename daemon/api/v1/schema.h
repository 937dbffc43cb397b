/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The replies of the API, for the OpenAPI document: those of every kind of resource follow from the kinds' own tables
 * (model_schemas()) and kinds.def, the rest stands here. Pure.
 */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include <stddef.h>

#include "model/schema.h"

/* Those that belong to no kind. */
extern const struct schema schema_others[];
extern const size_t schema_n_others;
/* What every resource has beside its kind's fields; what every reply to a change has. */
extern const struct schema schema_common, schema_committed;

#endif
