/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft in its helper process: a failure there must not reach the caller's process. Either the ruleset is the one that
 * was meant, or the caller gets an error (P1). */
#include "tests/bpf/net_util.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vpc/clock.h>

#include "datapath/net/nft/ruleset.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/nft/nft.h"

#define RULES                   \
	"add table inet t\n"    \
	"delete table inet t\n" \
	"table inet t { chain c { meta mark 7 accept; }; }\n"

/* Our child that runs as "vpcd-nft"; state gets its letter of proc(5). 0: there is none. */
static pid_t find_helper(char *state)
{
	DIR *dir = opendir("/proc");
	const struct dirent *d;
	pid_t found = 0;

	cr_assert(dir);
	while (!found && (d = readdir(dir))) {
		char path[300], line[200] = "", name[64], letter;
		int pid, parent;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		(void)!fgets(line, sizeof(line), f);
		fclose(f);
		if (sscanf(line, "%d (%63[^)]) %c %d", &pid, name, &letter, &parent) == 4 && parent == getpid()) {
			found = pid;
			*state = letter;
		}
	}
	closedir(dir);
	return found;
}

static int apply(int ns_fd, const char *commands, char **ret_listing)
{
	char text[256];

	return nft_apply(ns_fd, commands, ret_listing, text, sizeof(text));
}

static void check_list(int ns_fd)
{
	char *listing = NULL;

	cr_assert_eq(nft_list(ns_fd, &listing), 0);
	cr_assert(strstr(listing, "meta mark 0x00000007 accept"), "%s", listing);
	free(listing);
}

static double now_s(void)
{
	return (double)monotonic_ns() / NS_PER_S;
}

static int open_workload(void)
{
	int fd = netns_open("/run/netns/w0");

	cr_assert_geq(fd, 0);
	return fd;
}

TestSuite(net_nft, .init = nettest_enter, .timeout = 60);

Test(net_nft, commands_run_in_the_namespace_and_are_listed)
{
	int ns_fd = open_workload(), other = netns_open("/run/netns/w1");
	char *listing = NULL, *nothing = NULL;

	cr_assert_eq(apply(ns_fd, RULES, &listing), 0);
	cr_assert(strstr(listing, "table inet t"), "%s", listing);
	check_list(ns_fd);
	cr_assert_eq(nft_list(other, &nothing), 0);
	cr_assert_str_eq(nothing, "");
	free(listing);
	free(nothing);
}

Test(net_nft, a_failure_has_the_kernels_errno_and_changes_nothing)
{
	int ns_fd = open_workload();
	char text[256];

	cr_assert_eq(apply(ns_fd, RULES, NULL), 0);
	cr_assert_eq(nft_apply(ns_fd, "delete table inet t\ndelete table inet nobody\n", NULL, text, sizeof(text)),
		     -ENOENT, "%s", text);
	cr_assert(strstr(text, "No such file"), "%s", text);
	cr_assert_eq(nft_apply(ns_fd, "no words of nft", NULL, text, sizeof(text)), -EINVAL);
	cr_assert(text[0]);
	check_list(ns_fd);
}

Test(net_nft, a_helper_that_was_killed_is_started_again)
{
	int ns_fd = open_workload();
	char state = 0;
	pid_t first, second;

	cr_assert_eq(apply(ns_fd, RULES, NULL), 0);
	first = find_helper(&state);
	cr_assert_neq(first, 0);
	cr_assert_eq(kill(first, SIGKILL), 0);
	usleep(50000);
	nft_reap();
	cr_assert_eq(find_helper(&state), 0, "a zombie stays (%c)", state);
	check_list(ns_fd);
	second = find_helper(&state);
	cr_assert_neq(second, 0);
	/* and without anybody having noticed */
	cr_assert_eq(kill(second, SIGKILL), 0);
	usleep(50000);
	check_list(ns_fd);
	nft_stop();
	cr_assert_eq(find_helper(&state), 0, "it stays (%c)", state);
}

Test(net_nft, a_helper_that_hangs_is_killed_and_the_request_fails)
{
	int ns_fd = open_workload();
	char *listing = NULL, state;
	double began;

	cr_assert_eq(apply(ns_fd, RULES, NULL), 0);
	cr_assert_eq(kill(find_helper(&state), SIGSTOP), 0);
	began = now_s();
	cr_assert_eq(nft_list(ns_fd, &listing), -ETIME);
	cr_assert_lt(now_s() - began, NFT_LIMIT_MS / 1000.0 + 2);
	check_list(ns_fd);
}

/* libnftables ends its process when it gets no socket. */
Test(net_nft, without_descriptors_there_is_an_error_and_no_exit)
{
	struct rlimit limit, none;
	int ns_fd = open_workload(), used;
	char *listing = NULL;

	cr_assert_eq(apply(ns_fd, RULES, NULL), 0);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	used = dup(ns_fd);
	none.rlim_cur = (rlim_t)used;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_assert_lt(dup(ns_fd), 0);
	/* the one that runs needs none of ours */
	check_list(ns_fd);
	/* a new one does, and inherits the limit */
	nft_stop();
	none.rlim_cur = (rlim_t)used + 2;
	close(used);
	for (rlim_t n = 3; n <= none.rlim_cur; n++) {
		struct rlimit few = {.rlim_cur = n, .rlim_max = limit.rlim_max};
		int r;

		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = nft_list(ns_fd, &listing);
		cr_assert(r == 0 || r == -EMFILE || r == -EIO || r == -EBADF || r == -EINVAL, "%d with %d", r, (int)n);
		if (r == 0)
			free(listing);
		listing = NULL;
		nft_stop();
	}
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	check_list(ns_fd);
}

Test(net_nft, our_tables_are_made_again_beside_those_of_others)
{
	int ns_fd = open_workload();
	char text[256];

	cr_assert_eq(net_nft_apply(ns_fd, false, text, sizeof(text)), 0, "%s", text);
	cr_assert_eq(net_nft_check(ns_fd), 1);
	cr_assert_eq(apply(ns_fd, "add rule inet vpcd input accept\nadd table inet a\nadd table bridge z\n", NULL), 0);
	cr_assert_eq(net_nft_check(ns_fd), 0);
	cr_assert_eq(net_nft_apply(ns_fd, false, text, sizeof(text)), 0, "%s", text);
	cr_assert_eq(net_nft_check(ns_fd), 0);
	cr_assert_eq(apply(ns_fd, "delete table inet a\ndelete table bridge z\n", NULL), 0);
	cr_assert_eq(net_nft_check(ns_fd), 1);
}

Test(net_nft, a_namespace_that_was_thought_empty_gets_the_tables_anew)
{
	int ns_fd = open_workload();
	char text[256];

	cr_assert_eq(net_nft_apply(ns_fd, true, text, sizeof(text)), 0, "%s", text);
	cr_assert_eq(net_nft_check(ns_fd), 1);
	/* as when the helper has made them and was killed before it said so */
	cr_assert_eq(net_nft_apply(ns_fd, true, text, sizeof(text)), 0, "%s", text);
	cr_assert_eq(net_nft_check(ns_fd), 1);
}

/* Errors of the kernel that pass must not choose a lesser ruleset: the helper is killed while it works, over and over.
 */
static void *kill_helpers(void *data)
{
	const volatile int *stop = data;

	while (!*stop) {
		char state;
		pid_t pid = find_helper(&state);

		if (pid)
			kill(pid, SIGKILL);
		usleep(500);
	}
	return NULL;
}

Test(net_nft, an_answer_of_success_means_the_whole_ruleset)
{
	volatile int stop = 0;
	int ns_fd = open_workload(), good = 0, bad = 0;
	char text[256];
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, kill_helpers, (void *)&stop), 0);
	for (int i = 0; i < 100; i++) {
		int r;

		(void)apply(ns_fd, "flush ruleset\n", NULL);
		r = net_nft_apply(ns_fd, i % 2, text, sizeof(text));
		if (r < 0) {
			bad++;
			continue;
		}
		good++;
	}
	stop = 1;
	pthread_join(thread, NULL);
	cr_assert_eq(net_nft_apply(ns_fd, false, text, sizeof(text)), 0, "%s", text);
	cr_assert_eq(net_nft_check(ns_fd), 1);
	cr_log_info("%d good, %d refused", good, bad);
}
