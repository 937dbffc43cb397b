/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that are slow, many, large, broken or gone. Streams are in api_streams.c. */
#include "api_fixture.h"

static struct fixture f;

#define API_TEST(name) FIXTURE_TEST(api_robust, f, name)

#define VPC_BODY "{\"name\": \"prod\", \"cidr\": \"10.0.0.0/16\"}"

static void expect_alive(void)
{
	struct response r = ask(&f, "GET", "/v1/status", NULL);

	cr_assert_eq(r.status, 200);
	response_clear(&r);
}

/* A VPC's creation with a description of blanks to make it `size` bytes long. Owned. */
static char *large_body(size_t size)
{
	char *body = malloc(size + 1);

	memset(body, ' ', size);
	memcpy(body, VPC_BODY, strlen(VPC_BODY));
	body[size] = '\0';
	return body;
}

API_TEST(a_body_of_7_9_MiB)
{
	char *body = large_body(7900 << 10);
	struct response r = ask(&f, "POST", "/v1/vpcs", body);

	cr_expect_eq(r.status, 201, "%d %s", r.status, r.body);
	response_clear(&r);
	free(body);
}

API_TEST(a_body_of_9_MiB_gets_its_answer)
{
	char *body = large_body(9 << 20);

	expect_error(&f, "POST", "/v1/vpcs", "", body, 413, "RequestEntityTooLarge", NULL);
	cr_expect_eq(f.engine->asked, 0);
	free(body);
	expect_alive();
}

API_TEST(a_body_that_is_too_large_is_refused_before_it_is_sent)
{
	int fd = client_connect(f.write_path);
	struct response r;

	client_send_text(fd, "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
			     "Expect: 100-continue\r\n\r\n");
	r = client_receive(fd);
	cr_expect_eq(r.status, 413);
	response_clear(&r);
	close(fd);
	expect_alive();
}

/* Twelve bodies of nearly 8 MiB, all unfinished: what there is room for is taken in the end, the rest is told so. */
API_TEST(bodies_together_are_bounded)
{
	size_t size = 7900 << 10, refused = 0, taken = 0;
	char *body = large_body(size), head[128];
	int fds[12];

	snprintf(head, sizeof(head), "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", size);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client_connect(f.write_path);
		cr_assert(client_send_text(fds[i], head));
		cr_assert(client_send(fds[i], body, size - 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct response r;

		cr_assert(client_send(fds[i], " ", 1));
		r = client_receive(fds[i]);
		refused += strcmp(text_of(&r, "code"), "ResourceLimitExceeded") == 0;
		/* All but the first create a name that is taken: they came as far as the engine. */
		taken += r.status == 201 || strcmp(text_of(&r, "field"), "name") == 0;
		response_clear(&r);
		close(fds[i]);
	}
	cr_expect_eq(taken, 8);
	cr_expect_eq(refused, ARRAY_SIZE(fds) - 8);
	free(body);
	body = large_body(size);
	expect_error(&f, "POST", "/v1/vpcs", "", body, 400, "InvalidParameterValue", "name");
	free(body);
}

API_TEST(a_chunked_body_without_end)
{
	int fd = client_connect(f.write_path);
	char *block = large_body(1 << 20);
	bool sent = client_send_text(fd, "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");

	for (int i = 0; i < 100 && sent; i++)
		sent = client_send_text(fd, "100000\r\n") && client_send(fd, block, 1 << 20) &&
		       client_send_text(fd, "\r\n");
	cr_expect_not(sent, "100 MiB were taken");
	close(fd);
	free(block);
	expect_alive();
}

API_TEST(a_chunked_body)
{
	int fd = client_connect(f.write_path);
	struct response r;

	client_send_text(fd, "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "10\r\n{\"name\": \"prod\",\r\n18\r\n\"cidr\":\"10.0.0.0/16\"   }\r\n0\r\n\r\n");
	r = client_receive(fd);
	cr_expect_eq(r.status, 201, "%s", r.body);
	response_clear(&r);
	close(fd);
}

API_TEST(a_slow_body)
{
	int fd = client_connect(f.write_path);
	struct response r;
	char head[128];
	const char *body = VPC_BODY;

	snprintf(head, sizeof(head), "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(body));
	for (const char *c = head; *c; c++) {
		cr_assert(client_send(fd, c, 1));
		usleep(1000);
	}
	for (const char *c = body; *c; c++) {
		cr_assert(client_send(fd, c, 1));
		usleep(5000);
	}
	r = client_receive(fd);
	cr_expect_eq(r.status, 201);
	response_clear(&r);
	close(fd);
}

API_TEST(clients_that_hang_in_the_middle)
{
	static const char *const parts[] = {
		"", "G", "GET /v1/status HTTP/1.1\r\n", "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\n",
		"POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"name\""};
	int fds[50];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client_connect(f.write_path);
		client_send_text(fds[i], parts[i % ARRAY_SIZE(parts)]);
	}
	expect_alive();
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	expect_alive();
	cr_expect_eq(f.engine->asked, 0);
}

API_TEST(not_HTTP)
{
	static const char *const texts[] = {
		"\r\n\r\n",
		"hello\r\n\r\n",
		"GET\r\n\r\n",
		"GET /v1/status\r\n\r\n",
		"GET /v1/status HTTP/9.9\r\n\r\n",
		"POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
		"POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET /%%%%?&&==&vpc HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	struct timeval timeout = {.tv_usec = 200000};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		int fd = client_connect(f.write_path);
		struct response r;

		/* Some of them are the beginning of something: there is no answer to wait for. */
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		client_send_text(fd, texts[i]);
		r = client_receive(fd);
		cr_expect(r.status == 0 || r.status >= 400, "%s: %d", texts[i], r.status);
		response_clear(&r);
		close(fd);
	}
	cr_expect_eq(f.engine->asked, 0);
	expect_alive();
}

API_TEST(a_head_that_is_too_long)
{
	char *path = large_body(200000);
	int fd = client_connect(f.write_path);
	struct response r;

	memset(path, 'a', 200000);
	client_send_text(fd, "GET /v1/vpcs/");
	client_send(fd, path, 200000);
	client_send_text(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
	r = client_receive(fd);
	cr_expect(r.status == 0 || r.status >= 400);
	response_clear(&r);
	close(fd);
	free(path);
	expect_alive();
}

API_TEST(pipelined_requests_are_answered_in_order)
{
	int fd = client_connect(f.write_path);
	struct response r;

	f.engine->hold = true;
	client_send_text(fd,
			 "POST /v1/vpcs HTTP/1.1\r\nHost: x\r\nContent-Length: 39\r\n\r\n" VPC_BODY
			 "GET /v1/vpcs/prod HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/vpcs/none HTTP/1.1\r\nHost: x\r\n\r\n"
			 "DELETE /v1/vpcs/prod HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(strlen(VPC_BODY), 39);
	cr_assert(wait_for(&f.engine->asked, 1));
	f.engine->hold = false;
	on_loop(&f, release, NULL);
	for (size_t i = 0; i < 4; i++) {
		static const int statuses[] = {201, 200, 404, 200};

		r = client_receive(fd);
		cr_expect_eq(r.status, statuses[i], "%zu: %d %s", i, r.status, r.body);
		response_clear(&r);
	}
	close(fd);
}

API_TEST(other_clients_are_answered_while_the_engine_works)
{
	int fd = client_connect(f.write_path);
	struct response r;

	f.engine->hold = true;
	client_request(fd, "POST", "/v1/vpcs", "", VPC_BODY);
	cr_assert(wait_for(&f.engine->asked, 1));
	expect_alive();
	on_loop(&f, release, NULL);
	r = client_receive(fd);
	cr_expect_eq(r.status, 201);
	response_clear(&r);
	close(fd);
}

API_TEST(a_client_that_is_gone_before_its_reply)
{
	f.engine->hold = true;
	for (unsigned i = 0; i < 20; i++) {
		int fd = client_connect(f.write_path);

		client_request(fd, "POST", "/v1/vpcs", "", VPC_BODY);
		cr_assert(wait_for(&f.engine->asked, i + 1));
		close(fd);
	}
	expect_alive();
	on_loop(&f, release, NULL);
	expect_alive();
}

/* fixture_stop() frees the api while the engine has these, and has the engine answer after that. */
API_TEST(the_api_ends_before_the_reply)
{
	int fds[3];

	f.engine->hold = true;
	fds[0] = client_connect(f.write_path);
	client_request(fds[0], "POST", "/v1/vpcs", "", VPC_BODY);
	fds[1] = client_connect(f.write_path);
	client_request(fds[1], "GET", "/v1/verify", "", NULL);
	fds[2] = client_connect(f.write_path);
	client_request(fds[2], "GET", "/v1/verdicts", "", NULL);
	cr_assert(wait_for(&f.engine->asked, 2));
	cr_assert(wait_for(&f.engine->n_listeners, 1));
}

API_TEST(more_connections_than_there_may_be)
{
	int fds[300];
	struct response r;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client_connect(f.write_path);
		if (i < 290)
			continue;
		cr_assert(client_request(fds[i], "GET", "/v1/status", "", NULL));
	}
	/* The other socket isn't touched by that. */
	r = ask_at(f.read_path, "GET", "/v1/status", "", NULL);
	cr_expect_eq(r.status, 200);
	response_clear(&r);
	for (size_t i = 0; i < 100; i++)
		close(fds[i]);
	for (size_t i = 290; i < 300; i++) {
		r = client_receive(fds[i]);
		cr_expect_eq(r.status, 200, "%zu: %d", i, r.status);
		response_clear(&r);
	}
	for (size_t i = 100; i < 300; i++)
		close(fds[i]);
	expect_alive();
}

/* One after the other at the limit: each place that gets free is noticed. */
Test(api_limit, a_place_that_gets_free_is_taken, .timeout = 60)
{
	int a, b;

	fixture_start_limited(&f, 1);
	a = client_connect(f.write_path);
	cr_assert(client_request(a, "GET", "/v1/status", "", NULL));
	for (int i = 0; i < 200; i++) {
		struct response r;

		b = client_connect(f.write_path);
		cr_assert(client_request(b, "GET", "/v1/status", "", NULL));
		r = client_receive(a);
		cr_assert_eq(r.status, 200, "round %d", i);
		response_clear(&r);
		close(a);
		a = b;
	}
	close(a);
	fixture_stop(&f);
}

/* --- verify --- */

API_TEST(verifications_are_not_run_side_by_side)
{
	int fds[20];

	f.engine->hold = true;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client_connect(f.write_path);
		client_request(fds[i], "GET", "/v1/verify", "", NULL);
	}
	cr_assert(wait_for(&f.engine->verifies, 1));
	expect_alive();
	usleep(100000);
	cr_expect_eq(f.engine->verifies, 1);
	on_loop(&f, release, NULL);
	cr_assert(wait_for(&f.engine->verifies, 2));
	on_loop(&f, release, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct response r = client_receive(fds[i]);

		cr_expect_eq(r.status, 200);
		response_clear(&r);
		close(fds[i]);
	}
	cr_expect_eq(f.engine->verifies, 2);
}
