/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/nft/input.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <vpc/abi/abi.h>
#include <vpc/cleanup.h>

#include "datapath/net/netns/netns.h"
#include "datapath/net/nft/nft.h"

/* What reaches the namespace itself: echo to the gateway of the device it came in by, and ICMP errors, which the kernel
 * matches with flows of its own sockets. By type and not by conntrack: a ct expression would make the kernel track
 * every packet that the router forwards. fib … missing is rp_filter for IPv6. */
#define TABLE_INET                                                                                     \
	"table inet vpcd {\n"                                                                          \
	"	chain prerouting {\n"                                                                        \
	"		type filter hook prerouting priority raw; policy accept;\n"                                 \
	"		%s"                                                                                         \
	"	}\n"                                                                                         \
	"	chain input {\n"                                                                             \
	"		type filter hook input priority filter; policy drop;\n"                                     \
	"		iif lo accept\n"                                                                            \
	"		%s icmp type echo-request accept\n"                                                         \
	"		%s icmpv6 type echo-request accept\n"                                                       \
	"		icmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"           \
	"		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } " \
	"accept\n"                                                                                     \
	"	}\n"                                                                                         \
	"}\n"
/* The last door: what a port's program has judged carries the ENI's mark, and nothing else passes the bridge. So a port
 * whose program somebody tears off is closed and not open until it is put back. */
#define TABLE_BRIDGE                                                 \
	"table bridge vpcd {\n"                                      \
	"	chain input {\n"                                           \
	"		type filter hook input priority filter; policy drop;\n"   \
	"		meta mark & 0x%x == 0x%x accept\n"                        \
	"	}\n"                                                       \
	"	chain forward {\n"                                         \
	"		type filter hook forward priority filter; policy drop;\n" \
	"		meta mark & 0x%x == 0x%x accept\n"                        \
	"	}\n"                                                       \
	"}\n"
/* What stands there goes in the same transaction. The kernel waits for a grace period for what is deleted, and whoever
 * creates a VPC with it: where nothing can be, nothing is deleted. */
#define ANEW(family) "add table " family " vpcd\ndelete table " family " vpcd\n"
#define RPF6	     "meta nfproto ipv6 fib saddr . iif oif missing drop\n"
#define OWN_ADDR     "fib daddr . iif type local"

#define COMMANDS_MAX 4096
#define TEXT_MAX     256

/* Kernels without fib expressions: by type alone. Without tables for bridges: the programs alone. */
static const struct variant {
	const char *rpf, *own;
	bool bridge;
} variants[] = {{RPF6, OWN_ADDR, true}, {"", "", true}, {RPF6, OWN_ADDR, false}, {"", "", false}};

/* Which variant this kernel can do, and how nft lists it. Found once, in a namespace of its own. */
static struct {
	pthread_mutex_t lock;
	const struct variant *variant; /* NULL: not known yet */
	char *listing;
} ruleset = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

static void format(const struct variant *v, bool empty, char commands[COMMANDS_MAX])
{
	int n = snprintf(commands, COMMANDS_MAX, "%s" TABLE_INET, empty ? "" : ANEW("inet"), v->rpf, v->own, v->own);

	if (v->bridge)
		snprintf(commands + n, COMMANDS_MAX - (size_t)n, "%s" TABLE_BRIDGE, empty ? "" : ANEW("bridge"),
			 VPC_MARK_KIND, VPC_MARK_ENI, VPC_MARK_KIND, VPC_MARK_ENI);
}

/* Whether the kernel said that it doesn't have something. Anything else says nothing about what it has. */
static bool is_unsupported(int r)
{
	return r == -ENOENT || r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EPROTONOSUPPORT;
}

/* On a thread in a namespace that is thrown away. */
static int find_variant(void *data)
{
	char commands[COMMANDS_MAX], text[TEXT_MAX];
	_cleanup_close_ int ns_fd = netns_open_here();
	int r = ns_fd < 0 ? ns_fd : -EOPNOTSUPP;

	(void)data;
	for (size_t i = 0; i < ARRAY_SIZE(variants) && is_unsupported(r); i++) {
		format(&variants[i], false, commands);
		/* What was refused once by mistake must not be given up for as long as vpcd runs. */
		for (int tries = 0; tries < 3 && is_unsupported(r); tries++)
			r = nft_apply(ns_fd, commands, &ruleset.listing, text, sizeof(text));
		if (r >= 0)
			ruleset.variant = &variants[i];
	}
	return r;
}

static int prepare(void)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &ruleset.lock;

	pthread_mutex_lock(lock);
	return ruleset.variant ? 0 : netns_run(-1, find_variant, NULL);
}

/* Whether each table of ours stands in the listing as it should. Tables of others may stand between them. */
static bool has_tables(const char *listing)
{
	for (const char *table = ruleset.listing; *table;) {
		const char *next = strstr(table, "\ntable ");
		size_t n = next ? (size_t)(next + 1 - table) : strlen(table);

		if (!memmem(listing, strlen(listing), table, n))
			return false;
		table += n;
	}
	return true;
}

int net_nft_apply(int ns_fd, bool empty, char *text, size_t size)
{
	char commands[COMMANDS_MAX];
	int r = prepare();

	text[0] = 0;
	if (r < 0)
		return r;
	/* What nft says is not enough: under errors it was seen to succeed with another ruleset. */
	for (int tries = 0; tries < 2; tries++) {
		_cleanup_free_ char *listing = NULL;

		/* the second time there may be something, of the first */
		format(ruleset.variant, empty && !tries, commands);
		r = nft_apply(ns_fd, commands, &listing, text, size);
		if (r < 0)
			return r;
		if (has_tables(listing))
			return 0;
	}
	snprintf(text, size, "nft says that the tables are made, and lists others");
	return -EIO;
}

int net_nft_check(int ns_fd)
{
	_cleanup_free_ char *listing = NULL;
	int r = prepare();

	if (r >= 0)
		r = nft_list(ns_fd, &listing);
	return r < 0 ? r : strcmp(listing, ruleset.listing) == 0;
}
