/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What documents for `apply` say of each kind: tables, by which a document is read, exported and compared. Pure: JSON
 * in, JSON out.
 *
 * Each resource of kinds.def has a file in kinds/ that defines symbol_declared. Objects are called by their names, so
 * that a document can be applied to another host.
 */
#ifndef CLI_DECLARE_H
#define CLI_DECLARE_H

#include <jansson.h>
#include <stdbool.h>

#include <vpc/kinds.h>

enum declared_type {
	DECLARED_TEXT,
	DECLARED_INTEGER,
	DECLARED_BOOL,
	DECLARED_TEXTS, /* a list of texts */
	DECLARED_TAGS,
	DECLARED_ITEMS, /* a list of objects, which `items` describes */
};

enum declared_flags {
	DECLARED_NULL = 1 << 0,	   /* may be null */
	DECLARED_CHOSEN = 1 << 1,  /* null: whatever vpcd chooses, or has chosen */
	DECLARED_ADDRESS = 1 << 2, /* addresses, CIDRs or MACs: compared in one notation */
	DECLARED_CREATE = 1 << 3,  /* the change "noun.create" takes it */
	DECLARED_UPDATE = 1 << 4,  /* the change "noun.update" takes it */
	DECLARED_KEY = 1 << 5,	   /* tells items, or objects without a name, apart */
	DECLARED_ORDER =
		1 << 6, /* a list whose order counts; of an item's field: the order of the items that have it counts */
};

struct plan;
struct node;
struct snapshot;

/* An object's field in a document. */
struct declared_field {
	const char *key;
	enum declared_type type;
	unsigned flags;
	const char *api; /* what the API's object and the changes call it; NULL: as the document */
	unsigned refers; /* 1 + the kind whose names it has; 0: none */
	const char
		*absent; /* JSON: what an object or item has of it that was made without it; NULL: it must be given */
	const struct declared_field *items;
	size_t n_items;
	/*
	 * Adds the changes that make it `after` where neither create nor update does that. before, after: the field's
	 * values. NULL: it can't be changed. Returns 0, or -ENOMEM, or -EINVAL after plan_refuse().
	 */
	int (*change)(struct plan *p, struct node *n, const json_t *before, const json_t *after);
};
#define REFERS(SYMBOL) (1 + OBJECT_##SYMBOL)

/* The fields that many kinds have. */
#define DECLARED_VPC                                                                                          \
	{                                                                                                     \
		.key = "vpc", .flags = DECLARED_CREATE | DECLARED_KEY, .api = "vpc_id", .refers = REFERS(VPC) \
	}
#define DECLARED_TAGS_FIELD                                                                                      \
	{                                                                                                        \
		.key = "tags", .type = DECLARED_TAGS, .flags = DECLARED_CREATE | DECLARED_UPDATE, .absent = "{}" \
	}

/* When a change is made, within the transaction. */
enum phase {
	PHASE_UNPUBLISH, /* and elastic IPs leave what they are associated with */
	PHASE_LOOSEN,	 /* rules, routes, associations and addresses go */
	PHASE_DELETE_PEERING,
	PHASE_DELETE_EIP,
	PHASE_DELETE_NAT,
	PHASE_DELETE_GATEWAY,
	PHASE_DELETE_ENI,
	PHASE_DELETE_SUBNET,
	PHASE_SHRINK_VPC,
	PHASE_CREATE_VPC,
	PHASE_GROW_VPC,
	PHASE_CREATE, /* in the order of kinds.def */
	PHASE_ACCEPT,
	PHASE_UPDATE,
	PHASE_FASTEN, /* rules, routes and associations come */
	PHASE_DELETE_SG,
	PHASE_DELETE, /* against the order of kinds.def */
};

struct declared {
	const struct declared_field *fields;
	size_t n_fields;
	enum phase create, delete;
	const char *born;	 /* the name of the one that every VPC is born with; NULL: none */
	const char *born_values; /* JSON: fields of that one, where they differ from `absent` */
	bool name_optional;
	/* NULL, or changes the API's object into one whose members the fields describe. -ENOMEM. */
	int (*prepare)(const struct snapshot *s, json_t *object);
	/* NULL, or puts an item of a document into the notation in which items are compared. -ENOMEM. */
	int (*normalize)(const char *field, json_t *item);
	/* NULL, or adds the changes that must be made before it can be deleted. -EINVAL: it can't be, as plan_refuse()
	 * says.
	 */
	int (*before_delete)(struct plan *p, struct node *n);
};

#define RESOURCE(SYMBOL, symbol, ...) extern const struct declared symbol##_declared;
#include <vpc/kinds.def>

/* NULL: a part. */
const struct declared *declared_of(enum object_kind kind);
/* The field of this key among n; NULL: there is none. */
const struct declared_field *declared_find(const struct declared_field *fields, size_t n, const char *key);
/* What changes and the API call it. */
const char *declared_api(const struct declared_field *f);
/* What an object has of the field that was made without it. Owned; NULL: out of memory, or it must be given. */
json_t *declared_absent(const struct declared *d, const struct declared_field *f, bool born);
/* Puts an address, CIDR or MAC into its usual notation; other texts stay. *text: owned. -ENOMEM. */
int declared_normalize_text(char **text);

/* The version of documents that this vpcctl writes and reads. */
#define DECLARED_FORMAT	    "vpcd/1"
/* Members of a document beside the kinds' lists. */
#define DECLARED_FORMAT_KEY "format"
#define DECLARED_SCOPE_KEY  "scope"
#define DECLARED_SCOPE_HOST "host"
/* Member of a checked document's objects: the line of the file. */
#define DECLARED_LINE_KEY   "\001line"

#endif
