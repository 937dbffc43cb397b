/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of a packet: the body of POST /v1/explain. */
#ifndef OBSERVE_EXPLAIN_QUESTION_H
#define OBSERVE_EXPLAIN_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

/* Strings are owned; explain_question_clear() frees them. */
struct explain_question {
	char *from, *to;     /* an ENI's id or name, or an address */
	char *vpc;	     /* where names and private addresses are looked up, or NULL */
	char *protocol;	     /* tcp, udp, icmp, icmpv6 or a number */
	int32_t port;	     /* of tcp and udp the destination port; of icmp the type */
	int32_t code;	     /* of icmp */
	int32_t source_port; /* of tcp and udp */
	bool has_port, has_code, has_source_port;
};
void explain_question_clear(struct explain_question *q);

#endif
