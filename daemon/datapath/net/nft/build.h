/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builders: each writes the text of one table in nft's language, and returns its length. For ruleset.c, which puts
 * the tables together. buf must be large enough: the text is cut off at size, and the length says so.
 */
#ifndef DATAPATH_NET_NFT_BUILD_H
#define DATAPATH_NET_NFT_BUILD_H

#include <stdbool.h>
#include <stddef.h>

/* "table inet vpcd". fib: the kernel has fib expressions; without them ICMP is let in by type alone. */
size_t nft_build_input(bool fib, char *buf, size_t size);
/* "table bridge vpcd". */
size_t nft_build_bridge(char *buf, size_t size);

#endif
