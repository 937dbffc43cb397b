/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpc-lxc asks of the API by vpcctl. LXC itself: tests/system/engines.bats. */
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

TestSuite(cli_lxc, .init = setup, .fini = teardown, .timeout = 60);

#define HOOK "LXC_HOOK_TYPE=start-host LXC_NAME=box LXC_PID=42 "

/* Started as LXC does, with these variables and options. vpcctl is found by PATH. */
static struct cli_result hook(const char *environment, const char *options)
{
	_cleanup_free_ char *line = NULL;

	cr_assert(
		asprintf(&line,
			 "--version >/dev/null; unset LXC_HOOK_TYPE LXC_NAME LXC_PID; %s PATH=\"${VPCCTL%%/*}:$PATH\" "
			 "\"${VPCCTL%%/*}/../cli/engines/vpc-lxc\" %s",
			 environment, options) > 0);
	return cli_run(d, line);
}

Test(cli_lxc, the_eni_has_the_containers_name_as_a_tag)
{
	struct cli_result r;

	fake_reply(d, "POST", "/v1/transactions", 200, "{\"revision\":1,\"epoch\":1,\"results\":[{},{}]}");
	r = hook(HOOK, "--vpc prod --subnet app --sg web --tag team=core");
	cr_assert_eq(r.status, 0, "%s", r.err);
	/* what an earlier life of the container has left is looked for first */
	cr_assert_str_eq(fake_request(d, 0), "GET /v1/enis/lxc%3Abox%3Aeth0?vpc=prod");
	expect_request(
		d, 1, "POST /v1/transactions",
		"{\"changes\":[{\"op\":\"eni.create\",\"name\":\"lxc:box:eth0\",\"subnet_id\":\"app\",\"vpc\":\"prod\","
		"\"security_groups\":[\"web\"],\"delete_on_termination\":true,"
		"\"tags\":{\"lxc/container-name\":\"box\",\"team\":\"core\"}},{\"op\":\"eni.attach\","
		"\"eni_id\":\"$0.id\",\"vpc\":\"prod\",\"attachment\":{\"kind\":\"netns\",\"pid\":42}}]}");
}

Test(cli_lxc, the_earlier_eni_is_the_one_of_the_interfaces_name)
{
	hook(HOOK, "--subnet app --ifname net1");
	cr_assert_str_eq(fake_request(d, 0), "GET /v1/enis/lxc%3Abox%3Anet1");
}

Test(cli_lxc, a_refusal_stops_the_start_and_is_said)
{
	struct cli_result r;

	fake_reply(d, "POST", "/v1/transactions", 404,
		   "{\"code\":\"InvalidGroup.NotFound\",\"detail\":\"there is no security group 'nobody'\"}");
	r = hook(HOOK, "--subnet app --sg nobody");
	cr_assert_eq(r.status, 1);
	cr_assert_not_null(strstr(r.err, "vpc-lxc: box: vpcctl: InvalidGroup.NotFound: there is no security group"),
			   "%s", r.err);
}

Test(cli_lxc, run_as_anything_else_it_asks_nothing)
{
	static const struct {
		const char *environment, *said;
	} wrong[] = {
		{"LXC_NAME=box LXC_PID=42", "LXC runs it as lxc.hook.start-host"},
		{"LXC_HOOK_TYPE=stop LXC_NAME=box LXC_PID=42", "LXC runs it as lxc.hook.start-host"},
		{"LXC_HOOK_TYPE=start-host LXC_PID=42", "LXC gives no LXC_NAME"},
		{"LXC_HOOK_TYPE=start-host LXC_NAME=box", "LXC gives no LXC_PID"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cli_result r = hook(wrong[i].environment, "--subnet app");

		cr_assert_eq(r.status, 1, "%s", wrong[i].environment);
		cr_assert_not_null(strstr(r.err, wrong[i].said), "%s", r.err);
	}
	cr_assert_eq(fake_requests(d), 0);
}
