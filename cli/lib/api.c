/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/api.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "cli/lib/hint.h"
#include "cli/lib/http.h"
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

int api_oom(void)
{
	fputs("vpcctl: out of memory\n", stderr);
	return CLI_REFUSED;
}

const char *api_alias(const struct cli *cli, const char *ref)
{
	const char *id = ref ? json_string_value(json_object_get(cli->aliases, ref)) : NULL;

	return id ? id : ref;
}

/* Nothing was done: there is no ENI of that name or id. If one is called so otherwise, the command is run again. */
static bool learn_alias(struct cli *cli, const char *code, const char *detail)
{
	_cleanup_free_ char *ref = NULL, *id = NULL;

	if (strcmp(code, "InvalidNetworkInterfaceID.NotFound") != 0)
		return false;
	ref = hint_quoted(detail);
	if (!ref || json_object_get(cli->aliases, ref))
		return false;
	id = hint_find_eni(cli, ref);
	if (!cli->aliases)
		cli->aliases = json_object();
	return id && json_object_set_new(cli->aliases, ref, json_string(id)) == 0;
}

char *api_path(const struct cli *cli, const char *collection, const char *id, const char *suffix)
{
	bool scoped = cli->scope && strcmp(collection, "vpcs") != 0;
	const char *meant = !strcmp(collection, "enis") ? api_alias(cli, id) : id;
	_cleanup_free_ char *id_text = http_encode(meant ? meant : "");
	_cleanup_free_ char *scope_text = http_encode(scoped ? cli->scope : "");
	char *path = NULL;

	if (!id_text || !scope_text)
		return NULL;
	if (asprintf(&path, "/v1/%s%s%s%s%s%s%s", collection, id ? "/" : "", id_text, suffix ? "/" : "",
		     suffix ? suffix : "", scoped ? "?vpc=" : "", scope_text) < 0)
		return NULL;
	return path;
}

static int access_denied(const struct cli *cli)
{
	struct stat st;
	struct group *group =
		stat(cli->socket, &st) == 0 && st.st_gid && st.st_mode & S_IWGRP ? getgrgid(st.st_gid) : NULL;

	if (group)
		return api_refuse("AccessDenied",
				  "%s may be opened by root and the group %s only: use sudo, or join the group (sudo "
				  "usermod -aG %s "
				  "\"$USER\") and log in again",
				  cli->socket, group->gr_name, group->gr_name);
	return api_refuse(
		"AccessDenied",
		"%s may be opened by root and the socket's group only: use sudo, or have vpcd started with --group and "
		"join that group",
		cli->socket);
}

/* What to say when there was no reply at all. */
static int no_daemon(const struct cli *cli, int error)
{
	if (error == -ENOMEM)
		return api_oom();
	if (error == -EACCES || error == -EPERM)
		return access_denied(cli);
	if (error == -EPROTO) {
		fprintf(stderr,
			"vpcctl: vpcd at %s ended the connection before it answered; a change may or may not have been "
			"made\n",
			cli->socket);
		return CLI_NO_DAEMON;
	}
	fprintf(stderr,
		"vpcctl: no daemon at %s: %s\n"
		"start it with: systemctl start vpcd (or run vpcd as root)\n"
		"if it listens elsewhere: vpcctl --socket PATH, or VPCD_SOCKET=PATH\n",
		cli->socket, strerror(-error));
	return CLI_NO_DAEMON;
}

/* Prints an application/problem+json, and what to do about it; CLI_REFUSED. */
static int refused(struct cli *cli, const struct http_reply *reply)
{
	_cleanup_json_ json_t *problem = json_loadb(reply->body ? reply->body : "", reply->size, 0, NULL);
	const char *code = json_string_value(json_object_get(problem, "code"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	_cleanup_free_ char *text = NULL;

	if (!detail)
		detail = json_string_value(json_object_get(problem, "title"));
	if (!code)
		return api_refuse("InternalError", "vpcd answered with HTTP status %ld and no reason", reply->status);
	if (detail && learn_alias(cli, code, detail))
		return CLI_AGAIN;
	text = screen_clean(detail ? detail : "");
	api_refuse(code, "%s", text ? text : "");
	if (detail)
		hint_print(cli, code, detail);
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
	if (reply.status < 200 || reply.status > 299)
		return refused(cli, &reply);
	json = reply.size > 0 ? json_loadb(reply.body, reply.size, 0, NULL) : json_object();
	if (!json)
		return api_refuse("InternalError", "what vpcd answered is not JSON");
	*ret = json;
	return CLI_OK;
}

int api_get(struct cli *cli, const char *path, json_t **ret)
{
	return call(cli, "GET", path, NULL, 0, false, ret);
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
	static const char *const whole[] = {"revision",	 "epoch",   "enforced_ns",    "dry_run",
					    "cut_flows", "pending", "cut_flows_total"};
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

int api_stream(struct cli *cli, const char *path, int (*fn)(const char *line, void *userdata), void *userdata)
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
	signal(SIGPIPE, SIG_IGN); /* fn sees the error of its write, and stops */
	stop = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (stop < 0)
		return api_refuse("InternalError", "no signalfd: %s", strerror(errno));
	r = http_stream(cli->http, path, stop, fn, userdata, &reply);
	if (r == -EPIPE) {
		fprintf(stderr, "vpcctl: vpcd at %s ended the stream\n", cli->socket);
		return CLI_NO_DAEMON;
	}
	if (r < 0)
		return no_daemon(cli, r);
	return reply.status == 200 ? CLI_OK : refused(cli, &reply);
}

/* {id: name} of a collection; quiet: names are only for the eye. */
static json_t *fetch_names(struct cli *cli, const char *collection)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *path = NULL;
	json_t *names = json_object(), *list, *object;
	const char *key;
	size_t i;

	if (asprintf(&path, "/v1/%s", collection) < 0) {
		path = NULL;
		return names;
	}
	if (http_request(cli->http, "GET", path, NULL, NULL, &reply) < 0 || reply.status != 200)
		return names;
	json = json_loadb(reply.body, reply.size, 0, NULL);
	json_object_foreach (json, key, list) {
		json_array_foreach (list, i, object) {
			const char *id = json_string_value(json_object_get(object, "id"));

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
	name = json_string_value(json_object_get(names, id));
	return name && *name ? name : id;
}
