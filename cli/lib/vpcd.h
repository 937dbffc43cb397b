/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs ask of vpcd that give the containers of an engine their network interfaces. They tell of failures
 * in their engine's own protocol, so nothing here prints.
 */
#ifndef CLI_VPCD_H
#define CLI_VPCD_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/lib/http.h"

struct vpcd_failure {
	bool no_memory;
	bool no_reply; /* there is no daemon, or it ended before it answered: it may be there soon */
	bool denied;   /* the socket may not be used: asking again is of no use */
	long status;   /* of HTTP; 0: there was no reply */
	char code[64]; /* vpcd's own; "" where there was no refusal */
	char field[64];
	char text[512];	   /* for people: "Code: what is wrong" */
	char detail[1024]; /* more of it, or what to do; may be "" */
};

/* One request. path is consumed (NULL: out of memory), body borrowed (may be NULL). *ret: the reply, owned. -ENOMEM,
 * -EIO (no reply), -EINVAL (refused), with *failure filled. */
int vpcd_call(struct http *h, const char *method, char *path, const json_t *body, json_t **ret,
	      struct vpcd_failure *failure);
/* Changes as one transaction; vpc: where names are looked up, or NULL. *ret: its list of results, owned. */
int vpcd_transaction(struct http *h, const char *vpc, const json_t *changes, json_t **ret,
		     struct vpcd_failure *failure);

/* A container's interface, as its engine knows it. Its ENI has the name "<engine>:<id>:<ifname>" and the tags
 * "<engine>/network", "<engine>/container-id" and "<engine>/ifname", by which it is found again. */
struct workload {
	const char *engine;  /* "cni", "docker" */
	const char *network; /* NULL: the engine has none */
	const char *key;     /* of the tag that has the id: "container-id", "endpoint" */
	const char *id;	     /* without a colon */
	const char *ifname;  /* NULL: the id alone says which it is */
};
/* "<engine>:<id>[:<ifname>]", the name of its ENI. Owned; NULL: out of memory. */
char *workload_eni_name(const struct workload *w);
/* The tags "<engine>/network", "<engine>/<key>" and, with a name, "<engine>/ifname", by which its ENI is known. Owned;
 * NULL: out of memory. */
json_t *workload_tags(const struct workload *w);
/* Adds the tag "<engine>/<key>", for people: a value that can't be a tag's (NULL, empty, not UTF-8, too long, control
 * characters) is left out. -1: out of memory. */
int workload_note(json_t *tags, const char *engine, const char *key, const char *value);
/* "<engine>/<key>" of an ENI's tags, borrowed; NULL: it has none. */
const char *workload_tag(const json_t *eni, const char *engine, const char *key);
/* Its ENI, owned; *ret NULL: there is none. One of that name without its tags is somebody else's. */
int workload_find(struct http *h, const char *vpc, const struct workload *w, json_t **ret,
		  struct vpcd_failure *failure);
/* Detaches an ENI and deletes it; 0 too if it went away meanwhile. */
int workload_delete(struct http *h, const char *vpc, const json_t *eni, struct vpcd_failure *failure);
/* The same, but returns when no packet passes any more. vpcd deletes the interface after that. Whoever attaches
 * something to the same namespace waits for it. */
int workload_delete_soon(struct http *h, const char *vpc, const json_t *eni, struct vpcd_failure *failure);

/* The changes that give a workload its ENI, and attach it. What is NULL is left to vpcd. */
struct workload_wish {
	const char *subnet;
	const json_t *groups;	 /* list of names and ids, or NULL: the VPC's default group */
	const json_t *secondary; /* list of addresses, or NULL */
	const char *ip, *ip6, *mac;
	const json_t *tags;	  /* beside those of the workload, or NULL */
	const json_t *attachment; /* as eni.attach takes it */
	const json_t *ports;	  /* list of changes publish.create of "$0.id", or NULL */
};
/* eni.create, eni.attach, and the published ports: result 1 is the attached ENI. Owned; NULL: out of memory. */
json_t *workload_changes(const struct workload *w, const struct workload_wish *wish);

#endif
