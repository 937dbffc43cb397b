/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share of struct api. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include <stddef.h>
#include <systemd/sd-event.h>

#include "api/api.h"
#include "api/http/socket.h"

struct request;
struct router;
struct tapsock;
struct server;
struct stream;
struct verify_run;

enum api_socket {
	API_SOCKET_WRITE,
	API_SOCKET_READ_ONLY,
	API_SOCKETS,
};

struct api {
	struct engine *engine; /* borrowed */
	sd_event *event;
	const struct router *router; /* the addresses that are served */
	struct unix_socket sockets[API_SOCKETS];
	struct server *servers[API_SOCKETS];
	struct tapsock *taps;
	sd_event_source *watch;	  /* timer: sockets whose files are gone */
	bool watch_failed;	  /* the log was told */
	size_t body_bytes;	  /* kept of all bodies now */
	size_t large_body_bytes;  /* of those that may be larger than others */
	struct request *requests; /* every one that has a connection */
	struct stream *streams;
	size_t n_streams;
	struct verify_run *verify; /* running now, or NULL */
};

#endif
