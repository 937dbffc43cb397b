/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow logs: formats, what of the counted packets was let through, records, lines, files. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/flow_log_format.h>

#include "observe/flow_log_file.h"
#include "observe/flow_log_line.h"
#include "observe/flow_log_table.h"
#include "observe/flow_log_verdicts.h"

/* --- formats --- */

Test(flow_log_format, the_default_is_version_2_in_its_order)
{
	struct flow_log_format f;

	cr_assert_eq(flow_log_format_parse("default", &f), 0);
	cr_expect_eq(f.n, 14);
	cr_expect_eq(f.version, 2);
	cr_expect_eq(f.column[0], FLOW_LOG_VERSION);
	cr_expect_eq(f.column[3], FLOW_LOG_SRCADDR);
	cr_expect_eq(f.column[13], FLOW_LOG_LOG_STATUS);
}

Test(flow_log_format, fields_in_any_order_and_the_newest_says_the_version)
{
	struct flow_log_format f;

	cr_assert_eq(flow_log_format_parse("${dstport}  ${flow-direction} ${dstport} ${rule-id}", &f), 0);
	cr_expect_eq(f.n, 4);
	cr_expect_eq(f.version, 5);
	cr_expect_eq(f.column[0], FLOW_LOG_DSTPORT);
	cr_expect_eq(f.column[2], FLOW_LOG_DSTPORT);
	cr_assert_eq(flow_log_format_parse("json", &f), 0);
	cr_expect_eq(f.n, FLOW_LOG_FIELDS - 7, "what is never known is no member");
	cr_expect(f.json);
	cr_expect(flow_log_format_has(&f, FLOW_LOG_TRAFFIC_PATH));
	cr_expect_not(flow_log_format_has(&f, FLOW_LOG_REGION));
}

/* As the documentation of AWS lists them, up to version 5. */
#define AWS_FIELDS                                                                                                     \
	"${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} " \
	"${bytes} ${start} ${end} ${action} ${log-status} ${vpc-id} ${subnet-id} ${instance-id} ${tcp-flags} ${type} " \
	"${pkt-srcaddr} ${pkt-dstaddr} ${region} ${az-id} ${sublocation-type} ${sublocation-id} "                      \
	"${pkt-src-aws-service} ${pkt-dst-aws-service} ${flow-direction} ${traffic-path}"

Test(flow_log_format, every_field_of_versions_2_to_5_is_taken)
{
	struct flow_log_format f;

	cr_assert_eq(flow_log_format_parse(AWS_FIELDS, &f), 0);
	cr_expect_eq(f.n, 29);
	cr_expect_eq(f.n, FLOW_LOG_FIELDS - 2, "rule-id and drop-reason are ours");
	cr_expect_eq(f.version, 5);
	cr_assert_eq(flow_log_format_parse("${traffic-path}", &f), 0);
	cr_expect(flow_log_format_has(&f, FLOW_LOG_TRAFFIC_PATH));
	cr_assert_eq(flow_log_format_parse("default", &f), 0);
	cr_expect_not(flow_log_format_has(&f, FLOW_LOG_TRAFFIC_PATH), "nobody looks it up");
}

Test(flow_log_format, what_is_wrong_is_pointed_at)
{
	struct flow_log_format f;
	char many[FLOW_LOG_FORMAT_MAX + 1] = "";

	cr_expect_eq(flow_log_format_parse("", &f), 1);
	cr_expect_eq(flow_log_format_parse("srcaddr", &f), 1);
	cr_expect_eq(flow_log_format_parse("${srcaddr} ${nonsense}", &f), 12);
	cr_expect_eq(flow_log_format_parse("${srcaddr", &f), 1);
	cr_expect_eq(flow_log_format_parse("${}", &f), 1);
	cr_expect_eq(flow_log_format_parse("${srcaddr}${dstaddr}", &f), 1);
	for (unsigned i = 0; i <= FLOW_LOG_COLUMNS_MAX; i++)
		strcat(many, "${end} ");
	cr_expect_eq(flow_log_format_parse(many, &f), 7 * FLOW_LOG_COLUMNS_MAX + 1);
}

/* --- verdicts --- */

static struct flow_log_verdicts *v;

static void set_up(void)
{
	cr_assert_eq(flow_log_verdicts_new(8, &v), 0);
}

static void tear_down(void)
{
	v = flow_log_verdicts_free(v);
}

TestSuite(flow_log_verdicts, .init = set_up, .fini = tear_down);

static void address(__be32 to[4], uint32_t host)
{
	to[2] = htonl(0xffff);
	to[3] = htonl(host);
}

static struct flow_log_tuple tuple(uint32_t from, uint16_t sport, uint32_t to, uint16_t dport)
{
	struct flow_log_tuple t = {.vpc = 1, .sport = htons(sport), .dport = htons(dport), .proto = IPPROTO_TCP};

	address(t.src, from);
	address(t.dst, to);
	return t;
}

static void event(uint8_t type, const struct flow_log_tuple *t, uint8_t direction)
{
	struct vpc_event e = {.type = type,
			      .direction = direction,
			      .proto = t->proto,
			      .sport = t->sport,
			      .dport = t->dport,
			      .rule = {11, 22},
			      .length = 100};

	memcpy(e.src, t->src, sizeof(e.src));
	memcpy(e.dst, t->dst, sizeof(e.dst));
	flow_log_verdicts_event(v, 1, &e);
}

static struct flow_log_split split(const struct flow_log_tuple *t, uint64_t packets, const struct flow_log_rules *flow,
				   bool lost)
{
	struct flow_log_amount counted = {packets, packets * 100};

	return flow_log_verdicts_split(v, t, &counted, flow, lost);
}

Test(flow_log_verdicts, a_flow_has_its_rules_in_both_directions)
{
	struct flow_log_tuple forth = tuple(5, 4000, 6, 443), back = tuple(6, 443, 5, 4000);
	struct flow_log_split s;

	event(VPC_EVENT_OPEN, &forth, VPC_EGRESS);
	s = split(&forth, 3, NULL, true);
	cr_expect_eq(s.sent.packets, 3);
	cr_expect_eq(s.received.bytes, 300);
	cr_expect_eq(s.rules.src, 11);
	cr_expect_eq(s.rules.dst, 22);
	s = split(&back, 2, NULL, true);
	cr_expect_eq(s.sent.packets, 2);
	cr_expect_eq(s.rules.src, 22);
	cr_expect_eq(s.rules.dst, 11);
	cr_expect_eq(s.unknown, 0);
}

Test(flow_log_verdicts, drops_are_taken_from_the_side_that_dropped)
{
	struct flow_log_tuple t = tuple(5, 4000, 6, 443);
	struct flow_log_split s;

	event(VPC_EVENT_DROP, &t, VPC_INGRESS);
	event(VPC_EVENT_DROP, &t, VPC_INGRESS);
	s = split(&t, 2, NULL, false);
	cr_expect_eq(s.sent.packets, 2, "the sender was allowed to send");
	cr_expect_eq(s.received.packets, 0);
	cr_expect_eq(s.received.bytes, 0);
	flow_log_verdicts_next(v);
	event(VPC_EVENT_DROP, &t, VPC_EGRESS);
	s = split(&t, 3, NULL, false);
	cr_expect_eq(s.sent.packets, 2);
	cr_expect_eq(s.received.packets, 2);
}

/* A packet that came after a reading had begun is told before that reading is split, and counted by the next one. */
Test(flow_log_verdicts, a_drop_that_is_told_before_it_is_counted_stays_a_drop)
{
	struct flow_log_tuple t = tuple(5, 4000, 6, 443);
	struct flow_log_split s;

	event(VPC_EVENT_DROP, &t, VPC_INGRESS);
	flow_log_verdicts_next(v);
	s = split(&t, 1, NULL, false);
	cr_expect_eq(s.sent.packets, 1);
	cr_expect_eq(s.received.packets, 0);
	flow_log_verdicts_next(v);
	cr_expect_eq(split(&t, 4, NULL, false).received.packets, 4, "and is no drop twice");
	flow_log_verdicts_next(v);
	/* of three drops one is counted now, and two by the next reading */
	for (unsigned i = 0; i < 3; i++)
		event(VPC_EVENT_DROP, &t, VPC_INGRESS);
	cr_expect_eq(split(&t, 1, NULL, false).received.packets, 0);
	cr_expect_eq(split(&t, 1, NULL, false).received.packets, 0, "another device has counted the same packet");
	flow_log_verdicts_next(v);
	cr_expect_eq(split(&t, 3, NULL, false).received.packets, 1);
	flow_log_verdicts_next(v);
	event(VPC_EVENT_DROP, &t, VPC_EGRESS);
	flow_log_verdicts_next(v);
	flow_log_verdicts_next(v);
	cr_expect_eq(split(&t, 2, NULL, false).sent.packets, 2, "what no reading has counted is forgotten");
}

Test(flow_log_verdicts, where_events_were_lost_only_known_flows_count_as_accepted)
{
	struct flow_log_tuple t = tuple(5, 4000, 6, 443);
	struct flow_log_rules rules = {1, 2};
	struct flow_log_split s = split(&t, 7, NULL, true);

	cr_expect_eq(s.unknown, 7);
	cr_expect_eq(s.sent.packets + s.received.packets, 0);
	s = split(&t, 7, &rules, true);
	cr_expect_eq(s.unknown, 0);
	cr_expect_eq(s.received.packets, 7);
	cr_expect_eq(s.rules.dst, 2);
}

Test(flow_log_verdicts, flows_without_packets_are_forgotten_and_the_number_is_bounded)
{
	struct flow_log_tuple t = tuple(5, 4000, 6, 443);
	struct flow_log_tuple other;

	event(VPC_EVENT_OPEN, &t, VPC_EGRESS);
	for (unsigned i = 0; i < 8; i++)
		flow_log_verdicts_next(v);
	cr_expect_eq(split(&t, 1, NULL, true).unknown, 1);
	for (uint16_t i = 0; i < 20; i++) {
		other = tuple(5, (uint16_t)(5000 + i), 6, 443);
		event(VPC_EVENT_OPEN, &other, VPC_EGRESS);
	}
	cr_expect_eq(split(&other, 1, NULL, true).unknown, 1, "there was no room for it");
}

/* --- records and lines --- */

static struct flow_log_key key(bool accepted)
{
	struct flow_log_key k = {.tuple = tuple(0x0a000005, 4000, 0x0a000006, 443), .eni = 9, .accepted = accepted};

	k.reason = accepted ? 0 : VPC_DROP_NO_INGRESS_RULE;
	k.ingress = 1;
	return k;
}

static void print(const char *format, const struct flow_log_names *names, const struct flow_log_record *record,
		  char *ret, size_t size)
{
	struct flow_log_format f;
	FILE *file = fmemopen(ret, size, "w");

	cr_assert_eq(flow_log_format_parse(format, &f), 0);
	flow_log_line(file, &f, names, record);
	fclose(file);
}

Test(flow_log_lines, records_add_up_and_are_lines_of_the_format)
{
	struct flow_log_table t = {.max = 2};
	struct flow_log_key accepted = key(true), rejected = key(false);
	struct flow_log_amount one = {1, 60}, two = {2, 3000};
	struct flow_log_names names = {
		.interface_id = "eni-0123456789abcdef0", .status = "OK", .start_s = 100, .end_s = 160};
	char line[512];

	flow_log_table_add(&t, &accepted, &one, 50, 50, 2);
	flow_log_table_add(&t, &accepted, &two, 40, 70, 16);
	cr_assert_eq(HASH_COUNT(t.records), 1);
	cr_expect_eq(t.records->first_ns, 40);
	cr_expect_eq(t.records->last_ns, 70);
	print("default", &names, t.records, line, sizeof(line));
	cr_expect_str_eq(line,
			 "2 unknown eni-0123456789abcdef0 10.0.0.5 10.0.0.6 4000 443 6 3 3060 100 160 ACCEPT OK\n");
	print("${tcp-flags} ${type} ${flow-direction} ${version} ${rule-id} ${drop-reason}", &names, t.records, line,
	      sizeof(line));
	cr_expect_str_eq(line, "18 IPv4 ingress 5 - -\n");
	flow_log_table_clear(&t);
	flow_log_table_add(&t, &rejected, &one, 50, 50, 0);
	names.rule_id = "sgr-1";
	print("${action} ${drop-reason} ${rule-id}", &names, t.records, line, sizeof(line));
	cr_expect_str_eq(line, "REJECT no_ingress_rule sgr-1\n");
	print("json", &names, t.records, line, sizeof(line));
	cr_expect(strstr(line, "\"srcport\":4000,\"dstport\":443,\"protocol\":6,\"packets\":1,") != NULL, "%s", line);
	cr_expect(strstr(line, "\"vpc-id\":null") != NULL, "%s", line);
	flow_log_table_clear(&t);
}

Test(flow_log_lines, what_is_not_known_is_a_dash)
{
	struct flow_log_table t = {.max = 1};
	struct flow_log_key k = key(true);
	struct flow_log_amount one = {1, 60};
	struct flow_log_names names = {.interface_id = "eni-1",
				       .vpc_id = "vpc-1",
				       .subnet_id = "subnet-1",
				       .traffic_path = 8,
				       .status = "OK",
				       .start_s = 100,
				       .end_s = 160};
	char line[1024];

	k.ingress = 0;
	flow_log_table_add(&t, &k, &one, 50, 50, 2);
	print(AWS_FIELDS, &names, t.records, line, sizeof(line));
	cr_expect_str_eq(line,
			 "5 unknown eni-1 10.0.0.5 10.0.0.6 4000 443 6 1 60 100 160 ACCEPT OK vpc-1 subnet-1 - 2 IPv4 "
			 "10.0.0.5 10.0.0.6 - - - - - - egress 8\n");
	names.traffic_path = 0;
	print("${traffic-path} ${region} ${flow-direction}", &names, t.records, line, sizeof(line));
	cr_expect_str_eq(line, "- - egress\n");
	print("json", &names, t.records, line, sizeof(line));
	cr_expect(strstr(line, "\"traffic-path\":null") && !strstr(line, "region"), "%s", line);
	flow_log_table_clear(&t);
}

Test(flow_log_lines, without_records_there_is_a_status)
{
	struct flow_log_names names = {
		.interface_id = "eni-0123456789abcdef0", .status = "NODATA", .start_s = 100, .end_s = 160};
	char line[512];

	print("default", &names, NULL, line, sizeof(line));
	cr_expect_str_eq(line, "2 unknown eni-0123456789abcdef0 - - - - - - - 100 160 - NODATA\n");
	names.status = "SKIPDATA";
	names.skipped = 7;
	print("json", &names, NULL, line, sizeof(line));
	cr_expect(strstr(line, "\"log-status\":\"SKIPDATA\"") && strstr(line, ",\"skipped\":7}\n"), "%s", line);
}

Test(flow_log_lines, what_finds_no_room_is_skipped_and_counted)
{
	struct flow_log_table t = {.max = 1};
	struct flow_log_key first = key(true), second = key(false);
	struct flow_log_amount one = {1, 60};

	flow_log_table_add(&t, &first, &one, 1, 1, 0);
	flow_log_table_add(&t, &second, &one, 1, 1, 0);
	flow_log_table_add(&t, &second, &one, 1, 1, 0);
	cr_assert_not_null(flow_log_table_eni(&t, 9));
	cr_expect_eq(flow_log_table_eni(&t, 9)->skipped, 2);
	cr_expect(flow_log_table_eni(&t, 9)->has_records);
	cr_expect_null(flow_log_table_eni(&t, 8));
	flow_log_table_clear(&t);
	cr_expect_null(flow_log_table_eni(&t, 9));
}

/* --- files --- */

static size_t size_of(const char *folder, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" FLOW_LOG_FOLDER "/%s", folder, name);
	return lstat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

Test(flow_log_files, they_rotate_and_never_follow_a_link)
{
	char folder[] = "/tmp/vpcd-flow-logs-XXXXXX", path[256], *lines;
	size_t bytes = FLOW_LOG_FILE_BYTES / 2 + 1;

	cr_assert_not_null(mkdtemp(folder));
	lines = malloc(bytes);
	cr_assert_not_null(lines);
	memset(lines, 'x', bytes);
	for (unsigned i = 0; i < FLOW_LOG_FILES_OLD + 2; i++)
		cr_assert_eq(flow_log_file_append(folder, "fl-1", lines, bytes), 0);
	cr_expect_eq(size_of(folder, "fl-1.log"), bytes);
	cr_expect_eq(size_of(folder, "fl-1.log.3"), bytes);
	cr_expect_eq(size_of(folder, "fl-1.log.4"), 0);
	cr_assert_eq(flow_log_file_append(folder, "fl-1", lines, 10), 0);
	cr_expect_eq(size_of(folder, "fl-1.log"), bytes + 10);
	free(lines);
	flow_log_file_remove(folder, "fl-1");
	cr_expect_eq(size_of(folder, "fl-1.log") + size_of(folder, "fl-1.log.1"), 0);
	snprintf(path, sizeof(path), "%s/" FLOW_LOG_FOLDER "/fl-2.log", folder);
	cr_assert_eq(symlink("/tmp/elsewhere", path), 0);
	cr_expect_eq(flow_log_file_append(folder, "fl-2", "x\n", 2), -ELOOP);
	unlink(path);
	snprintf(path, sizeof(path), "%s/" FLOW_LOG_FOLDER, folder);
	rmdir(path);
	rmdir(folder);
}
