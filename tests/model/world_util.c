/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transactions of a script: through model, compiler and maps, and in the naive model. */
#include "world.h"

#include <bpf/bpf.h>

#include "datapath/maps/flows/flows.h"
#include "datapath/maps/flows/young.h"
#include "datapath/maps/state.h"

#define EPOCH_FIRST 1
/* Longer than a script takes; `later` ends it. */
#define DRAIN_S	    3600

static struct vpc_limits limits(void)
{
	struct vpc_limits l = vpc_limits_default;

	/* What the naive model has room for: beyond it both refuse. */
	l.vpcs = NAIVE_VPCS;
	l.subnets = NAIVE_SUBNETS;
	l.groups = NAIVE_GROUPS;
	l.enis = NAIVE_ENIS;
	l.rules = NAIVE_RULES;
	l.network_acls = NAIVE_ACLS;
	l.network_acl_rules_per_direction = NAIVE_ACL_RULES / 2;
	/* Small maps load fast; the maps of flows have room for every flow of a script, so that nothing is evicted. */
	l.addresses = 4096;
	l.rows = 65536;
	l.port_mask_groups = 16384;
	l.sets = 2048;
	l.flows_established = 65536;
	l.flows_other = 65536;
	l.fragments = 1024;
	return l;
}

static enum world_result broken(struct world *w, const char *what, const struct vpc_error *error)
{
	snprintf(w->message, sizeof(w->message), "%s: %s: %.1000s", what, vpc_code_string(error->code), error->message);
	return WORLD_BROKEN;
}

/* VPCD_TEST_CLASSIFIER=yes: every set has a classifier. */
static bool classifier_always(void)
{
	const char *wanted = getenv("VPCD_TEST_CLASSIFIER");

	return wanted && !strcmp(wanted, "yes");
}

static int put(const struct world *w, unsigned map, const void *key, const void *value)
{
	return bpf_map_update_elem(w->maps->map[map].fd, key, value, BPF_ANY);
}

/* The route table of every subnet: default routes to an internet gateway, since the naive model lets any packet leave
 * its VPC. They are in the kernel's maps alone. */
static int default_routes(const struct world *w)
{
	const uint32_t table = w->maps->map[MAP_ROUTE_PLENS].n - 1, rows = w->maps->map[MAP_ROUTE_ROW].n;
	const struct vpc_route_plens plens = {.plens4 = 1, .plens6 = {1}};
	int r = put(w, MAP_ROUTE_PLENS, &table, &plens);

	for (unsigned six = 0; r == 0 && six < 2; six++) {
		const struct vpc_route_row row = {.key = {.table = table, .family = six ? 6 : 4},
						  .target.slot[0] = (uint64_t)VPC_TARGET_IGW << VPC_TARGET_SHIFT};
		const uint32_t number = rows - 1 - six;

		r = put(w, MAP_ROUTE_ROW, &number, &row);
		if (r == 0)
			r = put(w, MAP_ROUTE, &row.key, &number);
	}
	return r;
}

/* Their uplinks are no devices. */
static int lead_out(const struct world *w, const struct plan *plan)
{
	const struct vpc_versioned table = {.slot = {w->maps->map[MAP_ROUTE_PLENS].n - 1}};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_subnets; i++)
		if (plan->subnets[i].has_after)
			r = put(w, MAP_SUBNET_TABLE, &plan->subnets[i].after.number, &table);
	for (size_t i = 0; r == 0 && i < plan->n_vpcs; i++) {
		const struct vpc_record *vpc = &plan->vpcs[i].after;
		const struct vpc_uplink uplink = {.ifindex = VPC_UPLINK_FIRST + vpc->number, .mtu = 65535};

		if (plan->vpcs[i].has_after)
			r = put(w, MAP_UPLINK, &vpc->number, &uplink);
	}
	return r;
}

int world_open(struct world *w)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const struct vpc_limits l = limits();
	const struct maps_config config = {.limits = &l,
					   .first_epoch = EPOCH_FIRST,
					   .classifier_from = classifier_always() ? 1 : MAPS_CLASSIFIER_FROM};
	int err;

	w->draft = calloc(1, sizeof(*w->draft));
	if (!w->draft)
		return -ENOMEM;
	err = model_new(&l, &w->model);
	if (err < 0)
		return err;
	err = maps_open(&config, &w->maps, &error);
	if (err < 0) {
		broken(w, "maps_open", &error);
		return err;
	}
	host_flows_at(w->maps, 0)->young_slots = VPC_YOUNG_SLOTS; /* the small map would have few */
	return default_routes(w);
}

static int note_stored(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	const struct world *w = userdata;

	(void)key, (void)established;
	young_note_stored(w->maps, flow->tag);
	return 0;
}

/* What vpcd does once a second: young connections become old, and flow_stored forgets what is over. */
static void round_of_flows(struct world *w)
{
	young_next_round(w->maps);
	if (maps_each_flow(w->maps, 0, note_stored, w) < 0)
		broken(w, "maps_each_flow", &(struct vpc_error)VPC_ERROR_INIT);
}

/* After a grace period everything that was published so far. */
static void retire(struct world *w)
{
	if (w->n_unretired == 0)
		return;
	round_of_flows(w);
	maps_wait_grace_period();
	for (size_t i = 0; i < w->n_unretired; i++)
		maps_retire(w->maps, w->unretired[i]);
	w->n_unretired = 0;
}

/* Back to snapshot N on both sides, from any phase. */
static void give_up(struct world *w)
{
	if (w->phase == WORLD_IDLE)
		return;
	maps_undo(w->maps, TAKE_PTR(w->prepared));
	model_abort(TAKE_PTR(w->txn));
	w->phase = WORLD_IDLE;
	w->stats.given_up++;
}

void world_close(struct world *w)
{
	give_up(w);
	retire(w);
	if (w->maps)
		maps_close(w->maps);
	model_free(w->model);
	naive_clear(&w->naive);
	free(w->draft);
	*w = (struct world){0};
}

static enum world_result begin(struct world *w)
{
	/* Ids follow from the seed: the same script gives the same ids. */
	const struct model_context context = {
		.revision = w->revision + 1,
		.seed = 0x9e3779b97f4a7c15u * (w->revision + 1),
		.instance = "model-test",
	};

	if (w->phase != WORLD_IDLE)
		return WORLD_REFUSED;
	if (model_begin(w->model, &context, &w->txn) < 0) {
		snprintf(w->message, sizeof(w->message), "model_begin failed");
		return WORLD_BROKEN;
	}
	w->revision++;
	memcpy(w->draft, &w->naive.now, sizeof(*w->draft));
	w->failed = false;
	w->phase = WORLD_OPEN;
	return WORLD_SAME;
}

/* -EBUSY asks for what was published to be retired first. */
static int prepare_plan(struct world *w, const struct plan *plan, struct vpc_error *reterr)
{
	int err = maps_prepare(w->maps, plan, &w->prepared, reterr);

	if (err != -EBUSY)
		return err;
	retire(w);
	return maps_prepare(w->maps, plan, &w->prepared, reterr);
}

static enum world_result prepare(struct world *w)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_(plan_clear) struct plan plan = {0};
	const struct delta *deltas;
	size_t n;

	if (w->phase != WORLD_OPEN)
		return WORLD_REFUSED;
	if (w->failed) { /* all or nothing */
		model_abort(TAKE_PTR(w->txn));
		w->phase = WORLD_IDLE;
		w->stats.refused++;
		return WORLD_REFUSED;
	}
	if (model_txn_deltas(w->txn, &deltas, &n) < 0)
		return broken(w, "model_txn_deltas", &error);
	if (compile_delta(w->model, "model-test", deltas, n, &plan, &error) < 0)
		return broken(w, "compile_delta", &error);
	if (lead_out(w, &plan) < 0)
		return broken(w, "routes out", &error);
	/* those of the model lead nowhere */
	plan.n_routes = plan.n_associations = 0;
	for (size_t i = 0; i < plan.n_vpcs; i++)
		plan.vpcs[i].after.routed_out = plan.vpcs[i].has_after;
	for (size_t i = 0; i < plan.n_enis; i++) /* nor are its ENIs attached to anything, and yet they are sent to */
		plan.enis[i].after.flags &= ~VPC_ENI_DETACHED;
	plan.flows = (enum flows_mode[]){
		[NAIVE_CUT] = FLOWS_CUT, [NAIVE_KEEP] = FLOWS_KEEP, [NAIVE_DRAIN] = FLOWS_DRAIN}[w->flows];
	plan.drain_s = DRAIN_S;
	if (prepare_plan(w, &plan, &error) < 0)
		return broken(w, "maps_prepare", &error);
	w->phase = WORLD_PREPARED;
	return WORLD_SAME;
}

static enum world_result publish(struct world *w)
{
	if (w->phase != WORLD_PREPARED)
		return WORLD_REFUSED;
	maps_publish(w->maps, w->prepared);
	model_commit(TAKE_PTR(w->txn));
	naive_commit(&w->naive, w->draft, w->flows);
	w->phase = WORLD_IDLE;
	w->stats.committed++;
	if (w->prepared)
		w->unretired[w->n_unretired++] = TAKE_PTR(w->prepared);
	if (w->n_unretired == UNRETIRED_MAX)
		retire(w);
	return WORLD_SAME;
}

static enum world_result commit(struct world *w)
{
	enum world_result r = prepare(w);

	return r == WORLD_SAME ? publish(w) : r;
}

static enum world_result undo(struct world *w)
{
	if (w->phase != WORLD_PREPARED)
		return WORLD_REFUSED;
	give_up(w);
	return WORLD_SAME;
}

static enum world_result abandon(struct world *w)
{
	if (w->phase != WORLD_OPEN)
		return WORLD_REFUSED;
	give_up(w);
	return WORLD_SAME;
}

static enum world_result retire_line(struct world *w)
{
	retire(w);
	return WORLD_SAME;
}

/* `flows`: not while a transaction is open, which has its own. */
static enum world_result set_flows(struct world *w, const char *word)
{
	static const char *const words[] = {[NAIVE_CUT] = "cut", [NAIVE_KEEP] = "keep", [NAIVE_DRAIN] = "drain"};

	for (unsigned i = 0; w->phase == WORLD_IDLE && i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i], word)) {
			w->flows = (enum naive_flows)i;
			return WORLD_SAME;
		}
	return WORLD_REFUSED;
}

static int end_drain(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct vpc_flow over = *flow;
	struct world *w = userdata;

	for (unsigned i = 0; i < 2; i++)
		if (over.grace_until[i] && over.grace_until[i] != VPC_GRACE_KEEP)
			over.grace_until[i] = 1;
	return bpf_map_update_elem(w->maps->map[established ? MAP_FLOW : MAP_FLOW_NEW].fd, key, &over, BPF_EXIST);
}

/* As if the clock had gone on by DRAIN_S. */
static enum world_result later(struct world *w)
{
	if (maps_each_flow(w->maps, 0, end_drain, w) < 0)
		return WORLD_BROKEN;
	naive_end_drains(&w->naive);
	return WORLD_SAME;
}

/* The numbers that the real model gave: needed to address frames and ports. */
static int note_numbers(struct world *w, char *const *words, const struct change_result *result)
{
	enum change_op op;
	const struct object *o =
		change_op_parse(words[0], &op) == 0 ? model_find(w->model, change_op_kind(op), result->id) : NULL;
	int i;

	if (!o)
		return 0;
	if (!strcmp(words[0], "eni.create") && (i = naive_find_eni(w->draft, words[1])) >= 0) {
		w->draft->enis[i].number = o->number;
		return port_make(o->number);
	}
	if (!strcmp(words[0], "subnet.create") && (i = naive_find_subnet(w->draft, words[1])) >= 0)
		w->draft->subnets[i].number = o->number;
	return 0;
}

static enum world_result change(struct world *w, char *const *words, unsigned n)
{
	_cleanup_(change_clear) struct change c = {0};
	_cleanup_(change_result_clear) struct change_result result = {0};
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	bool alone = w->phase == WORLD_IDLE;
	enum world_result r;

	if (change_from_words(words, n, &c) < 0)
		return WORLD_REFUSED;
	if (w->phase == WORLD_PREPARED)
		return WORLD_REFUSED;
	if (alone && (r = begin(w)) != WORLD_SAME)
		return r;
	if (!w->failed && model_apply(w->txn, &c, &result, &error) < 0) {
		if (error.code == VPC_E_INTERNAL_ERROR)
			return broken(w, "model_apply", &error);
		snprintf(w->message, sizeof(w->message), "%s: %.1000s", vpc_code_string(error.code), error.message);
		w->failed = true;
	}
	if (!w->failed) {
		if (naive_apply(w->draft, words, n) < 0) {
			snprintf(w->message, sizeof(w->message), "accepted, but the naive model cannot follow");
			return WORLD_BROKEN;
		}
		if (note_numbers(w, words, &result) < 0) {
			snprintf(w->message, sizeof(w->message), "no device: %s", strerror(errno));
			return WORLD_BROKEN;
		}
	}
	if (alone)
		return commit(w);
	return w->failed ? WORLD_REFUSED : WORLD_SAME;
}

static const struct {
	const char *word;
	enum world_result (*run)(struct world *w);
} steps[] = {
	{"begin", begin},     {"commit", commit}, {"abort", abandon},	   {"prepare", prepare},
	{"publish", publish}, {"undo", undo},	  {"retire", retire_line}, {"later", later},
};

enum world_result world_run(struct world *w, const char *line)
{
	char text[LINE_MAX_BYTES], *words[WORDS_MAX];
	unsigned n;

	snprintf(text, sizeof(text), "%s", line);
	n = split_words(text, words);
	if (n == 0 || words[0][0] == '#')
		return WORLD_SAME;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (!strcmp(steps[i].word, words[0]))
			return steps[i].run(w);
	if (!strcmp(words[0], "flows") && n == 2)
		return set_flows(w, words[1]);
	if (!strcmp(words[0], "out") || !strcmp(words[0], "in"))
		return world_packet(w, words, n);
	return change(w, words, n);
}
