/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpc-cni asks of the API and makes of its answers. The specification's side is tests/system/cni_spec.bats. */
#include "cli_http_util.h"

#include <string.h>

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

TestSuite(cli_cni, .init = setup, .fini = teardown, .timeout = 60);

/* vpc-cni beside vpcctl, with a configuration for the fake daemon; more is its further members. */
static struct cli_result cni(const char *environment, const char *more)
{
	_cleanup_free_ char *line = NULL;

	cr_assert(asprintf(&line,
			   "--version >/dev/null; env CNI_CONTAINERID=c1 CNI_IFNAME=eth0 %s \"${VPCCTL%%ctl}-cni\" "
			   "<<'END'\n"
			   "{\"cniVersion\":\"1.1.0\",\"name\":\"net\",\"socket\":\"%s\",\"subnet\":\"app\"%s}\nEND",
			   environment, fake_socket(d), more) > 0);
	return cli_run(d, line);
}

static long code_of(struct cli_result r)
{
	json_t *json = json_loads(r.out, 0, NULL);
	long code = (long)json_integer_value(json_object_get(json, "code"));

	json_decref(json);
	return code;
}

#define ENI(id, attachment)                                                                                            \
	"{\"id\":\"" id "\",\"name\":\"cni:c1:eth0\",\"attachment\":" attachment ",\"tags\":{\"cni/network\":\"net\"," \
	"\"cni/container-id\":\"c1\",\"cni/ifname\":\"eth0\"}}"

Test(cli_cni, del_detaches_and_deletes_as_one_without_waiting_for_the_kernel)
{
	fake_reply(d, "GET", "/v1/enis/cni%3Ac1%3Aeth0?vpc=prod", 200, ENI("eni-1", "{\"kind\":\"netns\"}"));
	fake_reply(d, "POST", "/v1/transactions?vpc=prod", 200, "{\"results\":[{},{}]}");
	cr_assert_eq(cni("CNI_COMMAND=DEL", ",\"vpc\":\"prod\"").status, 0);
	cr_assert_eq(fake_requests(d), 2);
	expect_request(d, 1, "POST /v1/transactions?vpc=prod",
		       "{\"changes\":[{\"op\":\"eni.detach\",\"eni_id\":\"eni-1\"},{\"op\":\"eni.delete\",\"eni_id\":"
		       "\"eni-1\"}],\"background\":true}");
}

Test(cli_cni, del_lets_an_interface_of_that_name_be_that_is_not_its_own)
{
	fake_reply(d, "GET", "/v1/enis/cni%3Ac1%3Aeth0", 200,
		   "{\"id\":\"eni-1\",\"name\":\"cni:c1:eth0\",\"attachment\":null,\"tags\":{\"cni/"
		   "container-id\":\"c1\"}}");
	cr_assert_eq(cni("CNI_COMMAND=DEL", "").status, 0);
	cr_assert_eq(fake_requests(d), 1);
}

Test(cli_cni, del_finds_its_own_among_several_of_that_name)
{
	fake_reply(d, "GET", "/v1/enis/cni%3Ac1%3Aeth0", 409, "{\"code\":\"AmbiguousName\",\"detail\":\"two\"}");
	fake_reply(d, "GET", "/v1/enis", 200,
		   "{\"enis\":[{\"id\":\"eni-1\",\"name\":\"cni:c1:eth0\"}," ENI("eni-2", "null") "]}");
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	cr_assert_eq(cni("CNI_COMMAND=DEL", "").status, 0);
	expect_request(d, 2, "POST /v1/transactions", "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-2\"}]}");
}

/* The namespace went away between the two requests, and vpcd detached the ENI by itself. */
Test(cli_cni, del_looks_again_when_the_interface_changed_meanwhile)
{
	fake_reply(d, "GET", "/v1/enis/cni%3Ac1%3Aeth0", 200, ENI("eni-1", "{\"kind\":\"netns\"}"));
	fake_reply(d, "POST", "/v1/transactions", 409, "{\"code\":\"IncorrectState\",\"detail\":\"is not attached\"}");
	fake_reply(d, "GET", "/v1/enis/eni-1", 200, ENI("eni-1", "null"));
	cr_assert_neq(cni("CNI_COMMAND=DEL", "").status, 0, "it never got deleted");
	expect_request(d, 2, "GET /v1/enis/eni-1", NULL);
	expect_request(d, 3, "POST /v1/transactions", "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\"}]}");
}

Test(cli_cni, gc_goes_on_after_a_failure_and_tells_it)
{
	fake_reply(d, "GET", "/v1/enis", 200, "{\"enis\":[" ENI("eni-1", "null") "," ENI("eni-2", "null") "]}");
	fake_reply(d, "POST", "/v1/transactions", 503, "{\"code\":\"StoreUnavailable\",\"detail\":\"disk full\"}");
	cr_assert_eq(code_of(cni("CNI_COMMAND=GC", ",\"cni.dev/valid-attachments\":[]")), 11);
	cr_assert_eq(fake_requests(d), 3);
	expect_request(d, 2, "POST /v1/transactions", "{\"changes\":[{\"op\":\"eni.delete\",\"eni_id\":\"eni-2\"}]}");
}

Test(cli_cni, status_is_a_dry_run)
{
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{}]}");
	cr_assert_eq(cni("CNI_COMMAND=STATUS", ",\"securityGroups\":[\"web\"]").status, 0);
	expect_request(
		d, 0, "POST /v1/transactions",
		"{\"dry_run\":true,\"changes\":[{\"op\":\"eni.create\",\"name\":\"cni:status\",\"subnet_id\":\"app\","
		"\"security_groups\":[\"web\"]}]}");
}

Test(cli_cni, an_answer_that_is_not_vpcds_is_an_error_object)
{
	fake_reply(d, "GET", "/v1/enis/cni%3Ac1%3Aeth0", 200, "<html>");
	cr_assert_eq(code_of(cni("CNI_COMMAND=DEL", "")), 100);
	fake_reply(d, "GET", "/v1/enis/cni%3Ac1%3Aeth0", 500, "<html>");
	cr_assert_eq(code_of(cni("CNI_COMMAND=DEL", "")), 100);
	fake_reply(d, "POST", "/v1/transactions", 200, "[]");
	cr_assert_eq(cni("CNI_COMMAND=STATUS", "").status, 0, "a dry run's answer has nothing to tell");
}

/* Found by fuzz_cni: it was told as want of memory. */
Test(cli_cni, names_that_are_not_utf8_are_refused_by_variable)
{
	struct cli_result r = cni("CNI_COMMAND=DEL CNI_IFNAME=$'et\\x83'", "");

	cr_assert_eq(code_of(r), 4, "%s", r.out);
	cr_assert_not_null(strstr(r.out, "CNI_IFNAME"), "%s", r.out);
	r = cni("CNI_COMMAND=ADD CNI_NETNS=$'/run/netns/\\x83'", "");
	cr_assert_eq(code_of(r), 4, "%s", r.out);
	cr_assert_not_null(strstr(r.out, "CNI_NETNS"), "%s", r.out);
	cr_assert_eq(fake_requests(d), 0);
}

Test(cli_cni, by_hand_it_says_what_it_is)
{
	struct cli_result r = cli_run(NULL, "--version; \"${VPCCTL%ctl}-cni\" </dev/null");

	cr_assert_eq(r.status, 1);
	cr_assert_not_null(strstr(r.err, "a CNI plugin"), "%s", r.err);
	cr_assert_not_null(strstr(r.out, "\"code\": 4"), "%s", r.out);
}
