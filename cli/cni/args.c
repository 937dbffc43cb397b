/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a single container may have otherwise than its network: CNI_ARGS and runtimeConfig. They may come from whoever
 * starts the container, so they set only what the administrator's configuration lists in allowOverride.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <vpc/hex.h>
#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/cni/cni.h"

/* One thing that may be overridden: its name in allowOverride, in CNI_ARGS, in runtimeConfig. */
struct override {
	const char *name;
	const char *arg;
	const char *capability;
	bool list; /* in CNI_ARGS separated by commas */
	/* value: a string, or a list of strings. -EINVAL with *why; -ENOMEM. */
	int (*set)(struct cni_config *c, json_t *value, const char **why);
};

static int replace(char **to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* "10.0.1.9", "10.0.1.9/24", "fd10::9/64": the subnet's own prefix counts, whatever stands here. */
static int set_ip(struct cni_config *c, const char *text)
{
	char address[64], plain[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t n = strcspn(text, "/");
	const char *prefix = text[n] ? text + n + 1 : "0";
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	uint64_t length;

	if (n >= sizeof(address) || number_parse(prefix, family == AF_INET ? 32 : 128, &length) < 0)
		return -EINVAL;
	memcpy(address, text, n);
	address[n] = '\0';
	if (inet_pton(family, address, bytes) != 1 || !inet_ntop(family, bytes, plain, sizeof(plain)))
		return -EINVAL;
	if (family == AF_INET && !c->ip)
		return replace(&c->ip, plain);
	if (family == AF_INET6 && !c->ip6)
		return replace(&c->ip6, plain);
	return json_array_append_new(c->secondary, json_string(plain)) < 0 ? -ENOMEM : 0;
}

static int set_ips(struct cni_config *c, json_t *value, const char **why)
{
	json_t *item;
	size_t i;
	int r;

	*why = "must be a list of addresses";
	if (!json_is_array(value))
		return -EINVAL;
	/* The later source replaces the earlier. */
	free(c->ip);
	free(c->ip6);
	c->ip = c->ip6 = NULL;
	json_array_clear(c->secondary);
	json_array_foreach (value, i, item) {
		r = json_is_string(item) ? set_ip(c, json_string_value(item)) : -EINVAL;
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_mac(struct cni_config *c, json_t *value, const char **why)
{
	const char *text = json_string_value(value);
	uint8_t mac[6];

	*why = "must be a MAC address like 02:11:22:33:44:55";
	if (!text || mac_parse(text, mac) < 0)
		return -EINVAL;
	return replace(&c->mac, text);
}

static int set_subnet(struct cni_config *c, json_t *value, const char **why)
{
	*why = "must be a subnet's name or id";
	if (json_string_length(value) == 0)
		return -EINVAL;
	/* Kept alive by the configuration, which shows the subnet in use. */
	if (json_object_set(c->json, "subnet", value) < 0)
		return -ENOMEM;
	c->subnet = json_string_value(value);
	return 0;
}

static int set_groups(struct cni_config *c, json_t *value, const char **why)
{
	json_t *item;
	size_t i;

	*why = "must be a list of security groups that is not empty";
	if (json_array_size(value) == 0)
		return -EINVAL;
	json_array_foreach (value, i, item)
		if (json_string_length(item) == 0)
			return -EINVAL;
	json_decref(c->groups);
	c->groups = json_incref(value);
	return 0;
}

/* What the capability portMappings has of one port. *ret NULL: nothing, its hostPort is 0. */
static int read_port(const json_t *mapping, json_t **ret, const char **why)
{
	const json_t *host = json_object_get(mapping, "hostPort"), *port = json_object_get(mapping, "containerPort");
	const char *address = json_member_text(mapping, "hostIP"), *protocol = json_member_text(mapping, "protocol");
	bool udp = protocol && !strcasecmp(protocol, "udp");

	*ret = NULL;
	*why = "each must have a hostPort and a containerPort, and the protocol tcp or udp";
	if (!json_is_integer(host) || !json_is_integer(port) || (protocol && !udp && strcasecmp(protocol, "tcp") != 0))
		return -EINVAL;
	if (!json_integer_value(host))
		return 0;
	/* any address; the host's IPv6 is not translated */
	if (address && (!*address || !strcmp(address, "::") || !strcmp(address, "0.0.0.0")))
		address = NULL;
	*ret = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s*}", "op", "publish.create", "eni_id", "$0.id", "protocol",
			 udp ? "udp" : "tcp", "from_port", json_integer_value(port), "host_from_port",
			 json_integer_value(host), "host_address", address);
	return *ret ? 0 : -ENOMEM;
}

static int set_ports(struct cni_config *c, json_t *value, const char **why)
{
	_cleanup_json_ json_t *list = json_array();
	json_t *mapping, *change;
	size_t i;

	*why = "must be a list of ports";
	if (!json_is_array(value))
		return -EINVAL;
	if (!list)
		return -ENOMEM;
	json_array_foreach (value, i, mapping) {
		int r = read_port(mapping, &change, why);

		if (r < 0)
			return r;
		if (change && json_array_append_new(list, change) < 0)
			return -ENOMEM;
	}
	json_decref(c->ports);
	c->ports = TAKE_PTR(list);
	return 0;
}

static const struct override overrides[] = {
	{"ip", "IP", "ips", true, set_ips},
	{"mac", "MAC", "mac", false, set_mac},
	{"subnet", "SUBNET", "subnet", false, set_subnet},
	{"securityGroups", "SECURITY_GROUPS", "securityGroups", true, set_groups},
};

/* Bits of overrides[]; without the key: ip and mac. */
static int read_allowed(const struct cni_config *c, unsigned *ret, struct cni_error *reterr)
{
	json_t *list = json_object_get(c->json, "allowOverride"), *item;
	size_t i;

	*ret = list ? 0 : 1u << 0 | 1u << 1;
	if (list && !json_is_array(list))
		return cni_fail(reterr, CNI_E_INVALID_CONFIG, "allowOverride: must be a list");
	json_array_foreach (list, i, item) {
		const char *name = json_string_value(item);
		unsigned bit = 0;

		for (size_t k = 0; name && k < ARRAY_SIZE(overrides); k++)
			if (!strcmp(overrides[k].name, name))
				bit = 1u << k;
		if (!bit)
			return cni_fail(reterr, CNI_E_INVALID_CONFIG,
					"allowOverride[%zu]: '%.64s' is none of ip, mac, subnet, securityGroups", i,
					name ? name : "");
		*ret |= bit;
	}
	return 0;
}

/* "a,b" as a list of strings. Owned; NULL: out of memory. */
static json_t *split(const char *text)
{
	_cleanup_json_ json_t *list = json_array();

	while (list) {
		size_t n = strcspn(text, ",");

		if (json_array_append_new(list, json_stringn(text, n)) < 0)
			return NULL;
		if (!text[n])
			return TAKE_PTR(list);
		text += n + 1;
	}
	return NULL;
}

static int set_arg(struct cni_config *c, unsigned allowed, size_t k, const char *value, struct cni_error *reterr)
{
	const struct override *o = &overrides[k];
	_cleanup_json_ json_t *json = o->list ? split(value) : json_string(value);
	const char *why = "";
	int r;

	if (!(allowed & 1u << k))
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT,
				"CNI_ARGS: %s may not be set; allowOverride of network %s doesn't list '%s'", o->arg,
				c->name, o->name);
	if (!json)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_ARGS: the value of %s is not UTF-8", o->arg);
	r = o->set(c, json, &why);
	if (r == -ENOMEM)
		return cni_oom(reterr);
	if (r < 0)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_ARGS: %s: %s: '%.200s'", o->arg, why, value);
	return 0;
}

/* Keys that runtimes set by themselves: vpc-cni uses or ignores them. Returns 1 if it is such a key. */
static int take_note(struct cni_config *c, const char *key, const char *value)
{
	if (!strcmp(key, "K8S_POD_NAME"))
		return replace(&c->pod, value) < 0 ? -ENOMEM : 1;
	if (!strcmp(key, "K8S_POD_NAMESPACE"))
		return replace(&c->pod_space, value) < 0 ? -ENOMEM : 1;
	return !strcmp(key, "IgnoreUnknown") || !strncmp(key, "K8S_", 4);
}

static int apply_arg(struct cni_config *c, unsigned allowed, const char *key, const char *value, bool ignore,
		     struct cni_error *reterr)
{
	int r = take_note(c, key, value);

	if (r < 0)
		return cni_oom(reterr);
	if (r > 0)
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(overrides); k++)
		/* In other case too: nobody gets by allowOverride by way of IgnoreUnknown. */
		if (!strcasecmp(overrides[k].arg, key))
			return set_arg(c, allowed, k, value, reterr);
	if (ignore)
		return 0;
	return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_ARGS: '%.64s' is unknown (and IgnoreUnknown isn't set)",
			key);
}

static bool ignores_unknown(const char *args)
{
	static const char *const yes[] = {"1", "t", "true"};
	const char *at = strstr(args, "IgnoreUnknown=");
	size_t n;

	if (!at || (at != args && at[-1] != ';'))
		return false;
	at += strlen("IgnoreUnknown=");
	n = strcspn(at, ";");
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (n == strlen(yes[i]) && !strncasecmp(at, yes[i], n))
			return true;
	return false;
}

/* "KEY=VALUE;KEY=VALUE" */
static int apply_args(struct cni_config *c, unsigned allowed, const char *args, struct cni_error *reterr)
{
	_cleanup_free_ char *copy = strdup(args);
	bool ignore = ignores_unknown(args);
	char *state = NULL;

	if (!copy)
		return cni_oom(reterr);
	for (char *pair = strtok_r(copy, ";", &state); pair; pair = strtok_r(NULL, ";", &state)) {
		char *value = strchr(pair, '=');
		int r;

		if (!value || value == pair)
			return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_ARGS: '%.64s' is not KEY=VALUE", pair);
		*value++ = '\0';
		r = apply_arg(c, allowed, pair, value, ignore, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int refuse_capability(enum cni_code code, const char *key, json_t *value, const char *why,
			     struct cni_error *reterr)
{
	_cleanup_free_ char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	return cni_fail(reterr, code, "runtimeConfig.%.64s: %.200s: %s", key, text ? text : "", why);
}

static bool is_nothing(const json_t *value)
{
	return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0) ||
	       (json_is_string(value) && json_string_length(value) == 0);
}

static int apply_capability(struct cni_config *c, unsigned allowed, const char *key, json_t *value,
			    struct cni_error *reterr)
{
	const char *why = "";

	int r;

	if (is_nothing(value))
		return 0;
	/* The operator has allowed them by the network's capabilities. */
	if (!strcmp(key, "portMappings")) {
		r = set_ports(c, value, &why);
		if (r == -ENOMEM)
			return cni_oom(reterr);
		return r < 0 ? refuse_capability(CNI_E_INVALID_CONFIG, key, value, why, reterr) : 0;
	}
	for (size_t k = 0; k < ARRAY_SIZE(overrides); k++) {

		if (strcmp(overrides[k].capability, key) != 0)
			continue;
		if (!(allowed & 1u << k))
			return refuse_capability(CNI_E_UNSUPPORTED_FIELD, key, value,
						 "may not be set; the network's allowOverride doesn't list it", reterr);
		r = overrides[k].set(c, value, &why);
		if (r == -ENOMEM)
			return cni_oom(reterr);
		return r < 0 ? refuse_capability(CNI_E_INVALID_CONFIG, key, value, why, reterr) : 0;
	}
	return refuse_capability(
		CNI_E_UNSUPPORTED_FIELD, key, value,
		"vpc-cni doesn't have this capability; take it out of the configuration's capabilities", reterr);
}

int cni_overrides_apply(struct cni_config *c, const char *args, struct cni_error *reterr)
{
	json_t *capabilities = json_object_get(c->json, "runtimeConfig"), *value;
	unsigned allowed;
	const char *key;
	int r = read_allowed(c, &allowed, reterr);

	if (r == 0 && args)
		r = apply_args(c, allowed, args, reterr);
	if (r == 0 && capabilities && !json_is_object(capabilities) && !json_is_null(capabilities))
		r = cni_fail(reterr, CNI_E_DECODING_FAILURE, "runtimeConfig: must be an object");
	if (r < 0)
		return r;
	/* Read after CNI_ARGS, the older form, so that these win. */
	json_object_foreach (capabilities, key, value) {
		r = apply_capability(c, allowed, key, value, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}
