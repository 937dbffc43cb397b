/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpc-docker: Docker's networks are subnets of VPCs. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include <vpc/number.h>
#include <vpc/options.h>
#include <vpc/paths.h>

#include "cli/docker/docker.h"

#define PLUGIN_SOCKET "/run/docker/plugins/vpc.sock"
#define RECONCILE_MAX 86400u

static void print_help(void)
{
	puts("vpc-docker: a network driver and an IPAM driver for Docker. Networks are subnets of VPCs.\n\n"
	     "Usage: vpc-docker [--socket PATH] [--plugin-socket PATH] [--docker-socket PATH] [--state-dir DIR]\n"
	     "                  [--reconcile-interval SECONDS]\n\n"
	     "  --socket PATH         vpcd's socket (default: " VPCD_SOCKET ")\n"
	     "  --plugin-socket PATH  where Docker finds this driver; the file's name is the driver's (default:\n"
	     "                        " PLUGIN_SOCKET ")\n"
	     "  --docker-socket PATH  Docker's API, for containers' names and labels (default: " DOCKER_ENGINE_SOCKET
	     ")\n"
	     "  --state-dir DIR       where networks' options are kept (default: " DOCKER_STATE_DIR ")\n"
	     "  --reconcile-interval SECONDS\n"
	     "                        how often network interfaces are looked for that Docker no longer knows, and "
	     "deleted\n"
	     "                        when two looks found them so (default: 30; 0: never)\n"
	     "  --version, --help\n\n"
	     "Example:\n"
	     "  docker network create -d vpc --ipam-driver vpc --ipam-opt vpc=prod --ipam-opt subnet=app \\\n"
	     "    --opt vpc=prod --opt subnet=app --opt security-groups=web front\n"
	     "  docker run --network front nginx");
}

static int read_interval(const char *text)
{
	uint64_t seconds;

	if (number_parse(text, RECONCILE_MAX, &seconds) < 0) {
		fprintf(stderr, "vpc-docker: --reconcile-interval: '%s' is not a number of seconds from 0 to %u\n",
			text, RECONCILE_MAX);
		return -EINVAL;
	}
	docker.reconcile_s = (unsigned)seconds;
	return 0;
}

/* The signals that end it, as a descriptor; -errno. */
static int stop_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	/* before there are threads, which inherit it */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"plugin-socket", required_argument, NULL, 'p'},
		{"docker-socket", required_argument, NULL, 'd'},
		{"state-dir", required_argument, NULL, 'S'},
		{"reconcile-interval", required_argument, NULL, 'r'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *socket = PLUGIN_SOCKET, *inexact;
	_cleanup_close_ int stop = -1;
	int c, r;

	inexact = options_find_inexact(argc, argv, options, false);
	if (inexact) {
		fprintf(stderr, "vpc-docker: '%s' is not an option; see vpc-docker --help\n", inexact);
		return 2;
	}
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			docker.vpcd_socket = optarg;
			break;
		case 'p':
			socket = optarg;
			break;
		case 'd':
			docker.engine_socket = optarg;
			break;
		case 'S':
			docker.state_dir = optarg;
			break;
		case 'r':
			if (read_interval(optarg) < 0)
				return 2;
			break;
		case 'v':
			puts("vpc-docker " VPCD_VERSION);
			return 0;
		case 'h':
			print_help();
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vpc-docker: '%s' is not an option; see vpc-docker --help\n", argv[optind]);
		return 2;
	}
	stop = stop_signals();
	r = stop < 0 ? stop : container_start();
	if (r >= 0)
		r = stray_start();
	if (r < 0) {
		fprintf(stderr, "vpc-docker: %s\n", strerror(-r));
		return 1;
	}
	return server_run(socket, stop) < 0;
}
