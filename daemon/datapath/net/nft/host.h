/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table "ip vpcd-<instance>" in the host's own namespace: it sends what the host itself sends to a published port
 * of its own to the VPC's transit address. Where the host forwards what leaves VPCs, this table and "ip6
 * vpcd-<instance>" keep that out of conntrack. Nothing else of the host's ruleset is read or changed. Any thread.
 */
#ifndef DATAPATH_NET_NFT_HOST_H
#define DATAPATH_NET_NFT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A published range of ports. */
struct nft_host_port {
	uint8_t protocol;     /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t first, last; /* host byte order */
	uint32_t address;     /* of the host, network order; 0: any of its addresses */
	uint32_t to;	      /* transit address, network order */
};

/* The tables' text. forward: the host forwards what leaves VPCs. Ranges of any address must not overlap within a
 * protocol. The caller's to free; NULL: no memory. */
char *nft_build_host(const char *instance, bool forward, const struct nft_host_port *ports, size_t n);
/* Makes the tables what the text says, in one transaction, or removes them (text NULL). ns_fd is borrowed. ret_text:
 * nft's words about a failure, or "". 0 or -errno, as nft_apply. */
int nft_host_apply(int ns_fd, const char *instance, const char *text, char *ret_text, size_t size);
/* 1: the tables are what the text says (NULL: there is none); 0: they aren't; -errno. */
int nft_host_check(int ns_fd, const char *instance, const char *text);

#endif
