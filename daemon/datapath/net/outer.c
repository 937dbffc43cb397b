/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs on outer interfaces: put on, moved along with the default route, taken off. */
#include "datapath/net/outer.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/net/netlink/request.h"

struct outer *outer_by_ifindex(const struct net *n, uint32_t ifindex)
{
	for (size_t i = 0; i < n->host.n_outers; i++)
		if (n->host.outers[i].info.ifindex == ifindex)
			return &n->host.outers[i];
	return NULL;
}

const char *outer_link_dir(const char *link_dir, char buf[DEVICE_HOST_DIR_MAX])
{
	snprintf(buf, DEVICE_HOST_DIR_MAX, "%s/outer", link_dir);
	return buf;
}

static const char *filter_name(const char *instance, char buf[NETNS_ALIAS_MAX])
{
	return netns_make_alias(instance, "from-world", buf);
}

/* --- one interface ------------------------------------------------------------------------------------------------ */

static void unpin(const struct net *n, uint32_t ifindex)
{
	const char *dir = n->link_dir ? n->link_dir : n->stale_link_dir;
	char buf[DEVICE_HOST_DIR_MAX];

	if (dir)
		tc_tcx_unpin(outer_link_dir(dir, buf), ifindex);
}

static int put_filter(struct net *n, struct outer *o)
{
	char name[NETNS_ALIAS_MAX];

	return tc_outer_put(n->host.rtnl, o->info.ifindex, &n->programs.of[TC_OUTER], filter_name(n->instance, name),
			    &o->qdisc);
}

static int take_filter(struct net *n, struct outer *o)
{
	char name[NETNS_ALIAS_MAX];
	int r = tc_outer_take(n->host.rtnl, o->info.ifindex, filter_name(n->instance, name), o->qdisc);

	if (r >= 0)
		o->qdisc = false;
	return r;
}

/*
 * A tcx link stands behind the tcx links of others, and before all filters: where others have filters, ours is the last
 * of them instead. A filter serves until the tcx link is made. Whatever takes the place of the other is put on first.
 */
static int hold(struct net *n, struct outer *o)
{
	const struct tc_programs *programs = &n->programs.of[TC_OUTER];
	char name[NETNS_ALIAS_MAX], dir[DEVICE_HOST_DIR_MAX];
	struct tc_outer found;
	int r = tc_outer_read(n->host.rtnl, o->info.ifindex, filter_name(n->instance, name), &found);

	if (r < 0)
		return r;
	o->behind = found.others > 0;
	if (!o->attaching)
		o->tcx = n->link_dir && tc_tcx_update(outer_link_dir(n->link_dir, dir), o->info.ifindex, programs) > 0;
	if (o->tcx && !o->behind)
		return found.id ? take_filter(n, o) : 0;
	r = put_filter(n, o);
	if (r >= 0 && !o->attaching && (o->behind || !n->link_dir)) {
		unpin(n, o->info.ifindex);
		o->tcx = false;
	}
	return r;
}

static void release(struct net *n, struct outer *o)
{
	unpin(n, o->info.ifindex);
	(void)take_filter(n, o);
}

bool outer_lacks_link(const struct net *n, const struct outer *o)
{
	return n->link_dir && !o->behind && !o->tcx && !o->attaching && !o->attach_failed;
}

void outer_attached(struct net *n, uint32_t ifindex, int result)
{
	struct outer *o = outer_by_ifindex(n, ifindex);

	if (!o) {
		unpin(n, ifindex);
		return;
	}
	o->attaching = false;
	o->attach_failed = result < 0 && result != -ECANCELED;
	(void)hold(n, o);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static void tell(const struct net *n, const struct outer_list *now)
{
	const struct net_edge edge = {
		.outers = now->outers,
		.n_outers = now->n,
		.addresses = now->addresses,
		.n_addresses = now->n_addresses,
		.own = now->own,
		.n_own = now->n_own,
		.left_out = now->left_out,
	};

	if (n->on_edge)
		n->on_edge(&edge, n->userdata);
}

static bool has(const struct outer_list *list, uint32_t ifindex)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->outers[i].ifindex == ifindex)
			return true;
	return false;
}

/* Whether neighbours may not know, or not know any more, what is behind an interface. */
static bool is_news(const struct net_outer *was, const struct net_outer *is)
{
	return is->running &&
	       (!was->running || was->pools != is->pools || memcmp(was->mac, is->mac, sizeof(is->mac)) != 0);
}

static int hold_all(struct net *n, const struct outer_list *now)
{
	int result = 0;

	for (size_t i = 0; i < now->n; i++) {
		struct outer *o = outer_by_ifindex(n, now->outers[i].ifindex);
		int r;

		if (!o) {
			o = &n->host.outers[n->host.n_outers++];
			*o = (struct outer){};
		}
		o->news = o->news || !o->info.ifindex || is_news(&o->info, &now->outers[i]);
		o->info = now->outers[i];
		r = hold(n, o);
		if (r < 0)
			result = r;
	}
	return result;
}

int outer_update(struct net *n, bool wanted)
{
	_cleanup_free_ struct outer_list *now = calloc(1, sizeof(*now));
	int r = now ? 0 : -ENOMEM;

	if (r >= 0 && wanted && n->programs.of[TC_OUTER].id[TC_INGRESS])
		r = outer_find(n->host.rtnl, n->outer_only, n->pool_uplinks, now);
	if (r < 0)
		return r;
	for (size_t i = n->host.n_outers; i-- > 0;) {
		struct outer *o = &n->host.outers[i];

		if (has(now, o->info.ifindex))
			continue;
		release(n, o);
		*o = n->host.outers[--n->host.n_outers];
	}
	r = hold_all(n, now);
	if (n->host.told && memcmp(n->host.told, now, sizeof(*now)) == 0)
		return r;
	tell(n, now);
	free(n->host.told);
	n->host.told = TAKE_PTR(now);
	return r;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static bool is_named(const char *names, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = names; p && *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
		if (strcspn(p, ",") == length && memcmp(p, name, length) == 0)
			return true;
	return false;
}

static bool link_concerns(const struct net *n, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[IFLA_IFNAME + 1];

	netlink_attrs(h, sizeof(*i), tb, ARRAY_SIZE(tb));
	return outer_by_ifindex(n, (uint32_t)i->ifi_index) ||
	       (netlink_is_string(tb[IFLA_IFNAME]) && (is_named(n->outer_only, nla_data(tb[IFLA_IFNAME])) ||
						       is_named(n->pool_uplinks, nla_data(tb[IFLA_IFNAME]))));
}

static bool programs_concern(const struct net *n, const struct nlmsghdr *h)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	char name[NETNS_ALIAS_MAX];

	return outer_by_ifindex(n, (uint32_t)t->tcm_ifindex) &&
	       (h->nlmsg_type != RTM_NEWTFILTER || !tc_outer_is_ours(h, filter_name(n->instance, name)));
}

bool outer_concerns(const struct net *n, const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_concerns(n, h);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return ((const struct ifaddrmsg *)mnl_nlmsg_get_payload(h))->ifa_scope == RT_SCOPE_UNIVERSE;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return !n->outer_only && ((const struct rtmsg *)mnl_nlmsg_get_payload(h))->rtm_dst_len == 0;
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		return programs_concern(n, h);
	default:
		return false;
	}
}

/* --- comparing and cleaning --------------------------------------------------------------------------------------- */

int outer_check(struct nl_sock *rtnl, const struct net_config *config, const struct tc_programs *programs,
		const char *link_dir,
		int (*fn)(const char *name, const char *problem, const char *detail, void *userdata), void *userdata)
{
	_cleanup_free_ struct outer_list *now = calloc(1, sizeof(*now));
	char name[NETNS_ALIAS_MAX], dir[DEVICE_HOST_DIR_MAX];
	int r = now ? outer_find(rtnl, config->outer, config->pool_uplinks, now) : -ENOMEM;

	filter_name(config->instance, name);
	for (size_t i = 0; r == 0 && i < now->n; i++) {
		const struct net_outer *o = &now->outers[i];
		uint32_t wanted = programs->id[TC_INGRESS], tcx;
		struct tc_outer found;

		r = tc_outer_read(rtnl, o->ifindex, name, &found);
		if (r < 0)
			break;
		tcx = link_dir ? tc_tcx_read(outer_link_dir(link_dir, dir), o->ifindex, TC_INGRESS) : 0;
		if (!found.id && !tcx)
			r = fn(o->name, "missing", "the from-world program", userdata);
		else if ((found.id && found.id != wanted) || (tcx && tcx != wanted))
			r = fn(o->name, "differs", "the from-world program is another", userdata);
		else if (tcx && found.others)
			r = fn(o->name, "differs", "the from-world program runs before the filters of others",
			       userdata);
	}
	return r;
}

struct stray_links {
	uint32_t *ifindexes;
	size_t n;
};

static int note_link(const struct link_info *info, void *userdata)
{
	struct stray_links *links = userdata;
	uint32_t *added = ARRAY_ADD(links->ifindexes, links->n);

	if (!added)
		return -ENOMEM;
	*added = info->ifindex;
	return 0;
}

int outer_remove_strays(struct nl_sock *rtnl, const char *instance, const struct net *n)
{
	struct stray_links links = {};
	char name[NETNS_ALIAS_MAX];
	int r = link_each(rtnl, note_link, &links);

	filter_name(instance, name);
	for (size_t i = 0; i < links.n; i++) {
		int e = n && outer_by_ifindex(n, links.ifindexes[i])
				? 0
				: tc_outer_take(rtnl, links.ifindexes[i], name, !n);

		if (e < 0 && e != -ENODEV)
			r = e;
	}
	free(links.ifindexes);
	return r == -EAGAIN ? 0 : r;
}
