/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attaches redirect.bpf.c to two ports of the namespace that it runs in:
 *   redirect PIN PORT PORT
 * PIN begins the paths in bpffs at which the tcx links stay. A kernel before 6.6 has none, and gets filters of clsact.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

#include "bench_util.h"

/* generated, not written for -Wconversion */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "tests/bench/redirect.skel.h"
#pragma GCC diagnostic pop

#define TCX_INGRESS 46 /* enum bpf_attach_type, since 6.6 */
#define PIN_MAX	    256

static int attach_filter(int prog, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	int rc = bpf_tc_hook_create(&hook);

	return rc && rc != -EEXIST ? rc : bpf_tc_attach(&hook, &opts);
}

static int attach(int prog, int ifindex, const char *pin)
{
	_cleanup_close_ int link = bpf_link_create(prog, ifindex, TCX_INGRESS, NULL);
	char path[PIN_MAX];

	if (link < 0)
		return attach_filter(prog, ifindex);
	snprintf(path, sizeof(path), "%s-%d", pin, ifindex);
	return bpf_obj_pin(link, path) ? -errno : 0;
}

static int redirect(struct redirect_bpf *skel, const char *pin, const int ports[2])
{
	int rc = redirect_bpf__load(skel);

	for (int i = 0; !rc && i < 2; i++) {
		if (!ports[i] || (size_t)ports[i] >= sizeof(skel->bss->other) / sizeof(*skel->bss->other))
			return -ENODEV;
		skel->bss->other[ports[i]] = (__u32)ports[i ^ 1];
	}
	for (int i = 0; !rc && i < 2; i++)
		rc = attach(bpf_program__fd(skel->progs.redirect_from_port), ports[i], pin);
	return rc;
}

int main(int argc, char **argv)
{
	struct redirect_bpf *skel;
	int ports[2], rc;

	if (argc != 4) {
		fprintf(stderr, "usage: %s PIN PORT PORT\n", argv[0]);
		return 2;
	}
	ports[0] = (int)if_nametoindex(argv[2]);
	ports[1] = (int)if_nametoindex(argv[3]);
	skel = redirect_bpf__open();
	rc = skel ? redirect(skel, argv[1], ports) : -errno;
	redirect_bpf__destroy(skel);
	return rc ? bench_failed("redirect", rc) != 0 : 0;
}
