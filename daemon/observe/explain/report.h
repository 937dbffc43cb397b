/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A trace as JSON, with the names of the model. */
#ifndef OBSERVE_EXPLAIN_REPORT_H
#define OBSERVE_EXPLAIN_REPORT_H

#include <jansson.h>

#include "model/model.h"
#include "observe/explain/walk.h"

#define EXPLAIN_TEXT 384

struct explain_text {
	char text[EXPLAIN_TEXT];
};

/* The steps as a list. NULL: out of memory. */
json_t *explain_steps_json(const struct model *m, const struct explain_trace *t);

/* --- words.c: parts of texts --- */

/* Writes a text, cut to its size. */
__attribute__((__format__(__printf__, 2, 3))) void explain_say(struct explain_text *ret, const char *format, ...);
/* The name of an object, or its id if it has none; "?" if there is none. Borrowed. */
const char *explain_name(const struct model *m, enum object_kind kind, uint32_t number);
struct explain_text explain_address(const __be32 *address);
/* "tcp 443", "icmp 8/0", "47". */
struct explain_text explain_protocol(const struct look_packet *p);
/* The same of a rule: "tcp 80-90", "all". */
struct explain_text explain_ports(int protocol, int32_t from, int32_t to);
/* "10.0.0.0/8", "group web", "prefix list office". */
struct explain_text explain_peer(const struct model *m, const struct rule *r);
/* What leads to a gateway or a target: "internet gateway world", "peering with prod". */
struct explain_text explain_target(const struct model *m, uint32_t vpc, uint32_t gateway);
/* The rule of an ACL at a place among those of its direction; NULL: there is none. */
const struct acl_rule *explain_acl_rule(const struct model *m, const struct explain_step *s);
struct ip explain_ip(const __be32 *address);

/* --- nearest.c --- */

/* Fields in which a rule may miss a packet, as bits. */
#define EXPLAIN_MISS_PROTOCOL 1u
#define EXPLAIN_MISS_PORT     2u
#define EXPLAIN_MISS_PEER     4u
/* The rule of the step's groups that comes nearest to the packet: it misses in the fewest fields. *ret_misses: which.
 * 0: it would allow the packet, so the kernel's maps lack it. NULL: the groups have no rule in the direction. */
const struct rule *explain_nearest(const struct model *m, const struct look *l, const struct explain_step *s,
				   unsigned *ret_misses);

/* --- other_vpc.c --- */

/* The command that leads what a route step has no route for into the VPC that it is meant for: by a peering. False: it
 * is meant for no other VPC. *ret is empty where no command does. */
bool explain_open_other_vpc(const struct model *m, const struct explain_step *s, struct explain_text *ret);
/* The step by which a packet for an ENI of another VPC goes elsewhere, though nothing refuses it: the private address
 * is somebody else's there. NULL: it doesn't. */
const struct explain_step *explain_elsewhere(const struct explain_trace *t);

/* --- commands.c --- */

/* The command that would let the packet through this step. False: none does. */
bool explain_command(const struct model *m, const struct look *l, const struct explain_step *s,
		     struct explain_text *ret);

#endif
