/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of an uplink in vpcd's own namespace. For the files of this folder. */
#ifndef DATAPATH_NET_HOST_END_H
#define DATAPATH_NET_HOST_END_H

#include "datapath/net/device/device.h"

/* "vu-" and the last 12 digits of the VPC's id. */
void host_end_name(const char *vpc_id, char ret[IFNAMSIZ]);
/* Its MAC. */
void host_end_mac(uint32_t vpc, uint8_t ret[6]);
/* The host end that belongs to this VPC end. -ENODEV: the other end isn't in vpcd's namespace, or isn't ours. rtnl: in
 * vpcd's own namespace. */
int host_end_find(struct nl_sock *rtnl, const char *instance, const struct device_spec *s,
		  const struct link_info *vpc_end, struct link_info *ret);
/* Deletes a link of ours that has its name and is left over. -EEXIST: the name is taken by somebody else's. */
int host_end_clear_name(struct nl_sock *rtnl, const char *instance, const struct device_spec *s);
/* Puts on its programs, then gives it name, alias, MTU and sysctls. *ret_tcx: all its tcx links are there. */
int host_end_set_up(const struct device_request *q, uint32_t ifindex, bool *ret_tcx, struct vpc_error *reterr);
/* Compares its sysctls, as device_ops.check_silent. */
int host_end_check_sysctls(const struct device_check *c);
/* Compares the rest of it. */
int host_end_check(const struct device_check *c, const struct link_info *vpc_end);

#endif
