/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same change where others keep their rules: change_peers nft|iptables NAMESPACE ADDRESS PORT ROUNDS. nft replaces
 * the element of peers/nft-set's set, by libnftables in this process, as the quickest of its users would; iptables has
 * no library, so `iptables -D` and `-I` of the rule are programs that are run. Output:
 * "nft|iptables,change,p50_ns,p99_ns,n".
 */
#include <errno.h>
#include <nftables/libnftables.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bench_util.h"

#define ROUNDS_MAX 1000

extern char **environ;

static struct nft_ctx *nft;

static int nft_replace(const char *address, const char *port, unsigned step)
{
	char text[300];

	snprintf(text, sizeof(text), "%s element inet filter allowed { %s . %s }", step % 2 ? "add" : "delete", address,
		 port);
	return nft_run_cmd_from_buffer(nft, text) ? -EIO : 0;
}

static int iptables_replace(const char *address, const char *port, unsigned step)
{
	const char *arguments[] = {"iptables", step % 2 ? "-I" : "-D",
				   "FORWARD",  "-s",
				   address,    "-p",
				   "tcp",      "-m",
				   "tcp",      "--dport",
				   port,       "-j",
				   "ACCEPT",   NULL};
	int status, rc;
	pid_t pid;

	rc = posix_spawnp(&pid, "iptables", NULL, NULL, (char **)(uintptr_t)arguments, environ);
	if (rc)
		return -rc;
	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return status ? -EIO : 0;
}

int main(int argc, char **argv)
{
	static uint64_t values[ROUNDS_MAX];
	unsigned rounds = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	_cleanup_close_ int ns = rounds ? bench_netns_open(argv[2]) : -1;
	int (*replace)(const char *, const char *, unsigned) = nft_replace;
	int rc = ns < 0 ? -EINVAL : bench_netns_enter(ns);

	if (rc || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: change_peers nft|iptables NAMESPACE ADDRESS PORT ROUNDS\n");
		return EXIT_FAILURE;
	}
	if (strcmp(argv[1], "iptables") == 0)
		replace = iptables_replace;
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	for (unsigned i = 0; i < rounds && nft && !rc; i++) {
		uint64_t began = bench_now_ns();

		rc = replace(argv[3], argv[4], i);
		values[i] = bench_now_ns() - began;
	}
	if (rc || !nft) {
		bench_failed(argv[1], rc ? rc : -ENOMEM);
		return EXIT_FAILURE;
	}
	nft_ctx_free(nft);
	printf("%s,change,%lu,%lu,%u\n", argv[1], bench_quantile(values, rounds, 0.5),
	       bench_quantile(values, rounds, 0.99), rounds);
	return EXIT_SUCCESS;
}
