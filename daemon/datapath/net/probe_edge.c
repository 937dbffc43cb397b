/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tries sending out of a VPC in scratch namespaces: a workload's, a VPC's, the host's and the world's.
 *
 *   workload w --- port p | VPC | uplink u --- host end h | host | outer o --- world x
 *
 * The program at p's ingress redirects to u's peer, the one at h's ingress sends out of o by the host's routes and
 * neighbours. Both take the next ifindex, so u is p + 1 and o is h + 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "datapath/net/net.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/object.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netlink/tc.h"
#include "datapath/net/netns/netns.h"

#define WAIT_MS	 500
#define PORT	 1000u /* ifindexes */
#define HOST_END 2000u

enum place { WORKLOAD, VPC, HOST, WORLD, PLACES };

struct probe {
	int prog_peer, prog_neigh;
	int ns_fd[PLACES];
	struct nl_sock *rtnl[PLACES];
};

static void probe_clear(struct probe *p)
{
	for (unsigned i = 0; i < PLACES; i++) {
		close_fd(p->ns_fd[i]);
		nl_socket_free(p->rtnl[i]);
	}
}

/* The calling thread goes from one to the next, and ends in the last. */
static int open_namespaces(struct probe *p)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < PLACES; i++) {
		if (i && unshare(CLONE_NEWNET) < 0)
			return -errno;
		p->ns_fd[i] = netns_open_here();
		r = p->ns_fd[i] < 0 ? p->ns_fd[i] : netlink_open(NETLINK_ROUTE, &p->rtnl[i]);
	}
	return r;
}

static int make_pair(const struct probe *p, enum place from, enum place to, const struct link_pair *ends)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
	const struct link_change up = {.up = LINK_UP, .no_link_local = true};
	struct link_pair pair = *ends;
	char text[NETLINK_TEXT_MAX];
	struct link_info peer = {0};
	int r;

	pair.mtu = 1500;
	pair.mac = mac;
	pair.peer_mac = peer_mac;
	pair.peer_ns = p->ns_fd[to];
	r = link_make_pair(p->rtnl[from], &pair, text);
	if (r >= 0)
		r = link_get(p->rtnl[to], 0, pair.peer_name, &peer);
	if (r >= 0)
		r = link_change(p->rtnl[to], peer.ifindex, &up, NULL);
	return r < 0 ? r : link_change(p->rtnl[from], pair.ifindex, &up, NULL);
}

static struct net_object object(enum net_object_kind kind, uint32_t ifindex, uint8_t last, uint8_t plen)
{
	const struct ip ip = {.family = 4, .bytes = {[10] = 0xff, [11] = 0xff, 192, 0, 2, last}};

	return net_object_of(kind, ifindex, ifindex, &ip, plen);
}

/* The host knows where the world is. */
static int route_host(const struct probe *p)
{
	struct net_object address = object(NET_OBJECT_ADDRESS, HOST_END + 1, 1, 24);
	struct net_object neighbour = object(NET_OBJECT_NEIGHBOUR, HOST_END + 1, 2, 32);
	int r = net_object_put(p->rtnl[HOST], &address);

	neighbour.mac[0] = 2;
	neighbour.mac[5] = 2;
	return r < 0 ? r : net_object_put(p->rtnl[HOST], &neighbour);
}

static int put_programs(const struct probe *p)
{
	const int fds[TC_ROLES][TC_SIDES] = {[TC_PORT] = {p->prog_peer, 0}, [TC_HOST_END] = {p->prog_neigh, 0}};
	struct tc_program_sets programs;
	int r = tc_programs_init(fds, &programs);

	if (r >= 0)
		r = tc_clsact_ensure(p->rtnl[VPC], PORT, &programs.of[TC_PORT], false);
	return r < 0 ? r : tc_clsact_ensure(p->rtnl[HOST], HOST_END, &programs.of[TC_HOST_END], false);
}

struct wire {
	const char *name;
	struct nl_sock *rtnl;
	int fd;
};

static int open_wire(void *data)
{
	struct wire *w = data;
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
	struct link_info info;
	int r = link_get(w->rtnl, 0, w->name, &info);

	if (r < 0)
		return r;
	at.sll_ifindex = (int)info.ifindex;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	w->fd = TAKE_FD(fd);
	return 0;
}

/* 1: a packet that was sent at a place came out at the world's end. */
static int send_and_wait(const struct probe *p, enum place at, const char *name)
{
	static const uint8_t frame[64] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x08, 0,
					  /* IPv4, 50 bytes, protocol 253 (RFC 3692), 192.0.2.9 to 192.0.2.2 */
					  0x45, 0, 0, 50, 0, 0, 0, 0, 64, 253, 0xf5, 0xc3, 192, 0, 2, 9, 192, 0, 2, 2};
	struct wire from = {.name = name, .rtnl = p->rtnl[at], .fd = -1};
	struct wire to = {.name = "x", .rtnl = p->rtnl[WORLD], .fd = -1};
	struct pollfd wait = {.events = POLLIN};
	uint8_t got[sizeof(frame)];
	int r = netns_run(p->ns_fd[at], open_wire, &from);

	if (r >= 0)
		r = netns_run(p->ns_fd[WORLD], open_wire, &to);
	if (r >= 0)
		r = send(from.fd, frame, sizeof(frame), 0) == sizeof(frame) ? 0 : -errno;
	wait.fd = to.fd;
	if (r >= 0)
		r = poll(&wait, 1, WAIT_MS) == 1 && recv(to.fd, got, sizeof(got), 0) == sizeof(got) &&
		    memcmp(got + 14, frame + 14, sizeof(got) - 14) == 0;
	close_fd(from.fd);
	close_fd(to.fd);
	return r;
}

static int run(void *data)
{
	static const struct link_pair port = {.name = "p", .ifindex = PORT, .peer_name = "w"};
	static const struct link_pair uplink = {
		.name = "h", .ifindex = HOST_END, .peer_name = "u", .peer_ifindex = PORT + 1};
	static const struct link_pair outer = {.name = "o", .ifindex = HOST_END + 1, .peer_name = "x"};
	struct probe *p = data;
	int r = open_namespaces(p);

	if (r >= 0)
		r = make_pair(p, VPC, WORKLOAD, &port);
	if (r >= 0)
		r = make_pair(p, HOST, VPC, &uplink);
	if (r >= 0)
		r = make_pair(p, HOST, WORLD, &outer);
	if (r >= 0)
		r = route_host(p);
	if (r >= 0)
		r = put_programs(p);
	if (r >= 0)
		r = send_and_wait(p, WORKLOAD, "w");
	if (r > 0)
		return NET_EDGE_PEER;
	/* the workload's packet again, as if its program had transmitted it */
	if (r == 0)
		r = send_and_wait(p, VPC, "u");
	return r > 0 ? NET_EDGE_TRANSMIT : r;
}

int net_edge_test(int prog_peer, int prog_neigh)
{
	_cleanup_(probe_clear) struct probe p = {
		.prog_peer = prog_peer, .prog_neigh = prog_neigh, .ns_fd = {-1, -1, -1, -1}};

	return prog_peer > 0 && prog_neigh > 0 ? netns_run(-1, run, &p) : -EBADF;
}
