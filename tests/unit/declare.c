/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Documents: what `vpcctl export` writes and `vpcctl apply` makes of it, against the model itself. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>

#include "api/v1/decode.h"
#include "cli/declare/check.h"
#include "cli/declare/plan.h"
#include "cli/lib/yaml.h"
#include "model/former.h"
#include "model_util.h"
#include "random_document_util.h"

/* A host: a model, as the API shows it. */
static struct model_bench host, other;

static void setup(void)
{
	model_bench_open(&host, NULL);
	model_bench_pool(&host, "203.0.113.0/24");
	model_bench_open(&other, NULL);
	model_bench_pool(&other, "203.0.113.0/24");
}

static void teardown(void)
{
	model_bench_close(&host);
	model_bench_close(&other);
}

TestSuite(declare, .init = setup, .fini = teardown, .timeout = 120);

static void take_snapshot(const struct model_bench *b, struct snapshot *ret)
{
	json_t *lists = json_object();

	for (unsigned k = 0; k < OBJECT_KINDS; k++) {
		json_t *list = json_array();

		for (const struct object *o = model_next(b->m, k, NULL); o; o = model_next(b->m, k, o)) {
			json_t *object = model_to_json(b->m, o);

			if (k == OBJECT_PREFIX_LIST) {
				json_t *entries =
					model_prefix_entries_json(b->m, prefix_list_of(o), prefix_list_of(o)->version);

				json_object_set(object, "entries", json_object_get(entries, "entries"));
				json_decref(entries);
			}
			json_array_append_new(list, object);
		}
		json_object_set_new(lists, kind_of(k)->list, list);
	}
	cr_assert_eq(snapshot_make(lists, ret), 0);
}

/* The document as text: owned. */
static char *export(const struct model_bench *b, const char *vpc, bool yaml)
{
	struct snapshot s;
	json_t *document;
	char *text = NULL;
	size_t size;
	FILE *f;

	take_snapshot(b, &s);
	document = snapshot_export(&s, vpc);
	cr_assert_not_null(document);
	if (yaml) {
		f = open_memstream(&text, &size);
		cr_assert_eq(yaml_write(f, document), 0);
		fclose(f);
	} else {
		text = json_dumps(document, JSON_INDENT(2));
	}
	json_decref(document);
	snapshot_clear(&s);
	return text;
}

/* Makes the plan of a text. Returns what check_document or plan_make do. */
static int plan_text(const struct snapshot *s, const char *text, bool prune, json_t **ret_document, struct plan *ret,
		     struct text_error *error)
{
	json_t *raw = NULL;
	int r;

	*error = (struct text_error){0};
	*ret = (struct plan){0};
	*ret_document = NULL;
	r = text_parse(text, strlen(text), &raw, error);
	if (r == 0)
		r = check_document(raw, ret_document, error);
	json_decref(raw);
	return r == 0 ? plan_make(s, *ret_document, prune, ret, error) : r;
}

/* Set: the next transaction's former versions go here, and to former_read as a start would read them. */
static struct former **keep_former;
static struct former *former_read;

/* The former versions, as the store's note keeps them and a start reads them. */
static struct former *through_text(const struct model *before, const struct former *f)
{
	_cleanup_json_ json_t *list = former_to_json(before, f), *again = NULL;
	_cleanup_free_ char *text = json_dumps(list, JSON_COMPACT);
	struct former *ret = NULL;

	again = json_loads(text, 0, NULL);
	cr_assert_eq(former_from_json(before, again, &ret), 0);
	return ret;
}

/* As vpcd does a transaction. */
static void make_changes(struct model_bench *b, const json_t *list)
{
	_cleanup_json_ json_t *body = json_pack("{s:O}", "changes", list);
	_cleanup_free_ char *shown = json_dumps(list, JSON_INDENT(1));
	struct model_context context = {.revision = ++b->revision, .seed = b->revision * 7919, .instance = "default"};
	struct vpc_error error = VPC_ERROR_INIT;
	struct change *changes;
	struct model_txn *t;
	bool dry_run;
	size_t n;

	cr_assert_geq(decode_transaction(body, 100000, &changes, &n, &dry_run, &error), 0, "%s: %s\n%s", error.field,
		      error.message, shown);
	cr_assert_eq(model_begin(b->m, &context, &t), 0);
	for (size_t i = 0; i < n; i++) {
		struct change_result result = {0};
		_cleanup_free_ char *one = json_dumps(json_array_get(list, i), 0);

		cr_assert_geq(model_apply(t, &changes[i], &result, &error), 0, "change %zu, %s: %s: %s\n%s", i, one,
			      error.field, error.message, shown);
		change_result_clear(&result);
	}
	if (keep_former) {
		cr_assert_eq(former_of_txn(t, keep_former), 0);
		model_suspend(t);
		former_read = through_text(b->m, *keep_former);
		model_resume(t);
	}
	model_commit(t);
	change_list_free(changes, n);
}

/* Applies a document. Returns how many objects were created, changed or deleted. */
static size_t apply(struct model_bench *b, const char *text, bool prune)
{
	struct text_error error;
	struct snapshot s;
	_cleanup_free_ char *shown = NULL;
	_cleanup_json_ json_t *plan = NULL;
	struct plan p;
	json_t *document;
	size_t n;

	take_snapshot(b, &s);
	cr_assert_eq(plan_text(&s, text, prune, &document, &p, &error), 0, "line %u: %s: %s\n%s", error.line,
		     error.code, error.message, text);
	plan = plan_to_json(&p);
	n = json_array_size(plan);
	shown = json_dumps(plan, JSON_INDENT(1));
	cr_assert_eq(n != 0, json_array_size(p.changes) != 0, "%zu objects, %zu changes: %s", n,
		     json_array_size(p.changes), shown);
	if (n)
		make_changes(b, p.changes);
	plan_clear(&p);
	json_decref(document);
	snapshot_clear(&s);
	return n;
}

static void expect_same(const char *a, const char *b)
{
	cr_assert_str_eq(a, b, "--- %s\n+++ %s", a, b);
}

static void expect_refused(const char *text, bool prune, unsigned line, const char *code, const char *says)
{
	struct text_error error;
	struct snapshot s;
	struct plan p;
	json_t *document;

	take_snapshot(&host, &s);
	cr_assert_eq(plan_text(&s, text, prune, &document, &p, &error), -EINVAL, "%s", text);
	cr_assert_str_eq(error.code, code, "%s: %s\n%s", error.code, error.message, text);
	cr_assert_not_null(strstr(error.message, says), "%s lacks %s", error.message, says);
	cr_assert_eq(error.line, line, "line %u, not %u: %s", error.line, line, error.message);
	plan_clear(&p);
	json_decref(document);
	snapshot_clear(&s);
}

/* One of everything. */
static const char everything[] =
	"format: vpcd/1\n"
	"scope: host\n"
	"vpcs:\n"
	"- {name: prod, cidr: 10.0.0.0/16, cidr6: 'fd00:0:0::/56', mtu: 9000, secondary_cidrs: [10.1.0.0/16, "
	"'fd01::/56'],\n"
	"   dns_servers: [10.0.0.53, 'fd00::53'], domain_name: a.example, host_access: [192.0.2.1/32], tags: {team: "
	"core}}\n"
	"- {name: lab, cidr: 10.9.0.0/16}\n"
	"prefix_lists:\n"
	"- name: offices\n"
	"  max_entries: 5\n"
	"  entries:\n"
	"  - {cidr: 198.51.100.0/24, description: Bern}\n"
	"  - {cidr: 203.0.112.0/24}\n"
	"route_tables:\n"
	"- {name: main, vpc: prod, tags: {a: b}, routes: [{destination: 0.0.0.0/0, target: nat/out}]}\n"
	"- name: public\n"
	"  vpc: prod\n"
	"  subnets: [front]\n"
	"  routes:\n"
	"  - {destination: 0.0.0.0/0, target: 'igw/#1'}\n"
	"  - {prefix_list: offices, target: eni/fw}\n"
	"  - {destination: '::/0', target: 'eigw/#1'}\n"
	"  - {destination: 10.9.0.0/16, target: peering/lab}\n"
	"  - {destination: 192.168.0.0/16, target: blackhole}\n"
	"network_acls:\n"
	"- name: tight\n"
	"  vpc: prod\n"
	"  subnets: [app]\n"
	"  rules:\n"
	"  - {direction: ingress, rule_number: 10, action: allow, protocol: tcp, from_port: 443, to_port: 443, cidr: "
	"0.0.0.0/0}\n"
	"  - {direction: egress, rule_number: 10, action: deny, protocol: -1, cidr: 192.0.2.0/24}\n"
	"- {name: default, vpc: prod, rules: [{direction: ingress, rule_number: 7, action: allow, protocol: all, cidr: "
	"'::/0'}]}\n"
	"subnets:\n"
	"- {name: app, vpc: prod, cidr: 10.0.1.0/24, cidr6: 'FD00:0:0:1::/64'}\n"
	"- {name: front, vpc: prod, cidr: 10.1.1.0/24}\n"
	"- {name: app, vpc: lab, cidr: 10.9.1.0/24}\n"
	"security_groups:\n"
	"- name: web\n"
	"  vpc: prod\n"
	"  description: web servers\n"
	"  rules:\n"
	"  - {direction: ingress, protocol: 6, from_port: 443, to_port: 443, cidr: 0.0.0.0/0, description: all, tags: "
	"{x: y}}\n"
	"  - {direction: ingress, protocol: icmp, cidr: 10.0.0.0/8}\n"
	"  - {direction: ingress, protocol: all, from_port: 0, to_port: 65535, prefix_list: offices}\n"
	"  - {direction: ingress, protocol: udp, from_port: 53, to_port: 53, sg: db}\n"
	"  - {direction: ingress, protocol: '47', sg: remote, sg_vpc: lab}\n"
	"  - {direction: egress, protocol: all, cidr: 0.0.0.0/0}\n"
	"- {name: db, vpc: prod, rules: [{direction: ingress, protocol: tcp, from_port: 1, to_port: 9, sg: web}]}\n"
	"- {name: default, vpc: prod, rules: []}\n"
	"- {name: remote, vpc: lab}\n"
	"enis:\n"
	"- {name: web1, vpc: prod, subnet: app, ip: 10.0.1.20, mac: '02:00:00:00:AA:01', security_groups: [web, "
	"default],\n"
	"   secondary_ips: [10.0.1.30, 10.0.1.21], tags: {app: web}}\n"
	"- {name: fw, vpc: prod, subnet: front, source_dest_check: false, security_groups: [db]}\n"
	"- {name: plain, vpc: lab, subnet: app}\n"
	"internet_gateways:\n"
	"- {vpc: prod}\n"
	"- {name: spare}\n"
	"egress_only_internet_gateways:\n"
	"- {vpc: prod}\n"
	"nat_gateways:\n"
	"- {name: out, vpc: prod, subnet: front}\n"
	"- {vpc: lab}\n"
	"elastic_ips:\n"
	"- {name: web, address: 203.0.113.9, vpc: prod, eni: web1, private_ip: 10.0.1.21}\n"
	"- {address: 203.0.113.10, vpc: lab, nat_gateway: '#1'}\n"
	"publications:\n"
	"- {name: dns, vpc: prod, eni: web1, protocol: udp, from_port: 53, host_from_port: 5300}\n"
	"- {vpc: prod, eni: fw, from_port: 80, to_port: 81, host_from_port: 8080, host_to_port: 8081, host_address: "
	"192.0.2.7}\n"
	"peerings:\n"
	"- {name: lab, vpc: prod, peer_vpc: lab, status: active}\n";

Test(declare, everything_is_made_and_made_once)
{
	_cleanup_free_ char *yaml = NULL, *json = NULL, *there = NULL, *again = NULL;

	cr_assert_gt(apply(&host, everything, false), 20);
	cr_assert_eq(apply(&host, everything, false), 0, "the same document says something else");
	yaml = export(&host, NULL, true);
	json = export(&host, NULL, false);
	/* another host */
	cr_assert_gt(apply(&other, yaml, true), 20);
	there = export(&other, NULL, true);
	expect_same(there, yaml);
	/* and the same one */
	cr_assert_eq(apply(&other, yaml, true), 0);
	cr_assert_eq(apply(&host, yaml, true), 0);
	cr_assert_eq(apply(&host, json, true), 0);
	again = export(&host, NULL, true);
	expect_same(again, yaml);
}

Test(declare, nothing_is_deleted_without_prune)
{
	static const char less[] = "scope: host\nvpcs:\n- {name: lab, cidr: 10.9.0.0/16}\n";
	_cleanup_free_ char *before = NULL, *after = NULL;

	apply(&host, everything, false);
	before = export(&host, NULL, true);
	cr_assert_eq(apply(&host, less, false), 0);
	after = export(&host, NULL, true);
	expect_same(after, before);
	cr_assert_gt(apply(&host, less, true), 10);
	cr_assert_eq(model_count(host.m, OBJECT_VPC), 1);
	cr_assert_eq(model_count(host.m, OBJECT_ENI), 0);
	cr_assert_eq(model_count(host.m, OBJECT_SG), 1);
	cr_assert_eq(model_count(host.m, OBJECT_EIP), 0);
	cr_assert_eq(model_count(host.m, OBJECT_PREFIX_LIST), 0);
	cr_assert_eq(apply(&host, less, true), 0);
}

Test(declare, prune_stays_in_the_documents_scope)
{
	_cleanup_free_ char *lab = NULL, *before = NULL;

	apply(&host, everything, false);
	lab = export(&host, "lab", true);
	before = export(&host, NULL, true);
	cr_assert_eq(apply(&host, lab, true), 0);
	/* without a scope: the VPCs that it lists; prefix lists are nobody's */
	cr_assert_eq(
		apply(&host,
		      "vpcs:\n- {name: lab, cidr: 10.9.0.0/16}\nsubnets:\n- {name: app, vpc: lab, cidr: 10.9.1.0/24}\n"
		      "enis:\n- {name: plain, vpc: lab, subnet: app}\n"
		      "nat_gateways:\n- {vpc: lab}\n"
		      "elastic_ips:\n- {address: 203.0.113.10, vpc: lab, nat_gateway: '#1'}\n"
		      "peerings:\n- {name: lab, vpc: prod, peer_vpc: lab}\n",
		      false),
		0);
	model_refused(&host, "DependencyViolation", "", "{'op': 'sg.delete', 'security_group_id': 'remote'}");
	cr_assert_eq(model_count(host.m, OBJECT_PREFIX_LIST), 1);
	expect_refused("subnets: []\n", true, 0, "MissingParameter", "scope");
}

Test(declare, one_field_is_one_change)
{
	struct text_error error;
	struct snapshot s;
	struct plan p;
	json_t *document;
	_cleanup_free_ char *shown = NULL;

	apply(&host, everything, false);
	take_snapshot(&host, &s);
	cr_assert_eq(
		plan_text(
			&s,
			"security_groups:\n"
			"- name: DB\n  vpc: prod\n  description: new\n  rules:\n"
			"  - {direction: ingress, protocol: tcp, from_port: 1, to_port: 9, sg: web, description: d}\n",
			false, &document, &p, &error),
		0, "%s", error.message);
	shown = json_dumps(p.nodes[0] ? plan_to_json(&p) : NULL, JSON_COMPACT);
	expect_same(shown, "[{\"action\":\"change\",\"kind\":\"sg\",\"name\":\"DB\",\"vpc\":\"prod\",\"fields\":["
			   "{\"field\":\"name\",\"before\":\"db\",\"after\":\"DB\"},"
			   "{\"field\":\"description\",\"before\":\"\",\"after\":\"new\"},"
			   "{\"field\":\"rules\",\"removed\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\","
			   "\"from_port\":1,\"to_port\":9,\"sg\":\"web\"}],"
			   "\"added\":[{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"from_port\":1,\"to_port\":9,"
			   "\"sg\":\"web\",\"description\":\"d\"}]}]}]");
	cr_assert_eq(json_array_size(p.changes), 3);
	make_changes(&host, p.changes);
	plan_clear(&p);
	json_decref(document);
	snapshot_clear(&s);
}

Test(declare, what_moves_is_one_transaction)
{
	_cleanup_free_ char *before = NULL;

	apply(&host, everything, false);
	before = export(&host, NULL, true);
	/* an address, a subnet's table and ACL, an elastic IP, a gateway and the routes to it */
	cr_assert_gt(
		apply(&host,
		      "enis:\n- {name: web1, vpc: prod, subnet: app, secondary_ips: []}\n"
		      "- {name: new, vpc: prod, subnet: app, ip: 10.0.1.21, security_groups: [fresh]}\n"
		      "security_groups:\n- {name: fresh, vpc: prod}\n"
		      "route_tables:\n- {name: public, vpc: prod, subnets: [app], routes: []}\n"
		      "network_acls:\n- {name: tight, vpc: prod, subnets: [front]}\n"
		      "elastic_ips:\n- {name: web, vpc: prod, eni: new}\n"
		      "internet_gateways:\n- {name: spare, vpc: lab}\n"
		      "vpcs:\n- {name: prod, cidr6: null, secondary_cidrs: [10.1.0.0/16, 'fd00::/56', 10.2.0.0/16]}\n",
		      false),
		5);
	/* rules and routes that name what is pruned go before it */
	apply(&host,
	      "prefix_lists: [{name: extra, max_entries: 2}]\nsecurity_groups:\n- {name: web, vpc: prod, rules: "
	      "[{direction: ingress, protocol: all, sg: fresh}, {direction: egress, protocol: all, prefix_list: "
	      "extra}]}\n"
	      "route_tables: [{name: main, vpc: prod, routes: [{prefix_list: extra, target: blackhole}]}]\n",
	      false);
	apply(&host, before, true);
}

Test(declare, what_cannot_be_is_refused_with_its_line)
{
	apply(&host, everything, false);
	expect_refused("vpcs:\n- name: x\n  cird: 10.0.0.0/8\n", false, 3, "UnknownParameter", "did you mean 'cidr'?");
	expect_refused("vpcs: []\nsecurity_group: []\n", false, 2, "UnknownParameter",
		       "did you mean 'security_groups'?");
	expect_refused("wombats: []\n", false, 1, "UnknownParameter", "wombats");
	expect_refused("vpcs:\n- cidr: 10.0.0.0/8\n", false, 2, "MissingParameter", "needs a name");
	expect_refused("vpcs:\n- {name: x}\n", false, 2, "MissingParameter", "needs cidr");
	expect_refused("vpcs:\n- {name: x, cidr: 10.0.0.0/8, mtu: big}\n", false, 2, "InvalidParameterValue",
		       "whole number");
	expect_refused("vpcs:\n- {name: 12, cidr: 10.0.0.0/8}\n", false, 2, "InvalidParameterValue", "quote");
	expect_refused("vpcs:\n- {name: prod, cidr: 10.99.0.0/16}\n", false, 2, "InvalidParameterCombination",
		       "can't be changed");
	expect_refused("enis:\n- name: x\n  vpc: prod\n  subnet: ap\n", false, 2, "InvalidSubnetID.NotFound",
		       "did you mean 'app'?");
	expect_refused("enis:\n- {name: x, vpc: prd, subnet: app}\n", false, 2, "InvalidVpcID.NotFound",
		       "did you mean 'prod'?");
	expect_refused("enis:\n- {name: x, subnet: app}\n", false, 2, "MissingParameter", "needs vpc");
	expect_refused("security_groups:\n- name: s\n  vpc: prod\n  rules:\n  - {direction: ingress, protocl: tcp}\n",
		       false, 5, "UnknownParameter", "did you mean 'protocol'?");
	expect_refused("security_groups:\n- name: s\n  vpc: prod\n  rules:\n  - {direction: ingress}\n", false, 5,
		       "MissingParameter", "needs protocol");
	expect_refused("security_groups:\n- name: s\n  vpc: prod\n  rules:\n  - {direction: i, protocol: all, cidr: "
		       "0.0.0.0/0}\n"
		       "  - {direction: i, protocol: -1, cidr: 0.0.0.0/0}\n",
		       false, 4, "InvalidParameterValue", "twice");
	expect_refused(
		"subnets:\n- {name: a, vpc: prod, cidr: 10.0.3.0/24}\n- {name: a, vpc: prod, cidr: 10.0.4.0/24}\n",
		false, 3, "InvalidParameterValue", "the document has subnet 'a' twice; keep one");
	expect_refused("a: 1\na: 2\n", false, 2, "MalformedRequest", "twice");
	expect_refused("- a\n", false, 1, "MalformedRequest", "mapping");
	expect_refused("a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n", false, 1, "MalformedRequest", "nests deeper");
	expect_refused("elastic_ips:\n- {pool: public}\n", false, 2, "MissingParameter", "a name or an address");
	expect_refused("format: vpcd/9\n", false, 1, "InvalidParameterValue", "vpcd/1");
	expect_refused("route_tables:\n- {name: main, vpc: prod, routes: [{destination: 1.0.0.0/8, target: out}]}\n",
		       false, 2, "InvalidParameterValue", "nat/NAME");
}

Test(declare, what_a_document_changed_can_be_taken_back)
{
	static const char *const documents[] = {
		everything,
		"scope: host\n",
		"security_groups:\n- {name: web, vpc: prod, rules: []}\nenis:\n"
		"- {name: web1, vpc: prod, subnet: app, security_groups: [db], secondary_ips: []}\n"
		"route_tables:\n- {name: public, vpc: prod, routes: []}\n"
		"elastic_ips:\n- {name: web, eni: fw, vpc: prod}\n"
		"internet_gateways:\n- {name: new, vpc: lab}\n",
	};

	apply(&host, documents[0], false);
	for (size_t i = 1; i < ARRAY_SIZE(documents); i++) {
		_cleanup_json_ json_t *before = model_bench_state(host.m), *after = NULL;
		struct model_context context = {.instance = "default"};
		struct vpc_error error = VPC_ERROR_INIT;
		_cleanup_free_ char *shown = NULL, *then = NULL;
		struct former *f, *read;
		struct model_txn *t;

		keep_former = &f;
		apply(&host, documents[i], i == 1);
		keep_former = NULL;
		read = former_read;
		context.revision = ++host.revision;
		cr_assert_eq(model_begin(host.m, &context, &t), 0);
		cr_assert_geq(model_take_back(t, read, &error), 0, "%s", error.message);
		model_commit(t);
		after = model_bench_state(host.m);
		shown = json_dumps(before, JSON_SORT_KEYS | JSON_INDENT(1));
		then = json_dumps(after, JSON_SORT_KEYS | JSON_INDENT(1));
		expect_same(then, shown);
		former_free(f);
		former_free(read);
	}
}

/* Over whatever there was, a document makes what it makes of nothing. */
Test(declare, random_documents, .timeout = 300)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		_cleanup_free_ char *document = NULL, *here = NULL, *fresh = NULL;

		document = random_document(seed);
		apply(&host, document, true);
		cr_assert_eq(apply(&host, document, true), 0, "seed %u:\n%s", seed, document);
		here = export(&host, NULL, true);
		cr_assert_eq(apply(&host, here, true), 0, "seed %u:\n%s", seed, here);
		model_bench_close(&other);
		model_bench_open(&other, NULL);
		model_bench_pool(&other, "203.0.113.0/24");
		apply(&other, document, true);
		fresh = export(&other, NULL, true);
		expect_same(here, fresh);
	}
}
