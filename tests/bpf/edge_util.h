/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The edge on real devices: a workload (10.0.0.10, ENI_A of VPC 1), its VPC's namespace with a port and an uplink, the
 * host (198.51.100.2, which drops what it would forward, and lets in nothing but what it asked for) and the world
 * (198.51.100.1). The maps are written as vpcd would. Needs root, ip and nft. One a process.
 *
 *   workload eth0 — port ENI_A | VPC | uplink — vu1 | host | wan — eth0 world
 */
#ifndef TESTS_EDGE_UTIL_H
#define TESTS_EDGE_UTIL_H

#include "lab_util.h"

#include <netinet/in.h>

enum edge_ns { NS_VPC, NS_WORKLOAD, NS_HOST, NS_WORLD, NS_VPC2, NS_WORKLOAD2, NS_VPC3, NS_WORKLOAD3, NS_COUNT };

struct edge_lab {
	struct lab *l;
	int ns[NS_COUNT];
	uint32_t wan, vu[4]; /* ifindexes; vu by VPC number */
	uint32_t n_routes, n_publications;
	uint32_t uplink_mtu; /* 0: 1500; counts from edge_peer_redirect() on */
};

#define WORKLOAD	"10.0.0.10"
#define HOST		"198.51.100.2"
#define WORLD		"198.51.100.1"
#define EDGE_TABLE	1u     /* of VPC n: n */
#define EDGE_NAT	1u     /* number of the NAT gateway, behind the host's address */
#define EDGE_POOL	3u     /* that all elastic IPs are of; the outer interface is its uplink */
#define EDGE_PORT_FIRST 61000u /* preferred ports */

/* With a route 0.0.0.0/0 to the NAT gateway; everything may leave ENI_A, nothing may enter. */
struct edge_lab *edge_open(void);
void edge_close(struct edge_lab *e);
/* A suite whose tests have these devices each, `e`, which `open` makes. */
#define EDGE_SUITE(name, open)     \
	static struct edge_lab *e; \
	static void setup(void)    \
	{                          \
		e = (open);        \
	}                          \
	static void teardown(void) \
	{                          \
		edge_close(e);     \
	}                          \
	TestSuite(name, .init = setup, .fini = teardown)
/* Runs a command by the shell in one of the namespaces. */
void edge_run(struct edge_lab *e, enum edge_ns where, const char *format, ...) __attribute__((format(printf, 3, 4)));
void edge_enter(struct edge_lab *e, enum edge_ns where);
/* Whether packets are redirected to the peers of devices (the default), or transmitted. */
void edge_peer_redirect(struct edge_lab *e, bool yes);

/* --- state; counts from the next lab_commit() on, but what follows devices --- */
void edge_versioned(struct edge_lab *e, struct bpf_map *map, uint32_t number, uint32_t value);
/* target 0: the route goes. */
void edge_route(struct edge_lab *e, const char *cidr, uint32_t kind, uint32_t number);
/* The same in VPC `vpc`'s table. */
void edge_route_of(struct edge_lab *e, uint32_t vpc, const char *cidr, uint32_t kind, uint32_t number);
/* A second VPC: ENI_D with the same addresses in namespaces NS_VPC2, NS_WORKLOAD2; route to NAT gateway 2. Committed.
 */
void edge_second_vpc(struct edge_lab *e);
/* VPC `number` (2 or 3): an ENI with one group and two addresses, of a /24 and a /64, which may send all, in a /16 and
 * a /56 that may overlap those of others. Its namespaces are NS_VPC2, NS_WORKLOAD2 or NS_VPC3, NS_WORKLOAD3. */
struct edge_vpc {
	uint32_t number, eni, sg;
	const char *cidr4, *cidr6, *address4, *gateway4, *address6;
};
void edge_vpc(struct edge_lab *e, const struct edge_vpc *v);
/* Elastic IP `number` has this address; target: VPC_EIP_…, number, private address, VPC. kind 0: there is none. */
void edge_eip(struct edge_lab *e, uint32_t number, const char *address, uint32_t kind, uint32_t target,
	      const char *private4, uint32_t vpc);
/* Publishes `ports` (a power of two) from host_port on. address NULL: any. Returns the row. */
uint32_t edge_publish(struct edge_lab *e, const char *address, uint8_t proto, uint16_t host_port, uint16_t ports,
		      uint32_t vpc, uint32_t eni, uint16_t port);
/* The world may send to the VPC's IPv6 prefix. */
void edge_prefix6(struct edge_lab *e, uint32_t vpc);
void edge_unpublish(struct edge_lab *e, uint32_t row);
/* Opens a port of an ENI's group to one peer. */
void edge_allow(struct edge_lab *e, uint32_t sg, uint8_t slot, uint16_t port, const char *peer);
void edge_nat_gateway(struct edge_lab *e, uint32_t number, uint32_t eip, uint32_t incarnation);
struct vpc_edge_ctl edge_ctl_read(struct edge_lab *e);
void edge_ctl_set(struct edge_lab *e, const struct vpc_edge_ctl *c);
int64_t edge_nat_used(struct edge_lab *e, uint32_t vpc);
unsigned edge_translations(struct edge_lab *e);
/* Makes every translation look that much older. */
void edge_age(struct edge_lab *e, unsigned seconds);
/* Whether something is dropped for that reason, within three seconds. */
bool edge_dropped(struct edge_lab *e, uint32_t number, int reason);
uint64_t edge_drops(struct edge_lab *e, uint32_t number, int reason);
/* The same, once it is that many or more, and after three seconds as it is then. A busy machine judges a packet after
 * its sender's call has returned. */
uint64_t edge_drops_reach(struct edge_lab *e, uint32_t number, int reason, uint64_t drops);

/* --- traffic: sockets of a namespace; they wait for two seconds at most --- */
/* type: SOCK_STREAM, SOCK_DGRAM; bound if address isn't NULL, listening if it is a stream then. */
int edge_socket(struct edge_lab *e, enum edge_ns where, int type, const char *address, uint16_t port);
bool edge_connect(int fd, const char *address, uint16_t port);
/* Whether both may send to each other: a connection's two ends. */
bool edge_talk(int a, int b);
/* Whether so many bytes get from one end to the other, in ten seconds. */
bool edge_stream(int from, int to, size_t bytes);
/* The other end of a socket, or of what was received last by edge_receive(). */
struct edge_peer {
	char address[64];
	uint16_t port;
};
struct edge_peer edge_peer(int fd);
bool edge_send(int fd, const char *address, uint16_t port, const char *text);
/* Waits for a datagram; returns whether it says `text`. */
bool edge_receive(int fd, const char *text, struct edge_peer *ret);
/* A whole connection from a namespace to a listening socket. Returns the accepted socket, or -1; ret_client. */
int edge_connection(struct edge_lab *e, enum edge_ns where, const char *address, uint16_t port, int listener,
		    int *ret_client);

#endif
