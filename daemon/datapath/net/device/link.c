/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The port of an ENI whose other end a container engine moves: a veth, whose far end is made in vpcd's own namespace,
 * down. Once it is made, the far end is the engine's: vpcd neither looks for it nor changes it. It goes with the port,
 * and the port with it; then both are made again.
 */
#include <errno.h>
#include <string.h>

#include "datapath/net/device/port.h"

extern const struct device_ops device_link;

static bool record(const struct plan *plan, size_t i, struct device_spec *ret_before, struct device_spec *ret_after)
{
	return port_record(plan, i, &device_link, ATTACHMENT_LINK, ret_before, ret_after);
}

static bool fits(const struct device_request *q, const struct link_info *info)
{
	(void)q;
	return info->peer_elsewhere;
}

static int make(const struct device_request *q, struct vpc_error *reterr)
{
	const struct port_record *p = q->spec->record;
	const char *ifname = p->attachment.ifname;
	char text[NETLINK_TEXT_MAX];
	struct link_info info;
	int r = link_make_veth(q->place.rtnl, p, q->place.host_ns_fd, text);

	if (r >= 0)
		return 0;
	device_delete_half_made(q->place.rtnl, p->eni);
	if (r == -EEXIST && link_get(q->place.host_rtnl, 0, ifname, &info) >= 0) {
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "ifname",
			      "the host has an interface named %s already; choose another name with ifname", ifname);
		return r;
	}
	device_fail(q->spec, r, "be made", text, reterr);
	/* -ENODEV would say that a workload is needed */
	return r == -ENODEV ? -ENXIO : r;
}

static int ensure(const struct device_request *q, bool *ret_made, struct vpc_error *reterr)
{
	static const struct port_kind kind = {.make = make, .makes_named = true, .fits = fits};

	return port_ensure(q, &kind, ret_made, reterr);
}

const struct device_ops device_link = {
	.kind = "port",
	.link_kind = "veth",
	.role = TC_PORT,
	.judged = true,
	.tcx = true,
	.record = record,
	.may_change = port_may_change,
	.objects = port_objects,
	.ensure = ensure,
	.adopt = port_adopt,
	.raise = port_raise,
	.looks_right = link_options_right,
	.is_named = port_veth_is_named,
	.check = port_veth_check,
	.remove = port_remove,
};
