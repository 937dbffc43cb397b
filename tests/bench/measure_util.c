/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is measured of a pair. */
#include "pair.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_BYTES (128 << 10)
#define UDP_BYTES    64
#define UDP_BURST    16		     /* packets between two looks at the clock */
#define STUCK_NS     (10 * NS_PER_S) /* a stream that stands still so long won't go on */
#define QUIET_NS     NS_PER_MS	     /* when nothing came for so long, nothing will */

/* Waits until the counter stands at `expected` or nothing comes any more. Returns when it last moved. */
static uint64_t wait_arrived(_Atomic uint64_t *counter, uint64_t expected, uint64_t quiet_ns)
{
	uint64_t before = *counter, moved = bench_now_ns(), now = moved;

	while (before < expected && now - moved < quiet_ns) {
		uint64_t seen = *counter;

		now = bench_now_ns();
		if (seen != before)
			moved = now;
		before = seen;
	}
	return moved;
}

/* Bytes, from the first one's sending to the last one's arrival. */
static int measure_stream(struct pair *p, struct slice *s)
{
	static const char buffer[STREAM_BYTES];
	uint64_t before = p->received_bytes, sent = 0, began = bench_now_ns();

	while (bench_now_ns() - began < s->ns) {
		ssize_t n = send(p->stream, buffer, sizeof(buffer), MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		sent += (uint64_t)n;
	}
	s->took_ns = wait_arrived(&p->received_bytes, before + sent, STUCK_NS) - began;
	s->done = p->received_bytes - before;
	return s->done == sent ? 0 : -ETIMEDOUT;
}

/* Packets that arrived, by the time of sending, or of arriving where that took longer. */
static int measure_udp(struct pair *p, struct slice *s)
{
	static const char buffer[UDP_BYTES];
	uint64_t before = p->received_packets, sent = 0, began = bench_now_ns(), ended = began;

	p->polled = SERVER_UDP;
	while (ended - began < s->ns) {
		for (int i = 0; i < UDP_BURST; i++)
			if (send(p->udp, buffer, sizeof(buffer), 0) == UDP_BYTES)
				sent++;
		ended = bench_now_ns();
	}
	s->took_ns = wait_arrived(&p->received_packets, before + sent, QUIET_NS) - began;
	p->polled = SERVER_NONE;
	s->done = p->received_packets - before;
	return 0;
}

static int turn(const struct pair *p, enum pair_server server, int fd, char byte)
{
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		return -errno;
	if (pair_receive(p, server, fd, &byte) != 1)
		return errno ? -errno : -ECONNRESET;
	return 0;
}

static int connection(const struct pair *p)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;
	int rc;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&p->server, sizeof(p->server)))
		return -errno;
	rc = turn(p, SERVER_CONNECTIONS, fd, PAIR_SERVER_ENDS);
	if (rc)
		return rc;
	return pair_receive(p, SERVER_CONNECTIONS, fd, &byte) ? -EPROTO : 0;
}

/* The client ends it by RST, as health checks do. */
static int connection_reset(const struct pair *p)
{
	static const struct linger now = {.l_onoff = 1};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) ||
	    connect(fd, (const struct sockaddr *)&p->server, sizeof(p->server)))
		return -errno;
	return turn(p, SERVER_CONNECTIONS, fd, PAIR_CLIENT_ENDS);
}

/* Runs one operation after the other until the time is up, and notes each one's if that is wanted. polled: the
 * server that doesn't sleep meanwhile. */
static int repeat(struct pair *p, struct slice *s, enum pair_server polled, int (*operation)(const struct pair *p))
{
	uint64_t began = bench_now_ns(), now = began, before;
	int rc = 0;

	s->done = 0;
	p->polled = polled;
	while (now - began < s->ns && !rc) {
		before = now;
		rc = operation(p);
		now = bench_now_ns();
		s->done++;
		if (s->n_latencies < s->latencies_max)
			s->latencies_ns[s->n_latencies++] = now - before;
	}
	s->took_ns = now - began;
	p->polled = SERVER_NONE;
	return rc;
}

static int one_turn(const struct pair *p)
{
	return turn(p, SERVER_TURNS, p->turns, 1);
}

static int measure_turns(struct pair *p, struct slice *s)
{
	return repeat(p, s, SERVER_TURNS, one_turn);
}

static int measure_turns_asleep(struct pair *p, struct slice *s)
{
	return repeat(p, s, SERVER_NONE, one_turn);
}

static int measure_connections(struct pair *p, struct slice *s)
{
	int rc = bench_netns_enter(p->client_ns);

	return rc ? rc : repeat(p, s, SERVER_CONNECTIONS, connection);
}

static int measure_crst(struct pair *p, struct slice *s)
{
	int rc = bench_netns_enter(p->client_ns);

	return rc ? rc : repeat(p, s, SERVER_CONNECTIONS, connection_reset);
}

static int measure_connections_asleep(struct pair *p, struct slice *s)
{
	int rc = bench_netns_enter(p->client_ns);

	return rc ? rc : repeat(p, s, SERVER_NONE, connection);
}

const struct measure measures[] = {
	{"stream", 0, measure_stream},
	{"udp", 0, measure_udp},
	{"turns", 1, measure_turns},
	{"connections", 1, measure_connections},
	{"crst", 1, measure_crst},
	{"turns-asleep", 1, measure_turns_asleep},
	{"connections-asleep", 1, measure_connections_asleep},
	{0},
};
