/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl usage: what VPCs received and sent, by hour, day or month. */
#include <stdio.h>
#include <string.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/http.h"
#include "cli/lib/table.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"
#include "cli/vpcctl/time.h"

/* --- table ------------------------------------------------------------------------------------------- */

static void cell_bytes(struct table *t, json_int_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double amount = (double)bytes;
	size_t unit = 0;

	while (amount >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		amount /= 1024;
		unit++;
	}
	table_cellf(t, "%.*f %s", unit && amount < 100 ? 1 : 0, amount, units[unit]);
}

static json_int_t count_of(const json_t *row, const char *meter, const char *counter)
{
	return json_integer_value(json_object_get(json_object_get(row, meter), counter));
}

/* "2026-11-01 12:00" of an hour, "2026-11-01" of a day, "2026-11" of a month. */
static void cell_period(struct table *t, const json_t *row, const char *by)
{
	const char *from = json_member_text(row, "from") ?: "";

	if (!strcmp(by, "hour"))
		table_cellf(t, "%.10s %.5s", from, strlen(from) > 11 ? from + 11 : "");
	else
		table_cellf(t, "%.*s", !strcmp(by, "month") ? 7 : 10, from);
}

static const struct {
	const char *title, *meter, *counter;
} byte_columns[] = {
	{"IN", "enis", "rx_bytes"},
	{"OUT", "enis", "tx_bytes"},
	{"GATEWAYS IN", "gateways", "rx_bytes"},
	{"GATEWAYS OUT", "gateways", "tx_bytes"},
	{"PEERINGS IN", "peerings", "rx_bytes"},
	{"PEERINGS OUT", "peerings", "tx_bytes"},
};

static int print_table(struct cli *cli, const json_t *usage, const char *by)
{
	_cleanup_(table_freep) struct table *t = table_new();
	const json_t *row;
	size_t at;

	if (!t)
		return api_oom();
	table_column(t, "FROM", TABLE_LEFT);
	table_column(t, "VPC", TABLE_LEFT);
	table_column(t, "ENIS", TABLE_RIGHT);
	for (size_t i = 0; i < ARRAY_SIZE(byte_columns); i++)
		table_column(t, byte_columns[i].title, TABLE_RIGHT);
	table_column(t, "", TABLE_LEFT);
	json_array_foreach (usage, at, row) {
		const char *id = json_member_text(row, "vpc_id");

		cell_period(t, row, by);
		table_cell(t, id && *id ? json_member_text(row, "vpc") : "(others)");
		table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(row, "most_enis")));
		for (size_t i = 0; i < ARRAY_SIZE(byte_columns); i++)
			cell_bytes(t, count_of(row, byte_columns[i].meter, byte_columns[i].counter));
		table_cell(t, json_is_true(json_object_get(row, "running")) ? "running" : "");
	}
	return table_print(t, 0, cli->colour) < 0 ? api_oom() : CLI_OK;
}

/* --- the command ------------------------------------------------------------------------------------- */

/* Reads one reply after the other, until all of it was told. */
static int read_all(struct cli *cli, const char *vpc, const char *by, uint64_t from, uint64_t to, json_t *list)
{
	for (;;) {
		_cleanup_free_ char *path = NULL;
		_cleanup_json_ json_t *reply = NULL;
		const json_t *next;
		int status;

		if (asprintf(&path, "/v1/usage?vpc=%s&by=%s&from=%llu&to=%llu", vpc, by, (unsigned long long)from,
			     (unsigned long long)to) < 0)
			path = NULL;
		status = api_get(cli, path, &reply);
		if (status != CLI_OK)
			return status;
		if (json_array_extend(list, json_object_get(reply, "usage")) < 0)
			return api_oom();
		next = json_object_get(reply, "next");
		if (!json_is_integer(next) || (uint64_t)json_integer_value(next) <= from)
			return CLI_OK;
		from = (uint64_t)json_integer_value(next);
	}
}

/* Nothing was counted: perhaps there is no such VPC. */
static int check_vpc(struct cli *cli, const char *vpc)
{
	_cleanup_free_ char *path = api_path(cli, kind_of(OBJECT_VPC)->path, vpc, NULL);
	_cleanup_json_ json_t *object = NULL;

	return api_get(cli, path, &object);
}

static int run(struct cli *cli, const struct args *args)
{
	const char *vpc = args_get(args, "VPC"), *by = args_get(args, "--by") ?: "day";
	_cleanup_free_ char *encoded = http_encode(vpc ? vpc : "");
	_cleanup_json_ json_t *list = json_array();
	uint64_t from, to;
	int status;

	if (!encoded || !list)
		return api_oom();
	if (strcmp(by, "hour") != 0 && strcmp(by, "day") != 0 && strcmp(by, "month") != 0)
		return args_wrong(args, "--by must be hour, day or month");
	status = time_read(args, "--since", 0, &from);
	if (status == CLI_OK)
		status = time_read(args, "--until", realtime_s(), &to);
	if (status == CLI_OK)
		status = read_all(cli, encoded, by, from, to, list);
	if (status == CLI_OK && vpc && json_array_size(list) == 0)
		status = check_vpc(cli, vpc);
	if (status != CLI_OK)
		return status;
	return cli->output == OUTPUT_TABLE ? print_table(cli, list, by) : output_document(cli, list);
}

static const struct param params[] = {
	{"VPC", VALUE_VPC, 0, NULL, "id or name of one VPC, also of one that is gone (default: all)"},
	{"--since", VALUE_TEXT, 0, "T", "a date (UTC), or an age as 36h, 7d or 4w (default: all that is kept)"},
	{"--until", VALUE_TEXT, 0, "T", "likewise; the hour in which that is belongs to it (default: now)"},
	{"--by", VALUE_TEXT, 0, "PERIOD", "hour, day or month, in UTC (default: day)"},
	PARAMS_END,
};

const struct command usage_command = {
	.noun = "usage",
	.summary = "show what VPCs received and sent, by hour, day or month",
	.params = params,
	.notes =
		"IN and OUT are what the VPC's network interfaces received and sent, whoever was at the other end. "
		"What\n"
		"came and went by gateways, published ports and host access is a part of that, and so is what came "
		"and\n"
		"went by peerings. The period that isn't over is marked as running. [usage] in vpcd.conf says for how\n"
		"many days hours are kept, also those of VPCs that are gone.",
	.example = "vpcctl usage prod --since 7d\nvpcctl usage --by month --since 2026-01-01 -o json",
	.run = run,
};
