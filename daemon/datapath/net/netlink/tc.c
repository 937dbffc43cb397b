/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clsact and its filters. */
#include "datapath/net/netlink/tc.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/net/netlink/request.h"

#define FILTER_HANDLE	1
#define FILTER_PRIORITY 1
#define FILTER_INFO	TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL))

static const struct {
	const char *name;
	uint32_t parent;
} sides[TC_SIDES] = {
	[TC_FROM_WORKLOAD] = {"from-workload", TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)},
	[TC_TO_WORKLOAD] = {"to-workload", TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)},
};

const char *tc_side_name(enum tc_side side)
{
	return sides[side].name;
}

static int program_id(int fd, uint32_t *ret)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	*ret = info.id;
	return 0;
}

int tc_programs_init(int from_workload, int to_workload, int from_router, struct tc_programs *ret)
{
	struct tc_programs p = {.fd = {from_workload, to_workload}, .router_fd = from_router};
	int r = program_id(from_router, &p.router_id);

	for (unsigned i = 0; r >= 0 && i < TC_SIDES; i++)
		r = program_id(p.fd[i], &p.id[i]);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

static struct tcmsg *begin(struct rtnl_message *m, uint16_t type, uint16_t flags, uint32_t ifindex, uint32_t parent)
{
	struct tcmsg *t = rtnl_begin(m, type, flags, sizeof(*t));

	t->tcm_ifindex = (int)ifindex;
	t->tcm_parent = parent;
	return t;
}

static int make_qdisc(int fd, uint32_t ifindex)
{
	struct rtnl_message m;
	struct tcmsg *t = begin(&m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_CLSACT);
	int r;

	t->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(&m.h, TCA_KIND, "clsact");
	r = rtnl_change(fd, &m, NULL);
	return r == -EEXIST ? 0 : r;
}

static int put_filter(int fd, uint32_t ifindex, enum tc_side side, int prog_fd, const char *name)
{
	struct rtnl_message m;
	struct tcmsg *t = begin(&m, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE, ifindex, sides[side].parent);
	struct nlattr *options;

	t->tcm_handle = FILTER_HANDLE;
	t->tcm_info = FILTER_INFO;
	mnl_attr_put_strz(&m.h, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(&m.h, TCA_OPTIONS);
	mnl_attr_put_u32(&m.h, TCA_BPF_FD, (uint32_t)prog_fd);
	mnl_attr_put_strz(&m.h, TCA_BPF_NAME, name);
	mnl_attr_put_u32(&m.h, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(&m.h, options);
	return rtnl_change(fd, &m, NULL);
}

/* Ours by place and kind, whatever its program. Gives the program's id. */
static bool is_our_place(const struct nlmsghdr *h, uint32_t *ret_id)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[TCA_OPTIONS + 1], *options[TCA_BPF_MAX + 1];

	rtnl_attrs(h, sizeof(*t), tb, ARRAY_SIZE(tb));
	if (t->tcm_handle != FILTER_HANDLE || t->tcm_info != FILTER_INFO || !tb[TCA_KIND] ||
	    strcmp(mnl_attr_get_str(tb[TCA_KIND]), "bpf") != 0)
		return false;
	rtnl_nested_attrs(tb[TCA_OPTIONS], options, ARRAY_SIZE(options));
	if (!(rtnl_number(options[TCA_BPF_FLAGS]) & TCA_BPF_FLAG_ACT_DIRECT))
		return false;
	*ret_id = rtnl_number(options[TCA_BPF_ID]);
	return true;
}

bool tc_is_our_filter(const struct nlmsghdr *h, const struct tc_programs *programs, bool bridge)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	uint32_t id;

	/* handle 0 announces the classifier that holds the filters, not a filter */
	if (t->tcm_handle == 0)
		return true;
	if (!is_our_place(h, &id))
		return false;
	if (bridge)
		return t->tcm_parent == sides[TC_TO_WORKLOAD].parent && id == programs->router_id;
	for (unsigned i = 0; i < TC_SIDES; i++) {
		if (t->tcm_parent == sides[i].parent)
			return id == programs->id[i];
	}
	return false;
}

#define OTHERS_MAX 16
struct reading {
	struct tc_clsact *clsact;
	enum tc_side side;
	struct tcmsg others[OTHERS_MAX]; /* the first few, to be deleted */
	char kinds[OTHERS_MAX][16];
	unsigned n_others;
};

static int on_filter(const struct nlmsghdr *h, void *userdata)
{
	struct reading *reading = userdata;
	const struct tcmsg *t = mnl_nlmsg_get_payload(h);
	const struct nlattr *tb[TCA_OPTIONS + 1];
	uint32_t id;

	if (h->nlmsg_type != RTM_NEWTFILTER || t->tcm_handle == 0)
		return 0;
	if (is_our_place(h, &id)) {
		reading->clsact->id[reading->side] = id;
		return 0;
	}
	reading->clsact->others++;
	if (reading->n_others == OTHERS_MAX)
		return 0;
	rtnl_attrs(h, sizeof(*t), tb, ARRAY_SIZE(tb));
	reading->others[reading->n_others] = *t;
	if (tb[TCA_KIND])
		snprintf(reading->kinds[reading->n_others], sizeof(reading->kinds[0]), "%s",
			 mnl_attr_get_str(tb[TCA_KIND]));
	reading->n_others++;
	return 0;
}

static int read_side(int fd, uint32_t ifindex, struct reading *reading)
{
	struct rtnl_message m;
	int r;

	begin(&m, RTM_GETTFILTER, NLM_F_DUMP, ifindex, sides[reading->side].parent);
	r = rtnl_ask(fd, &m, on_filter, reading);
	/* no qdisc, no filters */
	return r == -EINVAL || r == -ENOENT ? 0 : r;
}

int tc_clsact_read(int fd, uint32_t ifindex, struct tc_clsact *ret)
{
	struct tc_clsact clsact = {};

	for (enum tc_side side = 0; side < TC_SIDES; side++) {
		struct reading reading = {.clsact = &clsact, .side = side};
		int r = read_side(fd, ifindex, &reading);

		if (r < 0)
			return r;
	}
	*ret = clsact;
	return 0;
}

static int remove_others(int fd, uint32_t ifindex, enum tc_side side)
{
	struct tc_clsact clsact = {};
	struct reading reading = {.clsact = &clsact, .side = side};
	int r = read_side(fd, ifindex, &reading);

	for (unsigned i = 0; r >= 0 && i < reading.n_others; i++) {
		struct rtnl_message m;
		struct tcmsg *t = rtnl_begin(&m, RTM_DELTFILTER, 0, sizeof(*t));

		*t = reading.others[i];
		mnl_attr_put_strz(&m.h, TCA_KIND, reading.kinds[i]);
		r = rtnl_change(fd, &m, NULL);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int tc_clsact_ensure(int fd, uint32_t ifindex, const struct tc_programs *programs, bool clean)
{
	int r = make_qdisc(fd, ifindex);

	for (enum tc_side side = 0; r >= 0 && side < TC_SIDES; side++) {
		if (clean)
			r = remove_others(fd, ifindex, side);
		if (r >= 0)
			r = put_filter(fd, ifindex, side, programs->fd[side], sides[side].name);
	}
	return r;
}

int tc_bridge_ensure(int fd, uint32_t ifindex, const struct tc_programs *programs)
{
	int r = make_qdisc(fd, ifindex);

	for (enum tc_side side = 0; r >= 0 && side < TC_SIDES; side++)
		r = remove_others(fd, ifindex, side);
	return r < 0 ? r : put_filter(fd, ifindex, TC_TO_WORKLOAD, programs->router_fd, "from-router");
}
