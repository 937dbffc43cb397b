/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/flows/translations.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/epoch.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/recount.h"
#include "datapath/maps/mirror/addrs.h"

/* Entries that one step looks at, and translations that it deletes. */
#define STEP_MAX    1024u
#define DELETE_MAX  64u
/* Translations of cut flows that one read finds at most; the others are found by the next. */
#define CUT_MAX	    1024u
/* How long an entry without its other one is left alone: a program may be about to make the other. */
#define ORPHAN_IDLE 60u
/* While no VPC has a translation by its count, one read in so many walks the maps: their buckets take milliseconds. */
#define EMPTY_READS 16u

enum { OUT, IN, DIRECTIONS };

struct item {
	struct vpc_nat_entry entry;
	uint8_t direction;
	bool cut;
	bool orphan; /* the other entry is missing, or another translation's */
};

struct translations {
	int fd[DIRECTIONS]; /* borrowed */
	uint64_t cursor[DIRECTIONS];
	bool started[DIRECTIONS]; /* cursor is where the last batch ended */
	unsigned turn;
	uint32_t budget;
	struct vpc_nat_key *keys; /* a batch, as are entries */
	struct vpc_nat_entry *entries;
	struct item *items; /* `budget`, a batch and CUT_MAX */
	uint32_t n, at;	    /* read, and of them looked at */
	uint64_t now_ns;
	__s64 *used; /* nat_used */
	uint32_t n_vpcs;
	struct recount_count *counts; /* by VPC number */
	uint32_t skipped;	      /* reads that walked nothing, in a row */
	struct vpc_nat_key tracked[DELETE_MAX];
	unsigned n_tracked;
};

int translations_new(const struct maps *maps, uint32_t budget, struct translations **ret)
{
	_cleanup_(translations_freep) struct translations *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->fd[OUT] = maps->map[MAP_NAT_OUT].fd;
	x->fd[IN] = maps->map[MAP_NAT_IN].fd;
	x->budget = budget;
	x->keys = calloc(FLOWS_READ_BATCH, sizeof(*x->keys));
	x->entries = calloc(FLOWS_READ_BATCH, sizeof(*x->entries));
	x->items = calloc(budget + FLOWS_READ_BATCH + CUT_MAX, sizeof(*x->items));
	x->used = nat_used_at(maps, 0);
	x->n_vpcs = maps->map[MAP_NAT_USED].n;
	x->counts = calloc(x->n_vpcs, sizeof(*x->counts));
	if (!x->keys || !x->entries || !x->items || !x->counts)
		return -ENOMEM;
	*ret = TAKE_PTR(x);
	return 0;
}

struct translations *translations_free(struct translations *x)
{
	if (!x)
		return NULL;
	free(x->keys);
	free(x->entries);
	free(x->items);
	free(x->counts);
	free(x);
	return NULL;
}

static bool nat_key_equal(const struct vpc_nat_key *a, const struct vpc_nat_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- on the worker ------------------------------------------------------------------------------------------------ */

void translations_begin(struct translations *x, uint64_t now_ns)
{
	x->n = x->at = 0;
	x->now_ns = now_ns;
}

bool translation_of_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, struct vpc_nat_key *ret)
{
	static const unsigned char v4_prefix[12] = {[10] = 0xff, [11] = 0xff};
	unsigned local = flow->eni[0] ? flow->opener : !flow->opener;

	if (!flow->eni[0] == !flow->eni[1] || key->via || flow->opener > 1 ||
	    memcmp(key->addr[0], v4_prefix, sizeof(v4_prefix)) != 0)
		return false;
	*ret = (struct vpc_nat_key){.vpc = key->vpc,
				    .local = key->addr[local][3],
				    .remote = key->addr[!local][3],
				    .lport = key->port[local],
				    .rport = key->port[!local],
				    .proto = key->proto};
	return true;
}

void translations_flow(struct translations *x, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	struct item *item = &x->items[x->n];
	struct vpc_nat_key out;

	if (flow->state != VPC_FLOW_TOMBSTONE || x->n >= CUT_MAX || !translation_of_flow(key, flow, &out) ||
	    bpf_map_lookup_elem(x->fd[OUT], &out, &item->entry) < 0 || !nat_key_equal(&item->entry.key, &out))
		return;
	item->direction = OUT;
	item->cut = true;
	item->orphan = false;
	x->n++;
}

/* The entries are read one after the other, so only what was idle for long tells that something is missing. */
static bool is_orphan(const struct translations *x, unsigned direction, const struct vpc_nat_entry *entry)
{
	struct vpc_nat_entry other;

	if (entry->last_seen_ns + ORPHAN_IDLE * NS_PER_S > x->now_ns)
		return false;
	if (bpf_map_lookup_elem(x->fd[!direction], &entry->other, &other) < 0)
		return errno == ENOENT;
	return nat_key_equal(&other.key, &entry->other) && !nat_key_equal(&other.other, &entry->key);
}

static void round_begins(struct translations *x, unsigned direction)
{
	for (uint32_t i = 0; direction == OUT && i < x->n_vpcs; i++)
		recount_count_begin(&x->counts[i], (int64_t *)&x->used[i]);
}

static void round_ends(struct translations *x, unsigned direction)
{
	for (uint32_t i = 0; direction == OUT && i < x->n_vpcs; i++)
		recount_count_end(&x->counts[i], (int64_t *)&x->used[i]);
}

static void batch_is_read(struct translations *x, unsigned direction, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct vpc_nat_entry *entry = &x->entries[i];

		if (direction == OUT && x->keys[i].vpc < x->n_vpcs)
			x->counts[x->keys[i].vpc].counted++;
		/* The element was recycled while it was copied. */
		if (!nat_key_equal(&entry->key, &x->keys[i]))
			continue;
		x->items[x->n++] = (struct item){
			.entry = *entry, .direction = (uint8_t)direction, .orphan = is_orphan(x, direction, entry)};
	}
}

static bool counts_are_zero(const struct translations *x)
{
	for (uint32_t i = 0; i < x->n_vpcs; i++)
		if (__atomic_load_n(&x->used[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

int translations_read(struct translations *x)
{
	uint32_t end = x->n + x->budget;

	if (counts_are_zero(x) && ++x->skipped < EMPTY_READS)
		return 0;
	x->skipped = 0;
	/* At most once around each map. */
	for (unsigned ends = 0; ends < DIRECTIONS && x->n < end;) {
		unsigned which = x->turn;
		__u32 n = FLOWS_READ_BATCH;
		uint64_t next = 0;
		int r;

		if (!x->started[which])
			round_begins(x, which);
		r = bpf_map_lookup_batch(x->fd[which], x->started[which] ? &x->cursor[which] : NULL, &next, x->keys,
					 x->entries, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return r;
		batch_is_read(x, which, n);
		x->started[which] = r == 0;
		x->cursor[which] = next;
		if (r == 0)
			continue;
		round_ends(x, which);
		ends++;
		x->turn = (which + 1) % DIRECTIONS;
	}
	return 0;
}

/* --- on the event loop -------------------------------------------------------------------------------------------- */

/* As nat_gateway_counts() in bpf/lib/route/nat.h. */
static bool gateway_counts(const struct maps *maps, const struct vpc_nat_entry *e, __be32 public4)
{
	uint64_t epoch = maps_epoch(maps);
	const struct vpc_nat *at;
	const struct vpc_eip *elastic;
	uint32_t in_force;

	if (e->by >= maps->map[MAP_NAT].n)
		return false;
	at = nat_at(maps, e->by);
	in_force = versioned_value(&at->eip, epoch);
	if (at->incarnation != e->incarnation || !in_force)
		return false;
	if (in_force == VPC_NAT_HOST_ADDRESS)
		return true;
	if (in_force >= maps->map[MAP_EIP].n)
		return false;
	elastic = eip_at(maps, in_force);
	return versioned_value(&elastic->target, epoch) == (VPC_EIP_NAT << VPC_TARGET_SHIFT | e->by) &&
	       elastic->addr4 == public4;
}

static bool publication_counts(const struct maps *maps, const struct vpc_nat_entry *e)
{
	const struct vpc_publish_row *row;

	if (!e->by || e->by >= maps->map[MAP_PUBLISH_ROW].n)
		return false;
	row = publish_at(maps, e->by);
	return (uint32_t)row->born == e->incarnation && visible(row->born, row->died, maps_epoch(maps));
}

/* Whether the ENI that a translation counts to is gone, or has lost the private address. */
static bool eni_is_gone(const struct maps *maps, const struct vpc_nat_entry *e, const struct vpc_nat_key *out)
{
	struct vpc_addr_key key = {.vpc = out->vpc, .addr = {[2] = htonl(0xffff), [3] = out->local}};
	uint32_t addr;

	if (!e->eni)
		return false;
	if (e->eni >= maps->map[MAP_ENI].n || maps->mirror.enis[e->eni].state == NODE_FREE ||
	    maps->mirror.enis[e->eni].row.vpc != out->vpc)
		return true;
	/* What an appliance forwards for others has no row. */
	addr = addr_find(&maps->mirror, &key);
	return addr && maps->mirror.addrs[addr].eni != e->eni;
}

static bool is_over(const struct maps *maps, const struct vpc_nat_entry *e, const struct vpc_nat_key *out,
		    __be32 public4, uint64_t now_ns)
{
	if (e->last_seen_ns + e->timeout_s * NS_PER_S < now_ns)
		return true;
	if (e->flags & VPC_NAT_PUBLISHED ? !publication_counts(maps, e) : !gateway_counts(maps, e, public4))
		return true;
	return eni_is_gone(maps, e, out);
}

/* The entry of a key as it is now; false: there is none. */
static bool look_up(const struct maps *maps, enum map_id id, const struct vpc_nat_key *key, struct vpc_nat_entry *ret)
{
	return bpf_map_lookup_elem(maps->map[id].fd, key, ret) == 0 && nat_key_equal(&ret->key, key);
}

bool translation_find(const struct maps *maps, const struct vpc_nat_key *out, struct vpc_nat_entry *ret)
{
	return look_up(maps, MAP_NAT_OUT, out, ret);
}

static void delete_out(struct maps *maps, const struct vpc_nat_key *key)
{
	if (bpf_map_delete_elem(maps->map[MAP_NAT_OUT].fd, key) == 0 && key->vpc < maps->map[MAP_NAT_USED].n)
		__atomic_fetch_sub(nat_used_at(maps, key->vpc), 1, __ATOMIC_RELAXED);
}

/* Whether the host's conntrack may have an entry of a translation: of what the host itself sends, and of what it
 * forwards. */
static bool is_tracked(const struct maps *maps, const struct vpc_nat_entry *e)
{
	return e->flags & VPC_NAT_HOST || maps->edge.forward;
}

bool translation_tracked(const struct maps *maps, const struct vpc_flow_key *key, const struct vpc_flow *flow,
			 struct vpc_nat_key *ret)
{
	struct vpc_nat_entry e;
	struct vpc_nat_key out;

	if (!translation_of_flow(key, flow, &out) || !look_up(maps, MAP_NAT_OUT, &out, &e) || !is_tracked(maps, &e))
		return false;
	*ret = e.other;
	return true;
}

/* Notes a translation that is deleted, unless it was idle: its conntrack entry ends by itself. */
static void note_tracked(const struct maps *maps, struct translations *x, const struct item *item,
			 const struct vpc_nat_entry *e, uint64_t now_ns)
{
	if (item->orphan || (!item->cut && e->last_seen_ns + e->timeout_s * NS_PER_S < now_ns) ||
	    !is_tracked(maps, e) || x->n_tracked == DELETE_MAX)
		return;
	x->tracked[x->n_tracked++] = item->direction == OUT ? e->other : e->key;
}

const struct vpc_nat_key *translations_tracked(const struct translations *x, unsigned *ret_n)
{
	*ret_n = x->n_tracked;
	return x->tracked;
}

/* Deletes the translation that an entry is one of, if that is still what was read and still is over. */
static unsigned delete_pair(struct maps *maps, struct translations *x, const struct item *item, uint64_t now_ns)
{
	bool out = item->direction == OUT;
	const struct vpc_nat_entry *e = &item->entry;
	struct vpc_nat_entry now;

	if (!look_up(maps, out ? MAP_NAT_OUT : MAP_NAT_IN, &e->key, &now) || !nat_key_equal(&now.other, &e->other))
		return 0;
	if (item->orphan) {
		if (now.last_seen_ns != e->last_seen_ns)
			return 0;
	} else if (!item->cut &&
		   !is_over(maps, &now, out ? &now.key : &now.other, out ? now.other.local : now.key.local, now_ns)) {
		return 0;
	}
	note_tracked(maps, x, item, &now, now_ns);
	if (out)
		delete_out(maps, &e->key);
	else
		(void)bpf_map_delete_elem(maps->map[MAP_NAT_IN].fd, &e->key);
	if (item->orphan)
		return 1;
	if (look_up(maps, out ? MAP_NAT_IN : MAP_NAT_OUT, &e->other, &now) && nat_key_equal(&now.other, &e->key)) {
		if (out)
			(void)bpf_map_delete_elem(maps->map[MAP_NAT_IN].fd, &e->other);
		else
			delete_out(maps, &e->other);
	}
	return 1;
}

int translations_step(struct maps *maps, struct translations *x, uint64_t now_ns, unsigned *deleted)
{
	uint32_t end = x->n - x->at < STEP_MAX ? x->n : x->at + STEP_MAX;

	x->n_tracked = 0;
	for (unsigned tried = 0; x->at < end && tried < DELETE_MAX; x->at++) {
		const struct item *item = &x->items[x->at];
		const struct vpc_nat_entry *e = &item->entry;
		bool out = item->direction == OUT;

		if (!item->cut && !item->orphan &&
		    !is_over(maps, e, out ? &e->key : &e->other, out ? e->other.local : e->key.local, now_ns))
			continue;
		*deleted += delete_pair(maps, x, item, now_ns);
		tried++;
	}
	return x->at < x->n;
}
