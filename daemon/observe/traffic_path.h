/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AWS's `traffic-path` of a flow log's record: by what a packet leaves its VPC. Pure. */
#ifndef OBSERVE_TRAFFIC_PATH_H
#define OBSERVE_TRAFFIC_PATH_H

#include "model/model.h"

/* As AWS numbers those that exist here. */
enum traffic_path {
	TRAFFIC_PATH_NONE = 0,	  /* no route, or one to nowhere: "-" */
	TRAFFIC_PATH_INSIDE = 1,  /* another resource of the VPC; a NAT gateway is one */
	TRAFFIC_PATH_PEERING = 4, /* a peering within the region: all are */
	TRAFFIC_PATH_IGW = 8,	  /* an internet gateway, also an egress-only one */
};

/* By the route table of the ENI's subnet as it is now. Looks at all routes of the table, which are 1,000 at most with
 * the entries of the prefix lists that it names. */
enum traffic_path traffic_path(const struct model *m, const struct eni *e, const struct ip *destination);

#endif
