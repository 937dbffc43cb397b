/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deletes on a worker thread what changes removed, with threads that help it. */
#include "datapath/net/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/net/host_table.h"
#include "datapath/net/vpc.h"

/* How many links are deleted at the same time. Deleting a link mostly waits for grace periods: some under the kernel's
 * lock of all network configuration, the last one without it. The last ones overlap. More threads would only compete
 * with the event loop for that lock. */
#define THREADS 3
#define LOCKS	8

struct removal_link {
	const struct device_ops *ops;
	uint32_t ifindex;
	uint64_t workload_ns_ino;
	char id[OBJECT_ID_MAX];
	_Atomic bool done; /* written under its lock */
	int result;	   /* of the last run */
};

struct removal_vpc {
	uint32_t number;
	int ns_fd;
	char name[80];
	char id[OBJECT_ID_MAX];
	bool whole;	   /* the namespace is deleted too */
	_Atomic bool gone; /* the namespace is gone */
	struct removal_link *links;
	size_t n_links;
	struct net_object *objects; /* event loop only */
	size_t n_objects;
};

struct net_removal {
	char *instance;
	char *link_dir; /* or NULL */
	struct removal_vpc *vpcs;
	size_t n_vpcs;
	struct host_table *table; /* the host's table that is to be made; or NULL */
	struct far_end_change *far_ends;
	_Atomic bool far_ends_done;
	/* Locks by the number of a link. A link's lock is held while the link is deleted. Whoever makes a link of that
	 * number again waits for the deletion or does it (removal_finish_link). So the worker never deletes the new
	 * link. */
	pthread_mutex_t locks[LOCKS];
	struct net_removal *next; /* event loop only */
};

struct far_end_change *far_end_change_new(const struct device_spec *s, size_t max)
{
	struct far_end_change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ops = s->ops->far_end;
	snprintf(c->id, sizeof(c->id), "%s", s->id);
	c->attachment = *s->attachment;
	c->attachment.owner = NULL;
	c->attachment.path = s->attachment->path ? strdup(s->attachment->path) : NULL;
	c->objects = calloc(max + 1, sizeof(*c->objects));
	c->add = calloc(max + 1, sizeof(*c->add));
	if (!c->objects || !c->add || (s->attachment->path && !c->attachment.path)) {
		far_end_change_free(c);
		return NULL;
	}
	return c;
}

void far_end_change_free(struct far_end_change *c)
{
	if (!c)
		return;
	free(c->attachment.path);
	free(c->objects);
	free(c->add);
	free(c);
}

int removal_new(struct net *n, struct net_removal **ret)
{
	struct net_removal *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&r->locks[i], NULL);
	r->instance = strdup(n->instance);
	r->link_dir = n->link_dir ? strdup(n->link_dir) : NULL;
	r->next = n->removals;
	n->removals = r;
	if (!r->instance || (n->link_dir && !r->link_dir)) {
		net_removal_free(n, r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

static struct removal_vpc *find_vpc(const struct net_removal *r, uint32_t number)
{
	for (size_t i = 0; i < r->n_vpcs; i++) {
		if (r->vpcs[i].number == number)
			return &r->vpcs[i];
	}
	return NULL;
}

static struct removal_vpc *find_or_add_vpc(struct net_removal *r, const struct net_vpc *v)
{
	struct removal_vpc *found = find_vpc(r, v->number);

	if (found)
		return found;
	found = ARRAY_ADD(r->vpcs, r->n_vpcs);
	if (!found)
		return NULL;
	*found = (struct removal_vpc){.number = v->number, .ns_fd = fcntl(v->ns.ns_fd, F_DUPFD_CLOEXEC, FD_HIGH)};
	snprintf(found->name, sizeof(found->name), "%s", v->name);
	snprintf(found->id, sizeof(found->id), "%s", v->id);
	return found;
}

int removal_add_link(struct net_removal *r, const struct net_vpc *v, const struct device_ops *ops, uint32_t ifindex,
		     const char *id, uint64_t workload_ns_ino)
{
	struct removal_vpc *vpc = find_or_add_vpc(r, v);
	struct removal_link *added;

	if (!vpc)
		return -ENOMEM;
	added = ARRAY_ADD(vpc->links, vpc->n_links);
	if (!added)
		return -ENOMEM;
	*added = (struct removal_link){.ops = ops, .ifindex = ifindex, .workload_ns_ino = workload_ns_ino};
	snprintf(added->id, OBJECT_ID_MAX, "%s", id);
	return 0;
}

int removal_add_objects(struct net_removal *r, const struct net_vpc *v, uint32_t ifindex,
			const struct net_object_set *objects)
{
	struct removal_vpc *vpc = find_or_add_vpc(r, v);

	if (!vpc)
		return -ENOMEM;
	for (const struct net_object *o = objects->head; o; o = o->hh.next) {
		struct net_object *added = o->key.ifindex == ifindex ? NULL : ARRAY_ADD(vpc->objects, vpc->n_objects);

		if (added)
			*added = *o;
		else if (o->key.ifindex != ifindex)
			return -ENOMEM;
	}
	return 0;
}

int removal_add_vpc(struct net_removal *r, struct net_vpc *v)
{
	struct removal_vpc *vpc = find_or_add_vpc(r, v);

	if (!vpc)
		return -ENOMEM;
	vpc->whole = true;
	close_fd(net_take_vpc(v->net, v));
	return 0;
}

void removal_add_host_table(struct net_removal *r, struct host_table *t)
{
	r->table = t;
}

void removal_add_far_end(struct net_removal *r, struct far_end_change *c)
{
	c->next = r->far_ends;
	r->far_ends = c;
}

/* rtnl: a socket in the VPC's namespace. A link that can't be deleted is lowered. */
static int delete_link(struct net_removal *r, struct removal_link *link, struct nl_sock *rtnl)
{
	const struct link_change down = {.up = LINK_DOWN};
	pthread_mutex_t *lock = &r->locks[link->ifindex % LOCKS];
	int e = 0;

	pthread_mutex_lock(lock);
	if (!link->done) {
		e = link->ops->remove(rtnl, link->ifindex, r->link_dir);
		link->done = e >= 0;
		if (e < 0)
			(void)link_change(rtnl, link->ifindex, &down, NULL);
	}
	pthread_mutex_unlock(lock);
	return e;
}

/* --- the links of several removals -------------------------------------------------------------------------------- */

struct run {
	struct net_removal *const *removals;
	size_t n;
	pthread_mutex_t lock;
	size_t removal, vpc, link; /* the next link; protected by the lock */
};

/* NULL: there is no more. */
static struct removal_link *next_link(struct run *run, struct net_removal **ret, const struct removal_vpc **ret_vpc)
{
	struct removal_link *found = NULL;

	pthread_mutex_lock(&run->lock);
	while (!found && run->removal < run->n) {
		struct net_removal *r = run->removals[run->removal];
		struct removal_vpc *vpc = &r->vpcs[run->vpc];

		if (run->vpc == r->n_vpcs) {
			run->removal++;
			run->vpc = 0;
		} else if (run->link == vpc->n_links) {
			run->vpc++;
			run->link = 0;
		} else {
			found = &vpc->links[run->link++];
			*ret = r;
			*ret_vpc = vpc;
		}
	}
	pthread_mutex_unlock(&run->lock);
	return found;
}

static void *run_links(void *data)
{
	const struct removal_vpc *vpc = NULL, *next;
	struct removal_link *link;
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	int e = 0;
	struct net_removal *r;

	while ((link = next_link(data, &r, &next))) {
		if (next != vpc) {
			nl_socket_free(rtnl);
			rtnl = NULL;
			vpc = next;
			e = vpc->ns_fd < 0 ? vpc->ns_fd : netns_open_rtnl(vpc->ns_fd, &rtnl);
		}
		link->result = e < 0 ? e : delete_link(r, link, rtnl);
	}
	return NULL;
}

static void run_all_links(struct run *run, size_t n_links)
{
	pthread_t threads[THREADS];
	size_t n = 0;

	/* if no thread can be started, this one does the work alone */
	while (n + 1 < THREADS && n + 1 < n_links && pthread_create(&threads[n], NULL, run_links, run) == 0)
		n++;
	run_links(run);
	while (n)
		pthread_join(threads[--n], NULL);
}

/* --- one removal -------------------------------------------------------------------------------------------------- */

static size_t begin_removal(struct net_removal *r)
{
	size_t n_links = 0;

	for (size_t i = 0; i < r->n_vpcs; i++) {
		struct removal_vpc *vpc = &r->vpcs[i];
		char path[NETNS_PATH_MAX];

		/* there is no descriptor of it: it is opened by name */
		if (vpc->ns_fd < 0 && netns_path(vpc->name, path) >= 0)
			vpc->ns_fd = netns_open(path);
		n_links += vpc->n_links;
	}
	return n_links;
}

/* Deletes the namespace, after its links. */
static int end_vpc(const struct net_removal *r, struct removal_vpc *vpc)
{
	int result = 0;

	for (size_t i = 0; i < vpc->n_links; i++)
		if (vpc->links[i].result < 0)
			result = vpc->links[i].result;
	if (vpc->whole && !vpc->gone) {
		int e = netns_remove(vpc->name, r->instance, vpc->id);

		/* 1: the namespace of that name isn't ours, so ours is gone */
		vpc->gone = e >= 0;
		if (!vpc->gone)
			result = e;
	}
	return result;
}

/* Changes a far end, best effort: if the namespace is gone, there is nothing to change. */
static void run_far_end(const struct far_end_change *c)
{
	_cleanup_(workload_clear) struct workload w = WORKLOAD_INIT;

	if (c->n && workload_reopen(&c->attachment, &w) >= 0)
		(void)c->ops->change(&w, &c->attachment, c->objects, c->add, c->n);
	else if (!c->n && workload_reopen_path(&c->attachment, &w) >= 0)
		(void)c->ops->remove(w.rtnl, 0, NULL);
}

static int end_removal(struct net_removal *r)
{
	int result = 0;

	for (size_t i = 0; i < r->n_vpcs; i++) {
		int e = end_vpc(r, &r->vpcs[i]);

		if (e < 0)
			result = e;
	}
	/* only once: before a second run the addresses may have been given to another ENI */
	for (const struct far_end_change *c = r->far_ends_done ? NULL : r->far_ends; c; c = c->next)
		run_far_end(c);
	r->far_ends_done = true;
	if (r->table) {
		int e = host_table_apply(r->table);

		if (e < 0)
			result = e;
	}
	return result;
}

void net_removals_run(struct net_removal *const *removals, size_t n, int *results)
{
	struct run run = {.removals = removals, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER};
	size_t n_links = 0;

	for (size_t i = 0; i < n; i++)
		n_links += begin_removal(removals[i]);
	run_all_links(&run, n_links);
	for (size_t i = 0; i < n; i++)
		results[i] = end_removal(removals[i]);
}

int net_removal_run(struct net_removal *r)
{
	int result = 0;

	if (r)
		net_removals_run(&r, 1, &result);
	return result;
}

void net_removal_take_objects(struct net *n, struct net_removal *r)
{
	for (size_t i = 0; i < r->n_vpcs; i++) {
		struct removal_vpc *vpc = &r->vpcs[i];
		const struct net_vpc *v = net_find_vpc(n, vpc->number);

		for (size_t j = 0; v && j < vpc->n_objects; j++)
			(void)net_take_object(v, &vpc->objects[j]);
		vpc->n_objects = 0;
	}
}

void net_removal_each(const struct net_removal *r, bool gone, void (*fn)(const char *object, void *userdata),
		      void *userdata)
{
	for (size_t i = 0; i < r->n_vpcs; i++) {
		const struct removal_vpc *vpc = &r->vpcs[i];

		if (vpc->whole && vpc->gone == gone)
			fn(vpc->id, userdata);
		for (size_t j = 0; j < vpc->n_links; j++)
			if (vpc->links[j].done == gone)
				fn(vpc->links[j].id, userdata);
	}
	for (const struct far_end_change *c = r->far_ends; c; c = c->next)
		if (c->n && r->far_ends_done == gone)
			fn(c->id, userdata);
}

void net_removal_free(struct net *n, struct net_removal *r)
{
	if (!r)
		return;
	for (struct net_removal **p = &n->removals; *p; p = &(*p)->next) {
		if (*p == r) {
			*p = r->next;
			break;
		}
	}
	net_removal_take_objects(n, r);
	for (size_t i = 0; i < r->n_vpcs; i++) {
		close_fd(r->vpcs[i].ns_fd);
		free(r->vpcs[i].links);
		free(r->vpcs[i].objects);
	}
	while (r->far_ends) {
		struct far_end_change *next = r->far_ends->next;

		far_end_change_free(r->far_ends);
		r->far_ends = next;
	}
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&r->locks[i]);
	free(r->vpcs);
	free(r->instance);
	free(r->link_dir);
	free(r);
}

static bool vpc_has(const struct removal_vpc *vpc, const struct net_removal_match *m)
{
	for (size_t i = 0; i < vpc->n_links; i++) {
		const struct removal_link *link = &vpc->links[i];

		if ((!m->ifindex || link->ifindex == m->ifindex) && (!m->ns_ino || link->workload_ns_ino == m->ns_ino))
			return true;
	}
	return false;
}

bool net_removal_has(const struct net_removal *r, const struct net_removal_match *m)
{
	for (size_t i = 0; i < r->n_vpcs; i++)
		if ((!m->vpc || r->vpcs[i].number == m->vpc) && vpc_has(&r->vpcs[i], m))
			return true;
	return false;
}

static void finish_link(struct net_removal *r, const struct net_vpc *v, uint32_t ifindex)
{
	struct removal_vpc *vpc = find_vpc(r, v->number);

	for (size_t i = 0; vpc && i < vpc->n_links; i++) {
		if (vpc->links[i].ifindex == ifindex)
			(void)delete_link(r, &vpc->links[i], v->ns.rtnl);
	}
}

void removal_finish_link(struct net *n, uint32_t vpc, uint32_t ifindex)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);

	for (struct net_removal *r = n->removals; v && r; r = r->next)
		finish_link(r, v, ifindex);
}
