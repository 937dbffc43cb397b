/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network configuration that a runtime writes to stdin. */
#include <errno.h>
#include <string.h>

#include <vpc/paths.h>

#include "cli/cni/cni.h"

#define SHOWN_MAX 200

void cni_config_clear(struct cni_config *c)
{
	json_decref(c->json);
	json_decref(c->groups);
	json_decref(c->secondary);
	json_decref(c->ports);
	free(c->ip);
	free(c->ip6);
	free(c->mac);
	free(c->pod);
	free(c->pod_space);
	*c = (struct cni_config){.version = c->version};
}

/* Ours, and those of others that we know to be harmless. The rest may be another plugin's and is let be. */
static const char *const our_keys[] = {"subnet", "securityGroups", "socket", "vpc", "allowOverride", "defaultRoute"};

/* What people call the key that is meant, beside slips of writing. */
static const struct {
	const char *called; /* as plain_key() leaves it */
	const char *meant;
} other_names[] = {
	{"sg", "securityGroups"},
	{"group", "securityGroups"},
	{"secgroup", "securityGroups"},
	{"securitygrp", "securityGroups"},
	{"secgrp", "securityGroups"},
	{"sggroup", "securityGroups"},
	{"groupname", "securityGroups"},
	{"groupid", "securityGroups"},
	{"sgname", "securityGroups"},
	{"securitygroupname", "securityGroups"},
	{"subnetwork", "subnet"},
	{"subnetname", "subnet"},
	{"vpcname", "vpc"},
	{"isdefaultgateway", "defaultRoute"},
	{"defaultgateway", "defaultRoute"},
	{"vpcdsocket", "socket"},
	{"socketpath", "socket"},
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Letters and digits alone, in small letters, without an "s", "id" or "ids" at the end. */
static void plain_key(const char *key, char *ret, size_t size)
{
	static const char *const endings[] = {"ids", "id", "s"};
	size_t n = 0;

	for (; *key && n + 1 < size; key++)
		if (lower(*key) >= 'a' && lower(*key) <= 'z')
			ret[n++] = lower(*key);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t m = strlen(endings[i]);

		if (n > m && !strncmp(ret + n - m, endings[i], m)) {
			n -= m;
			break;
		}
	}
	ret[n] = '\0';
}

/* What is meant to be one of our keys and isn't would leave a container in the default group: it is refused. */
static const char *misspelt_for(const char *key)
{
	char given[64], ours[64];

	plain_key(key, given, sizeof(given));
	for (size_t i = 0; i < ARRAY_SIZE(our_keys); i++) {
		plain_key(our_keys[i], ours, sizeof(ours));
		if (!strcmp(given, ours) && strcmp(key, our_keys[i]) != 0)
			return our_keys[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(other_names); i++)
		if (!strcmp(given, other_names[i].called))
			return other_names[i].meant;
	return NULL;
}

static int check_keys(const struct cni_config *c, struct cni_error *reterr)
{
	const char *key;
	json_t *value;

	json_object_foreach (c->json, key, value) {
		const char *meant = misspelt_for(key);
		_cleanup_free_ char *text = meant ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

		if (meant)
			return cni_fail(reterr, CNI_E_UNSUPPORTED_FIELD, "%.64s: %.*s is not a field; '%s' is", key,
					SHOWN_MAX, text ? text : "", meant);
	}
	return 0;
}

/* A string that may be missing (*ret stays). Empty counts as a mistake. */
static int get_string(const json_t *json, const char *key, const char **ret, struct cni_error *reterr)
{
	json_t *value = json_object_get(json, key);

	if (!value)
		return 0;
	if (json_string_length(value) == 0)
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "%s: must be a string that is not empty", key);
	*ret = json_string_value(value);
	return 0;
}

static int read_version(struct cni_config *c, struct cni_error *reterr)
{
	const json_t *value = json_object_get(c->json, "cniVersion");

	if (value && !json_is_string(value))
		return cni_fail(reterr, CNI_E_DECODING_FAILURE, "cniVersion: must be a string");
	if (cni_version_parse(value ? json_string_value(value) : "", &c->version) < 0)
		return cni_fail(reterr, CNI_E_INCOMPATIBLE_VERSION,
				"cniVersion: '%.64s' is not supported; %s to %s are",
				value ? json_string_value(value) : "", cni_versions[0], cni_versions[CNI_VERSIONS - 1]);
	return 0;
}

/* The pattern of network names is that of container ids. */
static int read_name(struct cni_config *c, struct cni_error *reterr)
{
	static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const char *name = NULL;
	int r = get_string(c->json, "name", &name, reterr);

	if (r < 0)
		return r;
	if (!name)
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "name: the network's name is missing");
	if (!strchr(alnum, *name) || name[strspn(name, all)] || strlen(name) > CNI_CONTAINER_ID_MAX)
		return cni_fail(
			reterr, CNI_E_INVALID_CONFIG,
			"name: '%.200s' is not a letter or digit followed by letters, digits, '_', '.' and '-' (%d at "
			"most)",
			name, CNI_CONTAINER_ID_MAX);
	c->name = name;
	return 0;
}

/* Where the daemon is and where names are looked up: what every command needs. */
static int read_place(struct cni_config *c, struct cni_error *reterr)
{
	int r;

	c->socket = VPCD_SOCKET;
	r = get_string(c->json, "socket", &c->socket, reterr);
	if (r == 0 && c->socket[0] != '/')
		r = cni_fail(reterr, CNI_E_INVALID_CONFIG, "socket: '%.200s' is not an absolute path", c->socket);
	return r < 0 ? r : get_string(c->json, "vpc", &c->vpc, reterr);
}

static int read_groups(struct cni_config *c, struct cni_error *reterr)
{
	json_t *groups = json_object_get(c->json, "securityGroups"), *group;
	size_t i;

	if (!groups)
		return 0;
	if (json_array_size(groups) == 0)
		return cni_fail(reterr, CNI_E_INVALID_CONFIG,
				"securityGroups: must be a list of names or ids that is not empty");
	json_array_foreach (groups, i, group)
		if (json_string_length(group) == 0)
			return cni_fail(reterr, CNI_E_INVALID_CONFIG,
					"securityGroups[%zu]: must be a security group's name or id", i);
	c->groups = json_incref(groups);
	return 0;
}

/* An object of the configuration that may be missing or null. */
static int get_object(const json_t *json, const char *key, json_t **ret, struct cni_error *reterr)
{
	json_t *value = json_object_get(json, key);

	if (value && !json_is_null(value) && !json_is_object(value))
		return cni_fail(reterr, CNI_E_DECODING_FAILURE, "%s: must be an object", key);
	*ret = json_is_object(value) ? value : NULL;
	return 0;
}

static int read_default_route(struct cni_config *c, struct cni_error *reterr)
{
	json_t *value = json_object_get(c->json, "defaultRoute");

	if (value && !json_is_boolean(value))
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "defaultRoute: must be true or false");
	c->default_route = value;
	return 0;
}

/* libcni writes two names; the second is what 1.1.0 was drafted with. */
static int read_valid(struct cni_config *c, struct cni_error *reterr)
{
	static const char key[] = "cni.dev/valid-attachments";
	json_t *list = json_object_get(c->json, key), *item;
	size_t i;

	if (!list)
		list = json_object_get(c->json, "cni.dev/attachments");
	/* A list that is missing is not an empty one: everything would be deleted. */
	if (!json_is_array(list))
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "%s: must be a list of attachments", key);
	json_array_foreach (list, i, item)
		if (!json_is_string(json_object_get(item, "containerID")) ||
		    !json_is_string(json_object_get(item, "ifname")))
			return cni_fail(reterr, CNI_E_INVALID_CONFIG, "%s[%zu]: must have containerID and ifname", key,
					i);
	c->valid = list;
	return 0;
}

/* What ADD, CHECK and STATUS need beside. */
static int read_network(struct cni_config *c, const struct cni_call *call, struct cni_error *reterr)
{
	int r = check_keys(c, reterr);

	if (r == 0)
		r = get_string(c->json, "subnet", &c->subnet, reterr);
	if (r == 0)
		r = read_groups(c, reterr);
	if (r == 0)
		r = read_default_route(c, reterr);
	if (r == 0)
		r = get_object(c->json, "dns", &c->dns, reterr);
	if (r == 0)
		r = get_object(c->json, "prevResult", &c->prev, reterr);
	if (r == 0 && call->command != CNI_STATUS)
		r = cni_overrides_apply(c, call->args, reterr);
	if (r == 0 && !c->subnet)
		r = cni_fail(reterr, CNI_E_INVALID_CONFIG,
			     "subnet: is missing; it names the subnet that containers get an interface in");
	return r;
}

/* The first version that has the command. */
static enum cni_version since(enum cni_command command)
{
	if (command == CNI_GC || command == CNI_STATUS)
		return CNI_1_1_0;
	return command == CNI_CHECK ? CNI_0_4_0 : CNI_0_3_0;
}

static int read_all(struct cni_config *c, const struct cni_call *call, struct cni_error *reterr)
{
	int r = read_version(c, reterr);

	if (r == 0 && c->version < since(call->command))
		r = cni_fail(reterr, CNI_E_INCOMPATIBLE_VERSION, "cniVersion: %s has no %s", cni_versions[c->version],
			     cni_command_name(call->command));
	if (r == 0)
		r = read_name(c, reterr);
	if (r == 0 && json_object_get(c->json, "plugins"))
		r = cni_fail(reterr, CNI_E_INVALID_CONFIG,
			     "plugins: a list of plugins is for the runtime; a plugin takes its own entry of it");
	if (r == 0)
		r = read_place(c, reterr);
	if (r == 0 && call->command == CNI_GC)
		r = read_valid(c, reterr);
	if (r == 0 && call->command != CNI_GC && call->command != CNI_DEL)
		r = read_network(c, call, reterr);
	return r;
}

int cni_config_parse(const char *text, size_t size, const struct cni_call *call, struct cni_config *ret,
		     struct cni_error *reterr)
{
	json_error_t error;

	*ret = (struct cni_config){.version = CNI_1_1_0};
	ret->secondary = json_array();
	if (!ret->secondary)
		return cni_oom(reterr);
	ret->json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (!ret->json) {
		cni_fail(reterr, CNI_E_DECODING_FAILURE, "the network configuration is not JSON");
		return cni_detail(reterr, "line %d, column %d: %s", error.line, error.column, error.text);
	}
	if (!json_is_object(ret->json))
		return cni_fail(reterr, CNI_E_DECODING_FAILURE, "the network configuration is not an object");
	return read_all(ret, call, reterr);
}
