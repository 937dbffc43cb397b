/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of flows: whole for who reads them, and bounded for who doesn't. Cuts: what is asked of the engine. */
#include "api_fixture.h"

static struct fixture f;

#define API_TEST(name) FIXTURE_TEST(api_flows, f, name)

static bool gone(void)
{
	for (int i = 0; i < 1000 && f.engine->n_lists > 0; i++)
		usleep(5000);
	return f.engine->n_lists == 0;
}

API_TEST(every_flow_is_in_one_document)
{
	struct response r = ask(&f, "GET", "/v1/flows", NULL);
	json_t *flow;
	size_t i;

	cr_assert_eq(r.status, 200);
	cr_assert_eq(json_array_size(json_object_get(r.json, "flows")), FAKE_FLOWS);
	json_array_foreach (json_object_get(r.json, "flows"), i, flow)
		cr_assert_eq(json_integer_value(json_object_get(flow, "packets")), i);
	cr_expect(json_is_true(json_object_get(r.json, "complete")));
	response_clear(&r);
	cr_expect(gone(), "a list that was read is kept");
}

API_TEST(a_limit_ends_the_list_and_says_so)
{
	struct response r =
		ask(&f, "GET", "/v1/flows?limit=150&protocol=udp&port=53&peer=10.0.0.0/8&state=stream,cut", NULL);
	unsigned lines = 0;

	cr_assert_eq(r.status, 200);
	cr_expect_eq(json_array_size(json_object_get(r.json, "flows")), 150);
	cr_expect(json_is_false(json_object_get(r.json, "complete")));
	for (const char *at = r.body; (at = strchr(at, '\n')); at++)
		lines++;
	cr_expect_eq(lines, 152, "%u", lines); /* each flow on a line, between the first and the last */
	response_clear(&r);
	cr_expect_eq(f.engine->filter.protocol, 17);
	cr_expect_eq(f.engine->filter.port, 53);
	cr_expect_eq(f.engine->filter.peer.plen, 8);
	cr_expect_eq(f.engine->filter.states, 1u << VPC_FLOW_STREAM | 1u << VPC_FLOW_TOMBSTONE);
	cr_expect(gone());
}

API_TEST(who_stops_reading_stops_the_list_and_nobody_else)
{
	int fd = client_connect(f.write_path);
	unsigned pieces;

	client_request(fd, "GET", "/v1/flows", "", NULL);
	cr_assert(wait_for(&f.engine->pieces, 1));
	/* What fits into the stream's buffer and the socket's is made, and no more. */
	do {
		pieces = f.engine->pieces;
		usleep(100000);
	} while (pieces != f.engine->pieces);
	cr_expect_lt(pieces, FAKE_FLOWS / FAKE_FLOWS_PIECE);
	expect_error(&f, "GET", "/v1/flows?port=x", "", NULL, 400, "InvalidParameterValue", "port");
	close(fd);
	cr_expect(gone(), "nobody noticed that the client has gone");
}

API_TEST(a_cut_names_what_it_cuts)
{
	expect_error(&f, "POST", "/v1/flows/cut", "", "{}", 400, "MissingParameter", "eni_id");
	expect_error(&f, "POST", "/v1/flows/cut", "", NULL, 400, "MissingParameter", "eni_id");
	expect_error(&f, "POST", "/v1/flows/cut", "", "{\"eni_id\": \"web1\"}", 404,
		     "InvalidNetworkInterfaceID.NotFound", "eni_id");
	expect_error(&f, "POST", "/v1/flows/cut", "", "{\"eni_id\": \"web1\", \"state\": \"cut\"}", 400,
		     "UnknownParameter", "state");
}
