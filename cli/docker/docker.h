/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpc-docker: what its files share. Docker asks by HTTP on a socket (server.c); each request is one function here, run
 * on a thread of its own. Nothing is kept but what Docker doesn't say again (network.c) and who has which address
 * (reservation.c); the rest is in vpcd.
 */
#ifndef CLI_DOCKER_H
#define CLI_DOCKER_H

#include <jansson.h>
#include <stdbool.h>

#include <vpc/cleanup.h>

#include "cli/lib/plugin.h"

/* Of ENIs that have an address for an endpoint that is to come: "docker/reserved" = id of the subnet. */
#define TAG_RESERVED "reserved"
/* When the ENI last changed its state: seconds since 1970. */
#define TAG_SINCE    "since"

/* Defaults. */
#define DOCKER_ENGINE_SOCKET "/run/docker.sock"
#define DOCKER_STATE_DIR     "/var/lib/vpc-docker"

struct docker {
	const char *vpcd_socket;
	const char *engine_socket; /* Docker's own API */
	const char *state_dir;
	unsigned reconcile_s; /* how often what Docker no longer knows is looked for; 0: never */
};
/* Set once before the server starts. */
extern struct docker docker;

/* A connection to vpcd for one request of Docker's; NULL: out of memory. */
struct http *docker_vpcd(void);

/* A request of Docker's: its body, and the reply, owned. *ret NULL: {}. */
typedef int (*docker_fn)(const json_t *body, json_t **ret, struct plugin_error *reterr);

/* --- networks (network.c) ---------------------------------------------------------------------------------------- */

/* A network as `docker network create` made it. */
struct network {
	json_t *json; /* owned; the rest is borrowed from it */
	const char *subnet_id;
	const char *vpc_id;
	json_t *groups;	 /* list of names and ids, or NULL: the VPC's default group */
	json_t *allowed; /* list: groups that a container may ask for; "*": any; NULL: none */
};
void network_clear(struct network *n);
#define _cleanup_network_ _cleanup_(network_clear)
/* The network of that id, as it was kept. */
int network_load(const char *id, struct network *ret, struct plugin_error *reterr);
/* The groups of a container that asks for these ("web,db"; NULL: it doesn't): *ret is owned, NULL: the VPC's default
 * group. Refused where the network doesn't allow one. */
int network_groups(const struct network *n, const char *asked, json_t **ret, struct plugin_error *reterr);

int network_create(const json_t *body, json_t **ret, struct plugin_error *reterr);
int network_delete(const json_t *body, json_t **ret, struct plugin_error *reterr);

/* --- addresses (ipam.c, reservation.c) --------------------------------------------------------------------------- */

int pool_request(const json_t *body, json_t **ret, struct plugin_error *reterr);
int address_request(const json_t *body, json_t **ret, struct plugin_error *reterr);
int address_release(const json_t *body, json_t **ret, struct plugin_error *reterr);

/* Whose reserved ENI has an address of a subnet. The id is copied; -ENOENT: nobody's. */
int reservation_find(const char *subnet_id, const char *address, char ret[64]);
/* Notes the ENI's addresses and its MAC; false: out of memory. */
bool reservation_put(const char *subnet_id, const json_t *eni);
void reservation_drop(const char *subnet_id, const char *address);
/* Reads them from vpcd, once: before the others are used. */
int reservation_load(struct http *h, struct plugin_error *reterr);
/* The change eni.create of a reserved ENI; what is NULL is left to vpcd. Owned; NULL: out of memory. */
json_t *reservation_create(const char *subnet_id, const char *ip, const char *ip6, const char *mac);

/* --- endpoints (endpoint.c, port_map.c) -------------------------------------------------------------------------- */

/* As much of an endpoint's id as an ENI's name and a link's name have. */
#define ENDPOINT_ID_CHARS 12
struct endpoint {
	char id[ENDPOINT_ID_CHARS + 1];
	struct workload workload; /* borrows the id; the network is borrowed from whoever gave it */
};
void endpoint_set(struct endpoint *e, const char *network, const char *id);
/* What every request about an endpoint names. */
int endpoint_read(const json_t *body, struct endpoint *ret, struct plugin_error *reterr);
/* The endpoint's ENI, owned; *ret NULL: it has none. */
int endpoint_find(struct http *h, const struct workload *w, json_t **ret, struct plugin_error *reterr);
int endpoint_create(const json_t *body, json_t **ret, struct plugin_error *reterr);
int endpoint_delete(const json_t *body, json_t **ret, struct plugin_error *reterr);
int endpoint_join(const json_t *body, json_t **ret, struct plugin_error *reterr);
int endpoint_leave(const json_t *body, json_t **ret, struct plugin_error *reterr);
int endpoint_publish(const json_t *body, json_t **ret, struct plugin_error *reterr);
int endpoint_unpublish(const json_t *body, json_t **ret, struct plugin_error *reterr);

/* --- containers (container.c, stray.c) --------------------------------------------------------------------------- */

/* Starts the thread that gives ENIs the names, images and labels of their containers, which only Docker's API tells. */
int container_start(void);
/* An endpoint that a container has joined. */
void container_note(const char *network, const char *endpoint);
/* GET of Docker's own API. *ret: the reply, owned. -ENOENT: there is no such object; -EIO: no answer that is one. */
int container_ask(const char *path, json_t **ret);
/* Deletes what Docker no longer knows, every docker.reconcile_s; -errno: there is no thread. */
int stray_start(void);

/* --- the socket (server.c) --------------------------------------------------------------------------------------- */

/* Serves until stop_fd is readable. 0 or -errno, with the reason on stderr. */
int server_run(const char *socket, int stop_fd);

#endif
