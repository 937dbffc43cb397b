/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/http.h"

#include <errno.h>
#include <http_parser.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpc/array.h>

#include "cli/lib/wait.h"

#define CONNECT_TIMEOUT_S 5
#define REPLY_BYTES_MAX	  (1024u * 1024 * 1024)
/* A line of a stream is one verdict; vpcd sends no longer ones. */
#define LINE_BYTES_MAX	  (1024u * 1024)
#define READ_BYTES	  (64 * 1024)
#define COMMAND_BYTES_MAX 512

struct http {
	const char *socket;
	int fd;	       /* -1: not connected */
	char *command; /* a line of the header, or NULL */
};

void http_reply_clear(struct http_reply *r)
{
	free(r->body);
	*r = (struct http_reply){0};
}

int http_new(const char *socket, struct http **ret)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = (struct http){.socket = socket, .fd = -1};
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	close_fd(h->fd);
	free(h->command);
	free(h);
}

void http_set_command(struct http *h, const char *text)
{
	size_t n = strnlen(text, COMMAND_BYTES_MAX);

	while (n && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--; /* not within a character */
	free(h->command);
	if (asprintf(&h->command, "Vpcctl-Command: %.*s\r\n", (int)n, text) < 0) {
		h->command = NULL;
		return;
	}
	for (size_t i = strlen("Vpcctl-Command: "); i < strlen(h->command) - 2; i++)
		if ((unsigned char)h->command[i] < ' ' || h->command[i] == 0x7f)
			h->command[i] = '?';
}

const char *http_socket(const struct http *h)
{
	return h->socket;
}

static int append(struct http_reply *reply, const char *data, size_t n)
{
	char *grown;

	if (n > REPLY_BYTES_MAX - reply->size)
		return -EFBIG;
	grown = array_grow(reply->body, &reply->capacity, reply->size + n + 1, 1);
	if (!grown)
		return -ENOMEM;
	reply->body = grown;
	memcpy(reply->body + reply->size, data, n);
	reply->size += n;
	reply->body[reply->size] = '\0';
	return 0;
}

/* --- the connection --- */

static void disconnect(struct http *h)
{
	close_fd(h->fd);
	h->fd = -1;
}

/* False too for a kept connection that the daemon has closed, or on which something came without a request. */
static bool is_connected(const struct http *h)
{
	struct pollfd p = {.fd = h->fd, .events = POLLIN | POLLRDHUP};

	return h->fd >= 0 && poll(&p, 1, 0) == 0;
}

static int connect_to_daemon(struct http *h)
{
	const struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S}, none = {0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;

	if (is_connected(h))
		return 0;
	disconnect(h);
	if (strlen(h->socket) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, h->socket, strlen(h->socket));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* unix(7): it limits how long connect() waits for a place in the listener's queue, too */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	h->fd = TAKE_FD(fd);
	return 0;
}

static bool send_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		data += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* A failure to send is no error here: a daemon that closes before it has read everything may have replied why. */
static int send_request(struct http *h, const char *method, const char *path, const char *body, const char *if_match)
{
	_cleanup_free_ char *head = NULL;
	size_t size = body ? strlen(body) : 0;
	int n = asprintf(&head,
			 "%s %s HTTP/1.1\r\nHost: vpcd\r\nUser-Agent: vpcctl/" VPCD_VERSION
			 "\r\n%s%s%s%s%sContent-Length: "
			 "%zu\r\n\r\n",
			 method, path, body ? "Content-Type: application/json\r\n" : "", if_match ? "If-Match: \"" : "",
			 if_match ? if_match : "", if_match ? "\"\r\n" : "", h->command ? h->command : "", size);

	if (n < 0) {
		head = NULL;
		return -ENOMEM;
	}
	if (send_all(h->fd, head, (size_t)n) && size)
		(void)send_all(h->fd, body, size);
	return 0;
}

/* --- the reply --- */

struct reading {
	http_parser parser;
	bool ended; /* the whole of it is there */
	int (*fn)(struct reading *r, const char *data, size_t n);
	struct http_reply reply;
	int result; /* of fn */
	http_line_fn line_fn;
	void *userdata;
	bool stopped;
};

static int on_body(http_parser *parser, const char *data, size_t n)
{
	struct reading *r = parser->data;

	r->result = r->fn(r, data, n);
	return r->result;
}

static int on_end(http_parser *parser)
{
	struct reading *r = parser->data;

	if (parser->status_code / 100 == 1) /* the reply comes after it */
		return 0;
	r->ended = true;
	r->reply.status = parser->status_code;
	http_parser_pause(parser, 1);
	return 0;
}

static void reading_begin(struct reading *r)
{
	http_parser_init(&r->parser, HTTP_RESPONSE);
	r->parser.data = r;
}

/* Waits for more of it. */
static int read_more(struct http *h, struct reading *r)
{
	static const http_parser_settings settings = {.on_body = on_body, .on_message_complete = on_end};
	char data[READ_BYTES];
	ssize_t n;
	size_t used;

	do
		n = recv(h->fd, data, sizeof(data), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -EPROTO;
	used = http_parser_execute(&r->parser, &settings, data, (size_t)n);
	if (r->result < 0)
		return r->result;
	if (r->ended || r->stopped)
		return 0;
	return n == 0 || used != (size_t)n || r->parser.http_errno != HPE_OK ? -EPROTO : 0;
}

static int keep_body(struct reading *r, const char *data, size_t n)
{
	return append(&r->reply, data, n);
}

int http_request(struct http *h, const char *method, const char *path, const char *body, const char *if_match,
		 struct http_reply *ret)
{
	struct reading reading = {.fn = keep_body};
	struct wait wait = {.socket = h->socket};
	int r;

	/* a request without a connection was not sent, and may be repeated */
	do
		r = connect_to_daemon(h);
	while (r < 0 && wait_for_restart(&wait, r));
	if (r == 0)
		r = append(&reading.reply, "", 0);
	if (r == 0)
		r = send_request(h, method, path, body, if_match);
	reading_begin(&reading);
	while (r == 0 && !reading.ended)
		r = read_more(h, &reading);
	if (r < 0 || !http_should_keep_alive(&reading.parser))
		disconnect(h);
	if (r < 0) {
		http_reply_clear(&reading.reply);
		return r;
	}
	*ret = reading.reply;
	return 0;
}

/* --- streams --- */

/* Keeps the line that is not complete yet, or the body of an error. */
static int on_stream(struct reading *r, const char *data, size_t n)
{
	char *line, *end;
	int rc = append(&r->reply, data, n);

	if (rc < 0 || r->parser.status_code != 200)
		return rc;
	for (line = r->reply.body; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (*line && r->line_fn(line, r->userdata) != 0) {
			r->stopped = true;
			return 1;
		}
	}
	r->reply.size -= (size_t)(line - r->reply.body);
	memmove(r->reply.body, line, r->reply.size + 1);
	return r->reply.size > LINE_BYTES_MAX ? -EPROTO : 0;
}

/* Runs it until it ends or stop_fd is readable. */
static int run_stream(struct http *h, struct reading *r, int stop_fd)
{
	struct pollfd fds[2] = {{.fd = h->fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};

	while (!r->stopped && !r->ended) {
		int rc;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[1].revents)
			return 0;
		rc = read_more(h, r);
		if (rc < 0)
			return rc;
	}
	return r->stopped ? 0 : -EPIPE;
}

int http_stream(struct http *h, const char *path, int stop_fd, http_line_fn fn, void *userdata, struct http_reply *ret)
{
	struct reading reading = {.fn = on_stream, .line_fn = fn, .userdata = userdata};
	int r = connect_to_daemon(h);

	if (r == 0)
		r = send_request(h, "GET", path, NULL, NULL);
	reading_begin(&reading);
	if (r == 0)
		r = run_stream(h, &reading, stop_fd);
	disconnect(h);
	if (r == -EPIPE && reading.reply.status != 200) {
		*ret = reading.reply;
		return 0;
	}
	http_reply_clear(&reading.reply);
	ret->status = 200;
	return r;
}

char *http_encode(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";
	char *encoded = malloc(3 * strlen(text) + 1), *at = encoded;
	/* A name of dots alone would be a step in the path. */
	bool dots = text[strspn(text, ".")] == '\0';

	if (!encoded)
		return NULL;
	for (; *text; text++) {
		if (strchr(plain, *text) || (*text == '.' && !dots)) {
			*at++ = *text;
			continue;
		}
		at += sprintf(at, "%%%02X", (unsigned char)*text);
	}
	*at = '\0';
	return encoded;
}
