/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Redirect eligibility. bpf_redirect_peer silently drops what it can't deliver, so a port becomes eligible only after a
 * look at its link, and stops being eligible before it is taken down.
 */
#include "datapath/net/redirect.h"

#include "datapath/net/host.h"

#include <string.h>

/* Greatest MTU that a veth's end may have while its other end has no XDP program (drivers/net/veth.c, veth_xdp_set). */
#define VETH_MAX_MTU 65535u

/* A workload may have an XDP program in the driver's mode at its end, such as a firewall: that program sees packets
 * that come through the veth, and none that are redirected past it. Our end tells, without a look into the workload's
 * namespace. */
static bool peer_has_xdp(const struct link_info *info)
{
	return info->max_mtu && info->max_mtu < VETH_MAX_MTU;
}

bool redirect_ok(const struct link_info *info)
{
	return strcmp(info->kind, "veth") == 0 && info->flags & IFF_UP && info->carrier && info->peer_elsewhere &&
	       !peer_has_xdp(info);
}

void redirect_report(const struct net *n, uint32_t eni, bool peer_ok)
{
	if (n->on_port)
		n->on_port(eni, peer_ok, n->userdata);
}

static int report_vpc(struct net_vpc *v)
{
	int result = 0;

	for (struct device *d = v->devices; d; d = d->hh.next) {
		struct link_info info;
		int r;

		if (d->ops->host_end)
			host_report_uplink(v, d);
		if (!d->ops->judged)
			continue;
		r = link_get(v->ns.rtnl, d->ifindex, NULL, &info);
		if (r < 0)
			result = r;
		else if (info.carrier && !d->carrier_changes)
			d->carrier_changes = info.carrier_changes;
		redirect_report(v->net, d->ifindex, r >= 0 && d->up && redirect_ok(&info));
	}
	return result;
}

int net_report_ports(struct net *n, uint32_t vpc)
{
	int result = 0;

	for (struct net_vpc *v = n->vpcs; v; v = v->hh.next) {
		int r = !vpc || v->number == vpc ? report_vpc(v) : 0;

		if (r < 0)
			result = r;
	}
	return result;
}
