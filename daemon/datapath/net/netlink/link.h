/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links: reading them, and the requests that make and change them. sk is a NETLINK_ROUTE socket in the namespace of the
 * link. Functions that change something return 0 or the kernel's -errno.
 */
#ifndef DATAPATH_NET_LINK_H
#define DATAPATH_NET_LINK_H

#include <net/if.h>
#include <stdbool.h>

#include "compiler/plan.h"
#include "datapath/net/netlink/request.h"

/* An option of a bridge or of a bridge port that we rely on. */
struct link_option {
	uint16_t attr;
	uint8_t size; /* bytes */
	uint32_t want;
	const char *name;
	bool optional; /* kernels may lack it, which is as good as 0 */
};
#define LINK_OPTIONS_MAX 12
/* Ended by a NULL name. */
extern const struct link_option link_bridge_options[];
extern const struct link_option link_port_options[];

/* A sysctl of one device that we rely on: net/ipv4/conf/<device>/<name>, or ipv6. A bridge routes by its own. */
struct link_sysctl {
	uint8_t family; /* 4 or 6 */
	uint8_t index;	/* in the array that rtnetlink gives */
	uint32_t want;
	const char *name;
};
#define LINK_SYSCTLS_MAX 12
/* Of a bridge. Ended by a NULL name. */
extern const struct link_sysctl link_bridge_sysctls[];

struct link_info {
	uint32_t ifindex;
	uint32_t master;    /* 0: none */
	uint32_t other_end; /* of a veth: ifindex of its other end, in that end's namespace */
	uint32_t mtu;
	uint32_t max_mtu; /* 0: not told */
	unsigned flags;	  /* IFF_… */
	uint16_t type;	  /* ARPHRD_… */
	char name[IFNAMSIZ];
	char alias[256];
	char kind[16];
	char master_kind[16];
	uint8_t mac[6];
	bool carrier;	     /* of a tap: somebody has it open */
	bool running;	     /* operationally up: it sends */
	bool tap;	     /* a tun device of mode tap */
	bool multi_queue;    /* of a tap */
	bool peer_elsewhere; /* its other end is in another namespace */
	uint8_t addr_gen_mode;
	uint32_t bridge_options[LINK_OPTIONS_MAX]; /* values, by position in link_bridge_options */
	uint32_t port_options[LINK_OPTIONS_MAX];
	uint32_t carrier_changes;	    /* times that its carrier went or came */
	uint32_t sysctls[LINK_SYSCTLS_MAX]; /* values, by position in link_bridge_sysctls */
	bool has_ip6;			    /* the kernel runs IPv6 on it: not so with an MTU below 1280 */
};

/* Whether every option has the value that we rely on. */
bool link_options_right(const struct link_info *info);
/* By ifindex, or by name where ifindex is 0. -ENODEV. */
int link_get(struct nl_sock *sk, uint32_t ifindex, const char *name, struct link_info *ret);
/* Calls fn for each link. -EAGAIN as netlink_ask. */
int link_each(struct nl_sock *sk, int (*fn)(const struct link_info *info, void *userdata), void *userdata);

/* Makes the bridge of a subnet in sk's namespace. Returns 0 or the kernel's -errno; ret_text as netlink_change(). So do
 * the next ones that have ret_text. */
int link_make_bridge(struct nl_sock *sk, const struct subnet_record *s, char ret_text[NETLINK_TEXT_MAX]);
/* The host end in sk's namespace with ifindex p->eni, the workload end in workload_ns, both down. */
int link_make_veth(struct nl_sock *sk, const struct port_record *p, int workload_ns, char ret_text[NETLINK_TEXT_MAX]);
/* A veth pair, both ends down: one in sk's namespace, the other in peer_ns. */
struct link_pair {
	const char *name, *peer_name;
	uint32_t ifindex, peer_ifindex; /* of the end in sk's namespace, and of the other; 0: the kernel's choice */
	uint32_t mtu;			/* of both */
	const uint8_t *mac, *peer_mac;	/* NULL: random */
	int peer_ns;
};
int link_make_pair(struct nl_sock *sk, const struct link_pair *pair, char ret_text[NETLINK_TEXT_MAX]);
/* Deletes the link. Returns 0 or the kernel's -errno; -ENOMEM. */
int link_delete(struct nl_sock *sk, uint32_t ifindex);

struct link_change {
	const char *name;  /* NULL: leave */
	const char *alias; /* NULL: leave */
	const uint8_t *mac;
	uint32_t mtu;	    /* 0: leave */
	uint32_t master;    /* 0: leave */
	bool no_master;	    /* it leaves the one that it has */
	unsigned up;	    /* LINK_… */
	bool no_link_local; /* addr_gen_mode none: the kernel makes no IPv6 address of its own */
	bool no_arp;	    /* nobody on it is asked for a MAC */
};
#define LINK_UP	  1u
#define LINK_DOWN 2u
/* Changes the link in one request, or in two, where it is raised and may make no IPv6 address. Returns 0 or the
 * kernel's -errno; ret_text as netlink_change(). */
int link_change(struct nl_sock *sk, uint32_t ifindex, const struct link_change *change,
		char ret_text[NETLINK_TEXT_MAX]);
/* Gives a link its name, where it has another. A kernel before 6.2 renames no link that is up: it is lowered then. */
int link_rename(struct nl_sock *sk, uint32_t ifindex, const char *name, char ret_text[NETLINK_TEXT_MAX]);
/* Sets link_bridge_options on a bridge; link_port_options on a port of one. */
int link_set_bridge_options(struct nl_sock *sk, uint32_t ifindex);
int link_set_port_options(struct nl_sock *sk, uint32_t ifindex);

#endif
