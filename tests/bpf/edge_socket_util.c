/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets of the edge's tests, in a namespace each. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "edge_util.h"

#define WAIT_MS 2000

static socklen_t sockaddr_make(struct sockaddr_storage *to, const char *address, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (strchr(address, ':')) {
		*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
		cr_assert_eq(inet_pton(AF_INET6, address, &v6->sin6_addr), 1);
		return sizeof(*v6);
	}
	*v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	cr_assert_eq(inet_pton(AF_INET, address, &v4->sin_addr), 1);
	return sizeof(*v4);
}

int edge_socket(struct edge_lab *e, enum edge_ns where, int type, const char *address, uint16_t port)
{
	struct timeval wait = {.tv_sec = WAIT_MS / 1000};
	struct sockaddr_storage to;
	int fd, one = 1;

	edge_enter(e, where);
	fd = socket(address && strchr(address, ':') ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
	edge_enter(e, NS_VPC);
	cr_assert_geq(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!address)
		return fd;
	cr_assert_eq(bind(fd, (struct sockaddr *)&to, sockaddr_make(&to, address, port)), 0, "%s: %s", address,
		     strerror(errno));
	if (type == SOCK_STREAM && port)
		cr_assert_eq(listen(fd, 1024), 0);
	return fd;
}

bool edge_connect(int fd, const char *address, uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t length = sockaddr_make(&to, address, port);
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	if (connect(fd, (struct sockaddr *)&to, length) == 0)
		return true;
	/* Else the kernel goes on sending the SYN, and a listener accepts that connection when it is let through later.
	 */
	connect(fd, &nobody, sizeof(nobody));
	return false;
}

static bool half(int from, int to)
{
	char byte = 0;

	return send(from, "x", 1, MSG_NOSIGNAL) == 1 && recv(to, &byte, 1, 0) == 1 && byte == 'x';
}

bool edge_talk(int a, int b)
{
	return half(a, b) && half(b, a);
}

bool edge_stream(int from, int to, size_t bytes)
{
	static char buffer[65536];
	uint64_t until = lab_now_ns() + 10000000000ull;
	size_t sent = 0, received = 0;

	while (received < bytes && lab_now_ns() < until) {
		struct pollfd p[2] = {{.fd = to, .events = POLLIN}, {.fd = from, .events = sent < bytes ? POLLOUT : 0}};
		ssize_t n = 0;

		if (poll(p, 2, 100) <= 0)
			continue;
		if (p[1].revents & POLLOUT)
			n = send(from, buffer, sizeof(buffer) < bytes - sent ? sizeof(buffer) : bytes - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		n = p[0].revents & POLLIN ? recv(to, buffer, sizeof(buffer), MSG_DONTWAIT) : 0;
		received += n > 0 ? (size_t)n : 0;
	}
	return received == bytes;
}

static struct edge_peer peer_of(const struct sockaddr_storage *from)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	struct edge_peer p = {};

	if (from->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, p.address, sizeof(p.address));
		p.port = ntohs(v6->sin6_port);
	} else {
		inet_ntop(AF_INET, &v4->sin_addr, p.address, sizeof(p.address));
		p.port = ntohs(v4->sin_port);
	}
	return p;
}

struct edge_peer edge_peer(int fd)
{
	struct sockaddr_storage from = {};
	socklen_t length = sizeof(from);

	cr_assert_eq(getpeername(fd, (struct sockaddr *)&from, &length), 0);
	return peer_of(&from);
}

bool edge_send(int fd, const char *address, uint16_t port, const char *text)
{
	struct sockaddr_storage to;
	socklen_t length = sockaddr_make(&to, address, port);

	return sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, length) == (ssize_t)strlen(text);
}

bool edge_receive(int fd, const char *text, struct edge_peer *ret)
{
	struct sockaddr_storage from = {};
	socklen_t length = sizeof(from);
	char buffer[2048];
	ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

	if (ret)
		*ret = peer_of(&from);
	return n == (ssize_t)strlen(text) && !memcmp(buffer, text, strlen(text));
}

int edge_connection(struct edge_lab *e, enum edge_ns where, const char *address, uint16_t port, int listener,
		    int *ret_client)
{
	struct timeval wait = {.tv_sec = WAIT_MS / 1000};
	int fd;

	*ret_client = edge_socket(e, where, SOCK_STREAM, NULL, 0);
	if (!edge_connect(*ret_client, address, port))
		return -1;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}
