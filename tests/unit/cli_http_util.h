/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of vpcctl: a daemon that only records what it is asked and answers what the test told it to, on a Unix
 * socket in a temporary folder; and vpcctl itself, run against it.
 */
#ifndef TESTS_UNIT_CLI_HTTP_UTIL_H
#define TESTS_UNIT_CLI_HTTP_UTIL_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <stddef.h>

struct fake_daemon;

/* Starts its thread; fails the test if it can't. */
struct fake_daemon *fake_start(void);
void fake_stop(struct fake_daemon *d);
const char *fake_socket(const struct fake_daemon *d);

/* What it answers to a method and exact path (with query), until told otherwise. Anything else is a 404 problem. */
void fake_reply(struct fake_daemon *d, const char *method, const char *path, int status, const char *body);
/* A reply of lines that doesn't end until the client goes (end 0), or does (1). */
void fake_stream(struct fake_daemon *d, const char *path, const char *lines, int end);

/* What it was asked, in order: "METHOD path", its body, and a header's value or NULL. NULL beyond the last. */
const char *fake_request(struct fake_daemon *d, size_t n);
const char *fake_body(struct fake_daemon *d, size_t n);
const char *fake_if_match(struct fake_daemon *d, size_t n);
size_t fake_requests(struct fake_daemon *d);

struct cli_result {
	int status; /* exit status, or 128 + signal */
	char *out;
	char *err;
};

/* Runs `vpcctl <line>` by bash (where $VPCCTL is its path), with VPCD_SOCKET set to the fake daemon's (d NULL: to one
 * that isn't there) and a UTF-8 locale. The result lives until fake_stop(). */
struct cli_result cli_run(struct fake_daemon *d, const char *line);
/* Path of the vpcctl that belongs to this test program. */
const char *cli_program(void);
/* A file of the source tree, as text that lives until fake_stop(). */
const char *cli_read_source(const char *path);

/* Fails the test unless request n was this, with a body equal as JSON (NULL: none). */
void expect_request(struct fake_daemon *d, size_t n, const char *request, const char *body);

#endif
