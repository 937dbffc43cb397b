/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies as they may come, in pieces, cut or from something that is no daemon: what vpcctl makes of them. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpc/array.h>
#include <vpc/cleanup.h>

#include "cli_http_util.h"

#define LIST "{\"vpcs\":[]}"

static char folder[] = "/tmp/vpcd-test-XXXXXX";

struct server {
	int fd;
	bool early;		   /* answers and closes before it has read the request */
	const char *const *pieces; /* ends with NULL */
};

static void *serve(void *data)
{
	const struct server *s = data;
	_cleanup_close_ int fd = accept(s->fd, NULL, NULL);
	char request[4096];

	if (!s->early && read(fd, request, sizeof(request)) <= 0)
		return NULL;
	for (const char *const *piece = s->pieces; *piece; piece++) {
		usleep(1000); /* each arrives by itself, or with the next: both must do */
		if (send(fd, *piece, strlen(*piece), MSG_NOSIGNAL) < 0)
			return NULL;
	}
	return NULL;
}

/* Runs `vpcctl vpc list` against it. */
static struct cli_result ask(bool early, const char *const *pieces)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct server server = {.fd = fd, .early = early, .pieces = pieces};
	struct cli_result result;
	pthread_t thread;
	char line[160];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", folder);
	(void)unlink(address.sun_path);
	cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve, &server), 0);
	snprintf(line, sizeof(line), "--socket %s -o json vpc list", address.sun_path);
	result = cli_run(NULL, line);
	pthread_join(thread, NULL);
	(void)unlink(address.sun_path);
	return result;
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(folder));
}

static void end(void)
{
	rmdir(folder);
}

TestSuite(cli_http, .init = begin, .fini = end, .timeout = 60);

Test(cli_http, a_whole_reply_is_read_however_it_comes)
{
	static const char *const replies[][8] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" LIST},
		{"HTTP/1.1 200", " OK\r\nContent-Le", "ngth: 11\r\n\r", "\n{\"vp", "cs\":[]}"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "8\r\n{\"vpcs\":\r\n", "3\r\n[]", "}\r\n",
		 "0\r\n\r\n"},
		{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" LIST},
		{"HTTP/1.0 200 OK\r\n\r\n", LIST}, /* until the connection ends */
	};

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct cli_result r = ask(false, replies[i]);

		cr_assert_eq(r.status, 0, "reply %zu: %d %s", i, r.status, r.err);
		cr_assert_eq(r.out[0], '[', "reply %zu: %s", i, r.out);
	}
}

Test(cli_http, half_a_reply_or_none_is_said)
{
	static const char *const replies[][3] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"vp"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "b\r\n" LIST "\r\n"},
		{"hello\r\n\r\n"},
		{NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct cli_result r = ask(false, replies[i]);

		cr_assert_eq(r.status, 3, "reply %zu: %d %s", i, r.status, r.err);
		cr_assert_not_null(strstr(r.err, "ended the connection before it answered"), "reply %zu: %s", i, r.err);
	}
}

/* As a daemon does that has no place for the connection. */
Test(cli_http, a_refusal_that_comes_before_the_request_was_read)
{
	static const char *const reply[] = {
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
		"Content-Length: 65\r\n\r\n"
		"{\"status\":503,\"detail\":\"no place\",\"code\":\"ResourceLimitExceeded\"}",
		NULL};
	struct cli_result r = ask(true, reply);

	cr_assert_eq(r.status, 1, "%d %s", r.status, r.err);
	cr_assert_not_null(strstr(r.err, "ResourceLimitExceeded"), "%s", r.err);
}
