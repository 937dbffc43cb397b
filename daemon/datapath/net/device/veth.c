/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port of an ENI that is attached to a network namespace: a veth, whose far end is the workload's. */
#include <errno.h>
#include <string.h>

#include "datapath/net/device/port.h"
#include "datapath/net/device/workload_end.h"

#define FINISH_TRIES 3u

extern const struct device_ops device_veth;

static bool record(const struct plan *plan, size_t i, struct device_spec *ret_before, struct device_spec *ret_after)
{
	return port_record(plan, i, &device_veth, ATTACHMENT_NETNS, ret_before, ret_after);
}

/* Whether the existing port's far end is what the workload should have. */
static bool fits(const struct device_request *q, const struct link_info *info)
{
	const struct port_record *p = q->spec->record;
	struct link_info end;

	(void)info;
	return !q->workload ||
	       (link_get(q->workload->rtnl, 0, p->attachment.ifname, &end) >= 0 && workload_end_is_ours(&end, p));
}

/* A far end of this very port, whose host end somebody moved elsewhere: it goes, and takes the host end along. 1: it
 * did. */
static int delete_old_end(const struct port_record *p, const struct workload *w)
{
	struct link_info info;
	int r = link_get(w->rtnl, 0, p->attachment.ifname, &info);

	if (r < 0 || !workload_end_is_ours(&info, p))
		return 0;
	r = link_delete(w->rtnl, info.ifindex);
	return r < 0 ? r : 1;
}

static int make(const struct device_request *q, struct vpc_error *reterr)
{
	const struct port_record *p = q->spec->record;
	const struct workload *w = q->workload;
	char text[NETLINK_TEXT_MAX];
	struct link_info info;
	int r = link_make_veth(q->place.rtnl, p, w->ns_fd, text);

	if (r == -EEXIST && delete_old_end(p, w) > 0)
		r = link_make_veth(q->place.rtnl, p, w->ns_fd, text);
	if (r >= 0)
		return 0;
	device_delete_half_made(q->place.rtnl, p->eni);
	if (r == -EEXIST && link_get(w->rtnl, 0, p->attachment.ifname, &info) >= 0) {
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "ifname",
			      "%s: the namespace has an interface named %s already; choose another name with ifname",
			      w->path ? w->path : "workload", p->attachment.ifname);
		return r;
	}
	return device_fail(q->spec, r, "be made", text, reterr);
}

static int prepare(const struct device_request *q, struct vpc_error *reterr)
{
	const struct port_record *p = q->spec->record;
	const char *what = "";
	int r = workload_end_prepare(q->workload, p, &what);

	if (r < 0)
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, NULL, "%s: %s of %s cannot %s: %s",
			      q->workload->path ? q->workload->path : "workload", p->attachment.ifname, p->eni_id, what,
			      strerror(-r));
	return r;
}

static int ensure(const struct device_request *q, bool *ret_made, struct vpc_error *reterr)
{
	static const struct port_kind kind = {.make = make, .makes_named = true, .fits = fits, .prepare = prepare};

	return port_ensure(q, &kind, ret_made, reterr);
}

static int raise_both(const struct device_request *q)
{
	int r = -EIO, raised = port_raise(q);
	const char *what;

	if (!q->workload)
		return raised;
	/* A repair raises the port without finishing the far end, so that is done in any case. A request that fails for
	 * want of memory or buffers is repeated at once. */
	for (unsigned i = 0; i < FINISH_TRIES && r < 0 && r != -ENODEV; i++)
		r = workload_end_finish(raised < 0 ? NULL : q->place.rtnl, q->workload->rtnl, q->spec->record, &what);
	if (raised < 0)
		return raised;
	/* -ENODEV: the workload has taken its end away already, and there is nothing to repeat */
	return r == -ENODEV ? 0 : r;
}

const struct device_ops device_veth = {
	.kind = "port",
	.link_kind = "veth",
	.role = TC_PORT,
	.judged = true,
	.tcx = true,
	.far_end = &device_workload_end,
	.record = record,
	.may_change = port_may_change,
	.objects = port_objects,
	.ensure = ensure,
	.adopt = port_adopt,
	.raise = raise_both,
	.looks_right = link_options_right,
	.is_named = port_veth_is_named,
	.check = port_veth_check,
	.remove = port_remove,
};
