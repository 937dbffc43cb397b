/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/addrs.h"

#include <errno.h>
#include <string.h>

#include "datapath/maps/mirror/refuse.h"

void addr_key_of(uint32_t vpc, const struct ip *ip, struct vpc_addr_key *ret)
{
	*ret = (struct vpc_addr_key){.vpc = vpc};
	memcpy(ret->addr, ip->bytes, sizeof(ret->addr));
}

static uint32_t *addr_chain(const struct mirror *m, const struct vpc_addr_key *key)
{
	return chains_head(&m->addrs_by_key, chains_hash(key, sizeof(*key)));
}

/* An address that moves has two rows while the first is dying. The newer stands first in the chain. */
uint32_t addr_find(const struct mirror *m, const struct vpc_addr_key *key)
{
	uint32_t i = *addr_chain(m, key);

	while (i && (m->addrs[i].state == NODE_DEAD || memcmp(&m->addrs[i].key, key, sizeof(*key)) != 0))
		i = m->addrs[i].next;
	return i;
}

uint32_t addr_find_hashed(const struct mirror *m, const struct vpc_addr_key *key)
{
	uint32_t i = *addr_chain(m, key);

	while (i && (!m->addrs[i].hashed || memcmp(&m->addrs[i].key, key, sizeof(*key)) != 0))
		i = m->addrs[i].next;
	return i;
}

void addr_link(struct mirror *m, uint32_t number, const struct vpc_addr_key *key, uint32_t eni, enum node_state state)
{
	uint32_t *head = addr_chain(m, key);

	m->addrs[number] = (struct addr){.key = *key, .eni = eni, .next = *head, .state = (uint8_t)state};
	*head = number;
}

void addr_unlink(struct mirror *m, uint32_t number)
{
	uint32_t *at = addr_chain(m, &m->addrs[number].key);

	while (*at != number)
		at = &m->addrs[*at].next;
	*at = m->addrs[number].next;
	m->addrs[number] = (struct addr){};
}

static int addr_kill(struct mirror *m, struct mirror_change *c, uint32_t number)
{
	struct touched_addr *touched = ARRAY_PUSH(&c->addrs);

	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_addr){.addr = number};
	m->addrs[number].state = NODE_DYING;
	return 0;
}

static int addr_make(struct mirror *m, struct mirror_change *c, const struct vpc_addr_key *key, uint32_t eni)
{
	struct touched_addr *touched = ARRAY_PUSH(&c->addrs);
	uint32_t number;

	if (!touched)
		return -ENOMEM;
	number = numbers_take(&m->addr_numbers);
	if (!number) {
		c->addrs.n--;
		return -ENOSPC;
	}
	*touched = (struct touched_addr){.addr = number, .added = true};
	addr_link(m, number, key, eni, NODE_NEW);
	return 0;
}

/* The plan removes an address and adds it again: it stays. */
static void addr_revive(struct mirror *m, struct mirror_change *c, uint32_t number)
{
	for (size_t i = 0; i < c->addrs.n; i++) {
		if (c->addrs.at[i].addr == number) {
			c->addrs.at[i] = c->addrs.at[--c->addrs.n];
			break;
		}
	}
	m->addrs[number].state = NODE_ALIVE;
}

static int addr_add(struct mirror *m, struct mirror_change *c, const struct plan_addr *a)
{
	struct vpc_addr_key key;
	uint32_t old;
	int r;

	addr_key_of(a->vpc, &a->ip, &key);
	old = addr_find(m, &key);
	if (old && m->addrs[old].eni == a->eni) {
		if (m->addrs[old].state == NODE_DYING)
			addr_revive(m, c, old);
		return 0;
	}
	/* An address has one owner. The one before loses it, whether the plan says so or not. */
	if (old && m->addrs[old].state == NODE_ALIVE) {
		r = addr_kill(m, c, old);
		if (r < 0)
			return r;
	}
	r = addr_make(m, c, &key, a->eni);
	if (r == 0 && old) {
		c->addrs.at[c->addrs.n - 1].moved = true;
		c->addrs.at[c->addrs.n - 1].from = old;
	}
	return r;
}

static int addr_remove(struct mirror *m, struct mirror_change *c, const struct plan_addr *a)
{
	struct vpc_addr_key key;
	uint32_t old;

	addr_key_of(a->vpc, &a->ip, &key);
	old = addr_find(m, &key);
	if (!old || m->addrs[old].eni != a->eni || m->addrs[old].state != NODE_ALIVE)
		return 0;
	return addr_kill(m, c, old);
}

int plan_addrs(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	uint32_t missing = 0, made = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->n_addrs; i++)
		if (!plan->addrs[i].add)
			r = addr_remove(m, c, &plan->addrs[i]);
	for (size_t i = 0; r >= 0 && i < plan->n_addrs; i++) {
		r = plan->addrs[i].add ? addr_add(m, c, &plan->addrs[i]) : 0;
		if (r == -ENOSPC) {
			missing++; /* goes on, to tell how many */
			r = 0;
		}
	}
	if (r < 0)
		return vpc_error_oom(reterr);
	if (!missing)
		return 0;
	if (missing <= m->waiting_addrs)
		return -EBUSY;
	for (size_t i = 0; i < c->addrs.n; i++)
		made += c->addrs.at[i].added;
	return refuse_full(reterr, "addr", m->size.addrs, m->addr_numbers.used - m->waiting_addrs - made,
			   made + missing);
}
