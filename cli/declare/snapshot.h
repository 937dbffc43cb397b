/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All objects of a host at one revision, as documents say them. */
#ifndef CLI_DECLARE_SNAPSHOT_H
#define CLI_DECLARE_SNAPSHOT_H

#include "cli/declare/declare.h"

/* An object of the API and what a document says of it. */
struct entry {
	enum object_kind kind;
	const char *id;	   /* borrowed from object */
	const char *name;  /* its label: its name; one without is "#1", "#2", … of its kind and VPC */
	const char *vpc;   /* the name of the VPC in which its name is unique; "": the host */
	json_t *object;	   /* the API's, owned */
	json_t *document;  /* owned */
	char *label, *key; /* owned; key: sorts */
};

struct snapshot {
	struct entry *entries; /* by kind, VPC, name */
	size_t n;
	json_t *by_id; /* {id: place in entries} */
};

/*
 * lists: {"vpcs": [objects of the API], …} of every kind, prefix lists with their `entries`; consumed. *ret: to be
 * cleared by snapshot_clear(). -ENOMEM.
 */
int snapshot_make(json_t *lists, struct snapshot *ret);
void snapshot_clear(struct snapshot *s);

/* The entry's member that names another object by its id, as its entry; NULL: null, or there is none. */
const struct entry *snapshot_member(const struct snapshot *s, const json_t *object, const char *key);

/* Whether the object belongs to this VPC: is it, is in it, or is attached to it. Of a prefix list: a group or a table
 * of the VPC names it. */
bool snapshot_belongs(const struct entry *e, const char *vpc);

/* The document: of the whole host, or of one VPC (its name) and what that needs. Owned; NULL: out of memory. */
json_t *snapshot_export(const struct snapshot *s, const char *vpc);

#endif
