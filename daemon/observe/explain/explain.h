/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpcctl explain: what becomes of the first packet of a flow, and why, as JSON. The verdict comes from the kernel's
 * maps (walk.h), names and the rules that come near from the model.
 */
#ifndef OBSERVE_EXPLAIN_H
#define OBSERVE_EXPLAIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <vpc/error.h>

struct maps;
struct model;

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

/* Answers a question. maps and model are of one thread; now_ns: CLOCK_MONOTONIC. *ret: the API's Explanation, owned by
 * the caller. InvalidParameterValue, MissingParameter, the kinds' NotFound, AmbiguousName; -ENOMEM. */
int explain_answer(const struct maps *maps, const struct model *model, uint64_t now_ns,
		   const struct explain_question *q, json_t **ret, struct vpc_error *reterr);

struct model_txn;
/* What a transaction, whose changes are applied and not committed, would newly allow and newly deny between which ENIs
 * and ports (compare.h). NULL: out of memory. */
json_t *explain_change(struct model *m, struct model_txn *t);

#endif
