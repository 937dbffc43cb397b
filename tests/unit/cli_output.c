/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpcctl prints: tables, JSON, YAML, ids. */
#include "cli_http_util.h"

#include <sys/stat.h>

#include <vpc/cleanup.h>

static struct fake_daemon *d;

static void setup(void)
{
	d = fake_start();
}

static void teardown(void)
{
	fake_stop(d);
}

TestSuite(cli_output, .init = setup, .fini = teardown, .timeout = 60);

static const char vpcs[] =
	"{\"vpcs\":[{\"id\":\"vpc-1\",\"name\":\"prod\",\"cidr\":\"10.0.0.0/16\",\"cidr6\":null,\"mtu\":1500,"
	"\"netns\":\"vpc-1\",\"tags\":{},\"revision\":1},{\"id\":\"vpc-22\",\"name\":\"zoë "
	"漢\",\"cidr\":\"10.1.0.0/16\","
	"\"cidr6\":\"fd00::/56\",\"mtu\":9000,\"netns\":\"vpc-22\",\"tags\":{},\"revision\":2}]}";

static void expect_out(const char *line, const char *want)
{
	struct cli_result r = cli_run(d, line);

	cr_assert_eq(r.status, 0, "%s: %d %s", line, r.status, r.err);
	cr_assert_str_eq(r.out, want, "%s:\n%s\nbut expected:\n%s", line, r.out, want);
}

Test(cli_output, tables_are_aligned_by_width_on_the_screen)
{
	fake_reply(d, "GET", "/v1/vpcs", 200, vpcs);
	expect_out("vpc list", "ID      NAME    CIDR         CIDR6       MTU  NETNS\n"
			       "vpc-1   prod    10.0.0.0/16  -          1500  vpc-1\n"
			       "vpc-22  zoë 漢  10.1.0.0/16  fd00::/56  9000  vpc-22\n");
}

Test(cli_output, an_empty_table_is_its_titles)
{
	fake_reply(d, "GET", "/v1/vpcs", 200, "{\"vpcs\":[]}");
	expect_out("vpc list", "ID  NAME  CIDR  CIDR6  MTU  NETNS\n");
	expect_out("vpc list -o id", "");
	expect_out("vpc list -o json", "[]\n");
}

Test(cli_output, titles_are_bold_on_a_terminal_and_its_width_cuts_nothing)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/vpcs", 200, vpcs);
	cr_assert_null(strchr(cli_run(d, "vpc list").out, 27));
	r = cli_run(d, "--version >/dev/null; script -qec \"stty cols 20; env -u NO_COLOR $VPCCTL vpc list\" /dev/null "
		       "</dev/null");
	cr_assert(strstr(r.out, "\033[1mID    \033[0m  \033[1mNAME  \033[0m"), "%s", r.out);
	cr_assert(strstr(r.out, "vpc-22  zoë 漢  10.1.0.0/16  fd00::/56  9000  vpc-22\r\n"), "%s", r.out);
}

Test(cli_output, ids_alone)
{
	fake_reply(d, "GET", "/v1/vpcs", 200, vpcs);
	fake_reply(d, "POST", "/v1/vpcs", 200, "{\"id\":\"vpc-3\",\"name\":\"x\"}");
	fake_reply(d, "DELETE", "/v1/vpcs/x", 200, "{\"id\":\"vpc-3\"}");
	expect_out("vpc list -o id", "vpc-1\nvpc-22\n");
	expect_out("vpc create x --cidr 10.0.0.0/16 -o id", "vpc-3\n");
	expect_out("vpc delete x -o id", "vpc-3\n");
	expect_out("vpc delete x", "deleted VPC x (vpc-3)\n");
}

Test(cli_output, json_is_the_apis_own)
{
	struct cli_result r;
	json_t *got, *want;

	fake_reply(d, "GET", "/v1/vpcs", 200, vpcs);
	r = cli_run(d, "vpc list -o json");
	got = json_loads(r.out, 0, NULL);
	want = json_loads(vpcs, 0, NULL);
	cr_assert(json_equal(got, json_object_get(want, "vpcs")), "%s", r.out);
	json_decref(got);
	json_decref(want);
}

Test(cli_output, yaml_quotes_what_would_not_stay_a_string)
{
	fake_reply(
		d, "GET", "/v1/vpcs/prod", 200,
		"{\"id\":\"vpc-1\",\"name\":\"no\",\"cidr\":\"10.0.0.0/16\",\"mac\":\"12:34:56\",\"mtu\":1500,"
		"\"cidr6\":null,\"ok\":true,\"tags\":{\"123\":\"a: b\",\"k\":\"\"},\"rules\":[{\"a\":1},{\"a\":2.5}],"
		"\"none\":[],\"text\":\"two\\nlines é\"}");
	expect_out("vpc show prod -o yaml", "---\n"
					    "id: vpc-1\n"
					    "name: \"no\"\n"
					    "cidr: \"10.0.0.0/16\"\n"
					    "mac: \"12:34:56\"\n"
					    "mtu: 1500\n"
					    "cidr6: null\n"
					    "ok: true\n"
					    "tags:\n"
					    "  \"123\": 'a: b'\n"
					    "  k: \"\"\n"
					    "rules:\n"
					    "- a: 1\n"
					    "- a: 2.5\n"
					    "none: []\n"
					    "text: \"two\\nlines é\"\n");
}

Test(cli_output, a_change_says_when_it_was_in_force_and_what_it_cut)
{
	fake_reply(d, "DELETE", "/v1/security-groups/web/rules", 200,
		   "{\"id\":\"sg-1\",\"rules\":[{\"id\":\"sgr-1\",\"direction\":\"ingress\",\"protocol\":\"tcp\","
		   "\"from_port\":443,\"to_port\":443,\"cidr\":\"10.0.0.0/8\",\"packets\":7,\"last_used\":null,"
		   "\"description\":\"x\"}],\"epoch\":5,\"revision\":9,\"enforced_ns\":312000,\"pending\":[\"sweep\"],"
		   "\"warnings\":[\"vpc-1: overlaps\"],"
		   "\"cut_flows\":[{\"protocol\":\"tcp\",\"src\":\"10.0.0.1\",\"src_port\":4711,\"dst\":\"10.0.1.4\","
		   "\"dst_port\":443,\"src_eni\":\"web1\",\"state\":\"established\",\"age_s\":300}],"
		   "\"cut_flows_total\":101}");
	expect_out("sg revoke web --rule sgr-1",
		   "revoked 1 rule\n"
		   "RULE   DIRECTION  PROTOCOL  PORTS  PEER        PACKETS  LAST USED  DESCRIPTION\n"
		   "sgr-1  ingress    tcp       443    10.0.0.0/8        7  -          x\n"
		   "in force after 0.312 ms\n"
		   "101 flows were cut:\n"
		   "  tcp  10.0.0.1:4711 (web1)  -> 10.0.1.4:443  established  5 min\n"
		   "  and 100 more\n"
		   "still to be done: sweep\n"
		   "warning: vpc-1: overlaps\n");
	expect_out("sg revoke web --rule sgr-1 -o id", "sgr-1\n");
	fake_reply(d, "DELETE", "/v1/security-groups/web/rules", 200,
		   "{\"id\":\"sg-1\",\"rules\":[{\"id\":\"sgr-1\"},{\"id\":\"sgr-2\"}],\"enforced_ns\":1000}");
	expect_out("sg revoke web --rule sgr-1 sgr-2", "revoked 2 rules\nsgr-1\nsgr-2\nin force after 0.001 ms\n");
}

static const char explained[] =
	"\"from\":{\"eni\":\"a\",\"address\":\"10.0.0.4\"},\"to\":{\"eni\":\"b\",\"address\":\"10.1.0.4\"},"
	"\"steps\":[{\"packet\":\"request\",\"step\":\"source\",\"direction\":\"egress\",\"verdict\":"
	"\"allow\",\"text\":\"a may send\"}],";

static void expect_explained(const char *verdict, const char *line, int status, const char *want)
{
	_cleanup_free_ char *reply = NULL;
	struct cli_result r;

	cr_assert_gt(asprintf(&reply, "{%s%s}", explained, verdict), 0);
	fake_reply(d, "POST", "/v1/explain", 200, reply);
	r = cli_run(d, line);
	cr_assert_eq(r.status, status, "%s: %d %s", line, r.status, r.err);
	cr_assert_str_eq(r.out, want, "%s:\n%s\nbut expected:\n%s", line, r.out, want);
}

/* Only a packet that gets there is allowed. */
Test(cli_output, an_explanation_says_whether_it_gets_there)
{
	static const char elsewhere[] = "\"verdict\":\"elsewhere\",\"reason\":null,\"reason_text\":\"it goes out\","
					"\"protocol\":\"tcp 80\",\"commands\":[\"vpcctl route add x\"]";

	expect_explained(
		"\"verdict\":\"allow\",\"reason\":null,\"protocol\":\"tcp 80\",\"commands\":[]",
		"explain --from a --to b tcp 80", 0,
		"tcp 80 from a (10.0.0.4) to b (10.1.0.4): allowed\n\nok  request  source egress  a may send\n");
	expect_explained(elsewhere, "explain --from a --to b tcp 80", 1,
			 "tcp 80 from a (10.0.0.4) to b (10.1.0.4): it doesn't get there (it goes out)\n\n"
			 "ok  request  source egress  a may send\n\nto open it: vpcctl route add x\n");
	expect_explained(elsewhere, "explain --from a --to b tcp 80 -o id", 1, "elsewhere\n");
	expect_explained(
		"\"verdict\":\"partly\",\"reason\":\"no_ingress_rule\",\"reason_text\":\"none\","
		"\"protocol\":\"tcp all\",\"commands\":[],\"ports\":[{\"ports\":\"0-9\",\"verdict\":\"drop\","
		"\"reason\":\"no_ingress_rule\"},{\"ports\":\"10-65535\",\"verdict\":\"allow\",\"reason\":null}]",
		"explain --from a --to b tcp", 1,
		"tcp all from a (10.0.0.4) to b (10.1.0.4): some ports are allowed, others not\n\n"
		"ports 0-9: drop: no_ingress_rule\nports 10-65535: allow\n\n"
		"the first port that is refused, step by step:\nok  request  source egress  a may send\n\n"
		"ask about one of the ports to see what would open it\n");
}

Test(cli_output, an_explained_change_lists_the_flows_that_it_would_cut)
{
	fake_reply(
		d, "POST", "/v1/explain", 200,
		"{\"allowed\":[],\"allowed_total\":0,\"denied\":[],\"denied_total\":0,\"complete\":true,"
		"\"cut_flows_total\":2,\"cut_flows\":[{\"protocol\":\"tcp\",\"src\":\"10.0.0.4\",\"src_port\":4711,"
		"\"src_eni\":\"web1\",\"dst\":\"10.0.1.4\",\"dst_port\":443,\"state\":\"established\",\"age_s\":3}]}");
	expect_out("explain --change - <<<'[{}]'", "newly allowed: 0\nnewly denied: 0\n2 flows would be cut:\n"
						   "  tcp  10.0.0.4:4711 (web1)  -> 10.0.1.4:443  established  3 s\n"
						   "  and 1 more\n");
	fake_reply(d, "POST", "/v1/explain", 200, "{\"complete\":true,\"cut_flows_total\":0}");
	expect_out("explain --change - <<<'[{}]'",
		   "newly allowed: 0\nnewly denied: 0\nno established flow would be cut\n");
}

Test(cli_output, rules_name_their_peers)
{
	fake_reply(d, "GET", "/v1/vpcs", 200, vpcs);
	fake_reply(d, "GET", "/v1/security-groups", 200,
		   "{\"security_groups\":[{\"id\":\"sg-1\",\"name\":\"web\"},{\"id\":\"sg-2\",\"name\":\"lb\"}]}");
	fake_reply(d, "GET", "/v1/security-groups/web", 200,
		   "{\"id\":\"sg-1\",\"name\":\"web\",\"vpc_id\":\"vpc-1\",\"description\":\"\",\"tags\":{},"
		   "\"revision\":3,"
		   "\"rules\":[{\"id\":\"sgr-1\",\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":8000,"
		   "\"to_port\":8999,\"sg_id\":\"sg-2\"},{\"id\":\"sgr-2\",\"direction\":\"ingress\","
		   "\"protocol\":\"icmp\",\"from_port\":8,\"to_port\":-1,\"cidr\":\"0.0.0.0/0\"},{\"id\":\"sgr-3\","
		   "\"direction\":\"egress\",\"protocol\":\"all\",\"from_port\":null,\"to_port\":null,"
		   "\"cidr\":\"::/0\"}]}");
	expect_out("sg show web", "id           sg-1\n"
				  "name         web\n"
				  "vpc          prod\n"
				  "vpc id       vpc-1\n"
				  "description  -\n"
				  "tags         -\n"
				  "revision     3\n"
				  "\n"
				  "RULE   DIRECTION  PROTOCOL  PORTS      PEER       PACKETS  LAST USED  DESCRIPTION\n"
				  "sgr-1  ingress    tcp       8000-8999  lb (sg-2)        -  -          -\n"
				  "sgr-2  ingress    icmp      type 8     0.0.0.0/0        -  -          -\n"
				  "sgr-3  egress     all       all        ::/0             -  -          -\n");
}

Test(cli_output, an_interface_shows_its_traffic_and_drops)
{
	fake_reply(d, "GET", "/v1/enis/web1", 200,
		   "{\"id\":\"eni-1\",\"name\":\"web1\",\"number\":1001,\"security_groups\":[\"sg-9\"],\"attachment\":"
		   "{\"kind\":\"netns\",\"ifname\":\"eth0\",\"host_ifname\":\"p1\",\"netns\":\"web1\"},\"counters\":"
		   "{\"rx_packets\":5,\"rx_bytes\":420,\"tx_packets\":6,\"tx_bytes\":99999,\"drops\":"
		   "{\"no_ingress_rule\":3,\"fragment\":0}}}");
	expect_out("eni show web1", "id               eni-1\n"
				    "name             web1\n"
				    "number           1001\n"
				    "security groups  sg-9\n"
				    "attached         netns web1 eth0\n"
				    "\n"
				    "TRAFFIC   PACKETS  BYTES\n"
				    "received        5    420\n"
				    "sent            6  99999\n"
				    "\n"
				    "DROPPED BECAUSE  PACKETS\n"
				    "no_ingress_rule        3\n");
}

Test(cli_output, attach_prints_the_interface_with_the_replys_own)
{
	fake_reply(
		d, "POST", "/v1/transactions", 200,
		"{\"results\":[{\"id\":\"eni-1\"},{\"id\":\"eni-1\",\"name\":\"web1\",\"revision\":8}],\"revision\":9,"
		"\"epoch\":4,\"enforced_ns\":1500000}");
	expect_out("attach web1 --subnet app --netns web1", "id        eni-1\nname      web1\nrevision  8\n"
							    "in force after 1.500 ms\n");
	expect_out("attach web1 --subnet app --netns web1 -o json", "{\n  \"id\": \"eni-1\",\n  \"name\": \"web1\",\n"
								    "  \"revision\": 8,\n  \"epoch\": 4,\n"
								    "  \"enforced_ns\": 1500000\n}\n");
	expect_out("attach web1 --subnet app --netns web1 -o id", "eni-1\n");
}

Test(cli_output, text_from_others_cannot_steer_the_terminal)
{
	fake_reply(d, "GET", "/v1/vpcs", 200,
		   "{\"vpcs\":[{\"id\":\"vpc-1\",\"name\":\"\\u001b[2Jx\\n\\u009by\",\"mtu\":1500}]}");
	expect_out("vpc list", "ID     NAME      CIDR  CIDR6   MTU  NETNS\n"
			       "vpc-1  ?[2Jx??y  -     -      1500  -\n");
}

Test(cli_output, status_shows_counts_beside_limits)
{
	fake_reply(d, "GET", "/v1/status", 200,
		   "{\"instance\":\"default\",\"epoch\":3,\"revision\":4,\"engine\":\"ebpf\",\"fast_path\":false,"
		   "\"attach_mode\":\"tcx\",\"pending\":[],\"limits\":{\"vpcs\":1000,\"groups\":9,\"flows\":5},"
		   "\"counts\":{\"vpcs\":2,\"security_groups\":3},\"maps\":{\"eni\":{\"size\":8,\"used\":1},"
		   "\"ctl\":{\"size\":1}},"
		   "\"kernel\":{\"release\":\"6.18\"},\"health\":\"ok\",\"news\":[1,2]}");
	expect_out("status", "instance     default\n"
			     "health       ok\n"
			     "engine       ebpf\n"
			     "fast path    no\n"
			     "attach mode  tcx\n"
			     "kernel       release=6.18\n"
			     "revision     4\n"
			     "epoch        3\n"
			     "news: 1, 2\n"
			     "\n"
			     "WHAT             IN USE  LIMIT\n"
			     "vpcs                  2   1000\n"
			     "security_groups       3      9\n"
			     "flows                 -      5\n"
			     "\n"
			     "maps  size  used\n"
			     "eni      8     1\n"
			     "ctl      1     -\n");
}

/* What an ENI is attached to: the container by its tags, and the first process of the namespace. */
Test(cli_output, an_attachment_shows_container_and_process)
{
	_cleanup_free_ char *list = NULL;
	struct stat st;

	cr_assert_eq(stat("/proc/self/ns/net", &st), 0);
	cr_assert(
		asprintf(&list,
			 "{\"enis\":[{\"id\":\"eni-1\",\"tags\":{\"cni/container-id\":\"0123456789abcdef\",\"cni/pod\":"
			 "\"p\"},\"attachment\":{\"kind\":\"netns\",\"ifname\":\"eth0\",\"netns\":\"/proc/9/fd/3\","
			 "\"netns_inode\":%llu}},{\"id\":\"eni-2\",\"attachment\":{\"kind\":\"netns\",\"ifname\":"
			 "\"eth0\","
			 "\"netns\":\"/run/netns/a\",\"netns_inode\":1}}]}",
			 (unsigned long long)st.st_ino) > 0);
	fake_reply(d, "GET", "/v1/enis", 200, list);
	/* the lowest pid in this program's own namespace is not known, but that there is one is */
	cr_assert_str_eq(cli_run(d, "eni list | sed -n 's/.*  p, pid [1-9].*/p, pid/p'").out, "p, pid\n");
	cr_assert_str_eq(cli_run(d, "eni list | sed -n 's/.*  a$/a/p'").out, "a\n");
}

Test(cli_output, an_attachment_shows_the_domain_of_libvirt)
{
	const char *eni = "{\"id\":\"eni-1\",\"name\":\"libvirt:01234567-89ab:web1\",\"tags\":{\"libvirt/domain\":"
			  "\"01234567-89ab-cdef\",\"libvirt/domain-name\":\"shop\"},\"attachment\":{\"kind\":\"link\","
			  "\"ifname\":\"web1\",\"netns\":null,\"netns_inode\":null}}";
	_cleanup_free_ char *list = NULL;

	cr_assert(asprintf(&list, "{\"enis\":[%s]}", eni) > 0);
	fake_reply(d, "GET", "/v1/enis", 200, list);
	fake_reply(d, "GET", "/v1/enis/eni-1", 200, eni);
	cr_assert_str_eq(cli_run(d, "eni list | sed -n 's/.*  shop$/shop/p'").out, "shop\n");
	cr_assert_str_eq(cli_run(d, "eni show eni-1 | sed -n 's/^attached  *//p'").out,
			 "domain 01234567-89a (shop) web1\n");
}

Test(cli_output, an_attachment_shows_the_taps_owner_and_state)
{
	fake_reply(d, "GET", "/v1/enis", 200,
		   "{\"enis\":[{\"id\":\"eni-1\",\"attachment\":{\"kind\":\"tap\",\"owner\":\"alice\",\"open\":true,"
		   "\"host_ifname\":\"p1025\",\"netns_inode\":1}},{\"id\":\"eni-2\",\"attachment\":{\"kind\":\"tap\","
		   "\"owner\":null,\"open\":false,\"host_ifname\":\"p1026\",\"netns_inode\":1}}]}");
	cr_assert_str_eq(cli_run(d, "eni list | sed -n 's/.*  tap/tap/p'").out,
			 "tap of alice, open\ntap of root, closed\n");
}

Test(cli_output, monitor_prints_a_line_a_verdict)
{
	fake_stream(
		d, "/v1/verdicts?drops=0",
		"{\"time\":\"T1\",\"event\":\"drop\",\"reason\":\"no_ingress_rule\",\"direction\":\"ingress\","
		"\"protocol\":\"tcp\",\"eni\":\"web1\",\"eni_id\":\"eni-1\",\"src\":\"10.0.0.9\",\"src_port\":4711,"
		"\"dst\":\"10.0.1.4\",\"dst_port\":443}\n"
		"{\"time\":\"T2\",\"event\":\"open\",\"reason\":\"none\",\"direction\":\"egress\",\"protocol\":\"udp\","
		"\"eni\":\"web1\",\"peer_eni\":\"db\",\"src\":\"fd00::1\",\"src_port\":5,\"dst\":\"fd00::2\","
		"\"dst_port\":53,\"rule_ids\":[\"sgr-1\",\"sgr-2\"]}\n"
		"{\"event\":\"lost\",\"lost\":12}\n",
		1);
	cr_assert_str_eq(cli_run(d, "monitor").out,
			 "T1 drop    ingress tcp    10.0.0.9:4711 -> 10.0.1.4:443 (web1) no_ingress_rule\n"
			 "T2 open    egress  udp    [fd00::1]:5 (web1) -> [fd00::2]:53 (db) by sgr-1, sgr-2\n"
			 "12 verdicts were lost\n");
	cr_assert_eq(cli_run(d, "monitor").status, 3, "the daemon ended the stream");
}

Test(cli_output, monitor_flushes_each_line_and_ends_on_sigint)
{
	fake_stream(d, "/v1/verdicts?drops=1", "{\"event\":\"lost\",\"lost\":1}\n", 0);
	/* the line must be there while it still runs */
	expect_out("--version >/dev/null; t=$(mktemp); \"$VPCCTL\" monitor --drops -o json >\"$t\" & pid=$!; "
		   "for i in {1..50}; do [ -s \"$t\" ] && break; sleep 0.1; done; cat \"$t\"; rm \"$t\"; "
		   "kill -INT $pid; wait $pid",
		   "{\"event\":\"lost\",\"lost\":1}\n");
}

Test(cli_output, monitor_ends_quietly_when_its_reader_goes)
{
	struct cli_result r;

	fake_stream(d, "/v1/verdicts?drops=0", "{\"event\":\"lost\",\"lost\":1}\n{\"event\":\"lost\",\"lost\":2}\n", 0);
	r = cli_run(d, "monitor > >(exec <&-)");
	cr_assert_eq(r.status, 0, "%d %s", r.status, r.err);
	cr_assert_str_eq(r.err, "");
}

Test(cli_output, a_list_of_interfaces_fits_100_columns)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/security-groups", 200,
		   "{\"security_groups\":[{\"id\":\"sg-1\",\"name\":\"a-group-with-quite-a-long-name\"}]}");
	fake_reply(d, "GET", "/v1/enis", 200,
		   "{\"enis\":[{\"id\":\"eni-0123456789abcdef0\",\"name\":\"cni:"
		   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:eth0\",\"ip\":\"100.100.100.100\","
		   "\"ip6\":\"fd00:1111:2222:3333:4444:5555:6666:7777\",\"mac\":\"02:00:00:00:00:01\","
		   "\"security_groups\":[\"sg-1\",\"sg-1\"],\"tags\":{\"cni/container-id\":"
		   "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"cni/pod\":"
		   "\"a-container-with-a-name-that-somebody-liked\"},\"attachment\":{\"kind\":\"netns\",\"ifname\":"
		   "\"eth0\",\"netns\":\"/run/netns/netns-0123456789abcdef0123456789abcdef\",\"netns_inode\":1}}]}");
	r = cli_run(d, "eni list | awk '{ n = length($0); if (n > most) most = n } END { print (most > 100) }'");
	cr_assert_str_eq(r.out, "0\n", "%s", cli_run(d, "eni list").out);
	cr_assert(strstr(cli_run(d, "eni list").out, "cni:0123456789ab:eth0"));
	cr_assert(strstr(cli_run(d, "eni list").out, "eni-0123456789abcdef0"));
}

Test(cli_output, help_has_a_blank_after_every_command)
{
	struct cli_result r = cli_run(d, "--help | grep -c 'set-dhcp-options  *replace'");

	cr_assert_str_eq(r.out, "1\n");
}

Test(cli_output, monitor_folds_what_repeats)
{
#define DROP(dst, reason)                                                                                        \
	"{\"time\":\"t\",\"event\":\"drop\",\"direction\":\"egress\",\"protocol\":\"udp\",\"eni_id\":\"eni-1\"," \
	"\"src\":"                                                                                               \
	"\"10.0.0.4\",\"dst\":\"" dst "\",\"src_port\":5,\"dst_port\":6,\"reason\":\"" reason "\"}\n"
	struct cli_result r;

	fake_stream(d, "/v1/verdicts?drops=0",
		    DROP("224.0.0.22", "multicast") DROP("224.0.0.251", "multicast") DROP("224.0.0.2", "multicast")
			    DROP("10.0.0.9", "no_egress_rule") DROP("10.0.0.9", "no_egress_rule")
				    DROP("10.0.0.8", "no_egress_rule"),
		    1);
	r = cli_run(d, "monitor");
	cr_assert_null(strstr(r.out, "224.0.0.251"), "%s", r.out);
	cr_assert_null(strstr(r.out, "224.0.0.2:"), "%s", r.out);
	cr_assert_not_null(strstr(r.out, "10.0.0.8"), "%s", r.out);
	cr_assert_not_null(strstr(r.out, "2 more like: t drop"), "%s", r.out);
	cr_assert_not_null(strstr(r.out, "1 more like: t drop"), "%s", r.out);
}
