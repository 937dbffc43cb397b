/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logging: one line an event to stderr, or structured fields to the journal where stderr is connected to it. */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>

#include <vpc/cleanup.h>

/* level: LOG_ERR … LOG_DEBUG; less urgent lines are left out. Call it once, before any thread. */
void log_init(int level);
/* "error", "warning", "notice", "info", "debug". -EINVAL. */
int log_parse_level(const char *s, int *ret);
PRINTF_LIKE(2, 3) void log_write(int level, const char *format, ...);

#define log_error(...)	 log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_write(LOG_DEBUG, __VA_ARGS__)

/* One line for each committed transaction. what: "sg.authorize web (sg-…)", … */
struct log_change {
	uint64_t revision;
	uint64_t epoch;
	uint64_t enforced_ns;
	uid_t uid;
	pid_t pid;
	const char *op;
	const char *object;
	size_t changes;
};
void log_commit(const struct log_change *c);

#endif
