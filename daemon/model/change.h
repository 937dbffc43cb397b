/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A change as a request asks for it: typed, but names not yet resolved and nothing checked against the model. api/
 * decodes JSON into it, model_apply() validates and applies it.
 */
#ifndef MODEL_CHANGE_H
#define MODEL_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <vpc/cleanup.h>
#include <vpc/kinds.h>

/* The fields that a change may have: fields.def. */
enum change_field {
#define FIELD(symbol, ...) FIELD_##symbol,
#include "model/fields.def"
#undef FIELD
	FIELD_COUNT
};
#define FIELD_BIT(field) (UINT64_C(1) << (field))
_Static_assert(FIELD_COUNT <= 64, "a set of fields is 64 bits");

enum change_op {
#define CHANGE(symbol, ...) CHANGE_##symbol,
#include "model/changes.def"
#undef CHANGE
	CHANGE_OPS
};

struct tag {
	char *key;
	char *value;
};

/* What happens to flows that a change no longer allows. */
enum flows_mode {
	FLOWS_CUT,
	FLOWS_KEEP,
	FLOWS_DRAIN,
};

/* A rule as asked for. Strings are as given; exactly one of cidr, sg_id, prefix_list_id should be there. */
struct rule_spec {
	char *direction; /* "ingress", "egress" */
	char *protocol;	 /* "tcp", …, a number, "all", "-1" */
	bool has_from_port, has_to_port;
	int32_t from_port; /* icmp: type, -1 any */
	int32_t to_port;   /* icmp: code, -1 any */
	char *cidr;
	char *sg_id; /* id or name */
	char *prefix_list_id;
	char *description;
	struct tag *tags;
	size_t n_tags;
	int64_t expires_in; /* seconds from now; 0: not given */
	char *expires_at;   /* RFC 3339, UTC; NULL: not given */
};

/* An entry of a prefix list as asked for; strings as given. */
struct entry_spec {
	char *cidr;
	char *description; /* NULL: none */
};

enum attachment_kind {
	ATTACHMENT_NONE,
	ATTACHMENT_NETNS,
	ATTACHMENT_TAP,
	ATTACHMENT_LINK, /* made in vpcd's own namespace; a container engine moves it to where it is wanted */
};

/*
 * Where an ENI is to be attached. The first block is what the request says. The engine opens what the first block names
 * and fills in the second block before the change is applied. The second block identifies the namespace again after a
 * restart.
 */
struct attachment_spec {
	enum attachment_kind kind;
	char *netns;		/* a path, or a name under /run/netns; NULL with a pid */
	pid_t pid;		/* 0: none */
	char *owner;		/* tap: user name or number; NULL: root */
	int64_t queues;		/* tap: how many descriptors it may have at a time; 0: one */
	char *ifname;		/* of the workload end; NULL: eth0, of a link vpc<ENI number> */
	bool has_default_route; /* false: the namespace's default route is the first ENI's that was attached to it */
	bool default_route;	/* netns: whether the ENI's default route counts */

	char *path;	 /* what was opened: "/run/netns/web1", "/proc/123/ns/net" */
	uint64_t ns_dev; /* st_dev and st_ino of the namespace */
	uint64_t ns_ino;
	uint64_t ns_cookie; /* SO_NETNS_COOKIE: never given twice until the next boot; 0: not known */
	uint64_t pid_start; /* start time of pid (field 22 of /proc/pid/stat), 0 */
	uid_t owner_uid;    /* tap: what owner stands for */
	char boot_id[37];
};

/* How a type of fields.def is stored. */
#define FIELD_STORE_string(member, extra)	   char *member;
#define FIELD_STORE_nullable_string(member, extra) char *member;
#define FIELD_STORE_bool(member, extra)		   bool member;
#define FIELD_STORE_integer(member, extra)	   int64_t member;
#define FIELD_STORE_strings(member, extra) \
	char **member;                     \
	size_t extra;
#define FIELD_STORE_tags(member, extra) \
	struct tag *member;             \
	size_t extra;
#define FIELD_STORE_rules(member, extra) \
	struct rule_spec *member;        \
	size_t extra;
#define FIELD_STORE_entries(member, extra) \
	struct entry_spec *member;         \
	size_t extra;
#define FIELD_STORE_flows(member, extra) \
	enum flows_mode member;          \
	uint32_t extra; /* FLOWS_DRAIN: seconds */
#define FIELD_STORE_attachment(member, extra) struct attachment_spec member;

/* Every string and list is owned by the change. Only fields whose bit is in `present` mean anything. */
struct change {
	enum change_op op;
	uint64_t present;  /* FIELD_BIT()s */
	uint64_t if_match; /* 0, or the revision that the target must have */
	char *scope;	   /* VPC (id or name) in which names are looked up, or NULL */
			   /* The members that fields.def names. */
#define FIELD(symbol, name, type, member, extra, text) FIELD_STORE_##type(member, extra)
#include "model/fields.def"
#undef FIELD
};

/* Its name in requests, static; "" where op is no change. */
const char *change_op_name(enum change_op op);
/* The kind of the object that the change is about. op: less than CHANGE_OPS. */
enum object_kind change_op_kind(enum change_op op);
/* -ENOENT: no such op. */
int change_op_parse(const char *name, enum change_op *ret);
/* FIELD_BIT()s that the op must have, and may have. */
uint64_t change_op_required(enum change_op op);
uint64_t change_op_allowed(enum change_op op);
const char *change_field_name(enum change_field field);

/* Frees what the change owns, not the change itself. */
void change_clear(struct change *c);
void change_list_free(struct change *changes, size_t n);
void tags_free(struct tag *tags, size_t n);

#endif
