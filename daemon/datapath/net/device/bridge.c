/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A subnet's bridge. */
#include "datapath/net/private.h"

static int fail(struct vpc_error *reterr, const struct subnet_record *s, int r, const char *what, const char *text)
{
	vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "bridge %s of %s: cannot %s: %s", s->bridge, s->id,
		      what, text && text[0] ? text : strerror(-r));
	return r;
}

/* The kernel may have made it and its answer be lost. Fine if it isn't there. */
static void delete_half_made(struct net_vpc *v, const struct subnet_record *s)
{
	struct link_info info;

	if (link_get(v->ns.rtnl, s->ifindex, NULL, &info) >= 0 && link_is_half_made(&info))
		link_delete(v->ns.rtnl, s->ifindex);
}

/* 1: made; 0: it was there. Gives the MAC that it has. */
static int find_or_make(struct net_vpc *v, const struct subnet_record *s, const char *alias, uint8_t ret_mac[6],
			struct vpc_error *reterr)
{
	char text[NETLINK_TEXT_MAX];
	struct link_info info;
	int r = link_make_bridge(v->ns.rtnl, s, text);

	memcpy(ret_mac, s->mac, sizeof(s->mac));
	if (r >= 0)
		return 1;
	if (r != -EEXIST && r != -EBUSY) {
		delete_half_made(v, s);
		return fail(reterr, s, r, "be made", text);
	}
	text[0] = 0;
	r = link_get(v->ns.rtnl, s->ifindex, NULL, &info);
	/* by number, kind and name, in a namespace of ours: half made when a run of ours was killed, or somebody took
	 * the alias away */
	if (r >= 0 && strcmp(info.kind, "bridge") == 0 &&
	    (strcmp(info.alias, alias) == 0 || strcmp(info.name, s->bridge) == 0)) {
		memcpy(ret_mac, info.mac, sizeof(info.mac));
		return 0;
	}
	return fail(reterr, s, -EEXIST, "be made",
		    "its name or number is taken by a device that isn't vpcd's; remove or rename that one");
}

/* mac: NULL where it is right: setting it, even to the same, makes the kernel forget every neighbour. */
static int set_up(struct net_vpc *v, const struct subnet_record *s, const char *alias, const uint8_t *mac,
		  const struct net_device *d, struct vpc_error *reterr)
{
	/* The MTU is set after creation: only then the bridge keeps it whatever its ports have. And before the rest:
	 * with less than 1280 the device has no IPv6, and what is said of that would be refused. */
	const struct link_change mtu = {.mtu = s->mtu};
	const struct link_change change = {.alias = alias, .mac = mac, .no_link_local = true, .up = LINK_UP};
	const enum net_object_kind order[] = {NET_OBJECT_ADDRESS, NET_OBJECT_ROUTE};
	char text[NETLINK_TEXT_MAX];
	struct net_object *f, *next;
	int r = link_rename(v->ns.rtnl, s->ifindex, s->bridge, text);

	if (r >= 0)
		r = link_change(v->ns.rtnl, s->ifindex, &mtu, text);
	if (r >= 0)
		r = link_change(v->ns.rtnl, s->ifindex, &change, text);
	if (r < 0)
		return fail(reterr, s, r, "be configured", text);
	r = tc_bridge_ensure(v->ns.rtnl, s->ifindex, &v->net->programs);
	if (r < 0)
		return fail(reterr, s, r, "get its program", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		HASH_ITER (hh, d->objects.head, f, next) {
			char net_object_text[NET_OBJECT_TEXT_MAX], what[NET_OBJECT_TEXT_MAX + 16];

			if (f->key.kind != order[i])
				continue;
			r = net_object_put(v->ns.rtnl, f);
			snprintf(what, sizeof(what), "get %s", net_object_format(f, net_object_text));
			if (r < 0)
				return fail(reterr, s, r, what, NULL);
		}
	}
	return 0;
}

int bridge_ensure(struct net_vpc *v, const struct subnet_record *s, bool *ret_made, struct vpc_error *reterr)
{
	char alias[NETNS_ALIAS_MAX];
	struct net_device *d;
	uint8_t mac[6];
	bool made;
	int r;

	removal_settle(v->net, v->number, s->ifindex);
	if (net_register_bridge(v, s, &d) < 0) {
		net_unregister(v, s->ifindex);
		return vpc_error_oom(reterr);
	}
	r = find_or_make(v, s, netns_make_alias(v->net->instance, s->id, alias), mac, reterr);
	made = r > 0;
	if (r == 0) {
		r = link_set_bridge_options(v->ns.rtnl, s->ifindex);
		if (r < 0)
			fail(reterr, s, r, "be configured", NULL);
	}
	if (r >= 0)
		r = set_up(v, s, alias, memcmp(mac, s->mac, sizeof(mac)) ? s->mac : NULL, d, reterr);
	d->broken = r < 0;
	if (r < 0) {
		/* one that was there stays under watch: what is wrong with it may end by an event */
		if (made) {
			net_unregister(v, s->ifindex);
			link_delete(v->ns.rtnl, s->ifindex);
		}
		return r;
	}
	*ret_made = made;
	return 0;
}
