/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports: a record for each range. */
#include "compiler/internal.h"

static int record_publish(const struct scope *s, enum snapshot snapshot, const struct publication *p,
			  struct publish_record *ret)
{
	const struct object *eni = scope_find(s, snapshot, OBJECT_ENI, p->eni);

	if (!eni)
		return -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->number = p->o.number;
	ret->vpc = p->vpc;
	ret->eni = p->eni;
	ret->private_address = ip_v4_be(&eni_of(eni)->ip);
	ret->host_address = p->host_address.family ? ip_v4_be(&p->host_address) : 0;
	ret->protocol = p->protocol;
	ret->port = p->from_port;
	ret->host_first = p->host_from_port;
	ret->host_last = p->host_to_port;
	return 0;
}

int compile_publish(const struct scope *s, const struct object *before, const struct object *after, struct plan *plan)
{
	return COMPILE_RECORD(publish, publishes, s, before, after, plan);
}
