/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of flow logs in this folder only. */
#ifndef ENGINE_FLOW_LOGS_PRIVATE_H
#define ENGINE_FLOW_LOGS_PRIVATE_H

#include <vpc/array.h>
#include <vpc/clock.h>
#include <vpc/flow_log_format.h>

#include "datapath/maps/flows/count.h"
#include "engine/engine_private.h"
#include "engine/flows/flow_counts.h"
#include "engine/flows/flow_logs.h"
#include "observe/flow_log_table.h"

struct engine_tail {
	struct flow_log_run *log;
	void (*fn)(const char *lines, size_t bytes, void *userdata);
	void *userdata;
	struct engine_tail *next;
};

/* A flow log that runs. */
struct flow_log_run {
	struct engine *e;
	char id[OBJECT_ID_MAX];
	uint32_t number;
	struct flow_log_format format;
	uint32_t interval_s;
	struct flow_log_table table;
	uint64_t start_ns, due_ns; /* CLOCK_BOOTTIME: of the interval */
	bool gap;		   /* packets before the interval, or lines, are in no record: each ENI gets SKIPDATA */
	bool seen;		   /* the model has it; while they are compared */
	char *waiting;		   /* text for the file */
	size_t waiting_bytes, waiting_cap;
	bool writing;
	char status[120]; /* "": it is well */
	struct engine_tail *tails;
};

struct vpc_socket {
	uint32_t vpc;
	uint64_t inode; /* of the namespace */
	int fd;
};

/* What was counted of a tuple, and its flow. */
struct counted {
	struct vpc_flow_count_key key;
	struct vpc_flow_count count;
	uint32_t vpc;
	bool has_flow;
	struct flow_log_rules rules;
	uint64_t created_ns; /* of the flow, also if it was cut; 0: there is none */
};

/* Drops of an ENI: as the kernel counted them, as events told them. */
struct eni_drops {
	uint32_t eni;
	uint32_t incarnation;
	uint64_t counted, told, skipped, base;
	bool based;
};

enum phase { PHASE_REST, PHASE_READ, PHASE_COUNTS, PHASE_RECORDS };

struct flow_logs {
	struct engine *e;
	struct flow_log_run **logs;
	size_t n_logs;
	struct vpc_socket *sockets;
	size_t n_sockets;
	struct flow_count *count;
	struct flow_log_verdicts *verdicts;
	struct flow_totals *totals;	 /* of the VPCs that have a socket */
	struct flow_counts_wait *asked;	 /* for the next reading */
	struct flow_counts_wait *served; /* by the one that runs */
	sd_event_source *timer, *step;
	enum phase phase;
	uint64_t read_ns; /* CLOCK_BOOTTIME: when the last reading began */
	/* the worker's while it reads */
	ARRAY(struct counted) counted;
	ARRAY(struct eni_drops) drops;	 /* of the ENIs of all flow logs, by number */
	ARRAY(struct flow_total) checks; /* whose flows are looked for; vpc 0: the flow is there */
	uint64_t lost_packets;
	/* the loop's */
	size_t at;	      /* in counted, or in logs */
	uint64_t lost_events; /* told since the last reading */
	uint64_t lost_ever;   /* packets */
	bool noted;	      /* flow logs change */
	bool stale;	      /* so do ENIs: `drops` is to be listed anew */
};

/* --- flow_logs.c --- */
/* The flow log with this id that runs, or NULL. */
struct flow_log_run *flow_logs_find(const struct engine *e, const char *id);
/* It as the model has it; NULL: it is gone from there. */
const struct flow_log *flow_logs_model(const struct flow_log_run *l);
bool flow_logs_cover(const struct flow_log *f, const struct eni *eni);
/* Whether the VPC has a flow log. */
bool flow_logs_of_vpc(const struct flow_logs *fl, uint32_t vpc);
/* Whether anything is counted or logged. */
bool flow_logs_active(const struct flow_logs *fl);

/* --- flow_counts.c --- */
/* A reading begins: it serves all who ask by now. */
void flow_counts_begin_reading(struct flow_logs *fl);
/* On the worker: looks for the flows of some totals. */
void flow_counts_check(struct flow_logs *fl);
/* What was read is in the totals: those of flows that ended are freed, and who waits is called. */
void flow_counts_end_reading(struct flow_logs *fl);

/* --- flow_log_records.c --- */
/* An address as records and the programs have it. */
struct ip flow_logs_ip(const __be32 addr[4]);
/* What was counted of a tuple becomes records of the ENIs at its ends. */
void flow_logs_add_counted(struct flow_logs *fl, const struct counted *c);
/* Packets of the ENI are in no record. rejects: they were dropped. */
void flow_logs_skip(struct flow_logs *fl, const struct eni *eni, uint64_t packets, bool rejects);

/* --- flow_log_reading.c --- */
/* Makes the timer and the step, which rest. -errno. */
int flow_logs_reading_new(struct flow_logs *fl);
/* Nothing is being read: the next reading is when the shortest interval says so. */
void flow_logs_rest(struct flow_logs *fl);
/* Reads now, or when what is being read is done. */
void flow_logs_read_soon(struct flow_logs *fl);
/* For an end: reads what was counted, and makes text of all records. The worker has ended. */
void flow_logs_read_rest(struct flow_logs *fl);
/* The drops of an ENI of a VPC with a flow log, or NULL. */
struct eni_drops *flow_logs_drops(struct flow_logs *fl, uint32_t eni);

/* --- flow_log_text.c --- */
/* Makes text of some records of a flow log whose interval is over, for its file and its readers. True: those were all,
 * and the next interval has begun. */
bool flow_logs_flush(struct flow_log_run *l, size_t budget);
/* Has the worker write the text that waits. */
void flow_logs_write(struct flow_log_run *l);
/* Has the worker remove the files of a flow log. */
void flow_logs_remove_files(struct flow_log_run *l);
/* Nobody gets records any more. */
void flow_logs_end_tails(struct flow_log_run *l);

#endif
