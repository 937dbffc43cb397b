/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpc-libvirt: what its files share. */
#ifndef CLI_LIBVIRT_H
#define CLI_LIBVIRT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <vpc/cleanup.h>

#include "cli/lib/plugin.h"

/* XML namespace of the element <interfaces> in a domain's <metadata>. */
#define LIBVIRT_NAMESPACE      "urn:vpcd:libvirt"
#define LIBVIRT_INTERFACES_MAX 32u
#define LIBVIRT_XML_BYTES_MAX  (8u * 1024 * 1024)

/* A domain, as libvirt hands it to a hook. */
struct domain {
	json_t *json; /* owned; the texts are borrowed from it */
	const char *uuid;
	const char *name;
	bool managed; /* its metadata has an element of ours */
	/* List of objects: "dev", "subnet", "mac"; where they are given "vpc", "ip", "ip6", and "groups", a list; where
	 * the domain has it already, "target", the macvtap's name. */
	const json_t *interfaces;
};
void domain_clear(struct domain *d);
#define _cleanup_domain_ _cleanup_(domain_clear)
/* Reads the domain's XML. It has interfaces only if they are asked for: a domain that ends is not held up by what its
 * metadata has become. -EINVAL: *reterr says why. */
int domain_parse(const char *xml, size_t size, bool interfaces, struct domain *ret, struct plugin_error *reterr);

/* ENIs of the domain, or of all domains if uuid is NULL. The caller releases the list. */
int list_enis(struct http *h, const char *uuid, json_t **ret, struct plugin_error *reterr);

/* Before the domain starts: each interface has its ENI, attached to a link of the host. On failure none is attached. */
int hook_prepare(struct http *h, const struct domain *d, struct plugin_error *reterr);
/* The domain's interfaces are there, and it is about to run. */
void hook_start(const struct domain *d);
/* The domain has ended: its ENIs stay, attached to nothing. */
int hook_release(struct http *h, const struct domain *d, struct plugin_error *reterr);

/* Deletes the ENIs of domains that libvirt, at that URI, doesn't know. Without an answer of libvirt's, none. */
int clean_run(struct http *h, const char *uri, struct plugin_error *reterr);

#endif
