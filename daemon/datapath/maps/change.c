/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of a change: prepare, undo, publish. Start reading here. */
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>

#include "datapath/maps/private.h"

static bool change_empty(const struct maps_change *c)
{
	return !c->rows.n && !c->enis.n && !c->addrs.n && !c->vpcs.n;
}

static void drop_change(struct maps *t, struct maps_change *c)
{
	mirror_undo(t, c);
	change_free(c);
}

/* The mirror goes first, because it knows what fits; nothing in the kernel is touched before it is done. */
static int plan_mirror(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr)
{
	int r = vpcs_plan(t, c, plan, reterr);

	if (r >= 0)
		r = rows_plan(t, c, plan, reterr);
	if (r >= 0)
		r = enis_plan(t, c, plan, reterr);
	if (r >= 0)
		r = addrs_plan(t, c, plan, reterr);
	return r;
}

int maps_prepare(struct maps *t, const struct plan *plan, struct maps_change **ret, struct vpc_error *reterr)
{
	struct maps_change *c;
	int r;

	if (t->prepared)
		return -EBUSY;
	c = calloc(1, sizeof(*c));
	if (!c)
		return vpc_error_oom(reterr);
	c->epoch = maps_epoch(t) + 1;
	c->flows = plan->flows;
	c->drain_s = plan->drain_s;
	r = plan_mirror(t, c, plan, reterr);
	if (r >= 0 && change_empty(c)) {
		drop_change(t, c);
		*ret = NULL;
		return 0;
	}
	if (r >= 0) {
		r = write_change(t, c, reterr);
		if (r < 0)
			write_undo(t, c);
	}
	if (r < 0) {
		drop_change(t, c);
		return r;
	}
	t->prepared = c;
	t->n_changes++;
	*ret = c;
	return 0;
}

/* What could not be retired while a change was prepared: its undo restores rows and numbers that must still be there.
 */
static void retire_postponed(struct maps *t)
{
	while (t->retire_later) {
		struct maps_change *c = t->retire_later;

		t->retire_later = c->next;
		retire_now(t, c);
	}
}

void maps_undo(struct maps *t, struct maps_change *c)
{
	if (!c)
		return;
	write_undo(t, c);
	drop_change(t, c);
	t->prepared = NULL;
	t->n_changes--;
	retire_postponed(t);
}

/* An address that moves: its key leads to the new row only now, since the old one counted until the store. Between the
 * two the address is nobody's. The kernel can't want memory for a key that is there; what it refuses all the same is
 * tried again when the old row is retired. */
static void hash_moved(struct maps *t, struct maps_change *c)
{
	for (size_t i = 0; i < c->addrs.n; i++) {
		struct touched_addr *a = &c->addrs.at[i];
		struct addr *addr = &t->addrs[a->addr];

		if (!a->late)
			continue;
		if (bpf_map_update_elem(t->kernel_map[MAP_ADDR].fd, &addr->key, &a->addr, BPF_ANY) < 0)
			continue;
		a->late = false;
		addr->hashed = true;
		t->addrs[a->from].hashed = false;
	}
}

uint64_t maps_publish(struct maps *t, struct maps_change *c)
{
	if (!c)
		return maps_epoch(t);
	/* Whoever was promised a grace gets it by the rules of before this change; or not at all: a cut doesn't wait.
	 */
	if (grace_finish(t) < 0)
		generations_commit(t);
	cut_note_flows(t, c);
	generations_raise(t, c);
	if (c->flows == FLOWS_CUT && c->revoked)
		(void)grace_settle(t, c);
	else if (c->revoked)
		(void)grace_give(t, c);
	cut_note_affected(t, c);
	__atomic_store_n(&ctl_at(t, 0)->epoch, c->epoch, __ATOMIC_SEQ_CST);
	hash_moved(t, c);
	mirror_publish(t, c);
	t->prepared = NULL;
	(void)grace_finish(t);
	retire_postponed(t);
	return c->epoch;
}

uint64_t maps_change_epoch(const struct maps_change *c)
{
	return c->epoch;
}

/* GLOBAL waits for what synchronize_rcu() waits for. Where it is refused (nohz_full), replacing a map in a map does the
 * same: the system call ends with a grace period (kernel/bpf/syscall.c, maybe_wait_bpf_programs). */
static int wait_by_map(void)
{
	_cleanup_close_ int inner = -1, outer = -1;
	uint32_t key = 0;
	DECLARE_LIBBPF_OPTS(bpf_map_create_opts, opts);

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "vpc_grace", 4, 4, 1, NULL);
	if (inner < 0)
		return inner;
	opts.inner_map_fd = (uint32_t)inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "vpc_grace_of", 4, 4, 1, &opts);
	if (outer < 0)
		return outer;
	return bpf_map_update_elem(outer, &key, &inner, BPF_ANY);
}

int maps_wait_grace_period(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return 0;
	return wait_by_map();
}
