/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting flows that a caller names. The worker reads the maps a piece at a time, and the event loop cuts what it
 * found, a few hundred flows in a step. Model and store don't change, and what a transaction prepares says nothing of
 * flows that are cut by hand. So this is no job of the queue, and changes go on meanwhile. One cut runs at a time.
 */
#include "engine/flows/flow_cut.h"

#include <inttypes.h>

#include <vpc/clock.h>

#include "datapath/maps/flows/by_hand.h"
#include "datapath/maps/flows/cut.h"
#include "datapath/maps/flows/walk.h"
#include "engine/devices/edge.h"
#include "engine/flows/flow_list.h"
#include "engine/txn/commit.h"
#include "util/log.h"
#include "util/worker.h"

struct flow_cut {
	struct flow_cut *next; /* that waits behind it */
	struct engine *e;
	struct flow_cut_request request;
	char eni_id[OBJECT_ID_MAX];
	struct flow_filter filter;
	struct flow_walk *walk; /* NULL: it waits for its turn */
	bool more;
	struct flow_cut_reply reply;
	char *key, *digest; /* of a kept reply; owned, or NULL */
	bool asked;	    /* the store was asked for one */
	char *kept;	    /* found; owned */
	struct cut_counts counts;
	struct flow_counts_wait wait;
	engine_flow_cut_fn fn;
	void *userdata;
};

void cut_flows_add(const struct engine *e, json_t *cut_flows, struct cut_counts *counts, const struct vpc_flow_key *key,
		   const struct vpc_flow *flow)
{
	struct flow_context context = engine_flow_context(e);
	struct flow_record record;
	json_t *json;

	if (json_array_size(cut_flows) >= CUT_FLOWS_MAX)
		return;
	flow_record_begin(&record, e->maps, key, flow, monotonic_ns());
	/* A packet that came before vpcd looked has made it a tombstone. Told is the state that was cut. */
	record.flow.state = flow->state == VPC_FLOW_TOMBSTONE ? flow->saved_state : flow->state;
	json = flow_record_name(&record, &context) == 0 ? flow_record_to_json(&record) : NULL;
	flow_record_clear(&record);
	if (json && json_array_append_new(cut_flows, json) == 0 && counts)
		cut_counts_note(e, counts, json_array_size(cut_flows) - 1, key, flow);
}

static void cut_free(struct flow_cut *c)
{
	if (!c)
		return;
	flow_walk_free(c->walk);
	json_decref(c->reply.cut_flows);
	cut_counts_clear(&c->counts);
	vpc_error_clear(&c->reply.error);
	free(c->key);
	free(c->digest);
	free(c->kept);
	free(c);
}
DEFINE_CLEANUP(struct flow_cut *, cut_free);

static int begin(struct flow_cut *c);

static void refuse(struct flow_cut *c, int result)
{
	if (result == -ECANCELED)
		vpc_error_set(&c->reply.error, VPC_E_STORE_UNAVAILABLE, NULL,
			      "vpcd is ending; %" PRIu64 " flows were cut before", c->reply.total);
	else
		vpc_error_set(&c->reply.error, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "flows could not be cut: %s; %" PRIu64 " were cut before; try again", strerror(-result),
			      c->reply.total);
}

static void end(struct flow_cut *c, int result);

json_t *engine_flow_cut_encode(const struct flow_cut_reply *reply)
{
	json_t *json = reply->replayed
			       ? json_loads(reply->replayed, 0, NULL)
			       : json_pack("{s:O,s:I,s:I}", "cut_flows", reply->cut_flows, "cut_flows_total",
					   (json_int_t)reply->total, "enforced_ns", (json_int_t)reply->enforced_ns);

	if (json && reply->dry_run && json_object_set_new(json, "dry_run", json_true()) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* Keeps the reply for its idempotency key. A crash before it is stored loses it, and the next request cuts again. */
static void keep_reply(const struct flow_cut *c)
{
	struct store_reply kept = {.uid = c->request.caller.uid,
				   .key = c->key,
				   .request_digest = c->digest,
				   .time_s = (int64_t)realtime_s()};
	json_t *json = engine_flow_cut_encode(&c->reply);

	commit_note_reply(c->e, &kept, json ? json_dumps(json, JSON_COMPACT) : NULL);
	json_decref(json);
}

/* Replies, and begins the cut that waits. */
static void reply(void *userdata)
{
	struct flow_cut *c = userdata, *next;
	struct engine *e = c->e;

	cut_counts_put(e, &c->counts, c->reply.cut_flows);
	if (c->key && !c->kept && c->reply.error.code == VPC_E_OK && !e->closing)
		keep_reply(c);
	if (!c->request.dry_run && !c->kept)
		log_info("uid %u pid %d has cut %" PRIu64 " flows of %s", c->request.caller.uid, c->request.caller.pid,
			 c->reply.total, c->eni_id);
	e->flow_cuts = c->next;
	c->fn(&c->reply, c->userdata);
	cut_free(c);
	next = e->flow_cuts;
	if (next && begin(next) < 0)
		end(next, -ENOMEM);
}

static void end(struct flow_cut *c, int result)
{
	if (result < 0)
		refuse(c, result);
	c->reply.enforced_ns = monotonic_ns() - c->request.received_ns;
	c->wait = (struct flow_counts_wait){.fn = reply, .userdata = c};
	if (!cut_counts_read(c->e, &c->counts, &c->wait))
		reply(c);
}

static bool is_wanted(const struct vpc_flow_key *key, const struct vpc_flow *flow, uint64_t now_ns,
		      const void *userdata)
{
	return flow_filter_matches(userdata, key, flow, now_ns);
}

/* Counts a flow that is cut. Returns whether the host's conntrack may have an entry of it. */
static bool note_flow(struct flow_cut *c, const struct vpc_flow_key *key, const struct vpc_flow *flow,
		      struct vpc_nat_key *ret_tracked)
{
	c->reply.total++;
	cut_flows_add(c->e, c->reply.cut_flows, &c->counts, key, flow);
	return !c->request.dry_run && maps_flow_tracked(c->e->maps, key, flow, ret_tracked);
}

/* A flow by a peering is cut in both VPCs, and told once; one that was cut in the other VPC before isn't told. */
static int cut_pairs(struct flow_cut *c, const struct flow_walk_piece *piece)
{
	struct vpc_flow_key keys[FLOW_WALK_MOST];
	uint64_t now_ns = monotonic_ns();
	bool cut[FLOW_WALK_MOST];
	struct flow_pair pair;
	uint32_t n = 0;

	for (uint32_t i = 0; i < piece->n; i++)
		if (flow_pair_find(c->e->maps, &piece->key[i], &piece->flow[i], now_ns, &pair))
			keys[n++] = pair.key;
	return maps_cut_by_hand(c->e->maps, keys, n, now_ns, cut);
}

static int cut_piece(struct flow_cut *c)
{
	struct flow_walk_piece piece = flow_walk_piece(c->walk);
	struct vpc_nat_key tracked[FLOW_WALK_MOST];
	bool cut[FLOW_WALK_MOST];
	unsigned n_tracked = 0;
	int r = 0;

	if (c->request.dry_run)
		memset(cut, true, sizeof(cut));
	else
		r = maps_cut_by_hand(c->e->maps, piece.key, piece.n, monotonic_ns(), cut);
	for (uint32_t i = 0; i < piece.n; i++)
		if (cut[i] && !flow_pair_was_cut(c->e->maps, &piece.key[i], &piece.flow[i], UINT64_MAX) &&
		    note_flow(c, &piece.key[i], &piece.flow[i], &tracked[n_tracked]))
			n_tracked++;
	edge_untrack(c->e, tracked, n_tracked);
	if (r == 0 && !c->request.dry_run)
		r = cut_pairs(c, &piece);
	return r;
}

static int read_run(void *data)
{
	struct flow_cut *c = data;
	int r = flow_walk_read(c->walk);

	c->more = r > 0;
	return r < 0 ? r : 0;
}

static void read_done(void *data, int result);

static int read_next(struct flow_cut *c)
{
	return worker_submit(c->e->worker, WORKER_FLOWS, read_run, read_done, NULL, c);
}

static void read_done(void *data, int result)
{
	struct flow_cut *c = data;
	const struct object *eni;

	if (c->e->closing) {
		end(c, -ECANCELED);
		return;
	}
	/* The number may be another ENI's by now, whose flows have another incarnation. */
	eni = model_by_number(c->e->model, OBJECT_ENI, c->filter.eni);
	if (result == 0 && eni && strcmp(eni->id, c->eni_id) == 0) {
		result = cut_piece(c);
		if (result == 0 && c->more)
			result = read_next(c);
		if (result == 0 && c->more)
			return;
	}
	end(c, result);
}

static void on_kept_reply(int found, const char *digest, const char *text, struct vpc_error *error, void *userdata)
{
	struct flow_cut *c = userdata;
	int r = 0;

	if (c->e->closing) {
		end(c, -ECANCELED);
		return;
	}
	if (found == -ENOENT) {
		r = begin(c);
		if (r == 0)
			return;
	} else if (found < 0) {
		c->reply.error = *error;
		*error = VPC_ERROR_INIT;
	} else if (strcmp(digest, c->digest) != 0) {
		vpc_error_set(&c->reply.error, VPC_E_IDEMPOTENT_PARAMETER_MISMATCH, "Idempotency-Key",
			      "the key '%s' was used with another request; use a new key", c->key);
	} else {
		c->reply.replayed = c->kept = strdup(text);
		r = c->kept ? 0 : -ENOMEM;
	}
	end(c, r);
}

/* thorough: what is cut is a tombstone by then, so no flow is told twice. A cut that has a key asks for its reply when
 * its turn comes: the one before it may have the same key. */
static int begin(struct flow_cut *c)
{
	int r;

	if (c->key && !c->asked) {
		c->asked = true;
		return commit_find_reply(c->e, c->request.caller.uid, c->key, on_kept_reply, c);
	}
	r = flow_walk_new(c->e->maps, !c->request.dry_run, is_wanted, &c->filter, &c->walk);

	return r < 0 ? r : read_next(c);
}

int engine_flows_cut(struct engine *e, const struct flow_cut_request *request, engine_flow_cut_fn fn, void *userdata)
{
	_cleanup_(cut_freep) struct flow_cut *c = calloc(1, sizeof(*c));
	const struct object *eni = model_by_number(e->model, OBJECT_ENI, request->filter.eni);
	struct flow_cut **at;

	if (!eni)
		return -EINVAL;
	if (!c)
		return -ENOMEM;
	c->e = e;
	c->request = *request;
	c->filter = request->filter;
	engine_flow_filter(e, &c->filter);
	memcpy(c->eni_id, eni->id, sizeof(c->eni_id));
	c->reply.error = VPC_ERROR_INIT;
	c->reply.dry_run = request->dry_run;
	c->reply.cut_flows = json_array();
	c->fn = fn;
	c->userdata = userdata;
	/* A dry run leaves nothing that could be kept. */
	if (request->idempotency_key && !request->dry_run) {
		c->key = strdup(request->idempotency_key);
		c->digest = strdup(request->request_digest);
		if (!c->key || !c->digest)
			return -ENOMEM;
	}
	c->request.idempotency_key = c->request.request_digest = NULL;
	if (!c->reply.cut_flows || (!e->flow_cuts && begin(c) < 0))
		return -ENOMEM;
	for (at = &e->flow_cuts; *at; at = &(*at)->next)
		;
	*at = TAKE_PTR(c);
	return 0;
}

void flow_cuts_close(struct engine *e)
{
	/* The first is the worker's; its end refuses the others one by one. */
	for (struct flow_cut *c = e->flow_cuts ? e->flow_cuts->next : NULL, *next; c; c = next) {
		next = c->next;
		refuse(c, -ECANCELED);
		c->fn(&c->reply, c->userdata);
		cut_free(c);
	}
	if (e->flow_cuts)
		e->flow_cuts->next = NULL;
}
