/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When what failed is tried again: a back-off for each port, and opening again what a lost port is attached to. */
#include <vpc/clock.h>

#include "engine/condition.h"
#include "engine/upkeep/detach.h"
#include "engine/upkeep/repair.h"
#include "util/log.h"

#define RETRY_FIRST_US	250000ull
#define RETRY_MAX_SHIFT 6u	    /* 16 s */
#define STABLE_US	10000000ull /* a port that was lost later than this after it was made didn't flap */

uint64_t retry_after(unsigned failures)
{
	unsigned shift = failures > RETRY_MAX_SHIFT ? RETRY_MAX_SHIFT : failures;

	return (monotonic_us() + (RETRY_FIRST_US << shift)) * 1000;
}

/* --- ports ---------------------------------------------------------------------------------------------- */

struct port_retry *port_retry_find(const struct engine *e, uint32_t eni)
{
	struct port_retry *r;

	HASH_FIND(hh, e->port_retries, &eni, sizeof(eni), r);
	return r;
}

static struct port_retry *find_or_add(struct engine *e, uint32_t eni)
{
	struct port_retry *r = port_retry_find(e, eni);

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->eni = eni;
	HASH_ADD(hh, e->port_retries, eni, sizeof(r->eni), r);
	return r;
}

static void port_retry_forget(struct engine *e, uint32_t eni)
{
	struct port_retry *r = port_retry_find(e, eni);

	if (!r)
		return;
	HASH_DEL(e->port_retries, r);
	free(r);
}

void port_retries_prune(struct engine *e)
{
	struct port_retry *r, *next;

	HASH_ITER (hh, e->port_retries, r, next) {
		const struct object *o = model_by_number(e->model, OBJECT_ENI, r->eni);
		bool stable = !r->reopening && !r->retry_us && monotonic_us() - r->made_us > STABLE_US;

		if (stable || !o || eni_of(o)->attachment.kind == ATTACHMENT_NONE)
			port_retry_forget(e, r->eni);
	}
}

void port_retries_clear(struct engine *e)
{
	struct port_retry *r, *next;

	HASH_ITER (hh, e->port_retries, r, next)
		port_retry_forget(e, r->eni);
}

bool port_retry_due(struct engine *e, uint32_t eni)
{
	struct port_retry *r = port_retry_find(e, eni);

	if (!r)
		return true;
	if (r->reopening)
		return false;
	if (r->retry_us)
		return monotonic_us() >= r->retry_us;
	if (monotonic_us() - r->made_us > STABLE_US) {
		port_retry_forget(e, eni);
		return true;
	}
	/* lost again just after it was made: somebody deletes it again and again */
	(void)port_retry_failed(e, eni);
	return false;
}

void port_retry_begin(struct engine *e, uint32_t eni)
{
	struct port_retry *r = find_or_add(e, eni);

	if (r)
		r->reopening = true;
}

uint64_t port_retry_failed(struct engine *e, uint32_t eni)
{
	struct port_retry *r = find_or_add(e, eni);
	uint64_t at = retry_after(r ? r->failures : 0);

	if (!r)
		return at;
	r->failures++;
	r->reopening = false;
	r->retry_us = at / 1000;
	return at;
}

void port_retry_made(struct engine *e, uint32_t eni)
{
	struct port_retry *r = find_or_add(e, eni);

	if (!r)
		return;
	r->reopening = false;
	r->retry_us = 0;
	r->made_us = monotonic_us();
}

/* --- opening again -------------------------------------------------------------------------------------- */

struct reopen *reopen_new(struct engine *e, const struct port_record *p)
{
	struct reopen *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	*r = (struct reopen){.e = e, .vpc = p->vpc, .eni = p->eni, .attachment = p->attachment};
	r->workload = WORKLOAD_INIT;
	r->attachment.owner = NULL;
	r->attachment.path = p->attachment.path ? strdup(p->attachment.path) : NULL;
	memcpy(r->eni_id, p->eni_id, sizeof(r->eni_id));
	if (p->attachment.path && !r->attachment.path) {
		free(r);
		return NULL;
	}
	return r;
}

void reopen_free(void *reopen)
{
	struct reopen *r = reopen;

	if (!r)
		return;
	workload_clear(&r->workload);
	free(r->attachment.path);
	free(r);
}

int reopen_run(void *reopen)
{
	struct reopen *r = reopen;

	r->result = workload_reopen(&r->attachment, &r->workload);
	return r->result;
}

bool reopen_matches(const struct reopen *r, const struct port_record *p)
{
	const struct attachment *a = &r->attachment, *b = &p->attachment;

	return r->eni == p->eni && strcmp(r->eni_id, p->eni_id) == 0 && a->kind == b->kind && a->ns_dev == b->ns_dev &&
	       a->ns_ino == b->ns_ino && a->ns_cookie == b->ns_cookie && strcmp(a->boot_id, b->boot_id) == 0;
}

bool reopen_note(struct engine *e, const struct reopen *r)
{
	if (r->result >= 0)
		return true;
	if (r->result == -ESTALE) {
		port_retry_forget(e, r->eni);
		condition_clear(e->conditions, CONDITION_NETWORK, r->eni_id);
		detach_gone(e, r->eni_id, &r->attachment);
		return false;
	}
	condition_raise(e->conditions, CONDITION_NETWORK, r->eni_id, port_retry_failed(e, r->eni),
			"the namespace %s that it is attached to cannot be opened: %s",
			r->attachment.path ? r->attachment.path : "", strerror(-r->result));
	return false;
}
