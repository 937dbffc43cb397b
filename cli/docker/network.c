/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks: which subnet each is, and what its containers may ask for. Docker says so once, so it is kept in a file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/array.h>
#include <vpc/json.h>
#include <vpc/mkdir.h>

#include "cli/docker/docker.h"
#include "cli/lib/client.h"
#include "cli/lib/workload_groups.h"

#define SUFFIX	 ".json"
#define GENERIC	 "com.docker.network.generic"
#define INTERNAL "com.docker.network.internal"

void network_clear(struct network *n)
{
	json_decref(n->json);
	*n = (struct network){0};
}

/* Docker's ids are hexadecimal: they name files. */
static bool id_is_valid(const char *id)
{
	size_t n = id ? strlen(id) : 0;

	return n > 0 && n <= 64 && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") == n;
}

static int path_of(const char *id, char ret[512])
{
	if (!id_is_valid(id))
		return -EINVAL;
	return snprintf(ret, 512, "%s/%s.json", docker.state_dir, id) < 512 ? 0 : -ENAMETOOLONG;
}

static void borrow(struct network *n)
{
	n->subnet_id = json_member_text(n->json, "subnet_id");
	n->vpc_id = json_member_text(n->json, "vpc_id");
	n->groups = json_object_get(n->json, "security_groups");
	n->allowed = json_object_get(n->json, "allowed");
}

int network_load(const char *id, struct network *ret, struct plugin_error *reterr)
{
	json_error_t error;
	char path[512];

	*ret = (struct network){0};
	if (path_of(id, path) < 0)
		return plugin_fail(reterr, "NetworkID: '%.80s' is not an id", id ? id : "");
	ret->json = json_load_file(path, 0, &error);
	if (ret->json)
		borrow(ret);
	if (!ret->json || !ret->subnet_id || !ret->vpc_id)
		return plugin_fail(reterr,
				   "network %.64s is not known to vpc-docker (%s: %s); remove it and create it again",
				   id, path, ret->json ? "it is damaged" : error.text);
	return 0;
}

static int save(const char *id, const json_t *json, struct plugin_error *reterr)
{
	char path[512], temporary[520];
	int r;

	if (path_of(id, path) < 0)
		return plugin_fail(reterr, "NetworkID: '%.80s' is not an id", id ? id : "");
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	r = mkdir_one(docker.state_dir, 0700);
	if (r < 0)
		return plugin_fail(reterr, "%s: %s", docker.state_dir, strerror(-r));
	if (json_dump_file(json, temporary, JSON_INDENT(1)) < 0 || rename(temporary, path) < 0)
		return plugin_fail(reterr, "%s: %s", path, strerror(errno));
	return 0;
}

static void network_forget(const char *id)
{
	char path[512];

	if (path_of(id, path) == 0)
		unlink(path);
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

int network_groups(const struct network *n, const char *asked, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *list = NULL;
	const char *forbidden;
	int r;

	if (!asked) {
		*ret = json_incref(n->groups);
		return 0;
	}
	r = groups_parse(asked, &list);
	if (r == -ENOMEM)
		return plugin_oom(reterr);
	if (r < 0)
		return plugin_fail(reterr, "vpc.security-groups: '%.200s' is not a list of groups like web,db", asked);
	forbidden = groups_forbidden(list, n->groups, n->allowed);
	if (forbidden)
		return plugin_fail(reterr,
				   "vpc.security-groups: this network doesn't let containers ask for group '%.100s'; "
				   "create it with --opt allowed-security-groups=%.100s (or '*')",
				   forbidden, forbidden);
	*ret = TAKE_PTR(list);
	return 0;
}

/* --- docker network create --------------------------------------------------------------------------------------- */

static int read_options(const json_t *options, json_t **ret_groups, json_t **ret_allowed, struct plugin_error *reterr)
{
	char text[OPTIONS_TEXT_MAX];
	int r = network_options_check(options, "--opt", NULL, text);

	if (r == 0)
		r = network_options_groups(options, "--opt", "security-groups", ret_groups, text);
	if (r == 0)
		r = network_options_groups(options, "--opt", "allowed-security-groups", ret_allowed, text);
	if (r == -ENOMEM)
		return plugin_oom(reterr);
	return r < 0 ? plugin_fail(reterr, "%s", text) : 0;
}

/* Addresses come from somewhere else than vpcd unless Docker's idea of the network is the subnet. family: "" or "6". */
static int check_pool(const json_t *data, const char *family, const json_t *subnet, const json_t *options,
		      struct plugin_error *reterr)
{
	const json_t *first = json_array_get(data, 0);
	const char *pool = json_member_text(first, "Pool"), *cidr, *name = json_member_text(options, "subnet");
	const char *vpc = json_member_text(options, "vpc");
	char key[16];

	snprintf(key, sizeof(key), "cidr%s", family);
	cidr = json_member_text(subnet, key);
	if (!first && *family)
		return 0;
	if (json_array_size(data) == 1 && pool && cidr && !strcmp(pool, cidr))
		return 0;
	return plugin_fail(
		reterr,
		"Docker would give containers addresses of %.50s, but subnet %.100s has %.50s; let vpcd give them: "
		"add --ipam-driver vpc%s%.100s --ipam-opt subnet=%.100s",
		pool ? pool : "another network", name, cidr ? cidr : "no IPv6", vpc ? " --ipam-opt vpc=" : "",
		vpc ? vpc : "", name);
}

/* Whether an ENI with these groups could be made there. */
static int try_groups(struct http *h, const json_t *subnet, const json_t *groups, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *body = NULL, *reply = NULL;
	struct vpcd_failure failure;
	int r;

	body = json_pack("{s:b, s:[{s:s, s:s, s:s, s:O*}]}", "dry_run", 1, "changes", "op", "eni.create", "name",
			 "docker:try", "subnet_id", json_member_text(subnet, "id"), "security_groups", groups);
	if (!body)
		return plugin_oom(reterr);
	r = vpcd_call(h, "POST", client_path("transactions", NULL, NULL, NULL), body, &reply, &failure);
	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

static int fetch_subnet(struct http *h, const json_t *options, json_t **ret, struct plugin_error *reterr)
{
	struct vpcd_failure failure;
	int r = vpcd_call(
		h, "GET",
		client_path("subnets", json_member_text(options, "subnet"), NULL, json_member_text(options, "vpc")),
		NULL, ret, &failure);

	return r < 0 ? plugin_failed(r, &failure, reterr) : 0;
}

/* What Docker takes from its user for any network, and what would have no effect here. */
static int check_wishes(const json_t *body, struct plugin_error *reterr)
{
	const char *const families[] = {"IPv4Data", "IPv6Data"};

	if (json_is_true(json_object_get(json_object_get(body, "Options"), INTERNAL)))
		return plugin_fail(reterr,
				   "--internal: whether there is a way out is for the VPC's route tables to say "
				   "(vpcctl route-table); leave it out");
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (json_object_size(
			    json_object_get(json_array_get(json_object_get(body, families[i]), 0), "AuxAddresses")))
			return plugin_fail(reterr, "--aux-address: addresses are vpcd's; keep one from containers by "
						   "vpcctl eni create --ip, and leave --aux-address out");
	return 0;
}

int network_create(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	const json_t *options = json_object_get(json_object_get(body, "Options"), GENERIC);
	_cleanup_json_ json_t *subnet = NULL, *groups = NULL, *allowed = NULL, *kept = NULL;
	_cleanup_(http_freep) struct http *h = docker_vpcd();
	int r = h ? read_options(options, &groups, &allowed, reterr) : plugin_oom(reterr);

	(void)ret;
	if (r == 0)
		r = check_wishes(body, reterr);
	if (r == 0)
		r = fetch_subnet(h, options, &subnet, reterr);
	if (r == 0)
		r = check_pool(json_object_get(body, "IPv4Data"), "", subnet, options, reterr);
	if (r == 0)
		r = check_pool(json_object_get(body, "IPv6Data"), "6", subnet, options, reterr);
	if (r == 0)
		r = try_groups(h, subnet, groups, reterr);
	if (r < 0)
		return r;
	kept = json_pack("{s:O, s:O, s:O*, s:O*}", "subnet_id", json_object_get(subnet, "id"), "vpc_id",
			 json_object_get(subnet, "vpc_id"), "security_groups", groups, "allowed", allowed);
	return kept ? save(json_member_text(body, "NetworkID"), kept, reterr) : plugin_oom(reterr);
}

int network_delete(const json_t *body, json_t **ret, struct plugin_error *reterr)
{
	const char *id = json_member_text(body, "NetworkID");

	(void)ret, (void)reterr;
	/* Docker has removed its endpoints before; what is left of failures is stray.c's */
	network_forget(id ? id : "");
	return 0;
}
