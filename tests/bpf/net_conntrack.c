/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conntrack entries are deleted by their tuple, in either direction, and their neighbours stay. Needs root. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/net/netlink/conntrack.h"
#include "tests/bpf/net_util.h"

static void setup(void)
{
	nettest_enter();
	cr_assert_eq(system("ip link set lo up && nft 'table ip t { chain c { type filter hook output priority 0; "
			    "ct state new accept; }; }'"),
		     0);
}

TestSuite(net_conntrack, .init = setup, .timeout = 60);

/* A datagram from one port of 127.0.0.1 to another. */
static void datagram(uint16_t from, uint16_t to)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(from)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	a.sin_port = htons(to);
	(void)sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a));
	close(fd);
}

static bool is_there(uint16_t from, uint16_t to)
{
	char line[512], wanted[64];
	FILE *f = fopen("/proc/thread-self/net/nf_conntrack", "re");
	bool found = false;

	cr_assert_not_null(f);
	snprintf(wanted, sizeof(wanted), " sport=%u dport=%u ", from, to);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, wanted) != NULL;
	fclose(f);
	return found;
}

static struct vpc_nat_key tuple(uint16_t from, uint16_t to)
{
	return (struct vpc_nat_key){.local = htonl(INADDR_LOOPBACK),
				    .remote = htonl(INADDR_LOOPBACK),
				    .lport = htons(from),
				    .rport = htons(to),
				    .proto = IPPROTO_UDP};
}

Test(net_conntrack, one_entry_by_its_tuple)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = NULL;
	struct vpc_nat_key key = tuple(4000, 5000);

	cr_assert_eq(netlink_open(NETLINK_NETFILTER, &sk), 0);
	for (uint16_t i = 0; i < 4; i++)
		datagram((uint16_t)(4000 + i), 5000);
	datagram(4000, 5001);
	cr_assert(is_there(4000, 5000) && is_there(4001, 5000) && is_there(4000, 5001));
	cr_assert_eq(conntrack_delete(sk, &key), 0);
	cr_assert(!is_there(4000, 5000));
	cr_assert_eq(conntrack_delete(sk, &key), -ENOENT);
	key.proto = IPPROTO_TCP;
	cr_assert_eq(conntrack_delete(sk, &key), -ENOENT);
	/* by the answers' direction */
	key = tuple(5000, 4001);
	cr_assert_eq(conntrack_delete(sk, &key), 0);
	cr_assert(!is_there(4001, 5000));
	cr_assert(is_there(4002, 5000) && is_there(4003, 5000) && is_there(4000, 5001), "the others stay");
}

Test(net_conntrack, echo_by_its_id)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = NULL;
	struct vpc_nat_key key = tuple(77, 77);

	cr_assert_eq(netlink_open(NETLINK_NETFILTER, &sk), 0);
	key.proto = IPPROTO_ICMP;
	cr_assert_eq(conntrack_delete(sk, &key), -ENOENT);
	datagram(4000, 5000);
	cr_assert_eq(system("ping -q -c 1 -e 77 127.0.0.1 >/dev/null && grep -q 'icmp.*id=77 ' /proc/net/nf_conntrack"),
		     0);
	cr_assert_eq(conntrack_delete(sk, &key), 0);
	cr_assert_neq(system("grep -q 'icmp.*id=77 ' /proc/net/nf_conntrack"), 0);
	cr_assert(is_there(4000, 5000));
}
