/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of ports: what an attached ENI needs of devices, with copies of every string. */
#include "compiler/internal.h"

#include <vpc/array.h>

void record_port_clear(struct port_record *r)
{
	free(r->ips);
	free(r->attachment.path);
	free(r->attachment.owner);
	*r = (struct port_record){0};
}

/* NULL stays NULL. -ENOMEM. */
static int copy_string(const char *s, char **ret)
{
	*ret = s ? strdup(s) : NULL;
	return s && !*ret ? -ENOMEM : 0;
}

static int copy_attachment(const struct attachment *a, struct attachment *ret)
{
	*ret = *a;
	ret->path = NULL;
	ret->owner = NULL;
	if (copy_string(a->path, &ret->path) < 0 || copy_string(a->owner, &ret->owner) < 0)
		return -ENOMEM;
	return 0;
}

static int copy_ips(const struct eni *e, struct port_record *ret)
{
	ret->ips = calloc(2 + e->n_secondary, sizeof(*ret->ips));
	if (!ret->ips)
		return -ENOMEM;
	ret->ips[ret->n_ips++] = e->ip;
	if (e->ip6.family)
		ret->ips[ret->n_ips++] = e->ip6;
	for (size_t i = 0; i < e->n_secondary; i++)
		ret->ips[ret->n_ips++] = e->secondary[i];
	return 0;
}

static int record_port(const struct scope *s, enum snapshot snapshot, const struct eni *e, struct port_record *ret)
{
	const struct vpc *v = scope_vpc(s, snapshot, e->vpc);
	const struct subnet *sn = scope_subnet(s, snapshot, e->subnet);

	if (!v || !sn)
		return -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->eni = e->o.number;
	ret->vpc = e->vpc;
	ret->subnet = e->subnet;
	memcpy(ret->eni_id, e->o.id, sizeof(ret->eni_id));
	memcpy(ret->host_ifname, e->attachment.host_ifname, sizeof(ret->host_ifname));
	memcpy(ret->mac, e->mac, sizeof(ret->mac));
	ret->mtu = v->mtu;
	ret->plen4 = sn->cidr.plen;
	ret->gateway4 = cidr_nth(&sn->cidr, 1);
	ret->has_ip6 = e->ip6.family != 0;
	if (copy_ips(e, ret) < 0 || copy_attachment(&e->attachment, &ret->attachment) < 0) {
		record_port_clear(ret);
		return -ENOMEM;
	}
	return 0;
}

static bool string_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool attachment_equal(const struct attachment *a, const struct attachment *b)
{
	return a->kind == b->kind && strcmp(a->ifname, b->ifname) == 0 && strcmp(a->host_ifname, b->host_ifname) == 0 &&
	       string_equal(a->path, b->path) && a->pid == b->pid && a->pid_start == b->pid_start &&
	       a->ns_dev == b->ns_dev && a->ns_ino == b->ns_ino && a->ns_cookie == b->ns_cookie &&
	       strcmp(a->boot_id, b->boot_id) == 0 && a->has_default_route == b->has_default_route &&
	       a->default_route == b->default_route && string_equal(a->owner, b->owner) &&
	       a->owner_uid == b->owner_uid && a->queues == b->queues;
}

static bool record_port_equal(const struct port_record *a, const struct port_record *b)
{
	if (a->eni != b->eni || a->vpc != b->vpc || a->subnet != b->subnet || strcmp(a->eni_id, b->eni_id) != 0 ||
	    strcmp(a->host_ifname, b->host_ifname) != 0 || memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 ||
	    a->mtu != b->mtu || a->plen4 != b->plen4 || !ip_equal(&a->gateway4, &b->gateway4) ||
	    a->has_ip6 != b->has_ip6 || a->n_ips != b->n_ips)
		return false;
	for (size_t i = 0; i < a->n_ips; i++)
		if (!ip_equal(&a->ips[i], &b->ips[i]))
			return false;
	return attachment_equal(&a->attachment, &b->attachment);
}

int compile_port(const struct scope *s, const struct eni *before, const struct eni *after, struct plan *plan)
{
	struct plan_port change = {
		.has_before = before && before->attachment.kind != ATTACHMENT_NONE,
		.has_after = after && after->attachment.kind != ATTACHMENT_NONE,
	};
	struct plan_port *added;
	int err = 0;

	if (change.has_before)
		err = record_port(s, SNAPSHOT_BEFORE, before, &change.before);
	if (err == 0 && change.has_after)
		err = record_port(s, SNAPSHOT_AFTER, after, &change.after);
	if (err < 0 || (!change.has_before && !change.has_after))
		goto drop;
	if (change.has_before && change.has_after && record_port_equal(&change.before, &change.after))
		goto drop;
	added = ARRAY_ADD(plan->ports, plan->n_ports);
	if (!added) {
		err = -ENOMEM;
		goto drop;
	}
	*added = change;
	return 0;
drop:
	record_port_clear(&change.before);
	record_port_clear(&change.after);
	return err;
}
