/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>

#include "datapath/net/nft/input.h"
#include "datapath/net/private.h"
#include "datapath/net/state.h"
#include "datapath/net/netns/sysctl.h"

/* A link under comparison: the first thing that is wrong with it is told, the rest follows when that is mended; verify
 * wants them all. */
struct subject {
	const struct net_check *check;
	enum difference_kind kind;
	const char *id;
	const char *name;
	size_t index;
};

PRINTF_LIKE(3, 4)
static int tell(const struct subject *s, const char *problem, const char *format, ...)
{
	struct net_difference d = {.kind = s->kind, .object = s->id, .problem = problem, .index = s->index};
	va_list ap;

	va_start(ap, format);
	vsnprintf(d.detail, sizeof(d.detail), format, ap);
	va_end(ap);
	return s->check->fn(&d, s->check->userdata);
}

static int check_options(const struct subject *s, const struct link_option *options, const uint32_t *values)
{
	int r = 0;

	for (size_t i = 0; r == 0 && options[i].name; i++) {
		if (values[i] != options[i].want)
			r = tell(s, "differs", "%s: %s is %u, should be %u", s->name, options[i].name, values[i],
				 options[i].want);
	}
	return r;
}

/* What bridges and ports have in common. up: whether it must be. */
static int check_link(const struct subject *s, const struct link_info *info, const char *kind, uint32_t mtu)
{
	char alias[NETNS_ALIAS_MAX];
	int r = 0;

	if (strcmp(info->kind, kind) != 0)
		return tell(s, "differs", "%s is a %s, should be a %s", s->name, info->kind, kind);
	if (strcmp(info->name, s->name) != 0)
		r = tell(s, "differs", "%s is named %s", s->name, info->name);
	if (r == 0 && strcmp(info->alias, netns_make_alias(s->check->instance, s->id, alias)) != 0)
		r = tell(s, "differs", "%s: the alias is \"%s\", should be \"%s\"", s->name, info->alias, alias);
	if (r == 0 && !(info->flags & IFF_UP))
		r = tell(s, "differs", "%s is down", s->name);
	if (r == 0 && info->mtu != mtu)
		r = tell(s, "differs", "%s: the MTU is %u, should be %u", s->name, info->mtu, mtu);
	return r;
}

static int check_bridge_program(const struct subject *subject, uint32_t ifindex)
{
	const struct net_check *c = subject->check;
	struct tc_clsact clsact;
	int r = tc_clsact_read(c->rtnl, ifindex, &clsact);
	uint32_t id;

	if (r < 0)
		return r;
	id = clsact.id[TC_TO_WORKLOAD];
	if (!id)
		return tell(subject, "missing", "%s: the from-router filter", subject->name);
	if (id != c->programs->router_id)
		return tell(subject, "differs", "%s: the from-router filter has program %u, should have %u",
			    subject->name, id, c->programs->router_id);
	if (clsact.others || clsact.id[TC_FROM_WORKLOAD])
		return tell(subject, "unexpected", "%s: filters that aren't vpcd's", subject->name);
	return 0;
}

static int check_bridge(const struct net_check *c, const struct subnet_record *rec, size_t index, struct net_state *s)
{
	const struct subject subject = {c, DIFFERENCE_BRIDGE, rec->id, rec->bridge, index};
	struct state_link *link = net_state_link(s, rec->ifindex);
	int r;

	if (!link)
		return tell(&subject, "missing", "%s, the bridge", rec->bridge);
	link->wanted = strcmp(link->info.kind, "bridge") == 0;
	r = check_link(&subject, &link->info, "bridge", rec->mtu);
	if (r == 0 && memcmp(link->info.mac, rec->mac, sizeof(rec->mac)) != 0)
		r = tell(&subject, "differs", "%s has another MAC address", rec->bridge);
	if (r == 0)
		r = check_options(&subject, link_bridge_options, link->info.bridge_options);
	for (size_t i = 0; r == 0 && link_bridge_sysctls[i].name; i++) {
		const struct link_sysctl *o = &link_bridge_sysctls[i];

		if (link->info.sysctls[i] != o->want)
			r = tell(&subject, "differs", "net/ipv%u/conf/%s/%s is %u, should be %u", o->family,
				 rec->bridge, o->name, link->info.sysctls[i], o->want);
	}
	if (r == 0)
		r = check_bridge_program(&subject, rec->ifindex);
	return r;
}

static int check_programs(const struct subject *subject, uint32_t ifindex)
{
	const struct net_check *c = subject->check;
	struct tc_clsact clsact;
	int r = tc_clsact_read(c->rtnl, ifindex, &clsact);

	for (enum tc_side side = 0; r == 0 && side < TC_SIDES; side++) {
		const char *side_name = tc_side_name(side);
		uint32_t tcx = c->link_dir ? tc_tcx_read(c->link_dir, ifindex, side) : 0;

		if (!clsact.id[side])
			r = tell(subject, "missing", "%s: the %s filter", subject->name, side_name);
		else if (clsact.id[side] != c->programs->id[side])
			r = tell(subject, "differs", "%s: the %s filter has program %u, should have %u", subject->name,
				 side_name, clsact.id[side], c->programs->id[side]);
		if (r || !c->link_dir)
			continue;
		if (!tcx)
			r = tell(subject, "missing", "%s: the %s tcx link", subject->name, side_name);
		else if (tcx != c->programs->id[side])
			r = tell(subject, "differs", "%s: the %s tcx link has program %u, should have %u",
				 subject->name, side_name, tcx, c->programs->id[side]);
	}
	if (r == 0 && clsact.others)
		r = tell(subject, "unexpected", "%s: %u filters that aren't vpcd's", subject->name, clsact.others);
	return r;
}

static int check_port(const struct net_check *c, const struct port_record *rec, size_t index, struct net_state *s)
{
	const struct subject subject = {c, DIFFERENCE_PORT, rec->eni_id, rec->host_ifname, index};
	struct state_link *link = net_state_link(s, rec->eni);
	int r;

	if (!link)
		return tell(&subject, "missing", "%s, the port", rec->host_ifname);
	link->wanted = strcmp(link->info.kind, port_kind(rec)) == 0;
	r = check_link(&subject, &link->info, port_kind(rec), rec->mtu);
	if (r == 0 && link->info.master != VPC_BRIDGE_FIRST + rec->subnet)
		r = tell(&subject, "differs", "%s is not in its bridge", rec->host_ifname);
	else if (r == 0)
		r = check_options(&subject, link_port_options, link->info.port_options);
	if (r == 0 && port_is_tap(rec) && link->info.multi_queue != (rec->attachment.queues > 1))
		r = tell(&subject, "differs", "%s: it has %s queue", rec->host_ifname,
			 link->info.multi_queue ? "more than one" : "one");
	if (r == 0 && !port_mac_right(port_is_tap(rec), &link->info))
		r = tell(&subject, "differs", "%s: the host's end has another MAC address", rec->host_ifname);
	if (r == 0 && !port_is_tap(rec) && !link->info.peer_elsewhere)
		r = tell(&subject, "differs", "%s: its other end is in the VPC's namespace", rec->host_ifname);
	if (r == 0)
		r = check_programs(&subject, rec->eni);
	return r;
}

/* --- facts -------------------------------------------------------------------------------------------------------- */

static int tell_object(const struct net_check *c, const struct net_object *f, const char *object, const char *problem,
		       const char *more)
{
	struct net_difference d = {.kind = DIFFERENCE_OBJECT, .object = object, .problem = problem, .net_object = f};
	char text[NET_OBJECT_TEXT_MAX];

	snprintf(d.detail, sizeof(d.detail), "%s%s", net_object_format(f, text), more);
	return c->fn(&d, c->userdata);
}

/* Each wanted fact is in the kernel. Facts of a missing link are not told: they come with it. */
static int check_wanted(const struct net_check *c, const struct net_object_set *wanted, const char *object,
			struct net_state *s)
{
	for (const struct net_object *f = wanted->head; f; f = f->hh.next) {
		struct net_object *found = net_object_set_find(&s->objects, &f->key);
		const struct state_link *link = net_state_link(s, f->key.ifindex);
		int r = 0;

		/* neither on a link that is missing, nor on somebody else's of its number */
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

/* What nobody wants but may be there: what the kernel makes and resolves by itself. */
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

/* Earlier versions left delivery to the bridge, by such entries. They do no harm and go with their port; while an
 * upgrade has not yet replaced the programs, they are needed. */
static void tolerate_fdb_entry(const struct port_record *p, struct net_state *s)
{
	struct net_object_key key = {.kind = NET_OBJECT_FDB, .ifindex = p->eni};
	struct net_object *found;

	memcpy(key.bytes, p->mac, sizeof(p->mac));
	found = net_object_set_find(&s->objects, &key);
	if (found)
		found->seen = true;
}

static int check_unexpected(const struct net_check *c, struct net_state *s)
{
	for (const struct net_object *f = s->objects.head; f; f = f->hh.next) {
		const struct state_link *link = net_state_link(s, f->key.ifindex);
		int r;

		/* what hangs on a link that shouldn't be there is told with that link */
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
			.object = link->info.name,
			.problem = "unexpected",
			.ifindex = link->ifindex,
			.foreign =
				!netns_alias_is_ours(link->info.alias, c->instance) && !link_is_half_made(&link->info),
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

int net_check_devices(const struct net_check *c, const struct plan *all, struct net_state *s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n_subnets; i++) {
		const struct subnet_record *rec = &all->subnets[i].after;
		struct net_object_set wanted = {};

		if (!all->subnets[i].has_after || rec->vpc != c->vpc)
			continue;
		r = check_bridge(c, rec, i, s);
		if (r == 0)
			r = net_object_want_bridge(&wanted, rec);
		if (r == 0)
			r = check_wanted(c, &wanted, rec->id, s);
		net_object_set_clear(&wanted);
	}
	for (size_t i = 0; r == 0 && i < all->n_ports; i++) {
		const struct port_record *rec = &all->ports[i].after;
		struct net_object_set wanted = {};

		if (!all->ports[i].has_after || rec->vpc != c->vpc)
			continue;
		r = check_port(c, rec, i, s);
		if (r == 0)
			r = net_object_want_port(&wanted, rec);
		if (r == 0)
			r = check_wanted(c, &wanted, rec->eni_id, s);
		tolerate_fdb_entry(rec, s);
		net_object_set_clear(&wanted);
	}
	if (r == 0)
		r = check_unexpected_links(c, s);
	return r ? r : check_unexpected(c, s);
}

/* --- the namespace itself ----------------------------------------------------------------------------------------- */

struct sysctl_telling {
	const struct net_check *check;
	int result;
};

static void on_sysctl(const char *path, const char *value, const char *wanted, void *userdata)
{
	struct sysctl_telling *t = userdata;
	struct net_difference d = {.kind = DIFFERENCE_SYSCTL, .object = path, .problem = "differs"};

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
			.object = "nftables",
			.problem = "differs",
			.detail = "the ruleset is not the one that vpcd made",
		};

		return c->fn(&d, c->userdata);
	}
	return r < 0 ? r : 0;
}
