/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening a pair, and its servers. What is measured is in measure_util.c. */
#include "pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Between two looks at a socket: each holds its lock, which what arrives wants too. */
#define GLANCE_NS NS_PER_US
#define UDP_BATCH 64
#define UDP_BYTES 64
#define POLL_NS	  (20 * NS_PER_US)

ssize_t pair_receive(const struct pair *p, enum pair_server server, int fd, char *byte)
{
	for (;;) {
		bool polled = p->polled == server;
		ssize_t n = recv(fd, byte, 1, polled ? MSG_DONTWAIT : 0);

		if (n >= 0 || errno != EAGAIN || !polled)
			return n;
		bench_wait_until(bench_now_ns() + GLANCE_NS);
	}
}

/* The next connection, of a listener that doesn't block. */
static int next_connection(const struct pair *p)
{
	struct pollfd wait = {.fd = p->listener, .events = POLLIN};
	int fd;

	for (;;) {
		if (p->polled != SERVER_CONNECTIONS && poll(&wait, 1, -1) < 0)
			return -errno;
		fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 || errno != EAGAIN)
			return fd < 0 ? -errno : fd;
		bench_wait_until(bench_now_ns() + GLANCE_NS);
	}
}

static void *serve_stream(void *argument)
{
	struct pair *p = argument;
	static char buffer[256 << 10]; /* every server writes there, nobody reads it */
	ssize_t n;

	while ((n = recv(p->stream_server, buffer, sizeof(buffer), 0)) > 0)
		p->received_bytes += (uint64_t)n;
	return NULL;
}

static void *serve_turns(void *argument)
{
	struct pair *p = argument;
	char byte;

	while (pair_receive(p, SERVER_TURNS, p->turns_server, &byte) == 1)
		if (send(p->turns_server, &byte, 1, MSG_NOSIGNAL) != 1)
			break;
	return NULL;
}

/* One request and one answer a connection. The server ends it, as HTTP/1.0 does, so the client's port is free again; or
 * it waits until the client has. */
static void *serve_connections(void *argument)
{
	struct pair *p = argument;

	for (;;) {
		_cleanup_close_ int fd = next_connection(p);
		char byte;

		if (fd < 0)
			return NULL;
		if (pair_receive(p, SERVER_CONNECTIONS, fd, &byte) != 1 || send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
			continue;
		if (byte == PAIR_CLIENT_ENDS)
			pair_receive(p, SERVER_CONNECTIONS, fd, &byte);
	}
}

/*
 * Counts what comes; a packet that begins with '?' is answered, which makes the flow one of both directions. During a
 * slice it looks every POLL_NS and doesn't sleep: waking it would cost the sender more than sending does.
 */
static void *serve_udp(void *argument)
{
	struct pair *p = argument;
	char buffers[UDP_BATCH][UDP_BYTES];
	struct sockaddr_in from;
	struct iovec parts[UDP_BATCH];
	struct mmsghdr messages[UDP_BATCH];

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < UDP_BATCH; i++) {
		parts[i] = (struct iovec){.iov_base = buffers[i], .iov_len = UDP_BYTES};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	messages[0].msg_hdr.msg_name = &from;
	for (;;) {
		messages[0].msg_hdr.msg_namelen = sizeof(from);
		int n = recvmmsg(p->udp_server, messages, UDP_BATCH,
				 p->polled == SERVER_UDP ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EAGAIN)
			return NULL;
		if (n < UDP_BATCH && p->polled == SERVER_UDP)
			bench_wait_until(bench_now_ns() + POLL_NS);
		if (n < 0)
			continue;
		if (buffers[0][0] == '?')
			sendto(p->udp_server, "!", 1, 0, (struct sockaddr *)&from, sizeof(from));
		p->received_packets += (uint64_t)n;
	}
}

static int serving(const struct pair *p, int type)
{
	_cleanup_close_ int fd = bench_socket(type);
	int rc = fd < 0 ? fd : 0;

	if (rc)
		return rc;
	if (bind(fd, (const struct sockaddr *)&p->bound, sizeof(p->bound)))
		return -errno;
	if (type == SOCK_STREAM && listen(fd, 1024))
		return -errno;
	return TAKE_FD(fd);
}

static int connected(const struct pair *p, int type)
{
	_cleanup_close_ int fd = bench_socket(type);
	struct timeval limit = {.tv_sec = 5};

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		return -errno;
	if (connect(fd, (const struct sockaddr *)&p->server, sizeof(p->server)))
		return -errno;
	return TAKE_FD(fd);
}

/* Both directions, twice: for connection tracking of any kind the UDP flow is an established one from here. */
static int greet(const struct pair *p)
{
	char answer;

	for (int i = 0; i < 2; i++)
		if (send(p->udp, "?", 1, 0) != 1 || recv(p->udp, &answer, 1, 0) != 1)
			return -errno;
	return 0;
}

static int open_server(struct pair *p, const char *server)
{
	_cleanup_close_ int ns = bench_netns_open(server);
	int rc = ns < 0 ? ns : bench_netns_enter(ns);

	if (rc)
		return rc;
	p->listener = serving(p, SOCK_STREAM);
	p->udp_server = serving(p, SOCK_DGRAM);
	if (p->listener >= 0 && fcntl(p->listener, F_SETFL, O_NONBLOCK))
		return -errno;
	return p->listener < 0 ? p->listener : p->udp_server < 0 ? p->udp_server : 0;
}

static int open_client(struct pair *p)
{
	int rc = bench_netns_enter(p->client_ns);

	if (rc)
		return rc;
	p->stream = connected(p, SOCK_STREAM);
	if (p->stream < 0)
		return p->stream;
	p->stream_server = next_connection(p);
	p->turns = connected(p, SOCK_STREAM);
	if (p->turns < 0)
		return p->turns;
	p->turns_server = next_connection(p);
	p->udp = connected(p, SOCK_DGRAM);
	return p->udp < 0 ? p->udp : 0;
}

int pair_open(struct pair *p, const char *name, const char *client, const char *server, const char *address,
	      const char *bound)
{
	static void *(*const servers[])(void *) = {serve_stream, serve_turns, serve_connections, serve_udp};
	int rc;

	*p = (struct pair){.name = name};
	rc = bench_address(address, PAIR_PORT, &p->server);
	if (!rc)
		rc = bench_address(bound ? bound : address, PAIR_PORT, &p->bound);
	if (rc)
		return bench_failed(bound ? bound : address, rc);
	p->client_ns = bench_netns_open(client);
	if (p->client_ns < 0)
		return bench_failed(client, p->client_ns);
	rc = open_server(p, server);
	if (!rc)
		rc = open_client(p);
	for (size_t i = 0; i < ARRAY_SIZE(servers) && !rc; i++)
		rc = bench_thread(servers[i], p, CPU_SERVER);
	if (!rc)
		rc = greet(p);
	return rc ? bench_failed(name, rc) : 0;
}
