/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of metering is to be stored: where hours of VPCs began, and hours that are over. */
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "engine/reports/usage_private.h"
#include "util/json.h"
#include "util/log.h"

struct usage_part {
	json_t *metas; /* key -> text, or null: deleted */
	struct part_row {
		char *vpc, *name;
		struct usage_hour hour;
	} * rows;
	size_t n_rows;
};

struct usage_part *usage_part_new(void)
{
	struct usage_part *part = calloc(1, sizeof(*part));

	if (part && !(part->metas = json_object())) {
		free(part);
		return NULL;
	}
	return part;
}

void usage_part_free(struct usage_part *part)
{
	if (!part)
		return;
	for (size_t i = 0; i < part->n_rows; i++) {
		free(part->rows[i].vpc);
		free(part->rows[i].name);
	}
	free(part->rows);
	json_decref(part->metas);
	free(part);
}

int usage_part_put_state(struct usage_part *part, const char *vpc, const struct usage_state *state)
{
	char key[USAGE_KEY_MAX], text[USAGE_TEXT_MAX];

	snprintf(key, sizeof(key), USAGE_KEY, vpc);
	if (state)
		usage_state_format(state, text);
	return json_object_set_new(part->metas, key, state ? json_string(text) : json_null()) < 0 ? -ENOMEM : 0;
}

int usage_part_put_text(struct usage_part *part, const char *key, const char *text)
{
	return json_object_set_new(part->metas, key, json_string(text)) < 0 ? -ENOMEM : 0;
}

int usage_part_put_row(struct usage_part *part, const char *vpc, const char *name, const struct usage_hour *hour)
{
	struct part_row *row = ARRAY_ADD(part->rows, part->n_rows);

	if (!row)
		return -ENOMEM;
	*row = (struct part_row){.vpc = strdup(vpc), .name = strdup(name), .hour = *hour};
	if (row->vpc && row->name)
		return 0;
	free(row->vpc);
	free(row->name);
	part->n_rows--;
	return -ENOMEM;
}

size_t usage_part_metas(const struct usage_part *part)
{
	return part ? json_object_size(part->metas) : 0;
}

size_t usage_part_get_metas(const struct usage_part *part, struct store_meta *ret)
{
	const char *key;
	json_t *text;
	size_t n = 0;

	if (!part)
		return 0;
	json_object_foreach (part->metas, key, text)
		ret[n++] = (struct store_meta){key, json_string_value(text)};
	return n;
}

size_t usage_part_rows(const struct usage_part *part)
{
	return part ? part->n_rows : 0;
}

void usage_part_get_rows(const struct usage_part *part, struct store_usage *ret)
{
	for (size_t i = 0; part && i < part->n_rows; i++) {
		const struct part_row *row = &part->rows[i];

		ret[i] = (struct store_usage){
			.hour = row->hour.hour, .vpc = row->vpc, .name = row->name, .most = row->hour.most_enis};
		usage_to_values(&row->hour.counts, ret[i].values);
	}
}

/* --- what waits ---------------------------------------------------------------------------------------- */

struct usage_part *usage_part_waiting(struct engine *e)
{
	if (!e->usage->part)
		e->usage->part = usage_part_new();
	return e->usage->part;
}

struct usage_part *usage_part_take(struct engine *e)
{
	return e->usage ? TAKE_PTR(e->usage->part) : NULL;
}

bool usage_part_waits(const struct engine *e)
{
	return e->usage && e->usage->part;
}

void usage_part_give_back(struct engine *e, struct usage_part *part)
{
	struct usage_part *newer = e->usage ? e->usage->part : NULL;

	if (!part || !e->usage) {
		usage_part_free(part);
		return;
	}
	/* What the newer one says of the same VPC counts, and hours are added up. */
	for (size_t i = 0; newer && i < newer->n_rows; i++)
		if (usage_part_put_row(part, newer->rows[i].vpc, newer->rows[i].name, &newer->rows[i].hour) < 0)
			log_warning("an hour of %s could not be kept: out of memory", newer->rows[i].vpc);
	if (newer && json_object_update(part->metas, newer->metas) < 0)
		log_warning("metering could not be noted: out of memory");
	usage_part_free(newer);
	e->usage->part = part;
}
