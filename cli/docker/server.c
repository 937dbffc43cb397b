/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket that Docker asks on, and which function answers which address. */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpc/array.h>
#include <vpc/json.h>
#include <vpc/mkdir.h>

#include "cli/docker/docker.h"

#define BODY_BYTES_MAX	(1024u * 1024)
#define CONNECTIONS_MAX 512u
#define IDLE_S		60u
#define CONTENT_TYPE	"application/vnd.docker.plugins.v1.2+json"

/* --- answers that need nobody ------------------------------------------------------------------------------------ */

static int activate(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	(void)body;
	*ret = json_pack("{s:[s, s]}", "Implements", "NetworkDriver", "IpamDriver");
	return *ret ? 0 : plugin_oom(reterr);
}

static int network_capabilities(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	(void)body;
	*ret = json_pack("{s:s, s:s}", "Scope", "local", "ConnectivityScope", "local");
	return *ret ? 0 : plugin_oom(reterr);
}

/* The MAC, which Docker then chooses first, tells that an IPv4 and an IPv6 address are for one endpoint. */
static int ipam_capabilities(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	(void)body;
	*ret = json_pack("{s:b}", "RequiresMACAddress", 1);
	return *ret ? 0 : plugin_oom(reterr);
}

static int address_spaces(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	(void)body;
	*ret = json_pack("{s:s, s:s}", "LocalDefaultAddressSpace", "vpc", "GlobalDefaultAddressSpace", "vpc");
	return *ret ? 0 : plugin_oom(reterr);
}

static int endpoint_info(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	(void)body;
	*ret = json_pack("{s:{}}", "Value");
	return *ret ? 0 : plugin_oom(reterr);
}

static int nothing(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	(void)body, (void)ret, (void)reterr;
	return 0;
}

static const struct {
	const char *path;
	docker_fn fn;
} addresses[] = {
	{"/Plugin.Activate", activate},
	{"/NetworkDriver.GetCapabilities", network_capabilities},
	{"/NetworkDriver.CreateNetwork", network_create},
	{"/NetworkDriver.DeleteNetwork", network_delete},
	{"/NetworkDriver.CreateEndpoint", endpoint_create},
	{"/NetworkDriver.DeleteEndpoint", endpoint_delete},
	{"/NetworkDriver.EndpointOperInfo", endpoint_info},
	{"/NetworkDriver.Join", endpoint_join},
	{"/NetworkDriver.Leave", endpoint_leave},
	{"/NetworkDriver.ProgramExternalConnectivity", endpoint_publish},
	{"/NetworkDriver.RevokeExternalConnectivity", endpoint_unpublish},
	{"/NetworkDriver.DiscoverNew", nothing},
	{"/NetworkDriver.DiscoverDelete", nothing},
	{"/IpamDriver.GetCapabilities", ipam_capabilities},
	{"/IpamDriver.GetDefaultAddressSpaces", address_spaces},
	{"/IpamDriver.RequestPool", pool_request},
	{"/IpamDriver.ReleasePool", nothing},
	{"/IpamDriver.RequestAddress", address_request},
	{"/IpamDriver.ReleaseAddress", address_release},
};

/* --- HTTP -------------------------------------------------------------------------------------------------------- */

struct body {
	char *text; /* owned */
	size_t size, capacity;
	bool failed; /* too long, or out of memory */
};

static void on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct body *b = *state;

	(void)cls, (void)c, (void)code;
	if (b)
		free(b->text);
	free(b);
}

static void read_more(struct body *b, const char *data, size_t n)
{
	char *grown = b->size + n > BODY_BYTES_MAX ? NULL : array_grow(b->text, &b->capacity, b->size + n, 1);

	if (!grown) {
		b->failed = true;
		return;
	}
	b->text = grown;
	memcpy(b->text + b->size, data, n);
	b->size += n;
}

static enum MHD_Result send_json(struct MHD_Connection *c, unsigned status, const json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct MHD_Response *response;
	enum MHD_Result sent = MHD_NO;

	if (!text)
		text = strdup("{}");
	response = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
	if (!response) {
		free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, CONTENT_TYPE) == MHD_YES)
		sent = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return sent;
}

/* Docker shows "Err" to its user. */
static enum MHD_Result send_error(struct MHD_Connection *c, const char *path, const struct plugin_error *error)
{
	_cleanup_json_ json_t *json = json_pack("{s:o}", "Err", json_text_lossy(error->text));

	fprintf(stderr, "vpc-docker: %s: %s\n", path, error->text);
	return send_json(c, MHD_HTTP_INTERNAL_SERVER_ERROR, json);
}

static docker_fn find_function(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		if (!strcmp(addresses[i].path, path))
			return addresses[i].fn;
	return NULL;
}

static enum MHD_Result answer(struct MHD_Connection *c, const char *path, const struct body *b)
{
	_cleanup_json_ json_t *body = NULL, *reply = NULL;
	docker_fn fn = find_function(path);
	struct plugin_error error = {0};
	int r;

	if (!fn) {
		plugin_fail(&error, "vpc-docker doesn't know %.128s", path);
		return send_json(c, MHD_HTTP_NOT_FOUND, NULL);
	}
	if (b->failed) {
		plugin_fail(&error, "the request is too long");
		return send_error(c, path, &error);
	}
	/* some requests have no body */
	body = b->size ? json_loadb(b->text, b->size, JSON_REJECT_DUPLICATES, NULL) : json_object();
	r = json_is_object(body) ? fn(body, &reply, &error) : plugin_fail(&error, "the request is not a JSON object");
	return r < 0 ? send_error(c, path, &error) : send_json(c, MHD_HTTP_OK, reply);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **state)
{
	struct body *b = *state;

	(void)cls, (void)version;
	if (!b) {
		b = calloc(1, sizeof(*b));
		*state = b;
		return b ? MHD_YES : MHD_NO;
	}
	if (*size) {
		if (!b->failed)
			read_more(b, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return send_json(c, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
	return answer(c, url, b);
}

/* --- the socket -------------------------------------------------------------------------------------------------- */

/* Root alone may ask: the socket has mode 0600 before anybody can connect. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = mkdir_above(path, 0755);
	mode_t mask;

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return -EADDRINUSE;
	unlink(path);
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return r;
	return listen(fd, 128) < 0 ? -errno : TAKE_FD(fd);
}

int server_run(const char *socket, int stop_fd)
{
	int fd = listen_at(socket);
	struct pollfd wait = {.fd = stop_fd, .events = POLLIN};
	struct MHD_Daemon *mhd;

	if (fd < 0) {
		fprintf(stderr, "vpc-docker: %s: %s\n", socket, strerror(-fd));
		return fd;
	}
	mhd = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL,
			       NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
			       CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_NOTIFY_COMPLETED,
			       on_completed, NULL, MHD_OPTION_END);
	if (!mhd) {
		fprintf(stderr, "vpc-docker: %s: libmicrohttpd doesn't start\n", socket);
		close_fd(fd);
		return -EIO;
	}
	fprintf(stderr, "vpc-docker: ready at %s\n", socket);
	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		;
	unlink(socket);
	MHD_stop_daemon(mhd);
	return 0;
}
