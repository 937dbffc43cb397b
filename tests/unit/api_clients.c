/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gets a place on the HTTP socket, and for how long: slow clients lock nobody out (P8). */
#include "api/http/clients.h"

#include <poll.h>
#include <sys/syscall.h>

#include <vpc/clock.h>

#include "api_fixture.h"

#define SECOND_NS ((uint64_t)1000000000)

/* --- by themselves --- */

struct places {
	struct clients clients;
	struct client one[64];
	unsigned n;
};

static enum client_admission come(struct places *p, uid_t uid, uint64_t now_ns, struct client **ret_cut)
{
	enum client_admission a = clients_admit(&p->clients, uid, now_ns, ret_cut);

	if (a == CLIENT_ADMITTED) {
		p->one[p->n].uid = uid;
		clients_add(&p->clients, &p->one[p->n++], now_ns);
	}
	return a;
}

Test(api_clients, shares)
{
	struct places p = {.clients.max = 16};
	struct client *slow;

	for (int i = 0; i < 4; i++)
		cr_expect_eq(come(&p, 1000, SECOND_NS, &slow), CLIENT_ADMITTED);
	cr_expect_eq(come(&p, 1000, SECOND_NS, &slow), CLIENT_REFUSED);
	for (uid_t uid = 1001; uid < 1006; uid++) {
		come(&p, uid, SECOND_NS, &slow);
		come(&p, uid, SECOND_NS, &slow);
	}
	cr_expect_eq(p.clients.n, 14);
	cr_expect_eq(come(&p, 2000, SECOND_NS, &slow), CLIENT_REFUSED);
	cr_expect_eq(come(&p, 0, SECOND_NS, &slow), CLIENT_ADMITTED);
	cr_expect_eq(come(&p, 0, SECOND_NS, &slow), CLIENT_ADMITTED);
	cr_expect_eq(come(&p, 0, SECOND_NS, &slow), CLIENT_WAITS);
	cr_expect_null(slow);
}

Test(api_clients, who_waits_for_its_client_gives_way)
{
	struct places p = {.clients.max = 16};
	struct client *slow;

	for (int i = 0; i < 4; i++)
		come(&p, 1000, (uint64_t)(10 + i) * SECOND_NS, &slow);
	for (int i = 0; i < 4; i++)
		come(&p, 1001, (uint64_t)(i + 1) * SECOND_NS, &slow);
	p.one[0].state = CLIENT_SERVED;
	/* a user: one of his own, and not what vpcd works on */
	cr_expect_eq(come(&p, 1000, 20 * SECOND_NS, &slow), CLIENT_ADMITTED);
	cr_expect_eq(slow, &p.one[1]);
	cr_expect_eq(p.clients.n, 8);
	/* root: anybody's, when there is no place */
	while (p.clients.n < 16)
		come(&p, 0, 20 * SECOND_NS, &slow);
	cr_expect_eq(come(&p, 0, 20 * SECOND_NS, &slow), CLIENT_ADMITTED);
	cr_expect_eq(slow, &p.one[4]);
	/* nobody who came a moment ago */
	for (unsigned i = 0; i < p.n; i++)
		p.one[i].since_ns = 20 * SECOND_NS;
	cr_expect_eq(come(&p, 0, 20 * SECOND_NS + SECOND_NS / 2, &slow), CLIENT_WAITS);
	for (unsigned i = 0; i < p.n; i++)
		clients_remove(&p.clients, &p.one[i]);
	cr_expect_eq(p.clients.n, 0);
}

Test(api_clients, limits_of_time)
{
	struct client c = {.since_ns = SECOND_NS};

	for (c.state = 0; c.state < CLIENT_STATES; c.state++) {
		if (c.state == CLIENT_SERVED)
			cr_expect_eq(client_deadline_ns(&c), UINT64_MAX);
		else
			cr_expect_leq(client_deadline_ns(&c), 121 * SECOND_NS);
	}
	c = (struct client){.ending = true};
	cr_expect_eq(client_deadline_ns(&c), UINT64_MAX);
}

/* --- on the socket --- */

static struct fixture f;

static void start(void)
{
	cr_assert_eq(geteuid(), 0, "this test becomes other users: run it as root");
	fixture_start(&f);
	cr_assert_eq(chmod(f.dir, 0755), 0);
	cr_assert_eq(chmod(f.write_path, 0666), 0);
	cr_assert_eq(chmod(f.read_path, 0666), 0);
}

static void stop(void)
{
	fixture_stop(&f);
}

TestSuite(api_crowd, .init = start, .fini = stop, .timeout = 60);

/* This thread alone becomes the user for a moment. */
static int connect_as(const char *path, uid_t uid)
{
	int fd;

	cr_assert_eq(syscall(SYS_setresuid, -1, uid, -1), 0);
	fd = client_connect(path);
	cr_assert_eq(syscall(SYS_setresuid, -1, 0, -1), 0);
	return fd;
}

static void drip(const char *path, int *fds, size_t n, uid_t uid)
{
	for (size_t i = 0; i < n; i++) {
		fds[i] = connect_as(path, uid);
		client_send_text(fds[i], "GET /v1/st");
	}
}

static double now_s(void)
{
	return (double)monotonic_ns() / NS_PER_S;
}

static void expect_answer(const char *path, uid_t uid, double limit_s)
{
	double began = now_s();
	int fd = connect_as(path, uid);
	struct response r;

	client_request(fd, "GET", "/v1/status", "", NULL);
	r = client_receive(fd);
	cr_expect_eq(r.status, 200, "user %u got %d %s", uid, r.status, r.body ? r.body : "");
	cr_expect_lt(now_s() - began, limit_s);
	response_clear(&r);
	close(fd);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

Test(api_crowd, a_users_slow_connections_lock_nobody_out)
{
	int fds[300], more[100];
	struct response r;

	drip(f.write_path, fds, ARRAY_SIZE(fds), 1000);
	expect_answer(f.write_path, 0, 1);
	expect_answer(f.write_path, 1001, 1);
	r = client_receive(fds[299]);
	cr_expect_eq(r.status, 503);
	cr_expect_str_eq(text_of(&r, "code"), "ResourceLimitExceeded");
	cr_expect(strstr(r.head, "application/problem+json"), "%s", r.head);
	response_clear(&r);
	drip(f.read_path, more, ARRAY_SIZE(more), 1000);
	expect_answer(f.read_path, 1001, 1);
	expect_answer(f.read_path, 0, 1);
	/* And the user himself comes in again. */
	usleep(1100000);
	expect_answer(f.write_path, 1000, 1);
	close_all(fds, ARRAY_SIZE(fds));
	close_all(more, ARRAY_SIZE(more));
}

Test(api_crowd, many_users_leave_a_place_for_root)
{
	int fds[300];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i += 50)
		drip(f.write_path, fds + i, 50, (uid_t)(1000 + i));
	expect_answer(f.write_path, 0, 1);
	close_all(fds, ARRAY_SIZE(fds));
}

Test(api_crowd, roots_own_slow_connections_give_way)
{
	int fds[300];

	drip(f.write_path, fds, ARRAY_SIZE(fds), 0);
	expect_answer(f.write_path, 0, 5);
	expect_answer(f.write_path, 0, 5);
	close_all(fds, ARRAY_SIZE(fds));
}

Test(api_crowd, streams_of_users_leave_some_for_root)
{
	int fds[40];
	int root;
	struct response r;
	unsigned refused = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct pollfd p = {.events = POLLIN};
		char line[256];

		fds[i] = p.fd = connect_as(f.write_path, (uid_t)(1000 + i / 10));
		client_request(fds[i], "GET", "/v1/verdicts", "", NULL);
		cr_assert_eq(poll(&p, 1, 10000), 1);
		cr_assert(read_line(fds[i], line, sizeof(line)));
		refused += !strstr(line, "200");
	}
	cr_expect_eq(refused, 16, "%u refused", refused);
	root = connect_as(f.write_path, 0);
	client_request(root, "GET", "/v1/verdicts", "", NULL);
	r = (struct response){0};
	{
		char line[256];

		cr_assert(read_line(root, line, sizeof(line)));
		cr_expect(strstr(line, "200"), "%s", line);
	}
	response_clear(&r);
	close(root);
	close_all(fds, ARRAY_SIZE(fds));
}

/* Somebody tidies up the run folder: the sockets come back, with their modes, and connections that are there stay. */
Test(api_crowd, removed_sockets_are_made_again)
{
	char tap_path[128];
	int fd = connect_as(f.write_path, 0);
	struct stat before, after;
	struct response r;

	snprintf(tap_path, sizeof(tap_path), "%s/vpcd-tap.sock", f.dir);
	cr_assert_eq(chmod(f.write_path, 0660), 0);
	cr_assert_eq(stat(f.write_path, &before), 0);
	cr_assert_eq(unlink(f.write_path), 0);
	cr_assert_eq(unlink(f.read_path), 0);
	cr_assert_eq(unlink(tap_path), 0);
	sleep(3);
	expect_answer(f.write_path, 0, 1);
	expect_answer(f.read_path, 0, 1);
	cr_assert_eq(stat(f.write_path, &after), 0);
	cr_expect_eq(after.st_mode, before.st_mode);
	cr_expect_eq(after.st_gid, before.st_gid);
	cr_expect_eq(stat(tap_path, &after), 0);
	cr_expect_eq(after.st_mode & 0777, 0666);
	close(connect_as(tap_path, 1000));
	client_request(fd, "GET", "/v1/status", "", NULL);
	r = client_receive(fd);
	cr_expect_eq(r.status, 200);
	response_clear(&r);
	close(fd);
	/* What isn't ours is left alone. */
	cr_assert_eq(unlink(f.write_path), 0);
	close(open(f.write_path, O_CREAT | O_RDWR, 0600));
	sleep(2);
	cr_assert_eq(stat(f.write_path, &after), 0);
	cr_expect(S_ISREG(after.st_mode));
	cr_assert_eq(unlink(f.write_path), 0);
	sleep(3);
	expect_answer(f.write_path, 0, 1);
}

/* What is longer than libmicrohttpd would take by itself (32 KiB) is answered as every mistake is. */
Test(api_crowd, a_long_path_is_answered_as_a_problem)
{
	static char path[60000] = "/v1/";
	int fd = connect_as(f.write_path, 0);
	struct response r;

	memset(path + 4, 'a', sizeof(path) - 5);
	client_send_text(fd, "GET ");
	client_send_text(fd, path);
	client_send_text(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
	r = client_receive(fd);
	cr_expect_eq(r.status, 404);
	cr_expect(strstr(r.head, "application/problem+json"), "%s", r.head);
	response_clear(&r);
	close(fd);
}

/* However steadily the bytes of a header come, it has 10 s as a whole. */
Test(api_crowd, a_dripping_header_ends)
{
	double began = now_s();
	int fd = connect_as(f.write_path, 0);
	char c;

	client_send_text(fd, "GET /v1/status HTTP/1.1\r\nX: ");
	while (now_s() - began < 20) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (!client_send_text(fd, "x") || (poll(&p, 1, 200) == 1 && recv(fd, &c, 1, 0) <= 0))
			break;
	}
	cr_expect_gt(now_s() - began, 8);
	cr_expect_lt(now_s() - began, 15);
	close(fd);
}
