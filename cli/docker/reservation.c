/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has which address. Docker asks for an endpoint's addresses before it names the endpoint: until then a reserved
 * ENI has them. It is found again by the address, and its IPv6 address by the MAC.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"

/* {"subnet address": ENI's id}; a MAC is an address, too. */
static json_t *table;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void key_of(const char *subnet_id, const char *address, char ret[160])
{
	snprintf(ret, 160, "%.64s %.64s", subnet_id, address);
}

int reservation_find(const char *subnet_id, const char *address, char ret[64])
{
	const char *id;
	char key[160];

	key_of(subnet_id, address, key);
	pthread_mutex_lock(&lock);
	id = json_member_text(table, key);
	snprintf(ret, 64, "%s", id ? id : "");
	pthread_mutex_unlock(&lock);
	return *ret ? 0 : -ENOENT;
}

static bool put(const char *subnet_id, const char *address, const char *id)
{
	char key[160];

	if (!address)
		return true;
	key_of(subnet_id, address, key);
	if (!table)
		table = json_object();
	return json_object_set_new(table, key, json_string(id)) == 0;
}

bool reservation_put(const char *subnet_id, const json_t *eni)
{
	const char *id = json_member_text(eni, "id");
	bool ok;

	pthread_mutex_lock(&lock);
	ok = id && put(subnet_id, json_member_text(eni, "ip"), id) &&
	     put(subnet_id, json_member_text(eni, "ip6"), id) && put(subnet_id, json_member_text(eni, "mac"), id);
	pthread_mutex_unlock(&lock);
	return ok;
}

void reservation_drop(const char *subnet_id, const char *address)
{
	char key[160];

	if (!address)
		return;
	key_of(subnet_id, address, key);
	pthread_mutex_lock(&lock);
	json_object_del(table, key);
	pthread_mutex_unlock(&lock);
}

int reservation_load(struct http *h, struct plugin_error *reterr)
{
	static bool loaded;
	static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
	_cleanup_json_ json_t *list = NULL;
	struct vpcd_failure failure;
	json_t *eni;
	size_t i;
	int r = 0;

	pthread_mutex_lock(&loading);
	if (!loaded)
		r = vpcd_call(h, "GET", client_path("enis", NULL, NULL, NULL), NULL, &list, &failure);
	json_array_foreach (json_object_get(list, "enis"), i, eni) {
		const char *subnet_id = workload_tag(eni, "docker", TAG_RESERVED);

		if (subnet_id)
			reservation_put(subnet_id, eni);
	}
	loaded |= r == 0;
	pthread_mutex_unlock(&loading);
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

/* Tags of a reserved ENI. Owned; NULL: out of memory. */
static json_t *reservation_tags(const char *subnet_id)
{
	_cleanup_json_ json_t *tags = json_object();
	char since[32];

	snprintf(since, sizeof(since), "%llu", (unsigned long long)realtime_s());
	if (!tags || workload_note(tags, "docker", TAG_RESERVED, subnet_id) < 0 ||
	    workload_note(tags, "docker", TAG_SINCE, since) < 0)
		return NULL;
	return TAKE_PTR(tags);
}

json_t *reservation_create(const char *subnet_id, const char *ip, const char *ip6, const char *mac)
{
	_cleanup_json_ json_t *tags = reservation_tags(subnet_id);
	unsigned long long random[2];
	char name[64];

	/* a name that no other reservation has; the endpoint gives it another */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return NULL;
	snprintf(name, sizeof(name), "docker:reserved-%016llx%016llx", random[0], random[1]);
	return tags ? json_pack("{s:s, s:s, s:s, s:O, s:s*, s:s*, s:s*}", "op", "eni.create", "name", name, "subnet_id",
				subnet_id, "tags", tags, "ip", ip, "ip6", ip6, "mac", mac)
		    : NULL;
}
