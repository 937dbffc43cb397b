/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/options.h>
#include <vpc/cleanup.h>
#include <vpc/number.h>
#include <vpc/paths.h>

#include "util/log.h"

/* Addresses of a pool are looked through one by one. */
#define POOL_PLEN_MIN 16

#define HISTORY_DEPTH_MAX 1000000
#define HISTORY_MIB_MAX	  65536
#define USAGE_DAYS_MAX	  4000

/* --- values ------------------------------------------------------------------------------------------ */

static int set_string(char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

static int set_instance(struct config *c, const char *value)
{
	size_t n = strlen(value);

	if (n < 1 || n > 32 || strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return -EINVAL;
	return set_string(&c->instance, value);
}

/* Makes it absolute: the daemon may change its folder. */
static int set_path(char **to, const char *value)
{
	_cleanup_free_ char *cwd = NULL, *path = NULL;

	if (value[0] == '/')
		return set_string(to, value);
	if (!value[0] || !(cwd = getcwd(NULL, 0)) || asprintf(&path, "%s/%s", cwd, value) < 0)
		return -EINVAL;
	return set_string(to, path);
}

static int set_state_dir(struct config *c, const char *value)
{
	return set_path(&c->state_dir, value);
}

static int set_run_dir(struct config *c, const char *value)
{
	return set_path(&c->run_dir, value);
}

static int set_socket(struct config *c, const char *value)
{
	return set_path(&c->socket, value);
}

static int set_group(struct config *c, const char *value)
{
	return value[0] ? set_string(&c->group, value) : -EINVAL;
}

static int set_log_level(struct config *c, const char *value)
{
	return log_parse_level(value, &c->log_level);
}

static int set_bool(bool *to, const char *value)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -EINVAL;
	*to = strcmp(value, "yes") == 0;
	return 0;
}

static int set_tcx(struct config *c, const char *value)
{
	return set_bool(&c->use_tcx, value);
}

static int set_fast_path(struct config *c, const char *value)
{
	return set_bool(&c->use_fast_path, value);
}

static int set_redirect(struct config *c, const char *value)
{
	return set_bool(&c->use_edge_redirect, value);
}

/* Names of interfaces, without spaces. */
static int set_outer(struct config *c, const char *value)
{
	for (const char *p = value; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
		size_t length = strcspn(p, ",");

		if (!length || length >= IFNAMSIZ || strcspn(p, " \t/:") < length)
			return -EINVAL;
	}
	return value[0] ? set_string(&c->outer, value) : -EINVAL;
}

static int set_history_depth(struct config *c, const char *value)
{
	return number_parse(value, HISTORY_DEPTH_MAX, &c->history_depth) < 0 || !c->history_depth ? -EINVAL : 0;
}

static int set_history_size(struct config *c, const char *value)
{
	return number_parse(value, HISTORY_MIB_MAX, &c->history_mib) < 0 || !c->history_mib ? -EINVAL : 0;
}

static int set_usage_days(struct config *c, const char *value)
{
	return number_parse(value, USAGE_DAYS_MAX, &c->usage_days) < 0 || !c->usage_days ? -EINVAL : 0;
}

/* All settings: of the file, of the command line, or of both. */
static const struct setting {
	const char *section; /* NULL: not in the file */
	const char *name;
	bool option; /* --name VALUE */
	int (*set)(struct config *c, const char *value);
	const char *argument;
	const char *text; /* what it is, and which values are allowed */
} settings[] = {
	{"Daemon", "instance", true, set_instance, "NAME", "name of this instance: [a-z0-9-]{1,32} (default)"},
	{"Daemon", "state-dir", true, set_state_dir, "DIR", "a folder (" VPCD_STATE_DIR ")"},
	{"Daemon", "run-dir", true, set_run_dir, "DIR", "a folder (" VPCD_RUN_DIR ")"},
	{"Daemon", "socket", true, set_socket, "PATH", "a path (RUN-DIR/" VPCD_SOCKET_NAME ")"},
	{"Daemon", "group", true, set_group, "GROUP",
	 "a group, whose members may change networks (vpcd, if it exists)"},
	{"Daemon", "log-level", true, set_log_level, "L", "error, warning, notice, info or debug (info)"},
	{"Datapath", "tcx", false, set_tcx, "yes|no", "use tcx links where the kernel has them (yes)"},
	{"Datapath", "fast-path", false, set_fast_path, "yes|no",
	 "redirect packets between ENIs from port to port, if the kernel can (yes)"},
	{"edge", "outer", false, set_outer, "IFACE[,IFACE]...",
	 "interfaces that lead to the world, separated by commas (those of the default routes)"},
	{"edge", "redirect", false, set_redirect, "yes|no",
	 "send what leaves VPCs past the host's firewall, if the kernel can; no: the host forwards it (yes)"},
	{"history", "depth", false, set_history_depth, "REVISIONS",
	 "how many revisions can be shown and read again: 1 to 1000000 (10000)"},
	{"history", "size", false, set_history_size, "MIB",
	 "how much the changes of these may take in the store, in MiB: 1 to 65536 (128)"},
	{"usage", "keep_days", false, set_usage_days, "DAYS",
	 "for how many days the hours of `vpcctl usage` are kept: 1 to 4000 (400)"},
};

/* --- the file ---------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset;
} limits[] = {
#define LIMIT(symbol, value, text) {#symbol, offsetof(struct vpc_limits, symbol)},
#include <vpc/limits.def>
#undef LIMIT
};

/* Earlier names of limits. */
static const struct {
	const char *was, *is;
} renamed_limits[] = {{"classes", "port_mask_groups"}};

/* A limit may be lower than its default, not higher: maps are sized, and tests run, by the defaults. */
static int set_limit(struct config *c, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(renamed_limits); i++)
		if (!strcmp(name, renamed_limits[i].was))
			name = renamed_limits[i].is;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		uint32_t *limit = (uint32_t *)(void *)((char *)&c->limits + limits[i].offset);
		uint64_t number;

		if (strcmp(limits[i].name, name) != 0)
			continue;
		if (number_parse(value, *limit, &number) < 0 || !number) {
			fprintf(stderr, "vpcd: limit %s must be a number from 1 to %u\n", name, *limit);
			return -EINVAL;
		}
		*limit = (uint32_t)number;
		return 0;
	}
	fprintf(stderr, "vpcd: there is no limit named '%s'\n", name);
	return -EINVAL;
}

/* [pool "NAME"]: copies NAME. -ENOENT: the section is no pool. */
static int pool_name(const char *section, char ret[POOL_NAME_MAX])
{
	static const char begin[] = "pool \"";
	const char *name = section + sizeof(begin) - 1;
	size_t n;

	if (strncmp(section, begin, sizeof(begin) - 1) != 0)
		return -ENOENT;
	n = strcspn(name, "\"");
	if (!n || n >= POOL_NAME_MAX || strcmp(name + n, "\"") != 0 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n) {
		fprintf(stderr, "vpcd: [%s]: a pool's name is letters, digits, '.', '_' and '-'\n", section);
		return -EINVAL;
	}
	memcpy(ret, name, n);
	ret[n] = '\0';
	return 0;
}

/* The pool of that name, made if there is none. */
static struct pool *pool_named(struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_pools; i++)
		if (strcmp(c->pools[i].name, name) == 0)
			return &c->pools[i];
	if (c->n_pools == POOLS_MAX) {
		fprintf(stderr, "vpcd: there can be %d pools\n", POOLS_MAX);
		return NULL;
	}
	snprintf(c->pools[c->n_pools].name, POOL_NAME_MAX, "%s", name);
	return &c->pools[c->n_pools++];
}

static int set_pool(struct config *c, const char *pool, const char *name, const char *value)
{
	struct pool *p = pool_named(c, pool);

	if (!p)
		return -EINVAL;
	if (strcmp(name, "cidr") == 0) {
		if (p->cidr.addr.family || cidr_parse(value, &p->cidr) < 0 || p->cidr.addr.family != 4 ||
		    cidr_has_host_bits(&p->cidr) || p->cidr.plen < POOL_PLEN_MIN) {
			fprintf(stderr, "vpcd: cidr=%s: must be one IPv4 range, /%d or smaller, without host bits\n",
				value, POOL_PLEN_MIN);
			return -EINVAL;
		}
		return 0;
	}
	if (strcmp(name, "uplink") == 0) {
		size_t n = strlen(value);

		if (!n || n >= sizeof(p->uplink) || strcspn(value, "/ \t") != n) {
			fprintf(stderr, "vpcd: uplink=%s: must be the name of an interface\n", value);
			return -EINVAL;
		}
		memcpy(p->uplink, value, n + 1);
		return 0;
	}
	fprintf(stderr, "vpcd: a pool has cidr and uplink, not '%s'\n", name);
	return -EINVAL;
}

static int check_pools(const struct config *c)
{
	for (size_t i = 0; i < c->n_pools; i++) {
		const struct pool *p = &c->pools[i];

		if (!p->cidr.addr.family || !p->uplink[0]) {
			fprintf(stderr, "vpcd: the pool '%s' needs cidr and uplink\n", p->name);
			return -EINVAL;
		}
		for (size_t k = 0; k < i; k++)
			if (cidr_overlaps(&p->cidr, &c->pools[k].cidr)) {
				fprintf(stderr, "vpcd: the pools '%s' and '%s' overlap\n", c->pools[k].name, p->name);
				return -EINVAL;
			}
	}
	return 0;
}

/* ini_handler: 1 goes on, 0 is an error in that line. */
static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct config *c = user;
	char pool[POOL_NAME_MAX];
	int r = pool_name(section, pool);

	if (r != -ENOENT)
		return r == 0 && set_pool(c, pool, name, value) == 0;
	if (strcmp(section, "Limits") == 0)
		return set_limit(c, name, value) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const struct setting *s = &settings[i];

		if (!s->section || strcmp(s->section, section) != 0 || strcmp(s->name, name) != 0)
			continue;
		if (s->set(c, value) == 0)
			return 1;
		fprintf(stderr, "vpcd: %s=%s is not valid; %s=%s: %s\n", name, value, name, s->argument, s->text);
		return 0;
	}
	fprintf(stderr, "vpcd: [%s] has no setting '%s'\n", section, name);
	return 0;
}

static int parse_file(struct config *c, const char *path, bool must_exist)
{
	int r;

	if (!must_exist && access(path, F_OK) < 0)
		return 0;
	r = ini_parse(path, on_entry, c);
	if (r == 0)
		return check_pools(c);
	if (r < 0)
		fprintf(stderr,
			"vpcd: cannot read the configuration file %s; name one that can be read with --config\n", path);
	else
		fprintf(stderr, "vpcd: error in the configuration file %s, line %d; see vpcd.conf(5)\n", path, r);
	return -EINVAL;
}

/* --- the command line -------------------------------------------------------------------------------- */

enum {
	OPTION_CONFIG = 256,
	OPTION_ACCEPT_STORE,
	OPTION_PURGE,
	OPTION_STATE,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_SETTING, /* + index in settings[] */
};

static const struct option *long_options(void)
{
	static struct option options[ARRAY_SIZE(settings) + 7];
	size_t n = 0;

	options[n++] = (struct option){"config", required_argument, NULL, OPTION_CONFIG};
	options[n++] = (struct option){"accept-store", no_argument, NULL, OPTION_ACCEPT_STORE};
	options[n++] = (struct option){"purge", no_argument, NULL, OPTION_PURGE};
	options[n++] = (struct option){"state", no_argument, NULL, OPTION_STATE};
	options[n++] = (struct option){"version", no_argument, NULL, OPTION_VERSION};
	options[n++] = (struct option){"help", no_argument, NULL, OPTION_HELP};
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].option)
			options[n++] =
				(struct option){settings[i].name, required_argument, NULL, OPTION_SETTING + (int)i};
	options[n] = (struct option){0};
	return options;
}

/* Two passes: the first finds --config, whose file is read before the other options override it. */
static int parse_options(struct config *c, int argc, char **argv, bool first, const char **ret_file)
{
	const struct option *options = long_options();
	const char *inexact = options_find_inexact(argc, argv, options, false);
	int option;

	if (inexact) {
		fprintf(stderr, "vpcd: there is no option %.*s (try --help)\n", (int)strcspn(inexact, "="), inexact);
		return -EINVAL;
	}
	optind = 0;
	opterr = first;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return -EINVAL;
		if (first && option == OPTION_CONFIG)
			*ret_file = optarg;
		if (first || option == OPTION_CONFIG)
			continue;
		if (option == OPTION_ACCEPT_STORE)
			c->accept_store = true;
		else if (option == OPTION_PURGE)
			c->purge = true;
		else if (option == OPTION_STATE)
			c->purge_state = true;
		else if (option == OPTION_VERSION)
			c->version = true;
		else if (option == OPTION_HELP)
			c->help = true;
		else if (settings[option - OPTION_SETTING].set(c, optarg) < 0) {
			const struct setting *s = &settings[option - OPTION_SETTING];

			fprintf(stderr, "vpcd: --%s %s is not valid; --%s %s: %s\n", s->name, optarg, s->name,
				s->argument, s->text);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vpcd: unexpected argument '%s' (try --help)\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

int config_parse(struct config *ret, int argc, char **argv)
{
	const char *file = NULL;

	*ret = (struct config){.log_level = LOG_INFO,
			       .use_tcx = true,
			       .use_fast_path = true,
			       .use_edge_redirect = true,
			       .history_depth = 10000,
			       .history_mib = 128,
			       .usage_days = 400,
			       .limits = vpc_limits_default};
	if (set_string(&ret->instance, "default") < 0 || set_string(&ret->state_dir, VPCD_STATE_DIR) < 0 ||
	    set_string(&ret->run_dir, VPCD_RUN_DIR) < 0)
		return -ENOMEM;
	if (parse_options(ret, argc, argv, true, &file) < 0)
		return -EINVAL;
	if (parse_file(ret, file ? file : VPCD_CONFIG_FILE, file != NULL) < 0)
		return -EINVAL;
	if (parse_options(ret, argc, argv, false, NULL) < 0)
		return -EINVAL;
	if (ret->purge_state && !ret->purge) {
		fprintf(stderr, "vpcd: --state goes with --purge\n");
		return -EINVAL;
	}
	return 0;
}

void config_clear(struct config *c)
{
	free(c->instance);
	free(c->state_dir);
	free(c->run_dir);
	free(c->socket);
	free(c->group);
	free(c->outer);
	*c = (struct config){0};
}

void config_print_help(void)
{
	printf("vpcd - private networks with security groups for this host\n\n"
	       "Usage: vpcd [OPTION]...            stays in the foreground, logs to stderr\n"
	       "       vpcd --purge [--state] ...  removes every kernel object of an instance, with --state its state "
	       "too\n\n"
	       "  --config FILE         configuration (" VPCD_CONFIG_FILE ", if it exists)\n");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].option)
			printf("  --%-10s %-8s %s\n", settings[i].name, settings[i].argument, settings[i].text);
	printf("  --accept-store        start with a state folder that is older than what the kernel enforces, or "
	       "with another\n"
	       "  --version             print the version\n"
	       "  --help                print this\n\n"
	       "Networks are made and changed with vpcctl. SIGTERM stops the daemon; networks and enforcement stay.\n");
}
