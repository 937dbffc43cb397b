/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of one flow log while its interval lasts. Pure. */
#ifndef OBSERVE_FLOW_LOG_TABLE_H
#define OBSERVE_FLOW_LOG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "observe/flow_log_verdicts.h"

/* What packets have in common that become one record. Pads are zero. */
struct flow_log_key {
	struct flow_log_tuple tuple;
	uint32_t eni;  /* number */
	uint32_t rule; /* that allowed it, number; 0: none is known */
	uint8_t ingress;
	uint8_t accepted;
	uint8_t reason; /* enum vpc_drop_reason, of what was rejected */
	uint8_t pad;
};

struct flow_log_record {
	struct flow_log_key key;
	struct flow_log_amount amount;
	uint64_t first_ns, last_ns; /* CLOCK_BOOTTIME */
	uint8_t tcp_flags;
	UT_hash_handle hh;
};

/* What is known of an ENI in the interval. */
struct flow_log_eni {
	uint32_t eni;
	bool has_records;
	uint64_t skipped; /* packets that are in no record */
	UT_hash_handle hh;
};

struct flow_log_table {
	struct flow_log_record *records;
	struct flow_log_eni *enis;
	size_t max; /* records */
};

/* Frees what is in it; max stays. */
void flow_log_table_clear(struct flow_log_table *t);
/* Adds packets to their record. Without room or memory they are skipped. first_ns, last_ns: of these packets. */
void flow_log_table_add(struct flow_log_table *t, const struct flow_log_key *key, const struct flow_log_amount *amount,
			uint64_t first_ns, uint64_t last_ns, uint8_t tcp_flags);
/* Packets of the ENI are in no record. */
void flow_log_table_skip(struct flow_log_table *t, uint32_t eni, uint64_t packets);
/* What there is of an ENI, borrowed; NULL: nothing. */
const struct flow_log_eni *flow_log_table_eni(const struct flow_log_table *t, uint32_t eni);

#endif
