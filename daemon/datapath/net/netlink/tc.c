/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clsact and its filters. */
#include "datapath/net/netlink/tc.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <netlink/route/classifier.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/net/netlink/request.h"
#include "datapath/net/netlink/tc_request.h"

DEFINE_CLEANUP(struct rtnl_qdisc *, rtnl_qdisc_put);
DEFINE_CLEANUP(struct rtnl_cls *, rtnl_cls_put);

#define FILTER_HANDLE	1
#define FILTER_PRIORITY 1
#define FILTER_INFO	TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL))

static const uint32_t parents[TC_SIDES] = {
	[TC_INGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
	[TC_EGRESS] = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
};

static const char *const names[TC_ROLES][TC_SIDES] = {
	[TC_PORT] = {"from-workload", "to-workload"},
	[TC_BRIDGE] = {NULL, "from-router"},
	[TC_UPLINK] = {"from-uplink", NULL},
	[TC_HOST_END] = {"from-vpc", "to-host"},
	[TC_OUTER] = {"from-world", NULL}, /* its filter has a longer name: tc_outer.c */
};

static int program_id(int fd, uint32_t *ret)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	*ret = info.id;
	return 0;
}

static int init_link(const int fds[TC_SIDES], enum tc_role role, struct tc_programs *ret)
{
	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		int r;

		ret->name[side] = names[role][side];
		if (fds[side] <= 0)
			continue;
		ret->fd[side] = fds[side];
		r = program_id(fds[side], &ret->id[side]);
		if (r < 0)
			return r;
	}
	return 0;
}

int tc_programs_init(const int fds[TC_ROLES][TC_SIDES], struct tc_program_sets *ret)
{
	struct tc_program_sets sets = {};

	for (enum tc_role role = 0; role < TC_ROLES; role++) {
		int r = init_link(fds[role], role, &sets.of[role]);

		if (r < 0)
			return r;
	}
	*ret = sets;
	return 0;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* Where a qdisc or filter is, for libnl's builders. */
static int describe(struct rtnl_tc *tc, const struct tcmsg *where, const char *kind)
{
	rtnl_tc_set_ifindex(tc, where->tcm_ifindex);
	rtnl_tc_set_parent(tc, where->tcm_parent);
	rtnl_tc_set_handle(tc, where->tcm_handle);
	return rtnl_tc_set_kind(tc, kind);
}

int tc_make_qdisc(struct nl_sock *sk, uint32_t ifindex)
{
	const struct tcmsg where = {
		.tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_CLSACT, .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0)};
	_cleanup_(rtnl_qdisc_putp) struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!qdisc)
		return -ENOMEM;
	r = describe(TC_CAST(qdisc), &where, "clsact");
	if (r >= 0)
		r = rtnl_qdisc_build_add_request(qdisc, NLM_F_CREATE | NLM_F_EXCL, &msg);
	if (r < 0)
		return netlink_build_error(r);
	r = netlink_change(sk, msg, NULL);
	return r == -EEXIST ? 0 : r < 0 ? r : 1;
}

/* libnl knows no filters that are eBPF programs. */
static int put_program(struct nl_msg *msg, int prog_fd, const char *name)
{
	struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);

	if (!options || nla_put_u32(msg, TCA_BPF_FD, (uint32_t)prog_fd) < 0 ||
	    nla_put_string(msg, TCA_BPF_NAME, name) < 0 || nla_put_u32(msg, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT) < 0)
		return -EMSGSIZE;
	nla_nest_end(msg, options);
	return 0;
}

int tc_put_filter(struct nl_sock *sk, const struct tcmsg *where, uint16_t priority, int prog_fd, const char *name)
{
	_cleanup_(rtnl_cls_putp) struct rtnl_cls *filter = rtnl_cls_alloc();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!filter)
		return -ENOMEM;
	rtnl_cls_set_prio(filter, priority);
	rtnl_cls_set_protocol(filter, ETH_P_ALL);
	r = describe(TC_CAST(filter), where, "bpf");
	if (r >= 0)
		r = rtnl_cls_build_add_request(filter, NLM_F_CREATE | (where->tcm_handle ? NLM_F_REPLACE : NLM_F_EXCL),
					       &msg);
	if (r < 0)
		return netlink_build_error(r);
	r = put_program(msg, prog_fd, name);
	return r < 0 ? r : netlink_change(sk, msg, NULL);
}

/* A filter of any kind: libnl's builder would add options to those that it knows. */
int tc_delete_filter(struct nl_sock *sk, const struct tcmsg *where, const char *kind)
{
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(RTM_DELTFILTER, 0, where, sizeof(*where));
	int r;

	if (!msg || nla_put_string(msg, TCA_KIND, kind) < 0)
		return -ENOMEM;
	r = netlink_change(sk, msg, NULL);
	return r == -ENOENT ? 0 : r;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Ours by place and kind, whatever its program. Gives the program's id. */
static bool is_our_place(const struct nlmsghdr *h, uint32_t *ret_id)
{
	const struct tcmsg *t = nlmsg_data(h);
	const struct nlattr *tb[TCA_OPTIONS + 1], *options[TCA_BPF_MAX + 1];

	netlink_attrs(h, sizeof(*t), tb, ARRAY_SIZE(tb));
	if (t->tcm_handle != FILTER_HANDLE || t->tcm_info != FILTER_INFO || !netlink_is_string(tb[TCA_KIND]) ||
	    strcmp(nla_data(tb[TCA_KIND]), "bpf") != 0)
		return false;
	netlink_nested_attrs(tb[TCA_OPTIONS], options, ARRAY_SIZE(options));
	if (!(netlink_number(options[TCA_BPF_FLAGS]) & TCA_BPF_FLAG_ACT_DIRECT))
		return false;
	*ret_id = netlink_number(options[TCA_BPF_ID]);
	return true;
}

bool tc_is_our_filter(const struct nlmsghdr *h, const struct tc_programs *programs)
{
	const struct tcmsg *t = nlmsg_data(h);
	uint32_t id;

	/* handle 0 announces the classifier that holds the filters, not a filter */
	if (t->tcm_handle == 0)
		return true;
	if (!is_our_place(h, &id))
		return false;
	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		if (t->tcm_parent == parents[side])
			return programs->id[side] && id == programs->id[side];
	}
	return false;
}

#define OTHERS_MAX 16
struct reading {
	struct tc_clsact *clsact;
	enum tc_side side;
	bool all_others;		 /* nothing here is ours */
	struct tcmsg others[OTHERS_MAX]; /* the first few, to be deleted */
	char kinds[OTHERS_MAX][16];
	unsigned n_others;
};

static int on_filter(const struct nlmsghdr *h, void *userdata)
{
	struct reading *reading = userdata;
	const struct tcmsg *t = nlmsg_data(h);
	const struct nlattr *tb[TCA_OPTIONS + 1];
	uint32_t id;

	if (h->nlmsg_type != RTM_NEWTFILTER || t->tcm_handle == 0)
		return 0;
	if (!reading->all_others && is_our_place(h, &id)) {
		reading->clsact->id[reading->side] = id;
		return 0;
	}
	reading->clsact->others++;
	if (reading->n_others == OTHERS_MAX)
		return 0;
	netlink_attrs(h, sizeof(*t), tb, ARRAY_SIZE(tb));
	reading->others[reading->n_others] = *t;
	if (netlink_is_string(tb[TCA_KIND]))
		snprintf(reading->kinds[reading->n_others], sizeof(reading->kinds[0]), "%s",
			 (const char *)nla_data(tb[TCA_KIND]));
	reading->n_others++;
	return 0;
}

int tc_each_filter(struct nl_sock *sk, uint32_t ifindex, uint32_t parent, netlink_answer_fn fn, void *userdata)
{
	const struct tcmsg where = {.tcm_ifindex = (int)ifindex, .tcm_parent = parent};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(RTM_GETTFILTER, NLM_F_DUMP, &where, sizeof(where));
	int r;

	if (!msg)
		return -ENOMEM;
	r = netlink_ask(sk, msg, fn, userdata);
	/* no qdisc, no filters */
	return r == -EINVAL || r == -ENOENT ? 0 : r;
}

static int read_side(struct nl_sock *sk, uint32_t ifindex, struct reading *reading)
{
	return tc_each_filter(sk, ifindex, parents[reading->side], on_filter, reading);
}

int tc_clsact_read(struct nl_sock *sk, uint32_t ifindex, struct tc_clsact *ret)
{
	struct tc_clsact clsact = {};

	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		struct reading reading = {.clsact = &clsact, .side = side};
		int r = read_side(sk, ifindex, &reading);

		if (r < 0)
			return r;
	}
	*ret = clsact;
	return 0;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

static int remove_others(struct nl_sock *sk, uint32_t ifindex, enum tc_side side, bool all)
{
	struct tc_clsact clsact = {};
	struct reading reading = {.clsact = &clsact, .side = side, .all_others = all};
	int r = read_side(sk, ifindex, &reading);

	for (unsigned i = 0; r >= 0 && i < reading.n_others; i++)
		r = tc_delete_filter(sk, &reading.others[i], reading.kinds[i]);
	return r;
}

static int put_ours(struct nl_sock *sk, uint32_t ifindex, enum tc_side side, const struct tc_programs *programs)
{
	const struct tcmsg where = {
		.tcm_ifindex = (int)ifindex, .tcm_parent = parents[side], .tcm_handle = FILTER_HANDLE};

	return tc_put_filter(sk, &where, FILTER_PRIORITY, programs->fd[side], programs->name[side]);
}

int tc_clsact_ensure(struct nl_sock *sk, uint32_t ifindex, const struct tc_programs *programs, bool clean)
{
	int r = tc_make_qdisc(sk, ifindex);

	for (enum tc_side side = 0; r >= 0 && side < TC_SIDES; side++) {
		if (clean)
			r = remove_others(sk, ifindex, side, !programs->id[side]);
		if (r >= 0 && programs->id[side])
			r = put_ours(sk, ifindex, side, programs);
	}
	return r < 0 ? r : 0;
}
