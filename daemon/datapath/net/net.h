/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network side of the datapath: namespaces, bridges, ports, addresses, routes, neighbours, sysctls.
 *
 * Making is idempotent ("ensure"): what exists and is right is adopted, so a start runs the same code as a change.
 * A namespace and a link are ours if lo, or the link, has the ifalias "vpcd:<instance>:<id>". What isn't ours is never
 * changed; where it has a name or number that we need, that is an error.
 *
 *   workload_open      (worker) opens the namespace that a user named, with its checks
 *   netns_make         (worker) makes or adopts a VPC's namespace
 *   net_prepare        makes devices, closed and down; net_undo undoes it
 *   net_publish        raises the devices; net_ensure repeats what fails
 *   net_removals_run   (worker) deletes what the change removed
 */
#ifndef DATAPATH_NET_H
#define DATAPATH_NET_H

#include <jansson.h>
#include <systemd/sd-event.h>
#include <sys/types.h>

#include "compiler/plan.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/workload.h"

struct net;
struct net_change;
struct net_removal;

/* Redirect eligibility: whether bpf_redirect_peer can reach a port (ENI number). It is a veth and up, and its far end
 * is up, in another namespace, and without an XDP program. Called when that changes, and may be called again with the
 * same.
 */
typedef void (*net_port_fn)(uint32_t eni, bool peer_ok, void *userdata);

/* A VPC's uplink, when both ends are up; NULL: it can't be used. Called when that changes, before vpcd itself takes it
 * down, and may be called again with the same. */
struct net_uplink {
	uint32_t ifindex;      /* of the VPC end, in the VPC's namespace */
	uint32_t host_ifindex; /* of the host end, in vpcd's own */
	uint8_t host_mac[6];
	uint32_t vpc_mtu; /* of the VPC */
};
typedef void (*net_uplink_fn)(uint32_t vpc, const struct net_uplink *uplink, void *userdata);

/* The interfaces of the host that lead to the world, and its own addresses on them. Borrowed for the call. Called when
 * something of that changed; there are none while there are no uplinks. */
#define NET_OUTERS_MAX	  64
#define NET_ADDRESSES_MAX 256
#define NET_OWN_MAX	  1024
struct net_outer {
	uint32_t ifindex;
	char name[16];
	uint32_t addr4; /* its first address, network order; 0: none */
	uint32_t mtu;
	uint8_t mac[6];
	bool running;	/* it has a carrier: what is sent there isn't lost at once */
	uint16_t pools; /* bit p - 1: it is the uplink of pool p (eip_record.pool) */
};
struct net_edge {
	const struct net_outer *outers;
	size_t n_outers;
	const struct ip *addresses; /* IPv4 */
	size_t n_addresses;
	const struct ip *own; /* all addresses of the host, on any interface, but those of a link or of lo alone */
	size_t n_own;
	const char *left_out; /* name of one that can't be used, since it isn't Ethernet or there are too many; or "" */
};
typedef void (*net_edge_fn)(const struct net_edge *edge, void *userdata);

/* A CIDR of a VPC that has host access overlaps a network of the host, so no route leads to it. vpc_id: the VPC's id.
 * cidr NULL: none does, or the VPC has no uplink. Called after each look at the routes to the VPC. */
typedef void (*net_overlap_fn)(const char *vpc_id, const struct cidr *cidr, const struct cidr *network, void *userdata);

/* A port's far end came up: after it was down it may lack routes and addresses. */
typedef void (*net_up_fn)(uint32_t vpc, uint32_t eni, void *userdata);

struct net_config {
	const char *instance;
	const char *pin_dir;	/* links are pinned under <pin_dir>/v<ABI>/links/ */
	int prog_from_workload; /* borrowed descriptors */
	int prog_to_workload;
	int prog_from_router;
	/* of the edge; 0 or below: there is none, and no uplink can be made */
	int prog_from_uplink;
	int prog_from_vpc;
	int prog_to_host;
	int prog_from_world;
	bool use_tcx; /* configuration; tcx is used where the kernel has it too */
	bool forward; /* the host forwards what leaves VPCs (VPC_EDGE_FORWARD) */
	sd_event *event;
	net_port_fn on_port; /* or NULL; userdata as for on_event */
	net_up_fn on_up;     /* likewise */
	net_uplink_fn on_uplink;
	net_edge_fn on_edge;
	net_overlap_fn on_overlap;
	/* Names of outer interfaces, separated by commas. outer NULL: those of the default routes. pool_uplinks: beside
	 * them, the uplink of each pool, in the order of the pools; or NULL. */
	const char *outer;
	const char *pool_uplinks;
};

/* Somebody else changed or removed a device, address, qdisc or route of vpc (number). port: the number of the ENI whose
 * port is gone, or 0. Not called for our own changes. */
typedef void (*net_event_fn)(uint32_t vpc, uint32_t port, void *userdata);

/* Makes the network of an instance. config is copied. *ret: the caller's, for net_free(). on_event gets userdata. On
 * failure reterr is filled and nothing is left. */
int net_new(const struct net_config *config, net_event_fn on_event, void *userdata, struct net **ret,
	    struct vpc_error *reterr);
/* Closes its descriptors; devices and namespaces stay. NULL is fine. */
void net_free(struct net *n);
DEFINE_CLEANUP(struct net *, net_free);
/* "tcx" or "clsact". */
const char *net_attach_mode(const struct net *n);

/* --- namespaces (each may run on a worker thread; they touch no struct net); the rest is in netns/ --- */

/* Makes the namespace of a VPC under /run/netns, or adopts one with our alias. Sets its sysctls, makes its ruleset, and
 * raises lo with the alias. *ret: the caller's, for net_add_vpc or netns_clear. Errors: DatapathUnavailable, also where
 * a namespace or file of that name isn't ours (-EEXIST). */
int netns_make(const struct vpc_record *v, const char *instance, struct netns *ret, struct vpc_error *reterr);

/* --- changing --- */

/* Takes over the namespace of a VPC before anything is prepared in it: *ns is emptied. A VPC that is known already
 * keeps the descriptors that it has, and *ns is closed. -ENOMEM, or -errno of the event socket: *ns stays the caller's.
 */
int net_add_vpc(struct net *n, const struct vpc_record *v, struct netns *ns);
/* Forgets a VPC whose creation was refused after all: closes its descriptors. Its namespace is netns_remove's. */
void net_drop_vpc(struct net *n, uint32_t vpc);
bool net_has_vpc(const struct net *n, uint32_t vpc);

/* Makes the devices that the plan adds: with their netlink objects and programs, ports down and on their bridge, far
 * ends named. workloads: those of the ports that are added, in any order, each with its ENI's number (a tap, and a port
 * whose link exists already, needs none). Errors: AttachmentFailed (ifname taken,
 * namespace gone …), DatapathUnavailable. On error all is undone. The plan and the workloads' descriptors must last
 * until net_publish or net_undo. */
int net_prepare(struct net *n, const struct plan *plan, const struct workload *workloads, size_t n_workloads,
		struct net_change **ret, struct vpc_error *reterr);
/* Takes back what net_prepare() made. Frees c. */
void net_undo(struct net *n, struct net_change *c);
/* After the epoch was stored: raises new ports, applies changed addresses. Returns the number of operations that
 * failed, which net_ensure repeats. *ret_removal: what is to be deleted, or NULL; a removed port is closed by the maps
 * until then. Frees c. */
int net_publish(struct net *n, struct net_change *c, struct net_removal **ret_removal);
/* On a worker thread: deletes links and namespaces, and the pins of removed ports' tcx links. A link that can't be
 * deleted is lowered. 0 or -errno of the last failure. Then net_removal_free on the event loop, or run it again. */
int net_removal_run(struct net_removal *r);
/* The same for several, in less time than one after the other. Each has its own result. */
void net_removals_run(struct net_removal *const *removals, size_t n, int *results);
/* On the event loop, while no removal runs: deletes what removed ports left on their bridges. Deleting links holds the
 * kernel's lock of all network configuration, for which this would wait. */
void net_removal_take_objects(struct net *n, struct net_removal *r);
/* Frees a removal, and does what net_removal_take_objects does. */
void net_removal_free(struct net *n, struct net_removal *r);
/* Calls fn with the id of each object of a removal that is gone, or that is left. It may be running. */
void net_removal_each(const struct net_removal *r, bool gone, void (*fn)(const char *object, void *userdata),
		      void *userdata);
/* Links of a removal: those of a VPC, of a number, with a far end in a namespace of this inode. 0: of any. */
struct net_removal_match {
	uint32_t vpc;
	uint32_t ifindex;
	uint64_t ns_ino;
};
/* Whether the removal has such a link, gone or not. It may be running. */
bool net_removal_has(const struct net_removal *r, const struct net_removal_match *m);

/* The second half of attaching, on a worker thread: tcx links, which run before the fallback filters (clsact), for at
 * most `most` of the ports that lack them. *ret NULL: none does. */
struct net_attach;
int net_attach_begin(struct net *n, size_t most, struct net_attach **ret);
/* 0, or -errno of the last failure. -EEXIST: another link has the program there, such as one whose pin was removed: the
 * kernel takes it off some time after that. */
int net_attach_run(struct net_attach *a);
/* Calls fn with the result of each port that is still there: the id of the object that it is for, or an outer
 * interface's name; 0, -errno, or -ECANCELED: it was not tried. Before net_attach_free. */
void net_attach_each(const struct net *n, const struct net_attach *a,
		     void (*fn)(const char *object, int result, void *userdata), void *userdata);
/* One that failed is left out by net_attach_begin until net_ensure has looked at it, or this is called for its object.
 * False: none of this object lacks its links. */
bool net_attach_again(struct net *n, const char *object);
/* Looks at the pinned tcx links of the next `most` ports, in turn. A port whose pins are gone counts as lacking its
 * links, for net_attach_begin. Returns how many. */
size_t net_check_links(struct net *n, size_t most);
void net_attach_free(struct net *n, struct net_attach *a);

/* What net_ensure could not put right: the id of a VPC, subnet or ENI, and why, in English. */
struct net_trouble {
	char object[OBJECT_ID_MAX];
	char reason[256];
};
struct net_report {
	uint32_t *lost; /* ENI numbers of ports that are missing and were left, since nobody gave their workload */
	size_t n_lost;
	struct net_trouble *troubles; /* an object may stand here more than once */
	size_t n_troubles;
};
#define NET_REPORT_INIT ((struct net_report){})
/* Frees what the report holds; the struct stays the caller's. */
void net_report_clear(struct net_report *r);

/* Puts right whatever differs from the whole state `all` (of the VPCs it names): missing and changed devices,
 * addresses, routes, neighbours, programs; unexpected links of ours are removed. workloads: those of missing ports, in
 * any order, each with its ENI's number; a port that is missing and has none here is left, and listed as lost. Goes on
 * past what fails: the report (cleared first, filled on error too) says what, and the last failure is returned, the
 * first one's words in reterr. A VPC that was not added is skipped. What can't be made stays closed: a port without its
 * programs is lowered. tcx links that are missing are left to net_attach_begin. */
int net_ensure(struct net *n, const struct plan *all, const struct workload *workloads, size_t n_workloads,
	       struct net_report *ret, struct vpc_error *reterr);
/* On a worker thread: where the workload's end of the plan's ENI is up and lacks what attaching gave it, it gets that
 * again. plan: of one ENI; w: its workload, opened. unfinished: also where the end is down or has no address, since
 * vpcd may have been killed while the ENI was attached. 0 or -errno. */
int net_workload_mend(const struct plan *plan, const struct workload *w, bool unfinished);
/* Looking for what sends no event, some VPCs at a time: begin on the event loop (the VPCs with numbers above *after, at
 * most `most`; *after becomes the last one's, or 0 when they are through), run on a worker, the rest on the event loop.
 * each: calls fn for those that differ. cost: of run, CPU time. */
struct net_audit;
int net_audit_begin(const struct net *n, uint32_t *after, size_t most, struct net_audit **ret);
int net_audit_run(struct net_audit *a);
uint64_t net_audit_cost_ns(const struct net_audit *a);
void net_audit_each(const struct net_audit *a, void (*fn)(uint32_t vpc, void *userdata), void *userdata);
/* Puts right what it found of outer interfaces. */
void net_audit_mend_outers(struct net *n, const struct net_audit *a);
void net_audit_free(struct net_audit *a);
/* On a worker thread, with sockets of its own: appends what differs to report, as maps_verify. */
int net_verify(const struct net_config *config, const struct plan *all, json_t *report);
/* Removes the namespaces of this instance under /run/netns that `all` does not name, and pins of tcx links whose port
 * it does not name. At a start, before net_attach_begin. */
int net_prune(struct net *n, const struct plan *all);
/* Calls fn for every VPC's namespace of the instance that there is, whoever knows of it. fn returns not 0 to stop.
 * Returns what fn returned, or -errno. */
int net_each_namespace(const char *instance, int (*fn)(const char *netns, const char *vpc_id, void *userdata),
		       void *userdata);
/* Removes every namespace of the instance with everything in it. The pins of tcx links go with the pin folder
 * (maps_purge). */
int net_purge(const char *instance);

/* Opening the tap of a port for a VMM: begin on the event loop, open on a worker (it waits for the kernel's lock of all
 * network configuration), clear anywhere. begin: -ENODEV: no such port, or not a tap. open: n descriptors
 * (more than one only of a multi-queue tap), non-blocking, close-on-exec, the caller's; -ENODEV: there is no such tap,
 * or it isn't ours any more; -EBUSY: somebody has it open; else -errno. vpcd keeps no descriptor: one that nobody reads
 * gets packets all the same. */
struct device_ops;
struct net_tap {
	const struct device_ops *ops;
	int ns_fd;
	uint32_t ifindex;
	char name[16];
};
#define NET_TAP_INIT ((struct net_tap){.ns_fd = -1})
int net_tap_begin(const struct net *n, uint32_t vpc, uint32_t eni, struct net_tap *ret);
int net_tap_open(const struct net_tap *t, bool multi_queue, int *ret_fds, size_t n);
void net_tap_clear(struct net_tap *t);
/* Whether a VMM has the port's tap open now. */
bool net_tap_is_open(const struct net *n, uint32_t vpc, uint32_t eni);
/* Inode of the VPC's namespace, which identifies the process that has a tap open; 0: there is none. */
uint64_t net_vpc_inode(const struct net *n, uint32_t vpc);

/* --- the host's conntrack --- */

/* Deletes the entries that the conntrack of vpcd's own namespace has of translations, by their public tuples. What it
 * has none of is fine. 0, or -errno of the last failure. */
int net_conntrack_delete(struct net *n, const struct vpc_nat_key *tuples, size_t n_tuples);

/* --- the fast path --- */

/* Calls on_port for every port of a VPC (0: of all), and on_uplink for every uplink. Later changes are reported when
 * netlink reports them, and before vpcd itself takes a port down. 0, or -errno of the last failure: a port that can't
 * be read is reported as not eligible. */
int net_report_ports(struct net *n, uint32_t vpc);
/* Whether the kernel's bpf_redirect_peer does what we need: one frame from one veth to another, in namespaces of their
 * own. prog_probe: the program `fast_path_probe`. 1: yes, 0: no, -errno: it could not be tried. Blocks for some ms. */
int net_fast_path_test(int prog_probe);
/* Whether packets leave by an uplink as the programs send them: by bpf_redirect_peer from a port to the uplink's host
 * end, then by bpf_redirect_neigh from an outer interface. prog_peer: `fast_path_probe`; prog_neigh: `edge_probe`.
 * Blocks for some ms; for a second where nothing arrives. -errno: it could not be tried. */
enum net_edge_result {
	NET_EDGE_NOT,	   /* bpf_redirect_neigh doesn't deliver */
	NET_EDGE_TRANSMIT, /* it does, but only what is transmitted to the uplink */
	NET_EDGE_PEER,	   /* both do */
};
int net_edge_test(int prog_peer, int prog_neigh);

#endif
