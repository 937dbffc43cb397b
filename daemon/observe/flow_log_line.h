/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of flow logs as lines: in AWS's text format, or as JSON. */
#ifndef OBSERVE_FLOW_LOG_LINE_H
#define OBSERVE_FLOW_LOG_LINE_H

#include <stdio.h>

#include <vpc/flow_log_format.h>

#include "observe/flow_log_table.h"

/* What a line says beside its record. Texts are borrowed; NULL is "-". */
struct flow_log_names {
	const char *interface_id, *vpc_id, *subnet_id, *rule_id;
	unsigned traffic_path;	 /* 0: "-" */
	const char *status;	 /* OK, NODATA, SKIPDATA */
	uint64_t start_s, end_s; /* CLOCK_REALTIME */
	uint64_t skipped;	 /* packets; told by JSON alone, with SKIPDATA */
};

/* Prints a line with its newline. record NULL: there is none, as with NODATA and SKIPDATA. */
void flow_log_line(FILE *f, const struct flow_log_format *format, const struct flow_log_names *names,
		   const struct flow_log_record *record);

#endif
