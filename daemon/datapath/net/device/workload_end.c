/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workload's end of a port, in the workload's namespace. */
#include "datapath/net/device/workload_end.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "datapath/net/device/workload_routing.h"
#include "datapath/net/netlink/route.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/sysctl.h"

/* In steps of 100 µs. */
#define RUNNING_TRIES	50
/* Behind the kernel's own. */
#define LOCAL_METRIC	4096
#define LOCAL_EXPIRES_S 10

/* The primary IPv4 address has the subnet's prefix length and the others /32: the kernel removes the secondary
 * addresses of a prefix together with its primary one. */
void workload_end_address(const struct port_record *p, size_t i, uint32_t ifindex, struct net_object *ret)
{
	struct ip ip = i < p->n_ips ? p->ips[i] : net_object_link_local(p->mac);

	*ret = (struct net_object){.key = {.kind = NET_OBJECT_ADDRESS, .family = ip.family, .ifindex = ifindex}};
	ret->key.plen = ip.family == 6 ? 64 : i == 0 ? p->plen4 : 32;
	memcpy(ret->key.bytes, ip.bytes, sizeof(ret->key.bytes));
}

bool workload_end_is_ours(const struct link_info *info, const struct port_record *p)
{
	return strcmp(info->kind, "veth") == 0 && info->other_end == p->eni &&
	       memcmp(info->mac, p->mac, sizeof(p->mac)) == 0;
}

static int write_sysctls(void *data)
{
	const struct port_record *p = data;
	static const struct {
		const char *name, *value;
		bool only_with_ip6;
	} sysctls[] = {
		{"accept_ra", "0", false},    /* routes and addresses are ours to give */
		{"disable_ipv6", "0", true},  /* container engines turn it off for new devices */
		{"addr_gen_mode", "0", true}, /* EUI-64: the one link-local address that is ours */
		{"keep_addr_on_down", "1",
		 true}, /* the kernel would take IPv6 addresses away with a link that goes down */
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		int r;

		if (sysctls[i].only_with_ip6 && !p->has_ip6)
			continue;
		snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", p->attachment.ifname, sysctls[i].name);
		r = sysctl_write(path, sysctls[i].value);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* The kernel uses an IPv6 address as a source at once, but receives packets for it only after a work item has made the
 * local route, some ms later on a busy CPU: answers to earlier packets would be dropped. A route of ours, which
 * expires, covers that time. */
static int bridge_local_route(struct nl_sock *sk, const struct net_object *address)
{
	struct route route = {
		.destination = {.family = 6},
		.plen = 128,
		.ifindex = address->key.ifindex,
		.table = RT_TABLE_LOCAL,
		.metric = LOCAL_METRIC,
		.expires_s = LOCAL_EXPIRES_S,
		.protocol = RTPROT_STATIC,
		.scope = RT_SCOPE_UNIVERSE,
		.type = RTN_LOCAL,
	};
	int r;

	memcpy(route.destination.bytes, address->key.bytes, sizeof(route.destination.bytes));
	r = route_add(sk, &route, 0);
	return r == -EEXIST ? 0 : r; /* from a try before this one */
}

/* The route to the address's network is added after the address can receive, so that whoever sees the route may send.
 */
static int add_address6(struct nl_sock *sk, struct net_object *address)
{
	struct ip network = {.family = 6};
	struct net_object route = *address;
	int r;

	address->no_route = true;
	r = net_object_put(sk, address);
	if (r >= 0)
		r = bridge_local_route(sk, address);
	if (r < 0)
		return r;
	memcpy(network.bytes, address->key.bytes, sizeof(network.bytes));
	network = net_object_network(&network, address->key.plen);
	route.key.kind = NET_OBJECT_ROUTE;
	memcpy(route.key.bytes, network.bytes, sizeof(network.bytes));
	route.kernel_made = true;
	return net_object_put(sk, &route);
}

static int add_addresses(struct nl_sock *sk, const struct port_record *p, uint32_t ifindex)
{
	for (size_t i = 0; i < p->n_ips + (p->has_ip6 ? 1 : 0); i++) {
		struct net_object f;
		int r;

		workload_end_address(p, i, ifindex, &f);
		r = f.key.family == 6 && i < p->n_ips ? add_address6(sk, &f) : net_object_put(sk, &f);
		if (r < 0)
			return r;
	}
	return 0;
}

int workload_end_prepare(const struct workload *w, const struct port_record *p, const char **ret_what)
{
	struct port_record copy = *p; /* for the thread's pointer to data that it only reads */
	struct link_info info;
	int r;

	*ret_what = "be found";
	r = link_get(w->rtnl, 0, p->attachment.ifname, &info);
	if (r < 0)
		return r;
	*ret_what = "have its sysctls set";
	return netns_run(w->ns_fd, write_sysctls, &copy);
}

/* Both ends pass packets only after the kernel has noticed their carrier: until then their queues drop packets and the
 * bridge doesn't forward. The kernel does so in a work item: at once for a link that is read (6.8 and newer), or soon.
 */
static void wait_until_running(struct nl_sock *port_sk, uint32_t port, struct nl_sock *sk, uint32_t ifindex)
{
	static const struct timespec pause = {.tv_nsec = 100000};

	for (unsigned i = 0; i < RUNNING_TRIES; i++) {
		struct link_info outer, end;

		/* down, or gone: nothing to wait for */
		if (link_get(port_sk, port, NULL, &outer) < 0 || !(outer.flags & IFF_UP) ||
		    link_get(sk, ifindex, NULL, &end) < 0 || !(end.flags & IFF_UP))
			return;
		if (outer.running && end.running)
			return;
		nanosleep(&pause, NULL);
	}
}

int workload_end_finish(struct nl_sock *port, struct nl_sock *sk, const struct port_record *p, const char **ret_what)
{
	const struct link_change up = {.mtu = p->mtu, .up = LINK_UP};
	bool no_default = p->attachment.has_default_route && !p->attachment.default_route;
	struct link_info info;
	int r;

	*ret_what = "be found";
	r = link_get(sk, 0, p->attachment.ifname, &info);
	if (r < 0)
		return r;
	*ret_what = "be raised";
	r = link_change(sk, info.ifindex, &up, NULL);
	if (r < 0)
		return r;
	if (port)
		wait_until_running(port, p->eni, sk, info.ifindex);
	*ret_what = "get its addresses";
	r = add_addresses(sk, p, info.ifindex);
	if (r < 0)
		return r;
	*ret_what = "get its routing table";
	r = routing_put_table(sk, p, info.ifindex);
	if (r >= 0)
		r = routing_put_rules(sk, no_default);
	if (r < 0)
		return r;
	*ret_what = "get its default route";
	return routing_put_default(sk, p, info.ifindex);
}

/* Without the link-local address, which is not the ENI's to lose. */
static int want_addresses(const struct device_spec *s, struct net_object_set *ret)
{
	const struct port_record *p = s->record;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->n_ips; i++) {
		struct net_object address;

		workload_end_address(p, i, 0, &address);
		r = net_object_set_add(ret, &address);
	}
	return r;
}

static int change_addresses(const struct workload *w, const struct attachment *a, const struct net_object *objects,
			    const bool *add, size_t n)
{
	struct link_info info;
	int result = link_get(w->rtnl, 0, a->ifname, &info);

	if (result < 0)
		return result;
	for (size_t i = 0; i < n; i++) {
		struct net_object f = objects[i];
		int r;

		f.key.ifindex = info.ifindex;
		r = add[i] ? net_object_put(w->rtnl, &f) : net_object_delete(w->rtnl, &f);
		if (r < 0)
			result = r;
	}
	if (n && result >= 0)
		result = routing_put_rules(w->rtnl, false);
	return result;
}

/* After an ENI left: its interface is gone with the port. */
static int remove_rules(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir)
{
	(void)ifindex;
	(void)link_dir;
	return routing_clean(rtnl);
}

const struct device_ops device_workload_end = {
	.kind = "workload",
	.link_kind = "veth",
	.objects = want_addresses,
	.check = workload_end_check,
	.remove = remove_rules,
	.change = change_addresses,
	.mend = workload_end_mend,
};
