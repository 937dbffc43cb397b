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
	}
	fixture_stop(&f);
	cr_expect_eq(count_descriptors(), before);
}
