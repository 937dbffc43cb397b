/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The objects of the model. Objects are immutable: a change makes a new version beside the old one. So a refused change
 * is undone at no cost, and the compiler sees both versions. An object refers to another one by its number.
 */
#ifndef MODEL_OBJECT_H
#define MODEL_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include <vpc/kinds.h>

#include "model/address.h"
#include "model/change.h"

struct post;

#define OBJECT_ID_MAX 32

/* First member of every resource. */
struct object {
	enum object_kind kind;
	char id[OBJECT_ID_MAX]; /* prefix and 17 hex digits */
	char *name;		/* never NULL; "" for parts */
	uint32_t number;	/* of its kind: 1…; ENI: its ifindex, from VPC_ENI_FIRST; rule: never given twice */
	uint64_t revision;	/* of the commit that last changed it */
	uint64_t order;		/* position in lists: creation order */
	struct tag *tags;
	size_t n_tags;
	UT_hash_handle hh_id;
	UT_hash_handle hh_number;
	UT_hash_handle hh_name; /* key: name_key, owned */
	char *name_key;
	struct object *prev, *next; /* of its kind, in creation order */
	struct post *posts;	    /* private to index.c, owned: where the secondary indexes have this version */
	size_t n_posts;
	size_t delta; /* private to txn.c: 1 + place among the transaction's deltas; 0: not made by it */
};

#define DHCP_DNS_MAX	8 /* four of a family, as AWS */
#define DHCP_DNS_FAMILY 4
#define DHCP_DOMAIN_MAX 253

/* What workloads are told by DHCP, DHCPv6 and router advertisements beside their addresses. */
struct dhcp_options {
	struct ip dns[DHCP_DNS_MAX];
	size_t n_dns;
	char domain[DHCP_DOMAIN_MAX + 1]; /* "": none */
};

/* Of both families: of each one less than the limit cidrs_per_vpc, whose default is its largest value. */
#define VPC_SECONDARY_MAX   8
/* Of each family: the default of the limit host_access_per_vpc, which is its largest value. */
#define VPC_HOST_ACCESS_MAX 8

struct vpc {
	struct object o;
	struct cidr cidr;
	struct cidr cidr6; /* addr.family 0: none */
	struct cidr secondary[VPC_SECONDARY_MAX];
	size_t n_secondary;
	struct cidr host_access[2 * VPC_HOST_ACCESS_MAX]; /* which of the host's own addresses it may talk with */
	size_t n_host_access;
	bool count_flows; /* packets and bytes of each flow are counted, as where there is a flow log */
	uint32_t mtu;
	uint32_t default_sg; /* number of its group "default" */
	struct dhcp_options dhcp;
	uint32_t main_route_table; /* number; 0: none yet, in a store of an earlier version */
	bool routed_out;	   /* it has a gateway, a published port or host access */
	bool routed_out6;	   /* it has IPv6, and a route for IPv6 leads to the world */
	uint32_t default_acl;	   /* number; 0: none yet, in a store of an earlier version */
	bool peered;		   /* it has an active peering */
};

struct subnet {
	struct object o;
	uint32_t vpc;
	struct cidr cidr;
	struct cidr cidr6;    /* /64; addr.family 0: none */
	uint32_t route_table; /* number; 0: the VPC's main one */
	uint32_t acl;	      /* number; 0: the VPC's default one */
};

struct sg {
	struct object o;
	uint32_t vpc;
	char *description;
};

enum peer_kind {
	PEER_CIDR,
	PEER_SG,
	PEER_PREFIX_LIST,
};

/* Every gateway's MAC starts with these two bytes (compile_gateway_mac). No ENI's does. */
#define GATEWAY_MAC_0 0x0a
#define GATEWAY_MAC_1 0x56

#define PROTOCOL_ALL (-1)

/* Ports and protocol are normal: `all` and protocols without ports have from = to = -1 (shown as null); icmp any type
 * is -1/-1. */
struct rule {
	struct object o;
	uint32_t sg;
	uint8_t direction; /* VPC_INGRESS, VPC_EGRESS */
	int16_t protocol;  /* PROTOCOL_ALL or 0..255 */
	int32_t from_port; /* icmp, icmpv6: type, -1 any */
	int32_t to_port;   /* icmp, icmpv6: code, -1 any */
	enum peer_kind peer;
	struct cidr cidr;
	uint32_t peer_sg;
	uint32_t peer_list; /* number of a prefix list */
	char *description;
	uint64_t expires_s; /* CLOCK_REALTIME, seconds: when vpcd revokes it; 0: never */
};

/* See struct attachment_spec. host_ifname is the port's name in the VPC's namespace. */
struct attachment {
	enum attachment_kind kind;
	char ifname[16];
	char host_ifname[16];
	char *path;
	pid_t pid;
	uint64_t pid_start;
	uint64_t ns_dev;
	uint64_t ns_ino;
	uint64_t ns_cookie; /* of that boot; 0: not known */
	char boot_id[37];
	bool has_default_route, default_route; /* as asked for */
	char *owner;
	uid_t owner_uid; /* tap */
	uint32_t queues; /* tap: 1 to ATTACHMENT_QUEUES_MAX; else 0 */
};
/* A multi-queue tap has as many descriptors as its VMM has virtual CPUs at most. */
#define ATTACHMENT_QUEUES_MAX 64

struct eni {
	struct object o;
	uint32_t vpc;
	uint32_t subnet;
	uint32_t incarnation; /* never 0 */
	uint8_t mac[6];
	struct ip ip;
	struct ip ip6; /* family 0: none */
	struct ip *secondary;
	size_t n_secondary;
	uint32_t groups[16]; /* SG numbers, ascending */
	size_t n_groups;
	bool source_dest_check;
	bool delete_on_termination; /* deleted, not only detached, when its namespace is gone */
	uint32_t tcp_idle_s;
	uint32_t udp_idle_s;
	uint32_t udp_stream_idle_s;
	struct attachment attachment;
	char *detach_reason; /* why a former attachment is none, or NULL */
};

enum route_kind {
	ROUTE_IGW,
	ROUTE_EIGW,
	ROUTE_NAT,
	ROUTE_ENI,
	ROUTE_PEERING,
	ROUTE_BLACKHOLE,
	ROUTE_KINDS,
};

/* The target stays noted after it was deleted or detached: the route then is a blackhole. */
struct table_route {
	struct cidr destination; /* to a prefix list: its family alone */
	uint32_t list;		 /* number of the prefix list that is the destination; 0: none */
	uint32_t order;		 /* of a route to a prefix list: which of the table's was added first */
	enum route_kind kind;
	char target[OBJECT_ID_MAX]; /* id; ROUTE_BLACKHOLE: "" */
	uint32_t number;	    /* of the target; of a peering that of the other VPC; 0: none, or deleted */
	bool active; /* the target is there; an internet gateway is attached to this VPC, a peering is active */
};

/* The VPC's own address space stands in no table. */
struct vpc_route_table {
	struct object o;
	uint32_t vpc;
	bool main;
	struct table_route *routes; /* to CIDRs, by destination: family, address, prefix length */
	size_t n_routes;
	struct table_route *lists; /* to prefix lists, in the order in which they were added */
	size_t n_lists;
};

struct prefix_list {
	struct object o;
	uint8_t family; /* 4, 6 */
	uint32_t max_entries;
	uint32_t version;   /* from 1 */
	uint32_t oldest;    /* version that is kept */
	uint32_t n_entries; /* of the newest version */
};

/* An entry of a prefix list's versions since … until - 1. */
struct prefix_entry {
	struct object o;
	uint32_t list;
	struct cidr cidr;
	char *description;
	uint32_t since;
	uint32_t until; /* 0: it is in the newest */
};

#define ACL_RULE_NUMBER_MAX 32766

/* Protocol and ports as of struct rule. */
struct acl_rule {
	uint8_t direction; /* VPC_INGRESS, VPC_EGRESS */
	bool allow;
	uint16_t number;
	int16_t protocol;
	int32_t from_port;
	int32_t to_port;
	struct cidr cidr;
};

/* A direction ends in a deny of everything, which stands in no list. */
struct acl {
	struct object o;
	uint32_t vpc;
	bool is_default;
	struct acl_rule *rules; /* by direction, then number */
	size_t n_rules;
};

struct igw {
	struct object o;
	uint32_t vpc; /* 0: not attached */
};

struct eigw {
	struct object o;
	uint32_t vpc;
	bool with_vpc; /* made with its VPC, and deleted with it */
};

struct nat {
	struct object o;
	uint32_t vpc;
	uint32_t subnet;      /* 0: it belongs to the VPC alone */
	uint32_t eip;	      /* number of its elastic IP; 0: it uses the host's address. Follows from the elastic IP */
	uint32_t incarnation; /* never 0 */
	bool with_vpc;	      /* made with its VPC, and deleted with it */
};

/* An elastic IP is associated with a network interface, or with a NAT gateway, or with nothing. */
struct eip {
	struct object o;
	char *pool;
	struct ip address; /* IPv4 */
	uint32_t vpc;	   /* of the ENI */
	uint32_t eni;
	struct ip private_ip; /* of the ENI; IPv4 */
	uint32_t nat;
};

struct publication {
	struct object o;
	uint32_t vpc;
	uint32_t eni;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t from_port, to_port;
	uint16_t host_from_port, host_to_port;
	struct ip host_address; /* IPv4; family 0: any */
};

enum flow_log_traffic {
	FLOW_LOG_ALL,
	FLOW_LOG_ACCEPT,
	FLOW_LOG_REJECT,
};

struct flow_log {
	struct object o;
	uint32_t vpc;
	uint32_t subnet; /* it logs this subnet alone; 0: all of the VPC */
	uint32_t eni;	 /* it logs this ENI alone */
	enum flow_log_traffic traffic;
	uint32_t interval_s;
	char *format; /* flow_log_format_parse() takes it */
};

enum peering_status {
	PEERING_PENDING,
	PEERING_ACTIVE,
	PEERING_REJECTED,
};

struct peering {
	struct object o;
	uint32_t vpc;	   /* that asked for it */
	uint32_t peer_vpc; /* that accepts or rejects it */
	enum peering_status status;
};

/* An object as what its kind says it is. The caller has checked the kind. */
static inline const struct vpc *vpc_of(const struct object *o)
{
	return (const struct vpc *)o;
}
static inline const struct subnet *subnet_of(const struct object *o)
{
	return (const struct subnet *)o;
}
static inline const struct sg *sg_of(const struct object *o)
{
	return (const struct sg *)o;
}
static inline const struct rule *rule_of(const struct object *o)
{
	return (const struct rule *)o;
}
static inline const struct prefix_list *prefix_list_of(const struct object *o)
{
	return (const struct prefix_list *)o;
}
static inline const struct prefix_entry *prefix_entry_of(const struct object *o)
{
	return (const struct prefix_entry *)o;
}
static inline const struct eni *eni_of(const struct object *o)
{
	return (const struct eni *)o;
}

static inline const struct vpc_route_table *route_table_of(const struct object *o)
{
	return (const struct vpc_route_table *)o;
}
static inline const struct acl *acl_of(const struct object *o)
{
	return (const struct acl *)o;
}
static inline const struct igw *igw_of(const struct object *o)
{
	return (const struct igw *)o;
}
static inline const struct eigw *eigw_of(const struct object *o)
{
	return (const struct eigw *)o;
}
static inline const struct nat *nat_of(const struct object *o)
{
	return (const struct nat *)o;
}
static inline const struct eip *eip_of(const struct object *o)
{
	return (const struct eip *)o;
}
static inline const struct flow_log *flow_log_of(const struct object *o)
{
	return (const struct flow_log *)o;
}
static inline const struct publication *publish_of(const struct object *o)
{
	return (const struct publication *)o;
}

static inline const struct peering *peering_of(const struct object *o)
{
	return (const struct peering *)o;
}

/* All routes of a table, for i = 0, 1, …: those to CIDRs, then those to prefix lists. NULL: no more. */
static inline const struct table_route *table_route_nth(const struct vpc_route_table *rt, size_t i)
{
	if (i < rt->n_routes)
		return &rt->routes[i];
	return i - rt->n_routes < rt->n_lists ? &rt->lists[i - rt->n_routes] : NULL;
}

/* All CIDRs of a VPC, for i = 0, 1, …: its IPv4 CIDR, its IPv6 CIDR if it has one, the secondary ones. NULL: no more.
 */
const struct cidr *vpc_cidr(const struct vpc *v, size_t i);

/* Frees one version of an object; NULL is fine. */
void object_free(struct object *o);

#endif
