/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/tap/tap_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include <vpc/hex.h>
#include <vpc/paths.h>

#define CLIENTS_MAX	  64
#define CLIENTS_OF_A_USER 8
#define TIMEOUT_US	  5000000ull
#define ACCEPT_PAUSE_US	  100000
#define NO_GROUP	  ((gid_t)-1)

/* An opening that the engine has in hand. Outlives the client, who may go away meanwhile. */
struct tap_opening {
	struct tap_client *client; /* NULL: gone */
	char reply[TAPSOCK_LINE_MAX];
};

struct tap_client {
	struct tapsock *sock;
	struct caller caller;
	int fd;
	sd_event_source *source;
	sd_event_source *timer;
	struct tap_opening *opening;
	char line[TAPSOCK_LINE_MAX];
	size_t n;
	struct tap_client *prev, *next;
};

struct tapsock {
	struct api *api;
	struct unix_socket socket;
	gid_t gid;
	sd_event_source *source;
	sd_event_source *resume; /* timer: accept again */
	struct tap_client *clients;
};

/* --- who asks --------------------------------------------------------------------------------------------------- */

static int read_caller(int fd, struct caller *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*ret = (struct caller){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return 0;
}

static bool has_group(int fd, gid_t gid)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
		return false;
	groups = malloc(size);
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (size_t i = 0; i < size / sizeof(*groups); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* Who may change every network may open every tap. */
static bool may_all(const struct tap_client *c)
{
	gid_t gid = c->sock->gid;

	return c->caller.uid == 0 || (gid != NO_GROUP && (c->caller.gid == gid || has_group(c->fd, gid)));
}

/* Others learn nothing of what isn't theirs, not even whether it exists. */
static int find_eni(const struct tap_client *c, const struct tap_request *request, const struct object **ret,
		    struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r = model_resolve(engine_model(c->sock->api->engine), OBJECT_ENI, request->eni, request->vpc, "eni", ret,
			      &error);

	if (may_all(c)) {
		*reterr = error;
		error = VPC_ERROR_INIT;
		return r;
	}
	if (r >= 0 && eni_of(*ret)->attachment.kind == ATTACHMENT_TAP &&
	    eni_of(*ret)->attachment.owner_uid == c->caller.uid)
		return 0;
	return vpc_error_set(reterr, VPC_E_ACCESS_DENIED, "eni",
			     "user %u is the owner of no tap of that name (or of several: name the VPC too)",
			     c->caller.uid);
}

/* --- answering -------------------------------------------------------------------------------------------------- */

static void client_free(struct tap_client *c)
{
	DL_DELETE(c->sock->clients, c);
	if (c->opening)
		c->opening->client = NULL;
	sd_event_source_disable_unref(c->source);
	sd_event_source_disable_unref(c->timer);
	close_fd(c->fd);
	free(c);
}

/* Sends the line and the descriptors in one message and ends the connection. The socket is new: there is room. */
static void client_answer(struct tap_client *c, const char *line, const int *fds, size_t n)
{
	char control[CMSG_SPACE(sizeof(int) * ATTACHMENT_QUEUES_MAX)] __attribute__((__aligned__(8))) = {};
	struct iovec iov = {.iov_base = (char *)line, .iov_len = strlen(line)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n) {
		struct cmsghdr *h;

		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * n);
	}
	(void)!sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	client_free(c);
}

static void client_refuse(struct tap_client *c, const struct vpc_error *error)
{
	json_t *json = json_pack("{s:s,s:s,s:s*}", "code", vpc_code_string(error->code), "message",
				 error->message[0] ? error->message : "failed", "field",
				 error->field[0] ? error->field : NULL);
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL, *line = NULL;

	json_decref(json);
	if (!text || asprintf(&line, "%s\n", text) < 0) {
		line = NULL;
		client_free(c);
		return;
	}
	client_answer(c, line, NULL, 0);
}

static void on_opened(const int *fds, size_t n, struct vpc_error *error, void *userdata)
{
	struct tap_opening *o = userdata;
	struct tap_client *c = o->client;

	if (c) {
		c->opening = NULL;
		if (fds)
			client_answer(c, o->reply, fds, n);
		else
			client_refuse(c, error);
	}
	free(o);
}

static int describe(const struct model *m, const struct object *eni, char ret[TAPSOCK_LINE_MAX])
{
	char mac[MAC_STRLEN];
	const struct object *vpc = model_by_number(m, OBJECT_VPC, eni_of(eni)->vpc);
	json_t *json = json_pack("{s:s,s:s,s:s,s:i}", "eni_id", eni->id, "ifname", eni_of(eni)->attachment.host_ifname,
				 "mac", mac_format(eni_of(eni)->mac, mac), "mtu", (int)vpc_of(vpc)->mtu);
	size_t n = json ? json_dumpb(json, ret, TAPSOCK_LINE_MAX - 2, JSON_COMPACT) : 0;

	json_decref(json);
	if (!n || n > TAPSOCK_LINE_MAX - 2)
		return -ENOMEM;
	memcpy(ret + n, "\n", 2);
	return 0;
}

static int open_tap(struct tap_client *c, const struct tap_request *request, struct vpc_error *reterr)
{
	struct engine *e = c->sock->api->engine;
	struct tap_opening *o;
	const struct object *eni;
	int r = find_eni(c, request, &eni, reterr);

	if (r < 0)
		return r;
	o = calloc(1, sizeof(*o));
	if (!o || describe(engine_model(e), eni, o->reply) < 0) {
		free(o);
		return vpc_error_oom(reterr);
	}
	o->client = c;
	c->opening = o;
	r = engine_open_tap(e, eni, (size_t)request->queues, &c->caller, on_opened, o, reterr);
	if (r < 0) {
		c->opening = NULL;
		free(o);
	}
	return r;
}

static void client_request(struct tap_client *c, size_t size)
{
	_cleanup_(tap_request_clear) struct tap_request request = {0};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	int r = tap_request_parse(c->line, size, &request, &error);

	c->source = sd_event_source_disable_unref(c->source);
	c->timer = sd_event_source_disable_unref(c->timer);
	if (r >= 0)
		r = open_tap(c, &request, &error);
	if (r < 0)
		client_refuse(c, &error);
}

/* --- connections ------------------------------------------------------------------------------------------------ */

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct tap_client *c = userdata;
	ssize_t n = recv(fd, c->line + c->n, sizeof(c->line) - c->n, MSG_DONTWAIT);
	const char *end;

	(void)source, (void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		c->n += (size_t)n;
	end = memchr(c->line, '\n', c->n);
	if (end)
		client_request(c, (size_t)(end - c->line));
	else if (n <= 0 || c->n == sizeof(c->line))
		client_free(c); /* half a line, or one too long */
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source, (void)usec;
	client_free(userdata);
	return 0;
}

/* So many at a time, and of one user so few, that nobody can keep the others out. */
static bool has_room(const struct tapsock *t, uid_t uid)
{
	const struct tap_client *c;
	size_t all = 0, same = 0;

	DL_FOREACH (t->clients, c) {
		all++;
		same += c->caller.uid == uid;
	}
	return uid == 0 || (all < CLIENTS_MAX && same < CLIENTS_OF_A_USER);
}

static int client_new(struct tapsock *t, int fd, const struct caller *caller)
{
	struct tap_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct tap_client){.sock = t, .caller = *caller, .fd = -1};
	DL_APPEND(t->clients, c);
	r = sd_event_add_io(t->api->event, &c->source, fd, EPOLLIN, on_input, c);
	if (r >= 0)
		r = sd_event_add_time_relative(t->api->event, &c->timer, CLOCK_MONOTONIC, TIMEOUT_US, 0, on_timeout, c);
	if (r < 0)
		client_free(c);
	else
		c->fd = fd;
	return r;
}

static int on_connection(sd_event_source *source, int listening, uint32_t events, void *userdata)
{
	struct tapsock *t = userdata;
	_cleanup_close_ int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct caller caller = {0};

	(void)events;
	if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* No descriptor or no memory: the socket stays readable, so it isn't looked at for a while. */
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		sd_event_source_set_time_relative(t->resume, ACCEPT_PAUSE_US);
		sd_event_source_set_enabled(t->resume, SD_EVENT_ONESHOT);
		return 0;
	}
	if (fd >= 0 && read_caller(fd, &caller) == 0 && has_room(t, caller.uid) && client_new(t, fd, &caller) >= 0)
		(void)TAKE_FD(fd);
	return 0;
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct tapsock *t = userdata;

	(void)source, (void)usec;
	return sd_event_source_set_enabled(t->source, SD_EVENT_ON);
}

int tapsock_new(struct api *a, const char *run_dir, struct tapsock **ret, struct vpc_error *reterr)
{
	_cleanup_(tapsock_freep) struct tapsock *t = calloc(1, sizeof(*t));
	_cleanup_free_ char *path = NULL;
	int r;

	if (!t)
		return vpc_error_oom(reterr);
	t->api = a;
	t->socket = UNIX_SOCKET_INIT;
	t->gid = NO_GROUP;
	if (asprintf(&path, "%s/" VPCD_TAP_SOCKET_NAME, run_dir) < 0) {
		path = NULL;
		return vpc_error_oom(reterr);
	}
	r = socket_open_public(path, &t->socket, reterr);
	if (r < 0)
		return r;
	r = sd_event_add_io(a->event, &t->source, t->socket.fd, EPOLLIN, on_connection, t);
	if (r >= 0)
		r = sd_event_add_time(a->event, &t->resume, CLOCK_MONOTONIC, 0, 1000, on_resume, t);
	if (r >= 0)
		r = sd_event_source_set_enabled(t->resume, SD_EVENT_OFF);
	if (r < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, "socket", "%s: %s", path, strerror(-r));
	*ret = TAKE_PTR(t);
	return 0;
}

int tapsock_publish(struct tapsock *t, gid_t gid)
{
	t->gid = gid;
	return socket_publish(&t->socket);
}

int tapsock_watch(struct tapsock *t)
{
	sd_event_source *source = NULL;
	int fd, r;

	if (!socket_is_lost(&t->socket))
		return 0;
	r = socket_make_again(&t->socket, &fd);
	if (r < 0)
		return r;
	r = sd_event_add_io(t->api->event, &source, fd, EPOLLIN, on_connection, t);
	if (r < 0) {
		close(fd);
		return r;
	}
	sd_event_source_disable_unref(t->source);
	t->source = source;
	close_fd(t->socket.fd);
	t->socket.fd = fd;
	return 1;
}

void tapsock_free(struct tapsock *t)
{
	if (!t)
		return;
	while (t->clients)
		client_free(t->clients);
	sd_event_source_disable_unref(t->source);
	sd_event_source_disable_unref(t->resume);
	socket_clear(&t->socket);
	free(t);
}
