/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/verify/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int report_difference(json_t *report, const char *what, const char *object, const char *problem, const char *format,
		      ...)
{
	char detail[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	return json_array_append_new(report, json_pack("{s:s, s:s, s:s, s:s}", "what", what, "object", object,
						       "problem", problem, "detail", detail)) < 0
		       ? -ENOMEM
		       : 0;
}
