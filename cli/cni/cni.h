/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpc-cni: what its files share. A runtime's call is environment, network configuration and, in the end, a result or an
 * error object on stdout. Functions return 0 or a negative errno with *reterr filled.
 */
#ifndef CLI_CNI_H
#define CLI_CNI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include <vpc/cleanup.h>

#include "cli/lib/workload_netns.h"
#include <vpc/json.h>

/* The longest that fits into an ENI's name beside the rest. */
#define CNI_CONTAINER_ID_MAX 200
#define CNI_IFNAME_MAX	     15
#define CNI_CONFIG_BYTES_MAX (8u * 1024 * 1024)

enum cni_code {
#define CNI_CODE(symbol, number) CNI_E_##symbol = (number),
#include "cli/cni/errors.def"
};

struct cni_error {
	enum cni_code code;
	char msg[512];
	char details[1024]; /* may be "" */
};

/* Fills *e; returns -EINVAL, for `return cni_fail(…)`. */
PRINTF_LIKE(3, 4) int cni_fail(struct cni_error *e, enum cni_code code, const char *format, ...);
/* Adds the longer description; returns -EINVAL. */
PRINTF_LIKE(2, 3) int cni_detail(struct cni_error *e, const char *format, ...);
int cni_oom(struct cni_error *e);
/* The error object, of that version of the specification. Owned; NULL: out of memory. */
json_t *cni_error_to_json(const struct cni_error *e, const char *version);

/* Versions of the specification, in ascending order. */
enum cni_version { CNI_0_3_0, CNI_0_3_1, CNI_0_4_0, CNI_1_0_0, CNI_1_1_0, CNI_VERSIONS };
extern const char *const cni_versions[CNI_VERSIONS];
/* -ENOENT: none of ours. */
int cni_version_parse(const char *text, enum cni_version *ret);

enum cni_command { CNI_ADD, CNI_DEL, CNI_CHECK, CNI_GC, CNI_STATUS, CNI_VERSION, CNI_COMMANDS };

/* The call's environment; strings are borrowed from it. What a command doesn't need may be NULL. */
struct cni_call {
	enum cni_command command;
	const char *container_id;
	const char *ifname;
	const char *netns; /* as the runtime wrote it */
	const char *args;
};
/* Reads the environment by `get` (getenv), and holds it to the specification's patterns. */
int cni_call_read(char *(*get)(const char *name), struct cni_call *ret, struct cni_error *reterr);
const char *cni_command_name(enum cni_command command);

/* What the configuration says, CNI_ARGS and runtimeConfig included. Strings are borrowed from json unless said. */
struct cni_config {
	json_t *json; /* owned */
	enum cni_version version;
	const char *name;
	const char *socket; /* never NULL once parsed */
	const char *vpc;    /* or NULL */
	const char *subnet;
	json_t *groups;	       /* owned list of names and ids, or NULL: the VPC's default group */
	json_t *secondary;     /* owned list of addresses */
	json_t *ports;	       /* owned list of changes publish.create of the ENI that is made, or NULL */
	char *ip, *ip6, *mac;  /* owned, or NULL: vpcd chooses */
	char *pod, *pod_space; /* owned, or NULL */
	json_t *default_route; /* borrowed boolean, or NULL: the container's first network has its default route */
	json_t *dns;	       /* borrowed object, or NULL */
	json_t *prev;	       /* borrowed object, or NULL */
	json_t *valid;	       /* borrowed list (GC), or NULL */
};
void cni_config_clear(struct cni_config *c);
#define _cleanup_cni_config_ _cleanup_(cni_config_clear)

/* Parses a configuration for a call. DEL and GC look only at what finds their ENIs, and aren't stopped by the rest. On
 * failure *ret still tells the version, if it could be read (for the error object), and is to be cleared too. */
int cni_config_parse(const char *text, size_t size, const struct cni_call *call, struct cni_config *ret,
		     struct cni_error *reterr);
/* cni/args.c: CNI_ARGS and runtimeConfig, into a configuration that has been read. */
int cni_overrides_apply(struct cni_config *c, const char *args, struct cni_error *reterr);

/* --- results (cni/result.c) ------------------------------------------------------------------------------------- */

/* prevResult in the form of the configuration's version: an object with the lists interfaces, ips and routes. Owned; an
 * empty one when there is no prevResult. */
int cni_result_previous(const struct cni_config *c, json_t **ret, struct cni_error *reterr);
/* ADD's result, with the VPC's DHCP options as DNS: *result (owned by the caller) gets what vpcd made beside what it
 * has. */
int cni_result_add(const struct cni_config *c, const struct cni_call *call, const json_t *eni, const json_t *subnet,
		   const json_t *vpc, json_t *result, struct cni_error *reterr);
/* Index of the container's interface in a result, or -1. */
int cni_result_find(const json_t *result, const struct cni_call *call);

/* --- the namespace (cni/netns.c) -------------------------------------------------------------------------------- */

/* Opens CNI_NETNS: it must be a network namespace and not this process's own. */
int cni_netns_open(const struct cni_call *call, struct workload_netns *ret, struct cni_error *reterr);
/* As workload_netns_share. */
int cni_netns_share(struct workload_netns *n, const char *socket, struct cni_error *reterr);
/* Enters it and looks whether the interface is up with that MAC and those addresses (a list of "address/prefix"). */
int cni_netns_check(int fd, const char *ifname, const char *mac, int mtu, const json_t *addresses,
		    struct cni_error *reterr);
/* Waits until the interface of the call is gone from its namespace, as long as the kernel takes to hide one that vpcd
 * deletes; not at all without such a namespace. */
void cni_netns_wait(const struct cni_call *call);

/* --- commands (cni/add.c, cni/del.c, cni/check.c) ---------------------------------------------------------------- */

/* The ADD command. *ret_result: the CNI result, owned. Returns 0 or -errno, with
 * the reason in reterr. */
int cni_add(const struct cni_call *call, const struct cni_config *c, json_t **ret_result, struct cni_error *reterr);
/* Takes back what cni_add() made. */
int cni_del(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr);
int cni_gc(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr);
int cni_check(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr);
int cni_status(const struct cni_call *call, const struct cni_config *c, struct cni_error *reterr);

#endif
