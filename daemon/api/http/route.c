/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/route.h"

#include <stdio.h>
#include <string.h>

#include "api/http/url.h"

static void add_allowed(char allow[ALLOW_SIZE], const char *method)
{
	size_t used = strlen(allow);

	snprintf(allow + used, ALLOW_SIZE - used, "%s%s", used ? ", " : "", method);
}

const struct route *route_find(const struct router *router, const char *method, const char *path, bool read_only,
			       const char **ret_id, size_t *ret_id_size, char allow[ALLOW_SIZE])
{
	const struct route *route;

	allow[0] = '\0';
	for (size_t i = 0; (route = router->route(i)); i++) {
		if (!url_match(route->pattern, path, ret_id, ret_id_size))
			continue;
		if (read_only && strcmp(route->method, "GET") != 0)
			continue;
		if (strcmp(route->method, method) == 0)
			return route;
		add_allowed(allow, route->method);
	}
	return NULL;
}
