/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An api over the fake engine, on a thread with its event loop; and a client that speaks HTTP with plain reads and
 * writes from the test's own thread.
 */
#ifndef TESTS_UNIT_API_FIXTURE_H
#define TESTS_UNIT_API_FIXTURE_H

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "api/api.h"
#include "api/v1/openapi.h"
#include "api_fake_engine.h"
#include "schema_util.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
/* criterion's children end without the check that LeakSanitizer makes at exit. */
#define expect_no_leaks() cr_expect_eq(__lsan_do_recoverable_leak_check(), 0)
#else
#define expect_no_leaks() ((void)0)
#endif

#define UNUSED __attribute__((__unused__))

struct fixture {
	char dir[64];
	char write_path[96], read_path[96];
	sd_event *event;
	struct engine *engine;
	struct api *api;
	pthread_t thread;
	int calls[2]; /* pipe: functions for the loop's thread */
	sem_t done;
};

struct call {
	void (*fn)(struct fixture *f, void *data);
	void *data;
};

static int on_call(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct fixture *f = userdata;
	struct call call;

	(void)source, (void)events;
	if (read(fd, &call, sizeof(call)) != sizeof(call))
		return -EIO;
	call.fn(f, call.data);
	sem_post(&f->done);
	return 0;
}

/* Runs fn on the loop's thread and waits for it. */
static void on_loop(struct fixture *f, void (*fn)(struct fixture *f, void *data), void *data)
{
	struct call call = {fn, data};

	cr_assert_eq(write(f->calls[1], &call, sizeof(call)), (ssize_t)sizeof(call));
	sem_wait(&f->done);
}

static void *loop_thread(void *data)
{
	struct fixture *f = data;

	sd_event_loop(f->event);
	return NULL;
}

static void fixture_start_limited(struct fixture *f, uint32_t max_connections)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct api_config config = {.instance = "default", .run_dir = f->dir, .max_connections = max_connections};

	*f = (struct fixture){.dir = "/tmp/vpcd-api-XXXXXX"};
	cr_assert(mkdtemp(f->dir));
	snprintf(f->write_path, sizeof(f->write_path), "%s/vpcd.sock", f->dir);
	snprintf(f->read_path, sizeof(f->read_path), "%s/vpcd-ro.sock", f->dir);
	sem_init(&f->done, 0, 0);
	cr_assert_eq(pipe(f->calls), 0);
	cr_assert(sd_event_new(&f->event) >= 0);
	cr_assert(sd_event_add_io(f->event, NULL, f->calls[0], POLLIN, on_call, f) >= 0);
	cr_assert_eq(fake_engine_new(&f->engine), 0);
	config.event = f->event;
	config.engine = f->engine;
	cr_assert_eq(api_new(&config, &f->api, &error), 0, "%s", error.message);
	cr_assert_eq(pthread_create(&f->thread, NULL, loop_thread, f), 0);
}

UNUSED static void fixture_start(struct fixture *f)
{
	fixture_start_limited(f, 0);
}

static void end_loop(struct fixture *f, void *data)
{
	(void)data;
	f->api = (api_free(f->api), NULL);
	sd_event_exit(f->event, 0);
}

static void fixture_stop(struct fixture *f)
{
	struct stat st;

	on_loop(f, end_loop, NULL);
	pthread_join(f->thread, NULL);
	/* What the engine still held comes back to nobody. */
	fake_engine_release(f->engine);
	cr_expect_eq(f->engine->n_listeners, 0);
	engine_free(f->engine);
	sd_event_unref(f->event);
	close(f->calls[0]);
	close(f->calls[1]);
	cr_expect(lstat(f->write_path, &st) < 0 && lstat(f->read_path, &st) < 0, "a socket's file was left behind");
	cr_expect_eq(rmdir(f->dir), 0);
	expect_no_leaks();
}

/* --- the client --- */

struct response {
	int status; /* 0: the connection ended without one */
	char head[2048];
	char *body; /* owned */
	size_t size;
	json_t *json; /* of the body, or NULL */
};

static void response_clear(struct response *r)
{
	free(r->body);
	json_decref(r->json);
	*r = (struct response){0};
}

static int client_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = 20};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	cr_assert(fd >= 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%s: %s", path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	return fd;
}

/* False: the other side closed. */
static bool client_send(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

UNUSED static bool client_send_text(int fd, const char *text)
{
	return client_send(fd, text, strlen(text));
}

/* A line up to "\n", without it and a "\r". False at the end. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t n = 0;
	char c;

	while (recv(fd, &c, 1, 0) == 1) {
		if (c == '\n') {
			if (n > 0 && line[n - 1] == '\r')
				n--;
			line[n] = '\0';
			return true;
		}
		if (n < size - 1)
			line[n++] = c;
	}
	return false;
}

static void read_body(int fd, struct response *r, size_t size)
{
	r->body = realloc(r->body, r->size + size + 1);
	while (size > 0) {
		ssize_t n = recv(fd, r->body + r->size, size, 0);

		if (n <= 0)
			break;
		r->size += (size_t)n;
		size -= (size_t)n;
	}
	r->body[r->size] = '\0';
}

static void read_chunks(int fd, struct response *r)
{
	char line[64];
	size_t size;

	while (read_line(fd, line, sizeof(line)) && (size = strtoul(line, NULL, 16)) > 0) {
		read_body(fd, r, size);
		read_line(fd, line, sizeof(line));
	}
	read_line(fd, line, sizeof(line));
}

static struct response client_receive(int fd)
{
	struct response r = {0};
	size_t used = 0, length = 0;
	bool chunked = false;
	char line[512];

	while (read_line(fd, line, sizeof(line))) {
		if (sscanf(line, "HTTP/1.1 %d", &r.status) == 1)
			continue;
		if (r.status == 100) {
			r.status = 0;
			continue;
		}
		if (!line[0])
			break;
		sscanf(line, "Content-Length: %zu", &length);
		chunked |= strcasecmp(line, "Transfer-Encoding: chunked") == 0;
		used += (size_t)snprintf(r.head + used, sizeof(r.head) - used, "%s\n", line);
	}
	if (chunked)
		read_chunks(fd, &r);
	else
		read_body(fd, &r, length);
	r.json = r.body ? json_loadb(r.body, r.size, 0, NULL) : NULL;
	return r;
}

/* headers: "" or lines with their "\r\n". body may be NULL. */
static bool client_request(int fd, const char *method, const char *path, const char *headers, const char *body)
{
	char head[2048];
	size_t size = body ? strlen(body) : 0;
	int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: vpcd\r\n%sContent-Length: %zu\r\n\r\n", method,
			 path, headers, size);

	if (!client_send(fd, head, (size_t)n))
		return false;
	return client_send(fd, body ? body : "", size);
}

/* Every reply is what the OpenAPI document says of it; so a reply of the fake engine is, too. */
static void expect_described(const char *method, const char *path, const struct response *r)
{
	static json_t *document;
	const json_t *schema;
	char why[512] = "";

	if (!document)
		document = openapi_json();
	if (!r->json)
		return;
	schema = schema_of_reply(document, method, path, r->status);
	if (!schema && r->status >= 400) /* of an address that isn't there */
		schema =
			json_object_get(json_object_get(json_object_get(document, "components"), "schemas"), "Problem");
	cr_assert(schema, "%s %s: no reply %d is described", method, path, r->status);
	cr_expect(schema_fits(document, schema, r->json, why, sizeof(why)), "%s %s: %d: %s", method, path, r->status,
		  why);
}

UNUSED static struct response ask_at(const char *socket_path, const char *method, const char *path, const char *headers,
				     const char *body)
{
	int fd = client_connect(socket_path);
	struct response r;

	client_request(fd, method, path, headers, body);
	r = client_receive(fd);
	close(fd);
	expect_described(method, path, &r);
	return r;
}

UNUSED static struct response ask(struct fixture *f, const char *method, const char *path, const char *body)
{
	return ask_at(f->write_path, method, path, "", body);
}

UNUSED static const char *text_of(const struct response *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->json, key));

	return s ? s : "";
}

UNUSED static json_int_t number_of(const struct response *r, const char *key)
{
	return json_integer_value(json_object_get(r->json, key));
}

/* Asks and looks at the status and, for errors, the code and the field ("" or NULL: any). */
UNUSED static void expect_error(struct fixture *f, const char *method, const char *path, const char *headers,
				const char *body, int status, const char *code, const char *field)
{
	struct response r = ask_at(f->write_path, method, path, headers, body);

	cr_expect_eq(r.status, status, "%s %s %s: %d %s", method, path, body ? body : "", r.status, r.body);
	cr_expect_str_eq(text_of(&r, "code"), code, "%s %s: %s", method, path, r.body);
	cr_expect(strstr(r.head, "Content-Type: application/problem+json"), "%s", r.head);
	cr_expect_eq(number_of(&r, "status"), status);
	if (field)
		cr_expect_str_eq(text_of(&r, "field"), field, "%s %s: %s", method, path, r.body);
	response_clear(&r);
}

/* Waits until *counter is at least n; false after 10 s. */
UNUSED static bool wait_for(_Atomic unsigned *counter, unsigned n)
{
	for (int i = 0; i < 2000 && *counter < n; i++)
		usleep(5000);
	return *counter >= n;
}

UNUSED static void release(struct fixture *f, void *data)
{
	(void)data;
	fake_engine_release(f->engine);
}

/* A test with a started fixture, which is a static of its file. What fixture_stop() finds counts: criterion doesn't
 * count what fails in a suite's .fini. */
#define FIXTURE_TEST(suite, fixture, name) \
	static void name(void);            \
	Test(suite, name, .timeout = 60)   \
	{                                  \
		fixture_start(&(fixture)); \
		name();                    \
		fixture_stop(&(fixture));  \
	}                                  \
	static void name(void)

#endif
