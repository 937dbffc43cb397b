/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/unreachable.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Name of the group that the socket lets in, or NULL. */
static const char *group_of(const char *socket)
{
	struct stat st;
	const struct group *group =
		stat(socket, &st) == 0 && st.st_gid && st.st_mode & S_IWGRP ? getgrgid(st.st_gid) : NULL;

	return group ? group->gr_name : NULL;
}

static void explain_denied(const char *socket, struct unreachable *f)
{
	const char *group = group_of(socket);

	f->denied = true;
	if (group) {
		snprintf(f->what, sizeof(f->what), "%.255s may be opened by root and the group %.64s only", socket,
			 group);
		snprintf(f->advice, sizeof(f->advice),
			 "use sudo, or join the group (sudo usermod -aG %.64s \"$USER\") and log in again", group);
		return;
	}
	snprintf(f->what, sizeof(f->what), "%.255s may be opened by root and the socket's group only", socket);
	snprintf(f->advice, sizeof(f->advice), "use sudo, or have vpcd started with --group and join that group");
}

struct unreachable unreachable_explain(const char *socket, int error)
{
	struct unreachable f = {0};

	if (error == -ENOMEM) {
		snprintf(f.what, sizeof(f.what), "out of memory");
	} else if (error == -EACCES || error == -EPERM) {
		explain_denied(socket, &f);
	} else if (error == -EPROTO) {
		snprintf(f.what, sizeof(f.what),
			 "vpcd at %.255s ended the connection before it answered; a change may or may not have been "
			 "made",
			 socket);
	} else {
		snprintf(f.what, sizeof(f.what), "no daemon at %.255s: %s", socket, strerror(-error));
		snprintf(f.advice, sizeof(f.advice), "start it with: systemctl start vpcd (or run vpcd as root)");
	}
	return f;
}
