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

#endif
