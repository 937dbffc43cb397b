/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client and a server in two namespaces, ready to talk in several ways. The servers are threads that sleep while
 * nobody talks to them, so any number of pairs may be open at a time. Pairs live as long as the process.
 */
#ifndef TESTS_BENCH_PAIR_H
#define TESTS_BENCH_PAIR_H

#include "bench_util.h"

#define PAIR_PORT 7000 /* TCP and UDP; the rules of the peers and of vpcd allow it */

/* What a client of SERVER_CONNECTIONS sends: who ends the connection. */
#define PAIR_SERVER_ENDS 1
#define PAIR_CLIENT_ENDS 2

/* The servers that can be told not to sleep. One at a time: they share a CPU, and in real time nobody yields. */
enum pair_server { SERVER_NONE, SERVER_UDP, SERVER_TURNS, SERVER_CONNECTIONS };

struct pair {
	const char *name; /* borrowed */
	int client_ns;
	struct sockaddr_in server; /* where clients find it */
	struct sockaddr_in bound;  /* where it listens: another address where the way translates */
	int stream;		   /* connected sockets of the client */
	int turns;
	int udp;
	/* the servers' ends */
	int listener;
	int stream_server;
	int turns_server;
	int udp_server;
	_Alignas(64) _Atomic uint64_t received_bytes;	/* by stream_server */
	_Alignas(64) _Atomic uint64_t received_packets; /* by udp_server */
	_Atomic enum pair_server polled;		/* this one doesn't sleep, nor does its client */
};

/* One byte from a socket, without sleeping while the server is polled whose it is, or whose client's. Returns as
 * recv(2). */
ssize_t pair_receive(const struct pair *p, enum pair_server server, int fd, char *byte);

/* What is measured of one pair in one piece, and what came out. */
struct slice {
	uint64_t ns;		/* how long */
	uint64_t *latencies_ns; /* NULL, or where each operation's time is written; the caller's */
	size_t latencies_max;
	size_t n_latencies;
	uint64_t done; /* operations, packets or bytes that arrived */
	uint64_t took_ns;
};

/* Opens the pair and connects it. The server listens on the IPv4 address `bound`, or on `address` if that is NULL.
 * Leaves the thread in the client's namespace. Returns 0 or -errno, having said why. */
int pair_open(struct pair *p, const char *name, const char *client, const char *server, const char *address,
	      const char *bound);

struct measure {
	const char *name;
	_Bool has_latency; /* each operation can be timed */
	/* Returns 0 or -errno. */
	int (*run)(struct pair *p, struct slice *s);
};
/* stream (bytes), udp (packets delivered), turns (round trips), connections, crst (connections that the client ends by
 * RST), turns and connections also with ends that sleep while they wait; ends with a NULL name. */
extern const struct measure measures[];

#endif
