/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The domain's XML: who it is, and which interfaces its metadata asks for. */
#include <errno.h>
#include <libxml/parser.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include <vpc/json.h>

#include "cli/lib/workload_groups.h"
#include "cli/libvirt/libvirt.h"

#define UUID_CHARS 36

DEFINE_CLEANUP(xmlDoc *, xmlFreeDoc);
DEFINE_CLEANUP(xmlParserCtxt *, xmlFreeParserCtxt);

static void free_text(xmlChar **text)
{
	if (*text)
		xmlFree(*text);
}

void domain_clear(struct domain *d)
{
	json_decref(d->json);
	*d = (struct domain){0};
}

/* --- elements ----------------------------------------------------------------------------------------------------- */

static bool is_named(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

static bool is_ours(const xmlNode *node)
{
	return node->type == XML_ELEMENT_NODE && node->ns &&
	       !strcmp((const char *)node->ns->href ?: "", LIBVIRT_NAMESPACE);
}

/* The next element of libvirt's with that name, `node` itself among them; NULL: there is none. */
static xmlNode *next_named(xmlNode *node, const char *name)
{
	while (node && (node->ns || !is_named(node, name)))
		node = node->next;
	return node;
}

static xmlNode *child(const xmlNode *parent, const char *name)
{
	return parent ? next_named(parent->children, name) : NULL;
}

/* Whether an element has the attribute with that value. */
static bool has(const xmlNode *node, const char *name, const char *value)
{
	_cleanup_(free_text) xmlChar *text = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;

	return text && !strcmp((const char *)text, value);
}

/* Adds an attribute's value to the object, under `key`, if there is one. */
static int add_attribute(json_t *object, const char *key, const xmlNode *node, const char *name)
{
	_cleanup_(free_text) xmlChar *text = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;

	return text ? json_object_set_new(object, key, json_string((const char *)text)) : 0;
}

static int add_content(json_t *object, const char *key, const xmlNode *node)
{
	_cleanup_(free_text) xmlChar *text = node ? xmlNodeGetContent(node) : NULL;

	return text ? json_object_set_new(object, key, json_string((const char *)text)) : 0;
}

/* --- the document ------------------------------------------------------------------------------------------------- */

/* libvirt writes no document type, and one could define entities. */
static void on_doctype(void *data, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	xmlStopParser(data);
}

/* Owned; NULL: *reterr says why. */
static xmlDoc *read_document(const char *xml, size_t size, struct plugin_error *reterr)
{
	_cleanup_(xmlFreeParserCtxtp) xmlParserCtxt *context = xmlNewParserCtxt();
	_cleanup_(xmlFreeDocp) xmlDoc *doc = NULL;
	const xmlError *error;
	const char *text;

	if (!context || size > INT_MAX) {
		plugin_oom(reterr);
		return NULL;
	}
	context->sax->internalSubset = on_doctype;
	doc = xmlCtxtReadMemory(context, xml, (int)size, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (doc && xmlDocGetRootElement(doc) && is_named(xmlDocGetRootElement(doc), "domain"))
		return TAKE_PTR(doc);
	error = xmlCtxtGetLastError(context);
	text = error && error->message ? error->message : "it has no <domain>";
	if (context->disableSAX && !error)
		plugin_fail(reterr, "the domain's XML has a document type; libvirt writes none");
	else
		plugin_fail(reterr, "what is on stdin is not a domain's XML: %.*s", (int)strcspn(text, "\n"), text);
	return NULL;
}

/* --- interfaces --------------------------------------------------------------------------------------------------- */

static const char *const attributes[] = {"dev", "subnet", "vpc", "groups", "ip", "ip6"};

static int check_attributes(const xmlNode *node, struct plugin_error *reterr)
{
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
			known |= !a->ns && !strcmp((const char *)a->name, attributes[i]);
		if (!known)
			return plugin_fail(reterr,
					   "metadata: <interface> has no attribute '%.64s'; it has dev, subnet, vpc, "
					   "groups, ip, ip6",
					   (const char *)a->name);
	}
	return 0;
}

/* The <interface> of the domain's devices whose source is that link; NULL: none. */
static xmlNode *find_device(const xmlNode *domain, const char *dev)
{
	xmlNode *node = child(child(domain, "devices"), "interface");

	while (node && !(has(node, "type", "direct") && has(child(node, "source"), "dev", dev)))
		node = next_named(node->next, "interface");
	return node;
}

static int add_device(const xmlNode *domain, json_t *interface, const char *dev, struct plugin_error *reterr)
{
	const xmlNode *device = find_device(domain, dev);

	if (!device)
		return plugin_fail(reterr,
				   "metadata: dev '%.64s' is no interface of the domain; add <interface "
				   "type='direct'><source dev='%.64s' mode='passthrough'/></interface>",
				   dev, dev);
	if (!has(child(device, "source"), "mode", "passthrough"))
		return plugin_fail(reterr, "interface '%.64s': its <source> must have mode='passthrough'", dev);
	if (add_attribute(interface, "mac", child(device, "mac"), "address") < 0 ||
	    add_attribute(interface, "target", child(device, "target"), "dev") < 0)
		return plugin_oom(reterr);
	if (!json_object_get(interface, "mac"))
		return plugin_fail(reterr, "interface '%.64s' has no <mac address>; give it one", dev);
	return 0;
}

static int read_groups(json_t *interface, struct plugin_error *reterr)
{
	const char *text = json_member_text(interface, "groups");
	json_t *list = NULL;
	int r;

	if (!text)
		return 0;
	r = groups_parse(text, &list);
	if (r == -EINVAL)
		return plugin_fail(reterr, "metadata: groups='%.200s' is not a list of groups like web,db", text);
	if (r < 0 || json_object_set_new(interface, "groups", list) < 0)
		return plugin_oom(reterr);
	return 0;
}

static int read_interface(const xmlNode *domain, const xmlNode *node, json_t *list, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *interface = json_object();
	const char *dev;
	json_t *other;
	size_t i;
	int r = check_attributes(node, reterr);

	if (r < 0)
		return r;
	for (i = 0; i < ARRAY_SIZE(attributes); i++)
		if (add_attribute(interface, attributes[i], node, attributes[i]) < 0)
			return plugin_oom(reterr);
	dev = json_member_text(interface, "dev");
	if (!dev || !*dev || strlen(dev) >= IF_NAMESIZE)
		return plugin_fail(reterr, "metadata: <interface> must have dev, a name of 1 to %d characters",
				   IF_NAMESIZE - 1);
	if (!json_string_length(json_object_get(interface, "subnet")))
		return plugin_fail(reterr, "metadata: <interface dev='%.64s'> must have a subnet", dev);
	json_array_foreach (list, i, other)
		if (!strcmp(json_member_text(other, "dev"), dev))
			return plugin_fail(reterr, "metadata: dev '%.64s' is there twice; keep one", dev);
	r = read_groups(interface, reterr);
	if (r == 0)
		r = add_device(domain, interface, dev, reterr);
	if (r == 0 && json_array_append(list, interface) < 0)
		return plugin_oom(reterr);
	return r;
}

static int read_interfaces(const xmlNode *domain, const xmlNode *ours, json_t *list, struct plugin_error *reterr)
{
	int r = 0;

	if (!is_named(ours, "interfaces"))
		return plugin_fail(reterr, "metadata: <%.64s> must be inside of <interfaces xmlns='%s'>",
				   (const char *)ours->name, LIBVIRT_NAMESPACE);
	for (const xmlNode *node = ours->children; node && r == 0; node = node->next) {
		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (!is_ours(node) || !is_named(node, "interface"))
			return plugin_fail(reterr, "metadata: <%.64s> is no <interface> of %s",
					   (const char *)node->name, LIBVIRT_NAMESPACE);
		if (json_array_size(list) == LIBVIRT_INTERFACES_MAX)
			return plugin_fail(reterr, "metadata: more than %u interfaces; leave some out",
					   LIBVIRT_INTERFACES_MAX);
		r = read_interface(domain, node, list, reterr);
	}
	return r;
}

static int read_metadata(const xmlNode *domain, bool interfaces, struct domain *d, json_t *list,
			 struct plugin_error *reterr)
{
	const xmlNode *metadata = child(domain, "metadata");

	for (const xmlNode *node = metadata ? metadata->children : NULL; node; node = node->next) {
		int r;

		if (!is_ours(node))
			continue;
		d->managed = true;
		r = interfaces ? read_interfaces(domain, node, list, reterr) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int domain_parse(const char *xml, size_t size, bool interfaces, struct domain *ret, struct plugin_error *reterr)
{
	_cleanup_(xmlFreeDocp) xmlDoc *doc = read_document(xml, size, reterr);
	_cleanup_json_ json_t *json = json_pack("{s:[]}", "interfaces");
	const xmlNode *root;
	struct domain d = {0};
	int r;

	if (!doc)
		return -EINVAL;
	root = xmlDocGetRootElement(doc);
	if (!json || add_content(json, "uuid", child(root, "uuid")) < 0 ||
	    add_content(json, "name", child(root, "name")) < 0)
		return plugin_oom(reterr);
	d.uuid = json_member_text(json, "uuid");
	d.name = json_member_text(json, "name");
	if (!d.uuid || !d.name || strlen(d.uuid) != UUID_CHARS || strspn(d.uuid, "0123456789abcdef-") != UUID_CHARS)
		return plugin_fail(reterr, "the domain's XML has no name or no uuid");
	r = read_metadata(root, interfaces, &d, json_object_get(json, "interfaces"), reterr);
	if (r < 0)
		return r;
	d.interfaces = json_object_get(json, "interfaces");
	d.json = TAKE_PTR(json);
	*ret = d;
	return 0;
}
