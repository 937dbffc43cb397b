/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table "bridge vpcd": what may pass the bridges of a VPC's namespace. */
#include <stdio.h>

#include <vpc/abi/abi.h>

#include "datapath/net/nft/build.h"

/* What a port's program has judged carries the ENI's mark, and nothing else passes the bridge. So a port whose program
 * somebody takes off is closed until the program is put back. */
#define TABLE                                                        \
	"table bridge vpcd {\n"                                      \
	"	chain input {\n"                                           \
	"		type filter hook input priority filter; policy drop;\n"   \
	"		meta mark & 0x%x == 0x%x accept\n"                        \
	"	}\n"                                                       \
	"	chain forward {\n"                                         \
	"		type filter hook forward priority filter; policy drop;\n" \
	"		meta mark & 0x%x == 0x%x accept\n"                        \
	"	}\n"                                                       \
	"}\n"

size_t nft_build_bridge(char *buf, size_t size)
{
	int n = snprintf(buf, size, TABLE, VPC_MARK_KIND, VPC_MARK_ENI, VPC_MARK_KIND, VPC_MARK_ENI);

	return (size_t)n;
}
