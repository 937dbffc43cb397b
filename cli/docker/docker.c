/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpc-docker is told at its start, and connections to vpcd. */
#include "cli/docker/docker.h"

#include <vpc/paths.h>

#include "cli/lib/http.h"

struct docker docker = {
	.vpcd_socket = VPCD_SOCKET,
	.engine_socket = DOCKER_ENGINE_SOCKET,
	.state_dir = DOCKER_STATE_DIR,
	.reconcile_s = 30,
};

struct http *docker_vpcd(void)
{
	struct http *h = NULL;

	return http_new(docker.vpcd_socket, &h) < 0 ? NULL : h;
}
