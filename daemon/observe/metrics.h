/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics in the text format of Prometheus. */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include <jansson.h>
#include <stddef.h>

/*
 * The metrics that `status` (as engine_status gives it) holds, as text of ret_size bytes, malloc'ed. NULL when there is
 * no memory, or no status.
 */
char *metrics_text(const json_t *status, size_t *ret_size);

#endif
