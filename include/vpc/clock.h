/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the kernel's clocks. All times are unsigned and in the unit of the function's name. */
#ifndef VPC_CLOCK_H
#define VPC_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

/* id: CLOCK_MONOTONIC, CLOCK_REALTIME, …; clocks that every Linux has. */
static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* CLOCK_MONOTONIC: for time limits; it stands while the machine sleeps. */
static inline uint64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t monotonic_us(void)
{
	return monotonic_ns() / NS_PER_US;
}

static inline uint64_t monotonic_ms(void)
{
	return monotonic_ns() / NS_PER_MS;
}

static inline uint64_t monotonic_s(void)
{
	return monotonic_ns() / NS_PER_S;
}

/* CLOCK_REALTIME: since 1970 in UTC. */
static inline uint64_t realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static inline uint64_t realtime_s(void)
{
	return realtime_ns() / NS_PER_S;
}

/* CLOCK_BOOTTIME: as CLOCK_MONOTONIC, but it goes on while the machine sleeps. eBPF programs tell it. */
static inline uint64_t boottime_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

static inline uint64_t boottime_s(void)
{
	return boottime_ns() / NS_PER_S;
}

/* What CLOCK_REALTIME was at a moment of CLOCK_BOOTTIME. */
static inline uint64_t realtime_of_boottime_ns(uint64_t moment_ns)
{
	return realtime_ns() - (boottime_ns() - moment_ns);
}

/* A signal may end it early. */
static inline void sleep_ms(uint32_t ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};

	nanosleep(&pause, NULL);
}

#endif
