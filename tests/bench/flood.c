/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long connections beside a SYN flood: flood LABEL CLIENT SERVER ADDRESS ATTACKER PORT SECONDS CONNECTIONS
 * CONNECTIONS from CLIENT to ADDRESS, port 7000, each of which says a byte every INTERVAL and hears it back; meanwhile
 * a thread on CPU_SERVER sends SYNs from ATTACKER to ADDRESS:PORT from random ports, as fast as it can. Output:
 * "LABEL,sent,N", "LABEL,lost,N" (connections that ended), "LABEL,stalled,N" (silent for STALL), "LABEL,turns,N",
 * "LABEL,worst_us,N" (the longest a byte took).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "bench_util.h"

#define CONNECTIONS_MAX 4000
#define PORT		7000
#define INTERVAL_NS	(500 * NS_PER_MS)
#define STALL_NS	(3 * NS_PER_S)
#define TICK_NS		(10 * NS_PER_MS)

struct connection {
	int client;
	int server;
	uint64_t said_ns; /* 0: nothing is under way */
	uint64_t next_ns;
	bool lost, stalled;
};

struct flood {
	struct sockaddr_in target;
	struct in_addr source;
	int raw;
	_Atomic bool on;
	_Atomic uint64_t sent;
};

struct packet {
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((__packed__));

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Checksum of the TCP header and its pseudo header; the IP header's is the kernel's. */
static uint16_t tcp_checksum(const struct packet *p)
{
	uint16_t words[sizeof(struct tcphdr) / 2];
	uint32_t sum = htons(IPPROTO_TCP) + htons(sizeof(p->tcp));

	sum += (p->ip.saddr & 0xffff) + (p->ip.saddr >> 16) + (p->ip.daddr & 0xffff) + (p->ip.daddr >> 16);
	memcpy(words, &p->tcp, sizeof(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	return sum_fold(sum);
}

static void *flood_on(void *argument)
{
	struct flood *f = argument;
	struct packet p = {.ip = {.version = 4,
				  .ihl = 5,
				  .ttl = 64,
				  .protocol = IPPROTO_TCP,
				  .tot_len = htons(sizeof(p)),
				  .saddr = f->source.s_addr,
				  .daddr = f->target.sin_addr.s_addr},
			   .tcp = {.dest = f->target.sin_port, .doff = 5, .syn = 1, .window = htons(1024)}};
	unsigned seed = 1;

	while (f->on) {
		p.tcp.source = htons((uint16_t)(1024 + (unsigned)rand_r(&seed) % 64000));
		p.tcp.seq = (uint32_t)rand_r(&seed);
		p.tcp.check = 0;
		p.tcp.check = tcp_checksum(&p);
		if (sendto(f->raw, &p, sizeof(p), 0, (struct sockaddr *)&f->target, sizeof(f->target)) == sizeof(p))
			f->sent++;
	}
	return NULL;
}

/* The raw socket of the attacker, and the address that its namespace would use towards the target. */
static int flood_open(struct flood *f, int ns)
{
	_cleanup_close_ int udp = -1;
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	int rc = bench_netns_enter(ns);

	if (rc)
		return rc;
	f->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (f->raw < 0 || udp < 0 || connect(udp, (struct sockaddr *)&f->target, sizeof(f->target)) ||
	    getsockname(udp, (struct sockaddr *)&own, &length))
		return -errno;
	f->source = own.sin_addr;
	return 0;
}

static int open_listener(int ns, const struct sockaddr_in *at)
{
	_cleanup_close_ int fd = -1;
	int rc = bench_netns_enter(ns);

	if (rc)
		return rc;
	fd = bench_socket(SOCK_STREAM);
	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) || listen(fd, 1024))
		return -errno;
	return TAKE_FD(fd);
}

static int open_connections(struct connection *c, size_t n, int ns, int listener, const struct sockaddr_in *at)
{
	int rc = bench_netns_enter(ns);

	for (size_t i = 0; i < n && !rc; i++) {
		c[i].client = bench_socket(SOCK_STREAM);
		if (c[i].client < 0)
			return c[i].client;
		if (connect(c[i].client, (const struct sockaddr *)at, sizeof(*at)))
			return -errno;
		c[i].server = accept(listener, NULL, NULL);
		if (c[i].server < 0)
			return -errno;
		c[i].next_ns = bench_now_ns() + INTERVAL_NS * i / n;
	}
	return rc;
}

/* Moves one connection on: says, answers, hears. Returns whether a turn ended; its time goes to *worst. */
static bool advance(struct connection *c, uint64_t now, uint64_t *worst)
{
	char byte = 1;
	ssize_t n;

	if (!c->said_ns && now >= c->next_ns) {
		c->lost |= send(c->client, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1;
		c->said_ns = now;
	}
	n = recv(c->server, &byte, 1, MSG_DONTWAIT);
	if (n == 1)
		c->lost |= send(c->server, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1;
	else
		c->lost |= n == 0 || errno != EAGAIN;
	n = recv(c->client, &byte, 1, MSG_DONTWAIT);
	if (n != 1) {
		c->lost |= n == 0 || errno != EAGAIN;
		c->stalled |= c->said_ns && now - c->said_ns > STALL_NS;
		return false;
	}
	now = bench_now_ns();
	if (now - c->said_ns > *worst)
		*worst = now - c->said_ns;
	c->said_ns = 0;
	c->next_ns = now + INTERVAL_NS;
	return true;
}

static void talk(const char *label, struct connection *c, size_t n, const struct flood *f, uint64_t until)
{
	uint64_t turns = 0, worst = 0;
	size_t lost = 0, stalled = 0;

	for (uint64_t now; (now = bench_now_ns()) < until;) {
		const struct timespec tick = {.tv_nsec = TICK_NS};

		for (size_t i = 0; i < n; i++)
			turns += advance(&c[i], now, &worst);
		nanosleep(&tick, NULL);
	}
	for (size_t i = 0; i < n; i++) {
		lost += c[i].lost;
		stalled += c[i].stalled;
	}
	printf("%s,sent,%lu\n%s,lost,%zu\n%s,stalled,%zu\n%s,turns,%lu\n%s,worst_us,%lu\n", label, f->sent, label, lost,
	       label, stalled, label, turns, label, (uint64_t)(worst / 1000));
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS_MAX];
	struct flood f = {.raw = -1};
	struct sockaddr_in at;
	size_t n = argc == 9 ? strtoul(argv[8], NULL, 10) : 0;
	int client, server, attacker, listener, rc;
	uint64_t seconds;

	if (!n || n > CONNECTIONS_MAX || bench_address(argv[4], PORT, &at)) {
		fprintf(stderr, "usage: flood LABEL CLIENT SERVER ADDRESS ATTACKER PORT SECONDS CONNECTIONS\n");
		return EXIT_FAILURE;
	}
	seconds = strtoul(argv[7], NULL, 10);
	client = bench_netns_open(argv[2]);
	server = bench_netns_open(argv[3]);
	attacker = bench_netns_open(argv[5]);
	if (client < 0 || server < 0 || attacker < 0)
		return EXIT_FAILURE;
	f.target = at;
	f.target.sin_port = htons((uint16_t)strtoul(argv[6], NULL, 10));
	rc = bench_pin(CPU_CLIENT);
	listener = open_listener(server, &at);
	if (!rc)
		rc = listener < 0 ? listener : open_connections(connections, n, client, listener, &at);
	if (!rc)
		rc = flood_open(&f, attacker);
	f.on = seconds > 0;
	if (!rc && seconds)
		rc = bench_thread(flood_on, &f, CPU_SERVER);
	if (rc) {
		bench_failed(argv[1], rc);
		return EXIT_FAILURE;
	}
	talk(argv[1], connections, n, &f, bench_now_ns() + (seconds ? seconds : 5) * NS_PER_S);
	f.on = false;
	return EXIT_SUCCESS;
}
