/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same rule change by the program that a user of a product runs:
 *   change_products LABEL CLIENT SERVER ADDRESS ROUNDS -- ALLOW… -- REVOKE… -- REDEFINE… -- REDEFINE…
 * ALLOW and REVOKE are commands that let UDP to port 7000 of ADDRESS through, or no longer. The two of REDEFINE, in
 * turn, change another rule. They must reach the product by a path: they run in the server's network namespace. Output,
 * one line a figure:
 *   LABEL,allow|revoke|redefine,p50_ns,p99_ns,n
 * from before the command is started until it has ended, and
 *   LABEL,late|requests|answers|opened|shut,packets,0,sent
 * late: sent after REVOKE had ended, and delivered, of a flow without answers; requests, answers: the same of a flow
 * that had been answered, from the client and from the server; opened: delivered while REDEFINE ran, before ALLOW;
 * shut: not delivered while REDEFINE ran, after ALLOW.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "probe.h"

#define ROUNDS_MAX    200
#define PORT	      7000
#define EVERY_NS      (100 * NS_PER_US)
#define STAMPS_MAX    (1u << 22)
#define BURST	      500
#define SETTLE_MS     100 /* what was sent before has arrived, also through a switch in user space that is behind */
#define OPEN_TRIES    100
#define ANSWER_MS     1000
#define COMMANDS      4
#define BURST_WAIT_NS (100 * NS_PER_US)

extern char **environ;

enum series { ALLOW, REVOKE, REDEFINE, SERIES };
static const char *const series_names[SERIES] = {"allow", "revoke", "redefine"};
enum tally { LATE, REQUESTS, ANSWERS, OPENED, SHUT, TALLIES };
static const char *const tally_names[TALLIES] = {"late", "requests", "answers", "opened", "shut"};

struct span {
	uint64_t from_ns, until_ns;
};

struct run {
	const char *label;
	char **commands[COMMANDS]; /* ALLOW, REVOKE, REDEFINE twice */
	int client, server;	   /* namespaces */
	struct sockaddr_in at;
	struct probe probe;
	uint64_t values[SERIES][2 * ROUNDS_MAX];
	size_t n[SERIES];
	uint64_t counted[TALLIES], of[TALLIES];
};

/* When packets were sent and when those were that arrived, in the order of their arrival. Written by a thread each. */
static uint64_t sent[STAMPS_MAX], arrived[STAMPS_MAX];
static _Atomic size_t arrived_n;

static void *collect(void *argument)
{
	const struct probe *p = argument;
	size_t n = 0;

	/* What has another length is late, and of a flow that is closed. */
	while (n < STAMPS_MAX)
		if (recv(p->receiver, &arrived[n], sizeof(arrived[n]), 0) == (ssize_t)sizeof(arrived[n]))
			arrived_n = ++n;
	fprintf(stderr, "change_products: no more packets can be noted\n");
	exit(EXIT_FAILURE);
}

static uint64_t within(const uint64_t *stamps, size_t n, const struct span *s)
{
	uint64_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += stamps[i] >= s->from_ns && stamps[i] <= s->until_ns;
	return found;
}

static uint64_t sent_within(const struct run *r, const struct span *s)
{
	return within(sent, r->probe.sent, s);
}

static uint64_t arrived_within(const struct span *s)
{
	return within(arrived, arrived_n, s);
}

static void rest(unsigned ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};

	nanosleep(&t, NULL);
}

/* Runs a command, of which only errors are shown, and tells from when to when. */
static int command(char **words, struct span *ret)
{
	posix_spawn_file_actions_t actions;
	int status, rc;
	pid_t pid;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	ret->from_ns = bench_now_ns();
	if (rc == 0)
		rc = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return bench_failed(words[0], -rc);
	if (waitpid(pid, &status, 0) < 0)
		return bench_failed(words[0], -errno);
	ret->until_ns = bench_now_ns();
	return status ? bench_failed(words[0], -EPROTO) : 0;
}

static int timed(struct run *r, enum series s, char **words, struct span *ret)
{
	int rc = command(words, ret);

	if (rc == 0 && r->n[s] < ARRAY_SIZE(r->values[s]))
		r->values[s][r->n[s]++] = ret->until_ns - ret->from_ns;
	return rc;
}

/* Another rule is changed while the prober's packets are refused, or let through. */
static int redefine(struct run *r, unsigned which, bool open)
{
	enum tally t = open ? SHUT : OPENED;
	struct span s;
	uint64_t n;
	int rc = timed(r, REDEFINE, r->commands[2 + which], &s);

	if (rc)
		return rc;
	rest(SETTLE_MS);
	n = sent_within(r, &s);
	r->of[t] += n;
	r->counted[t] += open ? n - arrived_within(&s) : arrived_within(&s);
	return 0;
}

static int wait_open(const struct span *allow)
{
	struct span s = {.from_ns = allow->from_ns, .until_ns = UINT64_MAX};

	for (int i = 0; i < OPEN_TRIES; i++) {
		if (arrived_within(&s))
			return 0;
		rest(SETTLE_MS);
	}
	fprintf(stderr, "change_products: nothing came through that was allowed\n");
	return -EPROTO;
}

/* Both ends of a flow of its own, connected to each other. */
static int flow_open(const struct run *r, int ends[2])
{
	struct sockaddr_in client;
	socklen_t size = sizeof(client);
	int rc = bench_netns_enter(r->client);

	if (rc)
		return rc;
	ends[0] = bench_socket(SOCK_DGRAM);
	if (ends[0] < 0 || connect(ends[0], (const struct sockaddr *)&r->at, sizeof(r->at)) ||
	    getsockname(ends[0], (struct sockaddr *)&client, &size))
		return bench_failed("client", -errno);
	rc = bench_netns_enter(r->server);
	if (rc)
		return rc;
	ends[1] = bench_socket(SOCK_DGRAM);
	if (ends[1] < 0 || bind(ends[1], (const struct sockaddr *)&r->at, sizeof(r->at)) ||
	    connect(ends[1], (const struct sockaddr *)&client, sizeof(client)))
		return bench_failed("server", -errno);
	return 0;
}

static bool passes(int from, int to)
{
	struct pollfd p = {.fd = to, .events = POLLIN};
	char byte = 0;

	for (int i = 0; i < 3; i++)
		if (send(from, &byte, 1, 0) == 1 && poll(&p, 1, ANSWER_MS) == 1 &&
		    recv(to, &byte, 1, MSG_DONTWAIT) == 1)
			return true;
	return false;
}

static void drain(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) == 1)
		;
}

/* Sends BURST packets and counts those that arrive. */
static void burst(struct run *r, enum tally t, int from, int to)
{
	uint64_t next = bench_now_ns();
	char byte = 0;

	for (int i = 0; i < BURST; i++, next += BURST_WAIT_NS) {
		bench_wait_until(next);
		r->of[t] += send(from, &byte, 1, 0) == 1;
	}
	rest(SETTLE_MS);
	while (recv(to, &byte, 1, MSG_DONTWAIT) == 1)
		r->counted[t]++;
}

/* Revokes while a flow that was answered is there. The server goes on first: a request that is refused may end the
 * flow. */
static int revoke_answered(struct run *r)
{
	_cleanup_close_ int client = -1, server = -1;
	int ends[2] = {-1, -1};
	struct span s;
	int rc = flow_open(r, ends);

	client = ends[0];
	server = ends[1];
	if (rc)
		return rc;
	if (!passes(client, server) || !passes(server, client)) {
		fprintf(stderr, "change_products: no answer while it was allowed\n");
		return -EPROTO;
	}
	rc = timed(r, REVOKE, r->commands[1], &s);
	if (rc)
		return rc;
	drain(client);
	drain(server);
	burst(r, ANSWERS, server, client);
	burst(r, REQUESTS, client, server);
	r->probe.on = false;
	rest(SETTLE_MS);
	s = (struct span){.from_ns = s.until_ns, .until_ns = UINT64_MAX};
	r->of[LATE] += sent_within(r, &s);
	r->counted[LATE] += arrived_within(&s);
	return 0;
}

static int one_round(struct run *r, unsigned round)
{
	struct span s;
	int rc;

	r->probe.on = true;
	rest(SETTLE_MS);
	rc = redefine(r, 0, false);
	if (rc == 0)
		rc = timed(r, ALLOW, r->commands[0], &s);
	if (rc == 0)
		rc = wait_open(&s);
	if (rc == 0)
		rc = redefine(r, 1, true);
	if (rc == 0)
		rc = revoke_answered(r);
	if (rc)
		fprintf(stderr, "change_products: %s: round %u failed\n", r->label, round);
	return rc;
}

/* The commands, each after a "--". */
static int parse_commands(struct run *r, char **argv)
{
	int n = 0;

	for (; *argv; argv++) {
		if (strcmp(*argv, "--") != 0)
			continue;
		*argv = NULL;
		if (n == COMMANDS || !argv[1])
			return -EINVAL;
		r->commands[n++] = argv + 1;
	}
	return n == COMMANDS ? 0 : -EINVAL;
}

static int start(struct run *r, char **argv)
{
	int rc;

	r->label = argv[1];
	r->client = bench_netns_open(argv[2]);
	r->server = bench_netns_open(argv[3]);
	if (r->client < 0 || r->server < 0)
		return bench_failed(argv[2], -ENOENT);
	rc = bench_address(argv[4], PORT, &r->at);
	if (rc)
		return bench_failed(argv[4], rc);
	r->probe = (struct probe){.every_ns = EVERY_NS, .stamps = sent, .stamps_max = STAMPS_MAX};
	rc = probe_start(&r->probe, argv[2], argv[3], argv[4], PORT);
	return rc ? rc : bench_thread(collect, &r->probe, CPU_CLIENT);
}

static void print(struct run *r)
{
	for (int s = 0; s < SERIES; s++)
		printf("%s,%s,%lu,%lu,%zu\n", r->label, series_names[s], bench_quantile(r->values[s], r->n[s], 0.5),
		       bench_quantile(r->values[s], r->n[s], 0.99), r->n[s]);
	for (int t = 0; t < TALLIES; t++)
		printf("%s,%s,%lu,0,%lu\n", r->label, tally_names[t], r->counted[t], r->of[t]);
}

int main(int argc, char **argv)
{
	static struct run r;
	unsigned rounds = argc > 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;

	if (!rounds || rounds > ROUNDS_MAX || parse_commands(&r, argv + 6)) {
		fprintf(stderr, "usage: change_products LABEL CLIENT SERVER ADDRESS ROUNDS -- ALLOW... -- REVOKE... -- "
				"REDEFINE... -- REDEFINE...\n");
		return EXIT_FAILURE;
	}
	if (start(&r, argv))
		return EXIT_FAILURE;
	for (unsigned i = 0; i < rounds; i++)
		if (one_round(&r, i))
			return EXIT_FAILURE;
	print(&r);
	return EXIT_SUCCESS;
}
