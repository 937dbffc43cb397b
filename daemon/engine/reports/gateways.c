/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/reports/gateways.h"

#include <stdlib.h>
#include <string.h>

#include "datapath/maps/gateway_stat.h"
#include "engine/engine_private.h"
#include "util/log.h"

/* VPCs last: they are no gateways. */
static const enum object_kind gateway_kinds[] = {OBJECT_IGW, OBJECT_EIGW, OBJECT_NAT, OBJECT_PEERING, OBJECT_VPC};

/* None: it is no gateway, or not attached or active. */
static size_t rows_of(const struct object *o, uint32_t ret[GATEWAY_ROWS_MAX])
{
	switch (o->kind) {
	case OBJECT_IGW:
		ret[0] = gateway_row_of_vpc(igw_of(o)->vpc, VPC_GATEWAY_IGW);
		return igw_of(o)->vpc != 0;
	case OBJECT_EIGW:
		ret[0] = gateway_row_of_vpc(eigw_of(o)->vpc, VPC_GATEWAY_EIGW);
		return 1;
	case OBJECT_NAT:
		ret[0] = gateway_row_of_nat(o->number);
		return 1;
	case OBJECT_PEERING:
		ret[0] = gateway_row_of_peering(o->number);
		return peering_of(o)->status == PEERING_ACTIVE;
	case OBJECT_VPC:
		ret[0] = gateway_row_of_vpc(o->number, VPC_GATEWAY_PUBLISHED);
		ret[1] = gateway_row_of_vpc(o->number, VPC_GATEWAY_HOST);
		return 2;
	default:
		return 0;
	}
}

bool gateway_ends(const struct object *before, const struct object *after)
{
	uint32_t was[GATEWAY_ROWS_MAX], is[GATEWAY_ROWS_MAX];
	size_t n = before ? rows_of(before, was) : 0;

	return n && (!after || !rows_of(after, is) || is[0] != was[0]);
}

/* Whom a row counts for: the last 16 of the id's 17 hex digits. Never 0. */
static uint64_t owner_of(const struct object *o)
{
	size_t length = strlen(o->id);

	return strtoull(o->id + (length > 16 ? length - 16 : 0), NULL, 16) ?: 1;
}

static struct peering_rows peering_rows_of(const struct object *o)
{
	return (struct peering_rows){.row = gateway_row_of_peering(o->number),
				     .asked = peering_of(o)->vpc,
				     .accepted = peering_of(o)->peer_vpc};
}

void gateways_begin(struct engine *e, const struct object *before, const struct object *after)
{
	uint32_t rows[GATEWAY_ROWS_MAX];
	size_t n = after && (!before || gateway_ends(after, before)) ? rows_of(after, rows) : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = maps_gateway_begin(e->maps, rows[i], owner_of(after));
	if (r >= 0 && n && after->kind == OBJECT_PEERING) {
		struct peering_rows peering = peering_rows_of(after);

		r = maps_peering_begin(e->maps, &peering);
	}
	if (r < 0)
		log_warning("%s is not counted: its counters could not be set to 0: %s", after->id, strerror(-r));
}

void gateways_end(struct engine *e, const struct object *before, const struct object *after)
{
	uint32_t rows[GATEWAY_ROWS_MAX];
	size_t n = gateway_ends(before, after) ? rows_of(before, rows) : 0;

	if (n && before->kind == OBJECT_PEERING) {
		struct peering_rows peering = peering_rows_of(before);

		maps_peering_end(e->maps, &peering);
	}
	/* It may be another's by the same change. */
	for (size_t i = 0; i < n; i++)
		if (maps_gateway_owner(e->maps, rows[i]) == owner_of(before))
			(void)maps_gateway_begin(e->maps, rows[i], 0);
}

void gateways_start(struct engine *e)
{
	struct peering_rows *peerings = calloc(model_count(e->model, OBJECT_PEERING) + 1, sizeof(*peerings));
	uint32_t rows[GATEWAY_ROWS_MAX];
	size_t n = 0;
	int r = peerings ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(gateway_kinds); i++) {
		const struct object *o = NULL;

		while ((o = model_next(e->model, gateway_kinds[i], o))) {
			gateways_begin(e, NULL, o);
			if (peerings && o->kind == OBJECT_PEERING && rows_of(o, rows))
				peerings[n++] = peering_rows_of(o);
		}
	}
	if (peerings)
		r = maps_peerings_keep(e->maps, peerings, n);
	if (r < 0)
		log_warning("peerings that are gone may still be counted: %s", strerror(-r));
	free(peerings);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

int gateway_read(const struct engine *e, const struct object *o, struct vpc_eni_stat *ret)
{
	struct vpc_eni_stat sum = {}, stat;
	uint32_t rows[GATEWAY_ROWS_MAX];
	size_t n = rows_of(o, rows);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (maps_gateway_owner(e->maps, rows[i]) != owner_of(o))
			continue;
		r = maps_gateways_read(e->maps, rows[i], 1, &stat);
		if (r < 0)
			return r;
		sum.rx_packets += stat.rx_packets;
		sum.rx_bytes += stat.rx_bytes;
		sum.tx_packets += stat.tx_packets;
		sum.tx_bytes += stat.tx_bytes;
	}
	*ret = sum;
	return 0;
}

size_t gateway_rows(const struct object *o, struct gateway_traffic ret[GATEWAY_ROWS_MAX])
{
	uint32_t rows[GATEWAY_ROWS_MAX];
	size_t n = rows_of(o, rows);

	for (size_t i = 0; i < n; i++)
		ret[i] = (struct gateway_traffic){
			.kind = o->kind, .number = o->number, .row = rows[i], .owner = owner_of(o)};
	return n;
}

int gateways_list(struct engine *e, struct gateway_traffic **ret, size_t *ret_gateways, size_t *ret_n)
{
	size_t n = 0, max = 0, gateways = 0;
	struct gateway_traffic *list;

	for (size_t i = 0; i < ARRAY_SIZE(gateway_kinds); i++)
		max += GATEWAY_ROWS_MAX * model_count(e->model, gateway_kinds[i]);
	list = calloc(max + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(gateway_kinds); i++) {
		const struct object *o = NULL;

		if (gateway_kinds[i] == OBJECT_VPC)
			gateways = n;
		while ((o = model_next(e->model, gateway_kinds[i], o)))
			n += gateway_rows(o, &list[n]);
	}
	*ret = list;
	*ret_gateways = gateways;
	*ret_n = n;
	return 0;
}

/* So many rows are read one by one, and of more gateways all rows at once. */
#define ONE_BY_ONE 64

int gateways_list_read(const struct maps *maps, struct gateway_traffic *list, size_t n)
{
	uint32_t rows = maps_gateway_rows(maps);
	_cleanup_free_ struct vpc_eni_stat *all = n > ONE_BY_ONE ? calloc(rows, sizeof(*all)) : NULL;
	int r = all ? maps_gateways_read(maps, 0, rows, all) : n > ONE_BY_ONE ? -ENOMEM : 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (maps_gateway_owner(maps, list[i].row) != list[i].owner)
			continue;
		if (all)
			list[i].stat = all[list[i].row];
		else
			r = maps_gateways_read(maps, list[i].row, 1, &list[i].stat);
	}
	return r;
}
