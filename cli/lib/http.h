/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP over the daemon's Unix socket; replies are parsed by http-parser. It doesn't know the API. */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stddef.h>

#include <vpc/cleanup.h>

struct http;

struct http_reply {
	long status;
	char *body; /* owned, ends with NUL; never NULL after a request that returned 0 */
	size_t size;
	size_t capacity;
};
void http_reply_clear(struct http_reply *r);
#define _cleanup_http_reply_ _cleanup_(http_reply_clear)

/* socket is borrowed. -ENOMEM. Connects only when there is a request; the connection is kept for the next. */
int http_new(const char *socket, struct http **ret);
void http_free(struct http *h);
DEFINE_CLEANUP(struct http *, http_free);
/* The command that the requests belong to, for vpcd's history; copied, with '?' in the place of control characters, and
 * cut to 512 bytes. Out of memory: none. */
void http_set_command(struct http *h, const char *text);
/* What http_new() got. */
const char *http_socket(const struct http *h);

/* One request; waits for a daemon that is restarting (wait.h). body: JSON or NULL; if_match: a revision's text or NULL.
 * Returns 0 with whatever status came, or: -ENOENT, -ECONNREFUSED, -EACCES, …: the socket could not be connected;
 * -EPROTO: the connection ended or broke before there was a whole reply. */
int http_request(struct http *h, const char *method, const char *path, const char *body, const char *if_match,
		 struct http_reply *ret);

/* GET whose reply never ends: fn gets each line, without its newline, and returns not 0 to stop. Ends too when stop_fd
 * becomes readable. 0 when stopped by either, -EPIPE when the daemon ended it, else as http_request. A status other
 * than 200 is returned in *ret with its body, and fn is not called. */
typedef int (*http_line_fn)(const char *line, void *userdata);
int http_stream(struct http *h, const char *path, int stop_fd, http_line_fn fn, void *userdata, struct http_reply *ret);

/* Percent-encodes one path segment or query value. Owned; NULL: out of memory. */
char *http_encode(const char *text);

#endif
