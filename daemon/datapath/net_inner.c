/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workload's end of a port, in the workload's namespace. */
#include "datapath/net_private.h"
#include "datapath/sysctl.h"

/* Metric of our default route where the namespace has one of its own: behind it. */
#define FALLBACK_METRIC 4096

/* Address i of the port; those past the last: the link-local one. The primary IPv4 address carries the subnet, the
 * others stand for themselves: the kernel would take secondary ones along when the primary goes. */
void inner_address(const struct port_record *p, size_t i, uint32_t ifindex, struct fact *ret)
{
	struct ip ip = i < p->n_ips ? p->ips[i] : net_link_local(p->mac);

	*ret = (struct fact){.key = {.kind = FACT_ADDRESS, .family = ip.family, .ifindex = ifindex}};
	ret->key.plen = ip.family == 6 ? 64 : i == 0 ? p->plen4 : 32;
	memcpy(ret->key.bytes, ip.bytes, sizeof(ret->key.bytes));
}

static int write_sysctls(void *data)
{
	const struct port_record *p = data;
	static const struct {
		const char *name, *value;
		bool only_with_ip6;
	} sysctls[] = {
		{"accept_ra", "0", false},   /* routes and addresses are ours to give */
		{"disable_ipv6", "0", true}, /* container engines turn it off for new devices */
		{"addr_gen_mode", "0", true} /* EUI-64: the one link-local address that is ours */
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

/* gateway: an IPv4 address or fe80::1. */
static int add_default_route(int fd, uint32_t ifindex, uint8_t family, const uint8_t gateway[16])
{
	const uint32_t metrics[] = {0, FALLBACK_METRIC + (ifindex & 0xffff)};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		struct rtnl_message m;
		struct rtmsg *route = rtnl_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*route));

		route->rtm_family = family == 4 ? AF_INET : AF_INET6;
		route->rtm_table = RT_TABLE_MAIN;
		route->rtm_protocol = RTPROT_STATIC;
		route->rtm_scope = RT_SCOPE_UNIVERSE;
		route->rtm_type = RTN_UNICAST;
		mnl_attr_put(&m.h, RTA_GATEWAY, family == 4 ? 4 : 16, gateway + (family == 4 ? 12 : 0));
		mnl_attr_put_u32(&m.h, RTA_OIF, ifindex);
		if (metrics[i])
			mnl_attr_put_u32(&m.h, RTA_PRIORITY, metrics[i]);
		r = rtnl_change(fd, &m, NULL);
		if (r != -EEXIST)
			return r;
	}
	return 0;
}

static int add_addresses(int fd, const struct port_record *p, uint32_t ifindex)
{
	for (size_t i = 0; i < p->n_ips + (p->has_ip6 ? 1 : 0); i++) {
		struct fact f;
		int r;

		inner_address(p, i, ifindex, &f);
		r = fact_put(fd, &f);
		if (r < 0)
			return r;
	}
	return 0;
}

int inner_configure(const struct workload *w, const struct port_record *p, const char **ret_what)
{
	static const uint8_t gateway6[16] = {0xfe, 0x80, [15] = 1};
	const struct link_change up = {.mtu = p->mtu, .up = LINK_UP};
	struct port_record copy = *p; /* for the thread's pointer to data that it only reads */
	struct link_info info;
	int r;

	*ret_what = "be found";
	r = link_get(w->rtnl_fd, 0, p->attachment.ifname, &info);
	if (r < 0)
		return r;
	*ret_what = "have its sysctls set";
	r = netns_run(w->ns_fd, write_sysctls, &copy);
	if (r < 0)
		return r;
	*ret_what = "get its addresses";
	r = add_addresses(w->rtnl_fd, p, info.ifindex);
	if (r < 0)
		return r;
	*ret_what = "be raised";
	r = link_change(w->rtnl_fd, info.ifindex, &up, NULL);
	if (r < 0)
		return r;
	*ret_what = "get its default route";
	if (p->gateway4.family == 4)
		r = add_default_route(w->rtnl_fd, info.ifindex, 4, p->gateway4.bytes);
	if (r >= 0 && p->has_ip6)
		r = add_default_route(w->rtnl_fd, info.ifindex, 6, gateway6);
	return r;
}

int inner_change_addresses(const struct workload *w, const char *ifname, const struct fact *facts, const bool *add,
			   size_t n)
{
	struct link_info info;
	int result = link_get(w->rtnl_fd, 0, ifname, &info);

	if (result < 0)
		return result;
	for (size_t i = 0; i < n; i++) {
		struct fact f = facts[i];
		int r;

		f.key.ifindex = info.ifindex;
		r = add[i] ? fact_put(w->rtnl_fd, &f) : fact_delete(w->rtnl_fd, &f);
		if (r < 0)
			result = r;
	}
	return result;
}
