/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each command of vpcctl asks of the API. */
#include <string.h>

#include <vpc/kinds.h>

#include "cli_http_util.h"

static struct fake_daemon *d;

static void setup(void)
{
	d = fake_start();
}

static void teardown(void)
{
	fake_stop(d);
}

TestSuite(cli_requests, .init = setup, .fini = teardown, .timeout = 60);

/* Each command line that is one request. {"vpc"…} of a reply are irrelevant here: it is a 404 for all. */
static const struct {
	const char *line;
	const char *request;
	const char *body; /* NULL: none */
} cases[] = {
	{"vpc create prod --cidr 10.0.0.0/16", "POST /v1/vpcs", "{\"name\":\"prod\",\"cidr\":\"10.0.0.0/16\"}"},
	{"vpc create prod --cidr=10.0.0.0/16 --cidr6 fd00::/56 --mtu 9000 --tag a=1 --tag b=x=y --dry-run",
	 "POST /v1/vpcs",
	 "{\"name\":\"prod\",\"cidr\":\"10.0.0.0/16\",\"cidr6\":\"fd00::/56\",\"mtu\":9000,"
	 "\"tags\":{\"a\":\"1\",\"b\":\"x=y\"},\"dry_run\":true}"},
	{"vpc list", "GET /v1/vpcs", NULL},
	{"vpc show prod", "GET /v1/vpcs/prod", NULL},
	{"vpc show 'a b/c?d%é..'", "GET /v1/vpcs/a%20b%2Fc%3Fd%25%C3%A9..", NULL},
	{"vpc show ..", "GET /v1/vpcs/%2E%2E", NULL},
	{"vpc set-dhcp-options prod --dns 10.0.0.53 --dns fd00::53 --domain a.example",
	 "PUT /v1/vpcs/prod/dhcp-options",
	 "{\"dns_servers\":[\"10.0.0.53\",\"fd00::53\"],\"domain_name\":\"a.example\"}"},
	{"vpc set-dhcp-options prod", "PUT /v1/vpcs/prod/dhcp-options", "{}"},
	{"eni assign-ip web1 10.0.1.20 10.0.1.21 --vpc prod", "POST /v1/enis/web1/secondary-ips?vpc=prod",
	 "{\"secondary_ips\":[\"10.0.1.20\",\"10.0.1.21\"]}"},
	{"eni unassign-ip web1 10.0.1.20 --flows keep", "DELETE /v1/enis/web1/secondary-ips",
	 "{\"secondary_ips\":[\"10.0.1.20\"],\"flows\":\"keep\"}"},
	{"eni set web1 --source-dest-check off", "PATCH /v1/enis/web1", "{\"source_dest_check\":false}"},
	{"eni set web1 --source-dest-check on --vpc prod", "PATCH /v1/enis/web1?vpc=prod",
	 "{\"source_dest_check\":true}"},
	{"vpc set prod --host-access 192.0.2.1/32 2001:db8::1/128 --host-access 192.0.2.2/32", "PATCH /v1/vpcs/prod",
	 "{\"host_access\":[\"192.0.2.1/32\",\"192.0.2.2/32\",\"2001:db8::1/128\"]}"},
	{"vpc set prod --host-access none --dry-run", "PATCH /v1/vpcs/prod", "{\"host_access\":[],\"dry_run\":true}"},
	{"vpc set prod --count-flows on", "PATCH /v1/vpcs/prod", "{\"count_flows\":true}"},
	{"vpc set prod --host-access none --count-flows off", "PATCH /v1/vpcs/prod",
	 "{\"count_flows\":false,\"host_access\":[]}"},
	{"vpc add-cidr prod 10.1.0.0/16", "POST /v1/vpcs/prod/cidrs", "{\"cidr\":\"10.1.0.0/16\"}"},
	{"vpc remove-cidr prod fd00::/56 --dry-run", "DELETE /v1/vpcs/prod/cidrs",
	 "{\"cidr\":\"fd00::/56\",\"dry_run\":true}"},
	{"vpc create prod --cidr 10.0.0.0/16 --internet", "POST /v1/vpcs",
	 "{\"name\":\"prod\",\"cidr\":\"10.0.0.0/16\",\"internet\":true}"},
	{"route-table create public --vpc prod", "POST /v1/route-tables", "{\"name\":\"public\",\"vpc_id\":\"prod\"}"},
	{"route-table create --vpc prod", "POST /v1/route-tables", "{\"vpc_id\":\"prod\"}"},
	{"route-table list --vpc prod", "GET /v1/route-tables?vpc=prod", NULL},
	{"route-table show main --vpc prod", "GET /v1/route-tables/main?vpc=prod", NULL},
	{"route-table delete public", "DELETE /v1/route-tables/public", NULL},
	{"route-table associate public a b", "POST /v1/route-tables/public/subnets", "{\"subnets\":[\"a\",\"b\"]}"},
	{"route-table disassociate public a --vpc prod", "DELETE /v1/route-tables/public/subnets?vpc=prod",
	 "{\"subnets\":[\"a\"]}"},
	{"route add main 0.0.0.0/0 internet --vpc prod --dry-run", "POST /v1/route-tables/main/routes?vpc=prod",
	 "{\"destination\":\"0.0.0.0/0\",\"target\":\"internet\",\"dry_run\":true}"},
	{"route replace main ::/0 blackhole", "PUT /v1/route-tables/main/routes",
	 "{\"destination\":\"::/0\",\"target\":\"blackhole\"}"},
	{"route add main --prefix-list offices out --vpc prod", "POST /v1/route-tables/main/routes?vpc=prod",
	 "{\"destination_prefix_list_id\":\"offices\",\"target\":\"out\"}"},
	{"route replace main out --prefix-list pl-1", "PUT /v1/route-tables/main/routes",
	 "{\"destination_prefix_list_id\":\"pl-1\",\"target\":\"out\"}"},
	{"route add main pl-1 out", "POST /v1/route-tables/main/routes",
	 "{\"destination\":\"pl-1\",\"target\":\"out\"}"},
	{"route delete main --prefix-list offices", "DELETE /v1/route-tables/main/routes",
	 "{\"destination_prefix_list_id\":\"offices\"}"},
	{"route delete rtb-1 10.0.0.0/8", "DELETE /v1/route-tables/rtb-1/routes", "{\"destination\":\"10.0.0.0/8\"}"},
	{"igw create", "POST /v1/internet-gateways", "{}"},
	{"igw create gate --vpc prod", "POST /v1/internet-gateways", "{\"name\":\"gate\",\"vpc_id\":\"prod\"}"},
	{"igw attach gate prod", "PUT /v1/internet-gateways/gate/attachment", "{\"vpc_id\":\"prod\"}"},
	{"igw detach gate", "DELETE /v1/internet-gateways/gate/attachment", NULL},
	{"igw detach gate prod", "DELETE /v1/internet-gateways/gate/attachment", "{\"vpc_id\":\"prod\"}"},
	{"igw delete gate", "DELETE /v1/internet-gateways/gate", NULL},
	{"igw list", "GET /v1/internet-gateways", NULL},
	{"eigw create out6 --vpc prod", "POST /v1/egress-only-internet-gateways",
	 "{\"name\":\"out6\",\"vpc_id\":\"prod\"}"},
	{"eigw delete out6", "DELETE /v1/egress-only-internet-gateways/out6", NULL},
	{"nat create out --subnet app --eip eipalloc-1", "POST /v1/nat-gateways",
	 "{\"name\":\"out\",\"subnet_id\":\"app\",\"elastic_ip_id\":\"eipalloc-1\"}"},
	{"nat create --vpc prod", "POST /v1/nat-gateways", "{\"vpc_id\":\"prod\"}"},
	{"nat create --vpc prod --subnet app", "POST /v1/nat-gateways?vpc=prod", "{\"subnet_id\":\"app\"}"},
	{"nat delete out", "DELETE /v1/nat-gateways/out", NULL},
	{"eip allocate", "POST /v1/elastic-ips", "{}"},
	{"eip allocate x --pool public --address 203.0.113.7", "POST /v1/elastic-ips",
	 "{\"name\":\"x\",\"pool\":\"public\",\"address\":\"203.0.113.7\"}"},
	{"eip associate x --eni web1 --ip 10.0.1.9 --vpc prod", "PUT /v1/elastic-ips/x/association",
	 "{\"eni_id\":\"web1\",\"private_ip\":\"10.0.1.9\",\"vpc\":\"prod\"}"},
	{"eip associate x --nat out", "PUT /v1/elastic-ips/x/association", "{\"nat_gateway_id\":\"out\"}"},
	{"eip associate x --nat out --no-allow-reassociation", "PUT /v1/elastic-ips/x/association",
	 "{\"nat_gateway_id\":\"out\",\"allow_reassociation\":false}"},
	{"eip associate x --nat out --allow-reassociation", "PUT /v1/elastic-ips/x/association",
	 "{\"nat_gateway_id\":\"out\",\"allow_reassociation\":true}"},
	{"eip disassociate x", "DELETE /v1/elastic-ips/x/association", NULL},
	{"eip release x", "DELETE /v1/elastic-ips/x", NULL},
	{"eip release x y", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"eip.release\",\"elastic_ip_id\":\"x\"},"
	 "{\"op\":\"eip.release\",\"elastic_ip_id\":\"y\"}]}"},
	{"publish create --eni web1 --port 80 --host-port 8080", "POST /v1/publications",
	 "{\"eni_id\":\"web1\",\"from_port\":80,\"host_from_port\":8080,\"protocol\":\"tcp\"}"},
	{"publish create dns --eni a --port 53/udp --host-port 5300 --host-address 192.0.2.1 --vpc prod",
	 "POST /v1/publications?vpc=prod",
	 "{\"name\":\"dns\",\"eni_id\":\"a\",\"host_address\":\"192.0.2.1\",\"from_port\":53,\"host_from_port\":5300,"
	 "\"protocol\":\"udp\"}"},
	{"publish create --eni a --port 8000-8010 --host-port 9000-9010/tcp", "POST /v1/publications",
	 "{\"eni_id\":\"a\",\"from_port\":8000,\"to_port\":8010,\"host_from_port\":9000,\"host_to_port\":9010,"
	 "\"protocol\":\"tcp\"}"},
	{"publish list", "GET /v1/publications", NULL},
	{"publish delete pub-1", "DELETE /v1/publications/pub-1", NULL},
	{"vpc delete prod", "DELETE /v1/vpcs/prod", NULL},
	{"vpc delete prod --dry-run", "DELETE /v1/vpcs/prod", "{\"dry_run\":true}"},
	{"subnet create app --vpc prod --cidr 10.0.1.0/24", "POST /v1/subnets",
	 "{\"name\":\"app\",\"vpc_id\":\"prod\",\"cidr\":\"10.0.1.0/24\"}"},
	{"subnet create app --cidr6 fd00::/64 --vpc prod --cidr 10.0.1.0/24", "POST /v1/subnets",
	 "{\"name\":\"app\",\"vpc_id\":\"prod\",\"cidr\":\"10.0.1.0/24\",\"cidr6\":\"fd00::/64\"}"},
	{"subnet list", "GET /v1/subnets", NULL},
	{"subnet list --vpc 'my vpc'", "GET /v1/subnets?vpc=my%20vpc", NULL},
	{"subnet show app --vpc prod", "GET /v1/subnets/app?vpc=prod", NULL},
	{"subnet delete app", "DELETE /v1/subnets/app", NULL},
	{"sg create web --vpc prod --description ''", "POST /v1/security-groups",
	 "{\"name\":\"web\",\"vpc_id\":\"prod\",\"description\":\"\"}"},
	{"sg list --vpc prod", "GET /v1/security-groups?vpc=prod", NULL},
	{"sg show web", "GET /v1/security-groups/web", NULL},
	{"sg delete web --vpc prod", "DELETE /v1/security-groups/web?vpc=prod", NULL},
	{"sg authorize web ingress tcp 443 --cidr 0.0.0.0/0", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":443,\"to_port\":443,"
	 "\"cidr\":\"0.0.0.0/0\"}]}"},
	{"sg authorize web ingress tcp 8000-8999 --sg lb --cidr ::/0 --prefix-list pl --sg a --description 'x y'",
	 "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":8000,\"to_port\":8999,"
	 "\"cidr\":\"::/0\",\"description\":\"x y\"},"
	 "{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":8000,\"to_port\":8999,\"sg_id\":\"lb\","
	 "\"description\":\"x y\"},"
	 "{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":8000,\"to_port\":8999,\"sg_id\":\"a\","
	 "\"description\":\"x y\"},"
	 "{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":8000,\"to_port\":8999,"
	 "\"prefix_list_id\":\"pl\",\"description\":\"x y\"}]}"},
	{"sg authorize --cidr 10.0.0.0/8 web --vpc prod egress udp all", "POST /v1/security-groups/web/rules?vpc=prod",
	 "{\"rules\":[{\"direction\":\"egress\",\"protocol\":\"udp\",\"from_port\":0,\"to_port\":65535,"
	 "\"cidr\":\"10.0.0.0/8\"}]}"},
	{"prefix-list create offices --max-entries 10 --family 4 --entry 192.0.2.0/24 --entry 198.51.100.0/24",
	 "POST /v1/prefix-lists",
	 "{\"name\":\"offices\",\"max_entries\":10,\"family\":4,\"entries\":[{\"cidr\":\"192.0.2.0/24\"},"
	 "{\"cidr\":\"198.51.100.0/24\"}]}"},
	{"prefix-list list", "GET /v1/prefix-lists", NULL},
	{"prefix-list set offices --max-entries 20", "PATCH /v1/prefix-lists/offices", "{\"max_entries\":20}"},
	{"prefix-list add offices 192.0.2.0/24 --description Berlin", "POST /v1/prefix-lists/offices/entries",
	 "{\"entries\":[{\"cidr\":\"192.0.2.0/24\",\"description\":\"Berlin\"}]}"},
	{"prefix-list remove offices 192.0.2.0/24 --flows drain=5", "DELETE /v1/prefix-lists/offices/entries",
	 "{\"entries\":[{\"cidr\":\"192.0.2.0/24\"}],\"flows\":\"drain=5\"}"},
	{"prefix-list restore offices 3", "PUT /v1/prefix-lists/offices/version", "{\"version\":3}"},
	{"prefix-list delete offices", "DELETE /v1/prefix-lists/offices", NULL},
	{"sg authorize web ingress -1 --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"-1\",\"sg_id\":\"web\"}]}"},
	{"sg authorize web ingress all all --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"all\",\"sg_id\":\"web\"}]}"},
	{"sg authorize web ingress 47 --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"47\",\"sg_id\":\"web\"}]}"},
	{"sg authorize web ingress icmp 8/0 --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"icmp\",\"from_port\":8,\"to_port\":0,"
	 "\"sg_id\":\"web\"}]}"},
	{"sg authorize web ingress icmpv6 128 --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"icmpv6\",\"from_port\":128,\"to_port\":-1,"
	 "\"sg_id\":\"web\"}]}"},
	{"sg authorize web ingress icmp all --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"icmp\",\"from_port\":-1,\"to_port\":-1,"
	 "\"sg_id\":\"web\"}]}"},
	/* out of range is vpcd's to refuse, with its code */
	{"sg authorize web ingress tcp 99999 --sg web", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":99999,\"to_port\":99999,"
	 "\"sg_id\":\"web\"}]}"},
	{"sg authorize web ingress tcp 80,https,8000-8001 --cidr 10.0.0.0/8", "POST /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":80,\"to_port\":80,"
	 "\"cidr\":\"10.0.0.0/8\"},{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":443,\"to_port\":443,"
	 "\"cidr\":\"10.0.0.0/8\"},{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":8000,"
	 "\"to_port\":8001,\"cidr\":\"10.0.0.0/8\"}]}"},
	{"sg revoke web ingress udp dns --sg a", "DELETE /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"udp\",\"from_port\":53,\"to_port\":53,"
	 "\"sg_id\":\"a\"}]}"},
	{"vpc ls", "GET /v1/vpcs", NULL},
	{"sg rm web", "DELETE /v1/security-groups/web", NULL},
	{"eni delete a b --vpc prod", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"a\",\"vpc\":\"prod\"},"
	 "{\"op\":\"eni.delete\",\"eni_id\":\"b\",\"vpc\":\"prod\"}]}"},
	{"sg delete a b", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"sg.delete\",\"security_group_id\":\"a\"},"
	 "{\"op\":\"sg.delete\",\"security_group_id\":\"b\"}]}"},
	{"eni detach a b", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"eni.detach\",\"eni_id\":\"a\"},{\"op\":\"eni.detach\",\"eni_id\":\"b\"}]}"},
	{"eni attach web1 --pid 42 --default-route no", "PUT /v1/enis/web1/attachment",
	 "{\"kind\":\"netns\",\"pid\":42,\"default_route\":false}"},
	{"sg revoke web ingress tcp 443 --cidr 0.0.0.0/0 --flows drain=30", "DELETE /v1/security-groups/web/rules",
	 "{\"rules\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":443,\"to_port\":443,"
	 "\"cidr\":\"0.0.0.0/0\"}],\"flows\":\"drain=30\"}"},
	{"sg revoke web --rule sgr-1 --rule sgr-2", "DELETE /v1/security-groups/web/rules",
	 "{\"rule_ids\":[\"sgr-1\",\"sgr-2\"]}"},
	{"sg revoke --rule sgr-1 sgr-2 web --flows keep", "DELETE /v1/security-groups/web/rules",
	 "{\"rule_ids\":[\"sgr-1\",\"sgr-2\"],\"flows\":\"keep\"}"},
	{"sg attach web web1 web2", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"sg.attach\",\"security_group_id\":\"web\",\"enis\":[\"web1\",\"web2\"]}]}"},
	{"sg detach web web1 --flows cut --vpc prod --dry-run", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"sg.detach\",\"security_group_id\":\"web\",\"enis\":[\"web1\"],\"flows\":\"cut\","
	 "\"vpc\":\"prod\"}],\"dry_run\":true}"},
	{"eni create web1 --subnet app", "POST /v1/enis", "{\"name\":\"web1\",\"subnet_id\":\"app\"}"},
	{"eni create web1 --subnet app --sg a --sg b --ip 10.0.1.9 --ip6 fd00::9 --mac 02:00:00:00:00:01 "
	 "--secondary-ip 10.0.1.10 --no-source-dest-check --delete-on-termination --tag a=b --vpc prod",
	 "POST /v1/enis?vpc=prod",
	 "{\"name\":\"web1\",\"subnet_id\":\"app\",\"security_groups\":[\"a\",\"b\"],\"ip\":\"10.0.1.9\","
	 "\"ip6\":\"fd00::9\",\"mac\":\"02:00:00:00:00:01\",\"secondary_ips\":[\"10.0.1.10\"],"
	 "\"source_dest_check\":false,\"delete_on_termination\":true,\"tags\":{\"a\":\"b\"}}"},
	{"eni list --vpc prod", "GET /v1/enis?vpc=prod", NULL},
	{"eni show web1", "GET /v1/enis/web1", NULL},
	{"eni delete web1", "DELETE /v1/enis/web1", NULL},
	{"eni attach web1 --netns web1", "PUT /v1/enis/web1/attachment", "{\"kind\":\"netns\",\"netns\":\"web1\"}"},
	{"eni attach web1 --netns /proc/1/ns/net --ifname net0", "PUT /v1/enis/web1/attachment",
	 "{\"kind\":\"netns\",\"netns\":\"/proc/1/ns/net\",\"ifname\":\"net0\"}"},
	{"eni attach web1 --pid 42", "PUT /v1/enis/web1/attachment", "{\"kind\":\"netns\",\"pid\":42}"},
	{"eni attach web1 --tap --owner alice --vpc prod", "PUT /v1/enis/web1/attachment?vpc=prod",
	 "{\"kind\":\"tap\",\"owner\":\"alice\"}"},
	{"eni attach web1 --tap --queues 4", "PUT /v1/enis/web1/attachment", "{\"kind\":\"tap\",\"queues\":4}"},
	{"eni detach web1", "DELETE /v1/enis/web1/attachment", NULL},
	{"eni set web1 --sg a --sg b --flows keep", "PUT /v1/enis/web1/security-groups",
	 "{\"security_groups\":[\"a\",\"b\"],\"flows\":\"keep\"}"},
	{"eni set web1 --sg a b", "PUT /v1/enis/web1/security-groups", "{\"security_groups\":[\"a\",\"b\"]}"},
	{"attach web1 --subnet app --sg web --netns web1 --ip 10.0.1.9 --vpc prod", "POST /v1/transactions",
	 "{\"changes\":[{\"op\":\"eni.create\",\"name\":\"web1\",\"subnet_id\":\"app\",\"security_groups\":[\"web\"],"
	 "\"ip\":\"10.0.1.9\",\"vpc\":\"prod\"},{\"op\":\"eni.attach\",\"eni_id\":\"$0.id\",\"attachment\":"
	 "{\"kind\":\"netns\",\"netns\":\"web1\"},\"vpc\":\"prod\"}]}"},
	{"status", "GET /v1/status", NULL},
	{"verify", "GET /v1/verify", NULL},
	{"-o json vpc list", "GET /v1/vpcs", NULL},
	{"vpc list -ojson", "GET /v1/vpcs", NULL},
	{"vpc show -- --odd", "GET /v1/vpcs/--odd", NULL},
};

/* Monitor first asks which ENIs there are, for their containers, and goes on without an answer. */
Test(cli_requests, monitor_asks_for_interfaces_and_verdicts)
{
	cr_assert_eq(cli_run(d, "monitor").status, 1);
	cr_assert_eq(fake_requests(d), 2);
	expect_request(d, 0, "GET /v1/enis", NULL);
	expect_request(d, 1, "GET /v1/verdicts?drops=0", NULL);
	cli_run(d, "monitor --drops --eni 'web 1' --vpc prod -o json");
	cr_assert_eq(fake_requests(d), 3);
	expect_request(d, 2, "GET /v1/verdicts?drops=1&eni=web%201&vpc=prod", NULL);
}

Test(cli_requests, each_command_asks_the_right_thing)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t before = fake_requests(d);
		struct cli_result r = cli_run(d, cases[i].line);

		cr_assert_eq(fake_requests(d), before + 1, "'%s': %s", cases[i].line, r.err);
		expect_request(d, before, cases[i].request, cases[i].body);
		cr_assert_eq(r.status, 1, "'%s': %d %s", cases[i].line, r.status, r.err);
		cr_assert_not_null(strstr(r.err, "vpcctl: NotFound: the test has no reply"), "%s", r.err);
	}
}

Test(cli_requests, a_relative_namespace_path_is_made_absolute)
{
	cli_run(d, "--version >/dev/null; cd /proc/self; vpcctl eni attach web1 --netns ./ns/net");
	cr_assert_not_null(fake_body(d, 0));
	cr_assert_not_null(strstr(fake_body(d, 0), "/./ns/net"), "%s", fake_body(d, 0));
	cr_assert_null(strstr(fake_body(d, 0), "\"./ns/net\""));
}

Test(cli_requests, detach_detaches_and_deletes_in_one_change)
{
	fake_reply(d, "GET", "/v1/enis/web1?vpc=prod", 200,
		   "{\"id\":\"eni-1\",\"name\":\"web1\",\"attachment\":{\"kind\":\"netns\"}}");
	fake_reply(
		d, "POST", "/v1/transactions", 200,
		"{\"results\":[{\"id\":\"eni-1\"},{\"id\":\"eni-1\"}],\"epoch\":4,\"revision\":9,\"enforced_ns\":5}");
	cr_assert_str_eq(cli_run(d, "detach web1 --vpc prod -o id").out, "eni-1\n");
	expect_request(d, 1, "POST /v1/transactions",
		       "{\"changes\":[{\"op\":\"eni.detach\",\"eni_id\":\"eni-1\",\"vpc\":\"prod\"},"
		       "{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\",\"vpc\":\"prod\"}]}");
}

Test(cli_requests, detach_of_what_is_not_attached_only_deletes)
{
	fake_reply(d, "GET", "/v1/enis/web1", 200, "{\"id\":\"eni-1\",\"name\":\"web1\",\"attachment\":null}");
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{\"id\":\"eni-1\"}]}");
	cr_assert_eq(cli_run(d, "detach web1").status, 0);
	expect_request(d, 1, "POST /v1/transactions", "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\"}]}");
}

Test(cli_requests, rename_finds_the_kind_by_the_id)
{
	fake_reply(d, "GET", "/v1/enis/eni-1", 200, "{\"id\":\"eni-1\",\"name\":\"a\",\"revision\":3}");
	fake_reply(d, "PATCH", "/v1/enis/eni-1", 200, "{\"id\":\"eni-1\",\"name\":\"b\",\"revision\":4}");
	cr_assert_eq(cli_run(d, "rename eni-1 b").status, 0);
	expect_request(d, 1, "PATCH /v1/enis/eni-1", "{\"name\":\"b\"}");
}

Test(cli_requests, rename_finds_the_kind_by_the_name)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/security-groups/web?vpc=prod", 200, "{\"id\":\"sg-1\",\"name\":\"web\"}");
	fake_reply(d, "PATCH", "/v1/security-groups/sg-1", 200, "{\"id\":\"sg-1\",\"name\":\"www\"}");
	cr_assert_str_eq(cli_run(d, "rename web www --vpc prod -o id").out, "sg-1\n");
	r = cli_run(d, "rename nothing x");
	cr_assert_eq(r.status, 1);
	cr_assert_not_null(strstr(r.err, "vpcctl: NotFound: "), "%s", r.err);
	fake_reply(d, "GET", "/v1/vpcs/web", 200, "{\"id\":\"vpc-1\",\"name\":\"web\"}");
	r = cli_run(d, "rename web x --vpc prod");
	cr_assert_eq(r.status, 1);
	cr_assert_not_null(strstr(r.err, "vpcctl: AmbiguousName: 'web' may be any of vpc-1, sg-1"), "%s", r.err);
}

Test(cli_requests, tags_are_merged_and_guarded_by_the_revision)
{
	fake_reply(d, "GET", "/v1/vpcs/vpc-1", 200,
		   "{\"id\":\"vpc-1\",\"name\":\"prod\",\"revision\":7,\"tags\":{\"a\":\"1\",\"b\":\"2\"}}");
	fake_reply(d, "PATCH", "/v1/vpcs/vpc-1", 200, "{\"id\":\"vpc-1\"}");
	cr_assert_eq(cli_run(d, "tag add vpc-1 b=3 c=").status, 0);
	expect_request(d, 1, "PATCH /v1/vpcs/vpc-1", "{\"tags\":{\"a\":\"1\",\"b\":\"3\",\"c\":\"\"}}");
	cr_assert_str_eq(fake_if_match(d, 1), "\"7\"");
	cr_assert_eq(cli_run(d, "tag remove vpc-1 a b=other").status, 0);
	expect_request(d, 3, "PATCH /v1/vpcs/vpc-1", "{\"tags\":{\"b\":\"2\"}}");
}

/* An ENI is meant that is called by its address, its container's name or the first digits of its container's id. */
Test(cli_requests, an_eni_by_what_people_see_of_it)
{
	static const char *const refs[] = {"10.0.1.4", "nginx-1", "0123456789ab"};

	fake_reply(
		d, "GET", "/v1/enis", 200,
		"{\"enis\":[{\"id\":\"eni-1\",\"ip\":\"10.0.1.5\",\"tags\":{}},{\"id\":\"eni-2\",\"ip\":\"10.0.1.4\","
		"\"tags\":{\"cni/pod\":\"nginx-1\",\"cni/container-id\":\"0123456789abcdef\"}}]}");
	fake_reply(d, "GET", "/v1/enis/eni-2", 200, "{\"id\":\"eni-2\",\"name\":\"x\"}");
	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
		char path[64], body[128], line[64];
		struct cli_result r;

		snprintf(path, sizeof(path), "/v1/enis/%s", refs[i]);
		snprintf(body, sizeof(body),
			 "{\"code\":\"InvalidNetworkInterfaceID.NotFound\",\"detail\":\"there is no network interface "
			 "'%s'\"}",
			 refs[i]);
		snprintf(line, sizeof(line), "eni show -o id %s", refs[i]);
		fake_reply(d, "GET", path, 404, body);
		r = cli_run(d, line);
		cr_assert_eq(r.status, 0, "%s: %s", refs[i], r.err);
		cr_assert_str_eq(r.out, "eni-2\n");
	}
}

/* Where there is one VPC, nobody has to name it. */
Test(cli_requests, the_only_vpc_needs_no_name)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/vpcs", 200, "{\"vpcs\":[{\"id\":\"vpc-1\",\"name\":\"prod\"}]}");
	fake_reply(d, "POST", "/v1/security-groups", 200, "{\"id\":\"sg-1\",\"name\":\"web\"}");
	r = cli_run(d, "sg create web");
	cr_assert_eq(r.status, 0, "%s", r.err);
	expect_request(d, 1, "POST /v1/security-groups", "{\"name\":\"web\",\"vpc_id\":\"vpc-1\"}");
	fake_reply(d, "GET", "/v1/vpcs", 200,
		   "{\"vpcs\":[{\"id\":\"vpc-1\",\"name\":\"prod\"},{\"id\":\"vpc-2\",\"name\":\"test\"}]}");
	r = cli_run(d, "subnet create app --cidr 10.0.1.0/24");
	cr_assert_eq(r.status, 2);
	cr_assert(strstr(r.err, "--vpc is missing; it is one of prod, test"), "%s", r.err);
}

/* A document that makes too many objects is refused before its plan is made, and one that doesn't is sent. */
Test(cli_requests, a_document_of_too_many_new_objects_is_not_sent)
{
	static const char line[] =
		"apply -f <(echo vpcs:; for ((i = 0; i < 10001; i++)); do echo \"- {name: v$i, cidr: "
		"10.0.0.0/8}\"; done)";
	struct cli_result r;

	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		char path[64], body[96];

		if (!kind_of(k)->path)
			continue;
		snprintf(path, sizeof(path), "/v1/%s", kind_of(k)->path);
		snprintf(body, sizeof(body), "{\"revision\":5,\"%s\":[]}", kind_of(k)->list);
		fake_reply(d, "GET", path, 200, body);
	}
	fake_reply(d, "GET", "/v1/status", 200, "{\"limits\":{\"changes_per_request\":10000}}");
	r = cli_run(d, line);
	cr_assert_eq(r.status, 1);
	cr_assert(strstr(r.err, ": 10001 objects or more are to be created, and vpcd makes at most 10000 changes"),
		  "%s", r.err);
	for (size_t i = 0; i < fake_requests(d); i++)
		cr_assert_eq(strncmp(fake_request(d, i), "GET ", 4), 0, "%s", fake_request(d, i));
	fake_reply(d, "GET", "/v1/status", 200, "{\"limits\":{\"changes_per_request\":10001}}");
	cli_run(d, line);
	cr_assert_str_eq(fake_request(d, fake_requests(d) - 1), "POST /v1/transactions");
}
