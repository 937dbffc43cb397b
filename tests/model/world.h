/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the lines of a script against both: the real model, compiler, maps and programs, and the naive model; and
 * compares every verdict. A line is one change or one packet, so that any subset of a script's lines is a script too: a
 * change outside begin … commit is a transaction of its own, what makes no sense is refused and does nothing.
 *
 *   begin · commit · abort                    abort: the model's transaction is given up before it is compiled
 *   prepare · publish · undo                  in two steps, with packets in between that must be judged as before
 *   flows cut · keep · drain                  what the transactions that begin from here on do to flows
 *   later                                     the time of every drain is over
 *   retire                                    waits for a grace period and retires what was published
 *   vpc.create NAME CIDR CIDR6                "-" means none; and the others in naive_util.c
 *   out ENI PACKET                            its workload sends it; where it passes to a local ENI, that one's port
 *                                             judges it too
 *   in ENI FROM PACKET                        arrives at its port; FROM: an ENI at whose port it entered, `router`
 *                                             (from outside, by it) or `gateway` (the router itself)
 *
 *   PACKET: tcp SRC SPORT DST DPORT FLAGS     FLAGS of SAFRPU, or "-"
 *           udp SRC SPORT DST DPORT
 *           icmp SRC DST TYPE CODE ID
 *           error SRC DST TYPE CODE / PACKET  an ICMP error that quotes the packet
 *           NUMBER SRC DST                    another protocol
 */
#ifndef TESTS_MODEL_WORLD_H
#define TESTS_MODEL_WORLD_H

#include "compiler/compile.h"
#include "datapath/maps/flows/flows.h"
#include "datapath/maps/maps.h"
#include "model/model.h"
#include "observe/explain/walk.h"

#include "naive.h"

#define LINE_MAX_BYTES 512
#define WORDS_MAX      24
#define MESSAGE_BYTES  1200
#define UNRETIRED_MAX  64

enum world_phase {
	WORLD_IDLE,
	WORLD_OPEN,	/* begin: changes are collected */
	WORLD_PREPARED, /* rows are written and not in force */
};

struct world_stats {
	uint64_t verdicts, passes;
	uint64_t explained; /* packets that explain was asked about */
	uint64_t committed, refused, given_up;
};

struct world {
	struct model *model;
	struct maps *maps;
	struct naive naive;
	enum world_phase phase;
	struct model_txn *txn;
	struct naive_state *draft; /* what naive.now will be */
	enum naive_flows flows;
	bool failed; /* a change of the open transaction was refused */
	struct maps_change *prepared;
	struct maps_change *unretired[UNRETIRED_MAX];
	size_t n_unretired;
	uint64_t revision;
	struct world_stats stats;
	char message[MESSAGE_BYTES]; /* of a mismatch, or of what went wrong */
};

enum world_result {
	WORLD_SAME,
	WORLD_REFUSED,	/* the line did nothing: the same on both sides */
	WORLD_MISMATCH, /* message says what */
	WORLD_BROKEN,	/* something that must not fail did; message */
};

/* Loads the programs into a world without objects. 0 or -errno with message. world is zeroed before. */
int world_open(struct world *w);
void world_close(struct world *w);
enum world_result world_run(struct world *w, const char *line);

/* --- parts --- */

/* Splits line (which is written to) at blanks. Returns how many. */
unsigned split_words(char *line, char *words[WORDS_MAX]);
/* A change line as the API's change. -EINVAL: not one. c is zeroed before; change_clear() afterwards in any case. */
int change_from_words(char *const *words, unsigned n, struct change *c);
/* PACKET above. -EINVAL. */
int packet_from_words(char *const *words, unsigned n, struct packet *ret);
void packet_to_text(const struct packet *p, char *buf, size_t size);
/* Makes sure that there is a device with this ifindex in the caller's network namespace. 0 or -errno. */
int port_make(uint32_t ifindex);
/* What explain says of a packet, before it is sent. */
struct explained {
	bool asked; /* it may open a flow */
	struct explain_trace trace;
	int reason;	/* VPC_DROP_…; 0: it passes */
	uint32_t eni;	/* whose counter the drop goes to */
	uint64_t drops; /* what the counter was */
};
void explained_out(const struct world *w, uint32_t eni, const struct packet *p, struct explained *ret);
void explained_in(const struct world *w, uint32_t eni, const struct packet *p, struct explained *ret);
/* Compares it with what the programs did. */
enum world_result explained_compare(struct world *w, const struct explained *e, bool pass);
/* `out` and `in`. */
enum world_result world_packet(struct world *w, char *const *words, unsigned n);

#endif
