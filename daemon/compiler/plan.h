/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a transaction means for the kernel, with everything resolved: the only thing datapath/ sees of the model. A plan
 * owns all it holds and refers to nothing outside it, so it may be handed to another thread.
 *
 * A plan is a list of records with a before and an after: only after: to be made; only before: to be taken away; both:
 * to be changed. compile_all() makes one in which everything is to be made: the whole state, for reconciling.
 */
#ifndef COMPILER_PLAN_H
#define COMPILER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>
#include <vpc/error.h>

#include "model/model.h"

/* --- judged by the programs ------------------------------------------------------------------------------------- */

/* One row of the rules: a rule is one row for each aligned port prefix of its range. Several rules of a group may
 * want the same row: it lives while one of them does. For ICMP a port is type << 8 | code, for slot OTHER the protocol.
 */
struct plan_row {
	bool add; /* else: remove */
	uint8_t direction;
	uint8_t slot;	   /* VPC_SLOT_… */
	uint8_t port_plen; /* 0..16 */
	uint8_t peer_kind; /* VPC_PEER_… */
	uint8_t peer_plen;
	uint16_t port; /* host byte order, bits beyond port_plen zero */
	uint32_t sg;   /* the group's number; of an entry of a prefix list: VPC_LIST_FIRST + the list's */
	/* network order; CIDR4: peer[0]; SG, PREFIX_LIST: peer[0] is the number (as in sg), host byte order */
	uint32_t peer[4];
	uint32_t rule; /* the rule's number; of an entry: PLAN_ENTRY | its own */
};
#define PLAN_ENTRY 0x80000000u

struct eni_record {
	uint32_t number;
	uint32_t incarnation;
	uint32_t vpc;
	uint32_t subnet;
	uint32_t flags; /* VPC_ENI_SOURCE_DEST_CHECK, VPC_ENI_DETACHED */
	uint32_t mtu;
	uint32_t groups[VPC_GROUPS_PER_ENI]; /* ascending */
	uint32_t n_groups;
	uint8_t mac[6];
	uint8_t gateway_mac[6];
	uint32_t gateway4; /* network order, as the three below */
	uint32_t subnet4;
	uint32_t mask4;
	uint32_t subnet6[4]; /* zero: no IPv6 */
	uint32_t tcp_idle_s;
	uint32_t udp_idle_s;
	uint32_t udp_stream_idle_s;
	uint32_t flow_budget;
	uint32_t ip4; /* primary addresses, which DHCP tells; network order */
	uint32_t ip6[4];
};

struct plan_eni {
	bool has_before, has_after;
	struct eni_record before, after;
};

struct plan_addr {
	bool add;
	uint32_t vpc; /* or ifindex of a bridge, and ip an ENI's MAC: as struct vpc_addr_key */
	uint32_t eni;
	struct ip ip;
};

/* --- the edge: as include/vpc/abi/edge.h has it; numbers are the objects' own ----------------------------------- */

/* Of one table and destination; before and after differ in the target. */
struct route_record {
	uint32_t table;
	struct cidr destination;
	uint32_t target; /* VPC_TARGET_… << VPC_TARGET_SHIFT | number */
};

/* Which route table a subnet has. */
struct association_record {
	uint32_t subnet;
	uint32_t table;
};

struct nat_record {
	uint32_t number;
	uint32_t vpc;
	uint32_t incarnation; /* never 0 */
	uint32_t eip;	      /* number of its elastic IP, or VPC_NAT_HOST_ADDRESS */
};

/* Elastic IP: what it is given to. Also one that nobody has is here: the host answers for its address. */
struct eip_record {
	uint32_t number;
	uint32_t address;	  /* IPv4, network order */
	uint32_t target;	  /* VPC_EIP_… << VPC_TARGET_SHIFT | number; 0: nobody's */
	uint32_t vpc;		  /* of an ENI's */
	uint32_t private_address; /* of an ENI's; IPv4, network order */
	uint32_t pool;		  /* place of its pool in the configuration, from 1; 0: it is in none any more */
};

/* A published range of ports. */
struct publish_record {
	uint32_t number;
	uint32_t vpc;
	uint32_t eni;
	uint32_t private_address; /* of the ENI; IPv4, network order */
	uint32_t host_address;	  /* IPv4, network order; 0: any address of the host */
	uint8_t protocol;
	uint16_t port;	     /* of the ENI, for the first of the range; host byte order */
	uint16_t host_first; /* host byte order */
	uint16_t host_last;
};

/* --- network ACLs ------------------------------------------------------------------------------------------------ */

/* A rule of an ACL's direction, as the programs look at it. */
struct acl_rule_record {
	uint8_t slot; /* VPC_SLOT_… */
	uint8_t family;
	uint8_t plen;
	bool allow;
	uint16_t port_first; /* host byte order; ICMP: type << 8 | code; slot OTHER: the protocol */
	uint16_t port_last;
	uint32_t addr[4]; /* network order; IPv4: addr[0] */
};

/* One direction of an ACL that doesn't allow everything. */
struct acl_record {
	uint32_t number;
	uint32_t vpc;
	uint32_t direction;
	struct acl_rule_record *rules; /* in the order of evaluation; owned */
	size_t n_rules;
};

/* Which ACL a subnet has. */
struct subnet_acl_record {
	uint32_t subnet;
	uint32_t acl;
};

struct plan_acl {
	bool has_before, has_after;
	struct acl_record before, after; /* before: without rules */
};
struct plan_subnet_acl {
	bool has_before, has_after;
	struct subnet_acl_record before, after;
};

struct plan_route {
	bool has_before, has_after;
	struct route_record before, after;
};
struct plan_association {
	bool has_before, has_after;
	struct association_record before, after;
};
struct plan_nat {
	bool has_before, has_after;
	struct nat_record before, after;
};
struct plan_eip {
	bool has_before, has_after;
	struct eip_record before, after;
};
struct plan_publish {
	bool has_before, has_after;
	struct publish_record before, after;
};

/* --- devices ---------------------------------------------------------------------------------------------------- */

struct vpc_record {
	uint32_t number;
	char id[OBJECT_ID_MAX];
	char netns[80]; /* name under /run/netns */
	uint32_t mtu;
	struct cidr cidrs[2 * VPC_CIDRS_MAX]; /* both families; of each at most VPC_CIDRS_MAX */
	uint32_t n_cidrs;
	struct cidr host_access[2 * VPC_HOST_CIDRS_MAX]; /* as cidrs: which of the host's addresses it may talk with */
	uint32_t n_host_access;
	bool routed_out;  /* it has a gateway, a published port or host access, and so an uplink */
	bool routed_out6; /* the world reaches its IPv6 addresses */
	bool peered;	  /* it has an active peering */
	struct vpc_address_config_options address_config;
};

/* Whether there is anywhere beyond it that packets go to or come from. */
static inline bool vpc_record_has_uplink(const struct vpc_record *v)
{
	return v->routed_out || v->peered;
}

struct subnet_record {
	uint32_t number;
	uint32_t vpc;
	char id[OBJECT_ID_MAX];
	char bridge[16];  /* device name */
	uint32_t ifindex; /* VPC_BRIDGE_FIRST + number */
	uint8_t mac[6];	  /* of the bridge: compile_gateway_mac() */
	uint32_t mtu;
	struct cidr gateway;  /* gateway address with the subnet's prefix length */
	struct cidr gateway6; /* fe80::1/64; the subnet's own prefix in cidr6 */
	struct cidr cidr6;    /* addr.family 0: no IPv6 */
};

/* An attached ENI. */
struct port_record {
	uint32_t eni; /* ifindex of the port */
	uint32_t vpc;
	uint32_t subnet;
	char eni_id[OBJECT_ID_MAX];
	char host_ifname[16];
	uint8_t mac[6];
	uint32_t mtu;
	struct ip *ips; /* primary IPv4 first, then IPv6, then secondary; owned */
	size_t n_ips;
	uint8_t plen4; /* of the subnet; IPv6 is always /64 */
	struct ip gateway4;
	bool has_ip6;		      /* default route by fe80::1 */
	struct attachment attachment; /* strings owned */
};

struct plan_vpc {
	bool has_before, has_after;
	struct vpc_record before, after;
};
struct plan_subnet {
	bool has_before, has_after;
	struct subnet_record before, after;
};
struct plan_port {
	bool has_before, has_after;
	struct port_record before, after;
};

struct plan {
	struct plan_row *rows;
	size_t n_rows;
	struct plan_eni *enis;
	size_t n_enis;
	struct plan_addr *addrs;
	size_t n_addrs;
	struct plan_vpc *vpcs;
	size_t n_vpcs;
	struct plan_subnet *subnets;
	size_t n_subnets;
	struct plan_port *ports;
	size_t n_ports;
	struct plan_route *routes;
	size_t n_routes;
	struct plan_association *associations;
	size_t n_associations;
	struct plan_nat *nats;
	size_t n_nats;
	struct plan_eip *eips;
	size_t n_eips;
	struct plan_publish *publishes;
	size_t n_publishes;
	struct plan_acl *acls;
	size_t n_acls;
	struct plan_subnet_acl *subnet_acls;
	size_t n_subnet_acls;
	/* what happens to flows that are no longer allowed */
	enum flows_mode flows;
	uint32_t drain_s;
};

/* Frees what the plan owns; the plan itself stays usable and empty. */
void plan_clear(struct plan *p);
/* Takes out the ports that the plan adds, and adds anew: they are somebody else\'s to make. Those that it removes stay.
 */
void plan_put_off_ports(struct plan *plan);

#endif
