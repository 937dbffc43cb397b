/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli_http_util.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <vpc/cleanup.h>

#define MAX_REQUESTS 256
#define MAX_REPLIES  32

struct request {
	char *line; /* "METHOD path" */
	char *body;
	char *if_match;
};

struct reply {
	char *line;
	char *text; /* of the whole HTTP response */
	int hold;
};

struct fake_daemon {
	pthread_t thread;
	pthread_mutex_t lock; /* over requests and replies */
	int listen_fd;
	int stop_fd;
	char dir[64];
	char socket[96];
	struct request requests[MAX_REQUESTS];
	size_t n_requests;
	struct reply replies[MAX_REPLIES];
	size_t n_replies;
};

static void add_reply(struct fake_daemon *d, char *line, char *text, int hold)
{
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->n_replies; i++)
		if (!strcmp(d->replies[i].line, line))
			d->replies[i].line[0] = '!'; /* the later one counts */
	cr_assert_lt(d->n_replies, MAX_REPLIES);
	d->replies[d->n_replies++] = (struct reply){line, text, hold};
	pthread_mutex_unlock(&d->lock);
}

void fake_reply(struct fake_daemon *d, const char *method, const char *path, int status, const char *body)
{
	char *line = NULL, *text = NULL;

	cr_assert(asprintf(&line, "%s %s", method, path) > 0);
	cr_assert(asprintf(&text, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
			   status < 400 ? "application/json" : "application/problem+json", strlen(body), body) > 0);
	add_reply(d, line, text, 0);
}

void fake_stream(struct fake_daemon *d, const char *path, const char *lines, int end)
{
	char *line = NULL, *text = NULL;

	cr_assert(asprintf(&line, "GET %s", path) > 0);
	cr_assert(asprintf(&text, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", lines) > 0);
	add_reply(d, line, text, end ? -1 : 1);
}

/* The value of a header, owned, or NULL. head ends with NUL. */
static char *header(const char *head, const char *name)
{
	const char *at = strcasestr(head, name);

	return at ? strndup(at + strlen(name), strcspn(at + strlen(name), "\r\n")) : NULL;
}

/* Reads one request into *r. 0 at the end of the connection. */
static int read_request(int fd, char *buffer, size_t size, size_t *have, struct request *r)
{
	_cleanup_free_ char *head = NULL, *length_text = NULL;
	size_t length, head_size;
	char *end, *space;

	while (buffer[*have] = '\0', !(end = strstr(buffer, "\r\n\r\n"))) {
		ssize_t n = read(fd, buffer + *have, size - *have - 1);

		if (n <= 0)
			return 0;
		*have += (size_t)n;
	}
	head_size = (size_t)(end + 4 - buffer);
	head = strndup(buffer, head_size);
	length_text = header(head, "\nContent-Length: ");
	length = length_text ? strtoul(length_text, NULL, 10) : 0;
	while (*have < head_size + length) {
		ssize_t n = read(fd, buffer + *have, size - *have - 1);

		if (n <= 0)
			return 0;
		*have += (size_t)n;
	}
	r->if_match = header(head, "\nIf-Match: ");
	r->body = strndup(buffer + head_size, length);
	space = strchr(head, ' ');
	r->line = strndup(head, (size_t)(space + 1 - head) + strcspn(space + 1, " "));
	*have -= head_size + length;
	memmove(buffer, buffer + head_size + length, *have);
	return 1;
}

static const struct reply *find_reply(struct fake_daemon *d, const char *line)
{
	for (size_t i = 0; i < d->n_replies; i++)
		if (!strcmp(d->replies[i].line, line))
			return &d->replies[i];
	return NULL;
}

static int serve_one(struct fake_daemon *d, int fd, struct request r)
{
	/* its length follows from the connection's end */
	static const char none[] = "HTTP/1.1 404 X\r\nConnection: close\r\n\r\n"
				   "{\"code\":\"NotFound\",\"detail\":\"the test has no reply for this request\"}";
	const struct reply *reply;
	const char *text;
	char drain[64];
	int hold;

	pthread_mutex_lock(&d->lock);
	if (d->n_requests < MAX_REQUESTS)
		d->requests[d->n_requests++] = r;
	reply = find_reply(d, r.line);
	text = reply ? reply->text : none;
	hold = reply ? reply->hold : -1;
	pthread_mutex_unlock(&d->lock);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return 0;
	while (hold > 0 && read(fd, drain, sizeof(drain)) > 0)
		;
	return hold == 0;
}

static void *serve(void *userdata)
{
	struct fake_daemon *d = userdata;
	size_t size = 1 << 20;
	_cleanup_free_ char *buffer = malloc(size);

	for (;;) {
		struct pollfd fds[] = {{d->listen_fd, POLLIN, 0}, {d->stop_fd, POLLIN, 0}};
		_cleanup_close_ int fd = -1;
		size_t have = 0;
		struct request r;

		if (poll(fds, 2, -1) < 0 || fds[1].revents)
			return NULL;
		fd = accept4(d->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		while (fd >= 0 && read_request(fd, buffer, size, &have, &r) && serve_one(d, fd, r))
			;
	}
}

/* Texts handed to the test, which lasts no longer than its process: given back by fake_stop(). */
static char **texts;
static size_t n_texts;

static char *keep(char *text)
{
	cr_assert_not_null(text);
	texts = realloc(texts, (n_texts + 1) * sizeof(*texts));
	cr_assert_not_null(texts);
	texts[n_texts++] = text;
	return text;
}

static void free_texts(void)
{
	for (size_t i = 0; i < n_texts; i++)
		free(texts[i]);
	free(texts);
	texts = NULL;
	n_texts = 0;
}

struct fake_daemon *fake_start(void)
{
	struct fake_daemon *d = calloc(1, sizeof(*d));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	cr_assert_not_null(d);
	pthread_mutex_init(&d->lock, NULL);
	strcpy(d->dir, "/tmp/vpcd-cli-XXXXXX");
	cr_assert_not_null(mkdtemp(d->dir));
	snprintf(d->socket, sizeof(d->socket), "%s/vpcd.sock", d->dir);
	strcpy(address.sun_path, d->socket);
	d->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	cr_assert_eq(bind(d->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	cr_assert_eq(listen(d->listen_fd, 8), 0);
	cr_assert_eq(pthread_create(&d->thread, NULL, serve, d), 0);
	return d;
}

void fake_stop(struct fake_daemon *d)
{
	eventfd_write(d->stop_fd, 1);
	pthread_join(d->thread, NULL);
	close(d->listen_fd);
	close(d->stop_fd);
	unlink(d->socket);
	rmdir(d->dir);
	for (size_t i = 0; i < d->n_requests; i++) {
		free(d->requests[i].line);
		free(d->requests[i].body);
		free(d->requests[i].if_match);
	}
	for (size_t i = 0; i < d->n_replies; i++) {
		free(d->replies[i].line);
		free(d->replies[i].text);
	}
	free(d);
	free_texts();
}

const char *fake_socket(const struct fake_daemon *d)
{
	return d->socket;
}

size_t fake_requests(struct fake_daemon *d)
{
	size_t n;

	pthread_mutex_lock(&d->lock);
	n = d->n_requests;
	pthread_mutex_unlock(&d->lock);
	return n;
}

const char *fake_request(struct fake_daemon *d, size_t n)
{
	return n < fake_requests(d) ? d->requests[n].line : NULL;
}

const char *fake_body(struct fake_daemon *d, size_t n)
{
	return n < fake_requests(d) ? d->requests[n].body : NULL;
}

const char *fake_if_match(struct fake_daemon *d, size_t n)
{
	return n < fake_requests(d) ? d->requests[n].if_match : NULL;
}

/* This program is <build>/tests/unit/<name>. */
static const char *build_path(const char *name)
{
	char self[PATH_MAX] = "";
	char *path = NULL;

	cr_assert(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	cr_assert(asprintf(&path, "%s/../../%s", dirname(self), name) > 0);
	return keep(path);
}

const char *cli_program(void)
{
	return build_path("vpcctl");
}

static char *read_all(FILE *f)
{
	char *text = NULL;
	size_t size = 0;

	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	return keep(text);
}

const char *cli_read_source(const char *path)
{
	const char *full = build_path("../");
	_cleanup_free_ char *name = NULL;
	_cleanup_fclose_ FILE *f = NULL;

	cr_assert(asprintf(&name, "%s%s", full, path) > 0);
	f = fopen(name, "r");
	cr_assert_not_null(f, "%s: %s", name, strerror(errno));
	return read_all(f);
}

struct cli_result cli_run(struct fake_daemon *d, const char *line)
{
	_cleanup_free_ char *script = NULL;
	const char *program = cli_program();
	_cleanup_fclose_ FILE *out = tmpfile(), *err = tmpfile();
	struct cli_result result = {0};
	int status;
	pid_t pid;

	cr_assert(asprintf(&script, "VPCCTL=\"%s\"\nvpcctl() { \"$VPCCTL\" \"$@\"; }\nvpcctl %s", program, line) > 0);
	cr_assert(out && err);
	pid = fork();
	if (pid == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		setenv("LC_ALL", "C.UTF-8", 1);
		setenv("VPCD_SOCKET", d ? d->socket : "/nonexistent/vpcd.sock", 1);
		execl("/bin/bash", "bash", "-c", script, NULL);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	rewind(out);
	rewind(err);
	result.out = read_all(out);
	result.err = read_all(err);
	return result;
}

void expect_request(struct fake_daemon *d, size_t n, const char *request, const char *body)
{
	json_t *want, *got;

	cr_assert_not_null(fake_request(d, n), "no request number %zu; expected %s", n, request);
	cr_assert_str_eq(fake_request(d, n), request);
	if (!body) {
		cr_assert_str_eq(fake_body(d, n), "", "%s", fake_body(d, n));
		return;
	}
	want = json_loads(body, 0, NULL);
	got = json_loads(fake_body(d, n), 0, NULL);
	cr_assert_not_null(want, "the test's own JSON is wrong: %s", body);
	cr_assert(json_equal(want, got), "%s\nexpected: %s\n     got: %s", request, body, fake_body(d, n));
	json_decref(want);
	json_decref(got);
}
