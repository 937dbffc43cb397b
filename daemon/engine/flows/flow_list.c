/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows as JSON, a piece at a time. A piece is read on the worker, gets its names on the event loop, and is made into
 * text on the worker again: the loop does no more than that for it, however many flows there are. The next piece is
 * begun only when it is asked for, so a list whose reader is slow holds a piece and no thread.
 */
#include "engine/flows/flow_list.h"

#include "datapath/maps/flows/walk.h"
#include "engine/engine.h"
#include "engine/flows/flow_counts.h"
#include "util/worker.h"

struct flow_list {
	struct engine *e;
	struct flow_filter filter;
	struct flow_walk *walk;
	struct flow_record *record; /* FLOW_WALK_MOST */
	uint32_t n;
	uint64_t left; /* of the limit */
	bool more;     /* there is more to read */
	char *text;    /* of the piece; owned */
	size_t bytes;
	bool first;    /* no flow was told yet */
	bool busy;     /* with the worker, or until the counts are read */
	bool given_up; /* is freed when the worker is done */
	bool counted;  /* the counts were read for it */
	struct flow_counts_wait wait;
	engine_flows_fn fn;
	void *userdata;
};

struct flow_context engine_flow_context(const struct engine *e)
{
	return (struct flow_context){.model = e->model,
				     .maps = e->maps,
				     .rules = &e->rule_names,
				     .enis = &e->eni_names,
				     .totals = flow_counts_totals(e)};
}

void engine_flow_filter(const struct engine *e, struct flow_filter *filter)
{
	if (filter->eni)
		filter->incarnation = maps_eni_incarnation(e->maps, filter->eni);
}

static void list_clear(struct flow_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		flow_record_clear(&l->record[i]);
	l->n = 0;
}

static void list_free(struct flow_list *l)
{
	if (!l)
		return;
	list_clear(l);
	flow_walk_free(l->walk);
	free(l->record);
	free(l->text);
	free(l);
}
DEFINE_CLEANUP(struct flow_list *, list_free);

static bool is_wanted(const struct vpc_flow_key *key, const struct vpc_flow *flow, uint64_t now_ns,
		      const void *userdata)
{
	const struct flow_list *l = userdata;

	return flow_pair_is_told(l->e->maps, &l->filter, key, flow, now_ns);
}

int engine_flows_list(struct engine *e, const struct flow_filter *filter, uint64_t limit, engine_flows_fn fn,
		      void *userdata, struct flow_list **ret)
{
	_cleanup_(list_freep) struct flow_list *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->e = e;
	l->filter = *filter;
	engine_flow_filter(e, &l->filter);
	l->left = limit ? limit : UINT64_MAX;
	l->first = true;
	l->fn = fn;
	l->userdata = userdata;
	l->record = calloc(FLOW_WALK_MOST, sizeof(*l->record));
	if (!l->record || flow_walk_new(e->maps, false, is_wanted, l, &l->walk) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(l);
	return 0;
}

void engine_flows_end(struct flow_list *l)
{
	if (!l)
		return;
	if (l->busy)
		l->given_up = true;
	else
		list_free(l);
}

/* --- a piece ------------------------------------------------------------------------------------------------------ */

/* Tells the piece that is done; it may end the list. */
static void tell(struct flow_list *l, int result)
{
	_cleanup_free_ char *text = TAKE_PTR(l->text);
	struct flows_piece piece = {.result = result,
				    .text = text,
				    .bytes = l->bytes,
				    .last = !l->more || l->left == 0,
				    .complete = !l->more};

	l->bytes = 0;
	l->fn(&piece, l->userdata);
}

static int submit(struct flow_list *l, worker_run_fn run, worker_done_fn done)
{
	int r = worker_submit(l->e->worker, WORKER_LIST, run, done, NULL, l);

	l->busy = r == 0;
	return r;
}

/* True: the list goes on. False: it is freed, or has told why it doesn't. */
static bool is_back(struct flow_list *l, int result)
{
	l->busy = false;
	if (l->given_up) {
		list_free(l);
		return false;
	}
	if (result < 0 || l->e->closing) {
		tell(l, result < 0 ? result : -ECANCELED);
		return false;
	}
	return true;
}

static int write_piece(struct flow_list *l, FILE *f)
{
	for (uint32_t i = 0; i < l->n; i++) {
		json_t *flow = flow_record_to_json(&l->record[i]);
		int r = flow ? 0 : -1;

		/* Each flow is a line, of an array. */
		if (r == 0 && !l->first)
			fputs(",\n", f);
		l->first = false;
		if (r == 0)
			r = json_dumpf(flow, f, JSON_COMPACT);
		json_decref(flow);
		if (r < 0)
			return -ENOMEM;
	}
	return 0;
}

static int format_run(void *data)
{
	struct flow_list *l = data;
	FILE *f = open_memstream(&l->text, &l->bytes);
	int r;

	if (!f)
		return -ENOMEM;
	r = write_piece(l, f);
	if (fclose(f) != 0)
		r = -ENOMEM;
	list_clear(l);
	return r;
}

static void format_done(void *data, int result)
{
	if (is_back(data, result))
		tell(data, 0);
}

static int read_run(void *data)
{
	struct flow_list *l = data;
	struct flow_walk_piece piece;
	int r = flow_walk_read(l->walk);

	if (r < 0)
		return r;
	l->more = r > 0;
	piece = flow_walk_piece(l->walk);
	if (piece.n > l->left) {
		piece.n = (uint32_t)l->left;
		l->more = true;
	}
	l->left -= piece.n;
	for (; l->n < piece.n; l->n++)
		flow_record_begin(&l->record[l->n], l->e->maps, &piece.key[l->n], &piece.flow[l->n], piece.now_ns);
	return 0;
}

static void read_done(void *data, int result)
{
	struct flow_list *l = data;
	struct flow_context context;
	int r = 0;

	if (!is_back(l, result))
		return;
	context = engine_flow_context(l->e);
	for (uint32_t i = 0; r == 0 && i < l->n; i++)
		r = flow_record_name(&l->record[i], &context);
	if (r == 0)
		r = l->n || !l->more ? submit(l, format_run, format_done) : submit(l, read_run, read_done);
	if (r < 0)
		tell(l, r);
}

static void counts_read(void *userdata)
{
	struct flow_list *l = userdata;
	int r;

	if (!is_back(l, 0))
		return;
	r = submit(l, read_run, read_done);
	if (r < 0)
		tell(l, r);
}

int engine_flows_next(struct flow_list *l)
{
	if (!l->counted) {
		l->counted = true;
		l->wait = (struct flow_counts_wait){.fn = counts_read, .userdata = l};
		l->busy = flow_counts_read(l->e, &l->wait);
		if (l->busy)
			return 0;
	}
	return submit(l, read_run, read_done);
}
