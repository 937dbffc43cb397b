/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl graph */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/graph_dot.h"
#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/state.h"

extern char **environ;

/* Starts dot, which reads from *ret and writes to our stdout. -errno. */
static int start_dot(pid_t *ret_pid, FILE **ret)
{
	char *const argv[] = {(char *)"dot", (char *)"-Tsvg", NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	r = -posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]);
	*ret = r == 0 ? fdopen(ends[1], "w") : NULL;
	if (!*ret)
		close(ends[1]);
	return r == 0 && !*ret ? -ENOMEM : r;
}

static int draw_svg(const struct snapshot *s, const char *vpc)
{
	FILE *f = NULL;
	pid_t pid = 0;
	int status = 0, r;

	signal(SIGPIPE, SIG_IGN); /* dot's exit status says more */
	fflush(stdout);
	r = start_dot(&pid, &f);
	if (r == -ENOENT)
		return api_refuse(
			"InvalidParameterValue",
			"dot of Graphviz draws the picture, and is not installed: apt install graphviz, or take "
			"vpcctl graph -o dot to where it is");
	if (r < 0)
		return api_refuse("InternalError", "dot could not be started: %s", strerror(-r));
	r = graph_dot(f, s, vpc);
	fclose(f);
	waitpid(pid, &status, 0);
	if (r < 0)
		return api_oom();
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CLI_OK
							     : api_refuse("InternalError", "dot could not draw it");
}

static int run(struct cli *cli, const struct args *args)
{
	const char *format = args_get(args, "-o") ?: "svg", *ref = args_get(args, "--vpc");
	const struct entry *vpc = NULL;
	struct snapshot s;
	uint64_t revision;
	int status;

	if (strcmp(format, "svg") != 0 && strcmp(format, "dot") != 0)
		return args_wrong(args, "-o must be svg or dot, not '%s'", format);
	status = state_read(cli, &s, &revision);
	if (status != CLI_OK)
		return status;
	if (ref)
		status = state_find_vpc(cli, &s, ref, &vpc);
	if (status == CLI_OK && !strcmp(format, "dot"))
		status = graph_dot(stdout, &s, vpc ? vpc->id : NULL) < 0 ? api_oom() : CLI_OK;
	else if (status == CLI_OK)
		status = draw_svg(&s, vpc ? vpc->id : NULL);
	snapshot_clear(&s);
	return status;
}

static const struct param params[] = {
	{"--vpc", VALUE_VPC, 0, "VPC", "only this VPC"},
	{"-o", VALUE_TEXT, 0, "FORMAT", "svg, or dot: the source for Graphviz (default: svg)"},
	PARAMS_END,
};

const struct command graph_command = {
	.noun = "graph",
	.summary = "draw VPCs, subnets, network interfaces, groups and who may talk to whom",
	.params = params,
	.notes = "An arrow leads from who may open a connection to where; beside it stand protocol and ports. A dashed "
		 "line leads "
		 "from a network interface to its groups. Graphviz (dot) draws it.",
	.example = "vpcctl graph --vpc prod >prod.svg\nvpcctl graph -o dot | dot -Tpdf >all.pdf",
	.run = run,
};
