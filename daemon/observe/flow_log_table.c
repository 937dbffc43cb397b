/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_log_table.h"

#include <stdlib.h>

void flow_log_table_clear(struct flow_log_table *t)
{
	struct flow_log_record *r, *next;
	struct flow_log_eni *e, *next_eni;

	HASH_ITER (hh, t->records, r, next) {
		HASH_DEL(t->records, r);
		free(r);
	}
	HASH_ITER (hh, t->enis, e, next_eni) {
		HASH_DEL(t->enis, e);
		free(e);
	}
}

static struct flow_log_eni *eni_at(struct flow_log_table *t, uint32_t number)
{
	struct flow_log_eni *e;

	HASH_FIND(hh, t->enis, &number, sizeof(number), e);
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->eni = number;
	HASH_ADD(hh, t->enis, eni, sizeof(e->eni), e);
	if (!e->hh.tbl) {
		free(e);
		return NULL;
	}
	return e;
}

static struct flow_log_record *record_at(struct flow_log_table *t, const struct flow_log_key *key, uint64_t first_ns)
{
	struct flow_log_record *r;

	HASH_FIND(hh, t->records, key, sizeof(*key), r);
	if (r || HASH_COUNT(t->records) >= t->max)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->key = *key;
	r->first_ns = first_ns;
	HASH_ADD(hh, t->records, key, sizeof(r->key), r);
	if (!r->hh.tbl) {
		free(r);
		return NULL;
	}
	return r;
}

void flow_log_table_add(struct flow_log_table *t, const struct flow_log_key *key, const struct flow_log_amount *amount,
			uint64_t first_ns, uint64_t last_ns, uint8_t tcp_flags)
{
	struct flow_log_record *r = record_at(t, key, first_ns);
	struct flow_log_eni *e = eni_at(t, key->eni);

	if (!r) {
		flow_log_table_skip(t, key->eni, amount->packets);
		return;
	}
	r->amount.packets += amount->packets;
	r->amount.bytes += amount->bytes;
	r->first_ns = first_ns < r->first_ns ? first_ns : r->first_ns;
	r->last_ns = last_ns > r->last_ns ? last_ns : r->last_ns;
	r->tcp_flags |= tcp_flags;
	if (e)
		e->has_records = true;
}

void flow_log_table_skip(struct flow_log_table *t, uint32_t eni, uint64_t packets)
{
	struct flow_log_eni *e = eni_at(t, eni);

	if (e)
		e->skipped += packets;
}

const struct flow_log_eni *flow_log_table_eni(const struct flow_log_table *t, uint32_t eni)
{
	struct flow_log_eni *e;

	HASH_FIND(hh, t->enis, &eni, sizeof(eni), e);
	return e;
}
