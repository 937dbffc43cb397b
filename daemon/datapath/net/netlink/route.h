/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes and routing rules: the requests that add and delete them. sk is a NETLINK_ROUTE socket in their namespace. The
 * functions return 0 or the kernel's -errno; -ENOMEM.
 */
#ifndef DATAPATH_NET_NETLINK_ROUTE_H
#define DATAPATH_NET_NETLINK_ROUTE_H

#include <stdint.h>

#include "compiler/plan.h"

struct nl_sock;
struct nl_addr;

struct route {
	struct ip destination; /* its family is the route's; without plen, the default route */
	uint8_t plen;	       /* bits of the family */
	struct ip gateway;     /* family 0: the destination is on the link */
	struct ip source;      /* preferred source; family 0: none */
	uint32_t ifindex;      /* 0: not said */
	uint32_t table;
	uint32_t metric;    /* 0: the kernel's choice */
	uint32_t expires_s; /* IPv6; 0: never */
	uint32_t mtu;	    /* bytes; 0: the link's */
	uint8_t protocol;   /* RTPROT_… */
	uint8_t scope;	    /* RT_SCOPE_… */
	uint8_t type;	    /* RTN_… */
};
/* flags: NLM_F_EXCL (-EEXIST where there is one) or NLM_F_REPLACE, or 0: one more beside those of another gateway. */
int route_add(struct nl_sock *sk, const struct route *route, int flags);
/* Deletes the first that matches; protocol and type 0 and scope RT_SCOPE_NOWHERE match any. -ESRCH: there is none. */
int route_delete(struct nl_sock *sk, const struct route *route);

/* What is sent from source is looked up in the table. */
struct route_rule {
	struct ip source;
	uint32_t table;
	uint32_t priority;
	uint8_t protocol; /* RTPROT_…: whose rule it is */
};
/* -EEXIST: there is one like it. */
int route_rule_add(struct nl_sock *sk, const struct route_rule *rule);
/* -ENOENT: there is none. */
int route_rule_delete(struct nl_sock *sk, const struct route_rule *rule);

/* An address for libnl's builders: of bits prefix length. The caller frees it with nl_addr_put. NULL: no memory. */
struct nl_addr *route_address(const struct ip *ip, uint8_t plen);

#endif
