/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table "inet vpcd": what reaches a VPC's namespace itself. */
#include <stdio.h>

#include "datapath/net/nft/build.h"

/* Lets into the namespace itself: echo to the gateway of the device that it came in by, and ICMP errors, which the
 * kernel matches with its own sockets. By type and not by conntrack: a ct expression would make the kernel track every
 * packet that the router forwards. "fib … missing" is rp_filter for IPv6. */
#define TABLE                                                                                          \
	"table inet vpcd {\n"                                                                          \
	"	chain prerouting {\n"                                                                        \
	"		type filter hook prerouting priority raw; policy accept;\n"                                 \
	"		%s"                                                                                         \
	"	}\n"                                                                                         \
	"	chain input {\n"                                                                             \
	"		type filter hook input priority filter; policy drop;\n"                                     \
	"		iif lo accept\n"                                                                            \
	"		%s icmp type echo-request accept\n"                                                         \
	"		%s icmpv6 type echo-request accept\n"                                                       \
	"		icmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"           \
	"		icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } " \
	"accept\n"                                                                                     \
	"	}\n"                                                                                         \
	"}\n"

#define RPF6	 "meta nfproto ipv6 fib saddr . iif oif missing drop\n"
#define OWN_ADDR "fib daddr . iif type local"

size_t nft_build_input(bool fib, char *buf, size_t size)
{
	const char *own = fib ? OWN_ADDR : "";
	int n = snprintf(buf, size, TABLE, fib ? RPF6 : "", own, own);

	return (size_t)n;
}
