/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listening Unix socket whose file appears only when somebody will answer, or one that systemd opened. */
#ifndef API_SOCKET_H
#define API_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include <vpc/cleanup.h>
#include <vpc/error.h>

struct unix_socket {
	int fd;		 /* listening, non-blocking, close-on-exec; -1: none or handed on */
	char *path;	 /* owned */
	char *temporary; /* owned; where it is bound until socket_publish; NULL after, or when from systemd */
	bool unlink;	 /* the file at path is ours: of this device and inode */
	dev_t dev;
	ino_t ino;
	gid_t gid; /* of the file; (gid_t)-1: the process's own */
	mode_t mode;
};
#define UNIX_SOCKET_INIT ((struct unix_socket){.fd = -1})

/* Opens a socket for path: systemd's, if it handed one over that is bound there, else one of mode 0660 with the group.
 * group: must exist; NULL: default_group where that exists, else the process's own. Errors: InvalidParameterValue
 * (field "socket" or "group"), InternalError. */
int socket_open(const char *path, const char *group, const char *default_group, struct unix_socket *ret,
		struct vpc_error *reterr);
/* The same with mode 0666: who connects is asked for credentials. */
int socket_open_public(const char *path, struct unix_socket *ret, struct vpc_error *reterr);
/* The group whose members may write to the socket's file; (gid_t)-1: none. */
gid_t socket_group(const struct unix_socket *s);
/* Puts the file where clients look, over a stale one. -errno. */
int socket_publish(struct unix_socket *s);
/* Whether somebody removed or replaced the file that socket_publish put there. Not for a socket of systemd's. */
bool socket_is_lost(const struct unix_socket *s);
/* Makes a new socket with a new file in the place of a lost one, and its folder if that is gone. Gives its descriptor,
 * which is listening and the caller's; the old one is the caller's already. -errno: something that isn't ours stands
 * there, or it can't be made; s is as before. */
int socket_make_again(struct unix_socket *s, int *ret_fd);
/* Closes and removes the file if it is still ours. */
void socket_clear(struct unix_socket *s);

#endif
