/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* The only globals of the daemon: which lines are written, and where to. */
static int max_level = LOG_INFO;
static bool to_journal;

static const struct {
	const char *name;
	int level;
} levels[] = {
	{"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE}, {"info", LOG_INFO}, {"debug", LOG_DEBUG},
};

int log_parse_level(const char *s, int *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(s, levels[i].name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

/* JOURNAL_STREAM names the device and inode of the stream that systemd connected (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st) < 0)
		return false;
	return st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

void log_init(int level)
{
	max_level = level;
	to_journal = stderr_is_journal();
}

static const char *level_name(int level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (levels[i].level == level)
			return levels[i].name;
	return "error";
}

void log_write(int level, const char *format, ...)
{
	char line[2048];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (to_journal)
		sd_journal_send("PRIORITY=%d", level, "MESSAGE=%s", line, NULL);
	else
		fprintf(stderr, "vpcd: %s: %s\n", level_name(level), line);
}

void log_commit(const struct log_change *c)
{
	char line[512];

	if (max_level < LOG_INFO)
		return;
	snprintf(line, sizeof(line), "revision %llu: %s%s%s by uid %u pid %d, enforced in %llu us",
		 (unsigned long long)c->revision, c->op, c->object[0] ? " " : "", c->object, c->uid, c->pid,
		 (unsigned long long)c->enforced_ns / 1000);
	if (!to_journal) {
		fprintf(stderr, "vpcd: info: %s (%zu change%s)\n", line, c->changes, c->changes == 1 ? "" : "s");
		return;
	}
	sd_journal_send("PRIORITY=%d", LOG_INFO, "MESSAGE=%s", line, "VPCD_REVISION=%llu",
			(unsigned long long)c->revision, "VPCD_EPOCH=%llu", (unsigned long long)c->epoch,
			"VPCD_OBJECT=%s", c->object, "VPCD_OPERATION=%s", c->op, "VPCD_CALLER_UID=%u", c->uid,
			"VPCD_CALLER_PID=%d", c->pid, NULL);
}
