/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl monitor */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "commands.h"
#include "http.h"
#include "resource.h"
#include "yaml.h"

static const char *text_of(const json_t *verdict, const char *key)
{
	return json_string_value(json_object_get(verdict, key));
}

/* "10.0.1.4:443 (web1)"; IPv6 in brackets when there is a port. */
static void print_end(FILE *f, const char *address, const json_t *port, const char *name)
{
	bool brackets = address && strchr(address, ':') && json_is_integer(port);

	fprintf(f, "%s%s%s", brackets ? "[" : "", address ? address : "?", brackets ? "]" : "");
	if (json_is_integer(port))
		fprintf(f, ":%lld", (long long)json_integer_value(port));
	if (name && *name)
		fprintf(f, " (%s)", name);
}

/* One verdict as a line. The ENI's own name stands at its end of the flow: egress leaves it, ingress arrives at it. */
static void print_verdict(FILE *f, const json_t *v)
{
	const char *event = text_of(v, "event"), *direction = text_of(v, "direction"), *reason = text_of(v, "reason");
	const char *eni = text_of(v, "eni") ?: text_of(v, "eni_id");
	const char *peer = text_of(v, "peer_eni") ?: text_of(v, "peer_eni_id");
	const json_t *rules = json_object_get(v, "rule_ids");
	bool ingress = direction && !strcmp(direction, "ingress");

	if (event && !strcmp(event, "lost")) {
		fprintf(f, "%lld verdicts were lost\n", (long long)json_integer_value(json_object_get(v, "lost")));
		return;
	}
	fprintf(f, "%s %-7s %-7s %-6s ", text_of(v, "time") ?: "-", event ? event : "-", direction ? direction : "-",
		text_of(v, "protocol") ?: "-");
	print_end(f, text_of(v, "src"), json_object_get(v, "src_port"), ingress ? peer : eni);
	fputs(" -> ", f);
	print_end(f, text_of(v, "dst"), json_object_get(v, "dst_port"), ingress ? eni : peer);
	if (reason && *reason && strcmp(reason, "none") != 0)
		fprintf(f, " %s", reason);
	if (json_array_size(rules) > 0) {
		_cleanup_free_ char *text = output_text(rules);

		fprintf(f, " by %s", text ? text : "");
	}
	fputc('\n', f);
}

static int print_clean(const json_t *verdict)
{
	_cleanup_free_ char *line = NULL, *clean = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&line, &size);

	if (!f)
		return -1;
	print_verdict(f, verdict);
	if (fclose(f) != 0 || size == 0)
		return -1;
	line[size - 1] = '\0'; /* its newline is ours, any other character of control is not */
	clean = table_clean(line);
	return clean ? puts(clean) : -1;
}

/* Returns not 0 when stdout takes no more: the reader went away. */
static int on_line(const char *line, void *userdata)
{
	const struct cli *cli = userdata;
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
		r = print_clean(verdict);
	return r < 0 || fflush(stdout) != 0;
}

static int run(struct cli *cli, const struct args *args)
{
	const char *eni = args_get(args, "--eni");
	_cleanup_free_ char *eni_text = http_encode(eni ? eni : "");
	_cleanup_free_ char *scope_text = http_encode(cli->scope ? cli->scope : "");
	_cleanup_free_ char *path = NULL;

	if (!eni_text || !scope_text ||
	    asprintf(&path, "/v1/verdicts?drops=%d%s%s%s%s", args_get(args, "--drops") ? 1 : 0, eni ? "&eni=" : "",
		     eni_text, cli->scope ? "&vpc=" : "", scope_text) < 0)
		path = NULL;
	return api_stream(cli, path, on_line, cli);
}

static const struct param params[] = {
	{"--drops", VALUE_FLAG, 0, NULL, "only what is dropped"},
	{"--eni", VALUE_ENI, 0, "ENI", "only what concerns this network interface"},
	PARAM_VPC_SCOPE,
	PARAMS_END,
};

const struct command monitor_command = {
	.noun = "monitor",
	.summary = "show verdicts as they happen: drops, and flows opened, judged again and cut",
	.params = params,
	.notes = "One line each until interrupted, with the reason of a drop or the id of the rule that allowed it; "
		 "with\n"
		 "-o json one JSON object a line.",
	.example = "vpcctl monitor --drops --eni web1",
	.run = run,
};
