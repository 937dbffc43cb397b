/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpc-netavark: what its files share. */
#ifndef CLI_NETAVARK_H
#define CLI_NETAVARK_H

#include <jansson.h>
#include <stdarg.h>

#include <vpc/cleanup.h>

#include "cli/lib/plugin.h"

/* What a network's options say (`podman network create -o`). */
struct network {
	const char *name, *vpc, *subnet, *socket; /* borrowed from the network's JSON; vpc may be NULL */
	json_t *groups, *allowed;		  /* owned lists, or NULL */
};
void network_clear(struct network *n);
int network_read(const json_t *json, struct network *ret, struct plugin_error *reterr);
/* The same without looking at its other options: enough to find ENIs. */
int network_read_names(const json_t *json, struct network *ret, struct plugin_error *reterr);
/* The groups of a container that asks for these (NULL: it doesn't). *ret is owned; NULL: the VPC's default group. */
int network_groups(const struct network *n, const char *asked, json_t **ret, struct plugin_error *reterr);

/* podman network create: checks the options with vpcd. *ret: the network as podman is to keep it, owned. */
int netavark_create(const json_t *network, json_t **ret, struct plugin_error *reterr);
/* A container starts: *ret is the status block, owned. netns: the container's namespace. */
int netavark_setup(const json_t *input, const char *netns, json_t **ret, struct plugin_error *reterr);
/* A container ends. 0 also if it has no ENI any more. */
int netavark_teardown(const json_t *input, struct plugin_error *reterr);

#endif
