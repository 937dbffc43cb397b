/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to vpcd. Every function returns CLI_OK, or another exit status after having said on stderr why. JSON that is
 * passed in is consumed, JSON that is returned is owned by the caller.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <stdint.h>

#include "cli/lib/cli.h"

/* "/v1/<collection>[/<id>[/<suffix>]][?vpc=<scope>]", percent-encoded. id, suffix may be NULL; scope is cli->scope,
 * left out for VPCs themselves. Owned; NULL: out of memory. */
char *api_path(const struct cli *cli, const char *collection, const char *id, const char *suffix);

/* The id of an ENI that is called otherwise, as an earlier run of the command has learned; else ref itself. Requests
 * that name ENIs pass their names through it. */
const char *api_alias(const struct cli *cli, const char *ref);

/* Reads a resource. *ret: the reply, owned. */
int api_get(struct cli *cli, const char *path, json_t **ret);
/* A change. body: a JSON object or NULL; dry_run is added to it. if_match: a revision, 0 for any. */
int api_change(struct cli *cli, const char *method, const char *path, json_t *body, uint64_t if_match, json_t **ret);
/* Several changes as one. scope and dry_run are added. Returns the result number `show` with what the reply says of
 * the whole (epoch, enforced_ns, revision, pending, cut_flows, cut_flows_total) beside its own fields. */
int api_transaction(struct cli *cli, json_t *changes, size_t show, json_t **ret);
/* The same, with the whole reply: {"results": […], …}. */
int api_transaction_all(struct cli *cli, json_t *changes, json_t **ret);
/* The reply of a GET, owned; NULL: there is none, and nothing is said about it. */
json_t *api_get_quietly(struct cli *cli, const char *path);
/* As api_get, but a NotFound (404) is CLI_OK with *ret NULL. */
int api_get_optional(struct cli *cli, const char *path, json_t **ret);
/* Lines of a stream until SIGINT or SIGTERM, or until fn stops it. */
int api_stream(struct cli *cli, const char *path, int (*fn)(const char *line, void *userdata), void *userdata);
/* Lines of a reply of any length, as they come, to its end. */
int api_lines(struct cli *cli, const char *path, int (*fn)(const char *line, void *userdata), void *userdata);

/* "vpcctl: CODE: message" for what vpcctl itself refuses. Returns CLI_REFUSED. */
__attribute__((__format__(__printf__, 2, 3))) int api_refuse(const char *code, const char *format, ...);
/* api_refuse() for a file that can't be read. error: errno. */
int api_unreadable(const char *path, int error);
/* The same for want of memory. */
int api_oom(void);

/* Name of the object with this id in a collection, fetched once; the id itself if it has none or can't be fetched.
 * Borrowed until the cli ends. */
const char *api_name(struct cli *cli, const char *collection, const char *id);

#endif
