/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpc-netavark, a plugin of netavark, podman's network stack since podman 4. Netavark runs it with a command, and with
 * JSON on stdin; it writes JSON to stdout, and {"error": text} where it ends with a status that isn't 0.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/netavark/netavark.h"

#define INPUT_BYTES_MAX (8u * 1024 * 1024)
/* Of the plugin protocol. */
#define API_VERSION	"1.0.0"

/* stdin as a JSON object. Owned; NULL: *e says why. */
static json_t *read_input(struct plugin_error *e)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	json_error_t error;
	json_t *json;

	if (plugin_read(stdin, INPUT_BYTES_MAX, "what netavark wrote", &text, &size, e) < 0)
		return NULL;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(json)) {
		plugin_fail(e, "what netavark wrote is not a JSON object: line %d: %s", error.line, error.text);
		json_decref(json);
		return NULL;
	}
	return json;
}

static int print_json(const json_t *json)
{
	return json_dumpf(json, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF || fflush(stdout) == EOF;
}

static int print_info(void)
{
	_cleanup_json_ json_t *info = json_pack("{s:s, s:s}", "version", VPCD_VERSION, "api_version", API_VERSION);

	return print_json(info);
}

static const char usage[] =
	"vpc-netavark: a plugin of netavark, by which podman's containers get network interfaces in VPCs\n\n"
	"Usage: vpc-netavark info | create | setup NETNS | teardown NETNS        (JSON on stdin)\n\n"
	"netavark runs it; containers.conf says where it is: netavark_plugin_dirs = "
	"[\"/usr/local/lib/netavark\"]\n"
	"Example: podman network create -d vpc-netavark -o vpc=prod -o subnet=app -o security-groups=web front\n";

static int run(const char *command, const char *netns)
{
	_cleanup_json_ json_t *input = NULL, *output = NULL, *said = NULL;
	struct plugin_error error = {0};
	int r = -EINVAL;

	input = read_input(&error);
	if (input && !strcmp(command, "create"))
		r = netavark_create(input, &output, &error);
	else if (input && !strcmp(command, "setup"))
		r = netavark_setup(input, netns, &output, &error);
	else if (input)
		r = netavark_teardown(input, &error);
	if (r == 0)
		return output ? print_json(output) : 0;
	said = json_pack("{s:o}", "error", json_text_lossy(error.text));
	print_json(said);
	return 1;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (argc == 2 && !strcmp(command, "info"))
		return print_info();
	if (argc == 2 && !strcmp(command, "create"))
		return run(command, NULL);
	if (argc == 3 && (!strcmp(command, "setup") || !strcmp(command, "teardown")))
		return run(command, argv[2]);
	return plugin_usage(argc, argv, "vpc-netavark " VPCD_VERSION, usage);
}
