/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filter on an outer interface: beside filters of others, and behind them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "datapath/net/netlink/tc.h"
#include "datapath/net/netlink/tc_request.h"

#define LAST_PRIORITY 0xffffu
#define NAME_PREFIX   "vpcd:" /* of the filters of every instance */

static const uint32_t ingress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
static const uint32_t egress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);

/* The name of a filter that is a program, or NULL. */
static const char *name_of(const struct nlmsghdr *h, uint32_t *ret_id)
{
	const struct nlattr *tb[TCA_OPTIONS + 1], *options[TCA_BPF_MAX + 1];

	netlink_attrs(h, sizeof(struct tcmsg), tb, ARRAY_SIZE(tb));
	if (!netlink_is_string(tb[TCA_KIND]) || strcmp(nla_data(tb[TCA_KIND]), "bpf") != 0)
		return NULL;
	netlink_nested_attrs(tb[TCA_OPTIONS], options, ARRAY_SIZE(options));
	*ret_id = netlink_number(options[TCA_BPF_ID]);
	return netlink_is_string(options[TCA_BPF_NAME]) ? nla_data(options[TCA_BPF_NAME]) : NULL;
}

bool tc_outer_is_ours(const struct nlmsghdr *h, const char *name)
{
	uint32_t id;
	const char *found = name_of(h, &id);

	return found && (name ? strcmp(found, name) == 0 : strncmp(found, NAME_PREFIX, strlen(NAME_PREFIX)) == 0);
}

struct reading {
	const char *name;
	struct tc_outer *outer;
};

static int on_filter(const struct nlmsghdr *h, void *userdata)
{
	const struct reading *r = userdata;
	const struct tcmsg *t = nlmsg_data(h);
	uint32_t id = 0;
	const char *name;

	if (h->nlmsg_type != RTM_NEWTFILTER || t->tcm_handle == 0)
		return 0;
	name = name_of(h, &id);
	if (name && strcmp(name, r->name) == 0) {
		r->outer->id = id;
		r->outer->handle = t->tcm_handle;
		r->outer->info = t->tcm_info;
		r->outer->last = t->tcm_info == TC_H_MAKE(LAST_PRIORITY << 16, htons(ETH_P_ALL));
	} else if (!name || strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0) {
		r->outer->others++;
	}
	return 0;
}

int tc_outer_read(struct nl_sock *sk, uint32_t ifindex, const char *name, struct tc_outer *ret)
{
	struct tc_outer outer = {};
	struct reading reading = {.name = name, .outer = &outer};
	int r = tc_each_filter(sk, ifindex, ingress, on_filter, &reading);

	if (r >= 0)
		*ret = outer;
	return r;
}

int tc_outer_put(struct nl_sock *sk, uint32_t ifindex, const struct tc_programs *programs, const char *name,
		 bool *ret_qdisc)
{
	struct tcmsg where = {.tcm_ifindex = (int)ifindex, .tcm_parent = ingress};
	struct tc_outer found;
	int r = tc_make_qdisc(sk, ifindex);

	if (r < 0)
		return r;
	if (r > 0)
		*ret_qdisc = true;
	r = tc_outer_read(sk, ifindex, name, &found);
	if (r < 0 || (found.last && found.id == programs->id[TC_INGRESS]))
		return r;
	if (found.last)
		where.tcm_handle = found.handle;
	return tc_put_filter(sk, &where, LAST_PRIORITY, programs->fd[TC_INGRESS], name);
}

static int count_filter(const struct nlmsghdr *h, void *userdata)
{
	const struct tcmsg *t = nlmsg_data(h);

	if (h->nlmsg_type == RTM_NEWTFILTER && t->tcm_handle)
		++*(unsigned *)userdata;
	return 0;
}

static int delete_empty_qdisc(struct nl_sock *sk, uint32_t ifindex)
{
	const struct tcmsg where = {
		.tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_CLSACT, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0)};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	unsigned n = 0;
	int r = tc_each_filter(sk, ifindex, ingress, count_filter, &n);

	if (r >= 0)
		r = tc_each_filter(sk, ifindex, egress, count_filter, &n);
	if (r < 0 || n)
		return r;
	msg = netlink_message(RTM_DELQDISC, 0, &where, sizeof(where));
	if (!msg || nla_put_string(msg, TCA_KIND, "clsact") < 0)
		return -ENOMEM;
	r = netlink_change(sk, msg, NULL);
	/* an ingress qdisc, which isn't ours, or none */
	return r == -EINVAL || r == -ENOENT ? 0 : r;
}

int tc_outer_take(struct nl_sock *sk, uint32_t ifindex, const char *name, bool qdisc)
{
	struct tcmsg where = {.tcm_ifindex = (int)ifindex, .tcm_parent = ingress};
	struct tc_outer found;
	int r = tc_outer_read(sk, ifindex, name, &found);

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	if (!found.id)
		return 0;
	where.tcm_handle = found.handle;
	where.tcm_info = found.info;
	r = tc_delete_filter(sk, &where, "bpf");
	return r < 0 || !qdisc ? r : delete_empty_qdisc(sk, ifindex);
}
