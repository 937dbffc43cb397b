/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The environment of a call. */
#include <errno.h>
#include <string.h>

#include "cli/cni/cni.h"

enum need {
	NEED_CONTAINER = 1,
	NEED_IFNAME = 2,
	NEED_NETNS = 4,
};

static const struct {
	const char *name;
	unsigned needs;
} commands[CNI_COMMANDS] = {
	[CNI_ADD] = {"ADD", NEED_CONTAINER | NEED_IFNAME | NEED_NETNS},
	[CNI_DEL] = {"DEL", NEED_CONTAINER | NEED_IFNAME},
	[CNI_CHECK] = {"CHECK", NEED_CONTAINER | NEED_IFNAME | NEED_NETNS},
	[CNI_GC] = {"GC", 0},
	[CNI_STATUS] = {"STATUS", 0},
	[CNI_VERSION] = {"VERSION", 0},
};

const char *const cni_versions[CNI_VERSIONS] = {
	[CNI_0_3_0] = "0.3.0", [CNI_0_3_1] = "0.3.1", [CNI_0_4_0] = "0.4.0",
	[CNI_1_0_0] = "1.0.0", [CNI_1_1_0] = "1.1.0",
};

int cni_version_parse(const char *text, enum cni_version *ret)
{
	for (int i = 0; i < CNI_VERSIONS; i++) {
		if (strcmp(cni_versions[i], text) != 0)
			continue;
		*ret = (enum cni_version)i;
		return 0;
	}
	return -ENOENT;
}

const char *cni_command_name(enum cni_command command)
{
	return commands[command].name;
}

static bool is_ascii_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* ^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$ */
static bool is_container_id(const char *id)
{
	if (!is_ascii_alnum(*id))
		return false;
	for (; *id; id++)
		if (!is_ascii_alnum(*id) && !strchr("_.-", *id))
			return false;
	return true;
}

/* The specification's pattern, and what vpcd takes: no '%', which the kernel would count with, and nothing unprintable.
 */
static bool is_ifname(const char *name)
{
	if (!*name || strlen(name) > CNI_IFNAME_MAX || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || strchr("/:%", *name))
			return false;
	return true;
}

static int check_container(const char *id, struct cni_error *reterr)
{
	if (!is_container_id(id))
		return cni_fail(
			reterr, CNI_E_INVALID_ENVIRONMENT,
			"CNI_CONTAINERID: '%.200s' is not a letter or digit followed by letters, digits, '_', '.' and "
			"'-'",
			id);
	if (strlen(id) > CNI_CONTAINER_ID_MAX)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_CONTAINERID: more than %d characters",
				CNI_CONTAINER_ID_MAX);
	return 0;
}

/* A variable that is set and not empty. */
static const char *value_of(char *(*get)(const char *name), const char *name)
{
	const char *value = get(name);

	return value && *value ? value : NULL;
}

/* It becomes part of JSON. */
static bool is_utf8(const char *text)
{
	json_t *json = json_string(text);
	bool good = json;

	json_decref(json);
	return good;
}

static int check_needs(const struct cni_call *call, struct cni_error *reterr)
{
	unsigned needs = commands[call->command].needs;
	const char *container = (needs & NEED_CONTAINER) && !call->container_id ? " CNI_CONTAINERID" : "";
	const char *ifname = (needs & NEED_IFNAME) && !call->ifname ? " CNI_IFNAME" : "";
	const char *netns = (needs & NEED_NETNS) && !call->netns ? " CNI_NETNS" : "";
	int r = 0;

	if (*container || *ifname || *netns)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "%s needs these variables, which are not set:%s%s%s",
				commands[call->command].name, container, ifname, netns);
	if ((needs & NEED_NETNS) && !is_utf8(call->netns))
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_NETNS: the path is not UTF-8");
	if (needs & NEED_CONTAINER)
		r = check_container(call->container_id, reterr);
	if (r < 0 || !(needs & NEED_IFNAME) || is_ifname(call->ifname))
		return r;
	return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT,
			"CNI_IFNAME: '%.64s' is not 1 to %d printable characters without '/', ':', '%%' and blanks",
			call->ifname, CNI_IFNAME_MAX);
}

int cni_call_read(char *(*get)(const char *name), struct cni_call *ret, struct cni_error *reterr)
{
	const char *command = value_of(get, "CNI_COMMAND");

	*ret = (struct cni_call){
		.command = CNI_COMMANDS,
		.container_id = value_of(get, "CNI_CONTAINERID"),
		.ifname = value_of(get, "CNI_IFNAME"),
		.netns = value_of(get, "CNI_NETNS"),
		.args = value_of(get, "CNI_ARGS"),
	};
	for (int i = 0; command && i < CNI_COMMANDS; i++)
		if (!strcmp(commands[i].name, command))
			ret->command = (enum cni_command)i;
	if (ret->command == CNI_COMMANDS)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT,
				"CNI_COMMAND: '%.64s' is none of ADD, DEL, CHECK, GC, STATUS, VERSION", command ?: "");
	return check_needs(ret, reterr);
}
