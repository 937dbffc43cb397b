/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/error.h"

#include <string.h>

int bpf_error(struct vpc_error *reterr, int error, const char *what)
{
	vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "%s: %s", what, strerror(error < 0 ? -error : error));
	return error < 0 ? error : -error;
}
