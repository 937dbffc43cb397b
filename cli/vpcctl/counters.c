/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/counters.h"

#include <stdio.h>

#include "cli/lib/api.h"
#include "cli/lib/table.h"

int counters_print(struct cli *cli, const json_t *object)
{
	static const struct {
		const char *title, *packets, *bytes;
	} directions[] = {{"received", "rx_packets", "rx_bytes"}, {"sent", "tx_packets", "tx_bytes"}};
	const json_t *counters = json_object_get(object, "counters");
	_cleanup_(table_freep) struct table *t = NULL;

	if (!json_is_object(counters))
		return CLI_OK;
	t = table_new();
	if (!t)
		return api_oom();
	table_column(t, "TRAFFIC", TABLE_LEFT);
	table_column(t, "PACKETS", TABLE_RIGHT);
	table_column(t, "BYTES", TABLE_RIGHT);
	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		table_cell(t, directions[i].title);
		table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(counters, directions[i].packets)));
		table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(counters, directions[i].bytes)));
	}
	putchar('\n');
	return table_print(t, 0, cli->colour) < 0 ? api_oom() : CLI_OK;
}
