/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer: a domain's XML, as vpc-libvirt reads it. What is taken has a uuid and interfaces within their bounds; what
 * isn't has a reason; everything is given back (LeakSanitizer). Links cli/libvirt/domain.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/libvirt/libvirt.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check(const struct domain *d)
{
	json_t *interface;
	size_t i;

	require(strlen(d->uuid) == 36 && !strchr(d->uuid, ':') && d->name);
	require(json_array_size(d->interfaces) <= LIBVIRT_INTERFACES_MAX);
	require(d->managed || !json_array_size(d->interfaces));
	json_array_foreach ((json_t *)d->interfaces, i, interface) {
		const char *dev = json_member_text(interface, "dev");

		require(dev && *dev && strlen(dev) < 16);
		require(json_member_text(interface, "subnet") && json_member_text(interface, "mac"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int interfaces = 0; interfaces < 2; interfaces++) {
		_cleanup_domain_ struct domain d = {0};
		struct plugin_error error = {0};

		if (domain_parse((const char *)data, size, interfaces, &d, &error) < 0)
			require(error.text[0] != '\0');
		else
			check(&d);
	}
	return 0;
}
