/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DATAPATH_MAPS_ERROR_H
#define DATAPATH_MAPS_ERROR_H

#include <vpc/error.h>

/* Sets DatapathUnavailable: "<what>: <text of the error>". error: an errno, of either sign. Returns -errno. */
int bpf_error(struct vpc_error *reterr, int error, const char *what);

#endif
