/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink objects: what hangs on a link of a VPC's namespace, each a line of its own: an address, a route, a permanent
 * neighbour, a static FDB entry. The same list says what a bridge or port needs, is what a change adds and takes away,
 * and what verify compares with the kernel, so the three cannot disagree.
 */
#ifndef DATAPATH_NET_OBJECT_H
#define DATAPATH_NET_OBJECT_H

#include <uthash.h>

#include "compiler/plan.h"

struct nl_sock;

enum net_object_kind {
	NET_OBJECT_ADDRESS,   /* ifindex has address/plen */
	NET_OBJECT_ROUTE,     /* address/plen is reached over ifindex */
	NET_OBJECT_NEIGHBOUR, /* address is at mac, over ifindex (a bridge); permanent */
	NET_OBJECT_FDB,	      /* mac is behind ifindex (a port); static */
};

struct net_object_key {
	uint8_t kind;
	uint8_t family; /* 4, 6, 0 */
	uint8_t plen;	/* bits of the family */
	uint8_t pad;
	uint32_t ifindex;
	uint8_t bytes[16]; /* address as struct ip has it, or a MAC and zeros */
};

struct net_object {
	struct net_object_key key;
	uint8_t mac[6]; /* of a neighbour */
	bool right; /* read from the kernel: permanent, static, … as an object of ours is; else something dynamic */
	bool no_route;	  /* an IPv6 address along with which the kernel makes no route */
	bool kernel_made; /* a route that the kernel makes along with an address */
	struct ip source; /* preferred source of a route; family 0: none */
	uint32_t mtu;	  /* of a route, bytes; 0: the link's */
	uint32_t owner;	  /* ifindex of the bridge or port it belongs to */
	bool seen;	  /* for comparing */
	UT_hash_handle hh;
};

/* A set by key; NULL is the empty one. */
struct net_object_set {
	struct net_object *head;
};
void net_object_set_clear(struct net_object_set *set);
/* Copies. One that is there already stays as it is. -ENOMEM. */
int net_object_set_add(struct net_object_set *set, const struct net_object *f);
struct net_object *net_object_set_find(const struct net_object_set *set, const struct net_object_key *key);

/* An address on the link ifindex, a route to a network by it, or a neighbour behind it (whose MAC the caller sets).
 * owner: the device that wants it, which for a neighbour is another. plen: bits of the family. */
struct net_object net_object_of(enum net_object_kind kind, uint32_t ifindex, uint32_t owner, const struct ip *ip,
				uint8_t plen);
/* The network that an address is in: what the kernel's own route for it names. */
struct ip net_object_network(const struct ip *ip, uint8_t plen);
/* fe80::/64 and the EUI-64 of the MAC. */
struct ip net_object_link_local(const uint8_t mac[6]);

/* The requests. Put replaces what differs and is content with what is there; delete is content with what is gone. */
int net_object_put(struct nl_sock *sk, const struct net_object *f);
int net_object_delete(struct nl_sock *sk, const struct net_object *f);
/* Adds every object of the kernel that may be one of ours. -EAGAIN as netlink_ask. */
int net_object_read(struct nl_sock *sk, struct net_object_set *set);
/* Reads one message of a dump or an event. False: nothing that could be an object of ours. */
struct nlmsghdr;
bool net_object_parse(const struct nlmsghdr *h, struct net_object *ret);

/* "address 10.0.1.1/24", "neighbour 10.0.1.5 at 02:…", for people. Returns buf. */
#define NET_OBJECT_TEXT_MAX 128
const char *net_object_format(const struct net_object *f, char buf[NET_OBJECT_TEXT_MAX]);
/* "address", "route", "neighbour", "fdb entry". */
const char *net_object_kind_name(enum net_object_kind kind);

#endif
