/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/devices/edge.h"

#include <stdio.h>
#include <string.h>

#include <vpc/file.h>

#include "datapath/maps/edge.h"
#include "datapath/maps/maps.h"
#include "engine/condition.h"
#include "engine/devices/links.h"
#include "util/log.h"

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

/* --- the configuration -------------------------------------------------------------------------------- */

static int append_name(char **list, const char *name)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s", *list ? *list : "", *list ? "," : "", name) < 0)
		return -ENOMEM;
	free(*list);
	*list = longer;
	return 0;
}

int edge_begin(struct engine *e, const struct engine_config *config)
{
	int r = 0;

	e->edge.redirect = config->use_edge_redirect;
	e->edge.outer = config->outer ? strdup(config->outer) : NULL;
	if (config->outer && !e->edge.outer)
		return -ENOMEM;
	/* the world sends to the addresses of a pool by the pool's uplink */
	for (size_t i = 0; r == 0 && i < config->n_pools; i++)
		r = append_name(&e->edge.pool_uplinks, config->pools[i].uplink);
	return r;
}

void edge_end(struct engine *e)
{
	free(e->edge.outer);
	free(e->edge.pool_uplinks);
	free(e->edge.outers);
}

/* --- how packets leave -------------------------------------------------------------------------------- */

static void choose(struct engine *e, enum edge_mode mode, const char *reason)
{
	e->edge.mode = mode;
	snprintf(e->edge.reason, sizeof(e->edge.reason), "%s%s", reason,
		 mode == EDGE_FORWARD ? ": the host's firewall must let pass what it forwards, see vpcd.conf(5)" : "");
}

void edge_choose(struct engine *e)
{
	int r = net_edge_test(maps_prog_fast_path_probe(e->maps), maps_prog_edge(e->maps, "edge_probe"));
	char reason[160];

	e->edge.peer = r == NET_EDGE_PEER;
	if (maps_prog_edge(e->maps, "from_vpc") < 0) {
		choose(e, EDGE_OFF, "this vpcd has no programs for it");
	} else if (!e->edge.redirect) {
		choose(e, EDGE_FORWARD, "the configuration says redirect=no");
	} else if (r < 0) {
		snprintf(reason, sizeof(reason), "redirecting could not be tried: %s", strerror(-r));
		choose(e, EDGE_FORWARD, reason);
	} else if (r == NET_EDGE_NOT) {
		choose(e, EDGE_FORWARD, "bpf_redirect_neigh doesn't deliver on this kernel");
	} else {
		choose(e, EDGE_REDIRECT,
		       e->edge.peer ? "" : "bpf_redirect_peer doesn't deliver on this kernel: packets are transmitted");
	}
	if (e->edge.reason[0])
		log_warning("the edge: %s", e->edge.reason);
	maps_edge_forward_set(e->maps, e->edge.mode == EDGE_FORWARD);
}

/* --- what the programs are told ----------------------------------------------------------------------- */

static void note(struct engine *e, int r, const char *what)
{
	if (r < 0)
		condition_raise(e->conditions, CONDITION_EDGE, what, 0, "the maps do not take it: %s", strerror(-r));
	else
		condition_clear(e->conditions, CONDITION_EDGE, what);
}

static uint32_t mtu_for(const struct engine *e, uint32_t vpc_mtu)
{
	return e->edge.mtu && e->edge.mtu < vpc_mtu ? e->edge.mtu : vpc_mtu;
}

static uint32_t uplink_flags(const struct engine *e)
{
	return e->edge.peer ? VPC_UPLINK_PEER_REDIRECT : 0;
}

void edge_uplink(uint32_t vpc, const struct net_uplink *uplink, void *userdata)
{
	struct engine *e = userdata;
	struct vpc_uplink row = {};

	if (uplink) {
		row = (struct vpc_uplink){
			.ifindex = uplink->ifindex,
			.host_ifindex = uplink->host_ifindex,
			.flags = uplink_flags(e),
			.mtu = mtu_for(e, uplink->vpc_mtu),
		};
		memcpy(row.host_mac, uplink->host_mac, sizeof(row.host_mac));
	}
	note(e, maps_uplink_set(e->maps, vpc, uplink ? &row : NULL), "uplinks");
}

/* Sockets of the host are given ports from this range: translations prefer others. */
static void tell_local_ports(struct engine *e)
{
	char text[64];
	unsigned first, last;

	if (file_read_at(AT_FDCWD, PORT_RANGE, text, sizeof(text)) < 0)
		return;
	if (sscanf(text, "%u %u", &first, &last) == 2 && first <= last && last <= UINT16_MAX)
		maps_local_ports_set(e->maps, (uint16_t)first, (uint16_t)last);
}

static int tell_outers(struct engine *e, const struct net_edge *edge)
{
	struct maps_outer rows[MAPS_OUTERS_MAX] = {};
	size_t n = edge->n_outers < MAPS_OUTERS_MAX ? edge->n_outers : MAPS_OUTERS_MAX;

	e->edge.mtu = 0;
	for (size_t i = 0; i < n; i++) {
		const struct net_outer *o = &edge->outers[i];

		rows[i] = (struct maps_outer){.ifindex = o->ifindex,
					      .row = {.addr4 = o->addr4, .mtu = o->mtu, .pools = o->pools}};
		memcpy(rows[i].row.mac, o->mac, sizeof(o->mac));
		if (!e->edge.mtu || o->mtu < e->edge.mtu)
			e->edge.mtu = o->mtu;
	}
	return maps_outers_set(e->maps, rows, n);
}

static void adjust_uplinks(struct engine *e)
{
	const struct object *o = NULL;
	struct vpc_uplink row;

	while ((o = model_next(e->model, OBJECT_VPC, o)))
		if (maps_uplink(e->maps, o->number, &row))
			note(e,
			     maps_uplink_adjust(e->maps, o->number, mtu_for(e, ((const struct vpc *)o)->mtu),
						uplink_flags(e)),
			     "uplinks");
}

static void remember(struct engine *e, const struct net_edge *edge)
{
	char *names = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < edge->n_outers; i++)
		r = append_name(&names, edge->outers[i].name);
	free(e->edge.outers);
	e->edge.outers = names;
	snprintf(e->edge.left_out, sizeof(e->edge.left_out), "%s", edge->left_out);
	log_info("interfaces that lead to the world: %s", names ? names : "none");
	if (edge->left_out[0])
		log_warning(
			"%s leads to the world, but nothing of a VPC goes by it: it isn't Ethernet, or there are too "
			"many",
			edge->left_out);
}

void edge_outers(const struct net_edge *edge, void *userdata)
{
	struct engine *e = userdata;

	remember(e, edge);
	tell_local_ports(e);
	note(e, tell_outers(e, edge), "outer interfaces");
	note(e, maps_host_addresses_set(e->maps, edge->addresses, edge->n_addresses), "addresses of the host");
	note(e, maps_own_addresses_set(e->maps, edge->own, edge->n_own), "all addresses of the host");
	adjust_uplinks(e);
	engine_attach_links(e);
}

void edge_overlap(const char *vpc_id, const struct cidr *cidr, const struct cidr *network, void *userdata)
{
	struct engine *e = userdata;
	char mine[CIDR_STRLEN], theirs[CIDR_STRLEN];

	if (!cidr) {
		condition_clear(e->conditions, CONDITION_EDGE, vpc_id);
		return;
	}
	condition_raise(
		e->conditions, CONDITION_EDGE, vpc_id, 0,
		"the host does not reach the VPC's addresses in %s, in spite of host access: they overlap %s, a "
		"network of the host. Give the VPC another CIDR or the host another network, or take host access "
		"away",
		cidr_format(cidr, mine), cidr_format(network, theirs));
}

/* --- status ------------------------------------------------------------------------------------------- */

static json_t *names_to_json(const char *names)
{
	json_t *list = json_array();

	for (const char *p = names; list && p && *p;) {
		size_t length = strcspn(p, ",");

		json_array_append_new(list, json_stringn(p, length));
		p += length + (p[length] == ',');
	}
	return list;
}

json_t *edge_status(const struct engine *e)
{
	static const char *const modes[] = {
		[EDGE_OFF] = "off", [EDGE_FORWARD] = "forward", [EDGE_REDIRECT] = "redirect"};

	return json_pack("{s:s,s:s,s:o,s:s?}", "mode", modes[e->edge.mode], "reason", e->edge.reason, "outer",
			 names_to_json(e->edge.outers), "left_out", e->edge.left_out[0] ? e->edge.left_out : NULL);
}

/* --- the host's conntrack ----------------------------------------------------------------------------- */

void edge_untrack(struct engine *e, const struct vpc_nat_key *tuples, unsigned n)
{
	int r = n ? net_conntrack_delete(e->net, tuples, n) : 0;

	if (r < 0)
		log_warning("conntrack entries of flows that were cut could not be deleted: %s", strerror(-r));
}
