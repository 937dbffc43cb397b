/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kinds of an ENI's port share. For the files of this folder. */
#ifndef DATAPATH_NET_PORT_H
#define DATAPATH_NET_PORT_H

#include "datapath/net/device/device.h"

/* How the kinds of ports differ when they are made. */
struct port_kind {
	/* Makes the link, down. On failure nothing is left, and reterr is filled. */
	int (*make)(const struct device_request *q, struct vpc_error *reterr);
	bool makes_named; /* make gives the link its name and MTU */
	/* Whether the existing link, which is of this kind, can stay. */
	bool (*fits)(const struct device_request *q, const struct link_info *info);
	/* The MAC of the host end; NULL: it doesn't matter. */
	void (*mac)(uint32_t eni, uint8_t ret[6]);
	/* Prepares the far end while the port is down; NULL: nothing to prepare. */
	int (*prepare)(const struct device_request *q, struct vpc_error *reterr);
};

/* As struct device_ops has them; kind: the attachments whose ports the kind of device makes. */
bool port_record(const struct plan *plan, size_t i, const struct device_ops *ops, enum attachment_kind kind,
		 struct device_spec *ret_before, struct device_spec *ret_after);
int port_may_change(const struct device_spec *before, const struct device_spec *after, struct vpc_error *reterr);
/* p<ENI number>, with a number of an ENI. The kind of the link is for the caller to compare. */
bool port_is_named(const struct link_info *info);
int port_objects(const struct device_spec *s, struct net_object_set *ret);
int port_ensure(const struct device_request *q, const struct port_kind *kind, bool *ret_made, struct vpc_error *reterr);
int port_adopt(const struct device_request *q);
int port_raise(const struct device_request *q);
int port_check(const struct device_check *c, const struct link_info *info);
int port_check_programs(const struct device_check *c);
/* The same for ports that are veths. */
bool port_veth_is_named(const struct link_info *info);
int port_veth_check(const struct device_check *c, const struct link_info *info);
int port_remove(struct nl_sock *rtnl, uint32_t ifindex, const char *link_dir);

#endif
