/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl explain --change: what a transaction would newly allow and deny, against fixed cases and against every pair of
 * ENIs judged one by one. */
#include <netinet/in.h>
#include <string.h>

#include <vpc/json.h>

#include "model_util.h"
#include "observe/explain/explain.h"

MODEL_SUITE(explain_change);

/* What the changes would do; they are not committed. */
static json_t *ask(const char *text)
{
	const struct model_context context = {.revision = b.revision + 1, .seed = 77, .instance = "t"};
	_cleanup_json_ json_t *changes = model_json_from_quotes(text);
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct model_txn *t;
	json_t *change, *answer;
	size_t i;

	cr_assert_eq(model_begin(b.m, &context, &t), 0);
	json_array_foreach (changes, i, change) {
		struct change c = model_change_from_json(change);
		struct change_result result = {0};

		cr_assert_eq(model_apply(t, &c, &result, &error), 0, "%s", error.message);
		change_result_clear(&result);
		change_clear(&c);
	}
	answer = explain_change(b.m, t);
	model_abort(t);
	cr_assert(answer);
	cr_assert(json_is_true(json_object_get(answer, "complete")));
	return answer;
}

static void put_end(FILE *f, const json_t *end)
{
	const json_t *names = json_object_get(end, "eni_names"), *name;
	size_t i;

	if (!names)
		fputs(json_string_value(json_object_get(end, "cidr")), f);
	json_array_foreach (names, i, name)
		fprintf(f, "%s%s", i ? "," : "", json_string_value(name));
}

/* "+4 a,b>c tcp 443; …": what is allowed (+) and denied (-). Owned. */
static char *lines(const json_t *answer)
{
	static const char *const lists[] = {"allowed", "denied"};
	char *text = NULL;
	size_t size, i, k;
	FILE *f = open_memstream(&text, &size);
	const json_t *reach, *port;

	for (unsigned l = 0; l < 2; l++)
		json_array_foreach (json_object_get(answer, lists[l]), i, reach) {
			fprintf(f, "%s%lld ", l ? "-" : "+",
				(long long)json_integer_value(json_object_get(reach, "ip_version")));
			put_end(f, json_object_get(reach, "from"));
			fputc('>', f);
			put_end(f, json_object_get(reach, "to"));
			json_array_foreach (json_object_get(reach, "ports"), k, port)
				fprintf(f, "%s%s", k ? ", " : " ", json_string_value(port));
			fputs("; ", f);
		}
	fclose(f);
	return text;
}

static void expect(const char *changes, const char *wanted)
{
	_cleanup_json_ json_t *answer = ask(changes);
	_cleanup_free_ char *text = lines(answer);

	cr_assert_str_eq(text, wanted, "%s\nsaid   %s\nwanted %s", changes, text, wanted);
}

/* web1, web2 (group web) and db1 (group db) in two subnets, and idle (group idle). Everything may leave. */
static void make_world(void)
{
	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		 " {'op': 'subnet.create', 'name': 'app', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'},"
		 " {'op': 'subnet.create', 'name': 'data', 'vpc_id': 'v', 'cidr': '10.0.2.0/24'},"
		 " {'op': 'sg.create', 'name': 'web', 'vpc_id': 'v'}, {'op': 'sg.create', 'name': 'db', 'vpc_id': 'v'},"
		 " {'op': 'sg.create', 'name': 'idle', 'vpc_id': 'v'},"
		 " {'op': 'eni.create', 'name': 'web1', 'subnet_id': 'app', 'ip': '10.0.1.11', 'security_groups': "
		 "['web']},"
		 " {'op': 'eni.create', 'name': 'web2', 'subnet_id': 'app', 'ip': '10.0.1.12', 'security_groups': "
		 "['web']},"
		 " {'op': 'eni.create', 'name': 'db1', 'subnet_id': 'data', 'ip': '10.0.2.13', 'security_groups': "
		 "['db']},"
		 " {'op': 'eni.create', 'name': 'idle1', 'subnet_id': 'app', 'ip': '10.0.1.14', 'security_groups': "
		 "['idle']}]");
}

#define RULE(verb, sg, rule) "{'op': 'sg." verb "', 'security_group_id': '" sg "', 'rules': [" rule "]}"
#define FROM_WEB	     "{'direction': 'ingress', 'protocol': 'tcp', 'from_port': 5432, 'to_port': 5432, 'sg_id': 'web'}"

Test(explain_change, a_rule_names_both_ends_and_the_port)
{
	make_world();
	expect("[" RULE("authorize", "db", FROM_WEB) "]", "+4 web1,web2>db1 tcp 5432; ");
	model_ok(&b, "%s", RULE("authorize", "db", FROM_WEB));
	expect("[" RULE("revoke", "db", FROM_WEB) "]", "-4 web1,web2>db1 tcp 5432; ");
	/* a narrower rule allows nothing new */
	expect("[" RULE("authorize", "db",
			"{'direction': 'ingress', 'protocol': 'tcp', 'from_port': 5432, 'to_port': 5432, 'cidr': "
			"'10.0.1.11/32'}") "]",
	       "");
	/* and a wider one just what is beyond */
	expect("[" RULE("authorize", "db",
			"{'direction': 'ingress', 'protocol': 'tcp', 'from_port': 5431, 'to_port': 5433, 'cidr': "
			"'10.0.1.11/32'}") "]",
	       "+4 web1>db1 tcp 5431, tcp 5433; ");
	/* nothing gets there while the sender may not send */
	model_ok(&b, "%s", RULE("revoke", "web", "{'direction': 'egress', 'protocol': 'all', 'cidr': '0.0.0.0/0'}"));
	expect("[" RULE("revoke", "db", FROM_WEB) "]", "");
}

Test(explain_change, membership_acls_new_and_deleted_enis)
{
	make_world();
	model_ok(&b, "%s", RULE("authorize", "db", FROM_WEB));
	expect("[{'op': 'eni.set', 'eni_id': 'idle1', 'security_groups': ['idle', 'web']}]", "+4 idle1>db1 tcp 5432; ");
	expect("[{'op': 'eni.delete', 'eni_id': 'web2'}]", "-4 web2>db1 tcp 5432; ");
	expect("[{'op': 'eni.create', 'name': 'web3', 'subnet_id': 'app', 'security_groups': ['web']}]",
	       "+4 web3>db1 tcp 5432; ");
	model_ok(&b, "[{'op': 'acl.create', 'name': 'shut', 'vpc_id': 'v'}]");
	expect("[{'op': 'acl.associate', 'network_acl_id': 'shut', 'subnets': ['data']}]",
	       "-4 web1,web2>db1 tcp 5432; ");
}

Test(explain_change, outside_by_an_elastic_ip_a_route_or_a_nat_gateway)
{
	make_world();
	model_ok(&b, "%s",
		 RULE("authorize", "web",
		      "{'direction': 'ingress', 'protocol': 'tcp', 'from_port': 443, 'to_port': 443, 'cidr': "
		      "'0.0.0.0/0'}"));
	model_ok(&b, "[{'op': 'igw.create', 'name': 'gate', 'vpc_id': 'v'},"
		     " {'op': 'route.add', 'route_table_id': 'main', 'destination': '0.0.0.0/0', 'target': 'gate'},"
		     " {'op': 'eip.allocate', 'name': 'e'}]");
	expect("[{'op': 'eip.associate', 'elastic_ip_id': 'e', 'eni_id': 'web1'}]",
	       "+4 web1>0.0.0.0/0 all; +4 0.0.0.0/0>web1 tcp 443; ");
	expect("[{'op': 'publish.create', 'name': 'p', 'eni_id': 'web2', 'protocol': 'tcp', 'from_port': 443, "
	       "'to_port': 443,"
	       " 'host_from_port': 8443, 'host_to_port': 8443}]",
	       "+4 0.0.0.0/0>web2 tcp 443; ");
}

/* --- against each pair ----------------------------------------------------------------------------------------------
 */

struct point {
	int protocol;
	int port;
};
static const struct point points[] = {{6, 22}, {6, 80}, {6, 443}, {6, 8080}, {17, 53}, {17, 443}, {1, 8 << 8}, {47, 0}};

static bool names(int protocol, int from, int to, const struct point *p)
{
	if (protocol == PROTOCOL_ALL)
		return true;
	if (protocol != p->protocol)
		return false;
	if (from < 0 || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_ICMP))
		return true;
	if (protocol == IPPROTO_ICMP)
		return from == p->port >> 8 && (to < 0 || to == (p->port & 0xff));
	return from <= p->port && p->port <= to;
}

static bool groups_allow(const struct eni *me, const struct eni *peer, uint8_t direction, const struct point *p)
{
	for (size_t i = 0; i < me->n_groups; i++) {
		const struct rule *r = NULL;

		while ((r = model_next_rule(b.m, me->groups[i], r))) {
			bool matches = r->peer == PEER_CIDR && cidr_contains_ip(&r->cidr, &peer->ip);

			for (size_t k = 0; r->peer == PEER_SG && k < peer->n_groups; k++)
				matches = matches || peer->groups[k] == r->peer_sg;
			if (matches && r->direction == direction && names(r->protocol, r->from_port, r->to_port, p))
				return true;
		}
	}
	return false;
}

static bool acl_allows(const struct eni *me, const struct eni *peer, uint8_t direction, const struct point *p)
{
	const struct object *subnet = model_by_number(b.m, OBJECT_SUBNET, me->subnet);
	uint32_t number = subnet_of(subnet)->acl ? subnet_of(subnet)->acl
						 : vpc_of(model_by_number(b.m, OBJECT_VPC, me->vpc))->default_acl;
	const struct acl *acl = acl_of(model_by_number(b.m, OBJECT_ACL, number));

	for (size_t i = 0; i < acl->n_rules; i++) {
		const struct acl_rule *r = &acl->rules[i];

		if (r->direction == direction && cidr_contains_ip(&r->cidr, &peer->ip) &&
		    names(r->protocol, r->from_port, r->to_port, p))
			return r->allow;
	}
	return false;
}

#define ENIS   5
#define POINTS ARRAY_SIZE(points)
typedef bool matrix[ENIS][ENIS][POINTS];

static void judge_all(matrix ret)
{
	const struct eni *enis[ENIS];
	const struct object *o = NULL;

	for (unsigned i = 0; i < ENIS && (o = model_next(b.m, OBJECT_ENI, o)); i++)
		enis[i] = eni_of(o);
	for (unsigned x = 0; x < ENIS; x++)
		for (unsigned y = 0; y < ENIS; y++)
			for (unsigned k = 0; k < POINTS; k++) {
				const struct eni *from = enis[x], *to = enis[y];
				bool same = from->subnet == to->subnet;

				ret[x][y][k] = x != y && groups_allow(from, to, VPC_EGRESS, &points[k]) &&
					       groups_allow(to, from, VPC_INGRESS, &points[k]) &&
					       (same || (acl_allows(from, to, VPC_EGRESS, &points[k]) &&
							 acl_allows(to, from, VPC_INGRESS, &points[k])));
			}
}

static bool lists_eni(const json_t *end, unsigned eni)
{
	const json_t *name;
	char wanted[8];
	size_t i;

	snprintf(wanted, sizeof(wanted), "e%u", eni);
	json_array_foreach (json_object_get(end, "eni_names"), i, name)
		if (strcmp(json_string_value(name), wanted) == 0)
			return true;
	return false;
}

static bool port_covers(const char *text, const struct point *p)
{
	int a, z, type, code;

	if (strcmp(text, "all") == 0)
		return true;
	if (sscanf(text, "protocols %d to %d", &a, &z) == 2)
		return a <= p->protocol && p->protocol <= z;
	if (strncmp(text, "tcp ", 4) == 0 || strncmp(text, "udp ", 4) == 0) {
		if (p->protocol != (text[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP))
			return false;
		if (strcmp(text + 4, "all") == 0)
			return true;
		return sscanf(text + 4, "%d-%d", &a, &z) == 2 ? a <= p->port && p->port <= z
							      : atoi(text + 4) == p->port;
	}
	if (strncmp(text, "icmp ", 5) == 0) {
		if (p->protocol != IPPROTO_ICMP)
			return false;
		if (strcmp(text + 5, "all") == 0)
			return true;
		if (sscanf(text + 5, "%d/%d", &type, &code) == 2)
			return (type << 8 | code) == p->port;
		return atoi(text + 5) == p->port >> 8;
	}
	return strcmp(text, "47") == 0 && p->protocol == 47;
}

static bool says(const json_t *answer, const char *list, unsigned x, unsigned y, const struct point *p)
{
	const json_t *reach, *port;
	size_t i, k;

	json_array_foreach (json_object_get(answer, list), i, reach) {
		if (!lists_eni(json_object_get(reach, "from"), x) || !lists_eni(json_object_get(reach, "to"), y) ||
		    x == y)
			continue;
		json_array_foreach (json_object_get(reach, "ports"), k, port)
			if (port_covers(json_string_value(port), p))
				return true;
	}
	return false;
}

static unsigned state = 1;

static unsigned pick(unsigned n)
{
	state = state * 1103515245u + 12345u;
	return (state >> 16) % n;
}

/* A random rule of a group, as the text of a change. buf: of 512. */
static const char *random_rule(char *buf, const char *verb, unsigned sg, unsigned shape)
{
	static const char *const protocols[] = {"'protocol': 'all'",
						"'protocol': 'tcp', 'from_port': 80, 'to_port': 443",
						"'protocol': 'tcp', 'from_port': 22, 'to_port': 22",
						"'protocol': 'udp', 'from_port': 0, 'to_port': 65535",
						"'protocol': 'icmp', 'from_port': 8, 'to_port': -1",
						"'protocol': '47'"};
	static const char *const peers[] = {"'cidr': '10.0.0.0/8'",   "'cidr': '10.0.1.0/24'", "'cidr': '10.0.1.11/32'",
					    "'cidr': '10.0.2.12/31'", "'sg_id': 'g0'",	       "'sg_id': 'g1'",
					    "'sg_id': 'g2'"};

	snprintf(buf, 512, RULE("%s", "g%u", "{'direction': '%s', %s, %s}"), verb, sg, shape % 2 ? "ingress" : "egress",
		 protocols[shape / 2 % ARRAY_SIZE(protocols)],
		 peers[shape / 2 / ARRAY_SIZE(protocols) % ARRAY_SIZE(peers)]);
	return buf;
}

#define SHAPES (2 * 6 * 7)

static void make_random_world(bool has[3][SHAPES])
{
	char text[512];

	model_ok(&b,
		 "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		 " {'op': 'subnet.create', 'name': 'app', 'vpc_id': 'v', 'cidr': '10.0.1.0/24'},"
		 " {'op': 'subnet.create', 'name': 'data', 'vpc_id': 'v', 'cidr': '10.0.2.0/24'},"
		 " {'op': 'acl.create', 'name': 'a', 'vpc_id': 'v'},"
		 " {'op': 'acl.rule.add', 'network_acl_id': 'a', 'direction': 'ingress', 'rule_number': 100, 'action': "
		 "'allow',"
		 "  'protocol': 'tcp', 'from_port': 0, 'to_port': 1000, 'cidr': '10.0.1.8/29'},"
		 " {'op': 'acl.rule.add', 'network_acl_id': 'a', 'direction': 'egress', 'rule_number': 100, 'action': "
		 "'allow',"
		 "  'protocol': 'all', 'cidr': '0.0.0.0/0'},"
		 " {'op': 'sg.create', 'name': 'g0', 'vpc_id': 'v'}, {'op': 'sg.create', 'name': 'g1', 'vpc_id': 'v'},"
		 " {'op': 'sg.create', 'name': 'g2', 'vpc_id': 'v'}]");
	for (unsigned i = 0; i < ENIS; i++)
		model_ok(&b,
			 "{'op': 'eni.create', 'name': 'e%u', 'subnet_id': '%s', 'ip': '10.0.%u.%u',"
			 " 'security_groups': ['g%u'%s]}",
			 i, i % 2 ? "data" : "app", i % 2 ? 2 : 1, 10 + i, pick(3), pick(2) ? "" : ", 'default'");
	for (unsigned i = 0; i < 10; i++) {
		unsigned sg = pick(3), shape = pick(SHAPES);

		if (!has[sg][shape])
			model_ok(&b, "%s", random_rule(text, "authorize", sg, shape));
		has[sg][shape] = true;
	}
}

static void random_change(char *buf, bool has[3][SHAPES])
{
	unsigned sg = pick(3), shape = pick(SHAPES);

	switch (pick(4)) {
	case 0:
		snprintf(buf, 512, "{'op': 'eni.set', 'eni_id': 'e%u', 'security_groups': ['g%u', 'g%u']}", pick(ENIS),
			 sg, (sg + 1) % 3);
		return;
	case 1:
		snprintf(buf, 512, "{'op': 'acl.associate', 'network_acl_id': 'a', 'subnets': ['%s']}",
			 pick(2) ? "app" : "data");
		return;
	default:
		/* one that is there, half of the time */
		for (unsigned i = 0; pick(2) && i < SHAPES && !has[sg][shape]; i++)
			shape = (shape + 1) % SHAPES;
		random_rule(buf, has[sg][shape] ? "revoke" : "authorize", sg, shape);
		has[sg][shape] = !has[sg][shape];
	}
}

static unsigned compare_all(const json_t *answer, const char *change, const matrix was, const matrix is)
{
	unsigned differences = 0;

	for (unsigned x = 0; x < ENIS; x++)
		for (unsigned y = 0; y < ENIS; y++)
			for (unsigned k = 0; k < POINTS; k++) {
				bool gained = is[x][y][k] && !was[x][y][k], lost = was[x][y][k] && !is[x][y][k];

				differences += gained || lost;
				cr_assert_eq(says(answer, "allowed", x, y, &points[k]), gained,
					     "%s: e%u to e%u, %d %d: %s", change, x, y, points[k].protocol,
					     points[k].port, lines(answer));
				cr_assert_eq(says(answer, "denied", x, y, &points[k]), lost,
					     "%s: e%u to e%u, %d %d: %s", change, x, y, points[k].protocol,
					     points[k].port, lines(answer));
			}
	return differences;
}

Test(explain_change, says_of_every_pair_what_judging_it_says, .timeout = 120)
{
	unsigned differences = 0;

	for (unsigned world = 0; world < 30; world++) {
		bool has[3][SHAPES] = {0};

		model_bench_close(&b);
		model_bench_open(&b, NULL);
		state = world + 1;
		make_random_world(has);
		for (unsigned i = 0; i < 20; i++) {
			char change[512], list[520];
			_cleanup_json_ json_t *answer = NULL;
			matrix was, is;

			random_change(change, has);
			snprintf(list, sizeof(list), "[%s]", change);
			answer = ask(list);
			judge_all(was);
			model_ok(&b, "%s", change);
			judge_all(is);
			differences += compare_all(answer, change, was, is);
		}
	}
	cr_assert_gt(differences, 500);
}

/* 1,000 ENIs and 10,000 rules: it is complete, and the list is bounded. */
Test(explain_change, a_large_vpc, .timeout = 120)
{
	model_ok(&b, "[{'op': 'vpc.create', 'name': 'v', 'cidr': '10.0.0.0/16'},"
		     " {'op': 'subnet.create', 'name': 's', 'vpc_id': 'v', 'cidr': '10.0.0.0/20'}]");
	for (unsigned g = 0; g < 20; g++) {
		model_ok(&b, "{'op': 'sg.create', 'name': 'g%u', 'vpc_id': 'v'}", g);
		for (unsigned i = 0; i < 500; i++)
			model_ok(&b,
				 RULE("authorize", "g%u",
				      "{'direction': 'ingress', 'protocol': 'tcp', 'from_port': %u, 'to_port': %u,"
				      " 'cidr': '203.%u.%u.0/24'}"),
				 g, i, i, g, i % 250);
	}
	for (unsigned i = 0; i < 1000; i++)
		model_ok(&b, "{'op': 'eni.create', 'subnet_id': 's', 'name': 'e%u', 'security_groups': ['g%u']}", i,
			 i % 20);
	expect("[" RULE("authorize", "g3",
			"{'direction': 'ingress', 'protocol': 'tcp', 'from_port': 9, 'to_port': 9, 'sg_id': 'g4'}") "]",
	       "+4 e4,e24,e44,e64,e84>e3,e23,e43,e63,e83 tcp 9; ");
}
