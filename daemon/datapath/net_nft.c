/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net_nft.h"

#include <errno.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <string.h>

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
#define TABLE                                                                                          \
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
	/* kernels without fib expressions: by type alone */
	static const char *const variants[][3] = {{RPF6, OWN_ADDR, OWN_ADDR}, {"", "", ""}};
	_cleanup_(nft_freep) struct nft_ctx *ctx = NULL;
	_cleanup_(unlockp) pthread_mutex_t *lock = &nft_lock;
	char commands[2048];
	int r = -ENOMEM;

	text[0] = 0;
	pthread_mutex_lock(lock);
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx)
		return -ENOMEM;
	nft_ctx_buffer_error(ctx);
	for (size_t i = 0; i < ARRAY_SIZE(variants) && r < 0; i++) {
		snprintf(commands, sizeof(commands), "add table inet vpcd\ndelete table inet vpcd\n" TABLE,
			 variants[i][0], variants[i][1], variants[i][2]);
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
