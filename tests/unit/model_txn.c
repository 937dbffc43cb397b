/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transactions: random changes are undone exactly, and loaded as they were; documents. */
#include <string.h>

#include "model_util.h"

MODEL_SUITE(model_txn);

/* --- random changes ---------------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *state, uint32_t n)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % n;
}

/* A change of routes, gateways, elastic IPs or published ports that may well be refused; owned. */
static char *random_edge_change(uint64_t *s)
{
	static const char *const destinations[] = {"0.0.0.0/0", "::/0", "192.0.2.0/24", "10.0.0.0/8"};
	static const char *const targets[] = {"i0", "i1", "n0", "n1", "w0", "e0", "e1", "blackhole", "internet"};
	static const char *const route_ops[] = {"route.add", "route.add", "route.replace", "route.delete"};
	uint32_t vpc = draw(s, 2), x = draw(s, 2), y = draw(s, 4), op = draw(s, 4);
	char *text;
	int r;

	switch (draw(s, 12)) {
	case 0:
		r = asprintf(&text, "{'op': 'igw.create', 'name': 'i%u'}", x);
		break;
	case 1:
		r = draw(s, 3) ? asprintf(&text, "{'op': 'igw.attach', 'internet_gateway_id': 'i%u', 'vpc_id': 'v%u'}",
					  x, vpc)
			       : asprintf(&text, "{'op': 'igw.detach', 'internet_gateway_id': 'i%u'}", x);
		break;
	case 2:
		r = asprintf(&text, "{'op': 'igw.delete', 'internet_gateway_id': 'i%u'}", x);
		break;
	case 3:
		r = draw(s, 2)
			    ? asprintf(&text, "{'op': 'eigw.create', 'name': 'w%u', 'vpc_id': 'v%u'}", x, vpc)
			    : asprintf(&text,
				       "{'op': 'eigw.delete', 'vpc': 'v%u', 'egress_only_internet_gateway_id': 'w%u'}",
				       vpc, x);
		break;
	case 4:
		r = draw(s, 3) ? asprintf(&text, "{'op': 'nat.create', 'name': 'n%u', 'vpc_id': 'v%u'%s}", x, vpc,
					  draw(s, 2) ? ", 'elastic_ip_id': 'a0'" : "")
			       : asprintf(&text, "{'op': 'nat.delete', 'vpc': 'v%u', 'nat_gateway_id': 'n%u'}", vpc, x);
		break;
	case 5:
		r = draw(s, 2) ? asprintf(&text, "{'op': 'eip.allocate', 'name': 'a%u'}", x)
			       : asprintf(&text, "{'op': 'eip.release', 'elastic_ip_id': 'a%u'}", x);
		break;
	case 6:
		r = draw(s, 2) ? asprintf(&text,
					  "{'op': 'eip.associate', 'vpc': 'v%u', 'elastic_ip_id': 'a%u', 'eni_id': "
					  "'e%u'%s}",
					  vpc, x, y, draw(s, 2) ? ", 'private_ip': '10.0.0.9'" : "")
			       : asprintf(&text,
					  "{'op': 'eip.associate', 'vpc': 'v%u', 'elastic_ip_id': 'a%u',"
					  " 'nat_gateway_id': 'n%u'}",
					  vpc, x, draw(s, 2));
		break;
	case 7:
		r = draw(s, 2) ? asprintf(&text, "{'op': 'eip.disassociate', 'elastic_ip_id': 'a%u'}", x)
			       : asprintf(&text,
					  "{'op': 'eni.update', 'vpc': 'v%u', 'eni_id': 'e%u', 'secondary_ips': []}",
					  vpc, y);
		break;
	case 8:
		r = draw(s, 3) ? asprintf(&text,
					  "{'op': 'publish.create', 'vpc': 'v%u', 'name': 'p%u', 'eni_id': 'e%u',"
					  " 'from_port': 80, 'host_from_port': %u}",
					  vpc, x, y, 8000 + x)
			       : asprintf(&text, "{'op': 'publish.delete', 'vpc': 'v%u', 'publication_id': 'p%u'}", vpc,
					  x);
		break;
	case 9:
		r = draw(s, 3) ? asprintf(&text, "{'op': 'route-table.create', 'name': 't%u', 'vpc_id': 'v%u'}", x, vpc)
			       : asprintf(&text, "{'op': 'route-table.delete', 'vpc': 'v%u', 'route_table_id': 't%u'}",
					  vpc, x);
		break;
	case 10:
		r = asprintf(&text,
			     "{'op': 'route-table.%s', 'vpc': 'v%u', 'route_table_id': 't%u', 'subnets': ['s%u']}",
			     draw(s, 2) ? "associate" : "disassociate", vpc, x, y);
		break;
	default:
		r = op == 3 ? asprintf(&text,
				       "{'op': 'route.delete', 'vpc': 'v%u', 'route_table_id': 'main', 'destination': "
				       "'%s'}",
				       vpc, destinations[y])
			    : asprintf(&text,
				       "{'op': '%s', 'vpc': 'v%u', 'route_table_id': '%s', 'destination': '%s', "
				       "'target': '%s'}",
				       route_ops[op], vpc, x ? "main" : "t0", destinations[y], targets[draw(s, 9)]);
		break;
	}
	cr_assert_geq(r, 0);
	return text;
}

/* A change of prefix lists, or of routes to them, that may well be refused; owned. */
static char *random_list_change(uint64_t *s)
{
	static const char *const cidrs[] = {"192.0.2.0/24", "198.51.100.0/24", "10.0.0.0/24", "0.0.0.0/0"};
	uint32_t vpc = draw(s, 2), list = draw(s, 2), x = draw(s, 2), y = draw(s, 4);
	char *text;
	int r;

	switch (draw(s, 6)) {
	case 0:
		r = draw(s, 3) ? asprintf(&text, "{'op': 'prefix-list.create', 'name': 'l%u', 'max_entries': 3}", list)
			       : asprintf(&text, "{'op': 'prefix-list.delete', 'prefix_list_id': 'l%u'}", list);
		break;
	case 1:
	case 2:
		r = asprintf(&text, "{'op': 'prefix-list.%s', 'prefix_list_id': 'l%u', 'entries': [{'cidr': '%s'}]}",
			     draw(s, 3) ? "add" : "remove", list, cidrs[y]);
		break;
	case 3:
		r = asprintf(&text, "{'op': 'prefix-list.restore', 'prefix_list_id': 'l%u', 'version': %u}", list,
			     y + 1);
		break;
	default:
		r = draw(s, 3) ? asprintf(&text,
					  "{'op': 'route.add', 'vpc': 'v%u', 'route_table_id': '%s',"
					  " 'destination_prefix_list_id': 'l%u', 'target': '%s'}",
					  vpc, x ? "main" : "t0", list, y ? "blackhole" : "n0")
			       : asprintf(&text,
					  "{'op': 'route.delete', 'vpc': 'v%u', 'route_table_id': '%s',"
					  " 'destination_prefix_list_id': 'l%u'}",
					  vpc, x ? "main" : "t0", list);
		break;
	}
	cr_assert_geq(r, 0);
	return text;
}

/* A change that may well be refused; owned. */
static char *random_change(uint64_t *s)
{
	static const char *const protocols[] = {"'tcp', 'from_port': 1, 'to_port': 2", "'all'",
						"'udp', 'from_port': 3, 'to_port': 9"};
	static const char *const peers[] = {"'cidr': '10.0.0.0/8'", "'cidr': '::/0'", "'sg_id': 'g0'", "'sg_id': 'g1'"};
	uint32_t vpc = draw(s, 2), x = draw(s, 4), y = draw(s, 4);
	char *text;
	int r;

	if (!draw(s, 6))
		return random_list_change(s);
	if (draw(s, 2))
		return random_edge_change(s);
	switch (draw(s, 15)) {
	case 0:
		r = asprintf(&text,
			     "{'op': 'vpc.create', 'name': 'v%u', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56'%s}", vpc,
			     draw(s, 2) ? ", 'internet': true" : "");
		break;
	case 1:
		r = asprintf(&text, "{'op': 'vpc.delete', 'vpc_id': 'v%u'}", vpc);
		break;
	case 2:
		r = asprintf(&text,
			     "{'op': 'subnet.create', 'name': 's%u', 'vpc_id': 'v%u', 'cidr': '10.0.%u.0/28',"
			     " 'cidr6': 'fd00:0:0:%u::/64', 'tags': {'n': '%u'}}",
			     x, vpc, x, x, y);
		break;
	case 3:
		r = asprintf(&text, "{'op': 'subnet.delete', 'vpc': 'v%u', 'subnet_id': 's%u'}", vpc, x);
		break;
	case 4:
		r = asprintf(&text, "{'op': 'sg.create', 'name': 'g%u', 'vpc_id': 'v%u', 'description': 'd'}", x, vpc);
		break;
	case 5:
		r = asprintf(&text, "{'op': 'sg.delete', 'vpc': 'v%u', 'security_group_id': 'g%u'}", vpc, x);
		break;
	case 6:
	case 7:
		r = asprintf(&text,
			     "{'op': '%s', 'vpc': 'v%u', 'security_group_id': 'g%u', 'rules': [{'direction': '%s',"
			     " 'protocol': %s, %s, 'description': 'd%u'}]}",
			     draw(s, 3) ? "sg.authorize" : "sg.revoke", vpc, x, draw(s, 2) ? "ingress" : "egress",
			     protocols[draw(s, 3)], peers[y], x);
		break;
	case 8:
	case 9:
		r = asprintf(&text, "{'op': 'eni.create', 'vpc': 'v%u', 'name': 'e%u', 'subnet_id': 's%u'%s%s}", vpc, x,
			     y, draw(s, 2) ? ", 'security_groups': ['g0', 'default']" : "",
			     draw(s, 2) ? ", 'secondary_ips': ['10.0.0.9', 'fd00::9']" : "");
		break;
	case 10:
		r = asprintf(&text, "{'op': 'eni.delete', 'vpc': 'v%u', 'eni_id': 'e%u'}", vpc, x);
		break;
	case 11:
		r = asprintf(&text, "{'op': 'sg.%s', 'vpc': 'v%u', 'security_group_id': 'g%u', 'enis': ['e%u', 'e%u']}",
			     draw(s, 2) ? "attach" : "detach", vpc, x, y, x);
		break;
	case 12:
		r = asprintf(&text,
			     "{'op': 'eni.attach', 'vpc': 'v%u', 'eni_id': 'e%u', 'attachment': {'kind': 'netns',"
			     " 'path': '/run/netns/x', 'ns_ino': %u}}",
			     vpc, x, y);
		break;
	case 13:
		r = asprintf(&text, "{'op': 'eni.detach', 'vpc': 'v%u', 'eni_id': 'e%u', 'reason': 'r%u'}", vpc, x, y);
		break;
	default:
		r = asprintf(&text, "{'op': 'sg.update', 'vpc': 'v%u', 'security_group_id': 'g%u', 'name': 'g%u'}", vpc,
			     x, y);
		break;
	}
	cr_assert_geq(r, 0);
	return text;
}

/* Applies a random change; a refused one must leave what was before it. Returns whether it was accepted. */
static bool apply_random(struct model_txn *t, uint64_t *s)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char *text = random_change(s);
	json_t *json = model_json_from_quotes(text);
	struct change c = model_change_from_json(json);
	char *before = model_dump(b.m);
	struct change_result result;
	int r = model_apply(t, &c, &result, &error);

	if (r < 0) {
		char *after = model_dump(b.m);
		/* All but the number that the next rule gets, which the abort puts back. */
		char *end_before = strstr(before, "next rule"), *end_after = strstr(after, "next rule");

		*end_before = *end_after = '\0';
		cr_assert_neq(error.code, VPC_E_OK, "%s", text);
		cr_assert_neq(error.code, VPC_E_INTERNAL_ERROR, "%s", error.message);
		cr_assert_str_eq(before, after, "refused (%s): %s", error.message, text);
		free(after);
	}
	change_result_clear(&result);
	change_clear(&c);
	json_decref(json);
	free(before);
	free(text);
	return r >= 0;
}

static void check_deltas(struct model_txn *t)
{
	const struct delta *deltas;
	enum object_kind last = OBJECT_VPC;
	size_t n;

	cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
	for (size_t i = 0; i < n; i++) {
		const struct object *o = deltas[i].after ? deltas[i].after : deltas[i].before;

		cr_assert_geq(o->kind, last);
		last = o->kind;
		cr_assert_eq(model_find(b.m, o->kind, o->id), deltas[i].after);
		if (deltas[i].before && deltas[i].after)
			cr_assert_eq(deltas[i].before->number, deltas[i].after->number);
		if (deltas[i].after)
			cr_assert_eq(deltas[i].after->revision, b.revision + 1);
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(o->id, (deltas[k].after ? deltas[k].after : deltas[k].before)->id);
	}
}

/* All but the number that the next rule gets, which an abort puts back. */
static void check_shows(const char *what, const char *expected)
{
	char *found = model_dump(b.m);
	size_t n = (size_t)(strstr(expected, "next rule") - expected);

	cr_assert_eq(strncmp(found, expected, n), 0, "%s:\n%s\ninstead of\n%s", what, found, expected);
	free(found);
}

/* While a transaction waits for its commit the model shows what was before, and others may be tried. */
static void suspend(struct model_txn *t, const char *before, uint64_t *s)
{
	struct model_context context = {.revision = b.revision + 1, .seed = draw(s, 1u << 30)};
	struct model_txn *other;

	model_suspend(t);
	check_shows("suspended", before);
	cr_assert_eq(model_begin(b.m, &context, &other), 0);
	for (uint32_t n = draw(s, 5); n > 0; n--)
		apply_random(other, s);
	model_abort(other);
	check_shows("suspended, after another", before);
}

Test(model_txn, random_transactions_are_undone_exactly)
{
	uint64_t s = 42;
	unsigned accepted = 0;

	for (unsigned round = 0; round < 400; round++) {
		struct model_context context = {.revision = b.revision + 1, .seed = round * 7919u + 1};
		char *before = model_dump(b.m), *after;
		bool suspended = false;
		struct model_txn *t;

		cr_assert_eq(model_begin(b.m, &context, &t), 0);
		for (uint32_t n = 1 + draw(&s, 12); n > 0; n--)
			accepted += apply_random(t, &s);
		check_deltas(t);
		if (draw(&s, 2)) {
			char *now = model_dump(b.m);

			suspend(t, before, &s);
			suspended = !draw(&s, 4);
			if (!suspended) {
				model_resume(t);
				check_shows("resumed", now);
				check_deltas(t);
			}
			free(now);
		}
		if (!suspended && draw(&s, 2)) {
			model_commit(t);
			b.revision++;
		} else {
			model_abort(t);
			after = model_dump(b.m);
			cr_assert_str_eq(before, after);
			free(after);
		}
		free(before);
	}
	cr_assert_gt(accepted, 500, "the changes must not all be refused: %u", accepted);
}

Test(model_txn, random_models_are_loaded_as_they_were)
{
	uint64_t s = 7;

	for (unsigned round = 0; round < 300; round++) {
		struct model_context context = {.revision = b.revision + 1, .seed = round * 31u + 5};
		struct model_txn *t;

		cr_assert_eq(model_begin(b.m, &context, &t), 0);
		apply_random(t, &s);
		model_commit(t);
		b.revision++;
		if (round % 10 == 0) {
			struct model *copy = model_reload(b.m);
			char *before, *after;

			model_set_next_rule_number(copy, model_next_rule_number(b.m));
			before = model_dump(b.m);
			after = model_dump(copy);
			/* Members of a group are listed in the order they joined, which documents don't keep. */
			cr_assert_eq(strlen(before), strlen(after));
			for (unsigned k = 0; k < OBJECT_KINDS; k++) {
				const struct object *o = NULL, *p = NULL;

				while ((o = model_next(b.m, (enum object_kind)k, o))) {
					json_t *x = model_to_document(b.m, o), *y, *xj = model_to_json(b.m, o), *yj;

					p = model_next(copy, (enum object_kind)k, p);
					y = model_to_document(copy, p);
					yj = model_to_json(copy, p);
					cr_assert(json_equal(x, y) && json_equal(xj, yj), "%s", o->id);
					cr_assert(o->order == p->order && o->number == p->number);
					json_decref(x);
					json_decref(y);
					json_decref(xj);
					json_decref(yj);
				}
			}
			free(before);
			free(after);
			model_free(copy);
		}
	}
}

/* --- documents --------------------------------------------------------------------------------------------------- */

Test(model_txn, numbers_of_64_bits_survive)
{
	const struct eni *e, *f;
	struct model *copy;

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'secondary_ips': ['10.0.0.77'],"
		     "  'delete_on_termination': true},"
		     " {'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'netns', 'path': '/p', 'ns_dev': -1,"
		     "  'ns_ino': -9223372036854775807, 'ns_cookie': -2, 'pid_start': 5, 'pid': 77, 'boot_id': 'b'}}]");
	copy = model_reload(b.m);
	e = eni_of(model_next(b.m, OBJECT_ENI, NULL));
	f = eni_of(model_next(copy, OBJECT_ENI, NULL));
	cr_assert_eq(f->attachment.ns_dev, UINT64_MAX);
	cr_assert_eq(f->attachment.ns_ino, e->attachment.ns_ino);
	cr_assert_eq(f->attachment.ns_cookie, UINT64_MAX - 1);
	cr_assert(f->delete_on_termination);
	cr_assert_eq(f->attachment.pid_start, 5);
	cr_assert_eq(f->attachment.pid, 77);
	cr_assert_str_eq(f->attachment.path, "/p");
	cr_assert_str_eq(f->attachment.boot_id, "b");
	cr_assert_eq(f->incarnation, e->incarnation);
	cr_assert_eq(f->o.order, e->o.order);
	cr_assert_eq(vpc_of(model_next(copy, OBJECT_VPC, NULL))->default_sg,
		     vpc_of(model_next(b.m, OBJECT_VPC, NULL))->default_sg);
	model_free(copy);
}

/* Every field of every document, taken away or of the wrong type, is an error and loads nothing. */
Test(model_txn, damaged_documents_are_refused)
{
	static const char *const may_be_missing[] = {"cidr6",
						     "ip6",
						     "detach_reason",
						     "cidr",
						     "delete_on_termination",
						     "sg_id",
						     "from_port",
						     "to_port",
						     "route_table_id",
						     "host_address",
						     "secondary_cidrs",
						     "network_acl_id",
						     "host_access",
						     "expires_at",
						     "count_flows"};
	struct model *copy;

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'secondary_ips': ['10.0.0.77']},"
		     " {'op': 'igw.create', 'name': 'i', 'vpc_id': 'a'}, {'op': 'eigw.create', 'vpc_id': 'a'},"
		     " {'op': 'eip.allocate', 'name': 'x'}, {'op': 'eip.allocate', 'name': 'y'},"
		     " {'op': 'nat.create', 'name': 'n', 'subnet_id': 's', 'elastic_ip_id': 'y'},"
		     " {'op': 'eip.associate', 'elastic_ip_id': 'x', 'eni_id': 'e'},"
		     " {'op': 'publish.create', 'eni_id': 'e', 'from_port': 80, 'host_from_port': 8080},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'n'}]");
	cr_assert_eq(model_new(&vpc_limits_default, &copy), 0);
	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		for (const struct object *o = NULL; (o = model_next(b.m, (enum object_kind)k, o));) {
			json_t *good = model_to_document(b.m, o), *value;
			const char *key;

			json_object_foreach (good, key, value) {
				_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
				json_t *bad = json_copy(good);

				json_object_set_new(bad, key, json_real(0.5));
				cr_assert_lt(model_load(copy, o->kind, bad, &error), 0, "%s of %s", key, o->id);
				cr_assert_eq(error.code, VPC_E_STORE_UNAVAILABLE);
				cr_assert_not_null(strstr(error.message, key), "%s: %s", key, error.message);
				json_object_del(bad, key);
				for (size_t i = 0; i < ARRAY_SIZE(may_be_missing); i++)
					if (!strcmp(may_be_missing[i], key))
						goto next;
				cr_assert_lt(model_load(copy, o->kind, bad, &error), 0, "%s of %s", key, o->id);
			next:
				json_decref(bad);
			}
			vpc_error_clear(&b.error);
			cr_assert_eq(model_load(copy, o->kind, good, &b.error), 0, "%s", b.error.message);
			cr_assert_lt(model_load(copy, o->kind, good, &b.error), 0, "twice");
			json_decref(good);
		}
	}
	for (unsigned k = 0; k < OBJECT_KINDS; k++)
		cr_assert_eq(model_count(copy, (enum object_kind)k), model_count(b.m, (enum object_kind)k));
	model_free(copy);
}

Test(model_txn, ops_and_fields_have_names)
{
	enum change_op op;

	for (unsigned i = 0; i < CHANGE_OPS; i++) {
		cr_assert_eq(change_op_parse(change_op_name((enum change_op)i), &op), 0);
		cr_assert_eq(op, i);
		cr_assert_eq(change_op_required(op) & ~change_op_allowed(op), 0);
	}
	cr_assert_eq(change_op_parse("vpc.nope", &op), -ENOENT);
	cr_assert_str_eq(change_field_name(FIELD_RULE_IDS), "rule_ids");
}
