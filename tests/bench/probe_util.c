/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#define RESTING_NS (100 * NS_PER_US)

static void sleep_ns(uint64_t ns)
{
	const struct timespec t = {.tv_nsec = (long)ns};

	nanosleep(&t, NULL);
}

/* Whether it arrives is what is asked; a queue that is full comes to the same as a rule that is not. */
static void send_one(struct probe *p, uint64_t now)
{
	if (send(p->sender, &now, sizeof(now), 0) < 0 || (p->stamps && p->sent >= p->stamps_max))
		return;
	if (p->stamps)
		p->stamps[p->sent] = now;
	p->sent++;
}

static void *send_on(void *argument)
{
	const struct sched_param ordinary = {0};
	struct probe *p = argument;
	uint64_t next = bench_now_ns();

	/* If it doesn't sleep, not in real time, whatever the process is: the kernel's own threads of this CPU, which a
	 * change may wait for, would wait for the rests. */
	if (p->every_ns < PROBE_SLEEP_NS && sched_setscheduler(0, SCHED_OTHER, &ordinary))
		bench_failed("the prober's scheduling", -errno);
	while (p->sender >= 0) {
		uint64_t now = bench_now_ns();

		if (!p->on) {
			sleep_ns(RESTING_NS);
			continue;
		}
		if (now < next) {
			if (p->every_ns >= PROBE_SLEEP_NS)
				sleep_ns(next - now);
			continue;
		}
		send_one(p, now);
		next = now + p->every_ns;
	}
	return NULL;
}

static int opened(int ns, const struct sockaddr_in *at, bool server)
{
	_cleanup_close_ int fd = -1;
	int rc = bench_netns_enter(ns);

	if (rc)
		return rc;
	fd = bench_socket(SOCK_DGRAM);
	if (fd < 0)
		return fd;
	if (server ? bind(fd, (const struct sockaddr *)at, sizeof(*at))
		   : connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		return -errno;
	return TAKE_FD(fd);
}

int probe_start(struct probe *p, const char *client, const char *server, const char *address, uint16_t port)
{
	_cleanup_close_ int client_ns = bench_netns_open(client), server_ns = bench_netns_open(server);
	struct sockaddr_in at;
	int rc = bench_address(address, port, &at);

	p->sender = p->receiver = -1;
	p->every_ns = p->every_ns ?: PROBE_EVERY_NS;
	if (client_ns < 0 || server_ns < 0)
		return bench_failed(client, client_ns < 0 ? client_ns : server_ns);
	if (rc)
		return bench_failed(address, rc);
	p->sender = opened(client_ns, &at, false);
	p->receiver = opened(server_ns, &at, true);
	if (p->sender < 0 || p->receiver < 0)
		return bench_failed("probe", p->sender < 0 ? p->sender : p->receiver);
	rc = bench_thread(send_on, p, CPU_SERVER);
	return rc ? bench_failed("thread", rc) : 0;
}

void probe_read(const struct probe *p, uint64_t from_ns, uint64_t until_ns, struct probe_seen *ret)
{
	uint64_t at;

	*ret = (struct probe_seen){0};
	while (recv(p->receiver, &at, sizeof(at), MSG_DONTWAIT) == (ssize_t)sizeof(at)) {
		ret->n++;
		if (at >= from_ns && !ret->first_ns)
			ret->first_ns = at;
		if (at > ret->last_ns)
			ret->last_ns = at;
		ret->late += at > until_ns;
	}
}
