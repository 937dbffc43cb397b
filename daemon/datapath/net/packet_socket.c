/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/packet_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#include "datapath/net/netns/netns.h"
#include "datapath/net/registry.h"

struct request {
	int prog_fd;
	int fd;
};

/* In the namespace. The filter is there before the first packet. */
static int open_here(void *data)
{
	struct request *r = data;
	const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &r->prog_fd, sizeof(r->prog_fd)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		return -errno;
	r->fd = TAKE_FD(fd);
	return 0;
}

int net_packet_socket(const struct net *n, uint32_t vpc, int prog_fd, int *ret)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	struct request request = {.prog_fd = prog_fd, .fd = -1};
	int r = v ? netns_run(v->ns.ns_fd, open_here, &request) : -ENOENT;

	if (r < 0)
		return r;
	*ret = request.fd;
	return 0;
}
