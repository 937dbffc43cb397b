/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verifier has to walk: far below its limit, so that other kernels' verifiers have room. */
#include "lab_util.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUND 100000ul /* the kernel's is 1,000,000 */

Test(verifier, instructions)
{
	struct datapath_bpf *skel = datapath_bpf__open();
	static char logs[3][1 << 16];
	struct bpf_program *progs[3];

	cr_assert(skel);
	progs[0] = skel->progs.from_workload;
	progs[1] = skel->progs.to_workload;
	progs[2] = skel->progs.sweep;
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(bpf_program__set_log_buf(progs[i], logs[i], sizeof(logs[i])), 0);
		cr_assert_eq(bpf_program__set_log_level(progs[i], 4), 0); /* statistics only */
	}
	cr_assert_eq(datapath_bpf__load(skel), 0);
	for (int i = 0; i < 3; i++) {
		const char *p = strstr(logs[i], "processed ");
		unsigned long n = p ? strtoul(p + strlen("processed "), NULL, 10) : 0;

		printf("%s: %lu instructions verified\n", bpf_program__name(progs[i]), n);
		cr_expect(n > 0 && n < BOUND, "%s: %lu", bpf_program__name(progs[i]), n);
		cr_expect_eq(bpf_program__expected_attach_type(progs[i]), 0);
	}
	datapath_bpf__destroy(skel);
}
