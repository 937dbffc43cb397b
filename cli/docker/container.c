/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Docker doesn't tell a network driver: the container's id, name, image and labels. A thread asks Docker's API for
 * the containers of the networks that were joined, and tags their ENIs. Docker answers nothing about a container while
 * it starts it, so no request of Docker's waits for this.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"

#define GROUPS_LABEL "vpc.security-groups"
#define PAUSE_MS     100u
#define GIVE_UP_S    60u
#define PENDING_MAX  10000u

struct pending {
	char *network, *endpoint;
	uint64_t since_s; /* CLOCK_MONOTONIC */
	struct pending *next;
};

static struct pending *pending;
static size_t n_pending;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;

static void pending_free(struct pending *p)
{
	if (!p)
		return;
	free(p->network);
	free(p->endpoint);
	free(p);
}

void container_note(const char *network, const char *endpoint)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		return;
	*p = (struct pending){.network = strdup(network), .endpoint = strdup(endpoint), .since_s = monotonic_s()};
	pthread_mutex_lock(&lock);
	if (p->network && p->endpoint && n_pending < PENDING_MAX) {
		p->next = pending;
		pending = p;
		n_pending++;
		p = NULL;
	}
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
	pending_free(p);
}

int container_ask(const char *path, json_t **ret)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_(http_freep) struct http *h = NULL;
	int r = http_new(docker.engine_socket, &h);

	if (r < 0)
		return r;
	r = http_request(h, "GET", path, NULL, NULL, &reply);
	if (r < 0 || (!client_succeeded(&reply) && reply.status != 404))
		return -EIO;
	if (reply.status == 404)
		return -ENOENT;
	*ret = client_json(&reply);
	return *ret ? 0 : -EIO;
}

static int ask_object(const char *kind, const char *id, const char *suffix, json_t **ret)
{
	_cleanup_free_ char *encoded = http_encode(id), *path = NULL;

	if (!encoded || asprintf(&path, "/%s/%s%s", kind, encoded, suffix) < 0)
		return -ENOMEM;
	return container_ask(path, ret);
}

/* The id of the container that has an endpoint, in what Docker says of its network. Borrowed; NULL: none yet. */
static const char *container_of(const json_t *network, const char *endpoint)
{
	const char *id;
	json_t *container;

	json_object_foreach (json_object_get(network, "Containers"), id, container) {
		const char *its = json_member_text(container, "EndpointID");

		if (its && !strncmp(its, endpoint, ENDPOINT_ID_CHARS))
			return id;
	}
	return NULL;
}

/* The groups that the container's label asks for; what the network doesn't allow is told and left. */
static json_t *groups_of(const struct pending *p, const json_t *container)
{
	const char *label =
		json_member_text(json_object_get(json_object_get(container, "Config"), "Labels"), GROUPS_LABEL);
	_cleanup_network_ struct network n = {0};
	struct plugin_error error;
	json_t *groups = NULL;

	if (!label || network_load(p->network, &n, &error) < 0)
		return NULL;
	if (network_groups(&n, label, &groups, &error) < 0) {
		fprintf(stderr, "vpc-docker: container %s: %s\n", json_member_text(container, "Name") ?: "",
			error.text);
		return NULL;
	}
	return groups;
}

/* Another's change of the ENI meanwhile refuses this one, and it is tried again. */
static int tag(struct http *h, const struct pending *p, const json_t *eni, const json_t *container)
{
	_cleanup_json_ json_t *tags = json_deep_copy(json_object_get(eni, "tags")), *groups = groups_of(p, container);
	_cleanup_json_ json_t *changes = NULL, *results = NULL;
	const char *name = json_member_text(container, "Name"), *id = json_member_text(eni, "id");
	struct vpcd_failure failure;

	if (!tags || workload_note(tags, "docker", "container-id", json_member_text(container, "Id")) < 0 ||
	    workload_note(tags, "docker", "container-name", name && *name == '/' ? name + 1 : name) < 0 ||
	    workload_note(tags, "docker", "image", json_member_text(json_object_get(container, "Config"), "Image")) < 0)
		return -ENOMEM;
	changes = json_pack("[{s:s, s:s, s:O, s:O}]", "op", "eni.update", "eni_id", id, "if_match",
			    json_object_get(eni, "revision"), "tags", tags);
	if (!changes ||
	    (groups && json_array_append_new(changes, json_pack("{s:s, s:s, s:O}", "op", "eni.set", "eni_id", id,
								"security_groups", groups)) < 0))
		return -ENOMEM;
	if (vpcd_transaction(h, NULL, changes, &results, &failure) == 0 || failure.status == 404)
		return 0;
	if (strcmp(failure.code, "RevisionMismatch") != 0 && !failure.no_reply)
		fprintf(stderr, "vpc-docker: container %s: %s\n", name ? name : "", failure.text);
	return -EAGAIN;
}

/* Whether there is nothing left to do about it. */
static bool describe(struct http *h, const struct pending *p, const json_t *network)
{
	const char *id = container_of(network, p->endpoint);
	_cleanup_json_ json_t *container = NULL, *eni = NULL;
	struct plugin_error error;
	struct endpoint e;

	if (!id || ask_object("containers", id, "/json", &container) < 0)
		return false;
	endpoint_set(&e, p->network, p->endpoint);
	if (endpoint_find(h, &e.workload, &eni, &error) < 0)
		return false;
	return !eni || tag(h, p, eni, container) == 0;
}

/* All that are pending; those that can't be described yet stay, for a minute. */
static void work(struct pending *all)
{
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	_cleanup_json_ json_t *networks = json_object();
	struct pending *p, *left = NULL;
	size_t n = 0;

	while ((p = all)) {
		json_t *network = json_object_get(networks, p->network);

		all = p->next;
		if (!network && ask_object("networks", p->network, "", &network) == 0)
			json_object_set_new(networks, p->network, network);
		if ((h && network && describe(h, p, network)) || monotonic_s() - p->since_s > GIVE_UP_S) {
			pending_free(p);
			continue;
		}
		p->next = left;
		left = p;
		n++;
	}
	pthread_mutex_lock(&lock);
	n_pending += n;
	while ((p = left)) {
		left = p->next;
		p->next = pending;
		pending = p;
	}
	pthread_mutex_unlock(&lock);
}

static void *run(void *data)
{
	(void)data;
	for (;;) {
		struct pending *all;

		pthread_mutex_lock(&lock);
		while (!pending)
			pthread_cond_wait(&more, &lock);
		all = TAKE_PTR(pending);
		n_pending = 0;
		pthread_mutex_unlock(&lock);
		work(all);
		sleep_ms(PAUSE_MS);
	}
	return NULL;
}

int container_start(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run, NULL);

	if (r == 0)
		pthread_detach(thread);
	return -r;
}
