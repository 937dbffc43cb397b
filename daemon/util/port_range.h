/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port ranges as aligned prefixes. Pure. */
#ifndef UTIL_PORT_RANGE_H
#define UTIL_PORT_RANGE_H

#include <stddef.h>
#include <stdint.h>

struct port_prefix {
	uint16_t port;
	uint8_t plen;
};
#define PORT_PREFIXES_MAX 30
/* Splits lo..hi (host byte order, lo <= hi) into aligned prefixes, at most 30. Returns how many. */
size_t port_range_split(uint16_t lo, uint16_t hi, struct port_prefix ret[PORT_PREFIXES_MAX]);

#endif
