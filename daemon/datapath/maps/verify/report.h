/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DATAPATH_MAPS_REPORT_H
#define DATAPATH_MAPS_REPORT_H

#include <jansson.h>

#include <vpc/cleanup.h>

/* Appends one difference to a report of maps_verify. -ENOMEM. */
PRINTF_LIKE(5, 6)
int report_difference(json_t *report, const char *what, const char *object, const char *problem, const char *format,
		      ...);

#endif
