/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tracked flow with everything that is reported of it. It is filled on the event loop, which alone reads the model,
 * and may be made into JSON on any thread. The JSON's schema is "TrackedFlow" in the OpenAPI document.
 */
#ifndef OBSERVE_FLOW_RECORD_H
#define OBSERVE_FLOW_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

#include "model/model.h"
#include "observe/eni_names.h"
#include "observe/flow_pair.h"
#include "observe/flow_totals.h"
#include "observe/rule_names.h"

struct maps;

/* Where names come from. All borrowed. */
struct flow_context {
	const struct model *model;
	const struct maps *maps;
	const struct rule_names *rules;
	const struct eni_names *enis;
	const struct flow_totals *totals; /* NULL: nothing is counted */
};

/* A side of the flow. Ids are "" and names NULL where there is none. */
struct flow_side {
	char eni_id[OBJECT_ID_MAX];
	char rule_id[OBJECT_ID_MAX]; /* that allowed the side */
	char sg_id[OBJECT_ID_MAX];   /* of the rule */
	char *eni, *sg;		     /* names; owned */
};

enum flow_translation {
	FLOW_UNTRANSLATED,
	FLOW_BY_NAT,
	FLOW_BY_ELASTIC_IP,
	FLOW_BY_PUBLISHED_PORT,
};

struct flow_record {
	struct vpc_flow_key key;
	struct vpc_flow flow;
	uint64_t now_ns; /* CLOCK_MONOTONIC: when it was read */
	char vpc_id[OBJECT_ID_MAX];
	char *vpc;   /* name; owned */
	bool paired; /* by a peering, and the other VPC's entry is known */
	struct flow_pair pair;
	char peer_vpc_id[OBJECT_ID_MAX]; /* of the end that is in a peered VPC; "": neither is */
	char *peer_vpc;			 /* name; owned */
	struct flow_side side[2];	 /* the opener, the responder */
	struct flow_counts counts;
	/* How the outside sees it: network order. */
	enum flow_translation translation;
	__be32 outside_addr[2]; /* IPv4, of the opener and of the responder */
	__be16 outside_port[2];
};

/* What the maps tell of a flow beside its entry: its translation, or its other VPC's entry. On any thread. */
void flow_record_begin(struct flow_record *r, const struct maps *maps, const struct vpc_flow_key *key,
		       const struct vpc_flow *flow, uint64_t now_ns);
/* Its names, its elastic IP, and its packets and bytes. On the event loop. -ENOMEM. */
int flow_record_name(struct flow_record *r, const struct flow_context *context);
/* Frees what it owns. */
void flow_record_clear(struct flow_record *r);

/* Sets packets_sent, bytes_sent, packets_received, bytes_received and counts_complete of a TrackedFlow. Returns 0 or
 * -1. */
int flow_counts_put_json(json_t *flow, const struct flow_counts *counts);
/* A TrackedFlow. On any thread. NULL: out of memory. */
json_t *flow_record_to_json(const struct flow_record *r);

#endif
