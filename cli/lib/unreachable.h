/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a request to vpcd got no reply, in the words of every program. */
#ifndef CLI_UNREACHABLE_H
#define CLI_UNREACHABLE_H

#include <stdbool.h>

#define UNREACHABLE_TEXT_MAX 640

struct unreachable {
	bool denied;			   /* vpcd may be there, but this user may not ask it */
	char what[UNREACHABLE_TEXT_MAX];   /* one sentence, without a full stop */
	char advice[UNREACHABLE_TEXT_MAX]; /* what to do about it, or "" */
};

/* error: a negative errno, as http_request() returns it or connect() sets it. */
struct unreachable unreachable_explain(const char *socket, int error);

#endif
