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

/* Lets into the namespace itself: echo to the gateway of the device that it came in by, and ICMP errors, which the
 * kernel matches with its own sockets. By type and not by conntrack: a ct expression would make the kernel track every
 * packet that the router forwards. "fib … missing" is rp_filter for IPv6. */
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
/* What a port's program has judged carries the ENI's mark, and nothing else passes the bridge. So a port whose program
 * somebody takes off is closed until the program is put back. */
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
/* Existing tables are deleted in the same transaction. The kernel waits for a grace period for what is deleted, and so
 * does the creation of a VPC: in a new namespace nothing is deleted. */
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

/* Which variant this kernel can do, and the text that nft lists it as. */
struct reference {
	const struct variant *variant; /* NULL: not known */
	char *listing;
};

/* Found at the first use, in a namespace of its own. Forgotten when a namespace that was just set up lists otherwise.
 */
static struct {
	pthread_mutex_t lock;
	struct reference found;
} ruleset = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

static void reference_clear(struct reference *r)
{
	free(r->listing);
	*r = (struct reference){};
}

static void format(const struct variant *v, bool empty, char commands[COMMANDS_MAX])
{
	int n = snprintf(commands, COMMANDS_MAX, "%s" TABLE_INET, empty ? "" : ANEW("inet"), v->rpf, v->own, v->own);

	if (v->bridge)
		snprintf(commands + n, COMMANDS_MAX - (size_t)n, "%s" TABLE_BRIDGE, empty ? "" : ANEW("bridge"),
			 VPC_MARK_KIND, VPC_MARK_ENI, VPC_MARK_KIND, VPC_MARK_ENI);
}

/* Whether the kernel said that it lacks something. Other errors say nothing about what it has. */
static bool is_unsupported(int r)
{
	return r == -ENOENT || r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EPROTONOSUPPORT;
}

#define TRIES 4

/* Whether nft listed every table. Where an answer was lost it lists fewer, without an error. */
static bool is_whole(const struct variant *v, const char *listing)
{
	return strstr(listing, "table inet vpcd {") && (!v->bridge || strstr(listing, "table bridge vpcd {"));
}

/*
 * Makes the tables again until two listings in succession agree. One listing may be wrong: libnftables ignores some
 * errors of its netlink calls, and then lists chains without their rules. A wrong listing that was kept would make
 * every VPC's tables look wrong for as long as vpcd runs.
 */
static int try_variant(int ns_fd, const struct variant *v, char **ret_listing)
{
	_cleanup_free_ char *last = NULL;
	char commands[COMMANDS_MAX], text[TEXT_MAX];
	int r = -EIO;

	for (int tries = 0; tries < TRIES; tries++) {
		_cleanup_free_ char *listing = NULL;

		format(v, !last, commands);
		r = nft_apply(ns_fd, commands, &listing, text, sizeof(text));
		/* One refusal may be a mistake, and would hold for as long as vpcd runs. */
		if (is_unsupported(r))
			continue;
		if (r < 0)
			return r;
		if (last && is_whole(v, listing) && strcmp(last, listing) == 0) {
			*ret_listing = TAKE_PTR(listing);
			return 0;
		}
		free(last);
		last = TAKE_PTR(listing);
		r = -EIO;
	}
	return r;
}

/* On a thread in a namespace that is thrown away. */
static int find_variant(void *data)
{
	struct reference *ret = data;
	_cleanup_close_ int ns_fd = netns_open_here();
	int r = ns_fd < 0 ? ns_fd : -EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_SIZE(variants) && is_unsupported(r); i++) {
		r = try_variant(ns_fd, &variants[i], &ret->listing);
		if (r >= 0)
			ret->variant = &variants[i];
	}
	return r;
}

/* *ret: a copy; the caller's to clear. */
static int reference_get(struct reference *ret)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &ruleset.lock;
	int r = 0;

	pthread_mutex_lock(lock);
	if (!ruleset.found.variant)
		r = netns_run(-1, find_variant, &ruleset.found);
	if (r < 0)
		return r;
	ret->listing = strdup(ruleset.found.listing);
	if (!ret->listing)
		return -ENOMEM;
	ret->variant = ruleset.found.variant;
	return 0;
}

/* For when the tables were made and are listed otherwise: another version of libnftables may have been installed, which
 * the helper uses from its next start on. Does nothing if another thread has found a new one since. */
static void reference_forget(const struct reference *r)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &ruleset.lock;

	pthread_mutex_lock(lock);
	if (ruleset.found.variant && strcmp(ruleset.found.listing, r->listing) == 0)
		reference_clear(&ruleset.found);
}

/* Whether each table of ours stands in the listing as it should. Tables of others may stand between them. */
static bool has_tables(const char *listing, const struct reference *r)
{
	for (const char *table = r->listing; *table;) {
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

	text[0] = 0;
	/* nft's word is not enough: under errors it was seen to report success with another ruleset. */
	for (int tries = 0; tries < TRIES; tries++) {
		_cleanup_(reference_clear) struct reference reference = {};
		_cleanup_free_ char *listing = NULL;
		int r = reference_get(&reference);

		if (r < 0)
			return r;
		/* the second time there may be tables of the first */
		format(reference.variant, empty && !tries, commands);
		r = nft_apply(ns_fd, commands, &listing, text, size);
		if (r < 0)
			return r;
		if (has_tables(listing, &reference))
			return 0;
		/* the first time it may be this listing that is wrong */
		if (tries)
			reference_forget(&reference);
	}
	snprintf(text, size, "nft reports success, but the tables are not those that were asked for");
	return -EIO;
}

int net_nft_check(int ns_fd)
{
	_cleanup_(reference_clear) struct reference reference = {};
	int r = reference_get(&reference);

	/* a listing may be wrong (try_variant): the tables differ where two of them say so */
	for (int tries = 0; r == 0 && tries < 2; tries++) {
		_cleanup_free_ char *listing = NULL;

		r = nft_list(ns_fd, &listing);
		if (r >= 0)
			r = strcmp(listing, reference.listing) == 0;
	}
	return r;
}
