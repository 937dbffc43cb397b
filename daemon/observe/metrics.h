/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics in the text format of Prometheus. */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include <jansson.h>
#include <stddef.h>

/*
 * The metrics of `status` (as engine_status gives it) and `traffic` (as engine_traffic gives it; NULL: it could not be
 * read, and is left out), as text of ret_size bytes, malloc'ed. NULL when there is no memory, or no status.
 *
 * Series are bounded: by VPC (at most limits.vpcs), and by those ENIs and rules that `traffic` has.
 */
char *metrics_text(const json_t *status, const json_t *traffic, size_t *ret_size);

#endif
