/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nft.c and its helper process say to each other over a stream socket. Private to nft*.c. */
#ifndef DATAPATH_NFT_WIRE_H
#define DATAPATH_NFT_WIRE_H

#include <stdint.h>

/* The helper's end of the socket. */
#define NFT_CHILD_FD	   3
#define NFT_TEXT_MAX_BYTES (16u << 20)

/* Comes with the namespace's descriptor (SCM_RIGHTS). text_bytes of commands follow; none: list only. */
struct nft_request {
	uint32_t text_bytes;
	uint32_t list; /* 1: the whole ruleset is read afterwards */
};

/* text_bytes follow: nft's words when error is not 0, otherwise the listing where it was asked for. */
struct nft_answer {
	int32_t error; /* 0 or -errno */
	uint32_t text_bytes;
};

#endif
