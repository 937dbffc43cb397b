/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bpf/maps_util.h"

char maps_pin_dir[] = "/tmp/vpcd-maps-XXXXXX";

struct vpc_limits maps_limits_small = {
	.vpcs = 4,
	.groups = 32,
	.enis = 16,
	.addresses = 12,
	.rules = 400,
	.rows = 400,
	.port_mask_groups = 300,
	.sets = 8,
	.prefix_lists = 20,
	.prefix_list_names = 32,
	.flows_established = 1024,
	.flows_other = 1024,
	.fragments = 64,
	.subnets = 8,
	.route_tables = 8,
	.routes = 40,
	.nat_gateways = 4,
	.eips = 8,
	.publish_rows = 64,
	.translations = 256,
};

void maps_setup(void)
{
	cr_assert_eq(unshare(CLONE_NEWNS | CLONE_NEWNET), 0, "needs root: %m");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	strcpy(maps_pin_dir + strlen(maps_pin_dir) - 6, "XXXXXX");
	cr_assert_not_null(mkdtemp(maps_pin_dir));
	cr_assert_eq(mount("bpf", maps_pin_dir, "bpf", 0, NULL), 0, "%m");
}

void maps_teardown(void)
{
	umount2(maps_pin_dir, MNT_DETACH);
	rmdir(maps_pin_dir);
}

/* Called by libbpf when a program's maps are in its instructions, and before the kernel gets them. */
static int drop_instructions(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	static struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	(void)cookie;
	/* maps runs this one by itself */
	if (strcmp(bpf_program__name(prog), "sweep") == 0)
		return 0;
	opts->func_info_cnt = opts->line_info_cnt = 0;
	return bpf_program__set_insns(prog, pass, ARRAY_SIZE(pass));
}

void maps_without_judging(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = drop_instructions);

	cr_assert_geq(libbpf_register_prog_handler("tc", BPF_PROG_TYPE_SCHED_CLS, 0, &opts), 0);
}

void maps_setup_without_judging(void)
{
	maps_setup();
	maps_without_judging();
}

/* VPCD_TEST_CLASSIFIER=yes: every set has a classifier. */
static bool classifier_always(void)
{
	const char *wanted = getenv("VPCD_TEST_CLASSIFIER");

	return wanted && !strcmp(wanted, "yes");
}

struct maps *maps_small(bool pinned)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_config config = {
		.pin_dir = pinned ? maps_pin_dir : NULL,
		.limits = &maps_limits_small,
		.first_epoch = 7,
		.classifier_from = classifier_always() ? 1 : MAPS_CLASSIFIER_FROM,
	};
	struct maps *t = NULL;
	int r = maps_open(&config, &t, &error);

	cr_assert_eq(r, 0, "maps_open: %s", error.message);
	return t;
}

void tp_init(struct test_plan *tp)
{
	memset(tp, 0, sizeof(*tp));
	tp->p.rows = tp->rows;
	tp->p.enis = tp->enis;
	tp->p.addrs = tp->addrs;
	tp->p.vpcs = tp->vpcs;
	tp->p.routes = tp->routes;
	tp->p.associations = tp->associations;
	tp->p.nats = tp->nats;
	tp->p.eips = tp->eips;
	tp->p.publishes = tp->publishes;
}

static struct plan_row *next_row(struct test_plan *tp)
{
	cr_assert_lt(tp->p.n_rows, PLAN_MAX);
	return &tp->rows[tp->p.n_rows++];
}

void tp_row(struct test_plan *tp, bool add, uint32_t sg, uint16_t port, uint32_t n, uint32_t rule)
{
	*next_row(tp) = (struct plan_row){.add = add,
					  .slot = VPC_SLOT_TCP,
					  .port_plen = 16,
					  .port = port,
					  .sg = sg,
					  .peer_kind = VPC_PEER_CIDR4,
					  .peer_plen = 24,
					  .peer = {htonl(0x0a000000 + (n << 8))},
					  .rule = rule};
}

void tp_all(struct test_plan *tp, bool add, uint32_t sg, uint32_t rule)
{
	*next_row(tp) = (struct plan_row){.add = add,
					  .direction = VPC_EGRESS,
					  .slot = VPC_SLOT_ANY,
					  .sg = sg,
					  .peer_kind = VPC_PEER_CIDR4,
					  .rule = rule};
}

void tp_peer(struct test_plan *tp, bool add, uint32_t sg, uint16_t port, uint32_t peer, uint32_t rule)
{
	*next_row(tp) = (struct plan_row){.add = add,
					  .slot = VPC_SLOT_TCP,
					  .port_plen = 16,
					  .port = port,
					  .sg = sg,
					  .peer_kind = VPC_PEER_SG,
					  .peer = {peer},
					  .rule = rule};
}

void tp_names(struct test_plan *tp, bool add, uint32_t sg, uint16_t port, uint32_t list, uint32_t rule)
{
	tp_peer(tp, add, sg, port, VPC_LIST_FIRST + list, rule);
	tp->rows[tp->p.n_rows - 1].peer_kind = VPC_PEER_PREFIX_LIST;
}

void tp_entry(struct test_plan *tp, bool add, uint32_t list, uint32_t n, uint32_t entry)
{
	*next_row(tp) = (struct plan_row){.add = add,
					  .slot = VPC_SLOT_ANY,
					  .sg = VPC_LIST_FIRST + list,
					  .peer_kind = VPC_PEER_CIDR4,
					  .peer_plen = 24,
					  .peer = {htonl(0x0a000000 + (n << 8))},
					  .rule = PLAN_ENTRY | entry};
}

struct eni_record eni_rec(uint32_t n, uint32_t g1, uint32_t g2)
{
	struct eni_record r = {.number = VPC_ENI_FIRST + n,
			       .incarnation = 1,
			       .vpc = 1,
			       .subnet = 1,
			       .mtu = 1500,
			       .flags = VPC_ENI_SOURCE_DEST_CHECK,
			       .mac = {2, 0, 0, 0, 0, (uint8_t)n},
			       .flow_budget = 100};

	if (g1)
		r.groups[r.n_groups++] = g1;
	if (g2)
		r.groups[r.n_groups++] = g2;
	return r;
}

void tp_eni(struct test_plan *tp, const struct eni_record *before, const struct eni_record *after)
{
	struct plan_eni *e = &tp->enis[tp->p.n_enis++];

	cr_assert_leq(tp->p.n_enis, 16);
	if (before) {
		e->has_before = true;
		e->before = *before;
	}
	if (after) {
		e->has_after = true;
		e->after = *after;
	}
}

void tp_addr(struct test_plan *tp, bool add, uint32_t n, uint32_t eni)
{
	struct plan_addr *a = &tp->addrs[tp->p.n_addrs++];

	cr_assert_leq(tp->p.n_addrs, 64);
	*a = (struct plan_addr){.add = add,
				.vpc = 1,
				.eni = VPC_ENI_FIRST + eni,
				.ip = {.family = 4, .bytes = {[10] = 0xff, [11] = 0xff, 10, 0, 0, (uint8_t)n}}};
}

void tp_base(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 2);

	tp_init(tp);
	tp_vpc(tp, true, 1);
	tp_all(tp, true, 1, 100);
	for (uint16_t i = 0; i < 5; i++)
		tp_row(tp, true, 1, (uint16_t)(443 + i), i, 101u + i);
	tp_peer(tp, true, 2, 22, 1, 110);
	tp_eni(tp, NULL, &e1);
	tp_eni(tp, NULL, &e2);
	tp_addr(tp, true, 5, 1);
	tp_addr(tp, true, 6, 2);
}

void tp_two_sets(struct test_plan *tp)
{
	struct eni_record e1 = eni_rec(1, 1, 0), e2 = eni_rec(2, 1, 2);

	tp_init(tp);
	tp_vpc(tp, true, 1);
	tp_all(tp, true, 1, 100);
	tp_row(tp, true, 1, 443, 0, 101);
	tp_peer(tp, true, 2, 22, 1, 110);
	tp_eni(tp, NULL, &e1);
	tp_eni(tp, NULL, &e2);
}

void tp_vpc(struct test_plan *tp, bool add, uint32_t n)
{
	struct plan_vpc *v = &tp->vpcs[tp->p.n_vpcs++];
	struct vpc_record record = {.number = n, .n_cidrs = 2};

	record.cidrs[0] = (struct cidr){{4, {[10] = 0xff, [11] = 0xff, 10}}, 16};
	record.cidrs[1] = (struct cidr){{6, {0xfd, (uint8_t)n}}, 56};
	v->has_after = add;
	v->has_before = !add;
	*(add ? &v->after : &v->before) = record;
}

struct maps_change *maps_prepared(struct maps *t, const struct test_plan *tp)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_change *c = NULL;
	int r = maps_prepare(t, &tp->p, &c, &error);

	cr_assert_eq(r, 0, "maps_prepare: %d %s", r, error.message);
	return c;
}

void maps_apply(struct maps *t, const struct test_plan *tp)
{
	struct maps_change *c = maps_prepared(t, tp);

	maps_publish(t, c);
	cr_assert_eq(maps_wait_grace_period(), 0);
	maps_retire(t, c);
}

void maps_mend(struct maps *t, const struct test_plan *all)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct maps_change *c = NULL;
	struct plan plan;

	cr_assert_eq(maps_diff(t, &all->p, &plan, &error), 0);
	cr_assert_eq(maps_prepare(t, &plan, &c, &error), 0, "%s", error.message);
	maps_publish(t, c);
	maps_retire(t, c);
	plan_clear(&plan);
}

void maps_killed_while_changing(const struct test_plan *a, const struct test_plan *b, unsigned rounds)
{
	struct maps *t = maps_small(true);
	char first[512], second[512];

	maps_apply(t, a);
	maps_close(t);
	for (unsigned round = 0; round < rounds; round++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		cr_assert_eq(pipe(ready), 0);
		pid = fork();
		if (pid == 0) {
			t = maps_small(true);
			(void)!write(ready[1], "x", 1);
			for (int i = 0;; i++)
				maps_mend(t, i % 2 ? a : b);
		}
		cr_assert_eq(read(ready[0], &byte, 1), 1);
		usleep(500u + round * 137u);
		kill(pid, SIGKILL);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFSIGNALED(status), "the child failed");
		close(ready[0]);
		close(ready[1]);
		t = maps_small(true);
		cr_assert(maps_differences(t, a, first, sizeof(first)) == 0 ||
				  maps_differences(t, b, second, sizeof(second)) == 0,
			  "neither the one state (%s) nor the other (%s)", first, second);
		maps_close(t);
	}
}

int maps_audited(struct maps *t, struct maps_finding *ret)
{
	struct maps_audit *a = NULL;
	int r = 0;

	cr_assert_eq(maps_audit_new(&a), 0);
	for (uint32_t done = 0; r == 0 && done < 4 * maps_audit_size(t) + 500; done += 50)
		r = maps_audit_step(t, a, 50, ret);
	maps_audit_free(a);
	return r;
}

size_t maps_differences(struct maps *t, const struct test_plan *all, char *first, size_t first_bytes)
{
	json_t *report = json_array();
	size_t n;

	cr_assert_eq(maps_verify(t, &all->p, report), 0);
	n = json_array_size(report);
	if (first_bytes)
		first[0] = '\0';
	if (n && first) {
		char *text = json_dumps(json_array_get(report, 0), JSON_SORT_KEYS);

		snprintf(first, first_bytes, "%s", text);
		free(text);
	}
	json_decref(report);
	return n;
}

/* --- dumps --- */

static void append(struct dump *d, const void *from, size_t n)
{
	d->at = realloc(d->at, d->n + n);
	cr_assert_not_null(d->at);
	memcpy(d->at + d->n, from, n);
	d->n += n;
}

/* Order in a hash is the kernel's: the sum over its elements' digests stands for them. */
struct digest {
	const struct kernel_map *map;
	uint64_t sum;
	uint64_t n;
};

static int digest_one(const void *key, const void *value, void *userdata)
{
	struct digest *d = userdata;
	uint64_t h = chains_hash(key, d->map->key_size);

	for (uint32_t i = 0; i < d->map->value_size / 4; i++)
		d->sum += h * (2654435761u + i) + ((const uint32_t *)value)[i] * (h | 1);
	d->n++;
	return 0;
}

struct dump maps_dump(struct maps *t)
{
	static const enum map_id arrays[] = {MAP_CTL,	    MAP_VPC,	     MAP_ENI,	       MAP_ADDR_ROW,
					     MAP_SET,	    MAP_SG,	     MAP_MASK_GROUP,   MAP_ROW,
					     MAP_ROUTE_ROW, MAP_ROUTE_PLENS, MAP_SUBNET_TABLE, MAP_NAT,
					     MAP_EIP,	    MAP_PUBLISH_ROW, MAP_EDGE_CTL,     MAP_UPLINK};
	static const enum map_id hashes[] = {MAP_ADDR,	  MAP_MASK_GROUP_OF, MAP_RULE,	MAP_ROUTE,    MAP_PUBLIC,
					     MAP_PUBLISH, MAP_PREFIX6,	     MAP_OUTER, MAP_UPLINK_OF};
	struct dump d = {};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++)
		append(&d, t->map[arrays[i]].mem, t->map[arrays[i]].mem_bytes);
	for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
		struct digest digest = {.map = &t->map[hashes[i]]};

		cr_assert_eq(map_each(digest.map, digest_one, &digest), 0);
		append(&d, &digest.sum, sizeof(digest.sum));
		append(&d, &digest.n, sizeof(digest.n));
	}
	return d;
}

bool dump_equal(const struct dump *a, const struct dump *b)
{
	return a->n == b->n && memcmp(a->at, b->at, a->n) == 0;
}

uint32_t kernel_row(struct maps *t, const struct plan_row *r)
{
	struct vpc_mask_group_key mask_group_key = row_mask_group_key(r);
	struct vpc_rule_key key = {.kind = r->peer_kind, .plen = r->peer_plen};
	uint32_t number = 0;

	if (row_is_all(r, &key)) {
		const struct vpc_sg_dir *dir = &sg_at(t, r->sg)->dir[r->direction];

		return r->peer_kind == VPC_PEER_CIDR4 ? dir->all4 : dir->all6;
	}
	memcpy(key.addr, r->peer, sizeof(key.addr));
	if (bpf_map_lookup_elem(t->map[MAP_MASK_GROUP_OF].fd, &mask_group_key, &key.mask_group) < 0)
		return 0;
	if (bpf_map_lookup_elem(t->map[MAP_RULE].fd, &key, &number) < 0)
		return 0;
	return number;
}

struct maps *maps_with_enis(const uint32_t vpcs[], uint32_t n)
{
	struct maps *t = maps_small(false);
	struct eni_record enis[8];
	struct test_plan tp;

	cr_assert_leq(n, 8);
	tp_init(&tp);
	for (uint32_t i = 0; i < n; i++) {
		enis[i] = eni_rec(i + 1, 1, 0);
		enis[i].vpc = vpcs[i];
		enis[i].flow_budget = 100000;
		enis[i].tcp_idle_s = 432000;
		tp_eni(&tp, NULL, &enis[i]);
	}
	maps_apply(t, &tp);
	return t;
}

unsigned maps_expiry_round(struct maps *t, struct maps_expiry *x, uint64_t now_ns)
{
	unsigned deleted = 0;
	int r;

	maps_expiry_plan(t, x, now_ns);
	cr_assert_eq(maps_expiry_read(x), 0);
	while ((r = maps_expiry_step(t, x, now_ns, &deleted)) > 0)
		;
	cr_assert_eq(r, 0);
	return deleted;
}
