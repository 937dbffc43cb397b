/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gratuitous ARP for elastic IPs: on which interface, when, and how many at a time. Root. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bpf/net_util.h"

#define MANY  1000
#define BURST 32 /* as the daemon has it */

/* out0 and out1 are the uplinks of pools 1 and 2; far0 and far1 are their neighbours' ends. */
static int far_end[2];

static int listen_on(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ARP)), size = 8 << 20;

	cr_assert_geq(fd, 0);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void on_uplink(uint32_t vpc, const struct net_uplink *uplink, void *userdata)
{
	(void)vpc, (void)uplink, (void)userdata;
}

static void init(struct nettest *t)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	nettest_enter();
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(nettest_sh("ip link add out%d type veth peer name far%d && ip link set out%d up && "
					"ip link set far%d up",
					i, i, i, i),
			     0);
		far_end[i] = listen_on(i ? "far1" : "far0");
	}
	nettest_init_edge(t, false, on_uplink);
	net_free(t->net);
	t->config.pool_uplinks = "out0,out1";
	cr_assert_eq(net_new(&t->config, NULL, NULL, &t->net, &error), 0, "%s", error.message);
	t->vpc.routed_out = true;
	nettest_build(t, 0);
}

static void end(struct nettest *t)
{
	struct plan p = nettest_plan(t, 0, true);

	nettest_remove(t, &p);
	nettest_plan_free(&p);
	nettest_end(t);
}

TestSuite(net_announce, .timeout = 120);

static struct eip_record record(uint32_t number, uint32_t pool, bool given)
{
	return (struct eip_record){.number = number,
				   .address = htonl(0xcb007100u + number),
				   .target = given ? VPC_EIP_NAT << VPC_TARGET_SHIFT | 1 : 0,
				   .pool = pool};
}

static void apply(struct nettest *t, struct plan_eip *eips, size_t n)
{
	struct plan p = {.eips = eips, .n_eips = n};

	nettest_remove(t, &p); /* applies any plan */
}

/* From one record to another; NULL: none. */
static void change(struct nettest *t, const struct eip_record *before, const struct eip_record *after)
{
	struct plan_eip e = {.has_before = before, .has_after = after};

	if (before)
		e.before = *before;
	if (after)
		e.after = *after;
	apply(t, &e, 1);
}

/* Announcements that reached a far end so far, of one address (0: of any). Checks what each says. */
static unsigned heard(int i, uint32_t address)
{
	unsigned n = 0;

	for (;;) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		struct ether_arp arp;

		if (recvfrom(far_end[i], &arp, sizeof(arp), 0, (struct sockaddr *)&from, &size) < 0)
			break;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		cr_expect_eq(from.sll_pkttype, PACKET_BROADCAST);
		cr_expect_eq(arp.arp_op, htons(ARPOP_REQUEST));
		cr_expect_eq(memcmp(arp.arp_spa, arp.arp_tpa, 4), 0, "the address asks for itself");
		cr_expect_eq(memcmp(arp.arp_sha, from.sll_addr, ETH_ALEN), 0, "with the interface's MAC");
		n += !address || memcmp(arp.arp_spa, &address, 4) == 0;
	}
	return n;
}

static void expect_heard(struct nettest *t, const struct eip_record *e, unsigned times)
{
	unsigned n = 0;

	NETTEST_UNTIL(t, (n += heard(0, e->address)) >= times);
	cr_expect_eq(n, times);
}

/* The pool's uplink and no other hears of an address when it comes to this host, and once again; not when it goes from
 * one holder to another. */
Test(net_announce, on_the_uplink_of_the_pool)
{
	struct eip_record nobodys = record(1, 1, false), given = record(1, 1, true), moved = given,
			  other = record(2, 2, true), none = record(3, 0, true);
	struct nettest t;

	init(&t);
	change(&t, NULL, &nobodys);
	expect_heard(&t, &nobodys, 2);
	change(&t, &nobodys, &given);
	expect_heard(&t, &given, 2);
	moved.target++;
	change(&t, &given, &moved);
	cr_expect_eq(heard(1, 0), 0, "not on the uplink of another pool");
	change(&t, NULL, &none);
	change(&t, NULL, &other);
	NETTEST_UNTIL(&t, heard(1, other.address));
	cr_expect_eq(heard(0, 0), 0, "neither one that moves, nor one of no pool or of another");
	end(&t);
}

/* One that was released before its second announcement isn't announced again. */
Test(net_announce, not_after_it_was_released)
{
	struct eip_record first = record(1, 1, true), later = record(2, 1, true);
	struct nettest t;

	init(&t);
	change(&t, NULL, &first);
	expect_heard(&t, &first, 1);
	change(&t, &first, NULL);
	change(&t, NULL, &later);
	expect_heard(&t, &later, 2);
	cr_expect_eq(heard(0, 0), 0);
	end(&t);
}

/* A new MAC of the uplink, and a carrier that comes back, are told to the neighbours. */
Test(net_announce, when_the_uplink_changes)
{
	struct eip_record e = record(1, 1, true);
	struct nettest t;

	init(&t);
	change(&t, NULL, &e);
	expect_heard(&t, &e, 2);
	cr_assert_eq(nettest_sh("ip link set out0 address 02:00:00:00:00:99"), 0);
	expect_heard(&t, &e, 2);
	cr_assert_eq(nettest_sh("ip link set far0 down"), 0);
	nettest_loop(&t);
	cr_assert_eq(nettest_sh("ip link set far0 up"), 0);
	expect_heard(&t, &e, 2);
	end(&t);
}

/* A thousand at once: between a few of them other events have their turn, and each is announced. */
Test(net_announce, many)
{
	static struct plan_eip eips[MANY];
	unsigned n = 0;
	struct nettest t;

	init(&t);
	for (uint32_t i = 0; i < MANY; i++)
		eips[i] = (struct plan_eip){.has_after = true, .after = record(i + 1, 1, true)};
	apply(&t, eips, MANY);
	cr_expect_eq(heard(0, 0), 0, "the change itself sends nothing");
	for (int tries = 0; n < 2 * MANY && tries < 10000; tries++) {
		unsigned now;

		cr_assert_geq(sd_event_run(t.event, 20000), 0);
		now = heard(0, 0);
		cr_expect_leq(now, BURST);
		n += now;
	}
	cr_expect_eq(n, 2 * MANY);
	end(&t);
}
