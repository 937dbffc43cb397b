/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon is told: by its configuration file, and over it by its command line. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <vpc/limits.h>

#include "model/pool.h"

struct config {
	char *instance;
	char *state_dir;
	char *run_dir;
	char *socket; /* NULL: <run_dir>/vpcd.sock */
	char *group;  /* NULL: vpcd, if there is such a group */
	int log_level;
	bool use_tcx;
	bool use_fast_path;
	bool use_edge_redirect;
	uint64_t history_depth; /* revisions */
	uint64_t history_mib;
	uint64_t usage_days;
	struct vpc_limits limits;
	char *outer; /* names of interfaces, separated by commas; NULL: those of the default routes */
	struct pool pools[POOLS_MAX];
	size_t n_pools;
	bool accept_store; /* --accept-store */
	bool purge;	   /* --purge */
	bool purge_state;  /* --state */
	bool version;
	bool help;
};

/* Fills *ret from the defaults, the file (--config, or CONFIG_DEFAULT_FILE if it exists) and argv. On failure prints
 * one line that says what is wrong to stderr and returns -EINVAL. The caller frees with config_clear either way. */
int config_parse(struct config *ret, int argc, char **argv);
void config_clear(struct config *c);
void config_print_help(void);

#endif
