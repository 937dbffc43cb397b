/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/host_objects.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>

#include <vpc/array.h>

#include "datapath/net/announce.h"
#include "datapath/net/device/host_end.h"
#include "datapath/net/host_spaces.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/nft/host.h"

/* What the host itself sends to a published port goes to the VPC's transit address, which is routed to the host end of
 * its uplink. The addresses are 169.254.64.0/18, in host byte order, in blocks: one for each instance, by its name. The
 * programs don't look at the address. */
#define TRANSIT_FIRST  0xa9fe4000u
#define TRANSIT_BLOCK  1024u
#define TRANSIT_BLOCKS 16u

struct host_object {
	uint32_t number;
	union {
		struct eip_record eip;
		struct publish_record publication;
	};
	UT_hash_handle hh;
};

uint32_t host_transit(const char *instance, uint32_t vpc)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *p = instance; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	hash ^= hash >> 16;
	return htonl(TRANSIT_FIRST + hash % TRANSIT_BLOCKS * TRANSIT_BLOCK + vpc % TRANSIT_BLOCK);
}

/* --- what is noted ------------------------------------------------------------------------------------------------ */

static bool is_routed(const struct eip_record *e)
{
	return e->target >> VPC_TARGET_SHIFT == VPC_EIP_ENI;
}

static void mark(struct net *n, uint32_t vpc)
{
	struct net_vpc *v = net_find_vpc(n, vpc);
	struct device *d = v ? net_find_device(v, VPC_UPLINK_FIRST + vpc) : NULL;

	if (d)
		d->host_noted = true;
}

static struct host_object *find_object(struct host_object *objects, uint32_t number)
{
	struct host_object *o;

	HASH_FIND(hh, objects, &number, sizeof(number), o);
	return o;
}

/* The object with this number, made if there is none. NULL: out of memory. */
static struct host_object *hold_object(struct host_object **objects, uint32_t number)
{
	struct host_object *o = find_object(*objects, number);

	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->number = number;
	HASH_ADD(hh, *objects, number, sizeof(o->number), o);
	if (!o->hh.tbl) {
		free(o);
		return NULL;
	}
	return o;
}

/* o may be NULL. */
static void drop_object(struct host_object **objects, struct host_object *o)
{
	if (!o)
		return;
	HASH_DEL(*objects, o);
	free(o);
}

static void mark_eip(struct net *n, const struct eip_record *e)
{
	if (is_routed(e))
		mark(n, e->vpc);
}

/* Whether the address may have been at another host until now. One that goes from ENI to ENI was here. */
static bool has_come(const struct eip_record *was, const struct eip_record *is)
{
	return !was->number || was->address != is->address || was->pool != is->pool || (!was->target && is->target);
}

static int note_eip(struct net *n, const struct plan_eip *p)
{
	uint32_t number = p->has_after ? p->after.number : p->before.number;
	struct host_object *o = find_object(n->host.eips, number);
	bool announced;

	if (o)
		mark_eip(n, &o->eip);
	if (o && (!p->has_after || o->eip.address != p->after.address))
		announce_stop(n, o->eip.address);
	if (!p->has_after) {
		drop_object(&n->host.eips, o);
		return 0;
	}
	o = hold_object(&n->host.eips, number);
	if (!o)
		return -ENOMEM;
	announced = !has_come(&o->eip, &p->after);
	o->eip = p->after;
	mark_eip(n, &o->eip);
	return announced ? 0 : announce_address(n, o->eip.address, o->eip.pool);
}

static int note_publication(struct net *n, const struct plan_publish *p)
{
	uint32_t number = p->has_after ? p->after.number : p->before.number;
	struct host_object *o = find_object(n->host.publications, number);

	if (o)
		mark(n, o->publication.vpc);
	if (!p->has_after) {
		drop_object(&n->host.publications, o);
		return 0;
	}
	o = hold_object(&n->host.publications, number);
	if (!o)
		return -ENOMEM;
	o->publication = p->after;
	mark(n, o->publication.vpc);
	return 0;
}

int host_objects_note(struct net *n, const struct plan *plan)
{
	int result = 0;

	for (size_t i = 0; i < plan->n_eips; i++)
		if (note_eip(n, &plan->eips[i]) < 0)
			result = -ENOMEM;
	for (size_t i = 0; i < plan->n_publishes; i++)
		if (note_publication(n, &plan->publishes[i]) < 0)
			result = -ENOMEM;
	for (size_t i = 0; i < plan->n_vpcs; i++) {
		if (host_space_note(n, &plan->vpcs[i]) < 0)
			result = -ENOMEM;
		if (plan->vpcs[i].has_after)
			mark(n, plan->vpcs[i].after.number);
	}
	return result;
}

static void drop_objects(struct host_object **objects)
{
	struct host_object *o, *next;

	HASH_ITER (hh, *objects, o, next)
		drop_object(objects, o);
}

void host_objects_clear(struct net *n)
{
	host_spaces_clear(n);
	drop_objects(&n->host.eips);
	drop_objects(&n->host.publications);
}

/* --- what is wanted ----------------------------------------------------------------------------------------------- */

/* A route to one address by a host end, and a neighbour so that nobody asks for it. The program at the host end's
 * egress sends what has another MAC than vpcd's own to the VPC. */
static int want_address(struct net_object_set *set, uint32_t ifindex, const struct vpc_record *v, uint32_t vpc,
			uint32_t address)
{
	struct ip ip = {.family = 4, .bytes = {[10] = 0xff, [11] = 0xff}};
	struct net_object route, neighbour;
	int r;

	memcpy(ip.bytes + 12, &address, sizeof(address));
	route = net_object_of(NET_OBJECT_ROUTE, ifindex, ifindex, &ip, 32);
	route.mtu = v ? v->mtu : 0;
	neighbour = net_object_of(NET_OBJECT_NEIGHBOUR, ifindex, ifindex, &ip, 32);
	host_end_mac(vpc, neighbour.mac);
	r = net_object_set_add(set, &neighbour);
	return r < 0 ? r : net_object_set_add(set, &route);
}

static int want_noted(const struct net *n, const struct device *d, struct net_object_set *set)
{
	static const struct outer_list nothing;
	const struct vpc_record *v = host_space_find(n, d->vpc);
	const struct host_object *p;
	int r = v ? host_space_want(v, n->host.told ? n->host.told : &nothing, d->host_ifindex, set) : 0;

	for (const struct host_object *e = n->host.eips; r >= 0 && e; e = e->hh.next)
		if (is_routed(&e->eip) && e->eip.vpc == d->vpc)
			r = want_address(set, d->host_ifindex, v, d->vpc, e->eip.address);
	for (p = n->host.publications; p && p->publication.vpc != d->vpc; p = p->hh.next)
		;
	return r < 0 || !p ? r : want_address(set, d->host_ifindex, v, d->vpc, host_transit(n->instance, d->vpc));
}

static const struct vpc_record *planned_vpc(const struct plan *all, uint32_t vpc)
{
	for (size_t i = 0; i < all->n_vpcs; i++)
		if (all->vpcs[i].has_after && all->vpcs[i].after.number == vpc)
			return &all->vpcs[i].after;
	return NULL;
}

static int want_planned(struct nl_sock *rtnl, const char *instance, const struct plan *all, uint32_t vpc,
			uint32_t ifindex, struct net_object_set *set)
{
	const struct vpc_record *v = planned_vpc(all, vpc);
	_cleanup_free_ struct outer_list *own = calloc(1, sizeof(*own));
	int r = own ? outer_find(rtnl, "", NULL, own) : -ENOMEM;

	if (r >= 0 && v)
		r = host_space_want(v, own, ifindex, set);
	for (size_t i = 0; r >= 0 && i < all->n_eips; i++)
		if (all->eips[i].has_after && is_routed(&all->eips[i].after) && all->eips[i].after.vpc == vpc)
			r = want_address(set, ifindex, v, vpc, all->eips[i].after.address);
	for (size_t i = 0; r >= 0 && i < all->n_publishes; i++)
		if (all->publishes[i].has_after && all->publishes[i].after.vpc == vpc)
			return want_address(set, ifindex, v, vpc, host_transit(instance, vpc));
	return r;
}

/* --- what is there ------------------------------------------------------------------------------------------------ */

struct reading {
	struct net_object_set *set;
	uint32_t ifindex;
};

static int on_object(const struct nlmsghdr *h, void *userdata)
{
	const struct reading *r = userdata;
	struct net_object o;

	if (!net_object_parse(h, &o) || o.key.ifindex != r->ifindex || (o.key.kind == NET_OBJECT_NEIGHBOUR && !o.right))
		return 0;
	return net_object_set_add(r->set, &o);
}

/* Asks for what is on one link alone: the host may have very many routes. */
static int read_link(struct nl_sock *rtnl, uint32_t ifindex, struct net_object_set *set)
{
	const struct rtmsg route = {.rtm_family = AF_INET}, route6 = {.rtm_family = AF_INET6};
	const struct ndmsg neighbour = {.ndm_family = AF_INET};
	struct reading reading = {.set = set, .ifindex = ifindex};
	_cleanup_(nlmsg_freep) struct nl_msg *routes = netlink_message(RTM_GETROUTE, NLM_F_DUMP, &route, sizeof(route));
	_cleanup_(nlmsg_freep) struct nl_msg *routes6 =
		netlink_message(RTM_GETROUTE, NLM_F_DUMP, &route6, sizeof(route6));
	_cleanup_(nlmsg_freep) struct nl_msg *neighbours =
		netlink_message(RTM_GETNEIGH, NLM_F_DUMP, &neighbour, sizeof(neighbour));
	int r;

	if (!routes || !routes6 || !neighbours || nla_put_u32(routes, RTA_OIF, ifindex) < 0 ||
	    nla_put_u32(routes6, RTA_OIF, ifindex) < 0 || nla_put_u32(neighbours, NDA_IFINDEX, ifindex) < 0)
		return -ENOMEM;
	r = netlink_ask(rtnl, routes, on_object, &reading);
	if (r >= 0)
		r = netlink_ask(rtnl, routes6, on_object, &reading);
	return r < 0 ? r : netlink_ask(rtnl, neighbours, on_object, &reading);
}

static bool same(const struct net_object *wanted, const struct net_object *found)
{
	if (!found || !found->right)
		return false;
	if (wanted->key.kind == NET_OBJECT_NEIGHBOUR)
		return memcmp(wanted->mac, found->mac, sizeof(found->mac)) == 0;
	return wanted->mtu == found->mtu && wanted->source.family == found->source.family &&
	       memcmp(wanted->source.bytes, found->source.bytes, sizeof(found->source.bytes)) == 0;
}

/* --- putting it right --------------------------------------------------------------------------------------------- */

static int put_wanted(struct nl_sock *rtnl, const struct net_object_set *wanted, const struct net_object_set *there)
{
	int result = 0;

	for (const struct net_object *o = wanted->head; o; o = o->hh.next) {
		const struct net_object *found = net_object_set_find(there, &o->key);
		int r = 0;

		if (found && !same(o, found) && o->key.kind == NET_OBJECT_ROUTE)
			r = net_object_delete(rtnl, found);
		if (r >= 0 && !same(o, found))
			r = net_object_put(rtnl, o);
		if (r < 0)
			result = r;
	}
	return result;
}

static int take_unwanted(struct nl_sock *rtnl, const struct net_object_set *wanted, const struct net_object_set *there)
{
	int result = 0;

	for (const struct net_object *o = there->head; o; o = o->hh.next) {
		int r = net_object_set_find(wanted, &o->key) ? 0 : net_object_delete(rtnl, o);

		if (r < 0)
			result = r;
	}
	return result;
}

static void tell_overlap(const struct net *n, const struct device *d)
{
	const struct vpc_record *v = host_space_find(n, d->vpc);
	struct cidr network;
	const struct cidr *c = v && n->host.told ? host_space_overlap(v, n->host.told, &network) : NULL;

	if (n->on_overlap)
		n->on_overlap(d->id, c, c ? &network : NULL, n->userdata);
}

/* take: what is unwanted goes, and no more. */
static int update(struct net *n, struct device *d, bool take)
{
	_cleanup_(net_object_set_clear) struct net_object_set wanted = {}, there = {};
	int r = want_noted(n, d, &wanted), e;

	if (r >= 0)
		r = read_link(n->host.rtnl, d->host_ifindex, &there);
	if (r >= 0 && take)
		r = take_unwanted(n->host.rtnl, &wanted, &there);
	if (r < 0 || take)
		return r;
	tell_overlap(n, d);
	r = put_wanted(n->host.rtnl, &wanted, &there);
	e = take_unwanted(n->host.rtnl, &wanted, &there);
	d->host_noted = r < 0 || e < 0;
	net_object_set_clear(&d->host_objects);
	d->host_objects = wanted;
	wanted = (struct net_object_set){};
	return r < 0 ? r : e;
}

/* An elastic IP may go from one VPC to another, and the host has one route to it: it is taken from the one before the
 * other puts its own. */
static int take_from_noted(struct net *n)
{
	unsigned noted = 0;
	int r = 0;

	for (struct device *d = n->host.ends; d; d = d->host_hh.next)
		noted += d->host_noted;
	for (struct device *d = n->host.ends; d && noted > 1 && r >= 0; d = d->host_hh.next)
		r = d->host_noted ? update(n, d, true) : 0;
	return r;
}

static int announce_news(struct net *n)
{
	int result = 0;

	for (size_t i = 0; i < n->host.n_outers; i++) {
		struct outer *o = &n->host.outers[i];

		for (const struct host_object *e = o->news ? n->host.eips : NULL; e; e = e->hh.next)
			if (outer_has_pool(&o->info, e->eip.pool) &&
			    announce_address(n, e->eip.address, e->eip.pool) < 0)
				result = -ENOMEM;
		o->news = false;
	}
	return result;
}

int host_objects_update(struct net *n, bool all)
{
	int result = announce_news(n), r = take_from_noted(n);

	if (r < 0)
		result = r;
	for (struct device *d = n->host.ends; d; d = d->host_hh.next) {
		r = all || d->host_noted ? update(n, d, false) : 0;

		if (r < 0)
			result = r;
	}
	return result;
}

bool host_objects_concern(const struct net *n, const struct nlmsghdr *h)
{
	bool gone = h->nlmsg_type == RTM_DELROUTE || h->nlmsg_type == RTM_DELNEIGH;
	const struct net_object *wanted;
	const struct device *d;
	struct net_object o;

	if (!net_object_parse(h, &o) || (o.key.kind != NET_OBJECT_ROUTE && o.key.kind != NET_OBJECT_NEIGHBOUR))
		return false;
	d = net_find_host_end(n, o.key.ifindex);
	if (!d)
		return false;
	wanted = net_object_set_find(&d->host_objects, &o.key);
	if (!wanted)
		return !gone && (o.key.kind == NET_OBJECT_ROUTE || o.right);
	return gone || !same(wanted, &o);
}

/* --- comparing ---------------------------------------------------------------------------------------------------- */

int host_objects_check(struct nl_sock *rtnl, const char *instance, const struct plan *all, uint32_t vpc,
		       uint32_t ifindex, int (*fn)(const struct net_object *o, const char *problem, void *userdata),
		       void *userdata)
{
	_cleanup_(net_object_set_clear) struct net_object_set wanted = {}, there = {};
	int r = want_planned(rtnl, instance, all, vpc, ifindex, &wanted);

	if (r >= 0)
		r = read_link(rtnl, ifindex, &there);
	for (const struct net_object *o = wanted.head; r == 0 && o; o = o->hh.next) {
		const struct net_object *found = net_object_set_find(&there, &o->key);

		if (!same(o, found))
			r = fn(o, found ? "differs" : "missing", userdata);
	}
	for (const struct net_object *o = there.head; r == 0 && o; o = o->hh.next)
		if (!net_object_set_find(&wanted, &o->key))
			r = fn(o, "unexpected", userdata);
	return r;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static struct nft_host_port port_of(const char *instance, const struct publish_record *p)
{
	return (struct nft_host_port){
		.protocol = p->protocol,
		.first = p->host_first,
		.last = p->host_last,
		.address = p->host_address,
		.to = host_transit(instance, p->vpc),
	};
}

/* The order says nothing, but the same ranges must give the same text. */
static int compare_ports(const void *a, const void *b)
{
	const struct nft_host_port *x = a, *y = b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->address != y->address)
		return ntohl(x->address) < ntohl(y->address) ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int build(const char *instance, bool forward, struct nft_host_port *ports, size_t n, char **ret)
{
	*ret = NULL;
	if (!n && !forward)
		return 0;
	qsort(ports, n, sizeof(*ports), compare_ports);
	*ret = nft_build_host(instance, forward, ports, n);
	return *ret ? 0 : -ENOMEM;
}

int host_table_text(const char *instance, bool forward, const struct plan *all, char **ret)
{
	_cleanup_free_ struct nft_host_port *ports = calloc(all->n_publishes + 1, sizeof(*ports));
	size_t n = 0;

	for (size_t i = 0; ports && i < all->n_publishes; i++)
		if (all->publishes[i].has_after)
			ports[n++] = port_of(instance, &all->publishes[i].after);
	return ports ? build(instance, forward, ports, n, ret) : -ENOMEM;
}

int host_table_noted(const struct net *n, char **ret)
{
	_cleanup_free_ struct nft_host_port *ports = calloc(HASH_COUNT(n->host.publications) + 1, sizeof(*ports));
	size_t i = 0;

	for (const struct host_object *p = n->host.publications; ports && p; p = p->hh.next)
		ports[i++] = port_of(n->instance, &p->publication);
	return ports ? build(n->instance, n->forward, ports, i, ret) : -ENOMEM;
}
