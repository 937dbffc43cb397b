/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second half of attaching, on a worker thread: tcx links, which run before the fallback filters. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <vpc/mkdir.h>

#include "datapath/net/outer.h"

struct attach_port {
	char object[OBJECT_ID_MAX]; /* id, or an outer interface's name */
	uint32_t ifindex;
	enum tc_role role;
	uint32_t host_ifindex; /* of an uplink; else 0 */
	int result;
};

struct attach_vpc {
	const struct net_attach *attach;
	uint32_t number;
	int ns_fd;
	struct attach_port *ports;
	size_t n_ports;
};

struct net_attach {
	char *link_dir;
	struct tc_program_sets programs; /* descriptors of our own */
	struct attach_vpc *vpcs;
	size_t n_vpcs;
	struct attach_port outers[NET_OUTERS_MAX];
	size_t n_outers;
};

static bool lacks_links(const struct device *d)
{
	return d->ops->tcx && d->up && !d->tcx && !d->attaching && !d->attach_failed;
}

static size_t count_lacking(const struct net_vpc *v)
{
	const struct device *d;
	size_t n = 0;

	for (d = v->devices; d; d = d->hh.next)
		n += lacks_links(d);
	return n;
}

static void attach_free(struct net_attach *a)
{
	for (size_t i = 0; i < a->n_vpcs; i++) {
		close_fd(a->vpcs[i].ns_fd);
		free(a->vpcs[i].ports);
	}
	for (unsigned i = 0; i < TC_ROLES * TC_SIDES; i++)
		close_fd(a->programs.of[i / TC_SIDES].fd[i % TC_SIDES]);
	free(a->vpcs);
	free(a->link_dir);
	free(a);
}

static int add_vpc(struct net_attach *a, struct net_vpc *v, size_t n_ports)
{
	struct attach_vpc *vpc = &a->vpcs[a->n_vpcs];
	struct device *d;

	vpc->ports = calloc(n_ports, sizeof(*vpc->ports));
	if (!vpc->ports)
		return -ENOMEM;
	vpc->attach = a;
	vpc->number = v->number;
	vpc->ns_fd = fcntl(v->ns.ns_fd, F_DUPFD_CLOEXEC, FD_HIGH);
	a->n_vpcs++;
	if (vpc->ns_fd < 0)
		return -errno;
	for (d = v->devices; d && vpc->n_ports < n_ports; d = d->hh.next) {
		if (!lacks_links(d))
			continue;
		vpc->ports[vpc->n_ports] = (struct attach_port){.ifindex = d->ifindex,
								.role = d->ops->role,
								.host_ifindex = d->host_ifindex,
								.result = -ECANCELED};
		memcpy(vpc->ports[vpc->n_ports++].object, d->id, sizeof(d->id));
		d->attaching = true;
	}
	return 0;
}

static int attach_init(struct net *n, size_t most, struct net_attach *a)
{
	struct net_vpc *v;

	a->link_dir = strdup(n->link_dir);
	a->vpcs = calloc(HASH_COUNT(n->vpcs), sizeof(*a->vpcs));
	if (!a->link_dir || !a->vpcs)
		return -ENOMEM;
	for (unsigned i = 0; i < TC_ROLES * TC_SIDES; i++) {
		const struct tc_programs *from = &n->programs.of[i / TC_SIDES];
		struct tc_programs *to = &a->programs.of[i / TC_SIDES];
		enum tc_side side = i % TC_SIDES;

		if (!from->id[side])
			continue;
		to->id[side] = from->id[side];
		to->fd[side] = fcntl(from->fd[side], F_DUPFD_CLOEXEC, FD_HIGH);
		if (to->fd[side] < 0)
			return -errno;
	}
	for (size_t i = 0; i < n->host.n_outers && most; i++) {
		struct outer *o = &n->host.outers[i];

		if (!outer_lacks_link(n, o))
			continue;
		a->outers[a->n_outers] = (struct attach_port){.ifindex = o->info.ifindex, .result = -ECANCELED};
		snprintf(a->outers[a->n_outers++].object, OBJECT_ID_MAX, "%s", o->info.name);
		o->attaching = true;
		most--;
	}
	for (v = n->vpcs; v && most; v = v->hh.next) {
		size_t lacking = count_lacking(v), take = lacking < most ? lacking : most;
		int r = take ? add_vpc(a, v, take) : 0;

		if (r < 0)
			return r;
		most -= take;
	}
	return 0;
}

int net_attach_begin(struct net *n, size_t most, struct net_attach **ret)
{
	struct net_attach *a;
	size_t lacking = 0;
	int r;

	*ret = NULL;
	if (!n->link_dir)
		return 0;
	for (const struct net_vpc *v = n->vpcs; v; v = v->hh.next)
		lacking += count_lacking(v);
	for (size_t i = 0; i < n->host.n_outers; i++)
		lacking += outer_lacks_link(n, &n->host.outers[i]);
	if (!lacking)
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	for (unsigned i = 0; i < TC_ROLES * TC_SIDES; i++)
		a->programs.of[i / TC_SIDES].fd[i % TC_SIDES] = -1;
	r = attach_init(n, most, a);
	if (r < 0) {
		net_attach_free(n, a);
		return r;
	}
	*ret = a;
	return 0;
}

static int run_vpc(void *data)
{
	struct attach_vpc *vpc = data;
	int result = 0;

	for (size_t i = 0; i < vpc->n_ports; i++) {
		struct attach_port *p = &vpc->ports[i];

		p->result = tc_tcx_attach(vpc->attach->link_dir, p->ifindex, &vpc->attach->programs.of[p->role]);
		/* a port that is gone meanwhile is not a failure */
		if (p->result < 0 && p->result != -ENODEV)
			result = p->result;
	}
	return result;
}

/* The host ends of the uplinks among them, in vpcd's own namespace. */
static int run_host_ends(const struct net_attach *a, struct attach_vpc *vpc)
{
	char dir[DEVICE_HOST_DIR_MAX];
	int result = 0;

	for (size_t i = 0; i < vpc->n_ports; i++) {
		struct attach_port *p = &vpc->ports[i];

		if (!p->host_ifindex || p->result < 0)
			continue;
		p->result = mkdir_parents(device_host_dir(a->link_dir, dir), 0700, 0700);
		if (p->result >= 0)
			p->result = tc_tcx_attach(dir, p->host_ifindex, &a->programs.of[TC_HOST_END]);
		if (p->result < 0 && p->result != -ENODEV)
			result = p->result;
	}
	return result;
}

static int run_outers(struct net_attach *a)
{
	char dir[DEVICE_HOST_DIR_MAX];
	int result = 0;

	for (size_t i = 0; i < a->n_outers; i++) {
		struct attach_port *p = &a->outers[i];

		p->result = mkdir_parents(outer_link_dir(a->link_dir, dir), 0700, 0700);
		if (p->result >= 0)
			p->result = tc_tcx_attach(dir, p->ifindex, &a->programs.of[TC_OUTER]);
		if (p->result < 0 && p->result != -ENODEV)
			result = p->result;
	}
	return result;
}

int net_attach_run(struct net_attach *a)
{
	/* the folder may have gone together with its pins */
	int result = a ? mkdir_parents(a->link_dir, 0700, 0700) : 0;

	for (size_t i = 0; a && i < a->n_vpcs; i++) {
		struct attach_vpc *vpc = &a->vpcs[i];
		int r = netns_run(vpc->ns_fd, run_vpc, vpc);

		/* the namespace could not be entered */
		for (size_t j = 0; r < 0 && j < vpc->n_ports; j++)
			if (vpc->ports[j].result == -ECANCELED)
				vpc->ports[j].result = r;
		if (r < 0)
			result = r;
		r = run_host_ends(a, vpc);
		if (r < 0)
			result = r;
	}
	if (a && a->n_outers) {
		int r = run_outers(a);

		if (r < 0)
			result = r;
	}
	return result;
}

void net_attach_each(const struct net *n, const struct net_attach *a,
		     void (*fn)(const char *object, int result, void *userdata), void *userdata)
{
	for (size_t i = 0; i < a->n_vpcs; i++) {
		const struct net_vpc *v = net_find_vpc(n, a->vpcs[i].number);

		for (size_t j = 0; v && j < a->vpcs[i].n_ports; j++) {
			const struct attach_port *p = &a->vpcs[i].ports[j];
			const struct device *d = net_find_device(v, p->ifindex);

			if (d && d->attaching)
				fn(p->object, p->result, userdata);
		}
	}
	for (size_t i = 0; i < a->n_outers; i++)
		if (outer_by_ifindex(n, a->outers[i].ifindex))
			fn(a->outers[i].object, a->outers[i].result, userdata);
}

bool net_attach_again(struct net *n, const char *object)
{
	bool lacks = false;

	for (const struct net_vpc *v = n->vpcs; v; v = v->hh.next) {
		for (struct device *d = v->devices; d; d = d->hh.next) {
			if (!d->ops->tcx || strcmp(d->id, object) != 0)
				continue;
			d->attach_failed = false;
			lacks |= d->attaching || lacks_links(d);
		}
	}
	for (size_t i = 0; i < n->host.n_outers; i++) {
		struct outer *o = &n->host.outers[i];

		if (strcmp(o->info.name, object) != 0)
			continue;
		o->attach_failed = false;
		lacks |= o->attaching || outer_lacks_link(n, o);
	}
	return lacks;
}

void net_attach_free(struct net *n, struct net_attach *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_vpcs; i++) {
		const struct net_vpc *v = net_find_vpc(n, a->vpcs[i].number);

		for (size_t j = 0; v && j < a->vpcs[i].n_ports; j++) {
			const struct attach_port *p = &a->vpcs[i].ports[j];
			struct device *d = net_find_device(v, p->ifindex);

			/* a port that was made again meanwhile is not attaching: it waits for its own turn */
			if (!d || !d->attaching)
				continue;
			d->attaching = false;
			d->tcx = p->result == 0;
			d->attach_failed = p->result < 0 && p->result != -ECANCELED;
		}
	}
	for (size_t i = 0; i < a->n_outers; i++)
		outer_attached(n, a->outers[i].ifindex, a->outers[i].result);
	attach_free(a);
}

static bool is_pinned(const struct net *n, const struct device *d)
{
	char dir[DEVICE_HOST_DIR_MAX];

	return tc_tcx_is_pinned(n->link_dir, d->ifindex, &n->programs.of[d->ops->role]) &&
	       (!d->host_ifindex ||
		tc_tcx_is_pinned(device_host_dir(n->link_dir, dir), d->host_ifindex, &n->programs.of[TC_HOST_END]));
}

/* The fallback filter judges until there is a tcx link again. */
static size_t check_outers(struct net *n)
{
	char dir[DEVICE_HOST_DIR_MAX];
	size_t lost = 0;

	outer_link_dir(n->link_dir, dir);
	for (size_t i = 0; i < n->host.n_outers; i++) {
		struct outer *o = &n->host.outers[i];

		if (!o->tcx || o->attaching || tc_tcx_is_pinned(dir, o->info.ifindex, &n->programs.of[TC_OUTER]))
			continue;
		outer_attached(n, o->info.ifindex, 0);
		lost++;
	}
	return lost;
}

size_t net_check_links(struct net *n, size_t most)
{
	size_t at = 0, lost, looked = 0;

	if (!n->link_dir)
		return 0;
	lost = check_outers(n);
	for (struct net_vpc *v = n->vpcs; v && looked < most; v = v->hh.next) {
		for (struct device *d = v->devices; d && looked < most; d = d->hh.next) {
			if (!d->ops->tcx || at++ < n->links_checked)
				continue;
			looked++;
			if (!d->tcx || d->attaching || is_pinned(n, d))
				continue;
			d->tcx = false;
			d->attach_failed = false;
			lost++;
		}
	}
	n->links_checked = looked < most ? 0 : at;
	return lost;
}
