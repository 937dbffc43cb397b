/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of kinds, and what their files share. */
#include "datapath/net/device/device.h"

#include <errno.h>
#include <stdarg.h>

#define DEVICE(kind) extern const struct device_ops device_##kind;
#include "datapath/net/device/devices.def"
#undef DEVICE

static const struct device_ops *const kinds[] = {
#define DEVICE(kind) &device_##kind,
#include "datapath/net/device/devices.def"
#undef DEVICE
};

bool device_next(struct device_iterator *it, struct device_spec *ret_before, struct device_spec *ret_after)
{
	while (it->kind < ARRAY_SIZE(kinds)) {
		size_t at = it->backwards ? ARRAY_SIZE(kinds) - 1 - it->kind : it->kind;

		*ret_before = *ret_after = (struct device_spec){};
		if (!kinds[at]->record(it->plan, it->record, ret_before, ret_after)) {
			it->kind++;
			it->record = 0;
			continue;
		}
		it->record++;
		if (ret_before->ops || ret_after->ops)
			return true;
	}
	return false;
}

/* list: NULL: only counts. */
static size_t collect(const struct plan *plan, uint32_t vpc, struct device_spec *list)
{
	struct device_iterator it = {.plan = plan};
	struct device_spec before, after;
	size_t n = 0;

	while (device_next(&it, &before, &after)) {
		if (!after.ops || after.vpc != vpc)
			continue;
		if (list)
			list[n] = after;
		n++;
	}
	return n;
}

int device_list(const struct plan *plan, uint32_t vpc, struct device_spec **ret, size_t *ret_n)
{
	size_t n = collect(plan, vpc, NULL);
	struct device_spec *list = calloc(n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	*ret_n = collect(plan, vpc, list);
	*ret = list;
	return 0;
}

bool device_is_half_made(const struct link_info *info)
{
	for (size_t i = 0; !info->alias[0] && i < ARRAY_SIZE(kinds); i++)
		if (kinds[i]->is_named && kinds[i]->is_named(info))
			return true;
	return false;
}

int device_remove_stray(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir)
{
	int r = link_delete(rtnl, ifindex);

	if (link_dir)
		tc_tcx_unpin(link_dir, ifindex);
	return r == -ENODEV ? 0 : r;
}

int device_tell(const struct device_check *c, const char *problem, const char *format, ...)
{
	char detail[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	return c->fn(problem, detail, c->userdata);
}

int device_check_options(const struct device_check *c, const struct link_option *options, const uint32_t *values)
{
	int r = 0;

	for (size_t i = 0; r == 0 && options[i].name; i++) {
		if (values[i] != options[i].want)
			r = device_tell(c, "differs", "%s: %s is %u, should be %u", c->spec->name, options[i].name,
					values[i], options[i].want);
	}
	return r;
}

void device_delete_half_made(struct nl_sock *rtnl, uint32_t ifindex)
{
	struct link_info info;

	if (link_get(rtnl, ifindex, NULL, &info) >= 0 && device_is_half_made(&info))
		link_delete(rtnl, ifindex);
}

int device_fail(const struct device_spec *s, int r, const char *what, const char *text, struct vpc_error *reterr)
{
	vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s %s of %s cannot %s: %s", s->ops->kind, s->name,
		      s->id, what, text && text[0] ? text : strerror(-r));
	return r;
}

int device_check_programs(const struct device_check *c, struct nl_sock *rtnl, uint32_t ifindex, const char *name,
			  enum tc_role role, const char *link_dir)
{
	const struct tc_programs *programs = &c->programs->of[role];
	struct tc_clsact clsact;
	int r = tc_clsact_read(rtnl, ifindex, &clsact);

	for (enum tc_side side = 0; r == 0 && side < TC_SIDES; side++) {
		const char *program = programs->name[side];
		uint32_t wanted = programs->id[side], tcx;

		if (!wanted) {
			clsact.others += clsact.id[side] != 0;
			continue;
		}
		if (!clsact.id[side])
			r = device_tell(c, "missing", "%s: the %s filter", name, program);
		else if (clsact.id[side] != wanted)
			r = device_tell(c, "differs", "%s: the %s filter has program %u, should have %u", name, program,
					clsact.id[side], wanted);
		if (r || !link_dir)
			continue;
		tcx = tc_tcx_read(link_dir, ifindex, side);
		if (!tcx)
			r = device_tell(c, "missing", "%s: the %s tcx link", name, program);
		else if (tcx != wanted)
			r = device_tell(c, "differs", "%s: the %s tcx link has program %u, should have %u", name,
					program, tcx, wanted);
	}
	if (r == 0 && clsact.others)
		r = device_tell(c, "unexpected", "%s: %u filters that aren't vpcd's", name, clsact.others);
	return r;
}

const char *device_host_dir(const char *link_dir, char buf[DEVICE_HOST_DIR_MAX])
{
	snprintf(buf, DEVICE_HOST_DIR_MAX, "%s/host", link_dir);
	return buf;
}

int device_adopt_tcx(const struct device_place *p, uint32_t ifindex, enum tc_role role, bool host)
{
	const char *dir = p->link_dir ? p->link_dir : p->stale_link_dir;
	char host_dir[DEVICE_HOST_DIR_MAX];

	if (!dir)
		return 0;
	if (host)
		dir = device_host_dir(dir, host_dir);
	if (p->link_dir)
		return tc_tcx_update(dir, ifindex, &p->programs->of[role]);
	tc_tcx_unpin(dir, ifindex);
	return 0;
}

int device_put_objects(const struct device_request *q, enum net_object_kind kind, struct vpc_error *reterr)
{
	for (const struct net_object *o = q->device->objects.head; o; o = o->hh.next) {
		char text[NET_OBJECT_TEXT_MAX], what[NET_OBJECT_TEXT_MAX + 16];
		int r;

		if (o->key.kind != kind)
			continue;
		r = net_object_put(q->place.rtnl, o);
		if (r < 0) {
			snprintf(what, sizeof(what), "get %s", net_object_format(o, text));
			return device_fail(q->spec, r, what, NULL, reterr);
		}
	}
	return 0;
}
