/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of maps_diff that is about the edge. A number that a map does not have is left to prepare, which refuses it
 * by name. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/maps/diff.h"
#include "datapath/maps/mirror/gateways.h"
#include "datapath/maps/mirror/publishes.h"
#include "datapath/maps/mirror/routes.h"

static int diff_routes(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.routes, sizeof(*wanted));
	struct plan_route *item;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_routes; i++) {
		const struct route_record *want = &d->all->routes[i].after;
		struct vpc_route_key key;
		uint32_t number;

		route_key_of(want->table, &want->destination, &key);
		number = route_by_key(m, &key);
		wanted[number] = true;
		if (number && m->routes[number].state == NODE_ALIVE && m->routes[number].target == want->target)
			continue;
		item = PLAN_PUSH(d, routes, plan_route);
		if (!item)
			return -ENOMEM;
		item->has_after = true;
		item->after = *want;
		item->has_before = number && m->routes[number].state == NODE_ALIVE;
		if (item->has_before)
			route_record_of(&m->routes[number], &item->before);
	}
	for (uint32_t number = 1; number < m->route_numbers.fresh; number++) {
		if (wanted[number] || m->routes[number].state != NODE_ALIVE)
			continue;
		item = PLAN_PUSH(d, routes, plan_route);
		if (!item)
			return -ENOMEM;
		item->has_before = true;
		route_record_of(&m->routes[number], &item->before);
	}
	return 0;
}

static int diff_associations(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.subnets, sizeof(*wanted));
	struct plan_association *item;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_associations; i++) {
		const struct association_record *want = &d->all->associations[i].after;
		bool known = want->subnet < m->size.subnets;
		uint32_t now = known ? m->associations[want->subnet].table : 0;

		if (known)
			wanted[want->subnet] = true;
		if (known && now == want->table)
			continue;
		item = PLAN_PUSH(d, associations, plan_association);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_association){.has_before = now != 0, .has_after = true, .after = *want};
		item->before = (struct association_record){.subnet = want->subnet, .table = now};
	}
	for (uint32_t subnet = 1; subnet < m->size.subnets; subnet++) {
		if (wanted[subnet] || !m->associations[subnet].table)
			continue;
		item = PLAN_PUSH(d, associations, plan_association);
		if (!item)
			return -ENOMEM;
		item->has_before = true;
		item->before = (struct association_record){.subnet = subnet, .table = m->associations[subnet].table};
	}
	return 0;
}

static int diff_nats(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.nats, sizeof(*wanted));
	struct plan_nat *item;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_nats; i++) {
		const struct nat_record *want = &d->all->nats[i].after;
		bool known = want->number < m->size.nats && m->nats[want->number].state == NODE_ALIVE;

		if (want->number < m->size.nats)
			wanted[want->number] = true;
		if (known && nat_record_equal(&m->nats[want->number].record, want))
			continue;
		item = PLAN_PUSH(d, nats, plan_nat);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_nat){.has_before = known, .has_after = true, .after = *want};
		if (known)
			item->before = m->nats[want->number].record;
	}
	for (uint32_t number = 1; number < m->size.nats; number++) {
		if (wanted[number] || m->nats[number].state != NODE_ALIVE)
			continue;
		item = PLAN_PUSH(d, nats, plan_nat);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_nat){.has_before = true, .before = m->nats[number].record};
	}
	return 0;
}

static int diff_eips(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.eips, sizeof(*wanted));
	struct plan_eip *item;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_eips; i++) {
		const struct eip_record *want = &d->all->eips[i].after;
		bool known = want->number < m->size.eips && m->eips[want->number].state == NODE_ALIVE;

		if (want->number < m->size.eips)
			wanted[want->number] = true;
		if (known && eip_record_equal(&m->eips[want->number].record, want))
			continue;
		item = PLAN_PUSH(d, eips, plan_eip);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_eip){.has_before = known, .has_after = true, .after = *want};
		if (known)
			item->before = m->eips[want->number].record;
	}
	for (uint32_t number = 1; number < m->size.eips; number++) {
		if (wanted[number] || m->eips[number].state != NODE_ALIVE)
			continue;
		item = PLAN_PUSH(d, eips, plan_eip);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_eip){.has_before = true, .before = m->eips[number].record};
	}
	return 0;
}

/* A publication of only the ports of one row. */
static struct publish_record record_of_row(const struct vpc_publish_row *row)
{
	return (struct publish_record){
		.number = row->publication,
		.vpc = row->vpc,
		.eni = row->eni,
		.private_address = row->private4,
		.host_address = row->key.addr[3],
		.protocol = row->key.proto,
		.port = row->port,
		.host_first = row->key.port,
		.host_last = (uint16_t)(row->key.port + ((1u << (16 - row->key.plen)) - 1)),
	};
}

/* Whether all rows of a publication are there; notes those that are. */
static bool publish_same(const struct mirror *m, const struct publish_record *want, bool *wanted)
{
	struct vpc_publish_row rows[PORT_PREFIXES_MAX];
	size_t n = publish_rows_of(want, rows);
	bool same = true;

	for (size_t i = 0; i < n; i++) {
		uint32_t number = publish_find(m, &rows[i].key);

		if (number && m->publishes[number].state == NODE_ALIVE &&
		    publish_row_equal(&m->publishes[number].row, &rows[i]))
			wanted[number] = true;
		else
			same = false;
	}
	return same;
}

static int diff_publishes(struct diff *d)
{
	const struct mirror *m = d->m;
	_cleanup_free_ bool *wanted = calloc(m->size.publishes, sizeof(*wanted));
	struct plan_publish *item;

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < d->all->n_publishes; i++) {
		const struct publish_record *want = &d->all->publishes[i].after;

		if (publish_same(m, want, wanted))
			continue;
		item = PLAN_PUSH(d, publishes, plan_publish);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_publish){.has_after = true, .after = *want};
	}
	for (uint32_t number = 1; number < m->publish_numbers.fresh; number++) {
		if (wanted[number] || m->publishes[number].state != NODE_ALIVE)
			continue;
		item = PLAN_PUSH(d, publishes, plan_publish);
		if (!item)
			return -ENOMEM;
		*item = (struct plan_publish){.has_before = true, .before = record_of_row(&m->publishes[number].row)};
	}
	return 0;
}

int diff_edge(struct diff *d)
{
	int r = diff_routes(d);

	if (r >= 0)
		r = diff_associations(d);
	if (r >= 0)
		r = diff_nats(d);
	if (r >= 0)
		r = diff_eips(d);
	return r >= 0 ? diff_publishes(d) : r;
}
