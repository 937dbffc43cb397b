/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DHCP options of VPCs: vpc.set-dhcp-options. Each replaces both. */
#include <string.h>

#include "model/internal.h"

/* Addresses at which no server of names can be. */
static const char *const unusable[] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8"};

static bool is_usable(const struct ip *ip)
{
	for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
		struct cidr c;

		if (cidr_parse(unusable[i], &c) == 0 && cidr_contains_ip(&c, ip))
			return false;
	}
	return true;
}

static int add_server(struct dhcp_options *o, const char *text, struct vpc_error *reterr)
{
	unsigned same_family = 0;
	struct ip ip;

	if (ip_parse(text, &ip) < 0 || !is_usable(&ip))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "dns_servers",
				     "'%.64s' is not an address that a server can have; give one as 10.0.0.53", text);
	for (size_t i = 0; i < o->n_dns; i++) {
		if (ip_equal(&o->dns[i], &ip))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "dns_servers",
					     "%s is named twice; name it once", text);
		same_family += o->dns[i].family == ip.family;
	}
	if (same_family == DHCP_DNS_FAMILY)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "dns_servers",
				     "a VPC has at most %d DNS servers of a family; leave some out", DHCP_DNS_FAMILY);
	o->dns[o->n_dns++] = ip;
	return 0;
}

/* Labels of letters, digits, hyphens and underscores (RFC 1035 2.3.1; underscores are in use). */
static bool domain_is_valid(const char *name)
{
	size_t n = strlen(name), label = 0;

	if (!n || n > DHCP_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= n; i++) {
		char c = name[i];

		if (c == '.' || !c) {
			if (!label || label > 63 || name[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' &&
		    (c != '-' || !label))
			return false;
		label++;
	}
	return true;
}

static int set_domain(struct dhcp_options *o, const char *name, struct vpc_error *reterr)
{
	if (!domain_is_valid(name))
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "domain_name",
				     "'%.64s' is not a domain's name; give one as prod.internal", name);
	memcpy(o->domain, name, strlen(name) + 1);
	return 0;
}

int vpc_set_dhcp_options(struct model_txn *t, const struct change *c, struct change_result *ret,
			 struct vpc_error *reterr)
{
	_cleanup_object_ struct object *copy = NULL;
	struct dhcp_options options = {};
	const struct object *o;
	int r = txn_target(t, c, OBJECT_VPC, &o, reterr);

	for (size_t i = 0; r >= 0 && change_has(c, FIELD_DNS_SERVERS) && i < c->n_dns_servers; i++)
		r = add_server(&options, c->dns_servers[i], reterr);
	if (r >= 0 && change_has(c, FIELD_DOMAIN_NAME) && c->domain_name)
		r = set_domain(&options, c->domain_name, reterr);
	if (r < 0)
		return r;
	copy = object_copy(o);
	if (!copy)
		return vpc_error_oom(reterr);
	((struct vpc *)copy)->dhcp = options;
	result_set(ret, o);
	return txn_replace(t, o, TAKE_PTR(copy), reterr);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

json_t *dhcp_options_to_json(const struct dhcp_options *o)
{
	json_t *json = json_object(), *servers = json_array();
	int r = json && servers ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < o->n_dns; i++)
		r = json_array_append_new(servers, json_ip(&o->dns[i]));
	if (r == 0)
		r = json_put(json, "dns_servers", json_incref(servers));
	if (r == 0)
		r = json_put(json, "domain_name", o->domain[0] ? json_string(o->domain) : json_null());
	json_decref(servers);
	if (r == 0)
		return json;
	json_decref(json);
	return NULL;
}

void dhcp_options_load(struct document *d, struct dhcp_options *o)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	const json_t *json = json_object_get(d->json, "dhcp_options");
	const json_t *servers = json_object_get(json, "dns_servers");
	const char *domain = json_string_value(json_object_get(json, "domain_name"));

	if (!json_is_array(servers) || !json_object_get(json, "domain_name"))
		document_damaged(d, "dhcp_options");
	for (size_t i = 0; i < json_array_size(servers); i++) {
		const char *text = json_string_value(json_array_get(servers, i));

		if (!text || add_server(o, text, &error) < 0)
			document_damaged(d, "dhcp_options.dns_servers");
	}
	if (domain && set_domain(o, domain, &error) < 0)
		document_damaged(d, "dhcp_options.domain_name");
}
