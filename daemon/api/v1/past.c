/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET of what was: the log, usage, what rules allowed, and resources at a revision. */
#include <string.h>

#include <vpc/json.h>
#include <vpc/number.h>

#include "api/v1/handlers.h"
#include "api/http/internal.h"
#include "api/v1/route.h"

#define LIMIT_DEFAULT 1000
#define LIMIT_MAX     10000

/* userdata: a reference to the request. */
static void reply(struct request *r, const json_t *json, struct vpc_error *error, bool object)
{
	if (!request_wants_reply(r, error))
		return;
	if (object)
		request_reply_object(r, 200, json);
	else
		request_reply_json(r, 200, json);
}

static void on_log(const json_t *json, struct vpc_error *error, void *userdata)
{
	_cleanup_(request_unrefp) struct request *r = userdata;

	reply(r, json, error, false);
}

static void on_object(const json_t *json, struct vpc_error *error, void *userdata)
{
	_cleanup_(request_unrefp) struct request *r = userdata;

	reply(r, json, error, true);
}

/* A number of the address; otherwise: where there is none. */
static int read_number(const struct request *r, enum query_argument which, uint64_t min, uint64_t max,
		       uint64_t otherwise, uint64_t *ret, struct vpc_error *reterr)
{
	const char *name = r->api->router->arguments[which].name, *text = r->arguments[which];

	*ret = otherwise;
	if (!text)
		return 0;
	if (number_parse(text, max, ret) == 0 && *ret >= min)
		return 0;
	return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, name, "%s must be a number from %llu to %llu", name,
			     (unsigned long long)min, (unsigned long long)max);
}

void handle_log(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	uint64_t before, limit;

	if (read_number(r, QUERY_BEFORE, 1, INT64_MAX, 0, &before, &error) < 0 ||
	    read_number(r, QUERY_LIMIT, 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	if (engine_log(r->api->engine, r->arguments[QUERY_RESOURCE], before, limit, on_log, request_ref(r)) == 0)
		return;
	request_unref(r);
	vpc_error_oom(&error);
	request_reply_error(r, &error);
}

#define HOUR_S	 3600
#define TIME_MAX 0xffffffffffull /* seconds: far away, and no hour of it overflows */

static int read_by(const char *text, enum usage_by *ret, struct vpc_error *reterr)
{
	static const char *const names[] = {
		[USAGE_BY_HOUR] = "hour", [USAGE_BY_DAY] = "day", [USAGE_BY_MONTH] = "month"};

	*ret = USAGE_BY_DAY;
	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum usage_by)i;
			return 0;
		}
	return text ? vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "by", "by must be hour, day or month") : 0;
}

void handle_usage(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	enum usage_by by;
	uint64_t from, to;

	if (read_number(r, QUERY_FROM, 0, TIME_MAX, 0, &from, &error) < 0 ||
	    read_number(r, QUERY_TO, 0, TIME_MAX, TIME_MAX, &to, &error) < 0 ||
	    read_by(r->arguments[QUERY_BY], &by, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	if (engine_usage(r->api->engine, r->arguments[QUERY_VPC], from / HOUR_S, to / HOUR_S, by, on_log,
			 request_ref(r)) == 0)
		return;
	request_unref(r);
	vpc_error_oom(&error);
	request_reply_error(r, &error);
}

void handle_advice(struct request *r)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct engine *e = r->api->engine;
	_cleanup_json_ json_t *json = NULL;
	const struct object *o;
	uint64_t since;

	if (read_number(r, QUERY_USED_SINCE, 1, TIME_MAX, 0, &since, &error) < 0 ||
	    model_resolve(engine_model(e), OBJECT_SG, r->id, r->arguments[QUERY_VPC], "id", &o, &error) < 0 ||
	    engine_advise(e, o, since, &json, &error) < 0)
		request_reply_error(r, &error);
	else
		request_reply_json(r, 200, json);
}

void past_show(struct request *r, enum object_kind kind)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	uint64_t at;

	if (read_number(r, QUERY_AT, 0, INT64_MAX, engine_revision(r->api->engine), &at, &error) < 0) {
		request_reply_error(r, &error);
		return;
	}
	if (engine_show_at(r->api->engine, kind, r->id, r->arguments[QUERY_VPC], at, on_object, request_ref(r)) == 0)
		return;
	request_unref(r);
	vpc_error_oom(&error);
	request_reply_error(r, &error);
}

void handle_resource_at(struct request *r)
{
	past_show(r, OBJECT_KINDS);
}
