/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection to vpcd's socket, timed to the byte: a library would add what it does to what is measured. */
#ifndef TESTS_BENCH_HTTP_H
#define TESTS_BENCH_HTTP_H

#include <stdint.h>
#include <stddef.h>

struct http_reply {
	int status;
	uint64_t began_ns;    /* before the request was written */
	uint64_t ended_ns;    /* when the reply's last byte had been read */
	uint64_t enforced_ns; /* as the reply says; 0: it doesn't */
};

/* Returns a descriptor that the caller owns, or -errno. */
int http_connect(const char *socket_path);
/* Sends a request with a JSON body and reads the reply. Returns 0, -errno, or -EPROTO for what isn't HTTP with a
 * length. */
int http_request(int fd, const char *method, const char *path, const char *body, struct http_reply *ret);

#endif
