/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies of requests: every change with each field there, missing, wrong, unknown. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "api/v1/decode.h"

/* For each field one value that is right and one of another type. */
static const struct {
	const char *right, *wrong;
} samples[FIELD_COUNT] = {
	[FIELD_NAME] = {"\"a\"", "1"},
	[FIELD_DESCRIPTION] = {"\"text\"", "[]"},
	[FIELD_TAGS] = {"{\"k\": \"v\", \"l\": \"\"}", "{\"k\": 1}"},
	[FIELD_VPC_ID] = {"\"prod\"", "null"},
	[FIELD_SUBNET_ID] = {"\"app\"", "{}"},
	[FIELD_SG_ID] = {"\"web\"", "true"},
	[FIELD_ENI_ID] = {"\"web1\"", "12"},
	[FIELD_CIDR] = {"\"10.0.0.0/16\"", "10"},
	[FIELD_CIDR6] = {"\"fd00::/56\"", "false"},
	[FIELD_MTU] = {"1500", "\"1500\""},
	[FIELD_IP] = {"\"10.0.0.5\"", "1.5"},
	[FIELD_IP6] = {"\"fd00::5\"", "[]"},
	[FIELD_SECONDARY_IPS] = {"[\"10.0.0.6\"]", "[6]"},
	[FIELD_MAC] = {"\"02:00:00:00:00:01\"", "2"},
	[FIELD_SOURCE_DEST_CHECK] = {"false", "\"false\""},
	[FIELD_DELETE_ON_TERMINATION] = {"true", "1"},
	[FIELD_SECURITY_GROUPS] = {"[\"web\", \"db\"]", "\"web\""},
	[FIELD_ENIS] = {"[\"web1\"]", "[null]"},
	[FIELD_RULES] = {"[{\"direction\": \"ingress\", \"protocol\": \"tcp\", \"from_port\": 1, \"to_port\": 2, "
			 "\"cidr\": \"10.0.0.0/8\"}]",
			 "{}"},
	[FIELD_RULE_IDS] = {"[\"sgr-1\"]", "[[]]"},
	[FIELD_FLOWS] = {"\"drain=30\"", "\"drain\""},
	[FIELD_ATTACHMENT] = {"{\"netns\": \"web1\"}", "\"web1\""},
	[FIELD_REASON] = {"\"gone\"", "0"},
	[FIELD_DNS_SERVERS] = {"[\"10.0.0.53\"]", "\"10.0.0.53\""},
	[FIELD_ROUTE_TABLE_ID] = {"\"main\"", "1"},
	[FIELD_IGW_ID] = {"\"gate\"", "1"},
	[FIELD_EIGW_ID] = {"\"out6\"", "1"},
	[FIELD_NAT_ID] = {"\"out\"", "1"},
	[FIELD_EIP_ID] = {"\"eipalloc-1\"", "1"},
	[FIELD_PUBLISH_ID] = {"\"pub-1\"", "1"},
	[FIELD_PEERING_ID] = {"\"pcx-1\"", "1"},
	[FIELD_COUNT_FLOWS] = {"true", "\"on\""},
	[FIELD_FLOW_LOG_ID] = {"\"fl-1\"", "1"},
	[FIELD_TRAFFIC] = {"\"reject\"", "1"},
	[FIELD_INTERVAL] = {"60", "\"60\""},
	[FIELD_FORMAT] = {"\"json\"", "{}"},
	[FIELD_PREFIX_LIST_ID] = {"\"offices\"", "1"},
	[FIELD_MAX_ENTRIES] = {"10", "\"10\""},
	[FIELD_FAMILY] = {"6", "\"6\""},
	[FIELD_ENTRIES] = {"[{\"cidr\": \"10.0.0.0/8\"}]", "{}"},
	[FIELD_VERSION] = {"2", "\"2\""},
	[FIELD_ACL_ID] = {"\"edge\"", "1"},
	[FIELD_DIRECTION] = {"\"egress\"", "1"},
	[FIELD_RULE_NUMBER] = {"100", "\"100\""},
	[FIELD_ACTION] = {"\"deny\"", "false"},
	[FIELD_INTERNET] = {"true", "\"true\""},
	[FIELD_SUBNETS] = {"[\"app\"]", "\"app\""},
	[FIELD_DESTINATION] = {"\"0.0.0.0/0\"", "0"},
	[FIELD_DESTINATION_LIST] = {"\"offices\"", "1"},
	[FIELD_PEER_VPC_ID] = {"\"b\"", "null"},
	[FIELD_TARGET] = {"\"blackhole\"", "null"},
	[FIELD_ALLOW_REASSOCIATION] = {"false", "\"no\""},
	[FIELD_POOL] = {"\"public\"", "1"},
	[FIELD_ADDRESS] = {"\"203.0.113.7\"", "203"},
	[FIELD_HOST_ACCESS] = {"[\"192.0.2.1/32\"]", "\"192.0.2.1/32\""},
	[FIELD_PRIVATE_IP] = {"\"10.0.0.5\"", "10"},
	[FIELD_PROTOCOL] = {"\"udp\"", "17"},
	[FIELD_FROM_PORT] = {"80", "\"80\""},
	[FIELD_TO_PORT] = {"81", "\"81\""},
	[FIELD_HOST_FROM_PORT] = {"8080", "\"8080\""},
	[FIELD_HOST_TO_PORT] = {"8081", "\"8081\""},
	[FIELD_HOST_ADDRESS] = {"\"192.0.2.1\"", "192"},
	[FIELD_DOMAIN_NAME] = {"\"prod.internal\"", "53"},
};

/* {"name": …} of the fields in `which`; `wrong` has its wrong value. Owned. */
static json_t *make_object(uint64_t which, int wrong)
{
	json_t *o = json_object();

	for (int f = 0; f < FIELD_COUNT; f++) {
		if (which & FIELD_BIT(f))
			json_object_set_new(
				o, change_field_name(f),
				json_loads(f == wrong ? samples[f].wrong : samples[f].right, JSON_DECODE_ANY, NULL));
	}
	return o;
}

static void expect_refused(json_t *o, enum change_op op, enum vpc_code code, const char *field)
{
	struct vpc_error e = VPC_ERROR_INIT;
	struct change c = {0};
	bool dry_run;
	int r = decode_change(o, op, 0, &c, &dry_run, &e);

	cr_assert(r < 0, "%s: taken", change_op_name(op));
	cr_expect(e.code == code, "%s: %s, expected %s (%s)", change_op_name(op), vpc_code_string(e.code),
		  vpc_code_string(code), field);
	cr_expect(strncmp(e.field, field, strlen(field)) == 0, "%s: field %s, expected %s", change_op_name(op), e.field,
		  field);
	json_decref(o);
}

Test(api_decode, samples_are_complete)
{
	for (int f = 0; f < FIELD_COUNT; f++) {
		cr_assert(samples[f].right, "%s", change_field_name(f));
		cr_assert_str_eq(decode_change_members[f].name, change_field_name(f));
	}
}

Test(api_decode, every_op_with_every_field)
{
	for (int op = 0; op < CHANGE_OPS; op++) {
		struct vpc_error e = VPC_ERROR_INIT;
		json_t *o = make_object(change_op_allowed(op), -1);
		struct change c;
		bool dry_run;

		cr_assert_eq(decode_change(o, op, 0, &c, &dry_run, &e), 0, "%s: %s", change_op_name(op), e.message);
		cr_expect_eq(c.present, change_op_allowed(op), "%s", change_op_name(op));
		cr_expect_eq(c.op, (enum change_op)op);
		cr_expect_not(dry_run);
		change_clear(&c);
		json_decref(o);
	}
}

Test(api_decode, every_required_field_missing)
{
	for (int op = 0; op < CHANGE_OPS; op++) {
		for (int f = 0; f < FIELD_COUNT; f++) {
			if (change_op_required(op) & FIELD_BIT(f))
				expect_refused(make_object(change_op_allowed(op) & ~FIELD_BIT(f), -1), op,
					       VPC_E_MISSING_PARAMETER, change_field_name(f));
		}
	}
}

Test(api_decode, every_field_of_a_wrong_type)
{
	for (int op = 0; op < CHANGE_OPS; op++) {
		for (int f = 0; f < FIELD_COUNT; f++) {
			if (change_op_allowed(op) & FIELD_BIT(f))
				expect_refused(make_object(change_op_allowed(op), f), op, VPC_E_INVALID_PARAMETER_VALUE,
					       change_field_name(f));
		}
	}
}

Test(api_decode, every_field_that_the_op_does_not_have)
{
	for (int op = 0; op < CHANGE_OPS; op++) {
		for (int f = 0; f < FIELD_COUNT; f++) {
			if (!(change_op_allowed(op) & FIELD_BIT(f)))
				expect_refused(make_object(change_op_required(op) | FIELD_BIT(f), -1), op,
					       VPC_E_UNKNOWN_PARAMETER, change_field_name(f));
		}
	}
}

Test(api_decode, from_path_is_neither_required_nor_taken)
{
	struct vpc_error e = VPC_ERROR_INIT;
	json_t *o = json_pack("{s:s}", "name", "b");
	struct change c;
	bool dry_run;

	cr_assert_eq(decode_change(o, CHANGE_VPC_UPDATE, FIELD_BIT(FIELD_VPC_ID), &c, &dry_run, &e), 0);
	cr_expect_eq(c.present, FIELD_BIT(FIELD_NAME));
	change_clear(&c);
	json_object_set_new(o, "vpc_id", json_string("x"));
	cr_assert_lt(decode_change(o, CHANGE_VPC_UPDATE, FIELD_BIT(FIELD_VPC_ID), &c, &dry_run, &e), 0);
	cr_expect_eq(e.code, VPC_E_UNKNOWN_PARAMETER);
	json_decref(o);
}

/* --- values --- */

static int decode_text(const char *text, enum change_op op, struct change *c, bool *dry_run, struct vpc_error *e)
{
	json_t *o = NULL;
	int r = decode_body(text, strlen(text), &o, e);

	if (r == 0)
		r = decode_change(o, op, 0, c, dry_run, e);
	json_decref(o);
	return r;
}

Test(api_decode, values_arrive)
{
	struct vpc_error e = VPC_ERROR_INIT;
	struct change c;
	bool dry_run;
	int r = decode_text(
		"{\"security_group_id\": \"web\", \"flows\": \"drain=86400\", \"dry_run\": true, "
		"\"vpc\": \"prod\", \"if_match\": 7, \"rules\": [{\"direction\": \"egress\", \"protocol\": 50, "
		"\"from_port\": null, \"sg_id\": \"db\", \"tags\": {\"a\": \"b\"}}, {\"direction\": \"ingress\","
		" \"protocol\": \"icmp\", \"from_port\": -1, \"to_port\": -1, \"cidr\": \"0.0.0.0/0\", "
		"\"sg_id\": null}]}",
		CHANGE_SG_REVOKE, &c, &dry_run, &e);

	cr_assert_eq(r, 0, "%s", e.message);
	cr_expect(dry_run);
	cr_expect_str_eq(c.scope, "prod");
	cr_expect_eq(c.if_match, 7);
	cr_expect_str_eq(c.sg_id, "web");
	cr_expect_eq(c.flows, FLOWS_DRAIN);
	cr_expect_eq(c.drain_s, 86400);
	cr_assert_eq(c.n_rules, 2);
	cr_expect_str_eq(c.rules[0].direction, "egress");
	cr_expect_str_eq(c.rules[0].protocol, "50");
	cr_expect_str_eq(c.rules[0].sg_id, "db");
	cr_expect_not(c.rules[0].has_from_port || c.rules[0].has_to_port);
	cr_expect_str_eq(c.rules[0].tags[0].value, "b");
	cr_expect_eq(c.rules[0].n_tags, 1);
	cr_expect(c.rules[1].has_from_port && c.rules[1].from_port == -1);
	cr_expect_null(c.rules[1].sg_id);
	change_clear(&c);
}

Test(api_decode, null_is_not_given)
{
	struct vpc_error e = VPC_ERROR_INIT;
	struct change c;
	bool dry_run;

	cr_assert_eq(decode_text("{\"name\": \"a\", \"subnet_id\": \"s\", \"ip\": null, \"ip6\": null, \"mac\": null}",
				 CHANGE_ENI_CREATE, &c, &dry_run, &e),
		     0);
	cr_expect_eq(c.present, FIELD_BIT(FIELD_NAME) | FIELD_BIT(FIELD_SUBNET_ID));
	change_clear(&c);
}

static void expect_text_refused(const char *text, enum change_op op, enum vpc_code code, const char *field)
{
	struct vpc_error e = VPC_ERROR_INIT;
	struct change c;
	bool dry_run;

	cr_assert_lt(decode_text(text, op, &c, &dry_run, &e), 0, "%s: taken", text);
	cr_expect_eq(e.code, code, "%s: %s", text, vpc_code_string(e.code));
	cr_expect_str_eq(e.field, field, "%s: field %s", text, e.field);
}

Test(api_decode, flows)
{
	static const char *const wrong[] = {"drop",	"drain",     "drain=",	  "drain=0",  "drain=86401",
					    "drain=-1", "drain=1.5", "drain= 5",  "drain=05", "drain=99999999999",
					    "CUT",	"",	     "drain=30 ", "drain=3e1"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char text[128];

		snprintf(text, sizeof(text), "{\"security_group_id\": \"w\", \"flows\": \"%s\"}", wrong[i]);
		expect_text_refused(text, CHANGE_SG_REVOKE, VPC_E_INVALID_PARAMETER_VALUE, "flows");
	}
}

Test(api_decode, rules_say_where)
{
	static const struct {
		const char *rule;
		enum vpc_code code;
		const char *field;
	} cases[] = {
		{"{\"direction\": \"ingress\"}", VPC_E_MISSING_PARAMETER, "rules[1].protocol"},
		{"{\"protocol\": \"tcp\"}", VPC_E_MISSING_PARAMETER, "rules[1].direction"},
		{"{\"direction\": 1, \"protocol\": \"tcp\"}", VPC_E_INVALID_PARAMETER_VALUE, "rules[1].direction"},
		{"{\"direction\": \"ingress\", \"protocol\": true}", VPC_E_INVALID_PARAMETER_VALUE,
		 "rules[1].protocol"},
		{"{\"direction\": \"ingress\", \"protocol\": 6, \"from_port\": \"80\"}", VPC_E_INVALID_PARAMETER_VALUE,
		 "rules[1].from_port"},
		{"{\"direction\": \"ingress\", \"protocol\": 6, \"to_port\": 80.0}", VPC_E_INVALID_PARAMETER_VALUE,
		 "rules[1].to_port"},
		{"{\"direction\": \"ingress\", \"protocol\": 6, \"to_port\": 4294967376}",
		 VPC_E_INVALID_PARAMETER_VALUE, "rules[1].to_port"},
		{"{\"direction\": \"ingress\", \"protocol\": 6, \"port\": 80}", VPC_E_UNKNOWN_PARAMETER,
		 "rules[1].port"},
		{"{\"direction\": \"ingress\", \"protocol\": 6, \"cidr\": 1}", VPC_E_INVALID_PARAMETER_VALUE,
		 "rules[1].cidr"},
		{"{\"direction\": \"ingress\", \"protocol\": 6, \"tags\": {\"a\": []}}", VPC_E_INVALID_PARAMETER_VALUE,
		 "rules[1].tags.a"},
		{"\"tcp\"", VPC_E_INVALID_PARAMETER_VALUE, "rules[1]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "{\"security_group_id\": \"w\", \"rules\": [{\"direction\": \"ingress\", \"protocol\": "
			 "\"tcp\"}, %s]}",
			 cases[i].rule);
		expect_text_refused(text, CHANGE_SG_AUTHORIZE, cases[i].code, cases[i].field);
	}
}

static int decode_attachment_text(const char *text, struct change *c, struct vpc_error *e)
{
	json_t *o = NULL;
	bool dry_run;
	int r = decode_body(text, strlen(text), &o, e);

	if (r == 0)
		r = decode_attachment(o, c, &dry_run, e);
	json_decref(o);
	return r;
}

Test(api_decode, attachment)
{
	static const struct {
		const char *text;
		enum vpc_code code; /* OK: kind */
		const char *field;
		enum attachment_kind kind;
	} cases[] = {
		{"{\"netns\": \"web1\"}", VPC_E_OK, "", ATTACHMENT_NETNS},
		{"{\"pid\": 12, \"ifname\": \"eth1\", \"dry_run\": true}", VPC_E_OK, "", ATTACHMENT_NETNS},
		{"{\"kind\": \"tap\"}", VPC_E_OK, "", ATTACHMENT_TAP},
		{"{\"owner\": \"qemu\", \"vpc\": \"prod\", \"if_match\": 3}", VPC_E_OK, "", ATTACHMENT_TAP},
		{"{}", VPC_E_MISSING_PARAMETER, "netns", 0},
		{"{\"kind\": \"netns\"}", VPC_E_MISSING_PARAMETER, "netns", 0},
		{"{\"kind\": \"veth\"}", VPC_E_INVALID_PARAMETER_VALUE, "kind", 0},
		{"{\"kind\": null, \"netns\": \"a\"}", VPC_E_INVALID_PARAMETER_VALUE, "kind", 0},
		{"{\"netns\": \"a\", \"pid\": 1}", VPC_E_INVALID_PARAMETER_COMBINATION, "pid", 0},
		{"{\"owner\": \"qemu\", \"queues\": 4}", VPC_E_OK, "", ATTACHMENT_TAP},
		{"{\"queues\": 4}", VPC_E_OK, "", ATTACHMENT_TAP},
		{"{\"queues\": \"4\"}", VPC_E_INVALID_PARAMETER_VALUE, "queues", 0},
		{"{\"netns\": \"a\", \"queues\": 2}", VPC_E_INVALID_PARAMETER_COMBINATION, "queues", 0},
		{"{\"netns\": \"a\", \"owner\": \"b\"}", VPC_E_INVALID_PARAMETER_COMBINATION, "owner", 0},
		{"{\"kind\": \"tap\", \"pid\": 1}", VPC_E_INVALID_PARAMETER_COMBINATION, "kind", 0},
		{"{\"pid\": 0}", VPC_E_INVALID_PARAMETER_VALUE, "pid", 0},
		{"{\"pid\": \"12\"}", VPC_E_INVALID_PARAMETER_VALUE, "pid", 0},
		{"{\"pid\": 4294967297}", VPC_E_INVALID_PARAMETER_VALUE, "pid", 0},
		{"{\"netns\": \"a\", \"path\": \"/x\"}", VPC_E_UNKNOWN_PARAMETER, "path", 0},
		{"{\"netns\": \"a\", \"eni_id\": \"e\"}", VPC_E_UNKNOWN_PARAMETER, "eni_id", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vpc_error e = VPC_ERROR_INIT;
		struct change c = {0};
		int r = decode_attachment_text(cases[i].text, &c, &e);

		cr_expect_eq(r == 0, cases[i].code == VPC_E_OK, "%s: %s", cases[i].text, e.message);
		cr_expect_eq(e.code, cases[i].code, "%s: %s", cases[i].text, vpc_code_string(e.code));
		cr_expect_str_eq(e.field, cases[i].field, "%s", cases[i].text);
		if (r == 0)
			cr_expect_eq(c.attachment.kind, cases[i].kind, "%s", cases[i].text);
		change_clear(&c);
	}
	expect_text_refused("{\"eni_id\": \"e\", \"attachment\": {\"pid\": 0}}", CHANGE_ENI_ATTACH,
			    VPC_E_INVALID_PARAMETER_VALUE, "attachment.pid");
}

Test(api_decode, attachment_of_a_transaction_wrapped_or_not)
{
	static const struct {
		const char *change;
		enum vpc_code code;
		const char *field;
	} cases[] = {
		{"'eni_id': 'e', 'attachment': {'netns': 'web1', 'ifname': 'eth7'}", VPC_E_OK, ""},
		{"'eni_id': 'e', 'netns': 'web1', 'ifname': 'eth7'", VPC_E_OK, ""},
		{"'eni_id': 'e', 'kind': 'netns', 'netns': 'web1', 'ifname': 'eth7', 'vpc': 'prod'", VPC_E_OK, ""},
		{"'netns': 'web1'", VPC_E_MISSING_PARAMETER, "eni_id"},
		{"'eni_id': 'e'", VPC_E_MISSING_PARAMETER, "netns"},
		{"'eni_id': 'e', 'netns': 'web1', 'mtu': 1500", VPC_E_UNKNOWN_PARAMETER, "mtu"},
		{"'eni_id': 'e', 'netns': 'web1', 'attachment': {'netns': 'web1'}", VPC_E_UNKNOWN_PARAMETER, "netns"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vpc_error e = VPC_ERROR_INIT;
		struct change *changes = NULL;
		bool dry_run;
		size_t n = 0;
		char text[256];
		json_t *o;
		int r;

		snprintf(text, sizeof(text), "{'changes': [{'op': 'eni.attach', %s}]}", cases[i].change);
		for (char *quote = text; (quote = strchr(quote, '\''));)
			*quote = '"';
		o = json_loads(text, 0, NULL);
		cr_assert_not_null(o, "%s", text);
		r = decode_transaction(o, 10, &changes, &n, &dry_run, &e);
		cr_expect_eq(e.code, cases[i].code, "%s: %s", text, e.message);
		cr_expect_str_eq(e.field, cases[i].field, "%s", text);
		if (r == 0) {
			cr_expect_str_eq(changes[0].eni_id, "e");
			cr_expect_eq(changes[0].present, FIELD_BIT(FIELD_ENI_ID) | FIELD_BIT(FIELD_ATTACHMENT));
			cr_expect_eq(changes[0].attachment.kind, ATTACHMENT_NETNS);
			cr_expect_str_eq(changes[0].attachment.netns, "web1");
			cr_expect_str_eq(changes[0].attachment.ifname, "eth7");
			change_list_free(changes, n);
		}
		vpc_error_clear(&e);
		json_decref(o);
	}
}
