/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs of tests/bench share: namespaces, CPUs, clocks, sockets, order statistics. */
#ifndef TESTS_BENCH_UTIL_H
#define TESTS_BENCH_UTIL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/cleanup.h>

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

/* The CPUs of a run: who sends and judges on one, who receives on the other. */
#define CPU_CLIENT 0
#define CPU_SERVER 1

/* CLOCK_MONOTONIC. */
uint64_t bench_now_ns(void);
/* Sleeps until that time; spins for the last 60 us. */
void bench_wait_until(uint64_t at_ns);
/* Binds the calling thread to one CPU. Returns 0 or -errno. */
int bench_pin(int cpu);
/* Opens /run/netns/NAME. Returns a descriptor that the caller owns, or -errno. */
int bench_netns_open(const char *name);
/* The calling thread enters the namespace. Returns 0 or -errno. */
int bench_netns_enter(int fd);
/* "10.0.0.1" and a port in host byte order as a socket address. Returns 0 or -EINVAL. */
int bench_address(const char *text, uint16_t port, struct sockaddr_in *ret);
/* A socket in the namespace the thread is in, with 2 MiB of buffers each way and the least delay; the same for every
 * peer, since what the kernel chooses by itself depends on what went before. Returns a descriptor that the caller owns,
 * or -errno. */
int bench_socket(int type);
/* A thread with a stack of 64 KiB on CPU cpu, which nobody joins. Returns 0 or -errno. */
int bench_thread(void *(*run)(void *), void *argument, int cpu);

/* Sorts the values, and returns the one at this share of them (0.5: the median). n > 0. */
uint64_t bench_quantile(uint64_t *values, size_t n, double share);

/* Prints "NAME: what: strerror" to stderr and returns rc, for `return bench_failed("connect", -errno)`. */
int bench_failed(const char *what, int rc);

#endif
