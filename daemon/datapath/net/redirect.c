/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which ports the programs may redirect to (DESIGN 4.4): bpf_redirect_peer drops without a word what it can't deliver,
 * so a port is told reachable only after a look, and unreachable before it is taken down.
 */
#include "datapath/net/private.h"

/* What a veth's end may have at most, while its other end has no XDP program (drivers/net/veth.c, veth_xdp_set). */
#define VETH_MAX_MTU 65535u

/* A workload may have an XDP program of its own at its end, a firewall perhaps: in the driver's mode it sees what comes
 * through the veth, not what is redirected behind it. Its namespace isn't ours to look into, but our end tells. */
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

bool net_port_peer_ok(struct net *n, uint32_t vpc, uint32_t eni)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	struct link_info info;

	return v && link_get(v->ns.rtnl, eni, NULL, &info) >= 0 && redirect_ok(&info);
}

static int report_vpc(const struct net_vpc *v)
{
	int result = 0;

	for (struct net_device *d = v->devices; d; d = d->hh.next) {
		struct link_info info;
		int r;

		if (!device_is_port(d))
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

	for (const struct net_vpc *v = n->vpcs; v; v = v->hh.next) {
		int r = !vpc || v->number == vpc ? report_vpc(v) : 0;

		if (r < 0)
			result = r;
	}
	return result;
}
