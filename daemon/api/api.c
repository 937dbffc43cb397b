/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include <vpc/limits.h>
#include <vpc/paths.h>

#include "api/http/internal.h"
#include "api/http/request.h"
#include "api/http/server.h"
#include "api/http/stream.h"
#include "api/tap/tap_socket.h"
#include "api/v1/handlers.h"
#include "api/v1/route.h"
#include "util/log.h"

/* The read-only socket's own share: enough for monitoring, and readers that fill it leave the writers alone. */
#define READ_ONLY_SHARE 4

static int open_sockets(struct api *a, const struct api_config *config, struct vpc_error *reterr)
{
	_cleanup_free_ char *path = NULL, *read_only = NULL;
	int r;

	if (config->socket_path)
		path = strdup(config->socket_path);
	else if (asprintf(&path, "%s/" VPCD_SOCKET_NAME, config->run_dir) < 0)
		path = NULL;
	if (asprintf(&read_only, "%s/" VPCD_READ_ONLY_SOCKET_NAME, config->run_dir) < 0)
		read_only = NULL;
	if (!path || !read_only)
		return vpc_error_oom(reterr);
	r = socket_open(path, config->group, "vpcd", &a->sockets[API_SOCKET_WRITE], reterr);
	if (r < 0)
		return r;
	r = socket_open(read_only, NULL, "vpcd-ro", &a->sockets[API_SOCKET_READ_ONLY], reterr);
	if (r < 0)
		return r;
	return tapsock_new(a, config->run_dir, &a->taps, reterr);
}

static int start_server(struct api *a, enum api_socket which, uint32_t max_connections, struct vpc_error *reterr)
{
	struct unix_socket *s = &a->sockets[which];
	int r = server_new(a, a->event, TAKE_FD(s->fd), which == API_SOCKET_READ_ONLY, max_connections,
			   &a->servers[which]);

	if (r < 0)
		vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "socket", "%s: cannot serve HTTP: %s", s->path,
			      strerror(-r));
	return r;
}

static int publish(struct api *a, enum api_socket which, struct vpc_error *reterr)
{
	int r = socket_publish(&a->sockets[which]);

	if (r < 0)
		vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "socket", "%s: %s", a->sockets[which].path, strerror(-r));
	return r;
}

#define WATCH_US 1000000ull

/* 1: it was made again; 0: its file is there; -errno. */
static int watch_socket(struct api *a, enum api_socket which)
{
	int fd, r;

	if (!socket_is_lost(&a->sockets[which]))
		return 0;
	r = socket_make_again(&a->sockets[which], &fd);
	if (r >= 0)
		r = server_listen(a->servers[which], a->event, fd);
	return r < 0 ? r : 1;
}

/* Somebody may remove files of the run folder. The sockets are then made again, so that vpcd stays reachable. */
static int on_watch(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct api *a = userdata;
	int made = 0, failed = 0;

	for (int i = 0; i <= API_SOCKETS; i++) {
		int r = i < API_SOCKETS ? watch_socket(a, (enum api_socket)i) : tapsock_watch(a->taps);

		if (r > 0)
			made++;
		else if (r < 0)
			failed = r;
	}
	if (made)
		log_warning("somebody else removed %d of vpcd's sockets: they are made again", made);
	if (failed && !a->watch_failed)
		log_error("a socket that somebody else removed cannot be made again (will be tried): %s",
			  strerror(-failed));
	a->watch_failed = failed != 0;
	sd_event_source_set_time(source, usec + WATCH_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int api_new(const struct api_config *config, struct api **ret, struct vpc_error *reterr)
{
	_cleanup_(api_freep) struct api *a = calloc(1, sizeof(*a));
	uint32_t max = config->max_connections ? config->max_connections : vpc_limits_default.api_connections;
	int r;

	if (!a)
		return vpc_error_oom(reterr);
	for (int i = 0; i < API_SOCKETS; i++)
		a->sockets[i] = UNIX_SOCKET_INIT;
	a->engine = config->engine;
	a->router = &v1_router;
	a->event = sd_event_ref(config->event);
	r = open_sockets(a, config, reterr);
	if (r < 0)
		return r;
	r = start_server(a, API_SOCKET_WRITE, max, reterr);
	if (r < 0)
		return r;
	r = start_server(a, API_SOCKET_READ_ONLY, max > READ_ONLY_SHARE ? max / READ_ONLY_SHARE : 1, reterr);
	if (r < 0)
		return r;
	/* Last: its file tells that vpcd is ready. */
	r = publish(a, API_SOCKET_READ_ONLY, reterr);
	if (r < 0)
		return r;
	r = tapsock_publish(a->taps, socket_group(&a->sockets[API_SOCKET_WRITE]));
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "socket", VPCD_TAP_SOCKET_NAME ": %s", strerror(-r));
	r = publish(a, API_SOCKET_WRITE, reterr);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(a->event, &a->watch, CLOCK_MONOTONIC, WATCH_US, WATCH_US / 4, on_watch, a);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "socket", "a timer: %s", strerror(-r));
	*ret = TAKE_PTR(a);
	return 0;
}

void api_free(struct api *a)
{
	struct request *r;

	if (!a)
		return;
	/* libmicrohttpd aborts the process if a connection is still suspended when it is stopped. */
	sd_event_source_disable_unref(a->watch);
	verify_stop(a);
	streams_stop(a);
	DL_FOREACH (a->requests, r)
		request_wake(r);
	tapsock_free(a->taps);
	for (int i = 0; i < API_SOCKETS; i++) {
		server_free(a->servers[i]);
		socket_clear(&a->sockets[i]);
	}
	sd_event_unref(a->event);
	free(a);
}
