/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network ACLs of the laboratory (bpf_util.h), and the naive model that says what they mean: lists of rules and linear
 * scans. What is changed counts from the next lab_commit() on. One lab a process.
 */
#ifndef TESTS_ACL_UTIL_H
#define TESTS_ACL_UTIL_H

#include "bpf_util.h"

#define ACL_UTIL_ACLS	 4 /* numbers 1 to 3; 0: none */
#define ACL_UTIL_SUBNETS 8

/* As written: protocol -1: all; first, last: ports, of ICMP type and code, -1: any. */
struct acl_line {
	unsigned number;
	bool allow;
	int protocol;
	int first, last;
	char cidr[48];
};

/* What a packet is to an ACL. */
struct acl_packet {
	const char *src, *dst;
	uint8_t proto;
	uint16_t dport;
	uint8_t icmp_type, icmp_code;
};

/* Begins without ACLs. */
void acls_begin(struct lab *l);
/* Adds the line, or replaces the one of that number. */
void acl_put(uint32_t acl, unsigned direction, const struct acl_line *line);
/* False: there is no such rule. */
bool acl_remove(uint32_t acl, unsigned direction, unsigned number);
/* One rule as a text: "100 allow tcp 80-90 10.0.0.0/8", "50 deny icmp 8/-1 10.0.0.10/32", "7 allow all ::/0". */
void acl_rule(uint32_t acl, unsigned direction, const char *text);
/* The direction has no table: everything is allowed, whatever its rules say; or is compiled again. */
void acl_open(uint32_t acl, unsigned direction, bool open);
/* acl 0: none. */
void acl_of_subnet(uint32_t subnet, uint32_t acl);
/* Writes what was changed into the maps, for the next commit; once before each. */
void acls_write(void);
/* lab_commit(), and the naive model goes over to what was written. */
void acls_commit(void);

/* The naive model: does the ACL of the subnet, as it was committed, let the packet in or out? */
bool acl_allows(uint32_t subnet, unsigned direction, const struct acl_packet *p);

/* --- a laboratory with three subnets, in which the groups allow everything (acl_lab_util.c) ------------------------
 */

/* ENI_A and ENI_B in subnet 1, ENI_C and ENI_E in subnet 2, ENI_F in subnet 3. */
#define ENI_E LAB_ENI(4)
#define ENI_F LAB_ENI(5)
enum { A, B, C, E, F, WORLD, WORLD2, HOSTS };

struct acl_host {
	uint32_t eni; /* 0: outside of the VPC */
	uint32_t subnet;
	const char *addr[2]; /* IPv4, IPv6 */
};
extern const struct acl_host acl_hosts[HOSTS];

struct lab *acl_lab_open(void);
/* ACL 1 allows everything by rules, in both directions, and subnet 2 has it. */
void acl_usual(void);
/* acl_rule and acl_remove, which count at once. */
void acl_change(uint32_t acl, unsigned direction, const char *rule);
void acl_change_delete(uint32_t acl, unsigned direction, unsigned number);

/* A packet from one host (A …) to another; TCP: PSH and ACK. The packet that answers it. */
struct packet_spec acl_packet_spec(unsigned from, unsigned to, int family, uint8_t proto, uint16_t sport,
				   uint16_t dport);
struct packet_spec acl_back(struct packet_spec p);
/* Between hosts of which one at least is an ENI; inside a subnet by the receiver's MAC. */
struct verdict acl_carry(unsigned from, unsigned to, struct packet_spec p);
/* Carries the packet, and expects this reason; 0: it passes. */
void acl_expect(const char *what, unsigned from, unsigned to, struct packet_spec p, int reason);
/* Carries the packet, and asserts what the naive model says. Returns whether it passed. */
bool acl_agree(const char *what, unsigned from, unsigned to, struct packet_spec p);
/* A connection that is established by its own packets. */
void acl_connect(unsigned from, unsigned to, int family, uint16_t sport, uint16_t dport);

#endif
