/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The edge in the maps: a kill between leaves the old state or the new one; what somebody changes by hand is found and
 * mended. Needs root. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/maps/edge_state.h"
#include "datapath/maps/mirror/routes.h"
#include "tests/bpf/maps_util.h"

TestSuite(maps_edge_faults, .init = maps_setup_without_judging, .fini = maps_teardown, .timeout = 120);

/* The IPv6 prefix of the VPC is a global one. */
static void workloads(struct test_plan *tp)
{
	tp_routed_enis(tp);
	tp->vpcs[0].after.cidrs[1].addr.bytes[0] = 0x20;
}

static void old_state(struct test_plan *tp)
{
	const struct route_record r4 = route4_rec(1, 9, VPC_TARGET_NAT, 1), gone = route6_rec(1, 9, VPC_TARGET_EIGW, 0);
	const struct eip_record mine = eip_rec(1, 1, 1, 5), free = eip_rec(2, 2, 0, 0);
	const struct publish_record p = publish_rec(1, 2, 6, 8080, 8090);
	const struct nat_record nat = {.number = 1, .vpc = 1, .incarnation = 5, .eip = VPC_NAT_HOST_ADDRESS};

	workloads(tp);
	tp_route(tp, NULL, &r4);
	tp_route(tp, NULL, &gone);
	tp_association(tp, 1, 0, 1);
	tp_nat(tp, NULL, &nat);
	tp_eip(tp, NULL, &mine);
	tp_eip(tp, NULL, &free);
	tp_publish(tp, NULL, &p);
}

static void new_state(struct test_plan *tp)
{
	const struct route_record r4 = route4_rec(1, 9, VPC_TARGET_IGW, 0),
				  fresh = route4_rec(2, 8, VPC_TARGET_ENI, 1025);
	const struct eip_record moved = eip_rec(1, 1, 2, 6), fresh_ip = eip_rec(3, 3, 1, 5);
	const struct publish_record p = publish_rec(2, 1, 5, 8085, 8095);
	const struct nat_record nat = {.number = 2, .vpc = 1, .incarnation = 6, .eip = 3};

	workloads(tp);
	tp_route(tp, NULL, &r4);
	tp_route(tp, NULL, &fresh);
	tp_association(tp, 1, 0, 2);
	tp_nat(tp, NULL, &nat);
	tp_eip(tp, NULL, &moved);
	tp_eip(tp, NULL, &fresh_ip);
	tp_publish(tp, NULL, &p);
}

/* --- kills -------------------------------------------------------------------------------------------------------- */

enum { PREPARED, UNDONE, STORED, PUBLISHED, RETIRED, STEPS };

static void die_at(int step)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct maps *t = maps_small(true);
	struct test_plan new;
	struct maps_change *c;
	struct plan plan;

	new_state(&new);
	if (maps_diff(t, &new.p, &plan, &error) < 0 || maps_prepare(t, &plan, &c, &error) < 0)
		_exit(1);
	if (step == UNDONE)
		maps_undo(t, c);
	if (step == STORED)
		epoch_store(t, c->epoch);
	if (step == PUBLISHED || step == RETIRED)
		maps_publish(t, c);
	if (step == RETIRED)
		maps_retire(t, c);
	_exit(0);
}

Test(maps_edge_faults, death_at_every_step_leaves_the_old_or_the_new)
{
	struct maps *t = maps_small(true);
	struct test_plan old, new;
	char first[512];

	old_state(&old);
	new_state(&new);
	maps_apply(t, &old);
	maps_close(t);
	for (int step = 0; step < STEPS; step++) {
		struct test_plan *right = step < STORED ? &old : &new;
		struct dump before, after;
		pid_t pid = fork();
		int status;

		if (pid == 0)
			die_at(step);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "step %d", step);
		t = maps_small(true);
		cr_assert_eq(maps_differences(t, right, first, sizeof(first)), 0, "step %d: %s", step, first);
		/* Nothing half-done comes up with the next commit. */
		before = maps_dump(t);
		epoch_store(t, maps_epoch(t) + 1);
		cr_assert_eq(maps_differences(t, right, first, sizeof(first)), 0, "step %d: %s", step, first);
		epoch_store(t, maps_epoch(t) - 1);
		maps_close(t);
		t = maps_small(true);
		after = maps_dump(t);
		cr_assert(dump_equal(&before, &after), "step %d: a second adoption changed something", step);
		maps_mend(t, &old);
		cr_assert_eq(maps_differences(t, &old, first, sizeof(first)), 0, "step %d: %s", step, first);
		maps_close(t);
		free(before.at);
		free(after.at);
	}
}

Test(maps_edge_faults, death_at_any_instant)
{
	struct test_plan old, new;

	old_state(&old);
	new_state(&new);
	maps_killed_while_changing(&old, &new, 10);
}

/* --- by hand ------------------------------------------------------------------------------------------------------ */

static void put_in_force(struct maps *t, struct vpc_versioned *v, uint32_t value)
{
	store64(&v->slot[!versioned_spare(v, maps_epoch(t))], maps_epoch(t) << VPC_VERSIONED_SHIFT | value);
}

static struct vpc_publish_row *some_port(struct maps *t)
{
	uint32_t i = 1;

	while (!publish_at(t, i)->born)
		i++;
	return publish_at(t, i);
}

static void route_redirected(struct maps *t)
{
	put_in_force(t, &route_at(t, 1)->target, 0x300003);
}

static void route_key_gone(struct maps *t)
{
	struct vpc_route_key key = route_at(t, 1)->key;

	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_ROUTE].fd, &key), 0);
}

static void route_smuggled_in(struct maps *t)
{
	struct vpc_route_key key = {.table = 1, .family = 4, .plen = 0};
	uint32_t number = 20;

	route_at(t, 20)->key = key;
	route_at(t, 20)->target.slot[0] = 1ull << VPC_VERSIONED_SHIFT | 0x100000;
	route_plens_at(t, 1)->plens4 |= 1;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_ROUTE].fd, &key, &number, BPF_ANY), 0);
}

static void route_hint_gone(struct maps *t)
{
	route_plens_at(t, 1)->plens4 = 0;
}

static void subnet_has_another_table(struct maps *t)
{
	put_in_force(t, subnet_table_at(t, 3), 2);
}

static void nat_of_another_vpc(struct maps *t)
{
	nat_at(t, 1)->vpc = 2;
}

static void nat_smuggled_in(struct maps *t)
{
	*nat_at(t, 3) = (struct vpc_nat){.eip = {{1ull << VPC_VERSIONED_SHIFT | 1}}, .vpc = 1, .incarnation = 3};
}

static void eip_stolen(struct maps *t)
{
	struct vpc_versioned *v = &eip_at(t, 1)->target;

	eip_at(t, 1)->private4[!versioned_spare(v, maps_epoch(t))] = htonl(0x0a000006);
}

static void eip_readdressed(struct maps *t)
{
	eip_at(t, 1)->addr4 = htonl(0xcb007109);
}

static void eip_address_gone(struct maps *t)
{
	struct vpc_public_key key;

	edge_public_key_of(eip_at(t, 1)->addr4, &key);
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_PUBLIC].fd, &key), 0);
}

static void address_has_anothers_eip(struct maps *t)
{
	for (uint32_t i = 1; i < t->mirror.addr_numbers.fresh; i++)
		if (addr_at(t, i)->key.addr[3] == htonl(0x0a000006))
			put_in_force(t, &addr_at(t, i)->eip, 1);
}

static void port_goes_elsewhere(struct maps *t)
{
	some_port(t)->port++;
}

static void port_key_gone(struct maps *t)
{
	struct vpc_publish_key key = some_port(t)->key;

	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_PUBLISH].fd, &key), 0);
}

static void port_smuggled_in(struct maps *t)
{
	struct vpc_publish_key key = {.proto = IPPROTO_UDP, .plen = 16, .port = 22};
	uint32_t number = 20;

	*publish_at(t, 20) = (struct vpc_publish_row){
		.born = 1, .died = VPC_ALIVE, .key = key, .vpc = 1, .eni = VPC_ENI_FIRST + 1, .port = 22};
	edge_ctl_at(t, 0)->publish_plens |= 1u << 16;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_PUBLISH].fd, &key, &number, BPF_ANY), 0);
}

static void port_hint_gone(struct maps *t)
{
	edge_ctl_at(t, 0)->publish_plens = 0;
}

static void uplink_changed(struct maps *t)
{
	uplink_at(t, 1)->host_ifindex = 99;
}

static void uplink_key_moved(struct maps *t)
{
	uint32_t ifindex = 70, vpc = 2;

	cr_assert_eq(bpf_map_update_elem(t->map[MAP_UPLINK_OF].fd, &ifindex, &vpc, BPF_ANY), 0);
}

static void uplink_key_smuggled_in(struct maps *t)
{
	uint32_t ifindex = 71, vpc = 1;

	cr_assert_eq(bpf_map_update_elem(t->map[MAP_UPLINK_OF].fd, &ifindex, &vpc, BPF_ANY), 0);
}

static void outer_gone(struct maps *t)
{
	uint32_t ifindex = 2;

	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_OUTER].fd, &ifindex), 0);
}

static void host_address_smuggled_in(struct maps *t)
{
	struct vpc_public value = {.kind = VPC_PUBLIC_HOST};
	struct vpc_public_key key;

	edge_public_key_of(htonl(0x08080808), &key);
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_PUBLIC].fd, &key, &value, BPF_ANY), 0);
}

static void host_address_gone(struct maps *t)
{
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_PUBLIC].fd, &t->edge.hosts.at[0]), 0);
}

static void ports_changed(struct maps *t)
{
	edge_ctl_at(t, 0)->nat_port_first = 1;
}

static void prefix_gone(struct maps *t)
{
	struct vpc_prefix6_key key = {.plen = 56, .addr = {htonl(0x20010000)}};

	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_PREFIX6].fd, &key), 0);
}

static void prefix_smuggled_in(struct maps *t)
{
	struct vpc_prefix6_key key = {.plen = 48, .addr = {htonl(0x20020000)}};
	uint32_t vpc = 1;

	cr_assert_eq(bpf_map_update_elem(t->map[MAP_PREFIX6].fd, &key, &vpc, BPF_ANY), 0);
}

#define BY_HAND(name)        \
	{                    \
		name, #name, \
	}
static const struct {
	void (*change)(struct maps *t);
	const char *name;
} by_hand[] = {
	BY_HAND(route_redirected),
	BY_HAND(route_key_gone),
	BY_HAND(route_smuggled_in),
	BY_HAND(route_hint_gone),
	BY_HAND(subnet_has_another_table),
	BY_HAND(nat_of_another_vpc),
	BY_HAND(nat_smuggled_in),
	BY_HAND(eip_stolen),
	BY_HAND(eip_readdressed),
	BY_HAND(eip_address_gone),
	BY_HAND(address_has_anothers_eip),
	BY_HAND(port_goes_elsewhere),
	BY_HAND(port_key_gone),
	BY_HAND(port_smuggled_in),
	BY_HAND(port_hint_gone),
	BY_HAND(uplink_changed),
	BY_HAND(uplink_key_moved),
	BY_HAND(uplink_key_smuggled_in),
	BY_HAND(outer_gone),
	BY_HAND(host_address_smuggled_in),
	BY_HAND(host_address_gone),
	BY_HAND(ports_changed),
	BY_HAND(prefix_gone),
	BY_HAND(prefix_smuggled_in),
};

static int audited(struct maps *t)
{
	struct maps_finding finding;
	struct maps_audit *a;
	int r;

	cr_assert_eq(maps_audit_new(&a), 0);
	r = maps_audit_step(t, a, 100000, &finding);
	if (r > 0)
		cr_log_info("%s: %s", finding.map, finding.detail);
	maps_audit_free(a);
	return r;
}

static struct maps *with_everything(struct test_plan *tp)
{
	const struct vpc_uplink uplink = {.ifindex = VPC_UPLINK_FIRST + 1, .host_ifindex = 70, .mtu = 1500};
	const struct maps_outer outer = {.ifindex = 2, .row = {.mtu = 1500}};
	struct ip host = {.family = 4, .bytes = {[10] = 0xff, 0xff, 192, 0, 2, 1}};
	struct maps *t = maps_small(true);

	old_state(tp);
	maps_apply(t, tp);
	cr_assert_eq(maps_uplink_set(t, 1, &uplink), 0);
	cr_assert_eq(maps_outers_set(t, &outer, 1), 0);
	cr_assert_eq(maps_host_addresses_set(t, &host, 1), 0);
	return t;
}

Test(maps_edge_faults, what_somebody_changes_is_found_and_mended)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct test_plan tp;
	struct maps *t = with_everything(&tp);
	char first[512];

	cr_assert_eq(audited(t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++) {
		struct dump before = maps_dump(t), after;

		by_hand[i].change(t);
		cr_assert_eq(audited(t), 1, "%s: the audit finds nothing", by_hand[i].name);
		cr_assert_neq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s: verify finds nothing",
			      by_hand[i].name);
		cr_assert_eq(maps_reread(t, &error), 0);
		maps_mend(t, &tp);
		cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s: %s", by_hand[i].name, first);
		cr_assert_eq(audited(t), 0, "%s is not mended", by_hand[i].name);
		after = maps_dump(t);
		cr_assert_eq(before.n, after.n);
		free(before.at);
		free(after.at);
	}
	maps_close(t);
}

/* While vpcd is away: the next start mends what is planned, and what the devices are told anew. */
Test(maps_edge_faults, what_somebody_changes_while_vpcd_is_away_is_mended_at_the_start)
{
	const struct vpc_uplink uplink = {.ifindex = VPC_UPLINK_FIRST + 1, .host_ifindex = 70, .mtu = 1500};
	struct test_plan tp;
	struct maps *t = with_everything(&tp);
	char first[512];

	/* Up to the first that is about devices. */
	for (size_t i = 0; by_hand[i].change != uplink_changed; i++) {
		by_hand[i].change(t);
		maps_close(t);
		t = maps_small(true);
		maps_mend(t, &tp);
		cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s: %s", by_hand[i].name, first);
	}
	uplink_changed(t);
	maps_close(t);
	t = maps_small(true);
	cr_assert_eq(maps_uplink_set(t, 1, &uplink), 0);
	cr_assert_eq(uplink_at(t, 1)->host_ifindex, 70);
	cr_assert_eq(audited(t), 0);
	maps_close(t);
}
