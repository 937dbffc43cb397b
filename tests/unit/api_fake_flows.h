/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flows of the fake engine, which includes this. */
#ifndef TESTS_UNIT_API_FAKE_FLOWS_H
#define TESTS_UNIT_API_FAKE_FLOWS_H

/* Flows that a list has, in pieces. All of them are more than buffers and sockets hold. */
#define FAKE_FLOWS	 20000u
#define FAKE_FLOWS_PIECE 100u

struct flow_list {
	struct engine *engine;
	engine_flows_fn fn;
	void *userdata;
	uint64_t left;
	unsigned told;
};

int engine_flows_list(struct engine *e, const struct flow_filter *filter, uint64_t limit, engine_flows_fn fn,
		      void *userdata, struct flow_list **ret)
{
	struct flow_list *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct flow_list){.engine = e, .fn = fn, .userdata = userdata, .left = limit ? limit : FAKE_FLOWS};
	e->filter = *filter;
	e->n_lists++;
	*ret = l;
	return 0;
}

int engine_flows_next(struct flow_list *l)
{
	struct flows_piece piece = {0};
	char *text = NULL;
	FILE *f = open_memstream(&text, &piece.bytes);

	if (!f)
		return -ENOMEM;
	l->engine->pieces++;
	for (unsigned i = 0; i < FAKE_FLOWS_PIECE && l->left; i++, l->left--, l->told++)
		fprintf(f, "%s{\"protocol\":\"tcp\",\"state\":\"established\",\"packets\":%u}", l->told ? ",\n" : "",
			l->told);
	fclose(f);
	piece.text = text;
	piece.last = l->left == 0;
	piece.complete = l->told == FAKE_FLOWS;
	l->fn(&piece, l->userdata);
	free(text);
	return 0;
}

void engine_flows_end(struct flow_list *l)
{
	if (!l)
		return;
	l->engine->n_lists--;
	free(l);
}

json_t *engine_flow_cut_encode(const struct flow_cut_reply *reply)
{
	json_t *json = json_pack("{s:O,s:I,s:I}", "cut_flows", reply->cut_flows, "cut_flows_total",
				 (json_int_t)reply->total, "enforced_ns", (json_int_t)reply->enforced_ns);

	if (reply->dry_run)
		json_object_set_new(json, "dry_run", json_true());
	return json;
}

int engine_flows_cut(struct engine *e, const struct flow_cut_request *request, engine_flow_cut_fn fn, void *userdata)
{
	struct flow_cut_reply reply = {
		.error = VPC_ERROR_INIT, .cut_flows = json_array(), .total = 101, .dry_run = request->dry_run};

	e->filter = request->filter;
	e->caller = request->caller;
	fn(&reply, userdata);
	json_decref(reply.cut_flows);
	return 0;
}

#endif
