/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One listening socket: a libmicrohttpd daemon without a thread, whose epoll descriptor and timeouts are sources of the
 * event loop. Its connections never keep the loop to themselves: one round of libmicrohttpd, then everybody else.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include <vpc/cleanup.h>

#include "api/http/clients.h"

struct MHD_Connection;
struct api;
struct server;

/* fd: listening; taken, also on failure. read_only: answers GET alone. -ENOMEM, -EIO (libmicrohttpd doesn't say why),
 * or sd-event's. */
int server_new(struct api *api, sd_event *event, int fd, bool read_only, uint32_t max_connections, struct server **ret);
/* Listens on another descriptor from now on; taken, also on failure. Connections stay. */
int server_listen(struct server *s, sd_event *event, int fd);
/* Closes every connection; none may be suspended. NULL is fine. */
void server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free);

/* Runs libmicrohttpd soon: after a connection was resumed. Safe from anywhere on the loop's thread. */
void server_kick(struct server *s);

/* What the connection is doing now, for its limits of time. */
void server_client_is(struct MHD_Connection *connection, struct server *s, enum client_state state);

/* The API that the server serves, borrowed; whether it answers GET only. */
struct api *server_api(struct server *s);
bool server_read_only(const struct server *s);

#endif
