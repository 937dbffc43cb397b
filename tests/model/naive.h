/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference: security groups as tests/README.md describes them, by lists and linear scans, with nothing shared with
 * the compiler or the programs. It knows no epochs, rows, sets or maps: a flow is judged by the rules as they are,
 * each time a packet of it comes.
 *
 * State is plain memory without pointers, so a transaction is a copy. Objects are known by the script's names.
 */
#ifndef TESTS_MODEL_NAIVE_H
#define TESTS_MODEL_NAIVE_H

#include "packet.h"

#define NAIVE_NAME	16
#define NAIVE_VPCS	8
#define NAIVE_SUBNETS	24
#define NAIVE_GROUPS	64
#define NAIVE_RULES	1500
#define NAIVE_ENIS	32
#define NAIVE_ADDRS	8
#define NAIVE_ACLS	12
/* Of both directions together. */
#define NAIVE_ACL_RULES 32

struct prefix {
	uint8_t family; /* 0: none */
	struct address addr;
	unsigned plen; /* of the family: 0..32, 0..128 */
};

struct naive_vpc {
	char name[NAIVE_NAME]; /* "": free */
	struct prefix cidr, cidr6;
};

struct naive_subnet {
	char name[NAIVE_NAME];
	int vpc;
	struct prefix cidr, cidr6;
	int acl;	 /* or -1: the VPC's default one, which allows everything */
	uint32_t number; /* the real model's, for the frames; nothing is judged by it */
};

struct naive_group {
	char name[NAIVE_NAME];
	int vpc;
};

struct naive_rule {
	bool used;
	bool egress;
	int group;
	int protocol; /* -1: all */
	int from, to; /* ports; ICMP: type, code, -1 any */
	struct prefix cidr;
	int peer_group; /* or -1 */
};

struct naive_acl_rule {
	unsigned number; /* 0: free */
	bool allow;
	struct naive_rule rule; /* without groups */
};

struct naive_acl {
	char name[NAIVE_NAME];
	int vpc;
	struct naive_acl_rule rules[NAIVE_ACL_RULES];
};

struct naive_eni {
	char name[NAIVE_NAME];
	int vpc, subnet;
	uint32_t number; /* the real model's; nothing is judged by it */
	unsigned life;	 /* differs each time an ENI is made */
	uint8_t mac[6];
	struct address addrs[NAIVE_ADDRS];
	unsigned n_addrs;
	int groups[16];
	unsigned n_groups;
	bool check; /* source_dest_check */
};

struct naive_state {
	struct naive_vpc vpcs[NAIVE_VPCS];
	struct naive_subnet subnets[NAIVE_SUBNETS];
	struct naive_group groups[NAIVE_GROUPS];
	struct naive_rule rules[NAIVE_RULES];
	struct naive_acl acls[NAIVE_ACLS];
	struct naive_eni enis[NAIVE_ENIS];
	unsigned lives; /* given out */
};

/* What a change does to flows that no rule allows any more (8). */
enum naive_flows {
	NAIVE_CUT,
	NAIVE_KEEP,
	NAIVE_DRAIN,
};

/* A flow, by who opened it: `open` is the opening packet's tuple. It is between these two ENIs only: an address that
 * somebody else has by now takes no part in it. */
struct naive_flow {
	int vpc;
	int via; /* -1, or the appliance's ENI * 2 + (1: what it receives) */
	struct tuple open;
	unsigned life[2]; /* of the opener's and the responder's ENI; 0: it is none of the VPC's */
	/* TCP: the responder's SYN was seen; a RST was the last that was seen; who sent FIN */
	bool answered, reset, fin[2];
	bool cut; /* the last packet of it found it not allowed */
	/* Whether the opener's, the responder's side is spared though no rule allows it any more (8), and how. */
	enum naive_flows grace[2];
};

struct naive {
	struct naive_state now;
	struct naive_flow *flows; /* owned list */
	size_t n_flows, room;
};

/* Why the naive model lets a packet pass or not; for messages. */
struct naive_verdict {
	bool pass;
	const char *why;
};
#define PASS(text) ((struct naive_verdict){.pass = true, .why = (text)})
#define DROP(text) ((struct naive_verdict){.pass = false, .why = (text)})

void naive_clear(struct naive *n);

/* --- state; each returns an index, or -1: no such name, or no room --- */

int naive_find_vpc(const struct naive_state *s, const char *name);
int naive_find_subnet(const struct naive_state *s, const char *name);
/* "default" means that of the VPC given. */
int naive_find_group(const struct naive_state *s, int vpc, const char *name);
int naive_find_eni(const struct naive_state *s, const char *name);
int naive_find_acl(const struct naive_state *s, const char *name);
int naive_eni_by_address(const struct naive_state *s, int vpc, const struct address *a);
bool prefix_contains(const struct prefix *p, uint8_t family, const struct address *a);
/* Whether an address is in the VPC's address space. */
bool naive_in_vpc(const struct naive_state *s, int vpc, uint8_t family, const struct address *a);
/* The gateway of a subnet: its first host address. */
struct address naive_gateway(const struct naive_subnet *sn);
bool address_is_gateway(const struct naive_state *s, int subnet, uint8_t family, const struct address *a);

/* Parts of lines: "all", "tcp", "47"; "10.0.0.0/8" or "-", which is none. */
int naive_protocol(const char *s);
int naive_prefix(const char *s, struct prefix *ret);
/* naive_apply() of network ACLs. */
int naive_apply_acl(struct naive_state *s, char *const *words, unsigned n);

/* Applies one line of the script that the real model accepted. 0 or -1: the line is beyond this model. */
int naive_apply(struct naive_state *s, char *const *words, unsigned n);

/* The state becomes `next`, which differs by one transaction. flows: what that asks for. */
void naive_commit(struct naive *n, const struct naive_state *next, enum naive_flows flows);
/* The time of every drain is over. */
void naive_end_drains(struct naive *n);

/* --- packets --- */

/* A packet that the workload of eni sent, at its port. */
struct naive_verdict naive_out(struct naive *n, int eni, const struct packet *p);
/* A packet about to be delivered to eni. judged: naive_out() has just let it pass. from: the ENI at whose port it
 * entered, or one of these. */
#define FROM_OUTSIDE (-1) /* by the router, from beyond the VPC */
#define FROM_GATEWAY (-2) /* the subnet's router made it */
struct naive_verdict naive_in(struct naive *n, int eni, int from, bool judged, const struct packet *p);
/* Rules and flows alone, between addresses that are what they claim. */
struct naive_verdict naive_judge(struct naive *n, int vpc, int via, const struct packet *p);
struct naive_verdict naive_judge_error(struct naive *n, int vpc, int via, const struct packet *p);
/* Whether the network ACLs let a packet through that an ENI sends, or gets; -1: who is outside of the VPC. They ask
 * about each packet, and nothing inside of a subnet. */
bool naive_acls_allow(const struct naive_state *s, int from, int to, const struct tuple *t);
/* Whether the rule names the tuple's protocol, with its ports or its type and code. */
bool naive_protocol_matches(const struct naive_rule *r, const struct tuple *t);
/* Would the rules of now allow a packet with this tuple to open a flow? via as in struct naive_flow. */
bool naive_allows(const struct naive_state *s, int vpc, int via, const struct tuple *t);

#endif
