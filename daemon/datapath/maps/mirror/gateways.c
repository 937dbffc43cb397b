/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/gateways.h"

#include <errno.h>
#include <string.h>

#include "datapath/maps/mirror/addrs.h"
#include "datapath/maps/mirror/refuse.h"

/* --- NAT gateways ------------------------------------------------------------------------------------------------- */

bool nat_record_equal(const struct nat_record *a, const struct nat_record *b)
{
	return a->number == b->number && a->vpc == b->vpc && a->incarnation == b->incarnation && a->eip == b->eip;
}

static int plan_nat(struct mirror *m, struct mirror_change *c, const struct plan_nat *p, struct vpc_error *reterr)
{
	const struct nat_record *record = p->has_after ? &p->after : &p->before;
	struct touched_nat *touched;
	struct nat_node *nat;

	if (record->number == 0 || record->number >= m->size.nats)
		return refuse_number(reterr, "nat", m->size.nats, record->number);
	nat = &m->nats[record->number];
	if (p->has_after && (!record->incarnation || !record->eip || record->eip > VPC_NAT_HOST_ADDRESS))
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned NAT gateway is not valid");
	if (nat->touched)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "NAT gateway %u is in the plan twice",
				     record->number);
	if (nat->state == NODE_DEAD && p->has_after)
		return -EBUSY;
	if (p->has_after ? nat->state == NODE_ALIVE && nat_record_equal(&nat->record, record)
			 : nat->state != NODE_ALIVE)
		return 0;
	touched = ARRAY_PUSH(&c->nats);
	if (!touched)
		return vpc_error_oom(reterr);
	*touched = (struct touched_nat){
		.number = record->number, .has_before = nat->state == NODE_ALIVE, .has_after = p->has_after};
	touched->before = nat->record;
	if (p->has_after)
		touched->after = *record;
	nat->touched = true;
	if (!touched->has_before)
		nat->state = NODE_NEW;
	else if (!touched->has_after)
		nat->state = NODE_DYING;
	return 0;
}

int plan_nats(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	bool busy = false;

	for (size_t i = 0; i < plan->n_nats; i++) {
		int r = plan_nat(m, c, &plan->nats[i], reterr);

		if (r < 0 && r != -EBUSY)
			return r;
		busy |= r == -EBUSY;
	}
	return busy ? -EBUSY : 0;
}

/* --- elastic IPs -------------------------------------------------------------------------------------------------- */

bool eip_record_equal(const struct eip_record *a, const struct eip_record *b)
{
	return a->number == b->number && a->address == b->address && a->target == b->target && a->vpc == b->vpc &&
	       a->private_address == b->private_address && a->pool == b->pool;
}

bool eip_is_eni(const struct eip_record *r)
{
	return r->target >> VPC_TARGET_SHIFT == VPC_EIP_ENI;
}

uint32_t eip_target(const struct eip_record *r)
{
	return r->target ? r->target : VPC_EIP_NOBODY << VPC_TARGET_SHIFT;
}

static uint32_t *address_chain(const struct mirror *m, uint32_t address)
{
	return chains_head(&m->eips_by_address, chains_hash(&address, sizeof(address)));
}

static uint32_t *private_chain(const struct mirror *m, uint32_t vpc, uint32_t private4)
{
	const uint32_t key[] = {vpc, private4};

	return chains_head(&m->eips_by_private, chains_hash(key, sizeof(key)));
}

uint32_t eip_by_address(const struct mirror *m, uint32_t address)
{
	uint32_t best = 0;

	for (uint32_t i = *address_chain(m, address); i; i = m->eips[i].next_by_address) {
		if (m->eips[i].record.address != address || m->eips[i].state == NODE_DEAD)
			continue;
		if (!best || m->eips[best].state == NODE_NEW)
			best = i;
	}
	return best;
}

uint32_t eip_by_private(const struct mirror *m, const struct vpc_addr_key *key)
{
	static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};
	uint32_t private4 = key->addr[3], i;

	if (memcmp(key->addr, v4_prefix, sizeof(v4_prefix)) != 0)
		return 0;
	i = *private_chain(m, key->vpc, private4);
	while (i && (m->eips[i].record.vpc != key->vpc || m->eips[i].record.private_address != private4))
		i = m->eips[i].next_by_private;
	return i;
}

static void private_link(struct mirror *m, uint32_t number)
{
	struct eip_node *eip = &m->eips[number];
	uint32_t *head = private_chain(m, eip->record.vpc, eip->record.private_address);

	if (!eip_is_eni(&eip->record))
		return;
	eip->next_by_private = *head;
	*head = number;
}

static void private_unlink(struct mirror *m, uint32_t number)
{
	struct eip_node *eip = &m->eips[number];
	uint32_t *at = private_chain(m, eip->record.vpc, eip->record.private_address);

	if (!eip_is_eni(&eip->record))
		return;
	while (*at && *at != number)
		at = &m->eips[*at].next_by_private;
	if (*at)
		*at = eip->next_by_private;
	eip->next_by_private = 0;
}

void eip_link(struct mirror *m, uint32_t number, const struct eip_record *r, enum node_state state)
{
	uint32_t *head = address_chain(m, r->address);

	m->eips[number] = (struct eip_node){.record = *r, .next_by_address = *head, .state = (uint8_t)state};
	*head = number;
	if (state == NODE_ALIVE)
		private_link(m, number);
}

void eip_unlink(struct mirror *m, uint32_t number)
{
	uint32_t *at = address_chain(m, m->eips[number].record.address);

	while (*at != number)
		at = &m->eips[*at].next_by_address;
	*at = m->eips[number].next_by_address;
	if (m->eips[number].state == NODE_ALIVE)
		private_unlink(m, number);
	m->eips[number] = (struct eip_node){};
}

static int plan_eip(struct mirror *m, struct mirror_change *c, const struct plan_eip *p, struct vpc_error *reterr)
{
	const struct eip_record *record = p->has_after ? &p->after : &p->before;
	struct touched_eip *touched;
	struct eip_node *eip;

	if (record->number == 0 || record->number >= m->size.eips)
		return refuse_number(reterr, "eip", m->size.eips, record->number);
	eip = &m->eips[record->number];
	if (p->has_after && record->target > VPC_VERSIONED_VALUE_MASK)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "a planned elastic IP is not valid");
	if (eip->touched)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "elastic IP %u is in the plan twice",
				     record->number);
	if (p->has_after && eip->state == NODE_DEAD)
		return -EBUSY;
	if (p->has_after ? eip->state == NODE_ALIVE && eip_record_equal(&eip->record, record)
			 : eip->state != NODE_ALIVE)
		return 0;
	touched = ARRAY_PUSH(&c->eips);
	if (!touched)
		return vpc_error_oom(reterr);
	*touched = (struct touched_eip){
		.number = record->number, .has_before = eip->state == NODE_ALIVE, .has_after = p->has_after};
	touched->before = eip->record;
	if (p->has_after)
		touched->after = *record;
	if (!touched->has_before)
		eip_link(m, record->number, record, NODE_NEW);
	else if (!touched->has_after)
		eip->state = NODE_DYING;
	eip->touched = true;
	return 0;
}

int plan_eips(struct mirror *m, struct mirror_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	bool busy = false;

	for (size_t i = 0; i < plan->n_eips; i++) {
		int r = plan_eip(m, c, &plan->eips[i], reterr);

		if (r < 0 && r != -EBUSY)
			return r;
		busy |= r == -EBUSY;
	}
	return busy ? -EBUSY : 0;
}

/* --- which elastic IP an address has ------------------------------------------------------------------------------ */

static int addr_eip_set(struct mirror *m, struct mirror_change *c, uint32_t addr, uint32_t eip)
{
	struct touched_addr_eip *touched;

	if (m->addrs[addr].eip == eip)
		return 0;
	touched = ARRAY_PUSH(&c->addr_eips);
	if (!touched)
		return -ENOMEM;
	*touched = (struct touched_addr_eip){.addr = addr, .old = m->addrs[addr].eip};
	m->addrs[addr].eip = eip;
	return 0;
}

/* The row of a private address that counts with the change; 0: none. */
static uint32_t addr_of_eip(const struct mirror *m, const struct eip_record *r)
{
	struct ip ip = {.family = 4, .bytes = {[10] = 0xff, 0xff}};
	struct vpc_addr_key key;
	uint32_t addr;

	memcpy(ip.bytes + 12, &r->private_address, sizeof(r->private_address));
	addr_key_of(r->vpc, &ip, &key);
	addr = addr_find(m, &key);
	return addr && m->addrs[addr].state != NODE_DYING ? addr : 0;
}

int plan_addr_eips(struct mirror *m, struct mirror_change *c, struct vpc_error *reterr)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->addrs.n; i++) {
		uint32_t number = c->addrs.at[i].addr;
		uint32_t eip = c->addrs.at[i].added ? eip_by_private(m, &m->addrs[number].key) : 0;

		/* What the change does to the elastic IP itself follows. */
		if (eip)
			r = addr_eip_set(m, c, number, eip);
	}
	for (size_t i = 0; r >= 0 && i < c->eips.n; i++) {
		const struct touched_eip *e = &c->eips.at[i];
		uint32_t addr = e->has_before && eip_is_eni(&e->before) ? addr_of_eip(m, &e->before) : 0;

		if (addr && m->addrs[addr].eip == e->number)
			r = addr_eip_set(m, c, addr, 0);
	}
	for (size_t i = 0; r >= 0 && i < c->eips.n; i++) {
		const struct touched_eip *e = &c->eips.at[i];
		uint32_t addr = e->has_after && eip_is_eni(&e->after) ? addr_of_eip(m, &e->after) : 0;

		if (addr)
			r = addr_eip_set(m, c, addr, e->number);
	}
	return r < 0 ? vpc_error_oom(reterr) : 0;
}

/* --- the rest of a change ----------------------------------------------------------------------------------------- */

void gateways_undo(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = c->addr_eips.n; i > 0; i--)
		m->addrs[c->addr_eips.at[i - 1].addr].eip = c->addr_eips.at[i - 1].old;
	for (size_t i = c->eips.n; i > 0; i--) {
		const struct touched_eip *e = &c->eips.at[i - 1];

		m->eips[e->number].touched = false;
		if (e->has_before)
			m->eips[e->number].state = NODE_ALIVE;
		else
			eip_unlink(m, e->number);
	}
	for (size_t i = 0; i < c->nats.n; i++) {
		const struct touched_nat *n = &c->nats.at[i];

		m->nats[n->number].touched = false;
		m->nats[n->number].state = n->has_before ? NODE_ALIVE : NODE_FREE;
	}
}

void gateways_publish(struct mirror *m, struct mirror_change *c)
{
	for (size_t i = 0; i < c->eips.n; i++) {
		const struct touched_eip *e = &c->eips.at[i];

		if (e->has_before)
			private_unlink(m, e->number);
		m->eips[e->number].touched = false;
		if (!e->has_after) {
			m->eips[e->number].state = NODE_DEAD;
			continue;
		}
		/* Under a new address, if that changes. */
		m->eips[e->number].state = NODE_NEW;
		eip_unlink(m, e->number);
		eip_link(m, e->number, &e->after, NODE_ALIVE);
	}
	for (size_t i = 0; i < c->nats.n; i++) {
		const struct touched_nat *n = &c->nats.at[i];

		m->nats[n->number].touched = false;
		m->nats[n->number].state = n->has_after ? NODE_ALIVE : NODE_DEAD;
		if (n->has_after)
			m->nats[n->number].record = n->after;
	}
}
