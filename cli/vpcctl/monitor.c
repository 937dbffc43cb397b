/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl monitor */
#include <stdio.h>
#include <string.h>

#include <vpc/clock.h>
#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/vpcctl/commands.h"
#include "cli/lib/http.h"
#include "cli/lib/screen.h"
#include "cli/vpcctl/owner.h"
#include "cli/vpcctl/resource.h"
#include "cli/lib/yaml.h"

static const char *text_of(const json_t *verdict, const char *key)
{
	return json_member_text(verdict, key);
}

/* A drop that was shown, and how often it came again. */
struct fold {
	char *key;
	char *line; /* as it was shown */
	uint64_t shown_s;
	unsigned long more;
};
#define FOLDS	   64
#define FOLD_FOR_S 10

struct monitor {
	struct fold folds[FOLDS];
	struct cli *cli;
	struct cli side; /* for requests beside the stream; its http is NULL until the first */
	json_t *enis;	 /* {id: ENI}; NULL: vpcd refused; it isn't asked again */
};

static void monitor_clear(struct monitor *m)
{
	for (size_t i = 0; i < FOLDS; i++) {
		free(m->folds[i].key);
		free(m->folds[i].line);
	}
	json_decref(m->enis);
	json_decref(m->side.processes);
	json_decref(m->side.vmms);
	http_free(m->side.http);
}

/* An ENI by its id, as it was at the start or at its first verdict. Borrowed; NULL: not known. */
static const json_t *find_eni(struct monitor *m, const char *id)
{
	json_t *eni = json_object_get(m->enis, id);
	_cleanup_free_ char *path = NULL;

	if (eni || !m->enis || !id)
		return eni;
	/* It is asked for once, even if that fails. */
	if (!m->side.http && http_new(m->side.socket, &m->side.http) < 0)
		return NULL;
	path = api_path(&m->side, "enis", id, NULL);
	if (api_get_optional(&m->side, path, &eni) != CLI_OK || !eni)
		eni = json_object();
	return json_object_set_new(m->enis, id, eni) < 0 ? NULL : eni;
}

/* "10.0.1.4:443 (web1)", "10.0.1.4:443 (web1: pid 12 nginx)"; IPv6 in brackets when there is a port. */
static void print_end(FILE *f, struct monitor *m, const json_t *verdict, const char *end, const char *eni)
{
	char key[32];
	const char *address = text_of(verdict, end), *name, *id;
	const json_t *port;
	_cleanup_free_ char *who = NULL;
	bool brackets;

	snprintf(key, sizeof(key), "%s_port", end);
	port = json_object_get(verdict, key);
	snprintf(key, sizeof(key), "%s_id", eni);
	id = text_of(verdict, key);
	name = text_of(verdict, eni) ?: id;
	if (id)
		who = owner_who(&m->side, find_eni(m, id));
	brackets = address && strchr(address, ':') && json_is_integer(port);

	fprintf(f, "%s%s%s", brackets ? "[" : "", address ? address : "?", brackets ? "]" : "");
	if (json_is_integer(port))
		fprintf(f, ":%lld", (long long)json_integer_value(port));
	if (name && *name)
		fprintf(f, " (%s%s%s)", name, who ? ": " : "", who ? who : "");
}

/* Prints a verdict as a line. The ENI is the flow's source for egress, its destination for ingress. */
static void print_verdict(FILE *f, struct monitor *m, const json_t *v)
{
	const char *event = text_of(v, "event"), *direction = text_of(v, "direction"), *reason = text_of(v, "reason");
	const json_t *rules = json_object_get(v, "rule_ids");
	bool ingress = direction && !strcmp(direction, "ingress");

	if (event && !strcmp(event, "lost")) {
		fprintf(f, "%lld verdicts were lost\n", (long long)json_integer_value(json_object_get(v, "lost")));
		return;
	}
	fprintf(f, "%s %-7s %-7s %-6s ", text_of(v, "time") ?: "-", event ? event : "-", direction ? direction : "-",
		text_of(v, "protocol") ?: "-");
	print_end(f, m, v, "src", ingress ? "peer_eni" : "eni");
	fputs(" -> ", f);
	print_end(f, m, v, "dst", ingress ? "eni" : "peer_eni");
	if (reason && *reason && strcmp(reason, "none") != 0)
		fprintf(f, " %s", reason);
	if (json_array_size(rules) > 0) {
		_cleanup_free_ char *text = output_text(rules);

		fprintf(f, " by %s", text ? text : "");
	}
	fputc('\n', f);
}

/* Drops with the same key are shown once. NULL: this one is always shown. Multicast is dropped for every workload: its
 * key is the interface alone. */
static char *fold_key(const json_t *v)
{
	const char *event = text_of(v, "event"), *reason = text_of(v, "reason") ?: "";
	const char *eni = text_of(v, "eni_id") ?: "";
	char *key = NULL;

	if (!event || strcmp(event, "drop") != 0)
		return NULL;
	if (!strcmp(reason, "multicast") || !strcmp(reason, "broadcast"))
		return asprintf(&key, "%s %s", reason, eni) < 0 ? NULL : key;
	if (asprintf(&key, "%s %s %s %s %s %lld %s %lld", reason, eni, text_of(v, "direction") ?: "",
		     text_of(v, "protocol") ?: "", text_of(v, "src") ?: "",
		     (long long)json_integer_value(json_object_get(v, "src_port")), text_of(v, "dst") ?: "",
		     (long long)json_integer_value(json_object_get(v, "dst_port"))) < 0)
		return NULL;
	return key;
}

/* Prints how often a drop came again, and forgets it. */
static int fold_end(struct fold *f)
{
	int r = f->more ? printf("%lu more like: %s\n", f->more, f->line ? f->line : f->key) : 0;

	free(f->key);
	free(f->line);
	*f = (struct fold){0};
	return r;
}

static int fold_end_all(struct monitor *m, bool only_old)
{
	uint64_t now = monotonic_s();
	int r = 0;

	for (size_t i = 0; r >= 0 && i < FOLDS; i++)
		if (m->folds[i].key && (!only_old || now - m->folds[i].shown_s >= FOLD_FOR_S))
			r = fold_end(&m->folds[i]);
	return r;
}

/* True: the drop was shown a moment ago, and is counted. Else *ret is the place to remember it, or NULL. */
static bool fold_count(struct monitor *m, const json_t *v, struct fold **ret)
{
	_cleanup_free_ char *key = fold_key(v);
	struct fold *oldest = &m->folds[0];

	*ret = NULL;
	for (size_t i = 0; key && i < FOLDS; i++) {
		struct fold *f = &m->folds[i];

		if (f->key && !strcmp(f->key, key)) {
			f->more++;
			return true;
		}
		if (oldest->key && (!f->key || f->shown_s < oldest->shown_s))
			oldest = f;
	}
	if (!key)
		return false;
	(void)fold_end(oldest);
	*oldest = (struct fold){.key = TAKE_PTR(key), .shown_s = monotonic_s()};
	*ret = oldest;
	return false;
}

static int print_clean(struct monitor *m, const json_t *verdict)
{
	struct fold *fold;
	_cleanup_free_ char *line = NULL, *clean = NULL;
	size_t size = 0;
	FILE *f;

	if (fold_end_all(m, true) < 0)
		return -1;
	if (fold_count(m, verdict, &fold))
		return 0;
	f = open_memstream(&line, &size);
	if (!f)
		return -1;
	print_verdict(f, m, verdict);
	if (fclose(f) != 0 || size == 0)
		return -1;
	line[size - 1] = '\0'; /* the newline is print_verdict()'s; other control characters are cleaned */
	clean = screen_clean(line);
	if (!clean || puts(clean) < 0)
		return -1;
	if (fold)
		fold->line = TAKE_PTR(clean);
	return 0;
}

/* Not 0: stdout can't be written, since its reader went away. */
static int on_line(const char *line, void *userdata)
{
	struct monitor *m = userdata;
	const struct cli *cli = m->cli;
	_cleanup_json_ json_t *verdict = json_loads(line, 0, NULL);
	int r;

	if (!json_is_object(verdict))
		return 0;
	if (cli->output == OUTPUT_JSON)
		r = puts(line);
	else if (cli->output == OUTPUT_YAML)
		r = yaml_write(stdout, verdict);
	else if (cli->output == OUTPUT_ID)
		r = puts(text_of(verdict, "eni_id") ?: "-");
	else
		r = print_clean(m, verdict);
	return r < 0 || fflush(stdout) != 0;
}

/* All ENIs. NULL: they can't be read; the lines then have fewer names. */
static json_t *read_enis(struct cli *cli)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_json_ json_t *json = NULL;
	json_t *enis, *eni;
	size_t i;

	if (http_request(cli->http, "GET", "/v1/enis", NULL, NULL, &reply) < 0 || reply.status != 200)
		return NULL;
	json = json_loadb(reply.body, reply.size, 0, NULL);
	enis = json_object();
	json_array_foreach (json_object_get(json, "enis"), i, eni)
		json_object_set(enis, text_of(eni, "id") ?: "", eni);
	return enis;
}

static int run(struct cli *cli, const struct args *args)
{
	_cleanup_(monitor_clear) struct monitor m = {.cli = cli, .side = {.socket = cli->socket}};
	const char *eni = api_alias(cli, args_get(args, "--eni"));
	_cleanup_free_ char *eni_text = http_encode(eni ? eni : "");
	_cleanup_free_ char *scope_text = http_encode(cli->scope ? cli->scope : "");
	_cleanup_free_ char *path = NULL;
	int status;

	if (!eni_text || !scope_text ||
	    asprintf(&path, "/v1/verdicts?drops=%d%s%s%s%s", args_get(args, "--drops") ? 1 : 0, eni ? "&eni=" : "",
		     eni_text, cli->scope ? "&vpc=" : "", scope_text) < 0)
		path = NULL;
	if (cli->output == OUTPUT_TABLE)
		m.enis = read_enis(cli);
	status = api_stream(cli, path, on_line, &m);
	(void)fold_end_all(&m, false);
	return status;
}

static const struct param params[] = {
	{"--drops", VALUE_FLAG, 0, NULL, "only drops"},
	{"--eni", VALUE_ENI, 0, "ENI", "only verdicts of this network interface"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

const struct command monitor_command = {
	.noun = "monitor",
	.summary = "show verdicts as they happen: drops; flows that are opened, judged again or cut",
	.params = params,
	.notes = "One line each until interrupted, with the reason of a drop or the id of the rule that allowed it. "
		 "A drop\n"
		 "that comes again within 10 s is counted, and told as `N more like`; with -o json one JSON object a\n"
		 "line, nothing folded.",
	.example = "vpcctl monitor --drops --eni web1",
	.run = run,
};
