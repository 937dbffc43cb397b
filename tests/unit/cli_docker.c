/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpc-docker asks of the API for Docker's requests, and what it answers. Docker itself: tests/system/docker.bats.
 */
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

TestSuite(cli_docker, .init = setup, .fini = teardown, .timeout = 60);

#define NETWORK	 "\"NetworkID\":\"aaaaaaaaaaaabbbb\""
#define ENDPOINT "\"EndpointID\":\"eeeeeeeeeeee0123\""
#define SUBNET                                                                                                        \
	"{\"id\":\"subnet-1\",\"vpc_id\":\"vpc-1\",\"cidr\":\"10.0.1.0/24\",\"cidr6\":null,\"gateway\":\"10.0.1.1\"," \
	"\"gateway6\":null}"

/* vpc-docker beside vpcctl; requests are lines "path body", asked one after the other. Prints a line for each reply. */
static struct cli_result ask_with(const char *socket, const char *requests)
{
	_cleanup_free_ char *line = NULL;

	cr_assert(
		asprintf(&line,
			 "--version >/dev/null; dir=$(mktemp -d); \"${VPCCTL%%ctl}-docker\" --socket '%s' "
			 "--plugin-socket \"$dir/p/vpc.sock\" --docker-socket \"$dir/none\" --state-dir \"$dir/state\" "
			 "2>\"$dir/log\" & pid=$!; while [ ! -S \"$dir/p/vpc.sock\" ]; do sleep 0.05; done\n"
			 "while read -r path body; do curl -sS --unix-socket \"$dir/p/vpc.sock\" --data \"$body\" "
			 "\"http://d$path\"; echo; done <<'END'\n%s\nEND\nkill $pid; wait $pid; ls \"$dir/state\" "
			 "2>/dev/null; rm -r \"$dir\"",
			 socket, requests) > 0);
	return cli_run(d, line);
}

static struct cli_result ask(const char *requests)
{
	return ask_with(fake_socket(d), requests);
}

static void expect_reply(struct cli_result r, const char *text)
{
	cr_assert(strstr(r.out, text), "'%s' is not in: %s", text, r.out);
}

Test(cli_docker, implements_both_drivers)
{
	struct cli_result r =
		ask("/Plugin.Activate\n/IpamDriver.GetCapabilities {}\n/NetworkDriver.GetCapabilities {}");

	expect_reply(r, "{\"Implements\":[\"NetworkDriver\",\"IpamDriver\"]}");
	expect_reply(r, "\"RequiresMACAddress\":true");
	expect_reply(r, "\"Scope\":\"local\"");
}

Test(cli_docker, a_pool_is_the_subnets_cidr)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/subnets/app?vpc=prod", 200, SUBNET);
	r = ask("/IpamDriver.RequestPool {\"Options\":{\"vpc\":\"prod\",\"subnet\":\"app\"}}\n"
		"/IpamDriver.RequestPool {\"Pool\":\"10.9.0.0/24\",\"Options\":{\"vpc\":\"prod\",\"subnet\":\"app\"}}\n"
		"/IpamDriver.RequestPool {\"V6\":true,\"Options\":{\"vpc\":\"prod\",\"subnet\":\"app\"}}\n"
		"/IpamDriver.RequestPool {}");
	expect_reply(r, "{\"PoolID\":\"subnet-1/4\",\"Pool\":\"10.0.1.0/24\",\"Data\":{\"com.docker.network.gateway\":"
			"\"10.0.1.1/24\"}}");
	expect_reply(r, "subnet app has 10.0.1.0/24; leave --subnet out");
	expect_reply(r, "subnet app has no IPv6");
	expect_reply(r, "--ipam-opt subnet=NAME is missing");
}

Test(cli_docker, a_network_with_wrong_options_is_refused_and_not_kept)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/subnets/app", 200, SUBNET);
	r = ask("/NetworkDriver.CreateNetwork {" NETWORK
		",\"Options\":{\"com.docker.network.generic\":{\"colour\":\"red\"}}}\n"
		"/NetworkDriver.CreateNetwork {" NETWORK
		",\"Options\":{\"com.docker.network.generic\":{\"vpc\":\"x\"}}}\n"
		"/NetworkDriver.CreateNetwork {" NETWORK
		",\"Options\":{\"com.docker.network.generic\":{\"subnet\":\"app\","
		"\"security-groups\":\"a,,b\"}}}\n"
		"/NetworkDriver.CreateNetwork {" NETWORK
		",\"Options\":{\"com.docker.network.generic\":{\"subnet\":\"app\"}},"
		"\"IPv4Data\":[{\"Pool\":\"172.17.0.0/16\"}]}");
	expect_reply(r, "--opt colour: there is no such option");
	expect_reply(r, "--opt subnet=NAME is missing");
	expect_reply(r, "'a,,b' is not a list of groups");
	expect_reply(r, "add --ipam-driver vpc --ipam-opt subnet=app");
	cr_assert_null(strstr(r.out, ".json"));
}

Test(cli_docker, ids_that_are_paths_name_no_file)
{
	struct cli_result r = ask("/NetworkDriver.CreateEndpoint {\"NetworkID\":\"../../etc/passwd\"," ENDPOINT
				  ",\"Interface\":{}}\n/NetworkDriver.DeleteNetwork {\"NetworkID\":\"../x\"}");

	expect_reply(r, "is not an id");
}

Test(cli_docker, what_is_not_a_request_is_an_error)
{
	struct cli_result r = ask("/NetworkDriver.CreateEndpoint [1]\n/NetworkDriver.CreateEndpoint {\n"
				  "/NetworkDriver.Join {" NETWORK "}\n/IpamDriver.RequestAddress {\"PoolID\":\"x\"}");

	expect_reply(r, "the request is not a JSON object");
	expect_reply(r, "the request has no NetworkID or EndpointID");
	expect_reply(r, "'x' is not a pool of vpc-docker");
}

/* The index of the fake daemon's request of that method and path, or fails. */
static size_t request_of(const char *request)
{
	for (size_t i = 0; i < fake_requests(d); i++)
		if (!strcmp(fake_request(d, i), request))
			return i;
	cr_assert_fail("it wasn't asked %s", request);
	return 0;
}

Test(cli_docker, an_endpoint_is_an_eni_with_the_networks_groups_or_those_it_may_ask_for)
{
	struct cli_result r;

	fake_reply(d, "GET", "/v1/subnets/app", 200, SUBNET);
	fake_reply(d, "GET", "/v1/enis", 200, "{\"enis\":[]}");
	fake_reply(d, "POST", "/v1/transactions", 200,
		   "{\"results\":[{\"id\":\"eni-1\",\"mac\":\"02:00:00:00:00:01\"}]}");
	r = ask("/NetworkDriver.CreateNetwork {" NETWORK
		",\"Options\":{\"com.docker.network.generic\":{\"subnet\":\"app\","
		"\"security-groups\":\"web\",\"allowed-security-groups\":\"db\"}},\"IPv4Data\":[{\"Pool\":\"10.0.1.0/"
		"24\"}]}\n"
		"/NetworkDriver.CreateEndpoint {" NETWORK "," ENDPOINT
		",\"Options\":{\"vpc.security-groups\":\"root\"},"
		"\"Interface\":{\"Address\":\"10.0.1.9/24\"}}\n"
		"/NetworkDriver.CreateEndpoint {" NETWORK "," ENDPOINT ",\"Options\":{\"vpc.security-groups\":\"db\"},"
		"\"Interface\":{\"Address\":\"10.0.1.9/24\"}}");
	expect_reply(r, "this network doesn't let containers ask for group 'root'");
	expect_reply(r, "{\"Interface\":{\"MacAddress\":\"02:00:00:00:00:01\"}}");
	/* the first transaction tried the network's groups */
	expect_request(d, request_of("POST /v1/transactions"), "POST /v1/transactions",
		       "{\"dry_run\":true,\"changes\":[{\"op\":\"eni.create\",\"name\":\"docker:try\",\"subnet_id\":"
		       "\"subnet-1\",\"security_groups\":[\"web\"]}]}");
	cr_assert(strstr(fake_body(d, fake_requests(d) - 1), "\"security_groups\":[\"db\"]"));
	cr_assert(strstr(fake_body(d, fake_requests(d) - 1), "\"name\":\"docker:eeeeeeeeeeee\""));
	cr_assert(strstr(fake_body(d, fake_requests(d) - 1), "\"ip\":\"10.0.1.9\""));
}

Test(cli_docker, an_address_that_is_deleted_with_its_endpoint_is_reserved_again_in_the_same_transaction)
{
	fake_reply(d, "GET", "/v1/enis/docker%3Aeeeeeeeeeeee", 200,
		   "{\"id\":\"eni-1\",\"ip\":\"10.0.1.9\",\"ip6\":null,\"mac\":\"02:00:00:00:00:01\",\"attachment\":"
		   "{\"kind\":\"link\"},\"tags\":{\"docker/network\":\"aaaaaaaaaaaabbbb\",\"docker/endpoint\":"
		   "\"eeeeeeeeeeee\",\"docker/reserved\":\"subnet-1\"}}");
	fake_reply(d, "POST", "/v1/transactions", 200, "{\"results\":[{},{},{\"id\":\"eni-2\"}]}");
	ask("/NetworkDriver.DeleteEndpoint {" NETWORK "," ENDPOINT "}");
	cr_assert(strstr(
		fake_body(d, fake_requests(d) - 1),
		"[{\"op\":\"eni.detach\",\"eni_id\":\"eni-1\"},{\"op\":\"eni.delete\",\"eni_id\":\"eni-1\"},{\"op\":"
		"\"eni.create\",\"name\":\"docker:reserved-"));
}

Test(cli_docker, an_eni_of_that_name_that_is_not_dockers_is_let_be)
{
	fake_reply(d, "GET", "/v1/enis/docker%3Aeeeeeeeeeeee", 200, "{\"id\":\"eni-1\",\"tags\":{}}");
	ask("/NetworkDriver.DeleteEndpoint {" NETWORK "," ENDPOINT "}");
	cr_assert_eq(fake_requests(d), 1);
}

Test(cli_docker, without_vpcd_docker_is_told)
{
	struct cli_result r =
		ask_with("/nonexistent/vpcd.sock", "/IpamDriver.RequestPool {\"Options\":{\"subnet\":\"app\"}}");

	expect_reply(r, "{\"Err\":\"vpcd: no daemon at /nonexistent/vpcd.sock");
}

Test(cli_docker, an_interval_that_is_no_number_of_seconds_is_refused)
{
	static const char *const wrong[] = {"''",   "-1", "+5", "1.5", "5s", "' 5'", "86401", "18446744073709551617",
					    "often"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		_cleanup_free_ char *line = NULL;
		struct cli_result r;

		/* one that is taken would start the driver */
		cr_assert(
			asprintf(&line,
				 "--version >/dev/null; dir=$(mktemp -d); timeout 5 \"${VPCCTL%%ctl}-docker\" "
				 "--state-dir \"$dir/s\" --plugin-socket \"$dir/p/vpc.sock\" --reconcile-interval %s; "
				 "r=$?; rm -r \"$dir\"; exit $r",
				 wrong[i]) > 0);
		r = cli_run(d, line);
		cr_assert_eq(r.status, 2, "%s: %d", wrong[i], r.status);
		cr_assert_not_null(strstr(r.err, "is not a number of seconds from 0 to 86400"), "%s", r.err);
	}
}
