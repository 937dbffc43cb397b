/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Out of memory at every allocation of a transaction: an error, nothing left behind, and undoing needs no memory. The
 * program's own malloc stands before the C library's; sanitizers bring theirs, so there the test is skipped by name. */
#include <stdbool.h>
#include <string.h>

#include "model_util.h"

#if defined(__SANITIZE_ADDRESS__)

Test(model_oom, skipped_under_address_sanitizer)
{
	cr_skip("the sanitizer's malloc can not be made to fail at a chosen call");
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

/* Allocations that still succeed; negative: all do. */
static long budget = -1;
static bool failed;

static bool may_allocate(void)
{
	if (budget < 0)
		return true;
	if (budget == 0) {
		failed = true;
		return false;
	}
	budget--;
	return true;
}

void *malloc(size_t size)
{
	return may_allocate() ? __libc_malloc(size) : NULL;
}

void *calloc(size_t n, size_t size)
{
	return may_allocate() ? __libc_calloc(n, size) : NULL;
}

void *realloc(void *p, size_t size)
{
	return may_allocate() ? __libc_realloc(p, size) : NULL;
}

static struct model_bench b;

static const char *const busy_request =
	"[{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'tags': {'a': 'b'}},"
	" {'op': 'subnet.create', 'name': 'x', 'vpc_id': '$0.id', 'cidr': '10.0.0.0/24'},"
	" {'op': 'sg.create', 'name': 'x', 'vpc_id': 'a', 'description': 'd'},"
	" {'op': 'sg.authorize', 'security_group_id': 'web', 'rules': ["
	"  {'direction': 'ingress', 'protocol': 'all', 'cidr': '::/0', 'description': 'd', 'tags': {'k': 'v'}},"
	"  {'direction': 'ingress', 'protocol': 'all', 'sg_id': 'x'}]},"
	" {'op': 'sg.revoke', 'security_group_id': 'web', 'rules': [{'direction': 'egress', 'protocol': 'all', 'cidr': "
	"'::/0'}]},"
	" {'op': 'eni.create', 'name': 'f', 'subnet_id': 's', 'vpc': 'a', 'secondary_ips': ['10.0.0.9']},"
	" {'op': 'eni.set', 'eni_id': 'e', 'security_groups': ['x', 'web']},"
	" {'op': 'eni.attach', 'eni_id': 'e', 'attachment': {'kind': 'netns', 'path': '/p'}},"
	" {'op': 'eni.detach', 'eni_id': 'e', 'reason': 'r'},"
	" {'op': 'eni.delete', 'eni_id': 'e'},"
	" {'op': 'sg.update', 'security_group_id': 'web', 'name': 'w'}, {'op': 'vpc.update', 'vpc_id': 'a', 'name': "
	"'z'}]";

/* Runs the request with memory for so many allocations, then takes it back. Returns whether it was accepted. */
static bool attempt(const struct change *changes, size_t n, long allocations)
{
	struct model_context context = {.revision = 2, .seed = 5};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct change_result results[16] = {0};
	struct model_txn *t = NULL;
	int r;

	failed = false;
	budget = allocations;
	r = model_begin(b.m, &context, &t);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = model_apply(t, &changes[i], &results[i], &error);
	/* Nothing at all from here on. */
	budget = 0;
	if (t)
		model_abort(t);
	budget = -1;
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		change_result_clear(&results[i]);
	if (r < 0)
		cr_assert_eq(r, -ENOMEM, "%s: %s", vpc_code_string(error.code), error.message);
	return r >= 0;
}

/* Gives the request memory for 0, 1, 2 … allocations until it is accepted. Returns how many that took. */
static long attempt_all(const char *request)
{
	json_t *json = model_json_from_quotes(request);
	size_t n = json_array_size(json);
	struct change changes[16];
	char *before = model_dump(b.m), *after;
	long allocations = -1;
	bool accepted;

	cr_assert_leq(n, ARRAY_SIZE(changes));
	for (size_t i = 0; i < n; i++)
		changes[i] = model_change_from_json(json_array_get(json, i));
	do {
		accepted = attempt(changes, n, ++allocations);
		cr_assert_neq(accepted, failed);
		after = model_dump(b.m);
		cr_assert_str_eq(before, after, "after %ld allocations", allocations);
		free(after);
	} while (!accepted);
	free(before);
	for (size_t i = 0; i < n; i++)
		change_clear(&changes[i]);
	json_decref(json);
	return allocations;
}

Test(model_oom, every_allocation_of_a_transaction, .timeout = 120)
{
	model_bench_open(&b, NULL);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'},"
		     " {'op': 'sg.create', 'name': 'web', 'vpc_id': 'a'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'security_groups': ['web']}]");
	/* So many objects that some table is about to grow. */
	for (unsigned i = 0; i < 120; i++)
		model_ok(&b,
			 "{'op': 'sg.authorize', 'security_group_id': 'default', 'rules': [{'direction': 'ingress',"
			 " 'protocol': 'tcp', 'from_port': %u, 'to_port': %u, 'cidr': '1.2.3.4/32'}]}",
			 i, i);
	cr_assert_gt(attempt_all(busy_request), 100);
	model_bench_close(&b);
}

static const char *const edge_request =
	"[{'op': 'vpc.create', 'name': 'x', 'cidr': '10.0.0.0/16', 'cidr6': 'fd00::/56', 'internet': true},"
	" {'op': 'igw.create', 'vpc_id': 'a'},"
	" {'op': 'route-table.create', 'name': 't', 'vpc_id': 'a'},"
	" {'op': 'route-table.associate', 'route_table_id': 't', 'subnets': ['s']},"
	" {'op': 'route.add', 'route_table_id': 't', 'destination': '0.0.0.0/0', 'target': '$1.id'},"
	" {'op': 'route.replace', 'route_table_id': 'u', 'destination': '192.0.2.0/24', 'target': 'e'},"
	" {'op': 'eip.allocate'}, {'op': 'eip.associate', 'elastic_ip_id': '$6.id', 'eni_id': 'e'},"
	" {'op': 'eip.associate', 'elastic_ip_id': '$6.id', 'nat_gateway_id': 'n'},"
	" {'op': 'igw.detach', 'internet_gateway_id': '$1.id'}, {'op': 'nat.delete', 'vpc': 'a', 'nat_gateway_id': "
	"'n'},"
	" {'op': 'publish.create', 'eni_id': 'e', 'from_port': 1, 'host_from_port': 1},"
	" {'op': 'eni.delete', 'eni_id': 'e'}, {'op': 'vpc.delete', 'vpc_id': 'x'}]";

Test(model_oom, every_allocation_of_the_edge, .timeout = 120)
{
	model_bench_open(&b, NULL);
	model_bench_pool(&b, "203.0.113.0/28");
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's'},"
		     " {'op': 'nat.create', 'name': 'n', 'subnet_id': 's'}]");
	model_ok(&b, "[{'op': 'route-table.create', 'name': 'u', 'vpc_id': 'a'},"
		     " {'op': 'route.add', 'route_table_id': 'u', 'destination': '192.0.2.0/24', 'target': 'n'}]");
	cr_assert_gt(attempt_all(edge_request), 100);
	model_bench_close(&b);
}

static const char *const list_request =
	"[{'op': 'prefix-list.create', 'name': 'k', 'max_entries': 2, 'entries': [{'cidr': '198.51.100.0/24'}]},"
	" {'op': 'route.add', 'route_table_id': 'u', 'destination_prefix_list_id': '$0.id', 'target': 'n'},"
	" {'op': 'prefix-list.add', 'prefix_list_id': 'l', 'entries': [{'cidr': '203.0.113.0/24'}]},"
	" {'op': 'route.replace', 'route_table_id': 'u', 'destination': 'l', 'target': 'blackhole'},"
	" {'op': 'prefix-list.restore', 'prefix_list_id': 'l', 'version': 1},"
	" {'op': 'route.delete', 'route_table_id': 'u', 'destination': 'l'},"
	" {'op': 'prefix-list.delete', 'prefix_list_id': 'l'}, {'op': 'nat.delete', 'nat_gateway_id': 'n'}]";

Test(model_oom, every_allocation_of_routes_to_prefix_lists, .timeout = 120)
{
	model_bench_open(&b, NULL);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'nat.create', 'name': 'n', 'vpc_id': 'a'},"
		     " {'op': 'route-table.create', 'name': 'u', 'vpc_id': 'a'},"
		     " {'op': 'prefix-list.create', 'name': 'l', 'max_entries': 2},"
		     " {'op': 'prefix-list.add', 'prefix_list_id': 'l', 'entries': [{'cidr': '192.0.2.0/24'}]},"
		     " {'op': 'route.add', 'route_table_id': 'u', 'destination_prefix_list_id': 'l', 'target': 'n'}]");
	cr_assert_gt(attempt_all(list_request), 50);
	model_bench_close(&b);
}

/* Each table loses all it holds, and has it back. */
Test(model_oom, deleting_the_last_of_everything)
{
	model_bench_open(&b, NULL);
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'a', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'a', 'cidr': '10.0.0.0/24'},"
		     " {'op': 'eni.create', 'name': 'e', 'subnet_id': 's'}]");
	cr_assert_gt(attempt_all("[{'op': 'eni.delete', 'eni_id': 'e'}, {'op': 'subnet.delete', 'subnet_id': 's'},"
				 " {'op': 'vpc.delete', 'vpc_id': 'a'}]"),
		     0);
	model_bench_close(&b);
}

#endif
