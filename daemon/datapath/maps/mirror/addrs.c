/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses in the mirror, and what a plan does to them. Touches no map. */
#include "datapath/maps/private.h"

void addr_key_of(uint32_t vpc, const struct ip *ip, struct vpc_addr_key *ret)
{
	*ret = (struct vpc_addr_key){.vpc = vpc};
	memcpy(ret->addr, ip->bytes, sizeof(ret->addr));
}

static uint32_t *addr_chain(const struct maps *t, const struct vpc_addr_key *key)
{
	return chains_head(&t->addrs_by_key, chains_hash(key, sizeof(*key)));
}

/* Moving an address makes a second row while the first is dying: the newer stands first in the chain. */
uint32_t addr_find(const struct maps *t, const struct vpc_addr_key *key)
{
	uint32_t i = *addr_chain(t, key);

	while (i && (t->addrs[i].state == NODE_DEAD || memcmp(&t->addrs[i].key, key, sizeof(*key)) != 0))
		i = t->addrs[i].next;
	return i;
}

uint32_t addr_find_hashed(const struct maps *t, const struct vpc_addr_key *key)
{
	uint32_t i = *addr_chain(t, key);

	while (i && (!t->addrs[i].hashed || memcmp(&t->addrs[i].key, key, sizeof(*key)) != 0))
		i = t->addrs[i].next;
	return i;
}

void addr_link(struct maps *t, uint32_t number, const struct vpc_addr_key *key, uint32_t eni, enum node_state state)
{
	uint32_t *head = addr_chain(t, key);

	t->addrs[number] = (struct addr){.key = *key, .eni = eni, .next = *head, .state = (uint8_t)state};
	*head = number;
}

void addr_unlink(struct maps *t, uint32_t number)
{
	uint32_t *at = addr_chain(t, &t->addrs[number].key);

	while (*at != number)
		at = &t->addrs[*at].next;
	*at = t->addrs[number].next;
	t->addrs[number] = (struct addr){};
}

static int addr_end(struct maps *t, struct maps_change *c, uint32_t number)
{
	struct touched_addr *touched = ARRAY_PUSH(&c->addrs);

	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_addr){.addr = number};
	t->addrs[number].state = NODE_DYING;
	return 0;
}

static int addr_take(struct maps *t, struct maps_change *c, const struct vpc_addr_key *key, uint32_t eni)
{
	struct touched_addr *touched = ARRAY_PUSH(&c->addrs);
	uint32_t number;

	if (!touched)
		return -ENOMEM;
	number = numbers_take(&t->addr_numbers);
	if (!number) {
		c->addrs.n--;
		return -ENOSPC;
	}
	*touched = (struct touched_addr){.addr = number, .added = true};
	addr_link(t, number, key, eni, NODE_NEW);
	return 0;
}

/* Drops the ending of an address that the same plan wants back. */
static void addr_revive(struct maps *t, struct maps_change *c, uint32_t number)
{
	for (size_t i = 0; i < c->addrs.n; i++) {
		if (c->addrs.at[i].addr == number) {
			c->addrs.at[i] = c->addrs.at[--c->addrs.n];
			break;
		}
	}
	t->addrs[number].state = NODE_ALIVE;
}

static int addr_add(struct maps *t, struct maps_change *c, const struct plan_addr *a)
{
	struct vpc_addr_key key;
	uint32_t old;
	int r;

	addr_key_of(a->vpc, &a->ip, &key);
	old = addr_find(t, &key);
	if (old && t->addrs[old].eni == a->eni) {
		if (t->addrs[old].state == NODE_DYING)
			addr_revive(t, c, old);
		return 0;
	}
	/* An address has one owner: the one before loses it, whether the plan says so or not. */
	if (old && t->addrs[old].state == NODE_ALIVE) {
		r = addr_end(t, c, old);
		if (r < 0)
			return r;
	}
	r = addr_take(t, c, &key, a->eni);
	if (r == 0 && old) {
		c->addrs.at[c->addrs.n - 1].late = true;
		c->addrs.at[c->addrs.n - 1].from = old;
	}
	return r;
}

static int addr_remove(struct maps *t, struct maps_change *c, const struct plan_addr *a)
{
	struct vpc_addr_key key;
	uint32_t old;

	addr_key_of(a->vpc, &a->ip, &key);
	old = addr_find(t, &key);
	if (!old || t->addrs[old].eni != a->eni || t->addrs[old].state != NODE_ALIVE)
		return 0;
	return addr_end(t, c, old);
}

int addrs_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0, made = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_addrs; i++)
		if (!plan->addrs[i].add)
			r = addr_remove(t, c, &plan->addrs[i]);
	for (size_t i = 0; r >= 0 && i < plan->n_addrs; i++) {
		r = plan->addrs[i].add ? addr_add(t, c, &plan->addrs[i]) : 0;
		if (r == -ENOSPC) {
			missing++; /* go on, to tell how many */
			r = 0;
		}
	}
	if (r < 0)
		return vpc_error_oom(reterr);
	if (!missing)
		return 0;
	if (missing <= t->waiting_addrs)
		return -EBUSY;
	for (size_t i = 0; i < c->addrs.n; i++)
		made += c->addrs.at[i].added;
	return limit_error(reterr, "addr", addr_rows(t), t->addr_numbers.used - t->waiting_addrs - made,
			   made + missing);
}
