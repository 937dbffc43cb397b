/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vpc-libvirt, a hook of libvirt's for QEMU. libvirt runs it with the domain's name, an operation, a suboperation and
 * an extra word, and with the domain's XML on stdin. It waits for it: the hook must not ask libvirt anything. If it
 * fails before the domain runs, the domain isn't started, and what is on stderr is shown to whoever started it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/json.h>
#include <vpc/paths.h>

#include "cli/lib/http.h"
#include "cli/libvirt/libvirt.h"

#define HOOK_WORDS  4
#define DEFAULT_URI "qemu:///system"

static int prepare(struct http *h, const struct domain *d, struct plugin_error *reterr)
{
	return hook_prepare(h, d, reterr);
}

static int start(struct http *h, const struct domain *d, struct plugin_error *reterr)
{
	(void)h;
	(void)reterr;
	hook_start(d);
	return 0;
}

/* On the host that a running domain is to come to. */
static int migrate(struct http *h, const struct domain *d, struct plugin_error *reterr)
{
	(void)h;
	return plugin_fail(reterr,
			   "domain %.64s has interfaces of a VPC, which is on one host; shut it down and start it here",
			   d->name);
}

/* libvirt's operations; of others nothing is done. */
static const struct operation {
	const char *name;
	bool interfaces; /* whether they must be right */
	int (*run)(struct http *h, const struct domain *d, struct plugin_error *reterr);
} operations[] = {
	{"prepare", true, prepare},
	{"start", true, start},
	{"release", false, hook_release},
	{"migrate", false, migrate},
};

static int run_hook(const char *socket, const char *operation, struct plugin_error *reterr)
{
	_cleanup_free_ char *xml = NULL;
	_cleanup_domain_ struct domain d = {0};
	_cleanup_(http_freep) struct http *h = NULL;
	const struct operation *o = NULL;
	size_t size = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		if (!strcmp(operation, operations[i].name))
			o = &operations[i];
	if (!o)
		return 0;
	r = plugin_read(stdin, LIBVIRT_XML_BYTES_MAX, "the domain's XML", &xml, &size, reterr);
	if (r == 0)
		r = domain_parse(xml, size, o->interfaces, &d, reterr);
	if (r < 0 || !d.managed)
		return r;
	if (http_new(socket, &h) < 0)
		return plugin_oom(reterr);
	return o->run(h, &d, reterr);
}

static int run_clean(const char *socket, const char *uri, struct plugin_error *reterr)
{
	_cleanup_(http_freep) struct http *h = NULL;

	if (http_new(socket, &h) < 0)
		return plugin_oom(reterr);
	return clean_run(h, uri, reterr);
}

static const char usage[] =
	"vpc-libvirt: network interfaces in VPCs for libvirt's domains\n\n"
	"Usage: vpc-libvirt [--socket PATH] DOMAIN OPERATION SUBOPERATION EXTRA      (XML on stdin)\n"
	"       vpc-libvirt [--socket PATH] clean [--connect URI]\n\n"
	"libvirt runs the first as a hook: cp vpc-libvirt /etc/libvirt/hooks/qemu.d/vpc, then restart libvirtd.\n"
	"clean deletes the interfaces of domains that libvirt (qemu:///system) no longer has.\n\n"
	"Example, in a domain's XML:\n"
	"  <metadata><vpc:interfaces xmlns:vpc='" LIBVIRT_NAMESPACE "'>\n"
	"    <vpc:interface dev='web1' subnet='app' groups='web'/></vpc:interfaces></metadata>\n"
	"  …\n"
	"  <interface type='direct'><source dev='web1' mode='passthrough'/><model type='virtio'/></interface>\n";

static int say(int r, const struct plugin_error *error)
{
	if (r < 0)
		fprintf(stderr, "vpc-libvirt: %s\n", error->text);
	return r < 0;
}

int main(int argc, char **argv)
{
	const char *socket = VPCD_SOCKET;
	struct plugin_error error = {0};

	/* no getopt: a domain's name may be anything, "--help" too */
	if (argc > 2 && !strcmp(argv[1], "--socket")) {
		socket = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc == 1 + HOOK_WORDS)
		return say(run_hook(socket, argv[2], &error), &error);
	if (argc == 2 && !strcmp(argv[1], "clean"))
		return say(run_clean(socket, DEFAULT_URI, &error), &error);
	if (argc == 4 && !strcmp(argv[1], "clean") && !strcmp(argv[2], "--connect"))
		return say(run_clean(socket, argv[3], &error), &error);
	return plugin_usage(argc, argv, "vpc-libvirt " VPCD_VERSION, usage);
}
