/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * <run-dir>/vpcd-tap.sock, by which an unprivileged VMM gets the descriptor of its tap. Anyone may connect; root, the
 * tap's owner and members of the API socket's group get an answer. One request a connection:
 *
 *   {"eni": "vm1"}                          also "vpc", where the name is looked up; "queues", how many (1)
 *   {"eni_id", "ifname", "mac", "mtu"}      and the descriptors by SCM_RIGHTS, in the same message; or
 *   {"code", "message", "field"}
 *
 * each a line; a request has at most 1,024 bytes.
 */
#ifndef API_TAPSOCK_H
#define API_TAPSOCK_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include <vpc/cleanup.h>
#include <vpc/error.h>

#include "api/http/internal.h"

#define TAPSOCK_LINE_MAX 1024

struct tapsock;

/* Opens it, but for its file, which tapsock_publish puts in place. gid: the group beside owner and root; (gid_t)-1:
 * none. Errors as socket_open. */
int tapsock_new(struct api *a, const char *run_dir, struct tapsock **ret, struct vpc_error *reterr);
/* Makes the socket again if its file was removed. 1: it was; 0: it is there; -errno. */
int tapsock_watch(struct tapsock *t);
int tapsock_publish(struct tapsock *t, gid_t gid);
/* Ends every connection. What the engine still opens is closed by it. NULL is fine. */
void tapsock_free(struct tapsock *t);
DEFINE_CLEANUP(struct tapsock *, tapsock_free);

struct tap_request {
	char *eni;
	char *vpc; /* or NULL */
	int64_t queues;
};
/* Reads a request, without its newline. Errors: MalformedRequest, MissingParameter, … */
int tap_request_parse(const char *line, size_t size, struct tap_request *ret, struct vpc_error *reterr);
void tap_request_clear(struct tap_request *r);

#endif
