/* SPDX-License-Identifier: GPL-2.0-or-later */
/* maps_verify finds each kind of tampering, and names it. Needs root. */
#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "datapath/maps/address_config.h"
#include "tests/bpf/maps_util.h"

static struct test_plan tp;
static struct maps *t;

static void with_state(void)
{
	maps_setup_without_judging();
	t = maps_small(true);
	tp_two_sets(&tp);
	tp_addr(&tp, true, 5, 1);
	tp_addr(&tp, true, 6, 2);
	maps_apply(t, &tp);
}

static void without_state(void)
{
	maps_close(t);
	maps_teardown();
}

TestSuite(maps_tamper, .init = with_state, .fini = without_state, .timeout = 60);

static void mend(void)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char first[512];

	cr_assert_eq(maps_reread(t, &error), 0, "%s", error.message);
	maps_mend(t, &tp);
	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "after mending: %s", first);
}

/* Whatever it was, reading back and reconciling mends it. */
#define TAMPER(name)            \
	static void name(void); \
	Test(maps_tamper, name) \
	{                       \
		name();         \
		mend();         \
	}                       \
	static void name(void)

static void expect(const char *what, const char *problem)
{
	struct maps_finding finding;
	char first[512];
	size_t n = maps_differences(t, &tp, first, sizeof(first));

	if (strncmp(what, "pinned", 6) != 0)
		cr_assert_eq(maps_audited(t, &finding), 1, "the audit didn't find: %s", first);

	cr_assert_gt(n, 0, "%s %s was not found", what, problem);
	cr_assert(strstr(first, what) && strstr(first, problem), "expected %s %s: %s", what, problem, first);
}

TAMPER(clean)
{
	char first[512];

	struct maps_finding finding = {};

	cr_assert_eq(maps_differences(t, &tp, first, sizeof(first)), 0, "%s", first);
	cr_assert_eq(maps_audited(t, &finding), 0, "the audit found %s: %s", finding.map, finding.detail);
}

/* What a change has written and not yet published, or published and not yet retired, is nobody's damage. */
TAMPER(the_audit_leaves_changes_alone)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 2);
	struct maps_finding finding = {};
	struct maps_change *c;
	struct test_plan change;

	tp_init(&change);
	tp_row(&change, false, 1, 443, 0, 101);
	tp_row(&change, true, 1, 8443, 7, 102);
	tp_eni(&change, &e2, &e1);
	tp_addr(&change, false, 6, 2);
	change.p.enis[0].after.number = change.p.enis[0].before.number;
	c = maps_prepared(t, &change);
	cr_assert_eq(maps_audited(t, &finding), 0, "prepared: %s: %s", finding.map, finding.detail);
	maps_undo(t, c);
	cr_assert_eq(maps_audited(t, &finding), 0, "undone: %s: %s", finding.map, finding.detail);
	c = maps_prepared(t, &change);
	maps_publish(t, c);
	cr_assert_eq(maps_audited(t, &finding), 0, "published: %s: %s", finding.map, finding.detail);
	maps_retire(t, c);
	cr_assert_eq(maps_audited(t, &finding), 0, "retired: %s: %s", finding.map, finding.detail);
}

/* Of what is not in the mirror the audit has sums. What the programs write is nobody's damage. */
TAMPER(dhcp_answers)
{
	uint32_t number = VPC_ENI_FIRST + 1;
	struct vpc_address_config *row = address_config_at(t, number);
	struct vpc_address_config_space *space = address_config_space_at(t, 1);
	struct maps_finding finding = {};
	struct eni_record e1 = eni_rec(1, 1, 0);
	struct test_plan gone;

	maps_address_config_apply(t, &tp.p);
	row->advertised_ns = 1;
	cr_assert_eq(maps_audited(t, &finding), 0, "%s", finding.detail);
	row->ip4 ^= 1;
	cr_assert_eq(maps_audited(t, &finding), 1);
	cr_assert_str_eq(finding.map, "address_config");
	maps_address_config_apply(t, &tp.p);
	cr_assert_eq(maps_audited(t, &finding), 0, "%s", finding.detail);
	memset(row, 0, sizeof(*row));
	cr_assert_eq(maps_audited(t, &finding), 1);
	maps_address_config_apply(t, &tp.p);

	space->slot[space->version & 1].lease_s++;
	cr_assert_eq(maps_audited(t, &finding), 1);
	cr_assert_str_eq(finding.map, "address_config_space");
	maps_address_config_apply(t, &tp.p);
	space->version++;
	cr_assert_eq(maps_audited(t, &finding), 1);
	maps_address_config_apply(t, &tp.p);
	cr_assert_eq(maps_audited(t, &finding), 0, "%s", finding.detail);

	/* a number that is nobody's any more */
	tp_init(&gone);
	tp_eni(&gone, &e1, NULL);
	maps_address_config_apply(t, &gone.p);
	row->ip4 ^= 1;
	cr_assert_eq(maps_audited(t, &finding), 0, "%s", finding.detail);
}

/* vpcd goes by its own copy: a change that is published meanwhile counts, and dies with nobody's epoch. */
TAMPER(ctl)
{
	struct vpc_ctl *at = ctl_at(t, 0), right = *at;
	struct maps_finding finding = {};
	struct test_plan change;

	cr_assert_eq(maps_ctl_mend(t, &finding), 0, "%s", finding.detail);
	at->epoch = 1;
	cr_assert_eq(maps_epoch(t), right.epoch);
	cr_assert_eq(maps_ctl_mend(t, &finding), 1);
	cr_assert_str_eq(finding.map, "ctl");
	cr_assert(strstr(finding.detail, "epoch was 1 "), "%s", finding.detail);
	at->pickup_until_ns = UINT64_MAX;
	at->half_open_max = 0;
	at->listeners = 3;
	at->graces = 1;
	cr_assert_eq(maps_ctl_mend(t, &finding), 4);
	cr_assert_eq(memcmp(at, &right, sizeof(right)), 0);

	at->epoch = 1;
	tp_init(&change);
	tp_row(&change, true, 1, 8443, 7, 102);
	maps_apply(t, &change);
	cr_assert_eq(at->epoch, right.epoch + 1);
	tp_row(&tp, true, 1, 8443, 7, 102);

	/* found at a start */
	at->pickup_until_ns = UINT64_MAX;
	maps_close(t);
	t = maps_small(true);
	cr_assert_eq(ctl_at(t, 0)->pickup_until_ns, 0);
}

TAMPER(pins_are_made_again)
{
	char path[512], command[600];

	cr_assert_eq(maps_pins_mend(t), 0);
	snprintf(path, sizeof(path), "%s/v%d/maps/row", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(maps_pins_mend(t), 1);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(bpf_obj_pin(t->map[MAP_SET].fd, path), 0);
	cr_assert_eq(maps_pins_mend(t), 1);
	snprintf(path, sizeof(path), "%s/v%d/progs/to_workload", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(maps_pins_mend(t), 1);
	snprintf(command, sizeof(command), "rm -rf '%s'/v%d", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(system(command), 0);
	cr_assert_gt(maps_pins_mend(t), MAP_COUNT);
	cr_assert_eq(maps_pins_mend(t), 0);
}

/* A walk that has met a key says nothing of the next pass, wherever in a pass the key goes. */
TAMPER(keys_deleted_while_an_audit_runs)
{
	for (uint32_t at = 0; at < 40; at++) {
		uint32_t number, left = 4 * maps_audit_size(t) + 500;
		struct vpc_rule_key key;
		struct maps_finding finding = {};
		struct maps_audit *a = NULL;
		int r = 0;

		cr_assert(row_key(&t->mirror, &tp.rows[1], &key));
		cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_RULE].fd, &key, &number), 0);
		cr_assert_eq(maps_audit_new(&a), 0);
		for (uint32_t i = 0; i < at; i++)
			cr_assert_eq(maps_audit_step(t, a, 1, &finding), 0, "%s", finding.detail);
		cr_assert_eq(bpf_map_delete_elem(t->map[MAP_RULE].fd, &key), 0);
		for (; r == 0 && left; left--)
			r = maps_audit_step(t, a, 1, &finding);
		cr_assert_eq(r, 1, "not found when deleted after step %u", at);
		cr_assert_str_eq(finding.map, "rule");
		cr_assert_eq(bpf_map_update_elem(t->map[MAP_RULE].fd, &key, &number, BPF_ANY), 0);
		maps_audit_free(a);
	}
}

TAMPER(rule_key_deleted)
{
	struct vpc_rule_key key;

	cr_assert(row_key(&t->mirror, &tp.rows[1], &key));
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_RULE].fd, &key), 0);
	expect("rule row", "missing");
}

TAMPER(rule_key_added)
{
	struct vpc_rule_key key;
	uint32_t n = kernel_row(t, &tp.rows[1]), extra = 99;

	cr_assert(row_key(&t->mirror, &tp.rows[1], &key));
	key.plen = 8;
	*row_at(t, extra) = *row_at(t, n);
	row_at(t, extra)->key = key;
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_RULE].fd, &key, &extra, 0), 0);
	expect("rule row", "differs"); /* the hints of its mask group do not lead to /8 */
	mask_group_at(t, key.mask_group)->plens4 |= 1u << 8;
	expect("rule row", "unexpected");
}

TAMPER(row_ended)
{
	store64(&row_at(t, kernel_row(t, &tp.rows[1]))->died, 1);
	expect("rule row", "missing");
}

TAMPER(row_not_yet_born)
{
	store64(&row_at(t, kernel_row(t, &tp.rows[1]))->born, maps_epoch(t) + 5);
	expect("rule row", "missing");
}

TAMPER(row_of_another_key)
{
	row_at(t, kernel_row(t, &tp.rows[1]))->key.plen = 7;
	expect("rule row", "missing");
}

TAMPER(row_of_another_rule)
{
	row_at(t, kernel_row(t, &tp.rows[1]))->rule = 7;
	expect("rule row", "differs");
}

TAMPER(allow_all_taken_out)
{
	sg_at(t, 1)->dir[VPC_EGRESS].all4 = 0;
	expect("rule row", "missing");
}

TAMPER(allow_all_put_in)
{
	sg_at(t, 2)->dir[VPC_INGRESS].all6 = sg_at(t, 1)->dir[VPC_EGRESS].all4;
	expect("rule row", "unexpected");
}

TAMPER(hints_cleared)
{
	struct vpc_rule_key key;

	cr_assert(row_key(&t->mirror, &tp.rows[2], &key));
	mask_group_at(t, key.mask_group)->sg_bloom = 0;
	expect("rule row", "differs");
	mask_group_at(t, key.mask_group)->sg_bloom = ~0ull;
	sg_at(t, 2)->dir[0].port_plens[VPC_SLOT_TCP] = 0;
	expect("port mask group", "differs");
}

TAMPER(mask_group_key_deleted)
{
	struct vpc_mask_group_key key = row_mask_group_key(&tp.rows[1]);

	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_MASK_GROUP_OF].fd, &key), 0);
	expect("rule row", "missing");
}

TAMPER(set_contents)
{
	set_at(t, t->mirror.enis[VPC_ENI_FIRST + 2].set)->sg[1] = 3;
	expect("ENI groups", "differs");
}

TAMPER(set_not_in_force)
{
	struct vpc_versioned *v = &eni_at(t, VPC_ENI_FIRST + 2)->set;

	v->slot[0] = v->slot[1] = 0;
	expect("ENI groups", "missing");
}

TAMPER(eni_fields)
{
	eni_at(t, VPC_ENI_FIRST + 1)->mac[5] ^= 1;
	expect("ENI row", "differs");
}

TAMPER(eni_gone)
{
	memset(eni_at(t, VPC_ENI_FIRST + 1), 0, sizeof(struct vpc_eni));
	expect("ENI row", "missing");
}

TAMPER(eni_added)
{
	*eni_at(t, VPC_ENI_FIRST + 9) = *eni_at(t, VPC_ENI_FIRST + 1);
	expect("ENI row", "unexpected");
}

TAMPER(address_deleted)
{
	struct vpc_addr_key key;

	addr_key_of(1, &tp.addrs[0].ip, &key);
	cr_assert_eq(bpf_map_delete_elem(t->map[MAP_ADDR].fd, &key), 0);
	expect("address", "missing");
}

TAMPER(address_of_another)
{
	struct vpc_addr_key key;
	uint32_t n;

	addr_key_of(1, &tp.addrs[0].ip, &key);
	cr_assert_eq(bpf_map_lookup_elem(t->map[MAP_ADDR].fd, &key, &n), 0);
	addr_at(t, n)->eni++;
	expect("address", "differs");
}

TAMPER(address_added)
{
	struct vpc_addr_key key = {.vpc = 1, .addr = {1, 2, 3, 4}};
	uint32_t n = 9;

	*addr_at(t, n) = (struct vpc_addr_row){.born = 1, .died = VPC_ALIVE, .eni = VPC_ENI_FIRST + 1, .key = key};
	cr_assert_eq(bpf_map_update_elem(t->map[MAP_ADDR].fd, &key, &n, 0), 0);
	expect("address", "unexpected");
}

TAMPER(address_space)
{
	space_at(t, 1)->n4 = 0;
	expect("VPC address space", "differs");
}

TAMPER(address_space_added)
{
	space_at(t, 2)->n4 = 1;
	expect("VPC address space", "unexpected");
}

TAMPER(pins)
{
	char path[512], other[512];

	snprintf(path, sizeof(path), "%s/v%d/maps/row", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(unlink(path), 0);
	expect("pinned map", "missing");
	cr_assert_eq(bpf_obj_pin(t->map[MAP_SET].fd, path), 0);
	expect("pinned map", "differs");
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(bpf_obj_pin(t->map[MAP_ROW].fd, path), 0);
	snprintf(path, sizeof(path), "%s/v%d/progs/to_workload", maps_pin_dir, VPC_ABI_VERSION);
	snprintf(other, sizeof(other), "%s/v%d/progs/sweep", maps_pin_dir, VPC_ABI_VERSION);
	cr_assert_eq(rename(other, path), 0);
	expect("pinned program", "differs");
	cr_assert_eq(unlink(path), 0);
	expect("pinned program", "missing");
}
