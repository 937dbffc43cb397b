/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/check.h"

#include <stdio.h>
#include <string.h>

#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/sysctl.h"
#include "datapath/net/nft/ruleset.h"

/* --- links -------------------------------------------------------------------------------------------------------- */

/* A device under comparison. */
struct subject {
	const struct net_check *check;
	const struct device_spec *spec;
	size_t index;
};

static int on_problem(const char *problem, const char *detail, void *userdata)
{
	const struct subject *s = userdata;
	struct net_difference d = {.kind = DIFFERENCE_DEVICE,
				   .what = s->spec->ops->kind,
				   .object = s->spec->id,
				   .problem = problem,
				   .index = s->index};

	snprintf(d.detail, sizeof(d.detail), "%s", detail);
	return s->check->fn(&d, s->check->userdata);
}

/* What all devices have in common. */
static int check_link(const struct device_check *c, const struct link_info *info, const char *instance)
{
	const struct device_spec *s = c->spec;
	char alias[NETNS_ALIAS_MAX];
	int r = 0;

	if (strcmp(info->kind, s->ops->link_kind) != 0)
		return device_tell(c, "differs", "%s is a %s, should be a %s", s->name, info->kind, s->ops->link_kind);
	if (strcmp(info->name, s->name) != 0)
		r = device_tell(c, "differs", "%s is named %s", s->name, info->name);
	if (r == 0 && strcmp(info->alias, netns_make_alias(instance, s->id, alias)) != 0)
		r = device_tell(c, "differs", "%s: the alias is \"%s\", should be \"%s\"", s->name, info->alias, alias);
	if (r == 0 && !(info->flags & IFF_UP))
		r = device_tell(c, "differs", "%s is down", s->name);
	if (r == 0 && info->mtu != s->mtu)
		r = device_tell(c, "differs", "%s: the MTU is %u, should be %u", s->name, info->mtu, s->mtu);
	return r;
}

static struct device_check device_check_of(struct subject *s)
{
	return (struct device_check){
		.rtnl = s->check->rtnl,
		.host_rtnl = s->check->host_rtnl,
		.instance = s->check->instance,
		.programs = s->check->programs,
		.link_dir = s->check->link_dir,
		.spec = s->spec,
		.fn = on_problem,
		.userdata = s,
	};
}

static int check_device(struct subject *subject, struct net_state *s)
{
	const struct device_spec *spec = subject->spec;
	const struct device_check c = device_check_of(subject);
	struct state_link *link = net_state_link(s, spec->ifindex);
	int r;

	if (!link)
		return device_tell(&c, "missing", "%s, the %s", spec->name, spec->ops->kind);
	link->wanted = strcmp(link->info.kind, spec->ops->link_kind) == 0;
	r = check_link(&c, &link->info, subject->check->instance);
	return r || !spec->ops->check ? r : spec->ops->check(&c, &link->info);
}

/* --- netlink objects ---------------------------------------------------------------------------------------------- */

static int tell_object(const struct net_check *c, const struct net_object *f, const char *object, const char *problem,
		       const char *more)
{
	struct net_difference d = {.kind = DIFFERENCE_OBJECT,
				   .what = net_object_kind_name(f->key.kind),
				   .object = object,
				   .problem = problem,
				   .net_object = f};
	char text[NET_OBJECT_TEXT_MAX];

	snprintf(d.detail, sizeof(d.detail), "%s%s", net_object_format(f, text), more);
	return c->fn(&d, c->userdata);
}

/* Each wanted object is in the kernel. Those of a missing link are not reported: they come with the link. */
static int check_wanted(const struct net_check *c, const struct net_object_set *wanted, const char *object,
			struct net_state *s)
{
	for (const struct net_object *f = wanted->head; f; f = f->hh.next) {
		struct net_object *found = net_object_set_find(&s->objects, &f->key);
		const struct state_link *link = net_state_link(s, f->key.ifindex);
		int r = 0;

		/* neither on a missing link, nor on somebody else's link of its number */
		if (!link || !link->wanted)
			continue;
		if (!found)
			r = tell_object(c, f, object, "missing", "");
		else if (!found->right || memcmp(found->mac, f->mac, sizeof(f->mac)) != 0)
			r = tell_object(c, f, object, "differs", ": it is there in another form");
		if (found)
			found->seen = true;
		if (r)
			return r;
	}
	return 0;
}

/* What is not wanted but may be there: what the kernel makes and resolves by itself. */
static bool is_harmless(const struct net_object *f, const struct net_state *s, const struct state_link *link)
{
	const struct state_link *bridge = net_state_link(s, link->info.master);

	switch (f->key.kind) {
	case NET_OBJECT_NEIGHBOUR:
		return !f->right;
	case NET_OBJECT_FDB:
		/* the bridge's own address and the port's own: "local" entries that come with them */
		return !f->right && (memcmp(f->key.bytes, link->info.mac, 6) == 0 ||
				     (bridge && memcmp(f->key.bytes, bridge->info.mac, 6) == 0) || f->key.bytes[0] & 1);
	default:
		return false;
	}
}

/* Earlier versions let the bridge deliver, by a static FDB entry for the MAC of the port's ENI. Such entries do no harm
 * and go with their port; while an upgrade has not yet replaced the programs, they are needed. */
static void tolerate_fdb_entries(const struct device_spec *spec, const struct net_object_set *own, struct net_state *s)
{
	for (const struct net_object *o = own->head; o; o = o->hh.next) {
		struct net_object_key key = {.kind = NET_OBJECT_FDB, .ifindex = spec->ifindex};
		struct net_object *found;

		if (o->key.kind != NET_OBJECT_NEIGHBOUR)
			continue;
		memcpy(key.bytes, o->mac, sizeof(o->mac));
		found = net_object_set_find(&s->objects, &key);
		if (found)
			found->seen = true;
	}
}

static int check_unexpected(const struct net_check *c, struct net_state *s)
{
	for (const struct net_object *f = s->objects.head; f; f = f->hh.next) {
		const struct state_link *link = net_state_link(s, f->key.ifindex);
		int r;

		/* what is on an unexpected link is reported with that link */
		if (f->seen || !link || !link->wanted || is_harmless(f, s, link))
			continue;
		r = tell_object(c, f, link->info.name, "unexpected", "");
		if (r)
			return r;
	}
	return 0;
}

static int check_unexpected_links(const struct net_check *c, const struct net_state *s)
{
	for (const struct state_link *link = s->links; link; link = link->hh.next) {
		struct net_difference d = {
			.kind = DIFFERENCE_LINK,
			.what = "link",
			.object = link->info.name,
			.problem = "unexpected",
			.ifindex = link->ifindex,
			.foreign = !netns_alias_is_ours(link->info.alias, c->instance) &&
				   !device_is_half_made(&link->info),
		};
		int r;

		if (link->wanted || link->ifindex == 1)
			continue;
		snprintf(d.detail, sizeof(d.detail), "%s, a %s%s", link->info.name,
			 link->info.kind[0] ? link->info.kind : "device",
			 d.foreign ? " that isn't vpcd's; remove it by hand" : "");
		r = c->fn(&d, c->userdata);
		if (r)
			return r;
	}
	return 0;
}

int net_check_devices(const struct net_check *c, const struct device_spec *devices, size_t n, struct net_state *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct subject subject = {.check = c, .spec = &devices[i], .index = i};
		struct net_object_set wanted = {};

		r = check_device(&subject, s);
		if (r == 0)
			r = devices[i].ops->objects(&devices[i], &wanted);
		if (r == 0)
			r = check_wanted(c, &wanted, devices[i].id, s);
		tolerate_fdb_entries(&devices[i], &wanted, s);
		net_object_set_clear(&wanted);
	}
	if (r == 0)
		r = check_unexpected_links(c, s);
	return r ? r : check_unexpected(c, s);
}

int net_check_host_ends(const struct net_check *c, const struct device_spec *devices, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct subject subject = {.check = c, .spec = &devices[i], .index = i};
		const struct device_check check = device_check_of(&subject);

		if (devices[i].ops->check_silent)
			r = devices[i].ops->check_silent(&check);
	}
	return r;
}

/* --- the namespace itself ----------------------------------------------------------------------------------------- */

struct sysctl_telling {
	const struct net_check *check;
	int result;
};

static void on_sysctl(const char *path, const char *value, const char *wanted, void *userdata)
{
	struct sysctl_telling *t = userdata;
	struct net_difference d = {.kind = DIFFERENCE_SYSCTL, .what = "sysctl", .object = path, .problem = "differs"};

	snprintf(d.detail, sizeof(d.detail), "%s is %s, should be %s", path, value, wanted);
	if (t->result == 0)
		t->result = t->check->fn(&d, t->check->userdata);
}

int net_check_namespace(const struct net_check *c, int ns_fd)
{
	struct sysctl_telling t = {.check = c};
	int r = sysctl_check(on_sysctl, &t);

	if (r < 0 || t.result)
		return r < 0 ? r : t.result;
	r = net_nft_check(ns_fd);
	if (r == 0) {
		const struct net_difference d = {
			.kind = DIFFERENCE_RULESET,
			.what = "ruleset",
			.object = "nftables",
			.problem = "differs",
			.detail = "the ruleset is not the one that vpcd made",
		};

		return c->fn(&d, c->userdata);
	}
	return r < 0 ? r : 0;
}
