/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's ENIs. They are known by tags: "libvirt/domain", the domain's uuid, and "libvirt/ifname", the link's name.
 * An ENI keeps its address while the domain is shut off.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <vpc/json.h>

#include "cli/lib/client.h"
#include "cli/libvirt/libvirt.h"

int list_enis(struct http *h, const char *uuid, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *reply = NULL, *own = json_array();
	struct vpcd_failure failure;
	json_t *eni;
	size_t i;
	int r = vpcd_call(h, "GET", client_path("enis", NULL, NULL, NULL), NULL, &reply, &failure);

	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	json_array_foreach (json_object_get(reply, "enis"), i, eni) {
		const char *domain = workload_tag(eni, "libvirt", "domain");

		if (domain && (!uuid || !strcmp(domain, uuid)) && json_array_append(own, eni) < 0)
			return plugin_oom(reterr);
	}
	*ret = TAKE_PTR(own);
	return 0;
}

static bool is_of(const json_t *eni, const char *dev)
{
	const char *ifname = workload_tag(eni, "libvirt", "ifname");

	return ifname && !strcmp(ifname, dev);
}

static int send_changes(struct http *h, const json_t *changes, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *results = NULL;
	struct vpcd_failure failure;
	int r = changes ? vpcd_transaction(h, NULL, changes, &results, &failure) : plugin_oom(reterr);

	return changes && r < 0 ? plugin_failed(r, &failure, reterr) : r;
}

/* 0 too if it was detached or deleted meanwhile. */
static int detach(struct http *h, const json_t *eni, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *changes = NULL, *results = NULL;
	struct vpcd_failure failure;
	int r;

	if (!json_is_object(json_object_get(eni, "attachment")))
		return 0;
	changes = json_pack("[{s:s, s:O}]", "op", "eni.detach", "eni_id", json_object_get(eni, "id"));
	if (!changes)
		return plugin_oom(reterr);
	r = vpcd_transaction(h, NULL, changes, &results, &failure);
	if (r < 0 && (failure.status == 404 || !strcmp(failure.code, "IncorrectState")))
		return 0;
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

static int delete_eni(struct http *h, const json_t *eni, struct plugin_error *reterr)
{
	struct vpcd_failure failure;
	int r = workload_delete(h, NULL, eni, &failure);

	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

static bool differs(const char *wanted, const json_t *eni, const char *key)
{
	const char *is = json_member_text(eni, key);

	return wanted && (!is || strcasecmp(is, wanted) != 0);
}

/* Whether the ENI is what the XML asks for, but for what can be changed. */
static bool fits(const json_t *eni, const json_t *interface, const char *subnet_id)
{
	return !differs(subnet_id, eni, "subnet_id") && !differs(json_member_text(interface, "mac"), eni, "mac") &&
	       !differs(json_member_text(interface, "ip"), eni, "ip") &&
	       !differs(json_member_text(interface, "ip6"), eni, "ip6");
}

static json_t *link_of(const json_t *interface)
{
	return json_pack("{s:s, s:O}", "kind", "link", "ifname", json_object_get(interface, "dev"));
}

static int create(struct http *h, const struct domain *d, const json_t *interface, const char *subnet_id,
		  struct plugin_error *reterr)
{
	const struct workload w = {
		.engine = "libvirt", .key = "domain", .id = d->uuid, .ifname = json_member_text(interface, "dev")};
	_cleanup_json_ json_t *tags = json_object(), *link = link_of(interface), *changes = NULL;
	const struct workload_wish wish = {
		.subnet = subnet_id,
		.groups = json_object_get(interface, "groups"),
		.ip = json_member_text(interface, "ip"),
		.ip6 = json_member_text(interface, "ip6"),
		.mac = json_member_text(interface, "mac"),
		.tags = tags,
		.attachment = link,
	};

	if (tags && link && workload_note(tags, "libvirt", "domain-name", d->name) == 0)
		changes = workload_changes(&w, &wish);
	return send_changes(h, changes, reterr);
}

/* The domain may have another name, other groups. */
static int attach(struct http *h, const struct domain *d, const json_t *interface, const json_t *eni,
		  struct plugin_error *reterr)
{
	_cleanup_json_ json_t *tags = json_deep_copy(json_object_get(eni, "tags")), *changes = NULL;
	const json_t *id = json_object_get(eni, "id"), *groups = json_object_get(interface, "groups");
	_cleanup_json_ json_t *link = link_of(interface);

	if (!tags || !link || workload_note(tags, "libvirt", "domain-name", d->name) < 0)
		return plugin_oom(reterr);
	changes = json_pack("[{s:s, s:O, s:O}, {s:s, s:O, s:O}]", "op", "eni.update", "eni_id", id, "tags", tags, "op",
			    "eni.attach", "eni_id", id, "attachment", link);
	/* first, so that no frame is judged by the groups of before */
	if (changes && groups &&
	    json_array_insert_new(
		    changes, 0,
		    json_pack("{s:s, s:O, s:O}", "op", "eni.set", "eni_id", id, "security_groups", groups)) < 0)
		return plugin_oom(reterr);
	return send_changes(h, changes, reterr);
}

/* The host has no business in the VPC: its kernel would configure itself by the router advertisements, and speak under
 * the guest's addresses. */
static void turn_ipv6_off(const char *ifname)
{
	_cleanup_close_ int fd = -1;
	char path[128];

	if (!ifname || !*ifname || strlen(ifname) >= IF_NAMESIZE || strchr(ifname, '/') || ifname[0] == '.')
		return;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* there is no such file where the kernel has no IPv6 */
	if (fd >= 0 && write(fd, "1", 1) < 0)
		fprintf(stderr, "vpc-libvirt: %s: %s\n", path, strerror(errno));
}

static int prepare_one(struct http *h, const struct domain *d, const json_t *interface, json_t *own,
		       struct plugin_error *reterr)
{
	const char *dev = json_member_text(interface, "dev"), *subnet_id;
	_cleanup_json_ json_t *subnet = NULL;
	struct vpcd_failure failure;
	json_t *eni, *found = NULL;
	size_t i;
	int r = vpcd_call(
		h, "GET",
		client_path("subnets", json_member_text(interface, "subnet"), NULL, json_member_text(interface, "vpc")),
		NULL, &subnet, &failure);

	if (r < 0)
		return plugin_failed(r, &failure, reterr);
	subnet_id = json_member_text(subnet, "id");
	json_array_foreach (own, i, eni)
		if (is_of(eni, dev))
			found = eni;
	if (found && !fits(found, interface, subnet_id)) {
		r = delete_eni(h, found, reterr);
		found = NULL;
	}
	/* of a run whose end nobody told us: the domain doesn't run now */
	if (r == 0 && found)
		r = detach(h, found, reterr);
	if (r == 0)
		r = found ? attach(h, d, interface, found, reterr) : create(h, d, interface, subnet_id, reterr);
	if (r == 0)
		turn_ipv6_off(dev);
	return r;
}

/* ENIs of interfaces that the domain no longer has. */
static int delete_former(struct http *h, const struct domain *d, json_t *own, struct plugin_error *reterr)
{
	json_t *eni, *interface;
	size_t i, k;
	int r = 0;

	json_array_foreach (own, i, eni) {
		bool wanted = false;

		json_array_foreach ((json_t *)d->interfaces, k, interface)
			wanted |= is_of(eni, json_member_text(interface, "dev"));
		if (!wanted && r == 0)
			r = delete_eni(h, eni, reterr);
	}
	return r;
}

int hook_prepare(struct http *h, const struct domain *d, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *own = NULL;
	struct plugin_error ignored;
	json_t *interface;
	size_t i;
	int r = list_enis(h, d->uuid, &own, reterr);

	if (r < 0)
		return r;
	r = delete_former(h, d, own, reterr);
	json_array_foreach ((json_t *)d->interfaces, i, interface)
		if (r == 0)
			r = prepare_one(h, d, interface, own, reterr);
	if (r < 0)
		hook_release(h, d, &ignored);
	return r;
}

void hook_start(const struct domain *d)
{
	json_t *interface;
	size_t i;

	json_array_foreach ((json_t *)d->interfaces, i, interface)
		turn_ipv6_off(json_member_text(interface, "target"));
}

int hook_release(struct http *h, const struct domain *d, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *own = NULL;
	json_t *eni;
	size_t i;
	int r = list_enis(h, d->uuid, &own, reterr);

	if (r < 0)
		return r;
	json_array_foreach (own, i, eni) {
		int r2 = detach(h, eni, reterr);

		r = r2 < 0 ? r2 : r;
	}
	return r;
}
