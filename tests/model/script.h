/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A recorded script: lines, running them in a fresh world, and finding the shortest part that still fails. */
#ifndef TESTS_MODEL_SCRIPT_H
#define TESTS_MODEL_SCRIPT_H

#include <stdio.h>

#include "world.h"

struct script {
	char **lines; /* owned */
	size_t n, room;
};

void script_add(struct script *s, const char *line);
void script_clear(struct script *s);
/* Runs it in a new world until something is wrong. Returns WORLD_SAME, WORLD_MISMATCH or WORLD_BROKEN with the message;
 * *ret_ran: lines that were run. */
enum world_result script_run(const struct script *s, char message[MESSAGE_BYTES], size_t *ret_ran);
/* Drops lines while the script still ends in `wanted`, for at most `seconds`. */
void script_shrink(struct script *s, enum world_result wanted, unsigned seconds);
void script_print(const struct script *s, FILE *to);
/* 0 or -errno. */
int script_read(const char *path, struct script *ret);

#endif
