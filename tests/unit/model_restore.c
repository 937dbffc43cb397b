/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A backup's documents make the model equal to them, whatever it was; undone, it is as it was. */
#include <string.h>

#include "model/document_set.h"
#include "model_util.h"

MODEL_SUITE(model_restore);

static void take_backup(const struct model *m, struct document_set *ret)
{
	*ret = (struct document_set){0};
	for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct object *o = NULL;

		while ((o = model_next(m, (enum object_kind)kind, o))) {
			json_t *document = model_to_document(m, o);

			cr_assert_eq(document_set_add(ret, kind_of((enum object_kind)kind)->noun,
						      document_for_backup(document)),
				     0);
			json_decref(document);
		}
	}
	document_set_sort(ret);
}

static void expect_same_backup(const struct document_set *a)
{
	struct document_set now;

	take_backup(b.m, &now);
	cr_assert_eq(a->n, now.n);
	for (size_t i = 0; i < now.n; i++)
		cr_expect(json_equal(a->at[i].document, now.at[i].document), "%s differs", a->at[i].id);
	document_set_clear(&now);
}

static struct model_txn *begin_restore(const struct document_set *s)
{
	const struct model_context context = {.revision = b.revision + 1, .seed = 77, .instance = "default"};
	struct vpc_error error = VPC_ERROR_INIT;
	struct model_txn *t = NULL;

	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	cr_assert_eq(model_restore(t, s, &error), 0, "%s", error.message);
	return t;
}

static void make_state(void)
{
	model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16', 'internet': true}");
	model_ok(&b, "{'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'}");
	model_ok(&b, "{'op': 'sg.create', 'name': 'g', 'vpc_id': 'v'}");
	model_ok(&b, "{'op': 'sg.authorize', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': "
		     "'tcp', 'from_port': 80, 'to_port': 80, 'sg_id': 'g'}]}");
	model_ok(&b, "{'op': 'eni.create', 'name': 'e', 'subnet_id': 's', 'security_groups': ['g']}");
	model_ok(&b, "{'op': 'eip.allocate', 'name': 'a'}");
	model_ok(&b, "{'op': 'eip.associate', 'elastic_ip_id': 'a', 'eni_id': 'e'}");
}

static void change_state(void)
{
	model_ok(&b, "{'op': 'eip.release', 'elastic_ip_id': 'a'}");
	model_ok(&b, "{'op': 'eni.delete', 'eni_id': 'e'}");
	model_ok(&b, "{'op': 'sg.delete', 'security_group_id': 'g'}");
	model_ok(&b, "{'op': 'vpc.update', 'vpc_id': 'v', 'name': 'w'}");
	model_ok(&b, "{'op': 'vpc.create', 'name': 'v', 'cidr': '10.1.0.0/16'}");
}

Test(model_restore, any_state_becomes_that_of_the_backup)
{
	struct document_set backup;
	struct model_txn *t;
	const struct delta *deltas;
	size_t n;
	char *before, *after;

	make_state();
	take_backup(b.m, &backup);
	model_ok(&b, "{'op': 'eip.disassociate', 'elastic_ip_id': 'a'}");
	change_state();
	before = model_dump(b.m);
	t = begin_restore(&backup);
	model_abort(t);
	after = model_dump(b.m);
	cr_expect_str_eq(before, after);
	free(before);
	free(after);

	t = begin_restore(&backup);
	cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
	cr_expect_gt(n, 0);
	model_suspend(t);
	model_resume(t);
	model_commit(t);
	b.revision++;
	expect_same_backup(&backup);
	/* The model goes on: what is restored can be changed and deleted. */
	model_ok(&b, "{'op': 'sg.authorize', 'security_group_id': 'g', 'rules': [{'direction': 'ingress', 'protocol': "
		     "'tcp', 'from_port': 81, 'to_port': 81, 'cidr': '0.0.0.0/0'}]}");
	model_ok(&b, "{'op': 'subnet.create', 'name': 's2', 'vpc_id': 'v', 'cidr': '10.0.2.0/24'}");
	document_set_clear(&backup);
}

/* What is as it was keeps its number and its revision. */
Test(model_restore, what_both_states_have_stays)
{
	struct document_set backup;
	struct model_txn *t;
	const struct delta *deltas;
	size_t n;

	make_state();
	take_backup(b.m, &backup);
	t = begin_restore(&backup);
	cr_assert_eq(model_txn_deltas(t, &deltas, &n), 0);
	for (size_t i = 0; i < n; i++) {
		cr_assert(deltas[i].before && deltas[i].after);
		cr_expect_eq(deltas[i].before->number, deltas[i].after->number);
		cr_expect_eq(deltas[i].before->revision, deltas[i].after->revision);
	}
	model_commit(t);
	document_set_clear(&backup);
}

/* On a host without the pool, with a smaller limit, or with a reference that leads nowhere. */
Test(model_restore, a_state_that_this_host_cannot_have_is_refused)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct vpc_limits limits = vpc_limits_default;
	struct document_set backup;
	struct model *other = NULL;

	make_state();
	take_backup(b.m, &backup);
	cr_expect_eq(document_set_check(&backup, b.m, &error), 0, "%s", error.message);
	cr_assert_eq(model_new(&limits, &other), 0);
	cr_expect_lt(document_set_check(&backup, other, &error), 0);
	cr_expect(strstr(error.message, "[pool \"public\"]"), "%s", error.message);
	model_free(other);
	limits.vpcs = 0;
	cr_assert_eq(model_new(&limits, &other), 0);
	cr_expect_lt(document_set_check(&backup, other, &error), 0);
	cr_expect_eq(error.code, VPC_E_RESOURCE_LIMIT_EXCEEDED);
	model_free(other);
	for (size_t i = 0; i < backup.n; i++)
		if (backup.at[i].kind == OBJECT_SUBNET)
			json_object_set_new(backup.at[i].document, "vpc_id", json_string("vpc-00000000000000000"));
	cr_expect_lt(document_set_check(&backup, b.m, &error), 0);
	cr_expect_eq(error.code, VPC_E_INVALID_PARAMETER_VALUE);
	document_set_clear(&backup);
}
