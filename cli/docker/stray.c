/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ENIs whose endpoint Docker no longer knows, since it or this program was killed in between: they are deleted after
 * two looks that found them so. Without an answer of Docker's nothing is deleted.
 */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/clock.h>
#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"

#define FIRST_MS 5000u
/* Docker takes this long at most between asking for an address and creating the endpoint, or for it to join. */
#define YOUNG_S	 120u

static uint64_t age_of(const json_t *eni)
{
	const char *since = workload_tag(eni, "docker", TAG_SINCE);
	uint64_t at, now = realtime_s();

	return since && number_parse(since, UINT64_MAX, &at) == 0 && at < now ? now - at : 0;
}

/* {endpoint: true} of a network's endpoints that containers have; an empty one when there is no such network. Owned;
 * NULL: Docker doesn't say. What was kept of the network stays: who answers may be another daemon. */
static json_t *endpoints_of(const char *network)
{
	_cleanup_json_ json_t *reply = NULL, *set = json_object();
	_cleanup_free_ char *encoded = http_encode(network), *path = NULL;
	json_t *container;
	const char *id;
	int r;

	if (!encoded || !set || asprintf(&path, "/networks/%s", encoded) < 0)
		return NULL;
	r = container_ask(path, &reply);
	if (r < 0 && r != -ENOENT)
		return NULL;
	json_object_foreach (json_object_get(reply, "Containers"), id, container) {
		const char *endpoint = json_member_text(container, "EndpointID");
		struct endpoint e;

		endpoint_set(&e, network, endpoint ? endpoint : "");
		json_object_set_new(set, e.id, json_true());
	}
	return TAKE_PTR(set);
}

/* Whether a container has the ENI's link. One that nobody has is in the host's namespace: vpcd makes it again there. */
static bool is_in_use(const json_t *eni)
{
	const char *link = json_member_text(json_object_get(eni, "attachment"), "ifname");

	return link && !if_nametoindex(link);
}

/* Whether Docker says that it has nothing that the ENI is for. known: answers of this look, {network: endpoints}. */
static bool is_stray(const json_t *eni, json_t *known)
{
	const char *network = workload_tag(eni, "docker", "network"),
		   *endpoint = workload_tag(eni, "docker", "endpoint");
	json_t *endpoints;

	if (age_of(eni) < YOUNG_S)
		return false;
	if (!endpoint)
		return workload_tag(eni, "docker", TAG_RESERVED) != NULL;
	/* whatever Docker says: another one may be asked than the one that has the container */
	if (!network || is_in_use(eni))
		return false;
	endpoints = json_object_get(known, network);
	if (!endpoints) {
		endpoints = endpoints_of(network);
		json_object_set_new(known, network, endpoints ? endpoints : json_null());
	}
	return json_is_object(endpoints) && !json_object_get(endpoints, endpoint);
}

static void remove_stray(struct http *h, const json_t *eni)
{
	const char *subnet_id = workload_tag(eni, "docker", TAG_RESERVED);
	struct vpcd_failure failure;

	if (workload_delete(h, NULL, eni, &failure) < 0) {
		fprintf(stderr, "vpc-docker: %s: %s\n", json_member_text(eni, "name"), failure.text);
		return;
	}
	fprintf(stderr, "vpc-docker: %s: Docker no longer knows it; deleted\n", json_member_text(eni, "name"));
	if (!subnet_id)
		return;
	reservation_drop(subnet_id, json_member_text(eni, "ip"));
	reservation_drop(subnet_id, json_member_text(eni, "ip6"));
	reservation_drop(subnet_id, json_member_text(eni, "mac"));
}

/* seen: ids that the look before found; replaced by those of this one. */
static void look(json_t **seen)
{
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	_cleanup_json_ json_t *list = NULL, *known = json_object(), *now = json_object();
	struct vpcd_failure failure;
	json_t *eni;
	size_t i;

	if (!h || !known || !now ||
	    vpcd_call(h, "GET", client_path("enis", NULL, NULL, NULL), NULL, &list, &failure) < 0)
		return;
	json_array_foreach (json_object_get(list, "enis"), i, eni) {
		const char *id = json_member_text(eni, "id");

		if (!is_stray(eni, known))
			continue;
		if (json_object_get(*seen, id))
			remove_stray(h, eni);
		else
			json_object_set_new(now, id, json_true());
	}
	json_decref(*seen);
	*seen = TAKE_PTR(now);
}

static void *run(void *data)
{
	_cleanup_json_ json_t *seen = NULL;
	unsigned pause_ms = docker.reconcile_s * 1000;

	(void)data;
	sleep_ms(pause_ms < FIRST_MS ? pause_ms : FIRST_MS);
	for (;;) {
		look(&seen);
		sleep_ms(pause_ms);
	}
	return NULL;
}

int stray_start(void)
{
	pthread_t thread;
	int r;

	if (!docker.reconcile_s)
		return 0;
	r = pthread_create(&thread, NULL, run, NULL);
	if (r == 0)
		pthread_detach(thread);
	return -r;
}
