/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The generation of a namespace's nftables ruleset: a number that grows with every change of it, by whomever. */
#ifndef DATAPATH_NET_NFT_GENERATION_H
#define DATAPATH_NET_NFT_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

/* On a thread inside a namespace: a socket that hears of each new generation. -errno; -EPROTONOSUPPORT, -EINVAL or
 * -ENOENT: the kernel has no nftables. */
int nft_open_events(void);
/* On a thread inside a namespace: the present generation. -errno. */
int nft_read_generation(uint32_t *ret);
/* Reads a message of that socket. False: it says nothing of a generation. */
bool nft_parse_generation(const struct nlmsghdr *h, uint32_t *ret);

#endif
