/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpc-libvirt asks of the API for libvirt's operations, and which XML it refuses. libvirt itself:
 * tests/system/libvirt.bats. */
#include "cli_http_util.h"

#include <string.h>

#include <vpc/cleanup.h>

#define UUID "01234567-89ab-cdef-0123-456789abcdef"
#define NAME "libvirt:" UUID ":web1"

#define DOMAIN(metadata, devices)                                                               \
	"<domain type=\"kvm\" id=\"1\"><name>d1</name><uuid>" UUID "</uuid><metadata>" metadata \
	"</metadata><devices>" devices "</devices></domain>"
#define OURS(interfaces) "<v:interfaces xmlns:v=\"urn:vpcd:libvirt\">" interfaces "</v:interfaces>"
#define WEB1		 "<v:interface dev=\"web1\" subnet=\"app\" groups=\"web, db\"/>"
#define NIC(dev)                                                                            \
	"<interface type=\"direct\"><mac address=\"52:54:00:00:00:01\"/><source dev=\"" dev \
	"\" mode=\"passthrough\"/></interface>"

#define TAGS \
	"{\"libvirt/domain\":\"" UUID "\",\"libvirt/ifname\":\"web1\",\"libvirt/domain-name\":\"d1\",\"mine\":\"1\"}"
#define ENI(subnet, mac, attachment)                                                          \
	"{\"id\":\"eni-1\",\"name\":\"" NAME "\",\"subnet_id\":\"" subnet "\",\"mac\":\"" mac \
	"\",\"ip\":\"10.0.1.9\",\"ip6\":null,\"attachment\":" attachment ",\"tags\":" TAGS "}"
#define LINK	     "{\"kind\":\"link\",\"ifname\":\"web1\"}"
#define OTHERS	     "{\"id\":\"eni-2\",\"name\":\"x\",\"attachment\":" LINK ",\"tags\":{\"libvirt/domain\":\"other\"}}"
#define TRANSACTIONS "POST /v1/transactions"
#define CREATE                                                                                               \
	"{\"changes\":[{\"op\":\"eni.create\",\"name\":\"" NAME "\",\"subnet_id\":\"subnet-1\",\"mac\":"     \
	"\"52:54:00:00:00:01\",\"security_groups\":[\"web\",\"db\"],\"tags\":{\"libvirt/domain\":\"" UUID    \
	"\",\"libvirt/ifname\":\"web1\",\"libvirt/domain-name\":\"d1\"}},{\"op\":\"eni.attach\",\"eni_id\":" \
	"\"$0.id\",\"attachment\":" LINK "}]}"

static struct fake_daemon *d;

static void setup(void)
{
	d = fake_start();
}

static void teardown(void)
{
	fake_stop(d);
}

TestSuite(cli_libvirt, .init = setup, .fini = teardown, .timeout = 60);

/* vpc-libvirt beside vpcctl. xml has no single quotes. */
static struct cli_result hook(const char *operation, const char *xml)
{
	_cleanup_free_ char *line = NULL;

	cr_assert(asprintf(&line,
			   "--version >/dev/null; printf %%s '%s' | \"${VPCCTL%%ctl}-libvirt\" --socket '%s' d1 %s "
			   "begin -",
			   xml, fake_socket(d), operation) > 0);
	return cli_run(d, line);
}

static void refuses(const char *xml, const char *text)
{
	struct cli_result r = hook("prepare", xml);

	cr_assert(r.status == 1, "status %d: %s", r.status, xml);
	cr_assert(strstr(r.err, text), "'%s' is not in: %s", text, r.err);
	cr_assert(strncmp(r.err, "vpc-libvirt: ", 13) == 0 && strchr(r.err, '\n') == r.err + strlen(r.err) - 1,
		  "not one line: %s", r.err);
	cr_assert(fake_requests(d) == 0);
}

static void world(const char *enis)
{
	_cleanup_free_ char *list = NULL;

	cr_assert(asprintf(&list, "{\"enis\":[%s]}", enis) > 0);
	fake_reply(d, "GET", "/v1/enis", 200, list);
	fake_reply(d, "GET", "/v1/subnets/app", 200, "{\"id\":\"subnet-1\"}");
}

Test(cli_libvirt, a_domain_gets_an_eni_on_a_link)
{
	struct cli_result r;

	world(OTHERS);
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{},{}]}");
	r = hook("prepare", DOMAIN(OURS(WEB1), NIC("eth9") NIC("web1")));
	cr_assert(r.status == 0, "%s", r.err);
	expect_request(d, 0, "GET /v1/enis", NULL);
	expect_request(d, 1, "GET /v1/subnets/app", NULL);
	expect_request(d, 2, TRANSACTIONS, CREATE);
	cr_assert(fake_requests(d) == 3);
}

Test(cli_libvirt, a_known_one_is_attached_again_with_the_groups_of_the_xml)
{
	struct cli_result r;

	world(OTHERS "," ENI("subnet-1", "52:54:00:00:00:01", "null"));
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{},{},{}]}");
	r = hook("prepare", DOMAIN(OURS(WEB1), NIC("web1")));
	cr_assert(r.status == 0, "%s", r.err);
	expect_request(d, 2, TRANSACTIONS,
		       "{\"changes\":[{\"op\":\"eni.set\",\"eni_id\":\"eni-1\",\"security_groups\":[\"web\",\"db\"]},"
		       "{\"op\":\"eni.update\",\"eni_id\":\"eni-1\",\"tags\":" TAGS "},{\"op\":\"eni.attach\","
		       "\"eni_id\":\"eni-1\",\"attachment\":" LINK "}]}");
	cr_assert(fake_requests(d) == 3);
}

Test(cli_libvirt, one_that_is_still_attached_is_detached_first)
{
	world(ENI("subnet-1", "52:54:00:00:00:01", LINK));
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	hook("prepare", DOMAIN(OURS(WEB1), NIC("web1")));
	expect_request(d, 2, TRANSACTIONS, "{\"changes\":[{\"op\":\"eni.detach\",\"eni_id\":\"eni-1\"}]}");
	cr_assert(strstr(fake_body(d, 3), "eni.attach"));
}

Test(cli_libvirt, another_mac_is_another_eni)
{
	world(ENI("subnet-1", "52:54:00:00:00:02", "null"));
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	hook("prepare", DOMAIN(OURS(WEB1), NIC("web1")));
	expect_request(d, 2, TRANSACTIONS, "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\"}]}");
	expect_request(d, 3, TRANSACTIONS, CREATE);
}

Test(cli_libvirt, what_the_xml_no_longer_has_is_deleted)
{
	world(OTHERS "," ENI("subnet-1", "52:54:00:00:00:01", "null"));
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	cr_assert(hook("prepare", DOMAIN(OURS(""), NIC("web1"))).status == 0);
	expect_request(d, 1, TRANSACTIONS, "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\"}]}");
	cr_assert(fake_requests(d) == 2);
}

/* Of two interfaces one can't be made: none stays attached. */
Test(cli_libvirt, a_refusal_is_shown_and_leaves_nothing_attached)
{
	struct cli_result r;

	world(ENI("subnet-1", "52:54:00:00:00:01", LINK));
	fake_reply(d, "GET", "/v1/subnets/app", 404, "{\"code\":\"SubnetNotFound\",\"detail\":\"no subnet app\"}");
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	r = hook("prepare", DOMAIN(OURS(WEB1), NIC("web1")));
	cr_assert(r.status == 1);
	cr_assert_str_eq(r.err, "vpc-libvirt: vpcd: SubnetNotFound: no subnet app\n");
	expect_request(d, 3, TRANSACTIONS, "{\"changes\":[{\"op\":\"eni.detach\",\"eni_id\":\"eni-1\"}]}");
}

/* Whatever has become of its metadata. */
Test(cli_libvirt, a_domain_that_ended_is_detached)
{
	world(OTHERS "," ENI("subnet-1", "52:54:00:00:00:01", LINK));
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	cr_assert(hook("release", DOMAIN(OURS("<v:nonsense/>"), "")).status == 0);
	expect_request(d, 1, TRANSACTIONS, "{\"changes\":[{\"op\":\"eni.detach\",\"eni_id\":\"eni-1\"}]}");
	cr_assert(fake_requests(d) == 2);
}

Test(cli_libvirt, it_was_detached_meanwhile)
{
	world(ENI("subnet-1", "52:54:00:00:00:01", LINK));
	fake_reply(d, "POST", "/v1/transactions", 409, "{\"code\":\"IncorrectState\",\"detail\":\"no\"}");
	cr_assert(hook("release", DOMAIN(OURS(WEB1), "")).status == 0);
}

Test(cli_libvirt, domains_without_interfaces_of_ours_ask_nothing)
{
	static const char *const operations[] = {"prepare", "start",   "started", "stopped",
						 "release", "migrate", "restore", "reconnect"};

	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		cr_assert(hook(operations[i], DOMAIN("<v:interfaces xmlns:v=\"urn:other\"/><interfaces/>", NIC("web1")))
				  .status == 0);
		cr_assert(hook(operations[i], "<domain><name>d</name><uuid>" UUID "</uuid></domain>").status == 0);
	}
	cr_assert(fake_requests(d) == 0);
}

Test(cli_libvirt, migration_is_refused)
{
	struct cli_result r = hook("migrate", DOMAIN(OURS(WEB1), NIC("web1")));

	cr_assert(r.status == 1);
	cr_assert(strstr(r.err, "shut it down and start it here"));
}

Test(cli_libvirt, xml_that_is_not_a_domains_is_refused)
{
	refuses("", "is not a domain");
	refuses("<domain><name>", "is not a domain");
	refuses("<x/>", "it has no <domain>");
	refuses("<domain/>", "no name or no uuid");
	refuses("<domain><name>d</name><uuid>../../x</uuid></domain>", "no name or no uuid");
	refuses("<domain><name>d</name><uuid>01234567-89ab-cdef-0123-456789abcde:</uuid></domain>",
		"no name or no uuid");
	refuses("<domain><name>d\xff</name><uuid>" UUID "</uuid></domain>", "is not a domain");
}

/* Entities that grow a thousandfold, ones that read files, and a document type alone. */
Test(cli_libvirt, entities_are_refused)
{
	refuses("<!DOCTYPE domain [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
		"\"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><domain><name>&c;&c;&c;</name><uuid>" UUID "</uuid></domain>",
		"document type");
	refuses("<!DOCTYPE domain [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><domain><name>&a;</name><uuid>" UUID
		"</uuid></domain>",
		"document type");
	refuses("<!DOCTYPE domain SYSTEM \"http://localhost/x.dtd\"><domain/>", "document type");
}

Test(cli_libvirt, it_is_bounded)
{
	static const char line[] =
		"--version >/dev/null; { printf \"<domain><name>d</name><uuid>" UUID "</uuid><metadata><v:interfaces "
		"xmlns:v='urn:vpcd:libvirt'>\"; %s; } | timeout 20 \"${VPCCTL%%ctl}-libvirt\" --socket none d1 prepare "
		"begin -";
	static const struct {
		const char *makes, *text;
	} cases[] = {
		{"yes '<a>' | head -n 100000", "is not a domain"},
		{"head -c 9000000 /dev/zero | tr '\\0' ' '", "too long"},
		{"for i in {1..40}; do printf \"<v:interface dev='w$i' subnet='s'/>\"; done; printf "
		 "'</v:interfaces></metadata><devices>'; for i in {1..40}; do printf \"<interface type='direct'><mac "
		 "address='a'/><source dev='w$i' mode='passthrough'/></interface>\"; done; printf "
		 "'</devices></domain>'",
		 "more than 32 interfaces"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_free_ char *text = NULL;
		struct cli_result r;

		cr_assert(asprintf(&text, line, cases[i].makes) > 0);
		r = cli_run(d, text);
		cr_assert(r.status == 1 && strstr(r.err, cases[i].text), "%d: %s", r.status, r.err);
	}
	cr_assert(fake_requests(d) == 0);
}

Test(cli_libvirt, wrong_options_are_refused)
{
	refuses(DOMAIN(OURS("<v:interface subnet=\"app\"/>"), NIC("web1")), "must have dev");
	refuses(DOMAIN(OURS("<v:interface dev=\"\" subnet=\"app\"/>"), NIC("web1")), "must have dev");
	refuses(DOMAIN(OURS("<v:interface dev=\"sixteencharacter\" subnet=\"app\"/>"), NIC("web1")), "1 to 15");
	refuses(DOMAIN(OURS("<v:interface dev=\"web1\"/>"), NIC("web1")), "must have a subnet");
	refuses(DOMAIN(OURS("<v:interface dev=\"web1\" subnet=\"\"/>"), NIC("web1")), "must have a subnet");
	refuses(DOMAIN(OURS("<v:interface dev=\"web1\" subnet=\"a\" group=\"x\"/>"), NIC("web1")),
		"no attribute 'group'; it has dev, subnet, vpc, groups, ip, ip6");
	refuses(DOMAIN(OURS("<v:interface dev=\"web1\" subnet=\"a\" groups=\"a,,b\"/>"), NIC("web1")),
		"list of groups");
	refuses(DOMAIN(OURS("<v:interface dev=\"web1\" subnet=\"a\" groups=\"\"/>"), NIC("web1")), "list of groups");
	refuses(DOMAIN(OURS(WEB1 WEB1), NIC("web1")), "twice");
	refuses(DOMAIN(OURS(WEB1), NIC("web2")), "add <interface type=");
	refuses(DOMAIN(OURS(WEB1), "<interface type=\"direct\"><source dev=\"web1\" mode=\"vepa\"/></interface>"),
		"mode='passthrough'");
	refuses(DOMAIN(OURS(WEB1),
		       "<interface type=\"direct\"><source dev=\"web1\" mode=\"passthrough\"/></interface>"),
		"no <mac address>");
	refuses(DOMAIN(OURS("<interface dev=\"web1\" subnet=\"app\"/>"), NIC("web1")), "is no <interface> of");
	refuses(DOMAIN("<v:interface xmlns:v=\"urn:vpcd:libvirt\" dev=\"web1\" subnet=\"app\"/>", NIC("web1")),
		"must be inside of <interfaces xmlns='urn:vpcd:libvirt'>");
}

/* A domain may be called like an option. */
Test(cli_libvirt, a_domains_name_is_no_option)
{
	struct cli_result r = cli_run(d, "--version >/dev/null; for n in --help --version clean; do "
					 "\"${VPCCTL%ctl}-libvirt\" \"$n\" stopped end - </dev/null || exit; done");

	cr_assert(r.status == 0 && !*r.out, "%s%s", r.out, r.err);
}

/* virsh is a script here. */
static struct cli_result clean(const char *virsh)
{
	_cleanup_free_ char *line = NULL;

	cr_assert(asprintf(&line,
			   "--version >/dev/null; dir=$(mktemp -d); printf '#!/bin/sh\\n%s\\n' >\"$dir/virsh\"; "
			   "chmod 755 \"$dir/virsh\"; PATH=$dir:$PATH \"${VPCCTL%%ctl}-libvirt\" --socket '%s' clean; "
			   "r=$?; rm -r \"$dir\"; exit $r",
			   virsh, fake_socket(d)) > 0);
	return cli_run(d, line);
}

Test(cli_libvirt, clean_deletes_what_libvirt_does_not_list)
{
	struct cli_result r;

	world("{\"id\":\"eni-3\",\"name\":\"y\",\"tags\":{}}," ENI("subnet-1", "52:54:00:00:00:01", "null"));
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	r = clean("echo \"$*\" >&2; echo; echo " UUID);
	cr_assert(r.status == 0 && fake_requests(d) == 1, "%s", r.err);
	cr_assert_str_eq(r.err, "-q -c qemu:///system list --all --uuid\n");
	r = clean("echo; echo 11234567-89ab-cdef-0123-456789abcdef");
	cr_assert(r.status == 0, "%s", r.err);
	expect_request(d, 2, TRANSACTIONS, "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\"}]}");
	cr_assert(fake_requests(d) == 3);
}

Test(cli_libvirt, clean_deletes_nothing_if_virsh_fails)
{
	struct cli_result r;

	world(ENI("subnet-1", "52:54:00:00:00:01", "null"));
	r = clean("exit 1");
	cr_assert(r.status == 1 && strstr(r.err, "nothing was deleted"), "%s", r.err);
	cr_assert(fake_requests(d) == 1);
}
