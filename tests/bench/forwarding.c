/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares how fast several pairs of namespaces talk: forwarding OPTION… NAME=CLIENT,SERVER,ADDRESS[,BOUND]…
 *
 * The client connects to ADDRESS; the server listens on BOUND, where that is another.
 * One process holds sockets in all the namespaces. It measures each pair for a slice of time, one after the other, over
 * and over, forwards and backwards in turn, so that what disturbs the machine meets all of them and neighbours in the
 * list are next to each other in time. Clients are on CPU_CLIENT, servers on CPU_SERVER. Output, one line a slice:
 * "measure,round,name,per_second"; and with --latency "measure,name,p50_ns,p99_ns,operations".
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "pair.h"

#define PAIRS_MAX      16
#define LATENCIES_MAX  400000
#define LATENCY_ROUNDS 20

struct run {
	struct pair pairs[PAIRS_MAX];
	size_t n_pairs;
	unsigned rounds;
	uint64_t slice_ns;
	const char *only; /* measure, or NULL */
	_Bool latency;
	_Bool load; /* runs as workloads do, not before everything else */
};

static int parse_pair(struct run *r, char *text)
{
	char *name = strsep(&text, "="), *client = strsep(&text, ","), *server = strsep(&text, ",");
	char *address = strsep(&text, ","), *bound = text;

	if (!address || r->n_pairs == PAIRS_MAX) {
		fprintf(stderr, "forwarding: not NAME=CLIENT,SERVER,ADDRESS[,BOUND]: %s\n", name ? name : "");
		return -EINVAL;
	}
	return pair_open(&r->pairs[r->n_pairs++], name, client, server, address, bound);
}

static int parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{"rounds", required_argument, NULL, 'r'},  {"slice-ms", required_argument, NULL, 's'},
		{"measure", required_argument, NULL, 'm'}, {"latency", no_argument, NULL, 'l'},
		{"load", no_argument, NULL, 'o'},	   {NULL, 0, NULL, 0},
	};
	int option, rc = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (option == 'r')
			r->rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			r->slice_ns = strtoull(optarg, NULL, 10) * NS_PER_MS;
		else if (option == 'm')
			r->only = optarg;
		else if (option == 'l')
			r->latency = 1;
		else if (option == 'o')
			r->load = 1;
		else
			return -EINVAL;
	for (int i = optind; i < argc && !rc; i++)
		rc = parse_pair(r, argv[i]);
	return rc;
}

/* Which pair is the i-th of a round. */
static struct pair *pair_at(struct run *r, unsigned round, size_t i)
{
	return &r->pairs[round % 2 ? r->n_pairs - 1 - i : i];
}

/* The first round isn't counted: it warms up. */
static int run_rates(struct run *r, const struct measure *m)
{
	for (unsigned round = 0; round <= r->rounds; round++)
		for (size_t i = 0; i < r->n_pairs; i++) {
			struct pair *p = pair_at(r, round, i);
			struct slice slice = {.ns = r->slice_ns};
			int rc = m->run(p, &slice);

			if (rc)
				return bench_failed(p->name, rc);
			if (round)
				printf("%s,%u,%s,%.1f\n", m->name, round, p->name,
				       (double)slice.done * (double)NS_PER_S / (double)slice.took_ns);
		}
	return 0;
}

static int run_latencies(struct run *r, const struct measure *m)
{
	struct slice slices[PAIRS_MAX] = {};
	int rc = 0;

	for (size_t i = 0; i < r->n_pairs; i++) {
		slices[i].latencies_ns = calloc(LATENCIES_MAX, sizeof(uint64_t));
		slices[i].latencies_max = LATENCIES_MAX;
		slices[i].ns = r->slice_ns;
		if (!slices[i].latencies_ns)
			rc = -ENOMEM;
	}
	for (unsigned round = 0; round < LATENCY_ROUNDS && !rc; round++)
		for (size_t i = 0; i < r->n_pairs && !rc; i++) {
			struct pair *p = pair_at(r, round, i);

			rc = m->run(p, &slices[p - r->pairs]);
		}
	for (size_t i = 0; i < r->n_pairs && !rc; i++)
		if (slices[i].n_latencies)
			printf("%s,%s,%lu,%lu,%zu\n", m->name, r->pairs[i].name,
			       bench_quantile(slices[i].latencies_ns, slices[i].n_latencies, 0.5),
			       bench_quantile(slices[i].latencies_ns, slices[i].n_latencies, 0.99),
			       slices[i].n_latencies);
	for (size_t i = 0; i < r->n_pairs; i++)
		free(slices[i].latencies_ns);
	return rc;
}

int main(int argc, char **argv)
{
	struct run r = {.rounds = 100, .slice_ns = 50 * NS_PER_MS};
	int rc = parse(&r, argc, argv);

	if (rc || !r.n_pairs)
		return EXIT_FAILURE;
	if (!r.load)
		setpriority(PRIO_PROCESS, 0, -20);
	rc = bench_pin(CPU_CLIENT);
	for (const struct measure *m = measures; m->name && !rc; m++) {
		if (r.only && strcmp(r.only, m->name) != 0)
			continue;
		if (r.latency && !m->has_latency)
			continue;
		rc = r.latency ? run_latencies(&r, m) : run_rates(&r, m);
		fflush(stdout);
	}
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
