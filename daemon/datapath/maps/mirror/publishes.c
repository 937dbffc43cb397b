/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/publishes.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/maps/mirror/refuse.h"

size_t publish_rows_of(const struct publish_record *r, struct vpc_publish_row ret[PORT_PREFIXES_MAX])
{
	struct port_prefix prefixes[PORT_PREFIXES_MAX];
	size_t n = port_range_split(r->host_first, r->host_last, prefixes);

	for (size_t i = 0; i < n; i++) {
		struct vpc_publish_row *row = &ret[i];

		*row = (struct vpc_publish_row){.vpc = r->vpc,
						.eni = r->eni,
						.port = (uint16_t)(r->port + (prefixes[i].port - r->host_first)),
						.private4 = r->private_address,
						.publication = r->number};
		row->key.proto = r->protocol;
		row->key.plen = prefixes[i].plen;
		row->key.port = prefixes[i].port;
		if (r->host_address) {
			memset((char *)row->key.addr + 10, 0xff, 2);
			row->key.addr[3] = r->host_address;
		}
	}
	return n;
}

bool publish_row_equal(const struct vpc_publish_row *a, const struct vpc_publish_row *b)
{
	struct vpc_publish_row x = *a, y = *b;

	x.born = x.died = y.born = y.died = 0;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static uint32_t *publish_chain(const struct mirror *m, const struct vpc_publish_key *key)
{
	return chains_head(&m->publishes_by_key, chains_hash(key, sizeof(*key)));
}

uint32_t publish_find(const struct mirror *m, const struct vpc_publish_key *key)
{
	uint32_t i = *publish_chain(m, key);

	while (i && (m->publishes[i].state == NODE_DEAD || memcmp(&m->publishes[i].row.key, key, sizeof(*key)) != 0))
		i = m->publishes[i].next;
	return i;
}

uint32_t publish_find_hashed(const struct mirror *m, const struct vpc_publish_key *key)
{
	uint32_t i = *publish_chain(m, key);

	while (i && (!m->publishes[i].hashed || memcmp(&m->publishes[i].row.key, key, sizeof(*key)) != 0))
		i = m->publishes[i].next;
	return i;
}

void publish_link(struct mirror *m, uint32_t number, const struct vpc_publish_row *row, enum node_state state)
{
	uint32_t *head = publish_chain(m, &row->key);

	m->publishes[number] = (struct publish){.row = *row, .next = *head, .state = (uint8_t)state};
	m->publishes[number].row.born = m->publishes[number].row.died = 0;
	m->n_publish_plens[row->key.plen]++;
	*head = number;
}

void publish_unlink(struct mirror *m, uint32_t number)
{
	uint32_t *at = publish_chain(m, &m->publishes[number].row.key);

	while (*at != number)
		at = &m->publishes[*at].next;
	*at = m->publishes[number].next;
	m->n_publish_plens[m->publishes[number].row.key.plen]--;
	m->publishes[number] = (struct publish){};
}

uint32_t publish_plens(const struct mirror *m)
{
	uint32_t plens = 0;

	for (unsigned plen = 0; plen <= 16; plen++)
		if (m->n_publish_plens[plen])
			plens |= 1u << plen;
	return plens;
}

bool publish_key_valid(const struct vpc_publish_key *key)
{
	static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff}, zero[16];

	return (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP) && key->plen <= 16 &&
	       (key->port & ((1u << (16 - key->plen)) - 1)) == 0 &&
	       (memcmp(key->addr, v4_prefix, sizeof(v4_prefix)) == 0 || memcmp(key->addr, zero, sizeof(zero)) == 0);
}

/* --- a change ----------------------------------------------------------------------------------------------------- */

static int publish_kill(struct mirror *m, struct mirror_change *c, uint32_t number)
{
	struct touched_publish *touched = ARRAY_PUSH(&c->publishes);

	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_publish){.row = number};
	m->publishes[number].state = NODE_DYING;
	return 0;
}

static int publish_make(struct mirror *m, struct mirror_change *c, const struct vpc_publish_row *row)
{
	uint32_t old = publish_find(m, &row->key), number;
	struct touched_publish *touched;

	if (old && m->publishes[old].state == NODE_ALIVE && publish_row_equal(&m->publishes[old].row, row))
		return 0;
	if (old && m->publishes[old].state == NODE_NEW)
		return -EEXIST;
	/* A port has one owner: the one before loses it, whether the plan says so or not. */
	if (old && m->publishes[old].state == NODE_ALIVE && publish_kill(m, c, old) < 0)
		return -ENOMEM;
	touched = ARRAY_PUSH(&c->publishes);
	if (!touched)
		return -ENOMEM;
	number = numbers_take(&m->publish_numbers);
	if (!number) {
		c->publishes.n--;
		return -ENOSPC;
	}
	*touched = (struct touched_publish){.row = number, .added = true, .moved = old != 0, .from = old};
	publish_link(m, number, row, NODE_NEW);
	return 0;
}

static bool rows_have(const struct vpc_publish_row *rows, size_t n, const struct vpc_publish_row *row)
{
	for (size_t i = 0; i < n; i++)
		if (publish_row_equal(&rows[i], row))
			return true;
	return false;
}

static bool record_valid(const struct publish_record *r)
{
	return r->host_first <= r->host_last && r->port + (r->host_last - r->host_first) <= 0xffff &&
	       (r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP);
}

static int publish_remove(struct mirror *m, struct mirror_change *c, const struct plan_publish *p)
{
	struct vpc_publish_row before[PORT_PREFIXES_MAX], after[PORT_PREFIXES_MAX];
	size_t n = p->has_before ? publish_rows_of(&p->before, before) : 0;
	size_t n_after = p->has_after ? publish_rows_of(&p->after, after) : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		uint32_t number = publish_find(m, &before[i].key);

		if (number && m->publishes[number].state == NODE_ALIVE &&
		    publish_row_equal(&m->publishes[number].row, &before[i]) && !rows_have(after, n_after, &before[i]))
			r = publish_kill(m, c, number);
	}
	return r;
}

static int publish_add(struct mirror *m, struct mirror_change *c, const struct plan_publish *p, uint32_t *missing)
{
	struct vpc_publish_row rows[PORT_PREFIXES_MAX];
	size_t n = p->has_after ? publish_rows_of(&p->after, rows) : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = publish_make(m, c, &rows[i]);
		if (r == -ENOSPC) {
			++*missing; /* goes on, to tell how many */
			r = 0;
		}
	}
	return r;
}

int plan_publishes(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0, made = 0;
	int r = 0;

	for (size_t i = 0; i < plan->n_publishes; i++)
		if ((plan->publishes[i].has_before &&
		     plan->publishes[i].before.host_first > plan->publishes[i].before.host_last) ||
		    (plan->publishes[i].has_after && !record_valid(&plan->publishes[i].after)))
			return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned publication is not valid");
	for (size_t i = 0; r >= 0 && i < plan->n_publishes; i++)
		r = publish_remove(m, c, &plan->publishes[i]);
	for (size_t i = 0; r >= 0 && i < plan->n_publishes; i++)
		r = publish_add(m, c, &plan->publishes[i], &missing);
	if (r == -EEXIST)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a port is published twice in one plan");
	if (r < 0)
		return vpc_error_oom(reterr);
	if (missing <= m->waiting_publishes)
		return missing ? -EBUSY : 0;
	for (size_t i = 0; i < c->publishes.n; i++)
		made += c->publishes.at[i].added;
	return refuse_full(reterr, "publish", m->size.publishes - 1,
			   m->publish_numbers.used - m->waiting_publishes - made, made + missing);
}

void publishes_undo(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = c->publishes.n; i > 0; i--) {
		const struct touched_publish *touched = &c->publishes.at[i - 1];

		if (touched->added) {
			publish_unlink(m, touched->row);
			numbers_give(&m->publish_numbers, touched->row);
		} else {
			m->publishes[touched->row].state = NODE_ALIVE;
		}
	}
}

void publishes_publish(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->publishes.n; i++) {
		const struct touched_publish *touched = &c->publishes.at[i];

		m->publishes[touched->row].state = touched->added ? NODE_ALIVE : NODE_DEAD;
		m->waiting_publishes += !touched->added;
	}
}
