/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset of a VPC's namespace: its tables made, read back, compared. */
#include "datapath/net/nft/ruleset.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/net/netns/netns.h"
#include "datapath/net/nft/build.h"
#include "datapath/net/nft/nft.h"

/* Existing tables are deleted in the same transaction. The kernel waits for a grace period for what is deleted, and so
 * does the creation of a VPC: in a new namespace nothing is deleted. */
#define ANEW(family) "add table " family " vpcd\ndelete table " family " vpcd\n"

#define COMMANDS_MAX 4096
#define TEXT_MAX     256

/* Some kernels have no fib expressions, and some no tables for bridges: there the programs judge alone. */
static const struct variant {
	bool fib;
	bool bridge;
} variants[] = {{true, true}, {false, true}, {true, false}, {false, false}};

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

static size_t add_text(char commands[COMMANDS_MAX], size_t at, const char *text)
{
	return at + (size_t)snprintf(commands + at, COMMANDS_MAX - at, "%s", text);
}

static void format(const struct variant *v, bool empty, char commands[COMMANDS_MAX])
{
	size_t at = empty ? 0 : add_text(commands, 0, ANEW("inet"));

	at += nft_build_input(v->fib, commands + at, COMMANDS_MAX - at);
	if (!v->bridge)
		return;
	if (!empty)
		at = add_text(commands, at, ANEW("bridge"));
	nft_build_bridge(commands + at, COMMANDS_MAX - at);
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
