/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/declare/declare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/hex.h>
#include <vpc/json.h>

static const struct declared *const tables[OBJECT_KINDS] = {
#define RESOURCE(SYMBOL, symbol, ...) [OBJECT_##SYMBOL] = &symbol##_declared,
#include <vpc/kinds.def>
};

const struct declared *declared_of(enum object_kind kind)
{
	return tables[kind];
}

const struct declared_field *declared_find(const struct declared_field *fields, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(fields[i].key, key))
			return &fields[i];
	return NULL;
}

const char *declared_api(const struct declared_field *f)
{
	return f->api ? f->api : f->key;
}

json_t *declared_absent(const struct declared *d, const struct declared_field *f, bool born)
{
	_cleanup_json_ json_t *values = born && d->born_values ? json_loads(d->born_values, 0, NULL) : NULL;
	json_t *value = json_incref(json_object_get(values, f->key));

	if (value)
		return value;
	return f->absent ? json_loads(f->absent, JSON_DECODE_ANY, NULL) : NULL;
}

/* The address in its usual notation; false: it is none. */
static bool normalize_address(const char *text, char ret[INET6_ADDRSTRLEN])
{
	unsigned char bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	return inet_pton(family, text, bytes) == 1 && inet_ntop(family, bytes, ret, INET6_ADDRSTRLEN);
}

int declared_normalize_text(char **text)
{
	char address[INET6_ADDRSTRLEN], *slash = strchr(*text, '/'), *fixed = NULL;
	uint8_t mac[6];

	if (mac_parse(*text, mac) == 0) {
		mac_format(mac, *text);
		return 0;
	}
	if (slash)
		*slash = '\0';
	if (normalize_address(*text, address) &&
	    asprintf(&fixed, "%s%s%s", address, slash ? "/" : "", slash ? slash + 1 : "") < 0)
		return -ENOMEM;
	if (slash)
		*slash = '/';
	if (fixed) {
		free(*text);
		*text = fixed;
	}
	return 0;
}
