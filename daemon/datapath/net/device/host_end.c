/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of an uplink in vpcd's own namespace: a link beside other people's, so nothing but the link itself is
 * touched. */
#include "datapath/net/device/host_end.h"

#include <errno.h>
#include <string.h>

#include "datapath/net/device/uplink.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/sysctl.h"

#define ID_DIGITS 12 /* of the VPC's id; a name has room for no more */

void host_end_name(const char *vpc_id, char ret[IFNAMSIZ])
{
	size_t n = strlen(vpc_id);

	snprintf(ret, IFNAMSIZ, "vu-%.*s", ID_DIGITS, vpc_id + (n > ID_DIGITS ? n - ID_DIGITS : 0));
}

/* A MAC that is set by hand is left alone by udev, whose own would come some time after the link was made. */
void host_end_mac(uint32_t vpc, uint8_t ret[6])
{
	const uint8_t mac[6] = {0x06, 'V', 'U', (uint8_t)(vpc >> 16), (uint8_t)(vpc >> 8), (uint8_t)vpc};

	memcpy(ret, mac, sizeof(mac));
}

/* What passes it never reaches the host's own routing but where vpcd wants it to: the host's packets to published
 * ports, also those from 127.0.0.1, and packets that the host forwards, which have an address of the host as source.
 * bpf_fib_lookup answers for a device that forwards alone, whether the host does or not. */
static const struct {
	uint8_t family;
	const char *name;
	uint32_t want;
} sysctls[] = {
	{4, "rp_filter", 0},	  {4, "accept_local", 1}, {4, "route_localnet", 1}, {4, "accept_redirects", 0},
	{4, "send_redirects", 0}, {4, "arp_ignore", 8},	  {6, "accept_ra", 0},	    {6, "accept_redirects", 0},
	{4, "forwarding", 1},	  {6, "forwarding", 1},
};

static int put_sysctls(const char *name)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sysctls); i++)
		r = sysctl_device_apply(sysctls[i].family, name, sysctls[i].name, sysctls[i].want);
	return r;
}

int host_end_find(struct nl_sock *rtnl, const char *instance, const struct device_spec *s,
		  const struct link_info *vpc_end, struct link_info *ret)
{
	char name[IFNAMSIZ], alias[NETNS_ALIAS_MAX];
	struct link_info info;
	int r;

	if (!vpc_end->peer_elsewhere || !vpc_end->other_end)
		return -ENODEV;
	r = link_get(rtnl, vpc_end->other_end, NULL, &info);
	if (r < 0)
		return r;
	host_end_name(s->id, name);
	/* the other end may be in a third namespace, and a link of its number here may be anything */
	if (strcmp(info.kind, "veth") != 0 || !info.peer_elsewhere || info.other_end != s->ifindex)
		return -ENODEV;
	if (strcmp(info.alias, netns_make_alias(instance, s->id, alias)) != 0 && strcmp(info.name, name) != 0)
		return -ENODEV;
	*ret = info;
	return 0;
}

int host_end_clear_name(struct nl_sock *rtnl, const char *instance, const struct device_spec *s)
{
	char name[IFNAMSIZ], alias[NETNS_ALIAS_MAX];
	struct link_info info;
	int r;

	host_end_name(s->id, name);
	r = link_get(rtnl, 0, name, &info);
	if (r < 0)
		return r == -ENODEV ? 0 : r;
	if (strcmp(info.alias, netns_make_alias(instance, s->id, alias)) != 0)
		return -EEXIST;
	r = link_delete(rtnl, info.ifindex);
	return r == -ENODEV ? 0 : r;
}

int host_end_set_up(const struct device_request *q, uint32_t ifindex, bool *ret_tcx, struct vpc_error *reterr)
{
	const struct link_change down = {.up = LINK_DOWN};
	char name[IFNAMSIZ], alias[NETNS_ALIAS_MAX], text[NETLINK_TEXT_MAX] = "";
	struct nl_sock *rtnl = q->place.host_rtnl;
	uint8_t mac[6];
	const struct link_change change = {.alias = netns_make_alias(q->place.instance, q->spec->id, alias),
					   .mac = mac,
					   .mtu = UPLINK_MTU,
					   .no_master = true,
					   .no_arp = true,
					   .no_link_local = true};
	int r = tc_clsact_ensure(rtnl, ifindex, &q->place.programs->of[TC_HOST_END], q->clean);

	if (r < 0) {
		(void)link_change(rtnl, ifindex, &down, NULL); /* closed, rather than open to the host */
		return device_fail(q->spec, r, "get the programs of its host end", NULL, reterr);
	}
	r = device_adopt_tcx(&q->place, ifindex, TC_HOST_END, true);
	if (r < 0)
		return device_fail(q->spec, r, "point its host end's tcx links to the programs", NULL, reterr);
	*ret_tcx = r > 0;
	host_end_name(q->spec->id, name);
	host_end_mac(q->spec->vpc, mac);
	r = link_rename(rtnl, ifindex, name, text);
	if (r >= 0)
		r = link_change(rtnl, ifindex, &change, text);
	if (r >= 0)
		r = put_sysctls(name);
	return r < 0 ? device_fail(q->spec, r, "get its host end's settings", text, reterr) : 0;
}

int host_end_check_sysctls(const struct device_check *c)
{
	char name[IFNAMSIZ];
	int r = 0;

	host_end_name(c->spec->id, name);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sysctls); i++)
		if (sysctl_device_differs(sysctls[i].family, name, sysctls[i].name, sysctls[i].want))
			r = device_tell(c, "differs", "net/ipv%u/conf/%s/%s should be %u", sysctls[i].family, name,
					sysctls[i].name, sysctls[i].want);
	return r;
}

int host_end_check(const struct device_check *c, const struct link_info *vpc_end)
{
	char name[IFNAMSIZ], alias[NETNS_ALIAS_MAX], host_dir[DEVICE_HOST_DIR_MAX];
	struct link_info info;
	uint8_t mac[6];
	int r = host_end_find(c->host_rtnl, c->instance, c->spec, vpc_end, &info);

	host_end_name(c->spec->id, name);
	host_end_mac(c->spec->vpc, mac);
	if (r == -ENODEV)
		return device_tell(c, "missing", "%s, the uplink's end in the host's namespace", name);
	if (r < 0)
		return r;
	if (strcmp(info.name, name) != 0)
		r = device_tell(c, "differs", "%s is named %s", name, info.name);
	else if (strcmp(info.alias, netns_make_alias(c->instance, c->spec->id, alias)) != 0)
		r = device_tell(c, "differs", "%s: the alias is \"%s\", should be \"%s\"", name, info.alias, alias);
	else if (!(info.flags & IFF_UP))
		r = device_tell(c, "differs", "%s is down", name);
	else if (!(info.flags & IFF_NOARP))
		r = device_tell(c, "differs", "%s asks for MAC addresses", name);
	else if (info.mtu != UPLINK_MTU)
		r = device_tell(c, "differs", "%s: the MTU is %u, should be %u", name, info.mtu, UPLINK_MTU);
	else if (memcmp(info.mac, mac, sizeof(mac)) != 0)
		r = device_tell(c, "differs", "%s has another MAC address", name);
	else if (info.master)
		r = device_tell(c, "differs", "%s is in a bridge or bond", name);
	return r ? r
		 : device_check_programs(c, c->host_rtnl, info.ifindex, name, TC_HOST_END,
					 c->link_dir ? device_host_dir(c->link_dir, host_dir) : NULL);
}
