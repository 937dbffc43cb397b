/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The context of a command of vpcctl. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>

#include "cli/lib/args.h"

/* Exit statuses. */
enum cli_status {
	CLI_OK = 0,
	CLI_REFUSED = 1,
	CLI_USAGE = 2,
	CLI_NO_DAEMON = 3,
	CLI_AGAIN = 100, /* internal: an alias was learned, and the command runs again */
};

enum cli_output {
	OUTPUT_TABLE,
	OUTPUT_JSON,
	OUTPUT_YAML,
	OUTPUT_ID,
};

struct http;
struct cli;

/* What to do about vpcd's refusals beyond printing them; lib/api.c calls it with the code and the message. */
struct cli_refusals {
	/* Nothing was done. True: an alias was learned by which the command may succeed; it is to run again. */
	bool (*learn)(struct cli *cli, const char *code, const char *detail);
	/* Says on stderr what to do, or nothing. */
	void (*hint)(struct cli *cli, const char *code, const char *detail);
};

struct cli {
	const struct cli_refusals *refusals; /* never NULL */
	const char *socket;
	enum cli_output output;
	bool colour;
	bool wide;	   /* lists with all columns, and uncut */
	const char *scope; /* --vpc: where names are looked up, or NULL */
	bool dry_run;
	/* What a transaction's change of that number is about, told before the reason why it is refused; or NULL.
	 * Owned text. */
	char *(*change_about)(size_t change, const void *userdata);
	const void *change_about_userdata;
	struct http *http;
	size_t list_width;	/* most columns of a list's line; 0: no limit */
	const char *taken_hint; /* advice when a name is taken, or NULL */
	json_t *aliases;	/* {alias of an ENI: its id}: see api_alias() */
	unsigned overtaken;	/* transactions that others were faster than; they are begun anew */
	json_t *names;		/* cache: {path of a kind: {id: name}} */
	json_t *processes;	/* cache of vpcctl/owner.c: {inode of a network namespace: "pid N command"} */
	uint64_t processes_s;	/* CLOCK_MONOTONIC, when it was read */
	json_t *vmms;		/* the same of vpcctl/owner_process.c: {"inode interface": "pid N command"} */
	uint64_t vmms_s;
};

#endif
