/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests and replies through a real socket. */
#include "api_fixture.h"

static struct fixture f;

#define API_TEST(name) FIXTURE_TEST(api_server, f, name)

#define VPC_BODY    "{\"name\": \"prod\", \"cidr\": \"10.0.0.0/16\"}"
#define SUBNET_BODY "{\"name\": \"app\", \"vpc_id\": \"prod\", \"cidr\": \"10.0.1.0/24\"}"

/* Expects success. */
static struct response done(const char *method, const char *path, const char *body, int status)
{
	struct response r = ask(&f, method, path, body);

	cr_assert_eq(r.status, status, "%s %s: %d %s", method, path, r.status, r.body);
	cr_assert(r.json, "%s %s: %s", method, path, r.body);
	return r;
}

static void do_it(const char *method, const char *path, const char *body, int status)
{
	struct response r = done(method, path, body, status);

	response_clear(&r);
}

static void make_network(void)
{
	do_it("POST", "/v1/vpcs", VPC_BODY, 201);
	do_it("POST", "/v1/subnets", SUBNET_BODY, 201);
	do_it("POST", "/v1/security-groups", "{\"name\": \"web\", \"vpc_id\": \"prod\"}", 201);
}

API_TEST(sockets_have_their_modes)
{
	struct stat st;

	cr_assert_eq(lstat(f.write_path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0660);
	cr_assert_eq(lstat(f.read_path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0660);
}

API_TEST(a_change_replies_with_its_object)
{
	struct response r = done("POST", "/v1/vpcs", VPC_BODY, 201);

	cr_expect_str_eq(text_of(&r, "name"), "prod");
	cr_expect_str_eq(text_of(&r, "cidr"), "10.0.0.0/16");
	cr_expect_eq(number_of(&r, "revision"), 1);
	cr_expect_eq(number_of(&r, "epoch"), 1);
	cr_expect_eq(number_of(&r, "enforced_ns"), 12345);
	cr_expect_null(json_object_get(r.json, "pending"));
	cr_expect_null(json_object_get(r.json, "results"));
	cr_expect(strstr(r.head, "\nETag: \"1\"") != NULL, "%s", r.head);
	cr_expect_eq(f.engine->caller.uid, getuid());
	cr_expect_eq(f.engine->caller.pid, getpid());
	cr_expect_neq(f.engine->received_ns, 0);
	response_clear(&r);
}

API_TEST(objects_are_found_by_id_name_and_scope)
{
	struct response r;
	char path[128];

	make_network();
	r = done("GET", "/v1/security-groups/web", NULL, 200);
	snprintf(path, sizeof(path), "/v1/security-groups/%s", text_of(&r, "id"));
	response_clear(&r);
	do_it("GET", path, NULL, 200);
	do_it("GET", "/v1/security-groups/web?vpc=prod", NULL, 200);
	do_it("POST", "/v1/vpcs", "{\"name\": \"test\", \"cidr\": \"10.0.0.0/16\"}", 201);
	do_it("POST", "/v1/security-groups", "{\"name\": \"web\", \"vpc_id\": \"test\"}", 201);
	expect_error(&f, "GET", "/v1/security-groups/web", "", NULL, 409, "AmbiguousName", NULL);
	do_it("GET", "/v1/security-groups/web?vpc=test", NULL, 200);
	expect_error(&f, "GET", "/v1/security-groups/none", "", NULL, 404, "InvalidGroup.NotFound", NULL);
	expect_error(&f, "GET", "/v1/security-groups/web?vpc=none", "", NULL, 404, "InvalidVpcID.NotFound", NULL);
	do_it("DELETE", "/v1/security-groups/web?vpc=test", NULL, 200);
}

API_TEST(names_with_spaces_and_slashes)
{
	make_network();
	do_it("POST", "/v1/security-groups", "{\"name\": \"a b/c\", \"vpc_id\": \"prod\"}", 201);
	do_it("GET", "/v1/security-groups/a%20b%2Fc", NULL, 200);
	expect_error(&f, "GET", "/v1/security-groups/a%20b/c", "", NULL, 404, "NotFound", NULL);
	expect_error(&f, "GET", "/v1/security-groups/a%2", "", NULL, 400, "MalformedRequest", NULL);
	expect_error(&f, "GET", "/v1/security-groups/a%00", "", NULL, 400, "MalformedRequest", NULL);
	expect_error(&f, "GET", "/v1/security-groups/%ff", "", NULL, 400, "MalformedRequest", NULL);
}

API_TEST(lists_and_filters)
{
	struct response r;

	make_network();
	do_it("POST", "/v1/enis", "{\"name\": \"web1\", \"subnet_id\": \"app\"}", 201);
	do_it("POST", "/v1/vpcs", "{\"name\": \"test\", \"cidr\": \"10.0.0.0/16\"}", 201);
	r = done("GET", "/v1/vpcs", NULL, 200);
	cr_expect_eq(json_array_size(json_object_get(r.json, "vpcs")), 2);
	cr_expect_eq(number_of(&r, "revision"), 5);
	response_clear(&r);
	r = done("GET", "/v1/security-groups", NULL, 200);
	cr_expect_eq(json_array_size(json_object_get(r.json, "security_groups")), 3);
	response_clear(&r);
	r = done("GET", "/v1/security-groups?vpc=test", NULL, 200);
	cr_expect_eq(json_array_size(json_object_get(r.json, "security_groups")), 1);
	response_clear(&r);
	r = done("GET", "/v1/enis?subnet=app&vpc=prod", NULL, 200);
	cr_expect_eq(json_array_size(json_object_get(r.json, "enis")), 1);
	response_clear(&r);
	r = done("GET", "/v1/enis?vpc=test", NULL, 200);
	cr_expect_eq(json_array_size(json_object_get(r.json, "enis")), 0);
	response_clear(&r);
	expect_error(&f, "GET", "/v1/enis?subnet=none", "", NULL, 404, "InvalidSubnetID.NotFound", "subnet");
	expect_error(&f, "GET", "/v1/enis?colour=red", "", NULL, 400, "UnknownParameter", "colour");
	expect_error(&f, "GET", "/v1/enis?vpc=a&vpc=b", "", NULL, 400, "InvalidParameterValue", "vpc");
}

API_TEST(a_long_list_comes_in_pieces)
{
	struct response r;

	make_network();
	for (int i = 0; i < 300; i++) {
		char body[128];

		snprintf(body, sizeof(body), "{\"name\": \"g%d\", \"vpc_id\": \"prod\"}", i);
		do_it("POST", "/v1/security-groups", body, 201);
	}
	r = done("GET", "/v1/security-groups", NULL, 200);
	cr_expect(strstr(r.head, "chunked") != NULL);
	cr_expect_eq(json_array_size(json_object_get(r.json, "security_groups")), 302);
	cr_expect_eq(number_of(&r, "revision"), 303);
	response_clear(&r);
}

static void delete_group(struct fixture *fixture, void *data)
{
	struct model_context context = {.revision = 999, .seed = 1, .instance = "default"};
	struct change c = {.op = CHANGE_SG_DELETE, .present = FIELD_BIT(FIELD_SG_ID), .sg_id = data};
	struct vpc_error e = VPC_ERROR_INIT;
	struct change_result result = {0};
	struct model_txn *txn;

	cr_assert_eq(model_begin(fixture->engine->model, &context, &txn), 0);
	cr_assert_eq(model_apply(txn, &c, &result, &e), 0, "%s", e.message);
	change_result_clear(&result);
	model_commit(txn);
}

/* The reader is slow: most of the list is not yet written when an object of it goes away. */
API_TEST(a_list_survives_what_changes_while_it_is_read)
{
	int fd = client_connect(f.write_path);
	struct response r;
	size_t n = 0, i;
	json_t *group;

	make_network();
	for (i = 0; i < 3000; i += 300) {
		char *body = malloc(100000);
		size_t used = (size_t)sprintf(body, "{\"changes\": [");

		for (size_t k = i; k < i + 300; k++)
			used += (size_t)sprintf(body + used,
						"%s{\"op\": \"sg.create\", \"name\": \"g%zu\", \"vpc_id\": \"prod\", "
						"\"description\": \"%0200d\"}",
						k > i ? "," : "", k, 0);
		strcpy(body + used, "]}");
		do_it("POST", "/v1/transactions", body, 200);
		free(body);
		if (i == 2100)
			break; /* the VPC's limit is 2,500 groups */
	}
	client_request(fd, "GET", "/v1/security-groups", "", NULL);
	usleep(200000);
	on_loop(&f, delete_group, (void *)"g2399");
	r = client_receive(fd);
	cr_assert(r.json, "%.200s", r.body);
	json_array_foreach (json_object_get(r.json, "security_groups"), i, group) {
		n++;
		cr_expect_str_neq(json_string_value(json_object_get(group, "name")), "g2399");
	}
	cr_expect_eq(n, 2401);
	close(fd);
	response_clear(&r);
}

API_TEST(rules)
{
	struct response r;
	json_t *rules;
	char body[256];

	make_network();
	r = done("POST", "/v1/security-groups/web/rules",
		 "{\"rules\": [{\"direction\": \"ingress\", \"protocol\": \"tcp\", \"from_port\": 443, \"to_port\": "
		 "443, "
		 "\"cidr\": \"0.0.0.0/0\"}]}",
		 201);
	rules = json_object_get(r.json, "rules");
	cr_assert_eq(json_array_size(rules), 1);
	cr_expect(strncmp(text_of(&r, "id"), "sg-", 3) == 0);
	cr_expect_neq(number_of(&r, "epoch"), 0);
	snprintf(body, sizeof(body), "{\"rule_ids\": [\"%s\"], \"flows\": \"keep\"}",
		 json_string_value(json_object_get(json_array_get(rules, 0), "id")));
	response_clear(&r);
	do_it("DELETE", "/v1/security-groups/web/rules", body, 200);
	expect_error(&f, "DELETE", "/v1/security-groups/web/rules", "", NULL, 400, "MalformedRequest", NULL);
	expect_error(&f, "POST", "/v1/security-groups/web/rules", "", "{}", 400, "MissingParameter", "rules");
	expect_error(&f, "POST", "/v1/security-groups/web/rules", "", "{\"rules\": [{\"direction\": 1}]}", 400,
		     "InvalidParameterValue", "rules[0].direction");
}

API_TEST(a_deletion_replies_with_the_id)
{
	struct response r;

	make_network();
	r = done("DELETE", "/v1/security-groups/web", NULL, 200);
	cr_expect(strncmp(text_of(&r, "id"), "sg-", 3) == 0);
	cr_expect_eq(number_of(&r, "revision"), 4);
	cr_expect_eq(number_of(&r, "epoch"), 4);
	response_clear(&r);
}

API_TEST(scope_and_if_match_reach_the_change)
{
	struct response r;

	make_network();
	r = ask_at(f.write_path, "PATCH", "/v1/security-groups/web?vpc=prod", "If-Match: \"3\"\r\n",
		   "{\"description\": \"x\"}");
	cr_expect_eq(r.status, 200, "%s", r.body);
	cr_expect_str_eq(f.engine->scope, "prod");
	cr_expect_eq(f.engine->if_match, 3);
	response_clear(&r);
	expect_error(&f, "PATCH", "/v1/security-groups/web", "If-Match: \"3\"\r\n", "{\"description\": \"y\"}", 409,
		     "RevisionMismatch", NULL);
	expect_error(&f, "PATCH", "/v1/security-groups/web", "If-Match: 3\r\n", "{}", 400, "InvalidParameterValue",
		     "If-Match");
	expect_error(&f, "PATCH", "/v1/security-groups/web", "If-Match: \"0\"\r\n", "{}", 400, "InvalidParameterValue",
		     "If-Match");
	expect_error(&f, "PATCH", "/v1/security-groups/web", "If-Match: \"99999999999999999999999\"\r\n", "{}", 400,
		     "InvalidParameterValue", "If-Match");
	expect_error(&f, "POST", "/v1/vpcs", "If-Match: \"3\"\r\n", VPC_BODY, 400, "InvalidParameterCombination",
		     "If-Match");
	expect_error(&f, "PATCH", "/v1/security-groups/web?vpc=prod", "", "{\"vpc\": \"test\"}", 400,
		     "InvalidParameterCombination", "vpc");
}

API_TEST(a_dry_run_changes_nothing)
{
	struct response r =
		done("POST", "/v1/vpcs", "{\"name\": \"a\", \"cidr\": \"10.0.0.0/16\", \"dry_run\": true}", 200);

	cr_expect(f.engine->dry_run);
	cr_expect(json_is_true(json_object_get(r.json, "dry_run")));
	response_clear(&r);
	expect_error(&f, "GET", "/v1/vpcs/a", "", NULL, 404, "InvalidVpcID.NotFound", NULL);
}

API_TEST(an_idempotency_key_stands_for_one_request)
{
	struct response a, b;

	a = ask_at(f.write_path, "POST", "/v1/vpcs", "Idempotency-Key: k1\r\n", VPC_BODY);
	b = ask_at(f.write_path, "POST", "/v1/vpcs", "Idempotency-Key: k1\r\n", VPC_BODY);
	cr_expect_eq(a.status, 201);
	cr_expect_eq(b.status, 201, "%s", b.body);
	cr_expect(json_equal(a.json, b.json), "%s\n%s", a.body, b.body);
	response_clear(&a);
	response_clear(&b);
	expect_error(&f, "POST", "/v1/vpcs", "Idempotency-Key: k1\r\n", "{\"name\": \"x\", \"cidr\": \"10.0.0.0/16\"}",
		     409, "IdempotentParameterMismatch", NULL);
	expect_error(&f, "POST", "/v1/vpcs", "Idempotency-Key: a\tb\r\n", VPC_BODY, 400, "InvalidParameterValue",
		     "Idempotency-Key");
}

API_TEST(transactions)
{
	struct response r =
		done("POST", "/v1/transactions",
		     "{\"changes\": [{\"op\": \"vpc.create\", \"name\": \"a\", \"cidr\": \"10.0.0.0/16\"},"
		     "{\"op\": \"subnet.create\", \"name\": \"s\", \"vpc_id\": \"$0.id\", \"cidr\": \"10.0.0.0/24\"}]}",
		     200);

	cr_expect_eq(json_array_size(json_object_get(r.json, "results")), 2);
	cr_expect_eq(number_of(&r, "revision"), 1);
	response_clear(&r);
	for (unsigned i = 0; i < 2; i++) {
		r = ask(&f, "POST", i ? "/v1/explain" : "/v1/transactions",
			"{\"changes\": [{\"op\": \"vpc.create\", \"name\": \"b\", \"cidr\": \"10.0.0.0/16\"},"
			"{\"op\": \"vpc.create\", \"name\": \"c\", \"cidr\": \"10.0.0.1/16\"}]}");
		cr_expect_eq(r.status, 400);
		cr_expect_eq(number_of(&r, "change"), 1, "%s", r.body);
		response_clear(&r);
	}
	expect_error(&f, "GET", "/v1/vpcs/b", "", NULL, 404, "InvalidVpcID.NotFound", NULL);
	expect_error(&f, "POST", "/v1/transactions", "If-Match: \"1\"\r\n",
		     "{\"changes\": [{\"op\": \"vpc.delete\", \"vpc_id\": \"a\"}]}", 400, "InvalidParameterCombination",
		     "If-Match");
}

API_TEST(attachments_and_groups_of_an_eni)
{
	make_network();
	do_it("POST", "/v1/enis", "{\"name\": \"web1\", \"subnet_id\": \"app\"}", 201);
	do_it("PUT", "/v1/enis/web1/security-groups", "{\"security_groups\": [\"web\"], \"flows\": \"drain=5\"}", 200);
	expect_error(&f, "PUT", "/v1/enis/web1/security-groups", "", "{}", 400, "MissingParameter", "security_groups");
	expect_error(&f, "PUT", "/v1/enis/web1/attachment", "", "{}", 400, "MissingParameter", "netns");
	expect_error(&f, "PUT", "/v1/enis/web1/attachment", "", "{\"netns\": 1}", 400, "InvalidParameterValue",
		     "netns");
	do_it("PUT", "/v1/enis/web1/attachment", "{\"netns\": \"web1\", \"ifname\": \"eth0\"}", 200);
	do_it("DELETE", "/v1/enis/web1/attachment", NULL, 200);
}

API_TEST(wrong_requests)
{
	expect_error(&f, "GET", "/", "", NULL, 404, "NotFound", NULL);
	expect_error(&f, "GET", "/v1/vpcs/", "", NULL, 404, "NotFound", NULL);
	expect_error(&f, "GET", "/v1/unknown", "", NULL, 404, "NotFound", NULL);
	expect_error(&f, "POST", "/v1/vpcs", "", "", 400, "MalformedRequest", NULL);
	expect_error(&f, "POST", "/v1/vpcs", "", "{", 400, "MalformedRequest", NULL);
	expect_error(&f, "POST", "/v1/vpcs", "", "[]", 400, "MalformedRequest", NULL);
	expect_error(&f, "POST", "/v1/vpcs", "", "{\"name\": \"\xff\"}", 400, "MalformedRequest", NULL);
	expect_error(&f, "POST", "/v1/vpcs", "", "{\"name\": \"a\"}", 400, "MissingParameter", "cidr");
	expect_error(&f, "POST", "/v1/vpcs", "", "{\"nam\": \"a\"}", 400, "UnknownParameter", "nam");
	expect_error(&f, "POST", "/v1/vpcs", "", "{\"name\": 1}", 400, "InvalidParameterValue", "name");
	expect_error(&f, "GET", "/v1/status", "", "{}", 400, "MalformedRequest", NULL);
	cr_expect_eq(f.engine->asked, 0);
}

API_TEST(methods_that_an_address_does_not_have)
{
	struct response r = ask(&f, "PUT", "/v1/vpcs", "{}");

	cr_expect_eq(r.status, 405);
	cr_expect_str_eq(text_of(&r, "code"), "MethodNotAllowed");
	cr_expect(strstr(r.head, "\nAllow: GET, POST\n") != NULL, "%s", r.head);
	response_clear(&r);
	r = ask(&f, "BREW", "/v1/vpcs/x", NULL);
	cr_expect_eq(r.status, 405);
	response_clear(&r);
}

API_TEST(errors_of_the_engine)
{
	for (int code = VPC_E_OK + 1; code < VPC_E_COUNT; code++) {
		f.engine->error = code;
		expect_error(&f, "POST", "/v1/vpcs", "", VPC_BODY, vpc_code_status(code), vpc_code_string(code), NULL);
	}
}

API_TEST(the_second_socket_only_reads)
{
	struct response r;

	make_network();
	r = ask_at(f.read_path, "GET", "/v1/vpcs/prod", "", NULL);
	cr_expect_eq(r.status, 200);
	response_clear(&r);
	r = ask_at(f.read_path, "DELETE", "/v1/vpcs/prod", "", NULL);
	cr_expect_eq(r.status, 405);
	cr_expect(strstr(r.head, "\nAllow: GET\n") != NULL, "%s", r.head);
	response_clear(&r);
	r = ask_at(f.read_path, "POST", "/v1/transactions", "", "{}");
	cr_expect_eq(r.status, 405);
	response_clear(&r);
	cr_expect_eq(f.engine->asked, 3);
}

API_TEST(reports)
{
	struct response r = done("GET", "/v1/status", NULL, 200);

	cr_expect_str_eq(text_of(&r, "instance"), "default");
	response_clear(&r);
	r = done("GET", "/v1/verify", NULL, 200);
	cr_expect(json_is_true(json_object_get(r.json, "equal")));
	response_clear(&r);
	r = done("GET", "/v1/openapi.json", NULL, 200);
	cr_expect_str_eq(text_of(&r, "openapi"), "3.1.0");
	response_clear(&r);
	do_it("POST", "/v1/vpcs", VPC_BODY, 201);
	r = ask(&f, "GET", "/metrics", NULL);
	cr_expect_eq(r.status, 200);
	cr_expect(strstr(r.body, "\nvpcd_objects{kind=\"vpcs\"} 1\n") != NULL, "%s", r.body);
	cr_expect(strstr(r.body, "\nvpcd_revision 1\n") != NULL, "%s", r.body);
	response_clear(&r);
}
