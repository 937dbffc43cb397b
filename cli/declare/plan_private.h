/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What plan.c, node.c and order.c share. */
#ifndef CLI_DECLARE_PLAN_PRIVATE_H
#define CLI_DECLARE_PLAN_PRIVATE_H

#include "cli/declare/plan.h"

/* A change on its way into the transaction. */
struct pending {
	enum phase phase;
	const struct node *node;
	bool creates; /* the node */
	size_t place; /* in the order in which they were added */
	json_t *change;
};

/* References that order.c puts in: "\001<node>" of one that the transaction creates, "\002<node>" of one that is born
 * with a VPC that it creates. */
#define MARK_CREATED '\001'
#define MARK_BORN    '\002'

/* What to do about a name that nobody has, and that is like nobody's. */
#define PLAN_ADD_IT "add it to the document, or create it first"

/* --- node.c: which objects there are --- */
/* The nodes of all that there is and all that the document names. */
int nodes_make(struct plan *p, const json_t *document);
/* Whether prune may delete the node. scope: the document's; NULL: the VPCs that it lists. */
bool nodes_in_scope(const struct node *n, const json_t *scope, const json_t *vpcs);

/* --- order.c --- */
/* Sorts the pending changes and puts the references in: p->changes. */
int order_changes(struct plan *p);

#endif
