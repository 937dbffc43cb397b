/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bench_util.h"

#define REPLY_MAX (4 << 20)

int http_connect(const char *socket_path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(socket_path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, socket_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return TAKE_FD(fd);
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Length of the whole reply once its head is there; 0: not yet. Negative: no length. */
static ssize_t reply_length(const char *reply)
{
	const char *end = strstr(reply, "\r\n\r\n"), *length;

	if (!end)
		return 0;
	length = strcasestr(reply, "\r\nContent-Length:");
	if (!length || length > end)
		return -EPROTO;
	return end + 4 - reply + strtol(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static int read_reply(int fd, char *reply, size_t *ret_length)
{
	size_t have = 0;
	ssize_t whole = 0;

	do {
		ssize_t n = recv(fd, reply + have, REPLY_MAX - 1 - have, 0);

		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		have += (size_t)n;
		reply[have] = '\0';
		if (!whole)
			whole = reply_length(reply);
		if (whole < 0 || whole >= REPLY_MAX)
			return -EPROTO;
	} while (!whole || have < (size_t)whole);
	*ret_length = have;
	return 0;
}

int http_request(int fd, const char *method, const char *path, const char *body, struct http_reply *ret)
{
	_cleanup_free_ char *reply = malloc(REPLY_MAX), *request = NULL;
	const char *enforced;
	size_t length;
	int rc, n;

	n = asprintf(&request,
		     "%s %s HTTP/1.1\r\nHost: vpcd\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		     method, path, strlen(body), body);
	if (n < 0 || !reply)
		return -ENOMEM;
	*ret = (struct http_reply){.began_ns = bench_now_ns()};
	rc = write_all(fd, request, (size_t)n);
	if (!rc)
		rc = read_reply(fd, reply, &length);
	ret->ended_ns = bench_now_ns();
	if (rc)
		return rc;
	if (sscanf(reply, "HTTP/1.1 %d", &ret->status) != 1)
		return -EPROTO;
	enforced = strstr(reply, "\"enforced_ns\":");
	if (enforced)
		ret->enforced_ns = strtoull(enforced + strlen("\"enforced_ns\":"), NULL, 10);
	if (ret->status >= 300)
		fprintf(stderr, "%s %s: %s\n", method, path, strstr(reply, "\r\n\r\n") + 4);
	return 0;
}
