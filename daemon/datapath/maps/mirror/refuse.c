/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/mirror/refuse.h"

#include <stddef.h>

int refuse_full(struct vpc_error *reterr, const char *map, uint64_t size, uint64_t used, uint64_t asked)
{
	return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			     "the eBPF map '%s' holds %llu entries: %llu are used and this change asks for %llu more; "
			     "ask for fewer, or take others away first",
			     map, (unsigned long long)size, (unsigned long long)used, (unsigned long long)asked);
}

int refuse_number(struct vpc_error *reterr, const char *map, uint32_t size, uint32_t asked)
{
	return vpc_error_set(reterr, VPC_E_RESOURCE_LIMIT_EXCEEDED, NULL,
			     "the eBPF map '%s' holds the numbers up to %u and this change needs number %u; "
			     "take others away first",
			     map, size - 1, asked);
}
