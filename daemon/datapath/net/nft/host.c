/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the table of the host's own namespace, applies it, and compares it. */
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

static const char *table_name(const char *instance, char buf[TABLE_NAME_MAX])
{
	snprintf(buf, TABLE_NAME_MAX, "ip vpcd-%s", instance);
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

char *nft_build_host(const char *instance, const struct nft_host_port *ports, size_t n)
{
	static const struct {
		const char *name;
		uint8_t number;
	} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}};
	char name[TABLE_NAME_MAX], *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fprintf(f, "table %s {\n\tchain output {\n\t\ttype nat hook output priority -100; policy accept;\n",
		table_name(instance, name));
	for (size_t k = 0; k < ARRAY_SIZE(protocols); k++) {
		for (size_t i = 0; i < n; i++)
			if (ports[i].protocol == protocols[k].number && ports[i].address)
				write_of_one(f, protocols[k].name, &ports[i]);
		write_of_any(f, protocols[k].name, protocols[k].number, ports, n);
	}
	fputs("\t}\n}\n", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- making and comparing ----------------------------------------------------------------------------------------- */

int nft_host_apply(int ns_fd, const char *instance, const char *text, char *ret_text, size_t size)
{
	_cleanup_free_ char *commands = NULL;
	char name[TABLE_NAME_MAX];

	table_name(instance, name);
	if (asprintf(&commands, "add table %s\ndelete table %s\n%s", name, name, text ? text : "") < 0)
		return -ENOMEM;
	return nft_apply(ns_fd, commands, NULL, ret_text, size);
}

static int list_table(int ns_fd, const char *instance, char **ret)
{
	char commands[TABLE_NAME_MAX + 16], name[TABLE_NAME_MAX];

	snprintf(commands, sizeof(commands), "list table %s", table_name(instance, name));
	return nft_output(ns_fd, commands, ret);
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

	return r < 0 ? r : list_table(ns_fd, f->instance, &f->listing);
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

		r = list_table(ns_fd, instance, &listing);
		if (r == -ENOENT)
			r = text == NULL;
		else if (r >= 0)
			r = text ? is_listing_of(listing, instance, text) : 0;
	}
	return r;
}
