/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What VPCs received and sent, and metrics that Prometheus' own checker takes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#include "observe/metrics.h"
#include "observe/traffic.h"
#include "observe/traffic_json.h"

static struct vpc_eni_stat stat(uint64_t n)
{
	return (struct vpc_eni_stat){n, 100 * n, 2 * n, 200 * n};
}

static void expect_sum(const struct traffic *t, uint32_t vpc, uint64_t n)
{
	struct vpc_eni_stat sum = traffic_of_vpc(t, vpc), wanted = stat(n);

	cr_expect_arr_eq(&sum, &wanted, sizeof(sum), "rx %llu packets, not %llu", (unsigned long long)sum.rx_packets,
			 (unsigned long long)n);
}

static bool note(struct traffic *t, uint32_t vpc, uint32_t eni, uint32_t incarnation, uint64_t n)
{
	struct vpc_eni_stat now = stat(n);

	return traffic_note(t, vpc, eni, incarnation, &now);
}

Test(traffic, a_vpc_has_what_its_enis_gained)
{
	_cleanup_(traffic_freep) struct traffic *t = NULL;

	cr_assert_eq(traffic_new(8, 4, &t), 0);
	cr_expect(note(t, 1, 5, 1, 10));
	cr_expect(!note(t, 1, 5, 1, 10), "nothing new");
	cr_expect(note(t, 1, 6, 1, 3));
	cr_expect(note(t, 2, 7, 1, 4));
	cr_expect(note(t, 1, 5, 1, 12));
	expect_sum(t, 1, 15);
	expect_sum(t, 2, 4);
	expect_sum(t, 3, 0);
}

Test(traffic, it_never_goes_back_when_a_number_is_given_again_or_an_older_reading_comes_late)
{
	_cleanup_(traffic_freep) struct traffic *t = NULL;

	cr_assert_eq(traffic_new(8, 4, &t), 0);
	note(t, 1, 5, 1, 10);
	note(t, 1, 5, 1, 7);
	expect_sum(t, 1, 10);
	note(t, 1, 5, 1, 11);
	expect_sum(t, 1, 11);
	note(t, 1, 5, 2, 2);
	expect_sum(t, 1, 13);
	note(t, 2, 5, 3, 6);
	expect_sum(t, 1, 13);
	expect_sum(t, 2, 6);
}

Test(traffic, a_vpc_begins_with_what_it_is_given)
{
	_cleanup_(traffic_freep) struct traffic *t = NULL;
	struct vpc_eni_stat before = stat(100);

	cr_assert_eq(traffic_new(8, 4, &t), 0);
	traffic_set_vpc(t, 1, &before);
	note(t, 1, 5, 9, 5);
	expect_sum(t, 1, 105);
	traffic_set_vpc(t, 1, &(struct vpc_eni_stat){});
	expect_sum(t, 1, 0);
}

Test(traffic, numbers_beyond_the_limits_are_ignored)
{
	_cleanup_(traffic_freep) struct traffic *t = NULL;

	cr_assert_eq(traffic_new(8, 4, &t), 0);
	cr_expect(!note(t, 4, 5, 1, 10));
	cr_expect(!note(t, 1, 8, 1, 10));
	expect_sum(t, 9, 0);
}

Test(traffic, the_enis_with_the_most_bytes_come_first)
{
	struct eni_traffic enis[] = {
		{.eni = 3, .stat = stat(1)}, {.eni = 2, .stat = stat(5)}, {.eni = 1, .stat = stat(1)}};

	eni_traffic_sort(enis, ARRAY_SIZE(enis));
	cr_expect_eq(enis[0].eni, 2);
	cr_expect_eq(enis[1].eni, 1);
	cr_expect_eq(enis[2].eni, 3);
}

/* --- metrics --- */

static const char status_text[] =
	"{\"revision\": 7, \"epoch\": 8, \"pending\": [], \"health\": {\"conditions\": {\"store\": 0, \"edge\": 1}},"
	" \"audit\": {\"found\": 0}, \"counts\": {\"vpcs\": 1}, \"limits\": {\"vpcs\": 1000},"
	" \"flow_shares\": {\"vpc-1\": {\"established\": 3, \"room\": 9}}}";
static const char traffic_text[] =
	"{\"vpcs\": [{\"id\": \"vpc-1\", \"name\": \"a \\\"quoted\\\" \\\\ name\", \"rx_packets\": 1, \"rx_bytes\": 2,"
	"            \"tx_packets\": 3, \"tx_bytes\": 4}],"
	" \"enis\": [{\"id\": \"eni-1\", \"name\": \"caf\xc3\xa9\", \"vpc_id\": \"vpc-1\", \"vpc\": \"new\\nline\","
	"            \"rx_packets\": 1, \"rx_bytes\": 9007199254740993, \"tx_packets\": 3, \"tx_bytes\": 4, \"drops\": "
	"5},"
	"           {\"id\": \"eni-2\", \"name\": \"\", \"vpc_id\": \"vpc-1\", \"vpc\": \"v\", \"rx_packets\": 0, "
	"\"rx_bytes\": 0,"
	"            \"tx_packets\": 0, \"tx_bytes\": 0, \"drops\": 0}], \"enis_left_out\": 2,"
	" \"gateways\": [{\"id\": \"nat-1\", \"name\": \"out\\\"\", \"kind\": \"nat\", \"vpc_id\": \"vpc-1\", \"vpc\": "
	"\"v\","
	"                \"rx_packets\": 1, \"rx_bytes\": 2, \"tx_packets\": 3, \"tx_bytes\": 8}], "
	"\"gateways_left_out\": 1,"
	" \"rules\": [{\"id\": \"sgr-1\", \"security_group_id\": \"sg-1\", \"security_group\": \"web\", \"packets\": 6,"
	"             \"bytes\": 7}], \"rules_left_out\": 0}";

static char *metrics(bool with_traffic, size_t *ret_size)
{
	json_t *status = json_loads(status_text, 0, NULL), *traffic = json_loads(traffic_text, 0, NULL);
	char *text;

	cr_assert(status && traffic);
	text = metrics_text(status, with_traffic ? traffic : NULL, ret_size);
	json_decref(status);
	json_decref(traffic);
	cr_assert_not_null(text);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	cr_expect(strstr(text, line) != NULL, "no %s in %s", line, text);
}

Test(metrics, counters_have_their_labels_escaped)
{
	size_t size;
	_cleanup_free_ char *text = metrics(true, &size);

	cr_expect_eq(strlen(text), size);
	expect_line(text, "\nvpcd_revision 7\n");
	expect_line(text, "\nvpcd_vpc_receive_bytes_total{vpc=\"vpc-1\",name=\"a \\\"quoted\\\" \\\\ name\"} 2\n");
	expect_line(text, "\nvpcd_eni_receive_bytes_total{eni=\"eni-1\",name=\"caf\xc3\xa9\",vpc=\"vpc-1\","
			  "vpc_name=\"new\\nline\"} 9007199254740993\n");
	expect_line(text, "\nvpcd_eni_dropped_packets_total{eni=\"eni-1\"");
	expect_line(text, "\nvpcd_eni_left_out 2\n");
	expect_line(text, "\nvpcd_rule_allowed_packets_total{rule=\"sgr-1\",security_group=\"sg-1\","
			  "security_group_name=\"web\"} 6\n");
}

Test(metrics, without_traffic_the_status_is_still_told)
{
	size_t size;
	_cleanup_free_ char *text = metrics(false, &size);

	expect_line(text, "\nvpcd_revision 7\n");
	cr_expect(!strstr(text, "vpcd_eni_"));
}

Test(metrics, promtool_finds_nothing)
{
	char path[] = "/tmp/vpcd-metrics-XXXXXX", command[96];
	int fd = mkstemp(path), status;
	size_t size;
	_cleanup_free_ char *text = metrics(true, &size);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
	snprintf(command, sizeof(command), "promtool check metrics <%s 1>&2", path);
	status = system(command);
	unlink(path);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "promtool ended with %d (scripts/install-deps has it)",
		  WEXITSTATUS(status));
}
