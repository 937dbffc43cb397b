/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every client of vpcd's API does: it makes paths, and reads replies and refusals. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <stdbool.h>

#include <vpc/json.h>

#include "cli/lib/http.h"

/* "/v1/<collection>[/<id>[/<suffix>]][?vpc=<scope>]", percent-encoded. id, suffix and scope may be NULL; the scope is
 * left out for VPCs themselves. Owned; NULL: out of memory. */
char *client_path(const char *collection, const char *id, const char *suffix, const char *scope);

/* Whether a reply's status is one of success. */
bool client_succeeded(const struct http_reply *reply);
/* The reply's JSON; of an empty reply, an empty object. NULL: it is not JSON, as CLIENT_NOT_JSON says. */
json_t *client_json(const struct http_reply *reply);
#define CLIENT_NOT_JSON "vpcd's answer is not JSON"

/* A refusal (application/problem+json). The texts are borrowed from json. */
struct client_refusal {
	json_t *json;
	const char *code;
	const char *field;  /* of the request, or NULL */
	const char *detail; /* never NULL */
};
/* -EBADMSG: the reply gives no reason, as CLIENT_NO_REASON says of its status. The refusal is cleared in any case. */
int client_read_refusal(const struct http_reply *reply, struct client_refusal *ret);
void client_refusal_clear(struct client_refusal *r);
#define _cleanup_client_refusal_ _cleanup_(client_refusal_clear)
#define CLIENT_NO_REASON	 "vpcd answered with HTTP status %ld and no reason"

#endif
