/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nftables table "vpcd" of a VPC's namespace. For a thread inside the namespace. */
#ifndef DATAPATH_NET_NFT_H
#define DATAPATH_NET_NFT_H

#include <stddef.h>

/* Makes or replaces the table in one transaction. 0 or -errno; text gets nft's own words, or "". */
int nft_apply(char *text, size_t size);
/* The namespace's whole ruleset as nft lists it, without handles and counters; owned. Two namespaces with the same
 * rules give the same text. 0 or -errno. */
int nft_list(char **ret);

#endif
