/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What publishing a change gives to the worker: links and namespaces to delete, far ends to change. */
#ifndef DATAPATH_NET_REMOVAL_H
#define DATAPATH_NET_REMOVAL_H

#include "datapath/net/registry.h"

/* A change of a far end's addresses. Without objects: the ENI leaves, and what led to it is removed. */
struct far_end_change {
	const struct device_ops *ops; /* the far end's */
	struct attachment attachment; /* path is owned; no owner */
	struct net_object *objects;   /* owned; ifindex 0: filled in when the interface is known */
	bool *add;		      /* for each object; owned. Else: remove */
	size_t n;
	char id[OBJECT_ID_MAX];
	struct far_end_change *next;
};
/* For at most max objects, none yet. NULL: out of memory. */
struct far_end_change *far_end_change_new(const struct device_spec *s, size_t max);
void far_end_change_free(struct far_end_change *c);

/* A removal of net, empty. It ends with net_removal_free. -ENOMEM. */
int removal_new(struct net *n, struct net_removal **ret);
/* Adds a link. id: of its object; workload_ns_ino: the inode of its far end's namespace, or 0. -ENOMEM. */
int removal_add_link(struct net_removal *r, const struct net_vpc *v, const struct device_ops *ops, uint32_t ifindex,
		     const char *id, uint64_t workload_ns_ino);
/* Adds those of a removed device's objects that are on other links. -ENOMEM. */
int removal_add_objects(struct net_removal *r, const struct net_vpc *v, uint32_t ifindex,
			const struct net_object_set *objects);
/* Adds a whole VPC, which is forgotten: v is freed. -ENOMEM: v stays. */
int removal_add_vpc(struct net_removal *r, struct net_vpc *v);
/* The host's nftables table is to be made. Borrowed: it must outlive the removal. */
void removal_add_host_table(struct net_removal *r, struct host_table *t);
/* Takes c. */
void removal_add_far_end(struct net_removal *r, struct far_end_change *c);
/* Where a removal still has to delete this link, it is deleted before this returns. */
void removal_finish_link(struct net *n, uint32_t vpc, uint32_t ifindex);

#endif
