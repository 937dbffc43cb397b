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

#define NAIVE_NAME    16
#define NAIVE_VPCS    8
#define NAIVE_SUBNETS 24
#define NAIVE_GROUPS  64
#define NAIVE_RULES   1500
#define NAIVE_ENIS    32
#define NAIVE_ADDRS   8

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
int naive_eni_by_address(const struct naive_state *s, int vpc, const struct address *a);
bool prefix_contains(const struct prefix *p, uint8_t family, const struct address *a);
/* Whether an address is in the VPC's address space. */
bool naive_in_vpc(const struct naive_state *s, int vpc, uint8_t family, const struct address *a);
/* The gateway of a subnet: its first host address. */
struct address naive_gateway(const struct naive_subnet *sn);
bool address_is_gateway(const struct naive_state *s, int subnet, uint8_t family, const struct address *a);

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
/* Would the rules of now allow a packet with this tuple to open a flow? via as in struct naive_flow. */
bool naive_allows(const struct naive_state *s, int vpc, int via, const struct tuple *t);

#endif
