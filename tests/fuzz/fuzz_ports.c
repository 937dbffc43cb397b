/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: protocol, ports and peer of a rule. Input: flags, from_port, to_port (host order), then protocol and CIDR
 * as text, one a line. What is accepted is normal: it says what was asked for, and says the same when asked for again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

#define HAS_FROM 1
#define HAS_TO	 2
#define EGRESS	 4

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_normal(const struct rule *r, const struct rule_spec *spec)
{
	require(r->protocol >= PROTOCOL_ALL && r->protocol <= 255);
	require(!cidr_has_host_bits(&r->cidr));
	if (r->protocol == 6 || r->protocol == 17) {
		require(spec->has_from_port && spec->has_to_port);
		require(r->from_port == spec->from_port && r->to_port == spec->to_port);
		require(r->from_port >= 0 && r->from_port <= r->to_port && r->to_port <= 65535);
	} else if (r->protocol == 1 || r->protocol == 58) {
		require(r->from_port >= -1 && r->from_port <= 255 && r->to_port >= -1 && r->to_port <= 255);
		require(r->from_port != -1 || r->to_port == -1);
		require(r->cidr.addr.family == (r->protocol == 1 ? 4 : 6));
	} else {
		require(r->from_port == -1 && r->to_port == -1);
	}
}

static void check_again(const struct rule *r, const struct rule_spec *spec)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_object_ struct object *o = object_new(OBJECT_RULE);
	struct rule *same = (struct rule *)o;
	char protocol[8], cidr[CIDR_STRLEN];
	struct rule_spec shown = {
		.direction = spec->direction,
		.protocol = (char *)protocol_format(r->protocol, protocol),
		.has_from_port = true,
		.has_to_port = true,
		.from_port = r->from_port,
		.to_port = r->to_port,
		.cidr = (char *)cidr_format(&r->cidr, cidr),
	};

	if (!o)
		return;
	require(rule_spec_parse(&shown, "rules[0]", same, &error) == 0);
	require(rule_set_key(same) == 0);
	require(!strcmp(same->o.name_key, r->o.name_key));
}

static void check(struct rule_spec *spec)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_object_ struct object *o = object_new(OBJECT_RULE);
	struct rule *r = (struct rule *)o;

	if (!o)
		return;
	if (rule_spec_parse(spec, "rules[0]", r, &error) < 0) {
		require(error.code != VPC_E_OK && error.message[0] && error.field[0]);
		return;
	}
	check_normal(r, spec);
	require(rule_set_key(r) == 0);
	check_again(r, spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rule_spec spec = {0};
	char *text, *line;

	if (size < 9)
		return 0;
	memcpy(&spec.from_port, data + 1, 4);
	memcpy(&spec.to_port, data + 5, 4);
	spec.has_from_port = data[0] & HAS_FROM;
	spec.has_to_port = data[0] & HAS_TO;
	text = malloc(size - 8);
	if (!text)
		return 0;
	memcpy(text, data + 9, size - 9);
	text[size - 9] = '\0';
	line = strchr(text, '\n');
	if (line) {
		*line = '\0';
		spec.cidr = line + 1;
	}
	spec.protocol = text;
	spec.direction = (char *)(data[0] & EGRESS ? "egress" : "ingress");
	check(&spec);
	free(text);
	return 0;
}
