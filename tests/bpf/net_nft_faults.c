/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One failed read of the helper that runs nft. libnftables ignores some of them and lists less than there is. P6: what
 * failed once works the next time, and P1: the ruleset is the one that was meant. */
#include "tests/bpf/net_util.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/net/nft/ruleset.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/nft/nft.h"
#include "tests/system/faults/inject.h"

/* What a process finds that had one fault. */
enum outcome {
	WELL,
	NEVER_MADE,   /* it fails again and again */
	NEVER_RIGHT,  /* made, and said to be different */
	WRONGLY_MADE, /* other rules than those of a process without a fault */
};

static const char *const outcomes[] = {
	[WELL] = "well",
	[NEVER_MADE] = "the tables can never be made again",
	[NEVER_RIGHT] = "the tables are never found right again",
	[WRONGLY_MADE] = "the tables are not those that were asked for",
};

/* Only the helper has the library: it reads the environment when it starts. */
static struct control *control_make(void)
{
	static const char path[] = "/run/fault";
	char library[PATH_MAX];
	struct control *control;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, sizeof(*control)), 0);
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(control, MAP_FAILED);
	close(fd);
	nettest_built("tests/system/faults/inject.so", library);
	setenv("LD_PRELOAD", library, 1);
	setenv("VPCD_FAULT", path, 1);
	return control;
}

static void arm(struct control *control, enum mode mode, uint32_t at)
{
	control->mode = mode;
	control->at = at;
	control->count = control->done = 0;
	atomic_store(&control->armed, 1);
}

/* With the fault somewhere in the first use of nft. What is asked for must then be there at the first try. */
static enum outcome use_nft(struct control *control, int ns_fd, const char *whole)
{
	char text[256], *listing = NULL;

	(void)net_nft_apply(ns_fd, false, text, sizeof(text));
	(void)net_nft_check(ns_fd);
	atomic_store(&control->armed, 0);
	if (net_nft_apply(ns_fd, false, text, sizeof(text)) < 0)
		return NEVER_MADE;
	if (net_nft_check(ns_fd) != 1)
		return NEVER_RIGHT;
	if (whole && (nft_list(ns_fd, &listing) < 0 || strcmp(listing, whole) != 0))
		return WRONGLY_MADE;
	return WELL;
}

/* In a process of its own: what it knows of nft it learns under the fault. */
static enum outcome run(struct control *control, int ns_fd, const char *whole)
{
	pid_t pid = fork();
	int status;

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		enum outcome outcome = use_nft(control, ns_fd, whole);

		nft_stop();
		_exit((int)outcome);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return (enum outcome)WEXITSTATUS(status);
}

TestSuite(net_nft_faults, .init = nettest_enter, .timeout = 120);

Test(net_nft_faults, a_failed_read_is_over_with_the_next_try)
{
	static char name[NAMES][NAME_BYTES];
	struct control *control = control_make();
	int ns_fd = netns_open("/run/netns/w0"), tried = 0;
	char *whole = NULL;
	uint32_t calls;

	cr_assert_geq(ns_fd, 0);
	arm(control, MODE_COUNT, 0);
	cr_assert_eq(run(control, ns_fd, NULL), WELL);
	calls = control->count;
	cr_assert_lt(calls, NAMES);
	memcpy(name, control->name, sizeof(name));
	cr_assert_eq(nft_list(ns_fd, &whole), 0);
	nft_stop();
	for (uint32_t at = 1; at <= calls; at++) {
		enum outcome outcome;

		if (strcmp(name[at - 1], "recvmsg") != 0)
			continue;
		tried++;
		arm(control, MODE_ERROR, at);
		outcome = run(control, ns_fd, whole);
		cr_expect_eq(outcome, WELL, "call %u: %s", at, outcomes[outcome]);
	}
	cr_assert_gt(tried, 20);
	free(whole);
}
