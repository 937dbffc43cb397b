/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Container engines whose plugins tag their ENIs with what they know of the container: "<engine>/container-id",
 * "<engine>/container-name" (of Kubernetes "cni/pod"), "<engine>/image", "<engine>/netns". A virtual machine of
 * libvirt's is known by "libvirt/domain", its uuid, and "libvirt/domain-name".
 */
#ifndef VPC_ENGINES_H
#define VPC_ENGINES_H

#include <stddef.h>
#include <stdio.h>

static const char *const vpc_engines[] = {"cni", "docker", "lxc", "netavark"};

#define ENGINE_DOMAIN_ID   "libvirt/domain"
#define ENGINE_DOMAIN_NAME "libvirt/domain-name"

/* The value of the first tag "<engine>/<key>" there is; NULL: none. get finds a tag's value by its name. */
static inline const char *engine_tag(const char *(*get)(const void *tags, const char *name), const void *tags,
				     const char *key)
{
	char name[64];

	for (size_t i = 0; i < sizeof(vpc_engines) / sizeof(*vpc_engines); i++) {
		const char *value;

		snprintf(name, sizeof(name), "%s/%s", vpc_engines[i], key);
		value = get(tags, name);
		if (value)
			return value;
	}
	return NULL;
}

/* The container's name, as its users know it; NULL: none. */
static inline const char *engine_container_name(const char *(*get)(const void *tags, const char *name),
						const void *tags)
{
	const char *name = engine_tag(get, tags, "pod");

	return name ? name : engine_tag(get, tags, "container-name");
}

#endif
