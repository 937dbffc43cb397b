/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exchanges with rtnetlink that are broken off. P6: what failed once works the next time, on the same socket. */
#include "tests/bpf/net_util.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "datapath/net/netlink/request.h"

/* So many that a list of them comes in several datagrams. */
#define ADDRESSES 2000

static int fail_at; /* which call of recv fails, from 1; 0: none */
static int calls;

/* In place of libc's. */
ssize_t recv(int fd, void *data, size_t size, int flags)
{
	if (++calls == fail_at) {
		errno = ENOBUFS;
		return -1;
	}
	return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

static int count(const struct nlmsghdr *h, void *userdata)
{
	size_t *n = userdata;

	(void)h;
	++*n;
	return 0;
}

static int list(int fd, size_t *ret_n)
{
	struct rtnl_message m = {};
	struct ifaddrmsg *a = rtnl_begin(&m, RTM_GETADDR, NLM_F_DUMP, sizeof(*a));

	*ret_n = 0;
	calls = 0;
	a->ifa_family = AF_INET;
	return rtnl_ask(fd, &m, count, ret_n);
}

TestSuite(net_rtnl, .init = nettest_enter, .timeout = 60);

Test(net_rtnl, a_list_that_was_broken_off_can_be_read_anew)
{
	int fd, at = 0, r = -ENOBUFS;
	size_t n;

	cr_assert_eq(
		nettest_sh("for i in $(seq %d); do echo addr add 10.9.$((i / 250)).$((i %% 250 + 1))/32 dev lo; done | "
			   "ip -batch -",
			   ADDRESSES),
		0);
	fd = rtnl_open();
	cr_assert_geq(fd, 0);
	/* until there are fewer calls; the kernel chooses how much it puts into a datagram */
	while (r < 0) {
		fail_at = ++at;
		r = list(fd, &n);
		cr_assert(r == -ENOBUFS || (r == 0 && n == ADDRESSES), "%d, %zu", r, n);
		fail_at = 0;
		cr_expect_eq(list(fd, &n), 0, "after a failure of call %d of recv", at);
		cr_expect_eq(n, ADDRESSES, "%zu after a failure of call %d of recv", n, at);
	}
	cr_assert_gt(at, 3);
	close(fd);
}

Test(net_rtnl, the_answer_to_a_change_that_was_broken_off_is_not_the_next_ones)
{
	struct rtnl_message m = {};
	struct ifinfomsg *l = rtnl_begin(&m, RTM_NEWLINK, 0, sizeof(*l));
	int fd = rtnl_open();
	size_t n;

	cr_assert_geq(fd, 0);
	l->ifi_index = 4711; /* there is none */
	calls = 0;
	fail_at = 1;
	cr_assert_eq(rtnl_change(fd, &m, NULL), -ENOBUFS);
	fail_at = 0;
	cr_assert_eq(list(fd, &n), 0);
	cr_assert_eq(rtnl_change(fd, &m, NULL), -ENODEV);
	close(fd);
}
