/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits in force, from limits.def and the configuration. */
#ifndef VPC_LIMITS_H
#define VPC_LIMITS_H

#include <stdint.h>

struct vpc_limits {
#define LIMIT(symbol, value, text) uint32_t symbol;
#include <vpc/limits.def>
#undef LIMIT
};

__attribute__((__unused__)) static const struct vpc_limits vpc_limits_default = {
#define LIMIT(symbol, value, text) .symbol = value,
#include <vpc/limits.def>
#undef LIMIT
};

#endif
