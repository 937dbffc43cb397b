/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netlink requests. P6: an exchange that is broken off leaves its socket usable. */
#include "tests/bpf/net_util.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/request.h"

/* So many that a list of them comes in several datagrams. */
#define ADDRESSES 2000

static int fail_at; /* which call of recvmsg fails, from 1; 0: none */
static int calls;
static int failure = ENOBUFS;

/* In place of libc's, for libnl too. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	if (++calls == fail_at) {
		errno = failure;
		return -1;
	}
	return syscall(SYS_recvmsg, fd, message, flags);
}

static int count(const struct nlmsghdr *h, void *userdata)
{
	size_t *n = userdata;

	(void)h;
	++*n;
	return 0;
}

static int list(struct nl_sock *sk, size_t *ret_n)
{
	*ret_n = 0;
	calls = 0;
	return netlink_dump(sk, RTM_GETADDR, AF_INET, count, ret_n);
}

static struct nl_sock *open_socket(void)
{
	struct nl_sock *sk;

	cr_assert_eq(netlink_open(NETLINK_ROUTE, &sk), 0);
	return sk;
}

static void add_addresses(void)
{
	cr_assert_eq(
		nettest_sh("for i in $(seq %d); do echo addr add 10.9.$((i / 250)).$((i %% 250 + 1))/32 dev lo; done | "
			   "ip -batch -",
			   ADDRESSES),
		0);
}

/* A change of a link that doesn't exist. */
static int change_nothing(struct nl_sock *sk)
{
	const struct ifinfomsg header = {.ifi_index = 4711};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(RTM_NEWLINK, 0, &header, sizeof(header));

	cr_assert_not_null(msg);
	calls = 0;
	return netlink_change(sk, msg, NULL);
}

TestSuite(net_netlink, .init = nettest_enter, .timeout = 60);

Test(net_netlink, a_list_that_was_broken_off_can_be_read_anew)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = NULL;
	int at = 0, r = -ENOBUFS;
	size_t n;

	add_addresses();
	sk = open_socket();
	/* until there are fewer calls; the kernel chooses how much it puts into a datagram */
	while (r < 0) {
		fail_at = ++at;
		r = list(sk, &n);
		cr_assert(r == -ENOBUFS || (r == 0 && n == ADDRESSES), "%d, %zu", r, n);
		fail_at = 0;
		cr_expect_eq(list(sk, &n), 0, "after a failure of call %d of recvmsg", at);
		cr_expect_eq(n, ADDRESSES, "%zu after a failure of call %d of recvmsg", n, at);
	}
	cr_assert_gt(at, 3);
}

Test(net_netlink, a_signal_ends_no_exchange)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = open_socket();

	failure = EINTR;
	fail_at = 1;
	cr_assert_eq(change_nothing(sk), -ENODEV);
	cr_assert_eq(calls, 2);
}

Test(net_netlink, the_answer_to_a_change_that_was_broken_off_is_not_the_next_ones)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = open_socket();
	size_t n;

	fail_at = 1;
	cr_assert_eq(change_nothing(sk), -ENOBUFS);
	fail_at = 0;
	cr_assert_eq(list(sk, &n), 0);
	cr_assert_eq(change_nothing(sk), -ENODEV);
}

Test(net_netlink, an_answer_that_nobody_read_is_not_the_next_ones)
{
	const struct ifinfomsg lo = {.ifi_index = 1};
	_cleanup_(nl_socket_freep) struct nl_sock *sk = open_socket();
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(RTM_NEWLINK, NLM_F_ACK, &lo, sizeof(lo));

	cr_assert_geq(nl_send_auto(sk, msg), 0); /* its acknowledgement stays in the socket */
	cr_assert_eq(change_nothing(sk), -ENODEV);
}

static int stop(const struct nlmsghdr *h, void *userdata)
{
	(void)h;
	++*(size_t *)userdata;
	return -ECANCELED;
}

Test(net_netlink, a_list_that_its_reader_ends_is_read_to_its_end)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = NULL;
	size_t n = 0;

	add_addresses();
	sk = open_socket();
	cr_assert_eq(netlink_dump(sk, RTM_GETADDR, AF_INET, stop, &n), -ECANCELED);
	cr_assert_eq(n, 1);
	cr_assert_eq(list(sk, &n), 0);
	cr_assert_eq(n, ADDRESSES);
}

Test(net_netlink, a_refusal_has_the_kernels_own_text)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = open_socket();
	const struct link_change change = {.mtu = 1};
	char text[NETLINK_TEXT_MAX] = "";

	cr_assert_eq(nettest_sh("ip link add v0 index 200 type veth peer name v1"), 0);
	cr_assert_eq(link_change(sk, 200, &change, text), -EINVAL);
	cr_assert_str_eq(text, "mtu less than device minimum");
	cr_assert_eq(link_change(sk, 200, &(struct link_change){.mtu = 1400}, text), 0);
	cr_assert_str_empty(text);
}
