/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer: what a runtime gives vpc-cni. The first byte is the command; then, each ended by a NUL, CNI_CONTAINERID,
 * CNI_IFNAME and CNI_ARGS; the rest is the network configuration. What is taken holds to the specification's patterns
 * and gives a result; what isn't is an error object; everything is given back (LeakSanitizer). Links cli/cni/*.c and
 * cli/lib/http.c.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cni/cni.h"

#define VARIABLES 3

static char *values[VARIABLES];
static const char *command;

static void require(int condition)
{
	if (!condition)
		abort();
}

static char *get(const char *name)
{
	static const char *const names[VARIABLES] = {"CNI_CONTAINERID", "CNI_IFNAME", "CNI_ARGS"};
	static char netns[] = "/run/netns/x";

	for (size_t i = 0; i < VARIABLES; i++)
		if (!strcmp(name, names[i]))
			return values[i];
	if (!strcmp(name, "CNI_NETNS"))
		return netns;
	return !strcmp(name, "CNI_COMMAND") ? (char *)(uintptr_t)command : NULL;
}

static void check_error(const struct cni_error *e, const struct cni_config *c)
{
	json_t *json = cni_error_to_json(e, cni_versions[c->version]);

	require(e->code > 0 && e->msg[0] && json_is_object(json));
	json_decref(json);
}

/* With an ENI as vpcd would answer. */
static void check_result(const struct cni_config *c, const struct cni_call *call)
{
	json_t *eni = json_pack("{s:s, s:s, s:s, s:i, s:O}", "mac", "02:00:00:00:00:01", "ip", "10.0.1.4", "ip6",
				"fd10::4", "mtu", 1500, "secondary_ips", c->secondary);
	json_t *subnet =
		json_pack("{s:s, s:s, s:s}", "cidr", "10.0.1.0/24", "gateway", "10.0.1.1", "gateway6", "fe80::1");
	json_t *vpc = json_pack("{s:{s:[s], s:s}}", "dhcp_options", "dns_servers", "10.0.0.53", "domain_name", "a.b");
	json_t *result = NULL;
	struct cni_error error = {0};

	if (cni_result_previous(c, &result, &error) < 0) {
		check_error(&error, c);
	} else {
		require(cni_result_add(c, call, eni, subnet, vpc, result, &error) == 0);
		require(cni_result_find(result, call) >= 0);
		require(!strcmp(json_string_value(json_object_get(result, "cniVersion")), cni_versions[c->version]));
	}
	json_decref(result);
	json_decref(eni);
	json_decref(subnet);
	json_decref(vpc);
}

static void check_config(const struct cni_config *c, const struct cni_call *call)
{
	struct in_addr ip;
	struct in6_addr ip6;

	require(c->name && c->socket && c->socket[0] == '/');
	require(!c->ip || inet_pton(AF_INET, c->ip, &ip) == 1);
	require(!c->ip6 || inet_pton(AF_INET6, c->ip6, &ip6) == 1);
	require(!c->mac || strlen(c->mac) == 17);
	require(!c->groups || json_array_size(c->groups) > 0);
	require(call->command != CNI_GC || c->valid);
	if (call->command != CNI_ADD)
		return;
	require(c->subnet && *c->subnet);
	check_result(c, call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_config config = {.version = CNI_1_1_0};
	struct cni_error error = {0};
	struct cni_call call;

	if (!size)
		return 0;
	command = cni_command_name((enum cni_command)(data[0] % CNI_COMMANDS));
	data++;
	size--;
	for (size_t i = 0; i < VARIABLES; i++) {
		size_t n = strnlen((const char *)data, size);

		values[i] = strndup((const char *)data, n);
		n += n < size;
		data += n;
		size -= n;
	}
	if (cni_call_read(get, &call, &error) < 0 ||
	    cni_config_parse((const char *)data, size, &call, &config, &error) < 0)
		check_error(&error, &config);
	else
		check_config(&config, &call);
	cni_config_clear(&config);
	for (size_t i = 0; i < VARIABLES; i++)
		free(values[i]);
	return 0;
}
