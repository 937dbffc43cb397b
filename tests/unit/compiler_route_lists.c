/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel is told of routes to prefix lists: single cases, and random transactions against a naive expansion.
 */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "compiler_util.h"

static struct model_bench b;

static void open_bench(void)
{
	model_bench_open(&b, NULL);
}

static void close_bench(void)
{
	model_bench_close(&b);
}

TestSuite(compiler_route_lists, .init = open_bench, .fini = close_bench);

#define WORLD                                                                                                         \
	"{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'}, {'op': 'nat.create', 'name': 'n', 'vpc_id': 'v'}," \
	"{'op': 'prefix-list.create', 'name': 'l', 'max_entries': 5}"
#define ENTRIES(verb, list, cidr) \
	"{'op': 'prefix-list." verb "', 'prefix_list_id': '" list "', 'entries': [{'cidr': '" cidr "'}]}"
#define TO_LIST(verb, list, target)                                                               \
	"{'op': 'route." verb "', 'route_table_id': 'main', 'destination_prefix_list_id': '" list \
	"', 'target': '" target "'}"
#define TO_CIDR(verb, cidr, target) \
	"{'op': 'route." verb "', 'route_table_id': 'main', 'destination': '" cidr "', 'target': '" target "'}"

/* "192.0.2.0/24 nat>blackhole, …" of the plan's routes, in their order. "-": none. */
static const char *routes(const struct plan *p)
{
	static const char *const kinds[] = {"none", "igw", "eigw", "nat", "eni", "peering", "blackhole"};
	static char text[1024];
	size_t used = 0;

	cr_assert_eq(VPC_TARGET_IGW, 1);
	cr_assert_eq(VPC_TARGET_BLACKHOLE, 6);
	text[0] = '\0';
	for (size_t i = 0; i < p->n_routes; i++) {
		const struct plan_route *r = &p->routes[i];
		char cidr[CIDR_STRLEN];

		cidr_format(r->has_after ? &r->after.destination : &r->before.destination, cidr);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s>%s", i ? ", " : "", cidr,
					 r->has_before ? kinds[r->before.target >> VPC_TARGET_SHIFT] : "-",
					 r->has_after ? kinds[r->after.target >> VPC_TARGET_SHIFT] : "-");
	}
	return text;
}

static void expect(const char *changes, const char *expected)
{
	_cleanup_(plan_clear) struct plan p = compiled(&b, changes);

	cr_expect_str_eq(routes(&p), expected, "%s: %s", changes, routes(&p));
}

Test(compiler_route_lists, entries_come_and_go)
{
	expect("[" WORLD ", " TO_LIST("add", "l", "n") "]", "");
	expect("[" ENTRIES("add", "l", "192.0.2.0/24") "]", "192.0.2.0/24 ->nat");
	expect("[" ENTRIES("add", "l", "198.51.100.0/24") ", " ENTRIES("remove", "l", "192.0.2.0/24") "]",
	       "192.0.2.0/24 nat>-, 198.51.100.0/24 ->nat");
	expect("[" ENTRIES("remove", "l", "198.51.100.0/24") ", " ENTRIES("add", "l", "198.51.100.0/24") "]", "");
	expect("[" TO_LIST("replace", "l", "blackhole") "]", "198.51.100.0/24 nat>blackhole");
	expect("[{'op': 'prefix-list.restore', 'prefix_list_id': 'l', 'version': 2}]",
	       "192.0.2.0/24 ->blackhole, 198.51.100.0/24 blackhole>-");
	expect("[" TO_LIST("replace", "l", "n") "]", "192.0.2.0/24 blackhole>nat");
	expect("[{'op': 'nat.delete', 'nat_gateway_id': 'n'}]", "192.0.2.0/24 nat>blackhole");
	expect("[{'op': 'prefix-list.update', 'prefix_list_id': 'l', 'name': 'm'}]", "");
	expect("[{'op': 'route.delete', 'route_table_id': 'main', 'destination': 'm'},"
	       " {'op': 'prefix-list.delete', 'prefix_list_id': 'm'}]",
	       "192.0.2.0/24 blackhole>-");
}

/* Whatever else changes, one route to the CIDR itself is what counts. */
Test(compiler_route_lists, a_route_to_the_cidr_wins)
{
	expect("[" WORLD ", " ENTRIES("add", "l", "192.0.2.0/24") ", " TO_LIST("add", "l", "n") "]",
	       "192.0.2.0/24 ->nat");
	expect("[" TO_CIDR("add", "192.0.2.0/24", "blackhole") "]", "192.0.2.0/24 nat>blackhole");
	expect("[" ENTRIES("remove", "l", "192.0.2.0/24") "]", "");
	expect("[" ENTRIES("add", "l", "192.0.2.0/24") "]", "");
	expect("[{'op': 'route.delete', 'route_table_id': 'main', 'destination': '192.0.2.0/24'}]",
	       "192.0.2.0/24 blackhole>nat");
	expect("[" TO_CIDR("add", "192.0.2.0/24", "n") "]", "");
	expect("[" TO_CIDR("add", "192.0.2.0/25", "blackhole") "]", "192.0.2.0/25 ->blackhole");
}

Test(compiler_route_lists, of_two_lists_the_first_added_wins)
{
	expect("[" WORLD ", {'op': 'prefix-list.create', 'name': 'k', 'max_entries': 5}," ENTRIES(
		       "add", "k",
		       "192.0.2.0/24") ", " ENTRIES("add", "l",
						    "192.0.2.0/24") ", " TO_LIST("add", "l",
										 "n") ", " TO_LIST("add", "k",
												   "blackhole") "]",
	       "192.0.2.0/24 ->nat");
	expect("[" ENTRIES("remove", "l", "192.0.2.0/24") "]", "192.0.2.0/24 nat>blackhole");
	expect("[" ENTRIES("add", "l", "192.0.2.0/24") ", " ENTRIES("remove", "k", "192.0.2.0/24") "]",
	       "192.0.2.0/24 blackhole>nat");
	expect("[" ENTRIES("add", "k", "192.0.2.0/24") "]", "");
	/* Deleted and added again, it is the last. */
	expect("[{'op': 'route.delete', 'route_table_id': 'main', 'destination': 'l'}, " TO_LIST("add", "l", "n") "]",
	       "192.0.2.0/24 nat>blackhole");
}

/* --- against a naive expansion ------------------------------------------------------------------------------------ */

struct state {
	struct route_record *at;
	size_t n;
};

static int compare_records(const void *one, const void *other)
{
	const struct route_record *x = one, *y = other;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return memcmp(&x->destination, &y->destination, sizeof(x->destination));
}

static struct route_record *find(const struct state *s, const struct route_record *r)
{
	for (size_t i = 0; i < s->n; i++)
		if (!compare_records(&s->at[i], r))
			return &s->at[i];
	return NULL;
}

/* Each record of a plan must fit what is there. */
static void apply(struct state *s, const struct plan *p)
{
	for (size_t i = 0; i < p->n_routes; i++) {
		const struct plan_route *r = &p->routes[i];
		struct route_record *there = find(s, r->has_before ? &r->before : &r->after);

		cr_assert(r->has_before || r->has_after);
		if (r->has_before) {
			cr_assert_not_null(there);
			cr_assert_eq(there->target, r->before.target);
			if (r->has_after)
				*there = r->after;
			else
				*there = s->at[--s->n];
		} else {
			cr_assert_null(there);
			*ARRAY_ADD(s->at, s->n) = r->after;
		}
	}
}

static uint32_t target_of(const struct table_route *r)
{
	return r->active ? VPC_TARGET_NAT << VPC_TARGET_SHIFT | r->number : VPC_TARGET_BLACKHOLE << VPC_TARGET_SHIFT;
}

/* The first to a destination stays. */
static void expand(struct state *s, uint32_t table, const struct cidr *cidr, uint32_t target)
{
	struct route_record r = {0};

	r.table = table;
	r.destination = *cidr;
	r.target = target;
	if (!find(s, &r))
		*ARRAY_ADD(s->at, s->n) = r;
}

static struct state naive(void)
{
	struct state s = {0};

	for (const struct object *o = NULL; (o = model_next(b.m, OBJECT_ROUTE_TABLE, o));) {
		const struct vpc_route_table *rt = route_table_of(o);

		for (size_t i = 0; i < rt->n_routes; i++)
			expand(&s, o->number, &rt->routes[i].destination, target_of(&rt->routes[i]));
		for (size_t i = 0; i < rt->n_lists; i++)
			for (const struct object *e = NULL;
			     (e = model_next_part(b.m, OBJECT_PREFIX_LIST, rt->lists[i].list, OBJECT_PREFIX_ENTRY, e));)
				if (!prefix_entry_of(e)->until)
					expand(&s, o->number, &prefix_entry_of(e)->cidr, target_of(&rt->lists[i]));
	}
	return s;
}

static void expect_same(const struct state *s, const struct state *wanted, const char *what)
{
	if (s->n)
		qsort(s->at, s->n, sizeof(*s->at), compare_records);
	if (wanted->n)
		qsort(wanted->at, wanted->n, sizeof(*wanted->at), compare_records);
	cr_assert_eq(s->n, wanted->n, "%s", what);
	for (size_t i = 0; i < s->n; i++)
		cr_assert(!compare_records(&s->at[i], &wanted->at[i]) && s->at[i].target == wanted->at[i].target, "%s",
			  what);
}

static uint64_t seed = 20260607;

static unsigned draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static void add_text(char *text, size_t size, const char *format, ...) __attribute__((__format__(__printf__, 3, 4)));
static void add_text(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(text + used, size - used, format, ap);
	va_end(ap);
}

/* Three tables, three lists, six destinations: so that they collide. Many changes are refused, which is fine. */
static void random_change(char *text, size_t size)
{
	static const char *const verbs[] = {"add", "replace", "delete"};
	unsigned list = draw(3), table = draw(3), net = draw(6), target = draw(3), verb = draw(3);
	char to[64] = "";

	if (verb != 2)
		snprintf(to, sizeof(to), ", 'target': '%s'", target ? target == 1 ? "n1" : "n2" : "blackhole");
	switch (draw(12)) {
	case 0:
		add_text(text, size, "{'op': 'prefix-list.restore', 'prefix_list_id': 'l%u', 'version': %u}", list,
			 1 + draw(40));
		break;
	case 1:
		add_text(text, size,
			 draw(2) ? "{'op': 'route-table.create', 'name': 't%u', 'vpc_id': 'v'}"
				 : "{'op': 'route-table.delete', 'route_table_id': 't%u'}",
			 table);
		break;
	case 2:
		add_text(text, size,
			 draw(2) ? "{'op': 'prefix-list.create', 'name': 'l%u', 'max_entries': 5}"
				 : "{'op': 'prefix-list.delete', 'prefix_list_id': 'l%u'}",
			 list);
		break;
	case 3:
		add_text(text, size,
			 draw(2) ? "{'op': 'nat.create', 'name': 'n%u', 'vpc_id': 'v'}"
				 : "{'op': 'nat.delete', 'nat_gateway_id': 'n%u'}",
			 1 + draw(2));
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		add_text(text, size,
			 "{'op': 'prefix-list.%s', 'prefix_list_id': 'l%u', 'entries': [{'cidr': '192.0.%u.0/24'}]}",
			 draw(2) ? "add" : "remove", list, net);
		break;
	case 8:
	case 9:
		add_text(text, size, "{'op': 'route.%s', 'route_table_id': 't%u', 'destination': '192.0.%u.0/24'%s}",
			 verbs[verb], table, net, to);
		break;
	default:
		add_text(text, size,
			 "{'op': 'route.%s', 'route_table_id': 't%u', 'destination_prefix_list_id': 'l%u'%s}",
			 verbs[verb], table, list, to);
	}
}

Test(compiler_route_lists, random_transactions)
{
	struct state s = {0};
	size_t seen = 0;

	model_ok(&b, "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'nat.create', 'name': 'n1', 'vpc_id': 'v'}, {'op': 'nat.create', 'name': 'n2', 'vpc_id': "
		     "'v'}]");
	for (unsigned i = 0; i < 4000; i++) {
		_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
		_cleanup_(plan_clear) struct plan p = {0}, all = {0};
		struct state wanted, whole = {0};
		char text[2048] = "[";

		for (unsigned n = 1 + draw(5); n > 0; n--) {
			random_change(text, sizeof(text));
			strcat(text, n > 1 ? ", " : "]");
		}
		p = compiled_where_allowed(&b, text);
		seen += p.n_routes;
		apply(&s, &p);
		wanted = naive();
		expect_same(&s, &wanted, text);
		cr_assert_eq(compile_all(b.m, "test", 0, &all, &error), 0);
		apply(&whole, &all);
		expect_same(&whole, &wanted, text);
		free(wanted.at);
		free(whole.at);
	}
	cr_expect_gt(seen, 1000, "%zu routes were changed", seen);
	free(s.at);
}

/* --- what it costs ------------------------------------------------------------------------------------------------ */

static void create_tables(unsigned n)
{
	model_ok(&b, "[" WORLD "]");
	for (unsigned i = 0; i < n; i++)
		model_ok(&b, "{'op': 'route-table.create', 'name': 't%u', 'vpc_id': 'v'}", i);
}

Test(compiler_route_lists, an_entry_is_one_record_in_each_table_that_leads_to_its_list)
{
	unsigned seen[201] = {0};

	create_tables(150);
	for (unsigned i = 0; i < 100; i++)
		model_ok(&b, "{'op': 'route.add', 'route_table_id': 't%u', 'destination': 'l', 'target': 'n'}", i);
	for (unsigned added = 1; added < 3; added++) {
		_cleanup_(plan_clear) struct plan p =
			compiled(&b, added == 1 ? "[" ENTRIES("add", "l", "192.0.2.0/24") "]"
						: "[" ENTRIES("remove", "l", "192.0.2.0/24") "]");

		cr_assert_eq(p.n_routes, 100);
		cr_expect_eq(p.n_rows, 1, "and one row for those who name the list in rules");
		for (size_t i = 0; i < p.n_routes; i++) {
			uint32_t table = (added == 1 ? &p.routes[i].after : &p.routes[i].before)->table;

			cr_assert_lt(table, ARRAY_SIZE(seen));
			cr_assert_eq(++seen[table], added, "each once");
		}
	}
}

/* A list that nobody's route leads to is compiled as if there were no routes. */
Test(compiler_route_lists, other_lists_and_tables_are_not_touched)
{
	create_tables(2);
	expect("[{'op': 'prefix-list.create', 'name': 'k', 'max_entries': 5}," TO_LIST("add", "l", "n") "]", "");
	expect("[" ENTRIES("add", "k", "192.0.2.0/24") "]", "");
	expect("[" ENTRIES("add", "l", "192.0.2.0/24") "]", "192.0.2.0/24 ->nat");
}

/* As much as a table may have: five hundred lists, and one more, of five hundred entries that come at once. The work
 * must not grow with the product of both, which takes several times as long as making the tables. */
Test(compiler_route_lists, many_entries_and_many_lists_in_many_tables, .timeout = 300)
{
	size_t size = 64 * 1024;
	char *text = malloc(size);
	clock_t start = clock(), made;

	create_tables(0);
	model_ok(&b, "{'op': 'prefix-list.create', 'name': 'big', 'max_entries': 500}");
	for (unsigned i = 0; i < 500; i++)
		model_ok(&b, "{'op': 'prefix-list.create', 'name': 'l%u', 'max_entries': 1}", i);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, size, "[{'op': 'route-table.create', 'name': 't', 'vpc_id': 'v'}");
		for (unsigned k = 0; k < 500; k++)
			add_text(text, size,
				 ", {'op': 'route.add', 'route_table_id': '$0.id', 'destination': 'l%u',"
				 " 'target': 'blackhole'}",
				 k);
		add_text(text, size,
			 ", {'op': 'route.add', 'route_table_id': '$0.id', 'destination': 'big', 'target': 'n'},"
			 " {'op': 'route-table.update', 'route_table_id': '$0.id', 'name': 't%u'}]",
			 i);
		model_ok(&b, "%s", text);
	}
	snprintf(text, size, "[{'op': 'prefix-list.add', 'prefix_list_id': 'big', 'entries': [");
	for (unsigned i = 0; i < 500; i++)
		add_text(text, size, "%s{'cidr': '192.%u.%u.0/24'}", i ? ", " : "", i / 250, i % 250);
	add_text(text, size, "]}]");
	made = clock();
	{
		_cleanup_(plan_clear) struct plan p = compiled(&b, text);

		cr_expect_eq(p.n_routes, 40 * 500);
	}
	cr_expect_lt(clock() - made, made - start, "%ld and %ld µs", (long)(clock() - made), (long)(made - start));
	free(text);
}
