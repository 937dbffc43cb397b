/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/api.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include <vpc/json.h>
#include <vpc/paths.h>

#include "cli/lib/client.h"
#include "cli/lib/unreachable.h"
#include "cli/lib/screen.h"

int api_refuse(const char *code, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "vpcctl: %s: ", code);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CLI_REFUSED;
}

int api_unreadable(const char *path, int error)
{
	return api_refuse("InvalidParameterValue",
			  "cannot read %s: %s; name a file that you can read, or - for standard input", path,
			  strerror(error));
}

int api_oom(void)
{
	fputs("vpcctl: out of memory\n", stderr);
	return CLI_REFUSED;
}

const char *api_alias(const struct cli *cli, const char *ref)
{
	const char *id = ref ? json_member_text(cli->aliases, ref) : NULL;

	return id ? id : ref;
}

char *api_path(const struct cli *cli, const char *collection, const char *id, const char *suffix)
{
	return client_path(collection, !strcmp(collection, "enis") ? api_alias(cli, id) : id, suffix, cli->scope);
}

/* What to say when there was no reply at all. */
static int no_daemon(const struct cli *cli, int error)
{
	struct unreachable f = unreachable_explain(cli->socket, error);

	if (error == -ENOMEM)
		return api_oom();
	if (f.denied)
		return api_refuse("AccessDenied", "%s: %s", f.what, f.advice);
	fprintf(stderr, "vpcctl: %s\n", f.what);
	if (f.advice[0])
		fprintf(stderr, "%s\nif it listens elsewhere: vpcctl --socket PATH, or VPCD_SOCKET=PATH\n", f.advice);
	return CLI_NO_DAEMON;
}

/* What the change that was refused is about. Owned; NULL: nothing is known. */
static char *about_change(const struct cli *cli, const struct client_refusal *refusal)
{
	const json_t *change = json_object_get(refusal->json, "change");
	_cleanup_free_ char *about = NULL;

	if (!cli->change_about || !json_is_integer(change) || json_integer_value(change) < 0)
		return NULL;
	about = cli->change_about((size_t)json_integer_value(change), cli->change_about_userdata);
	return about ? screen_clean(about) : NULL;
}

/* Prints why vpcd refused, and what to do about it; CLI_REFUSED. */
static int refused(struct cli *cli, const struct http_reply *reply)
{
	_cleanup_client_refusal_ struct client_refusal refusal;
	_cleanup_free_ char *about = NULL, *text = NULL;

	if (client_read_refusal(reply, &refusal) < 0)
		return api_refuse("InternalError", CLIENT_NO_REASON, reply->status);
	if (cli->refusals->learn(cli, refusal.code, refusal.detail))
		return CLI_AGAIN;
	about = about_change(cli, &refusal);
	text = screen_clean(refusal.detail);
	api_refuse(refusal.code, "%s%s%s", about ? about : "", about ? ": " : "", text ? text : "");
	cli->refusals->hint(cli, refusal.code, refusal.detail);
	return CLI_REFUSED;
}

/* body is borrowed. missing_ok: a 404 is *ret NULL. */
static int call(struct cli *cli, const char *method, const char *path, const json_t *body, uint64_t if_match,
		bool missing_ok, json_t **ret)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char match[24];
	json_t *json;
	int r;

	if ((body && !text) || !path)
		return api_oom();
	snprintf(match, sizeof(match), "%" PRIu64, if_match);
	r = http_request(cli->http, method, path, text, if_match ? match : NULL, &reply);
	if (r < 0)
		return no_daemon(cli, r);
	if (missing_ok && reply.status == 404) {
		*ret = NULL;
		return CLI_OK;
	}
	if (!client_succeeded(&reply))
		return refused(cli, &reply);
	json = client_json(&reply);
	if (!json)
		return api_refuse("InternalError", CLIENT_NOT_JSON);
	*ret = json;
	return CLI_OK;
}

int api_get(struct cli *cli, const char *path, json_t **ret)
{
	return call(cli, "GET", path, NULL, 0, false, ret);
}

json_t *api_get_quietly(struct cli *cli, const char *path)
{
	_cleanup_http_reply_ struct http_reply reply = {0};

	if (!path || http_request(cli->http, "GET", path, NULL, NULL, &reply) < 0 || !client_succeeded(&reply))
		return NULL;
	return client_json(&reply);
}

int api_get_optional(struct cli *cli, const char *path, json_t **ret)
{
	return call(cli, "GET", path, NULL, 0, true, ret);
}

int api_change(struct cli *cli, const char *method, const char *path, json_t *body, uint64_t if_match, json_t **ret)
{
	_cleanup_json_ json_t *owned = body;

	if (cli->dry_run) {
		if (!owned)
			owned = json_object();
		if (json_object_set_new(owned, "dry_run", json_true()) < 0)
			return api_oom();
	}
	return call(cli, method, path, owned, if_match, false, ret);
}

int api_transaction_all(struct cli *cli, json_t *changes, json_t **ret)
{
	json_t *change;
	size_t i;

	json_array_foreach (changes, i, change)
		if (cli->scope && json_object_set_new(change, "vpc", json_string(cli->scope)) < 0) {
			json_decref(changes);
			return api_oom();
		}
	return api_change(cli, "POST", "/v1/transactions", json_pack("{s:o}", "changes", changes), 0, ret);
}

int api_transaction(struct cli *cli, json_t *changes, size_t show, json_t **ret)
{
	static const char *const whole[] = {"revision",	 "epoch",   "enforced_ns", "dry_run",
					    "cut_flows", "pending", "warnings",	   "cut_flows_total"};
	_cleanup_json_ json_t *reply = NULL;
	_cleanup_json_ json_t *result = NULL;
	size_t i;
	int r;

	r = api_transaction_all(cli, changes, &reply);
	if (r != CLI_OK)
		return r;
	result = json_copy(json_array_get(json_object_get(reply, "results"), show));
	if (!json_is_object(result))
		return api_refuse("InternalError", "vpcd's reply lacks the result of a change");
	for (i = 0; i < ARRAY_SIZE(whole); i++) {
		json_t *value = json_object_get(reply, whole[i]);

		if (value && !json_object_get(result, whole[i]) && json_object_set(result, whole[i], value) < 0)
			return api_oom();
	}
	*ret = TAKE_PTR(result);
	return CLI_OK;
}

/* ends: the stream is complete when the daemon ends it. */
static int stream(struct cli *cli, const char *path, bool ends, int (*fn)(const char *line, void *userdata),
		  void *userdata)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_close_ int stop = -1;
	sigset_t signals;
	int r;

	if (!path)
		return api_oom();
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN); /* fn sees its write fail, and stops */
	stop = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (stop < 0)
		return api_refuse("InternalError", "no signalfd: %s", strerror(errno));
	r = http_stream(cli->http, path, stop, fn, userdata, &reply);
	if (r == -EPIPE && ends)
		return CLI_OK;
	if (r == -EPIPE || r == -EPROTO) {
		fprintf(stderr, "vpcctl: vpcd at %s ended the stream\n", cli->socket);
		return CLI_NO_DAEMON;
	}
	if (r < 0)
		return no_daemon(cli, r);
	return reply.status == 200 ? CLI_OK : refused(cli, &reply);
}

int api_stream(struct cli *cli, const char *path, int (*fn)(const char *line, void *userdata), void *userdata)
{
	return stream(cli, path, false, fn, userdata);
}

int api_lines(struct cli *cli, const char *path, int (*fn)(const char *line, void *userdata), void *userdata)
{
	return stream(cli, path, true, fn, userdata);
}

/* {id: name} of a collection. If they can't be read it is empty: tables then show ids. */
static json_t *fetch_names(struct cli *cli, const char *collection)
{
	_cleanup_free_ char *path = client_path(collection, NULL, NULL, NULL);
	_cleanup_json_ json_t *json = api_get_quietly(cli, path);
	json_t *names = json_object(), *list, *object;
	const char *key;
	size_t i;

	json_object_foreach (json, key, list) {
		json_array_foreach (list, i, object) {
			const char *id = json_member_text(object, "id");

			if (id)
				json_object_set(names, id, json_object_get(object, "name"));
		}
	}
	return names;
}

const char *api_name(struct cli *cli, const char *collection, const char *id)
{
	json_t *names = json_object_get(cli->names, collection);
	const char *name;

	if (!names) {
		names = fetch_names(cli, collection);
		if (!cli->names)
			cli->names = json_object();
		if (json_object_set_new(cli->names, collection, names) < 0)
			return id;
	}
	name = json_member_text(names, id);
	return name && *name ? name : id;
}
