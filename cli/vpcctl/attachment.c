/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/attachment.h"

#include <string.h>
#include <unistd.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/body.h"

static int set_netns(json_t *attachment, const char *netns)
{
	_cleanup_free_ char *cwd = NULL, *path = NULL;

	if (!strchr(netns, '/') || *netns == '/')
		return json_object_set_new(attachment, "netns", json_string(netns));
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&path, "%s/%s", cwd, netns) < 0) {
		path = NULL;
		return -1;
	}
	return json_object_set_new(attachment, "netns", json_string(path));
}

int attachment_body(const struct cli *cli, const struct args *args, json_t **ret)
{
	const char *netns = args_get(args, "--netns"), *default_route = args_get(args, "--default-route");
	bool tap = args_get(args, "--tap"), link = args_get(args, "--link");
	_cleanup_json_ json_t *a = json_pack("{s:s}", "kind", tap ? "tap" : link ? "link" : "netns");

	if (args_get(args, "--owner") && !tap)
		return args_wrong(args, "--owner goes with --tap");
	if (args_get(args, "--queues") && !tap)
		return args_wrong(args, "--queues goes with --tap");
	if (default_route && (tap || link))
		return args_wrong(args, "--default-route goes with --netns or --pid: whoever runs the VM or moves the "
					"link sets its routes");
	if (default_route && json_object_set_new(a, "default_route", json_boolean(!strcmp(default_route, "yes"))) < 0)
		return api_oom();
	if ((netns && set_netns(a, netns) < 0) || body_set(cli, a, "pid", args, "--pid") < 0 ||
	    body_set(cli, a, "owner", args, "--owner") < 0 || body_set(cli, a, "queues", args, "--queues") < 0 ||
	    body_set(cli, a, "ifname", args, "--ifname") < 0)
		return api_oom();
	*ret = TAKE_PTR(a);
	return CLI_OK;
}
