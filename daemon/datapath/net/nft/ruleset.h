/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nftables tables "vpcd" of a VPC's namespace. Any thread. */
#ifndef DATAPATH_NET_NFT_H
#define DATAPATH_NET_NFT_H

#include <stdbool.h>
#include <stddef.h>

/* Makes or replaces the tables in one transaction, and reads them back. ns_fd is borrowed. empty: the namespace is new,
 * so nothing is deleted first. text gets nft's own words about a failure, or "". 0, or -errno as nft_apply (nft.h);
 * -EIO too when what was read back is something else. */
int net_nft_apply(int ns_fd, bool empty, char *text, size_t size);
/* 1: the namespace's whole ruleset is what net_nft_apply makes. 0: it isn't. -errno: it could not be read. */
int net_nft_check(int ns_fd);

#endif
