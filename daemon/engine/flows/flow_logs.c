/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flow logs run, and the sockets by which packets are counted for them. */
#include <string.h>
#include <unistd.h>

#include "datapath/net/net.h"
#include "datapath/net/packet_socket.h"
#include "engine/flows/advice.h"
#include "engine/flows/flow_logs_private.h"
#include "engine/flows/verdicts.h"
#include "observe/flow_log_file.h"
#include "util/log.h"

struct flow_log_run *flow_logs_find(const struct engine *e, const char *id)
{
	for (size_t i = 0; e->flow_logs && i < e->flow_logs->n_logs; i++)
		if (!strcmp(e->flow_logs->logs[i]->id, id))
			return e->flow_logs->logs[i];
	return NULL;
}

const struct flow_log *flow_logs_model(const struct flow_log_run *l)
{
	const struct object *o = model_find(l->e->model, OBJECT_FLOW_LOG, l->id);

	return o ? flow_log_of(o) : NULL;
}

bool flow_logs_cover(const struct flow_log *f, const struct eni *eni)
{
	return f->vpc == eni->vpc && (!f->subnet || f->subnet == eni->subnet) && (!f->eni || f->eni == eni->o.number);
}

/* --- which there are ------------------------------------------------------------------------------------ */

static void run_free(struct flow_log_run *l)
{
	if (!l)
		return;
	flow_logs_end_tails(l);
	flow_log_table_clear(&l->table);
	free(l->waiting);
	free(l);
}

static int add_run(struct flow_logs *fl, const struct object *o, bool existed)
{
	struct flow_log_run *l = calloc(1, sizeof(*l)), **added;

	if (!l)
		return -ENOMEM;
	l->e = fl->e;
	l->number = o->number;
	l->interval_s = flow_log_of(o)->interval_s;
	l->table.max = fl->e->limits.flow_log_flows;
	l->start_ns = boottime_ns();
	l->due_ns = l->start_ns + l->interval_s * NS_PER_S;
	l->gap = existed; /* nobody counted until now */
	l->seen = true;
	memcpy(l->id, o->id, sizeof(l->id));
	flow_log_format_parse(flow_log_of(o)->format, &l->format);
	added = ARRAY_ADD(fl->logs, fl->n_logs);
	if (!added) {
		run_free(l);
		return -ENOMEM;
	}
	*added = l;
	return 0;
}

static void drop_run(struct flow_logs *fl, size_t at)
{
	struct flow_log_run *l = fl->logs[at];

	fl->logs[at] = fl->logs[--fl->n_logs];
	flow_logs_remove_files(l);
	run_free(l);
}

/* Notes which there are. existed: those of the model were there before this start. */
static int compare_runs(struct flow_logs *fl, bool existed)
{
	const struct object *o = NULL;
	int r = 0;

	for (size_t i = 0; i < fl->n_logs; i++)
		fl->logs[i]->seen = false;
	while (r >= 0 && (o = model_next(fl->e->model, OBJECT_FLOW_LOG, o))) {
		struct flow_log_run *l = flow_logs_find(fl->e, o->id);

		if (l)
			l->seen = true;
		else
			r = add_run(fl, o, existed);
	}
	for (size_t i = fl->n_logs; i > 0; i--)
		if (!fl->logs[i - 1]->seen)
			drop_run(fl, i - 1);
	return r;
}

/* --- sockets and counters ------------------------------------------------------------------------------- */

static void close_socket(struct flow_logs *fl, size_t at)
{
	flow_totals_end(fl->totals, fl->sockets[at].vpc);
	advice_end(fl->e->advice, fl->sockets[at].vpc);
	close(fl->sockets[at].fd);
	fl->sockets[at] = fl->sockets[--fl->n_sockets];
}

bool flow_logs_of_vpc(const struct flow_logs *fl, uint32_t vpc)
{
	for (size_t i = 0; i < fl->n_logs; i++) {
		const struct flow_log *f = flow_logs_model(fl->logs[i]);

		if (f && f->vpc == vpc)
			return true;
	}
	return false;
}

bool flow_logs_active(const struct flow_logs *fl)
{
	return fl->n_logs || fl->n_sockets;
}

/* Whether packets are counted in the VPC. */
static bool is_observed(const struct flow_logs *fl, uint32_t vpc)
{
	const struct object *o = model_by_number(fl->e->model, OBJECT_VPC, vpc);

	return (o && vpc_of(o)->count_flows) || flow_logs_of_vpc(fl, vpc);
}

static int open_socket(struct flow_logs *fl, uint32_t vpc)
{
	uint64_t inode = net_vpc_inode(fl->e->net, vpc);
	struct vpc_socket *added;
	int fd, r;

	for (size_t i = 0; i < fl->n_sockets; i++)
		if (fl->sockets[i].vpc == vpc)
			return 0;
	if (!fl->count) {
		r = flow_count_open(fl->e->limits.flow_log_flows, &fl->count);
		if (r < 0)
			return r;
	}
	r = net_packet_socket(fl->e->net, vpc, flow_count_prog(fl->count), &fd);
	if (r < 0)
		return r;
	added = ARRAY_ADD(fl->sockets, fl->n_sockets);
	if (!added) {
		close(fd);
		return -ENOMEM;
	}
	*added = (struct vpc_socket){.vpc = vpc, .inode = inode, .fd = fd};
	return flow_totals_begin(fl->totals, vpc, monotonic_ns());
}

static void compare_sockets(struct flow_logs *fl)
{
	const struct object *o = NULL;

	for (size_t i = fl->n_sockets; i > 0; i--) {
		struct vpc_socket *s = &fl->sockets[i - 1];

		if (!is_observed(fl, s->vpc) || net_vpc_inode(fl->e->net, s->vpc) != s->inode)
			close_socket(fl, i - 1);
	}
	for (size_t i = 0; i < fl->n_logs; i++) {
		struct flow_log_run *l = fl->logs[i];
		const struct flow_log *f = flow_logs_model(l);
		int r = f ? open_socket(fl, f->vpc) : 0;

		if (r < 0) {
			l->gap = true;
			snprintf(l->status, sizeof(l->status), "packets can't be counted: %s", strerror(-r));
			log_warning("flow log %s: %s", l->id, l->status);
		}
	}
	while ((o = model_next(fl->e->model, OBJECT_VPC, o))) {
		int r = vpc_of(o)->count_flows ? open_socket(fl, o->number) : 0;

		if (r < 0)
			log_warning("the flows of %s can't be counted: %s", o->id, strerror(-r));
	}
}

/* What rules allow is watched in the same VPCs, from when the programs tell of flows on. */
static void watch_rules(struct flow_logs *fl)
{
	for (size_t i = 0; i < fl->n_sockets; i++)
		advice_watch(fl->e, fl->sockets[i].vpc);
}

static void compare(struct flow_logs *fl, bool existed)
{
	bool had = flow_logs_active(fl);

	fl->noted = false;
	if (compare_runs(fl, existed) < 0)
		log_warning("a flow log could not be started: no memory");
	compare_sockets(fl);
	fl->stale = true;
	if (had != flow_logs_active(fl) || !existed)
		verdicts_update(fl->e);
	if (!existed)
		watch_rules(fl);
	if (fl->phase == PHASE_REST)
		flow_logs_rest(fl);
}

void flow_logs_note(struct engine *e, enum object_kind kind)
{
	if (!e->flow_logs)
		return;
	e->flow_logs->noted |= kind == OBJECT_FLOW_LOG || kind == OBJECT_VPC;
	e->flow_logs->stale |= kind == OBJECT_ENI;
}

void flow_logs_changed(struct engine *e)
{
	if (e->flow_logs && e->flow_logs->noted)
		compare(e->flow_logs, false);
}

int flow_logs_start(struct engine *e)
{
	struct flow_logs *fl = calloc(1, sizeof(*fl));
	int r;

	if (!fl)
		return -ENOMEM;
	fl->e = e;
	e->flow_logs = fl;
	r = flow_log_verdicts_new(e->limits.flow_log_flows, &fl->verdicts);
	if (r >= 0)
		r = flow_totals_new(e->limits.flow_log_flows, &fl->totals);
	if (r >= 0)
		r = flow_logs_reading_new(fl);
	if (r < 0)
		return r;
	compare(fl, true);
	verdicts_update(e);
	watch_rules(fl);
	return 0;
}

/* The rest of what was counted is read and written here: nothing else runs any more. */
static void write_rest(struct flow_logs *fl)
{
	flow_logs_read_rest(fl);
	for (size_t i = 0; i < fl->n_logs; i++) {
		struct flow_log_run *l = fl->logs[i];

		if (l->waiting_bytes)
			flow_log_file_append(fl->e->state_dir, l->id, l->waiting, l->waiting_bytes);
	}
}

void flow_logs_end(struct engine *e)
{
	struct flow_logs *fl = e->flow_logs;

	if (!fl)
		return;
	if (fl->verdicts && fl->totals && e->maps && e->model)
		write_rest(fl);
	e->flow_logs = NULL;
	while (fl->n_sockets)
		close_socket(fl, 0);
	for (size_t i = 0; i < fl->n_logs; i++)
		run_free(fl->logs[i]);
	flow_count_close(fl->count);
	flow_log_verdicts_free(fl->verdicts);
	flow_totals_free(fl->totals);
	sd_event_source_disable_unref(fl->timer);
	sd_event_source_disable_unref(fl->step);
	free(fl->logs);
	free(fl->sockets);
	free(fl->counted.at);
	free(fl->drops.at);
	free(fl->checks.at);
	free(fl);
}

int flow_logs_put_json(struct engine *e, const struct object *o, json_t *json)
{
	const struct flow_log_run *l = flow_logs_find(e, o->id);
	json_t *file = json_sprintf("%s/" FLOW_LOG_FOLDER "/%s.log", e->state_dir, o->id);

	return json_object_set_new(json, "file", file) |
	       json_object_set_new(json, "log_status", json_string(l && l->status[0] ? l->status : "ok"));
}
