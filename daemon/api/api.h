/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP/JSON API on Unix sockets, over the engine. One thread: everything runs on the caller's event loop.
 */
#ifndef API_API_H
#define API_API_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include <vpc/cleanup.h>
#include <vpc/error.h>

#include "engine/engine.h"

struct api;

struct api_config {
	const char *instance;
	const char *run_dir;
	const char *socket_path; /* NULL: <run_dir>/vpcd.sock */
	const char *group;	 /* owner group of the socket, must exist; NULL: "vpcd" if there is such a group */
	sd_event *event;
	struct engine *engine;	  /* borrowed; outlives the api */
	uint32_t max_connections; /* of the socket that may change things; 0: vpc_limits_default.api_connections */
};

/* Listens on socket_path and, for GET alone, on <run_dir>/vpcd-ro.sock; or on those of the two that systemd handed
 * over. A socket's file appears once connections to it are taken. Strings of config are copied, run_dir must exist.
 * Errors: InvalidParameterValue (field "socket" or "group": path too long, taken by a file or by a daemon that answers,
 * no such group), InternalError with the system's reason. On error nothing is left behind. */
int api_new(const struct api_config *config, struct api **ret, struct vpc_error *reterr);
/* Closes every connection and removes the sockets' files that it made. Requests which the engine still has are
 * orphaned: the engine may call back later, or never. NULL is fine. */
void api_free(struct api *a);
DEFINE_CLEANUP(struct api *, api_free);

#endif
