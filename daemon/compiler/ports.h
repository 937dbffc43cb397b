/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port ranges as aligned prefixes. Pure; also for those who see nothing else of the compiler but the plan. */
#ifndef COMPILER_PORTS_H
#define COMPILER_PORTS_H

#include <stddef.h>
#include <stdint.h>

struct port_prefix {
	uint16_t port;
	uint8_t plen;
};
#define PORT_PREFIXES_MAX 30
/* Splits lo..hi (host byte order, lo <= hi) into aligned prefixes, at most 30. Returns how many. */
size_t compile_port_range(uint16_t lo, uint16_t hi, struct port_prefix ret[PORT_PREFIXES_MAX]);

#endif
