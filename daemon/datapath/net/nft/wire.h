/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nft.c and its helper process say to each other over a stream socket. Private to nft*.c. */
#ifndef DATAPATH_NFT_WIRE_H
#define DATAPATH_NFT_WIRE_H

#include <stdint.h>

/* The helper's end of the socket. */
#define NFT_CHILD_FD	   3
#define NFT_TEXT_MAX_BYTES (16u << 20)

/* What is answered when the commands were run. */
enum {
	NFT_ANSWER_NOTHING,
	NFT_ANSWER_RULESET, /* the whole ruleset, read afterwards */
	NFT_ANSWER_OUTPUT,  /* what the commands wrote */
};

/* Comes with the namespace's descriptor (SCM_RIGHTS). text_bytes of commands follow; none: no commands. */
struct nft_request {
	uint32_t text_bytes;
	uint32_t answer; /* NFT_ANSWER_… */
};

/* text_bytes follow: nft's words when error is not 0, otherwise what was asked for. */
struct nft_answer {
	int32_t error; /* 0 or -errno */
	uint32_t text_bytes;
};

#endif
