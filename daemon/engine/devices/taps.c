/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taps: who may be their owner, and opening them for those who run VMs. */
#include "engine/devices/taps.h"

#include <pwd.h>

#include <vpc/number.h>

#include "datapath/maps/maps.h"
#include "datapath/net/net.h"
#include "engine/engine.h"
#include "engine/engine_private.h"
#include "util/log.h"
#include "util/worker.h"

/* --- owners, on the worker: the user database may be anywhere --------------------------------------------------- */

static int number_of_user(const char *text, uid_t *ret)
{
	uint64_t n;

	/* the last stands for "no user" */
	if (number_parse(text, UINT32_MAX - 1, &n) < 0)
		return -EINVAL;
	*ret = (uid_t)n;
	return 0;
}

static int name_of_user(const char *name, uid_t *ret)
{
	for (size_t size = 1024; size <= 1 << 20; size *= 2) {
		_cleanup_free_ char *buf = malloc(size);
		struct passwd user, *found;
		int r;

		if (!buf)
			return -ENOMEM;
		r = getpwnam_r(name, &user, buf, size, &found);
		if (r == ERANGE)
			continue;
		if (r || !found)
			return -ENOENT; /* some sources answer with an errno of theirs (getpwnam_r(3)) */
		*ret = found->pw_uid;
		return 0;
	}
	return -E2BIG;
}

int tap_find_owner(const char *owner, uid_t *ret, struct vpc_error *reterr)
{
	int r = number_of_user(owner, ret);

	if (r < 0)
		r = name_of_user(owner, ret);
	if (r == -ENOMEM)
		return vpc_error_oom(reterr);
	if (r < 0)
		return vpc_error_set(
			reterr, VPC_E_ATTACHMENT_FAILED, "owner",
			"there is no user '%.64s' on this host; name another owner, or make that user first", owner);
	return 0;
}

void taps_flag(struct engine *e, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_ports; i++) {
		const struct plan_port *p = &plan->ports[i];
		bool tap = e->fast_path && p->has_after && p->after.attachment.kind == ATTACHMENT_TAP;

		maps_eni_set_flags(e->maps, p->has_after ? p->after.eni : p->before.eni, tap ? VPC_ENI_TAP : 0,
				   tap ? 0 : VPC_ENI_TAP);
	}
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

struct tap_op {
	struct engine *e;
	struct net_tap tap;
	char eni_id[OBJECT_ID_MAX];
	struct caller caller;
	bool multi_queue;
	int fds[ATTACHMENT_QUEUES_MAX];
	size_t n;
	engine_tap_fn fn;
	void *userdata;
};

static int tap_run(void *data)
{
	struct tap_op *async_op = data;

	return net_tap_open(&async_op->tap, async_op->multi_queue, async_op->fds, async_op->n);
}

static void explain(int r, const char *eni_id, struct vpc_error *reterr)
{
	if (r == -EBUSY)
		vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "eni",
			      "%s: another process has its tap open; end that one first", eni_id);
	else
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "eni", "%s: its tap cannot be opened: %s", eni_id,
			      strerror(-r));
}

static void tap_done(void *data, int result)
{
	struct tap_op *async_op = data;
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	if (result < 0)
		explain(result, async_op->eni_id, &error);
	else
		log_notice("%s: its tap was opened for process %d of user %u", async_op->eni_id, async_op->caller.pid,
			   async_op->caller.uid);
	async_op->fn(result < 0 ? NULL : async_op->fds, async_op->n, &error, async_op->userdata);
	for (size_t i = 0; result >= 0 && i < async_op->n; i++)
		close_fd(async_op->fds[i]);
	net_tap_clear(&async_op->tap);
	free(async_op);
}

int engine_open_tap(struct engine *e, const struct object *eni, size_t n, const struct caller *caller, engine_tap_fn fn,
		    void *userdata, struct vpc_error *reterr)
{
	const struct attachment *a = &eni_of(eni)->attachment;
	struct tap_op *async_op;
	int r;

	if (a->kind != ATTACHMENT_TAP)
		return vpc_error_set(reterr, VPC_E_INCORRECT_STATE, "eni",
				     "%s is not attached to a tap; vpcctl eni attach --tap does that", eni->id);
	if (!n || n > a->queues)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "queues",
				     "the tap of %s has %u queues, asked for %zu; ask for 1 to that, or attach it anew "
				     "with --queues",
				     eni->id, a->queues, n);
	async_op = calloc(1, sizeof(*async_op));
	if (!async_op)
		return vpc_error_oom(reterr);
	*async_op = (struct tap_op){.e = e,
				    .tap = NET_TAP_INIT,
				    .caller = *caller,
				    .multi_queue = a->queues > 1,
				    .n = n,
				    .fn = fn,
				    .userdata = userdata};
	memcpy(async_op->eni_id, eni->id, sizeof(async_op->eni_id));
	r = net_tap_begin(e->net, eni_of(eni)->vpc, eni->number, &async_op->tap);
	if (r >= 0)
		r = worker_submit(e->worker, WORKER_KERNEL, tap_run, tap_done, NULL, async_op);
	if (r < 0) {
		explain(r, eni->id, reterr);
		net_tap_clear(&async_op->tap);
		free(async_op);
	}
	return r;
}
