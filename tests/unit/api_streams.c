/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of verdicts: what they bring, how many there may be, and that they cost nothing while nothing happens. */
#include "api_fixture.h"

#include <dirent.h>

#include <vpc/clock.h>

static struct fixture f;

#define API_TEST(name) FIXTURE_TEST(api_streams, f, name)

#define VPC_BODY "{\"name\": \"prod\", \"cidr\": \"10.0.0.0/16\"}"

static void emit(struct fixture *fixture, void *data)
{
	json_t *v = json_pack("{s:s, s:i, s:s}", "event", "drop", "n", *(int *)data, "reason",
			      "a reason long enough to make the line somewhat longer than it would be without it");

	fake_engine_emit(fixture->engine, v);
	json_decref(v);
}

static void emit_many(struct fixture *fixture, void *data)
{
	for (int i = 0; i < *(int *)data; i++)
		emit(fixture, &i);
}

/* Streams that were closed before must be gone, or their end hides the new one. */
static int open_stream(const char *path)
{
	int fd = client_connect(f.write_path);
	unsigned before = f.engine->n_listeners;
	char line[256];

	client_request(fd, "GET", path, "", NULL);
	cr_assert(wait_for(&f.engine->n_listeners, before + 1));
	while (read_line(fd, line, sizeof(line)) && line[0])
		;
	return fd;
}

/* One line of JSON out of the chunks. */
static json_t *next_verdict(int fd)
{
	char line[512];

	while (read_line(fd, line, sizeof(line))) {
		if (line[0] == '{')
			return json_loads(line, 0, NULL);
	}
	return NULL;
}

static bool gone(void)
{
	for (int i = 0; i < 1000 && f.engine->n_listeners > 0; i++)
		usleep(5000);
	return f.engine->n_listeners == 0;
}

API_TEST(verdicts_arrive_one_by_one)
{
	int fd = open_stream("/v1/verdicts?drops=1");

	cr_expect(f.engine->listeners->drops_only);
	for (int i = 0; i < 5; i++) {
		json_t *v;

		on_loop(&f, emit, &i);
		v = next_verdict(fd);
		cr_assert_eq(json_integer_value(json_object_get(v, "n")), i);
		json_decref(v);
	}
	close(fd);
	cr_expect(gone(), "nobody noticed that the client has gone");
}

API_TEST(what_a_slow_reader_loses_is_counted)
{
	int fd = open_stream("/v1/verdicts"), many = 20000;
	json_int_t seen = 0, lost = 0, last = -1;

	on_loop(&f, emit_many, &many);
	while (seen + lost < many) {
		json_t *v = next_verdict(fd);

		cr_assert(v, "the stream ended");
		if (strcmp(json_string_value(json_object_get(v, "event")), "lost") == 0) {
			lost += json_integer_value(json_object_get(v, "lost"));
		} else {
			cr_expect_eq(json_integer_value(json_object_get(v, "n")), seen + lost);
			seen++;
			last = json_integer_value(json_object_get(v, "n"));
		}
		json_decref(v);
	}
	cr_expect_gt(lost, 0);
	cr_expect_gt(seen, 100);
	cr_expect_gt(last, 0);
	cr_expect_eq(seen + lost, many);
	close(fd);
	cr_expect(gone());
}

API_TEST(streams_are_limited_and_their_arguments_checked)
{
	int fds[32];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = open_stream("/v1/verdicts");
	expect_error(&f, "GET", "/v1/verdicts", "", NULL, 409, "ResourceLimitExceeded", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	cr_assert(gone());
	expect_error(&f, "GET", "/v1/verdicts?drops=maybe", "", NULL, 400, "InvalidParameterValue", "drops");
	expect_error(&f, "GET", "/v1/verdicts?eni=none", "", NULL, 404, "InvalidNetworkInterfaceID.NotFound", "eni");
	fds[0] = open_stream("/v1/verdicts?drops=&eni=");
	cr_expect_not(f.engine->listeners->drops_only);
	close(fds[0]);
	cr_expect(gone());
	fds[0] = open_stream("/v1/verdicts?drops");
	cr_expect(f.engine->listeners->drops_only);
	close(fds[0]);
	cr_expect(gone());
}

/* --- events --- */

static int open_events(const char *path, const char *since)
{
	int fd = client_connect(path);
	char line[256], address[64];

	snprintf(address, sizeof(address), "/v1/events%s", since);
	client_request(fd, "GET", address, "", NULL);
	cr_assert(read_line(fd, line, sizeof(line)));
	cr_assert_str_eq(line, "HTTP/1.1 200 OK");
	while (read_line(fd, line, sizeof(line)) && line[0])
		;
	return fd;
}

static void commit(struct fixture *fixture, void *data)
{
	fake_engine_commit(fixture->engine, *(unsigned *)data);
}

static void forget(struct fixture *fixture, void *data)
{
	fixture->engine->oldest = *(unsigned *)data;
}

static void expect_revisions(int fd, unsigned from, unsigned until)
{
	for (unsigned i = from; i <= until; i++) {
		json_t *event = next_verdict(fd);

		cr_assert(event, "the stream ended before revision %u", i);
		cr_assert_eq(json_integer_value(json_object_get(event, "revision")), i);
		json_decref(event);
	}
}

/* Those that were and those that come, each once and in order, on both sockets. */
API_TEST(events_go_on_where_the_reader_was)
{
	unsigned n = 5;
	int fd, other;

	on_loop(&f, commit, &n);
	fd = open_events(f.write_path, "?since=2");
	expect_revisions(fd, 3, 5);
	other = open_events(f.read_path, "");
	on_loop(&f, commit, &n);
	expect_revisions(fd, 6, 10);
	expect_revisions(other, 6, 10);
	close(fd);
	close(other);
}

/* What it doesn't take is not read from the store. Then it gets all of it. */
API_TEST(a_slow_reader_of_events_costs_its_buffer_alone)
{
	unsigned n = 20000; /* 4 MiB */
	int fd = open_events(f.write_path, "?since=0"), other;

	on_loop(&f, commit, &n);
	other = open_events(f.write_path, "?since=0");
	expect_revisions(other, 1, n); /* the slow one holds nobody up */
	cr_expect_leq(f.engine->events_read, 200);
	expect_revisions(fd, 1, n);
	close(fd);
	close(other);
}

API_TEST(who_lags_behind_the_history_is_told)
{
	unsigned n = 20000;
	int fd = open_events(f.write_path, "?since=0");
	json_t *event = NULL;
	json_int_t last = 0;

	on_loop(&f, commit, &n);
	on_loop(&f, forget, &n);
	expect_error(&f, "GET", "/v1/events?since=7", "", NULL, 410, "RevisionTooOld", "revision");
	while ((event = next_verdict(fd)) && strcmp(json_string_value(json_object_get(event, "event")), "end") != 0) {
		last = json_integer_value(json_object_get(event, "revision"));
		json_decref(event);
	}
	cr_assert(event, "the stream ended without a word");
	cr_expect_str_eq(json_string_value(json_object_get(event, "code")), "RevisionTooOld");
	cr_expect_eq(json_integer_value(json_object_get(event, "revision")), last);
	json_decref(event);
	cr_expect_null(next_verdict(fd));
	close(fd);
}

API_TEST(events_and_the_past_check_their_arguments)
{
	struct response r;

	expect_error(&f, "GET", "/v1/events?since=1", "", NULL, 400, "InvalidParameterValue", "since");
	expect_error(&f, "GET", "/v1/events?since=x", "", NULL, 400, "InvalidParameterValue", "since");
	expect_error(&f, "GET", "/v1/log?limit=0", "", NULL, 400, "InvalidParameterValue", "limit");
	expect_error(&f, "GET", "/v1/log?resource=nobody", "", NULL, 404, "NotFound", "resource");
	expect_error(&f, "GET", "/v1/vpcs/prod?at=-1", "", NULL, 400, "InvalidParameterValue", "at");
	expect_error(&f, "POST", "/v1/vpcs", "Vpcctl-Command: a\xff\r\n", VPC_BODY, 400, "InvalidParameterValue",
		     "Vpcctl-Command");
	r = ask(&f, "GET", "/v1/resources/prod?at=7", NULL);
	cr_expect_eq(r.status, 200);
	cr_expect_eq(json_integer_value(json_object_get(r.json, "revision")), 7);
	response_clear(&r);
}

/* --- quiet --- */

static uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* With every kind of connection open and nothing to do, the loop sleeps. */
API_TEST(idle_connections_cost_nothing)
{
	int stream = open_stream("/v1/verdicts"), idle = client_connect(f.write_path), waiting, half;
	uint64_t before;

	f.engine->hold = true;
	waiting = client_connect(f.write_path);
	client_request(waiting, "POST", "/v1/vpcs", "", VPC_BODY);
	half = client_connect(f.write_path);
	client_send_text(half, "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{");
	cr_assert(wait_for(&f.engine->asked, 1));
	usleep(50000);
	before = cpu_ns();
	usleep(500000);
	cr_expect_lt(cpu_ns() - before, 50000000);
	close(stream);
	close(idle);
	close(waiting);
	close(half);
}

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

Test(api_descriptors, none_is_left, .timeout = 60)
{
	unsigned before = count_descriptors();

	fixture_start(&f);
	for (int i = 0; i < 50; i++) {
		expect_error(&f, "POST", "/v1/vpcs", "", "{", 400, "MalformedRequest", NULL);
		close(open_stream("/v1/verdicts"));
		cr_assert(gone());
	}
	fixture_stop(&f);
	cr_expect_eq(count_descriptors(), before);
}
