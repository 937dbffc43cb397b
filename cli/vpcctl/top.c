/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl top: what has the most traffic, by rates between two readings of /v1/traffic. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <vpc/clock.h>
#include <vpc/json.h>
#include <vpc/number.h>

#include "cli/lib/api.h"
#include "cli/lib/screen.h"
#include "cli/lib/table.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

#define ALTERNATE_SCREEN "\033[?1049h\033[?25l"
#define NORMAL_SCREEN	 "\033[?25h\033[?1049l"
#define CLEAR		 "\033[H\033[2J"

#define NAME_WIDEST 28

/* --- rates ------------------------------------------------------------------------------------------- */

/* An object and what it gained each second. */
struct rate {
	const json_t *object;
	double rx_bytes, tx_bytes, rx_packets, tx_packets, drops; /* a second */
	double order;
};

static double member(const json_t *object, const char *key)
{
	return (double)json_integer_value(json_object_get(object, key));
}

/* What a counter gained each second. */
static double gained(const json_t *before, const json_t *now, const char *key, double seconds)
{
	double more = member(now, key) - member(before, key);

	return more < 0 ? 0 : more / seconds;
}

static const json_t *find(const json_t *list, const char *id)
{
	json_t *object;
	size_t i;

	json_array_foreach (list, i, object)
		if (!strcmp(json_member_text(object, "id") ?: "", id))
			return object;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	double x = ((const struct rate *)a)->order, y = ((const struct rate *)b)->order;

	return (x < y) - (x > y);
}

/* The rates of a list's objects, the highest first; *ret_n: how many. before NULL: a counter's whole value counts.
 * Owned. NULL: out of memory. */
static struct rate *rates_of(const json_t *before, const json_t *now, const char *list, size_t *ret_n)
{
	const json_t *objects = json_object_get(now, list), *old = json_object_get(before, list);
	double seconds = before ? (member(now, "time_ns") - member(before, "time_ns")) / NS_PER_S : 1;
	struct rate *rates = calloc(json_array_size(objects) + 1, sizeof(*rates));
	json_t *o;
	size_t i;

	if (!rates)
		return NULL;
	if (seconds <= 0)
		seconds = 1;
	json_array_foreach (objects, i, o) {
		/* An object that is new in the list has no earlier value: it shows 0 once. */
		const json_t *was = before ? find(old, json_member_text(o, "id") ?: "") ?: o : NULL;

		/* A rule has packets and bytes of no direction. */
		rates[i] = (struct rate){
			.object = o,
			.rx_bytes = gained(was, o, "rx_bytes", seconds) + gained(was, o, "bytes", seconds),
			.tx_bytes = gained(was, o, "tx_bytes", seconds),
			.rx_packets = gained(was, o, "rx_packets", seconds) + gained(was, o, "packets", seconds),
			.tx_packets = gained(was, o, "tx_packets", seconds),
			.drops = gained(was, o, "drops", seconds),
		};
		rates[i].order = rates[i].rx_bytes + rates[i].tx_bytes + rates[i].drops / 1e6;
	}
	*ret_n = json_array_size(objects);
	qsort(rates, *ret_n, sizeof(*rates), compare);
	return rates;
}

/* --- tables ------------------------------------------------------------------------------------------ */

static void cell_amount(struct table *t, double amount)
{
	static const char *const units[] = {"", "k", "M", "G", "T"};
	size_t unit = 0;

	while (amount >= 10000 && unit + 1 < ARRAY_SIZE(units)) {
		amount /= 1000;
		unit++;
	}
	table_cellf(t, "%.*f%s", unit == 0 && amount < 10 && amount > (double)(long)amount ? 1 : 0, amount,
		    units[unit]);
}

static void cell_short(struct table *t, const char *text)
{
	_cleanup_free_ char *cut = screen_cut(text ?: "", NAME_WIDEST);

	table_cell(t, cut);
}

/* "ingress tcp 443 from 10.0.0.0/8" */
static char *rule_text(const json_t *rule)
{
	const char *protocol = json_member_text(rule, "protocol") ?: "",
		   *direction = json_member_text(rule, "direction");
	const char *peer = json_member_text(rule, "cidr") ?: json_member_text(rule, "sg_id");
	const json_t *from = json_object_get(rule, "from_port"), *to = json_object_get(rule, "to_port");
	char ports[48] = "", *text = NULL;

	peer = peer ?: json_member_text(rule, "prefix_list_id");
	if (json_is_integer(from) && json_equal(from, to))
		snprintf(ports, sizeof(ports), " %lld", (long long)json_integer_value(from));
	else if (json_is_integer(from))
		snprintf(ports, sizeof(ports), " %lld-%lld", (long long)json_integer_value(from),
			 (long long)json_integer_value(to));
	return asprintf(&text, "%s %s%s %s", direction ?: "", protocol, ports, peer ?: "") < 0 ? NULL : text;
}

/* Most gateways have no name. */
static const char *gateway_name(const json_t *gateway)
{
	const char *name = json_member_text(gateway, "name");

	return name && *name ? name : json_member_text(gateway, "id");
}

static const char *const both_titles[] = {"IN B/s", "OUT B/s", "IN pkt/s", "OUT pkt/s"};
static const char *const both_totals[] = {"IN BYTES", "OUT BYTES", "IN PACKETS", "OUT PACKETS"};

/* The n highest of one list as a table, as wide as the screen. before NULL: totals. */
static int print_list(const json_t *before, const json_t *now, const char *list, size_t n, size_t width, bool colour)
{
	bool rules = !strcmp(list, "rules"), enis = !strcmp(list, "enis"), gateways = !strcmp(list, "gateways");
	const char *const *titles = before ? both_titles : both_totals;
	_cleanup_(table_freep) struct table *t = table_new();
	size_t count = 0;
	_cleanup_free_ struct rate *rates = rates_of(before, now, list, &count);

	if (!t || !rates)
		return api_oom();
	for (size_t i = 0; i < (rules ? 2u : 4u); i++)
		table_column(t, rules ? titles[i * 2] + 3 : titles[i], TABLE_RIGHT);
	if (enis)
		table_column(t, before ? "DROP/s" : "DROPS", TABLE_RIGHT);
	table_column(t, rules ? "GROUP" : enis ? "ENI" : gateways ? "GATEWAY" : "VPC", TABLE_LEFT);
	if (rules || enis || gateways)
		table_column(t, rules ? "RULE" : "VPC", TABLE_LEFT);
	for (size_t i = 0; i < count && i < n; i++) {
		const json_t *o = rates[i].object;
		_cleanup_free_ char *rule = rules ? rule_text(o) : NULL;

		cell_amount(t, rates[i].rx_bytes);
		if (!rules)
			cell_amount(t, rates[i].tx_bytes);
		cell_amount(t, rates[i].rx_packets);
		if (!rules)
			cell_amount(t, rates[i].tx_packets);
		if (enis)
			cell_amount(t, rates[i].drops);
		cell_short(t, gateways ? gateway_name(o) : json_member_text(o, rules ? "security_group" : "name"));
		if (rules || enis || gateways)
			table_cell(t, rules ? rule : json_member_text(o, "vpc"));
	}
	return table_print(t, width, colour) < 0 ? api_oom() : CLI_OK;
}

static const char *const lists[] = {"vpcs", "enis", "gateways", "rules"};

/* A host without gateways has no list of them. */
static bool is_shown(const json_t *now, const char *list)
{
	return strcmp(list, "gateways") != 0 || json_array_size(json_object_get(now, list)) > 0;
}

/* How many rows each list may have on a screen: beside a line above, a title for each, an empty line between two, and a
 * line that stays free. */
static size_t rows_on_screen(const json_t *now, size_t height)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		n += is_shown(now, lists[i]);
	return height > 3 * n + 1 ? (height - 2 * n - 1) / n : 1;
}

static int print_all(const struct cli *cli, const json_t *before, const json_t *now, size_t rows, size_t width)
{
	int status = CLI_OK;

	for (size_t i = 0; status == CLI_OK && i < ARRAY_SIZE(lists); i++) {
		if (!is_shown(now, lists[i]))
			continue;
		if (i > 0)
			putchar('\n');
		status = print_list(before, now, lists[i], rows, width, cli->colour);
	}
	return status;
}

/* --- the live screen --------------------------------------------------------------------------------- */

struct live {
	int signals;
	bool raw;
	struct termios saved;
};

static void live_end(struct live *live)
{
	if (live->raw) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &live->saved);
		fputs(NORMAL_SCREEN, stdout);
		fflush(stdout);
	}
	if (live->signals >= 0)
		close(live->signals);
}

/* Keys come one by one and aren't shown; signals come by a descriptor, so that the terminal is always given back. */
static int live_begin(struct live *live)
{
	struct termios raw;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	live->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (live->signals < 0 || tcgetattr(STDIN_FILENO, &live->saved) < 0)
		return -errno;
	raw = live->saved;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return -errno;
	live->raw = true;
	fputs(ALTERNATE_SCREEN, stdout);
	return 0;
}

/* Waits; true: it is to end, by a signal or the key q. */
static bool live_wait(const struct live *live, uint64_t until_ms)
{
	for (uint64_t now; (now = monotonic_ms()) < until_ms;) {
		struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = live->signals, .events = POLLIN}};
		int r = poll(fds, 2, (int)(until_ms - now));
		char key = 0;

		if (r < 0 && errno != EINTR)
			return true;
		if (r <= 0)
			continue;
		if (fds[1].revents)
			return true;
		if (fds[0].revents && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' || key == 3))
			return true;
	}
	return false;
}

static int show_live(struct cli *cli, size_t n, uint64_t interval_ms)
{
	__attribute__((__cleanup__(live_end))) struct live live = {.signals = -1};
	_cleanup_json_ json_t *before = NULL, *now = NULL;
	int status = api_get(cli, "/v1/traffic", &before);

	if (status != CLI_OK)
		return status;
	if (live_begin(&live) < 0)
		return api_refuse("InternalError", "the terminal can't be used: %s", strerror(errno));
	fputs(CLEAR "measuring ... (q: quit)\n", stdout);
	fflush(stdout);
	while (!live_wait(&live, monotonic_ms() + interval_ms)) {
		struct winsize size = {.ws_row = 24, .ws_col = 80};
		size_t rows;

		status = api_get(cli, "/v1/traffic", &now);
		if (status != CLI_OK)
			return status;
		(void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
		rows = rows_on_screen(now, size.ws_row);
		printf(CLEAR "vpcd  %s  every %.1f s  (q: quit)\n", json_member_text(now, "time") ?: "",
		       (double)interval_ms / 1000);
		status = print_all(cli, before, now, rows < n ? rows : n, size.ws_col);
		if (status != CLI_OK || fflush(stdout) != 0)
			return status;
		json_decref(before);
		before = TAKE_PTR(now);
	}
	return CLI_OK;
}

/* --- the command ------------------------------------------------------------------------------------- */

/* Seconds, also with a fraction, as milliseconds. 0: it is none, or out of range. */
static uint64_t read_interval(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	return *end || end == text || !(seconds >= 0.1 && seconds <= 3600) ? 0 : (uint64_t)(seconds * 1000);
}

static int print_ids(const json_t *enis, size_t n)
{
	json_t *eni;
	size_t i;

	json_array_foreach (enis, i, eni)
		if (i < n)
			puts(json_member_text(eni, "id") ?: "");
	return CLI_OK;
}

static int run(struct cli *cli, const struct args *args)
{
	const char *count = args_get(args, "-n"), *interval = args_get(args, "--interval");
	uint64_t n = 10, interval_ms = 2000;
	_cleanup_json_ json_t *before = NULL, *now = NULL;
	int status;

	if (count && (number_parse(count, 1000, &n) < 0 || n == 0))
		return args_wrong(args, "-n must be 1 to 1000");
	if (interval)
		interval_ms = read_interval(interval);
	if (!interval_ms)
		return args_wrong(args, "--interval must be 0.1 to 3600 seconds");
	if (cli->output == OUTPUT_TABLE && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO))
		return show_live(cli, count ? n : SIZE_MAX, interval_ms);
	if (interval) {
		status = api_get(cli, "/v1/traffic", &before);
		if (status != CLI_OK)
			return status;
		sleep_ms((uint32_t)interval_ms);
	}
	status = api_get(cli, "/v1/traffic", &now);
	if (status != CLI_OK)
		return status;
	if (cli->output == OUTPUT_ID)
		return print_ids(json_object_get(now, "enis"), n);
	if (cli->output != OUTPUT_TABLE)
		return output_document(cli, now);
	return print_all(cli, before, now, n, 0);
}

static const struct param params[] = {
	{"-n", VALUE_NUMBER, 0, "N", "rows of each table (default: 10; on a terminal what fits)"},
	{"--interval", VALUE_TEXT, 0, "SECONDS", "time between two readings (default: 2)"},
	PARAMS_END,
};

const struct command top_command = {
	.noun = "top",
	.summary = "show the VPCs, network interfaces, gateways and rules with the most traffic, live",
	.params = params,
	.notes = "On a terminal the screen is drawn anew until q is pressed. Elsewhere one table is printed: of the "
		 "totals,\n"
		 "or with --interval of the rates in that time. A VPC's traffic is that of its network interfaces. A\n"
		 "gateway's is what it let through, into the VPC and out of it; a peering's is that of the VPC that "
		 "asked for\n"
		 "it. A rule's is what it allowed when packets were judged: the first packets of flows.",
	.example = "vpcctl top\nvpcctl top -n 5 --interval 1 | cat",
	.run = run,
};
