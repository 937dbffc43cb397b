/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records become text, for the file of the flow log and for those who read along. */
#include <string.h>

#include "engine/flows/flow_logs_private.h"
#include "observe/flow_log_file.h"
#include "observe/flow_log_line.h"
#include "observe/traffic_path.h"
#include "util/log.h"
#include "util/worker.h"

/* Text that waits for the disk, of one flow log. */
#define WAITING_MAX_BYTES (4u << 20)

struct writing {
	struct engine *e;
	char *state_dir; /* borrowed */
	char id[OBJECT_ID_MAX];
	char *text;
	size_t bytes;
};

static int write_run(void *data)
{
	struct writing *w = data;

	return flow_log_file_append(w->state_dir, w->id, w->text, w->bytes);
}

static void write_done(void *data, int result)
{
	struct writing *w = data;
	struct flow_log_run *l = flow_logs_find(w->e, w->id);

	if (l) {
		l->writing = false;
		if (result < 0 && !l->status[0])
			log_warning("records of flow log %s could not be written: %s", l->id, strerror(-result));
		l->gap |= result < 0;
		snprintf(l->status, sizeof(l->status), "%s%s", result < 0 ? "its file can't be written: " : "",
			 result < 0 ? strerror(-result) : "");
		if (!w->e->closing)
			flow_logs_write(l);
	}
	free(w->text);
	free(w);
}

void flow_logs_write(struct flow_log_run *l)
{
	struct writing *w;

	if (l->writing || !l->waiting_bytes || l->e->closing)
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	*w = (struct writing){.e = l->e, .state_dir = l->e->state_dir, .text = l->waiting, .bytes = l->waiting_bytes};
	memcpy(w->id, l->id, sizeof(w->id));
	if (worker_submit(l->e->worker, WORKER_COUNT, write_run, write_done, NULL, w) < 0) {
		free(w);
		return;
	}
	l->writing = true;
	l->waiting = NULL;
	l->waiting_bytes = l->waiting_cap = 0;
}

/* Text is lost where the disk is too slow: each ENI gets SKIPDATA in the next interval. */
static void keep_text(struct flow_log_run *l, const char *text, size_t bytes)
{
	char *grown = l->waiting_bytes + bytes <= WAITING_MAX_BYTES
			      ? array_grow(l->waiting, &l->waiting_cap, l->waiting_bytes + bytes, 1)
			      : NULL;

	if (!grown) {
		l->gap = true;
		return;
	}
	l->waiting = grown;
	memcpy(l->waiting + l->waiting_bytes, text, bytes);
	l->waiting_bytes += bytes;
}

static void give_text(struct flow_log_run *l, const char *text, size_t bytes)
{
	keep_text(l, text, bytes);
	for (struct engine_tail *t = l->tails, *next; t; t = next) {
		next = t->next;
		t->fn(text, bytes, t->userdata);
	}
}

static uint64_t seconds_of(uint64_t boottime)
{
	return realtime_of_boottime_ns(boottime) / NS_PER_S;
}

static void name_eni(const struct engine *e, const struct eni *eni, struct flow_log_names *names)
{
	const struct object *vpc = model_by_number(e->model, OBJECT_VPC, eni->vpc);
	const struct object *subnet = model_by_number(e->model, OBJECT_SUBNET, eni->subnet);

	names->interface_id = eni->o.id;
	names->vpc_id = vpc ? vpc->id : NULL;
	names->subnet_id = subnet ? subnet->id : NULL;
}

/* What was rejected took no path. */
static enum traffic_path path_of(const struct flow_log_run *l, const struct eni *eni, const struct flow_log_key *key)
{
	struct ip dst = flow_logs_ip(key->tuple.dst);

	if (!flow_log_format_has(&l->format, FLOW_LOG_TRAFFIC_PATH) || key->ingress || !key->accepted)
		return TRAFFIC_PATH_NONE;
	return traffic_path(l->e->model, eni, &dst);
}

static void print_record(FILE *f, struct flow_log_run *l, const struct flow_log_record *r)
{
	struct engine *e = l->e;
	const struct object *eni = model_by_number(e->model, OBJECT_ENI, r->key.eni);
	struct flow_log_names names = {
		.status = "OK", .start_s = seconds_of(r->first_ns), .end_s = seconds_of(r->last_ns)};

	if (!eni)
		return;
	name_eni(e, eni_of(eni), &names);
	names.traffic_path = path_of(l, eni_of(eni), &r->key);
	names.rule_id = r->key.rule ? rule_names_id(&e->rule_names, e->model, r->key.rule, NULL) : NULL;
	flow_log_line(f, &l->format, &names, r);
}

/* NODATA or SKIPDATA of each ENI, where they are due. */
static void print_rest(FILE *f, struct flow_log_run *l)
{
	const struct flow_log *log = flow_logs_model(l);
	const struct object *o = NULL;

	while (log && (o = model_next(l->e->model, OBJECT_ENI, o))) {
		const struct flow_log_eni *known = flow_log_table_eni(&l->table, o->number);
		struct flow_log_names names = {.start_s = seconds_of(l->start_ns), .end_s = seconds_of(l->due_ns)};
		bool skipped = l->gap || (known && known->skipped);

		if (!flow_logs_cover(log, eni_of(o)) || (!skipped && known && known->has_records))
			continue;
		name_eni(l->e, eni_of(o), &names);
		names.status = skipped ? "SKIPDATA" : "NODATA";
		names.skipped = known ? known->skipped : 0;
		flow_log_line(f, &l->format, &names, NULL);
	}
}

/* Prints some records of a flow log whose interval is over. True: that was all. */
bool flow_logs_flush(struct flow_log_run *l, size_t budget)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = open_memstream(&text, &bytes);
	bool all = false;

	if (!f) {
		flow_log_table_clear(&l->table);
		l->gap = true;
		return true;
	}
	while (l->table.records && budget-- > 0) {
		struct flow_log_record *r = l->table.records;

		print_record(f, l, r);
		HASH_DEL(l->table.records, r);
		free(r);
	}
	if (!l->table.records) {
		print_rest(f, l);
		flow_log_table_clear(&l->table);
		l->gap = false;
		l->start_ns = l->due_ns;
		l->due_ns += l->interval_s * NS_PER_S;
		all = true;
	}
	if (fclose(f) != 0)
		l->gap = true;
	else if (bytes)
		give_text(l, text, bytes);
	free(text);
	return all;
}

/* --- the end of a flow log ------------------------------------------------------------------------------ */

static int remove_files(void *data)
{
	struct writing *w = data;

	flow_log_file_remove(w->state_dir, w->id);
	return 0;
}

static void removed_files(void *data, int result)
{
	(void)result;
	free(data);
}

void flow_logs_remove_files(struct flow_log_run *l)
{
	struct writing *w = calloc(1, sizeof(*w));

	if (!w)
		return;
	*w = (struct writing){.e = l->e, .state_dir = l->e->state_dir};
	memcpy(w->id, l->id, sizeof(w->id));
	if (worker_submit(l->e->worker, WORKER_COUNT, remove_files, removed_files, NULL, w) < 0)
		free(w);
}

/* --- readers -------------------------------------------------------------------------------------------- */

int engine_tail_flow_log(struct engine *e, const struct object *o,
			 void (*fn)(const char *lines, size_t bytes, void *userdata), void *userdata,
			 struct engine_tail **ret)
{
	struct flow_log_run *l = flow_logs_find(e, o->id);
	struct engine_tail *t = l ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return l ? -ENOMEM : -ENOENT;
	*t = (struct engine_tail){.log = l, .fn = fn, .userdata = userdata, .next = l->tails};
	l->tails = t;
	*ret = t;
	return 0;
}

void engine_untail_flow_log(struct engine_tail *t)
{
	struct engine_tail **at;

	if (!t)
		return;
	for (at = t->log ? &t->log->tails : NULL; at && *at; at = &(*at)->next) {
		if (*at == t) {
			*at = t->next;
			break;
		}
	}
	free(t);
}

char *engine_flow_log_skipped(const struct engine_tail *t)
{
	struct flow_log_names names = {.status = "SKIPDATA"};
	char *text = NULL;
	size_t bytes = 0;
	FILE *f = t->log ? open_memstream(&text, &bytes) : NULL;

	if (!f)
		return NULL;
	names.start_s = seconds_of(t->log->start_ns);
	names.end_s = realtime_s();
	flow_log_line(f, &t->log->format, &names, NULL);
	if (fclose(f) != 0)
		free(TAKE_PTR(text));
	return text;
}

void flow_logs_end_tails(struct flow_log_run *l)
{
	while (l->tails) {
		struct engine_tail *t = l->tails;

		l->tails = t->next;
		t->log = NULL;
		t->fn(NULL, 0, t->userdata);
	}
}
