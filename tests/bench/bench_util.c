/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench_util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <vpc/clock.h>

#define SPIN_NS	     (60 * NS_PER_US)
#define BUFFER_BYTES (2 << 20)

uint64_t bench_now_ns(void)
{
	return monotonic_ns();
}

void bench_wait_until(uint64_t at_ns)
{
	uint64_t wake = at_ns - SPIN_NS;
	struct timespec t = {.tv_sec = (time_t)(wake / NS_PER_S), .tv_nsec = (long)(wake % NS_PER_S)};

	if (bench_now_ns() < wake)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	while (bench_now_ns() < at_ns)
		;
}

int bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int bench_netns_open(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int bench_netns_enter(int fd)
{
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

int bench_address(const char *text, uint16_t port, struct sockaddr_in *ret)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

int bench_socket(int type)
{
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int bytes = BUFFER_BYTES, on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (type == SOCK_STREAM && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return -errno;
	return TAKE_FD(fd);
}

int bench_thread(void *(*run)(void *), void *argument, int cpu)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;
	int rc;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	rc = pthread_attr_init(&attr);
	if (rc)
		return -rc;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	rc = pthread_create(&thread, &attr, run, argument);
	pthread_attr_destroy(&attr);
	return -rc;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

uint64_t bench_quantile(uint64_t *values, size_t n, double share)
{
	size_t at = (size_t)((double)n * share);

	qsort(values, n, sizeof(*values), compare);
	return values[at < n ? at : n - 1];
}

int bench_failed(const char *what, int rc)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(-rc));
	return rc;
}
