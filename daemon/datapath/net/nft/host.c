/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the tables of the host's own namespace, applies them, and compares them. */
#include "datapath/net/nft/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/net/netns/netns.h"
#include "datapath/net/nft/nft.h"

#define TABLE_NAME_MAX 64
#define HOST_ENDS      "vu-*"

/* Published ports are of IPv4. What the host forwards is of both. */
static const char *const families[] = {"ip", "ip6"};

static const char *table_name(const char *family, const char *instance, char buf[TABLE_NAME_MAX])
{
	snprintf(buf, TABLE_NAME_MAX, "%s vpcd-%s", family, instance);
	return buf;
}

/* --- the text ----------------------------------------------------------------------------------------------------- */

static void write_range(FILE *f, const struct nft_host_port *p)
{
	if (p->first == p->last)
		fprintf(f, "%u", p->first);
	else
		fprintf(f, "%u-%u", p->first, p->last);
}

static void write_address(FILE *f, uint32_t address)
{
	char text[INET_ADDRSTRLEN];

	fputs(inet_ntop(AF_INET, &address, text, sizeof(text)), f);
}

/* A rule for each range of one address, before those of any. */
static void write_of_one(FILE *f, const char *protocol, const struct nft_host_port *p)
{
	fputs("\t\tip daddr ", f);
	write_address(f, p->address);
	fprintf(f, " %s dport ", protocol);
	write_range(f, p);
	fputs(" dnat to ", f);
	write_address(f, p->to);
	fputc('\n', f);
}

/* One rule, with a map, for those of any address. */
static void write_of_any(FILE *f, const char *protocol, uint8_t number, const struct nft_host_port *ports, size_t n)
{
	const char *before = "";

	for (size_t i = 0; i < n; i++) {
		if (ports[i].protocol != number || ports[i].address)
			continue;
		if (!before[0])
			fprintf(f, "\t\tfib daddr type local dnat to %s dport map { ", protocol);
		fputs(before, f);
		write_range(f, &ports[i]);
		fputs(" : ", f);
		write_address(f, ports[i].to);
		before = ", ";
	}
	if (before[0])
		fputs(" }\n", f);
}

static void write_ports(FILE *f, const struct nft_host_port *ports, size_t n)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}};

	fputs("\tchain output {\n\t\ttype nat hook output priority -100; policy accept;\n", f);
	for (size_t k = 0; k < ARRAY_SIZE(protocols); k++) {
		for (size_t i = 0; i < n; i++)
			if (ports[i].protocol == protocols[k].number && ports[i].address)
				write_of_one(f, protocols[k].name, &ports[i]);
		write_of_any(f, protocols[k].name, protocols[k].number, ports, n);
	}
	fputs("\t}\n", f);
}

/* The answers of what the host forwards don't pass its hooks. So its conntrack would call the second packet of a
 * connection invalid, and a masquerading rule would give it another port. */
static void write_untracked(FILE *f)
{
	fputs("\tchain prerouting {\n\t\ttype filter hook prerouting priority -300; policy accept;\n"
	      "\t\tiifname \"" HOST_ENDS "\" fib daddr type != local notrack\n\t}\n",
	      f);
}

char *nft_build_host(const char *instance, bool forward, const struct nft_host_port *ports, size_t n)
{
	char name[TABLE_NAME_MAX], *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < (forward ? ARRAY_SIZE(families) : 1); i++) {
		fprintf(f, "table %s {\n", table_name(families[i], instance, name));
		if (forward)
			write_untracked(f);
		if (i == 0 && n)
			write_ports(f, ports, n);
		fputs("}\n", f);
	}
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- making and comparing ----------------------------------------------------------------------------------------- */

/* *ret: the listing, the caller's to free; NULL: the kernel has no such table, or no such family. */
static int list_table(int ns_fd, const char *family, const char *instance, char **ret)
{
	char commands[TABLE_NAME_MAX + 16], name[TABLE_NAME_MAX];
	int r;

	*ret = NULL;
	snprintf(commands, sizeof(commands), "list table %s", table_name(family, instance, name));
	r = nft_output(ns_fd, commands, ret);
	return r == -ENOENT || r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

/* *ret: the listings of both families, "" where there are none; the caller's to free. */
static int list_tables(int ns_fd, const char *instance, char **ret)
{
	_cleanup_free_ char *first = NULL, *second = NULL;
	int r = list_table(ns_fd, families[0], instance, &first);

	if (r >= 0)
		r = list_table(ns_fd, families[1], instance, &second);
	if (r < 0)
		return r;
	return asprintf(ret, "%s%s", first ? first : "", second ? second : "") < 0 ? -ENOMEM : 0;
}

/* Commands that delete what is there and make what the text says. A family that is in neither isn't named, since the
 * kernel may not have it. */
static int write_commands(int ns_fd, const char *instance, const char *text, char **ret)
{
	char name[TABLE_NAME_MAX], *commands = NULL;
	size_t size;
	FILE *f = open_memstream(&commands, &size);
	int r = f ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(families); i++) {
		_cleanup_free_ char *listing = NULL;

		r = list_table(ns_fd, families[i], instance, &listing);
		table_name(families[i], instance, name);
		if (listing)
			fprintf(f, "add table %s\ndelete table %s\n", name, name);
	}
	if (r >= 0)
		fputs(text ? text : "", f);
	if (f && fclose(f) != 0)
		r = -ENOMEM;
	if (r < 0)
		free(commands);
	else
		*ret = commands;
	return r;
}

int nft_host_apply(int ns_fd, const char *instance, const char *text, char *ret_text, size_t size)
{
	_cleanup_free_ char *commands = NULL;
	int r = write_commands(ns_fd, instance, text, &commands);

	return r < 0 ? r : nft_apply(ns_fd, commands, NULL, ret_text, size);
}

/* How nft lists the text, found once in a namespace of its own. */
static struct {
	pthread_mutex_t lock;
	char *text, *listing;
} reference = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct finding {
	const char *instance, *text;
	char *listing;
};

static int find_listing(void *data)
{
	struct finding *f = data;
	_cleanup_close_ int ns_fd = netns_open_here();
	char words[256];
	int r = ns_fd < 0 ? ns_fd : nft_host_apply(ns_fd, f->instance, f->text, words, sizeof(words));

	return r < 0 ? r : list_tables(ns_fd, f->instance, &f->listing);
}

static void unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* Whether the listing is that of the text. */
static int is_listing_of(const char *listing, const char *instance, const char *text)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &reference.lock;
	struct finding f = {.instance = instance, .text = text};
	int r;

	pthread_mutex_lock(lock);
	if (!reference.text || strcmp(reference.text, text) != 0) {
		char *copy = strdup(text);

		r = copy ? netns_run(-1, find_listing, &f) : -ENOMEM;
		if (r < 0) {
			free(copy);
			return r;
		}
		free(reference.text);
		free(reference.listing);
		reference.text = copy;
		reference.listing = f.listing;
	}
	return strcmp(listing, reference.listing) == 0;
}

#define TRIES 2 /* one listing may be wrong: ruleset.c */

int nft_host_check(int ns_fd, const char *instance, const char *text)
{
	int r = 0;

	for (int i = 0; r == 0 && i < TRIES; i++) {
		_cleanup_free_ char *listing = NULL;

		r = list_tables(ns_fd, instance, &listing);
		if (r >= 0)
			r = text ? is_listing_of(listing, instance, text) : !listing[0];
	}
	return r;
}
