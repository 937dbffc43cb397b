/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tries whether bpf_redirect_peer works here. Two veths lead from one scratch namespace, which stands for a VPC's, to
 * another, which stands for a workload's. The probe program is on the first veth and redirects its packets to the
 * second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "datapath/net/net.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netlink/tc.h"
#include "datapath/net/netns/netns.h"

#define PROBE_ETHERTYPE 0x88b5 /* IEEE 802: for local experiments */
#define PROBE_WAIT_MS	500

struct probe {
	int prog;
	struct nl_sock *outer, *workload_end; /* for rtnetlink requests in the two namespaces */
	int workload_end_ns;
	struct port_record port[2];
	uint32_t workload_end_ifindex[2];
};

static void probe_clear(struct probe *p)
{
	nl_socket_free(p->outer);
	nl_socket_free(p->workload_end);
	close_fd(p->workload_end_ns);
}

/* The calling thread is in the outer namespace before, and in the workload's after. */
static int open_namespaces(struct probe *p)
{
	int r = netlink_open(NETLINK_ROUTE, &p->outer);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	p->workload_end_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (p->workload_end_ns < 0)
		return -errno;
	return netlink_open(NETLINK_ROUTE, &p->workload_end);
}

static int make_pair(struct probe *p, unsigned i)
{
	const struct link_change up = {.up = LINK_UP, .no_link_local = true};
	char text[NETLINK_TEXT_MAX];
	struct link_info info;
	int r;

	p->port[i] =
		(struct port_record){.eni = VPC_ENI_FIRST + i, .mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)}, .mtu = 1500};
	snprintf(p->port[i].host_ifname, sizeof(p->port[i].host_ifname), "probe%u", i);
	snprintf(p->port[i].attachment.ifname, sizeof(p->port[i].attachment.ifname), "probe%u", i);
	r = link_make_veth(p->outer, &p->port[i], p->workload_end_ns, text);
	if (r >= 0)
		r = link_get(p->workload_end, 0, p->port[i].attachment.ifname, &info);
	if (r < 0)
		return r;
	p->workload_end_ifindex[i] = info.ifindex;
	r = link_change(p->outer, p->port[i].eni, &up, NULL);
	return r < 0 ? r : link_change(p->workload_end, info.ifindex, &up, NULL);
}

static int open_wire(const struct probe *p, unsigned i)
{
	const struct sockaddr_ll at = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(PROBE_ETHERTYPE),
				       .sll_ifindex = (int)p->workload_end_ifindex[i]};
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(PROBE_ETHERTYPE));

	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* 1: a frame that was sent into the first veth came out of the second, as PACKET_HOST. */
static int send_and_wait(const struct probe *p)
{
	/* to a MAC that is neither end's, as between ports of a bridge */
	static const uint8_t frame[64] = {
		2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, PROBE_ETHERTYPE >> 8, PROBE_ETHERTYPE & 0xff};
	_cleanup_close_ int from = open_wire(p, 0), to = open_wire(p, 1);
	struct sockaddr_ll source = {};
	socklen_t length = sizeof(source);
	struct pollfd wait = {.fd = to, .events = POLLIN};
	uint8_t got[sizeof(frame)];

	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	if (send(from, frame, sizeof(frame), 0) != sizeof(frame))
		return -errno;
	if (poll(&wait, 1, PROBE_WAIT_MS) < 1)
		return 0;
	if (recvfrom(to, got, sizeof(got), 0, (struct sockaddr *)&source, &length) != sizeof(got))
		return 0;
	return source.sll_pkttype == PACKET_HOST && memcmp(got, frame, sizeof(got)) == 0;
}

static int run(void *data)
{
	struct probe *p = data;
	struct tc_program_sets programs;
	const int fds[TC_ROLES][TC_SIDES] = {[TC_PORT] = {p->prog, p->prog}};
	int r = open_namespaces(p);

	for (unsigned i = 0; r >= 0 && i < ARRAY_SIZE(p->port); i++)
		r = make_pair(p, i);
	if (r >= 0)
		r = p->prog > 0 ? tc_programs_init(fds, &programs) : -EBADF;
	if (r >= 0)
		r = tc_clsact_ensure(p->outer, p->port[0].eni, &programs.of[TC_PORT], false);
	return r < 0 ? r : send_and_wait(p);
}

int net_fast_path_test(int prog_probe)
{
	_cleanup_(probe_clear) struct probe p = {.prog = prog_probe, .workload_end_ns = -1};

	return netns_run(-1, run, &p);
}
