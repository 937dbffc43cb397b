/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside of edge_util.h: its namespaces and devices. Each fails the test on an error. */
#ifndef TESTS_EDGE_DEVICES_UTIL_H
#define TESTS_EDGE_DEVICES_UTIL_H

#include "edge_util.h"

/* Makes all namespaces, and ends in NS_VPC. */
void edge_make_namespaces(struct edge_lab *e);
/* Makes a VPC's devices and attaches the programs: the workload with its port, and the uplink to the host. */
void edge_make_vpc(struct edge_lab *e, const struct edge_vpc *v, enum edge_ns space, enum edge_ns workload);
/* Makes the host and the world. */
void edge_make_host(struct edge_lab *e);

#endif
