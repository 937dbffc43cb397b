/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DEL and GC: network interfaces that go. Neither needs the container's namespace. */
#include <errno.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/cni/ask.h"
#include "cli/lib/client.h"

int cni_del(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr)
{
	_cleanup_(http_freep) struct http *h = NULL;
	_cleanup_json_ json_t *eni = NULL;
	int r;

	if (http_new(c->socket, &h) < 0)
		return cni_oom(reterr);
	r = cni_eni_find(h, c, call, &eni, reterr);
	if (r < 0 || !eni)
		return r;
	r = cni_eni_delete(h, c, eni, reterr);
	if (r == 0 && json_is_object(json_object_get(eni, "attachment")))
		cni_netns_wait(call);
	return r;
}

/* {"container\nifname": true} of the valid attachments: a lookup each, however many there are. */
static json_t *index_valid(const json_t *valid)
{
	_cleanup_json_ json_t *index = json_object();
	json_t *item;
	size_t i;

	json_array_foreach (valid, i, item) {
		_cleanup_free_ char *key = NULL;

		if (asprintf(&key, "%s\n%s", json_member_text(item, "containerID"), json_member_text(item, "ifname")) <
		    0)
			key = NULL;
		if (!key || json_object_set_new(index, key, json_true()) < 0)
			return NULL;
	}
	return TAKE_PTR(index);
}

/* 1: of this network and no longer valid; 0: to be kept. */
static int is_stale(const struct cni_config *c, const json_t *valid, const json_t *eni)
{
	const char *network = workload_tag(eni, "cni", "network"),
		   *container = workload_tag(eni, "cni", "container-id");
	const char *ifname = workload_tag(eni, "cni", "ifname");
	_cleanup_free_ char *key = NULL;

	if (!network || !container || !ifname || strcmp(network, c->name) != 0)
		return 0;
	if (asprintf(&key, "%s\n%s", container, ifname) < 0) {
		key = NULL;
		return -ENOMEM;
	}
	return !json_object_get(valid, key);
}

/* Goes on after a failure; tells the first, and how many there were. */
static int delete_stale(struct http *h, const struct cni_config *c, const json_t *enis, const json_t *valid,
			struct cni_error *reterr)
{
	size_t i, failed = 0;
	json_t *eni;

	json_array_foreach (enis, i, eni) {
		struct cni_error error;
		int r = is_stale(c, valid, eni);

		if (r == 0)
			continue;
		if (r < 0)
			return cni_oom(reterr);
		if (cni_eni_delete(h, c, eni, &error) < 0 && failed++ == 0)
			*reterr = error;
	}
	if (failed > 1)
		cni_detail(reterr, "%zu network interfaces could not be deleted; this is the first", failed);
	return failed ? -EINVAL : 0;
}

int cni_gc(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr)
{
	_cleanup_json_ json_t *valid = index_valid(c->valid), *list = NULL;
	_cleanup_(http_freep) struct http *h = NULL;
	struct vpcd_failure failure;
	int r;

	(void)call;
	if (!valid || http_new(c->socket, &h) < 0)
		return cni_oom(reterr);
	r = vpcd_call(h, "GET", client_path("enis", NULL, NULL, c->vpc), NULL, &list, &failure);
	if (r < 0)
		return failure.status == 404 ? 0 : cni_failed(r, &failure, reterr);
	return delete_stale(h, c, json_object_get(list, "enis"), valid, reterr);
}
