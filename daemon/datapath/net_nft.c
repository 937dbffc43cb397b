/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net_nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <string.h>

#include <stdbool.h>
#include <stdio.h>

#include <vpc/abi/abi.h>
#include <vpc/cleanup.h>

/* libnftables keeps parser state in statics: one thread at a time. */
static pthread_mutex_t nft_lock = PTHREAD_MUTEX_INITIALIZER;

static void nft_freep(struct nft_ctx **ctx)
{
	if (*ctx)
		nft_ctx_free(*ctx);
}

static void unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* What reaches the namespace itself: echo to the gateway of the device it came in by, and ICMP errors, which the kernel
 * matches with flows of its own sockets. By type and not by conntrack: a ct expression would make the kernel track
 * every packet that the router forwards. fib … missing is rp_filter for IPv6. */
#define TABLE_INET                                                                                     \
	"add table inet vpcd\n"                                                                        \
	"delete table inet vpcd\n"                                                                     \
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
	"add table bridge vpcd\n"                                    \
	"delete table bridge vpcd\n"                                 \
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
#define RPF6	 "meta nfproto ipv6 fib saddr . iif oif missing drop\n"
#define OWN_ADDR "fib daddr . iif type local"

static int run(struct nft_ctx *ctx, const char *commands, char *text, size_t size)
{
	int r;

	errno = 0;
	r = nft_run_cmd_from_buffer(ctx, commands) ? -(errno ? errno : EINVAL) : 0;
	if (text && size) {
		const char *words = r < 0 ? nft_ctx_get_error_buffer(ctx) : "";

		snprintf(text, size, "%s", words ? words : "");
		text[strcspn(text, "\n")] = 0;
	}
	return r;
}

int nft_apply(char *text, size_t size)
{
	/* Kernels without fib expressions: by type alone. Without tables for bridges: the programs alone. */
	static const struct {
		const char *rpf, *own;
		bool bridge;
	} variants[] = {{RPF6, OWN_ADDR, true}, {"", "", true}, {RPF6, OWN_ADDR, false}, {"", "", false}};
	_cleanup_(nft_freep) struct nft_ctx *ctx = NULL;
	_cleanup_(unlockp) pthread_mutex_t *lock = &nft_lock;
	char commands[4096];
	int r = -ENOMEM;

	text[0] = 0;
	pthread_mutex_lock(lock);
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return -ENOMEM;
	nft_ctx_buffer_error(ctx);
	for (size_t i = 0; i < ARRAY_SIZE(variants) && r < 0; i++) {
		int n = snprintf(commands, sizeof(commands), TABLE_INET, variants[i].rpf, variants[i].own,
				 variants[i].own);

		if (variants[i].bridge)
			snprintf(commands + n, sizeof(commands) - (size_t)n, TABLE_BRIDGE, VPC_MARK_KIND, VPC_MARK_ENI,
				 VPC_MARK_KIND, VPC_MARK_ENI);
		r = run(ctx, commands, text, size);
	}
	return r;
}

int nft_list(char **ret)
{
	_cleanup_(nft_freep) struct nft_ctx *ctx = NULL;
	_cleanup_(unlockp) pthread_mutex_t *lock = &nft_lock;
	char *listing;

	pthread_mutex_lock(lock);
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return -ENOMEM;
	nft_ctx_buffer_error(ctx);
	nft_ctx_buffer_output(ctx);
	nft_ctx_output_set_flags(ctx, NFT_CTX_OUTPUT_STATELESS);
	/* the whole ruleset: another table in our namespace is a difference too */
	if (run(ctx, "list ruleset", NULL, 0) < 0)
		return -EIO;
	listing = strdup(nft_ctx_get_output_buffer(ctx));
	if (!listing)
		return -ENOMEM;
	*ret = listing;
	return 0;
}
