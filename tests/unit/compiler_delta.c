/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compile_delta and compile_all over a model that changes through model_apply. */
#include <arpa/inet.h>
#include <criterion/criterion.h>

#include "compiler/compile.h"

#define TEXT(s) ((char *)(uintptr_t)(s)) /* model_apply() only reads a change */

struct fixture {
	struct model *model;
	struct model_txn *txn;
	uint64_t revision;
};

static struct fixture *open_model(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	cr_assert(f);
	cr_assert_eq(model_new(&vpc_limits_default, &f->model), 0);
	return f;
}

static void close_model(struct fixture *f)
{
	if (f->txn)
		model_abort(f->txn);
	model_free(f->model);
	free(f);
}

static void begin(struct fixture *f)
{
	const struct model_context context = {
		.revision = ++f->revision, .seed = f->revision * 7919, .instance = "test"};

	cr_assert_eq(model_begin(f->model, &context, &f->txn), 0);
}

static void apply(struct fixture *f, const struct change *c)
{
	_cleanup_(change_result_clear) struct change_result result = {0};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	cr_assert_eq(model_apply(f->txn, c, &result, &error), 0, "%s: %s", change_op_name(c->op), error.message);
}

/* Compiles what the open transaction did, and commits it. */
static struct plan end(struct fixture *f)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct delta *deltas;
	struct plan plan = {0};
	size_t n;

	cr_assert_eq(model_txn_deltas(f->txn, &deltas, &n), 0);
	cr_assert_eq(compile_delta(f->model, "test", deltas, n, &plan, &error), 0, "%s", error.message);
	model_commit(TAKE_PTR(f->txn));
	return plan;
}

static struct plan apply_one(struct fixture *f, const struct change *c)
{
	begin(f);
	apply(f, c);
	return end(f);
}

#define P(field) FIELD_BIT(FIELD_##field)

static const struct change vpc_create = {.op = CHANGE_VPC_CREATE,
					 .present = P(NAME) | P(CIDR) | P(CIDR6) | P(MTU),
					 .name = TEXT("v"),
					 .cidr = TEXT("10.1.0.0/16"),
					 .cidr6 = TEXT("fd00:1::/56"),
					 .mtu = 1400};
static const struct change subnet_create = {.op = CHANGE_SUBNET_CREATE,
					    .present = P(NAME) | P(VPC_ID) | P(CIDR) | P(CIDR6),
					    .name = TEXT("s"),
					    .vpc_id = TEXT("v"),
					    .cidr = TEXT("10.1.2.0/24"),
					    .cidr6 = TEXT("fd00:1:0:2::/64")};
static const struct change eni_create = {.op = CHANGE_ENI_CREATE,
					 .present = P(NAME) | P(SUBNET_ID) | P(IP) | P(IP6),
					 .name = TEXT("e"),
					 .subnet_id = TEXT("s"),
					 .ip = TEXT("10.1.2.9"),
					 .ip6 = TEXT("fd00:1:0:2::9")};
static const struct change eni_attach = {.op = CHANGE_ENI_ATTACH,
					 .present = P(ENI_ID) | P(ATTACHMENT),
					 .eni_id = TEXT("e"),
					 .attachment = {.kind = ATTACHMENT_NETNS,
							.netns = TEXT("web1"),
							.path = TEXT("/run/netns/web1"),
							.ns_dev = 4,
							.ns_ino = 4026532000}};

static struct plan make_all(struct fixture *f)
{
	begin(f);
	apply(f, &vpc_create);
	apply(f, &subnet_create);
	apply(f, &eni_create);
	return end(f);
}

static bool is_empty(const struct plan *p)
{
	return !p->n_rows && !p->n_enis && !p->n_addrs && !p->n_vpcs && !p->n_subnets && !p->n_ports;
}

static uint32_t be(const char *ip4)
{
	struct ip ip;

	cr_assert_eq(ip_parse(ip4, &ip), 0);
	return ip_v4_be(&ip);
}

Test(compiler_delta, what_is_created)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan p = make_all(f);
	const struct object *v = model_next(f->model, OBJECT_VPC, NULL),
			    *sn = model_next(f->model, OBJECT_SUBNET, NULL);
	const struct eni *e = eni_of(model_next(f->model, OBJECT_ENI, NULL));
	const struct eni_record *r = &p.enis[0].after;
	uint8_t mac[6];

	/* the default group: everything from itself, everything out in both families */
	cr_assert_eq(p.n_rows, 3);
	cr_assert_eq(p.n_vpcs, 1);
	cr_assert(p.vpcs[0].has_after && !p.vpcs[0].has_before);
	cr_expect_eq(p.vpcs[0].after.number, v->number);
	cr_expect_str_eq(p.vpcs[0].after.id, v->id);
	cr_expect_eq(p.vpcs[0].after.mtu, 1400);
	cr_expect_eq(p.vpcs[0].after.n_cidrs, 2);
	cr_expect(strstr(p.vpcs[0].after.netns, "vpc-"));

	cr_assert_eq(p.n_subnets, 1);
	cr_expect_eq(p.subnets[0].after.vpc, v->number);
	cr_expect_eq(p.subnets[0].after.ifindex, VPC_BRIDGE_FIRST + sn->number);
	cr_expect_eq(p.subnets[0].after.mtu, 1400);
	cr_expect_eq(ip_v4_be(&p.subnets[0].after.gateway.addr), be("10.1.2.1"));
	cr_expect_eq(p.subnets[0].after.gateway.plen, 24);
	cr_expect_eq(p.subnets[0].after.gateway6.plen, 64);
	cr_expect_eq(p.subnets[0].after.cidr6.addr.family, 6);
	compile_gateway_mac(sn->number, mac);
	cr_expect_eq(memcmp(p.subnets[0].after.mac, mac, 6), 0);
	cr_expect_eq(mac[0] & 3, 2, "unicast and locally administered");

	cr_assert_eq(p.n_enis, 1);
	cr_expect_eq(r->number, e->o.number);
	cr_expect_eq(r->incarnation, e->incarnation);
	cr_expect_neq(r->incarnation, 0);
	cr_expect_eq(r->vpc, v->number);
	cr_expect_eq(r->subnet, sn->number);
	cr_expect_eq(r->flags, VPC_ENI_SOURCE_DEST_CHECK | VPC_ENI_DETACHED);
	cr_expect_eq(r->mtu, 1400);
	cr_expect_eq(r->n_groups, 1);
	cr_expect_eq(r->groups[0], vpc_of(v)->default_sg);
	cr_expect_eq(memcmp(r->mac, e->mac, 6), 0);
	cr_expect_eq(memcmp(r->gateway_mac, mac, 6), 0);
	cr_expect_eq(r->gateway4, be("10.1.2.1"));
	cr_expect_eq(r->subnet4, be("10.1.2.0"));
	cr_expect_eq(r->mask4, be("255.255.255.0"));
	cr_expect_eq(r->subnet6[0], htonl(0xfd000001));
	cr_expect_eq(r->subnet6[1], htonl(0x00000002));
	cr_expect_eq(r->tcp_idle_s, 432000);
	cr_expect_eq(r->udp_idle_s, 30);
	cr_expect_eq(r->udp_stream_idle_s, 180);
	cr_expect_eq(r->flow_budget, vpc_limits_default.flows_established / 2);

	cr_assert_eq(p.n_addrs, 3);
	for (size_t i = 0; i < 2; i++)
		cr_expect(p.addrs[i].add && p.addrs[i].vpc == v->number && p.addrs[i].eni == e->o.number);
	cr_expect_neq(p.addrs[0].ip.family, p.addrs[1].ip.family);
	cr_expect(p.addrs[2].add && p.addrs[2].vpc == VPC_BRIDGE_FIRST + sn->number && p.addrs[2].eni == e->o.number,
		  "its MAC, by which the router's packets find it");
	cr_expect_eq(memcmp(p.addrs[2].ip.bytes + 10, e->mac, 6), 0);
	cr_expect_eq(p.n_ports, 0, "not attached");
	close_model(f);
}

Test(compiler_delta, names_and_tags_are_nothing)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan first = make_all(f);
	const struct change renames[] = {
		{.op = CHANGE_VPC_UPDATE, .present = P(VPC_ID) | P(NAME), .vpc_id = TEXT("v"), .name = TEXT("v2")},
		{.op = CHANGE_SUBNET_UPDATE,
		 .present = P(SUBNET_ID) | P(NAME),
		 .subnet_id = TEXT("s"),
		 .name = TEXT("s2")},
		{.op = CHANGE_ENI_UPDATE, .present = P(ENI_ID) | P(NAME), .eni_id = TEXT("e"), .name = TEXT("e2")},
	};

	for (size_t i = 0; i < ARRAY_SIZE(renames); i++) {
		_cleanup_(plan_clear) struct plan p = apply_one(f, &renames[i]);

		cr_expect(is_empty(&p), "rename %zu", i);
	}
	close_model(f);
}

static struct rule_spec web_rule = {.direction = TEXT("ingress"),
				    .protocol = TEXT("tcp"),
				    .has_from_port = true,
				    .has_to_port = true,
				    .from_port = 8000,
				    .to_port = 8002,
				    .cidr = TEXT("0.0.0.0/0")};
static const struct change sg_create = {
	.op = CHANGE_SG_CREATE, .present = P(NAME) | P(VPC_ID), .name = TEXT("web"), .vpc_id = TEXT("v")};

static struct change rule_change(enum change_op op)
{
	return (struct change){
		.op = op, .present = P(SG_ID) | P(RULES), .sg_id = TEXT("web"), .rules = &web_rule, .n_rules = 1};
}

Test(compiler_delta, rules_are_rows)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan all = make_all(f), group = apply_one(f, &sg_create);
	const struct change authorize = rule_change(CHANGE_SG_AUTHORIZE), revoke = rule_change(CHANGE_SG_REVOKE);
	_cleanup_(plan_clear) struct plan added = apply_one(f, &authorize), removed = apply_one(f, &revoke);

	cr_expect_eq(group.n_rows, 2, "two egress rules");
	cr_assert_eq(added.n_rows, 2, "8000-8001 and 8002");
	cr_assert_eq(removed.n_rows, 2);
	for (size_t i = 0; i < 2; i++) {
		cr_expect(added.rows[i].add && !removed.rows[i].add);
		removed.rows[i].add = true;
		cr_expect_eq(memcmp(&added.rows[i], &removed.rows[i], sizeof(added.rows[i])), 0);
	}
	cr_expect(!added.n_enis && !added.n_vpcs);

	begin(f);
	apply(f, &authorize);
	apply(f, &revoke);
	_cleanup_(plan_clear) struct plan both = end(f);
	cr_expect(is_empty(&both), "what comes and goes in one transaction");
	close_model(f);
}

Test(compiler_delta, groups_of_an_eni)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan all = make_all(f), group = apply_one(f, &sg_create);
	_cleanup_(plan_clear) struct plan attached = apply_one(f, &eni_attach);
	char *enis[] = {TEXT("e")};
	const struct change join = {
		.op = CHANGE_SG_ATTACH, .present = P(SG_ID) | P(ENIS), .sg_id = TEXT("web"), .enis = enis, .n_enis = 1};
	_cleanup_(plan_clear) struct plan p = apply_one(f, &join);

	cr_assert_eq(p.n_enis, 1);
	cr_assert(p.enis[0].has_before && p.enis[0].has_after);
	cr_expect_eq(p.enis[0].before.n_groups, 1);
	cr_expect_eq(p.enis[0].after.n_groups, 2);
	cr_expect_lt(p.enis[0].after.groups[0], p.enis[0].after.groups[1], "ascending");
	cr_expect(!p.n_ports && !p.n_addrs && !p.n_rows);
	close_model(f);
}

Test(compiler_delta, ports)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan all = make_all(f), attached = apply_one(f, &eni_attach);
	char *secondary[] = {TEXT("10.1.2.77")};
	const struct change more = {.op = CHANGE_ENI_UPDATE,
				    .present = P(ENI_ID) | P(SECONDARY_IPS),
				    .eni_id = TEXT("e"),
				    .secondary_ips = secondary,
				    .n_secondary_ips = 1};
	const struct change detach = {.op = CHANGE_ENI_DETACH, .present = P(ENI_ID), .eni_id = TEXT("e")};
	_cleanup_(plan_clear) struct plan grown = apply_one(f, &more), detached = apply_one(f, &detach);
	const struct port_record *r;

	cr_assert_eq(attached.n_ports, 1);
	cr_assert(attached.ports[0].has_after && !attached.ports[0].has_before);
	cr_assert_eq(attached.n_enis, 1);
	cr_expect_eq(attached.enis[0].before.flags & ~attached.enis[0].after.flags, VPC_ENI_DETACHED);
	attached.enis[0].before.flags = attached.enis[0].after.flags;
	cr_expect_arr_eq(&attached.enis[0].before, &attached.enis[0].after, sizeof(attached.enis[0].after),
			 "else the ENI's row is the same");
	cr_expect_eq(attached.n_addrs, 0);
	r = &attached.ports[0].after;
	cr_expect_str_eq(r->attachment.path, "/run/netns/web1");
	cr_expect_eq(r->attachment.ns_ino, 4026532000);
	cr_expect_neq(r->host_ifname[0], '\0');
	cr_expect_eq(r->n_ips, 2);
	cr_expect_eq(r->ips[0].family, 4);
	cr_expect_eq(r->plen4, 24);
	cr_expect(r->has_ip6);
	cr_expect_eq(ip_v4_be(&r->gateway4), be("10.1.2.1"));

	cr_assert_eq(grown.n_addrs, 1);
	cr_expect(grown.addrs[0].add && ip_v4_be(&grown.addrs[0].ip) == be("10.1.2.77"));
	cr_assert_eq(grown.n_ports, 1);
	cr_expect(grown.ports[0].has_before && grown.ports[0].has_after);
	cr_expect_eq(grown.ports[0].after.n_ips, 3);
	cr_expect_eq(grown.n_enis, 0);

	cr_assert_eq(detached.n_ports, 1);
	cr_expect(detached.ports[0].has_before && !detached.ports[0].has_after);
	cr_assert_eq(detached.n_enis, 1);
	cr_expect(detached.enis[0].has_after && (detached.enis[0].after.flags & VPC_ENI_DETACHED) && !detached.n_addrs,
		  "a detached ENI keeps its row and addresses");
	close_model(f);
	/* a plan refers to nothing of the model */
	cr_expect_str_eq(attached.ports[0].after.attachment.path, "/run/netns/web1");
}

Test(compiler_delta, a_vpc_deleted_whole)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan all = make_all(f), attached = apply_one(f, &eni_attach);
	const struct change detach = {.op = CHANGE_ENI_DETACH, .present = P(ENI_ID), .eni_id = TEXT("e")};
	const struct change deletes[] = {
		{.op = CHANGE_ENI_DELETE, .present = P(ENI_ID), .eni_id = TEXT("e")},
		{.op = CHANGE_SUBNET_DELETE, .present = P(SUBNET_ID), .subnet_id = TEXT("s")},
		{.op = CHANGE_VPC_DELETE, .present = P(VPC_ID), .vpc_id = TEXT("v")},
	};

	begin(f);
	apply(f, &detach);
	for (size_t i = 0; i < ARRAY_SIZE(deletes); i++)
		apply(f, &deletes[i]);
	_cleanup_(plan_clear) struct plan p = end(f);

	cr_expect_eq(p.n_rows, 3);
	for (size_t i = 0; i < p.n_rows; i++)
		cr_expect(!p.rows[i].add);
	cr_assert_eq(p.n_vpcs, 1);
	cr_expect(p.vpcs[0].has_before && !p.vpcs[0].has_after);
	cr_assert_eq(p.n_subnets, 1);
	cr_expect_eq(memcmp(&p.subnets[0].before, &all.subnets[0].after, sizeof(p.subnets[0].before)), 0);
	cr_assert_eq(p.n_enis, 1);
	all.enis[0].after.flags &= ~VPC_ENI_DETACHED; /* it was attached meanwhile */
	cr_expect_eq(memcmp(&p.enis[0].before, &all.enis[0].after, sizeof(p.enis[0].before)), 0,
		     "its VPC and subnet are found as they were");
	cr_assert_eq(p.n_addrs, 3);
	cr_expect(!p.addrs[0].add && !p.addrs[1].add && !p.addrs[2].add);
	cr_assert_eq(p.n_ports, 1);
	cr_expect(p.ports[0].has_before && !p.ports[0].has_after);
	close_model(f);
}

Test(compiler_delta, an_address_moves)
{
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan all = make_all(f);
	struct change other = eni_create, give = {0}, take = {0};
	char *secondary[] = {TEXT("10.1.2.77")};

	other.name = TEXT("e2");
	other.ip = TEXT("10.1.2.10");
	other.ip6 = TEXT("fd00:1:0:2::10");
	other.present |= P(SECONDARY_IPS);
	other.secondary_ips = secondary;
	other.n_secondary_ips = 1;
	_cleanup_(plan_clear) struct plan made = apply_one(f, &other);

	take = (struct change){.op = CHANGE_ENI_UPDATE, .present = P(ENI_ID) | P(SECONDARY_IPS), .eni_id = TEXT("e2")};
	give = take;
	give.eni_id = TEXT("e");
	give.secondary_ips = secondary;
	give.n_secondary_ips = 1;
	begin(f);
	apply(f, &take);
	apply(f, &give);
	_cleanup_(plan_clear) struct plan p = end(f);

	cr_expect_eq(made.n_addrs, 4);
	cr_assert_eq(p.n_addrs, 2);
	cr_expect_neq(p.addrs[0].add, p.addrs[1].add);
	cr_expect_neq(p.addrs[0].eni, p.addrs[1].eni);
	for (size_t i = 0; i < 2; i++)
		cr_expect_eq(ip_v4_be(&p.addrs[i].ip), be("10.1.2.77"));
	close_model(f);
}

Test(compiler_delta, all_is_the_sum_of_the_deltas)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct fixture *f = open_model();
	_cleanup_(plan_clear) struct plan made = make_all(f), attached = apply_one(f, &eni_attach), all = {0},
					  one = {0}, none = {0};
	struct change second = vpc_create;

	second.name = TEXT("v2");
	_cleanup_(plan_clear) struct plan other = apply_one(f, &second);

	cr_assert_eq(compile_all(f->model, "test", 0, &all, &error), 0);
	cr_expect_eq(all.n_vpcs, 2);
	cr_expect_eq(all.n_rows, made.n_rows + other.n_rows);

	cr_assert_eq(compile_all(f->model, "test", made.vpcs[0].after.number, &one, &error), 0);
	cr_assert_eq(one.n_vpcs, 1);
	cr_expect_eq(memcmp(&one.vpcs[0].after, &made.vpcs[0].after, sizeof(one.vpcs[0].after)), 0);
	cr_assert_eq(one.n_rows, made.n_rows);
	cr_assert_eq(one.n_enis, 1);
	cr_expect_eq(memcmp(&one.enis[0].after, &attached.enis[0].after, sizeof(one.enis[0].after)), 0);
	cr_expect_eq(one.n_addrs, made.n_addrs);
	cr_expect_eq(one.n_ports, 1);

	cr_assert_eq(compile_all(f->model, "test", 4242, &none, &error), 0);
	cr_expect(is_empty(&none));
	close_model(f);
}
