/* SPDX-License-Identifier: GPL-2.0-or-later */
/* P6: no acknowledged change is lost when the process dies at any point. */
#include <signal.h>
#include <sys/wait.h>

#include "store_util.h"

static char *dir;

static void setup(void)
{
	dir = store_test_folder();
}

static void teardown(void)
{
	store_test_remove(dir);
}

TestSuite(store_crash, .init = setup, .fini = teardown, .timeout = 60);

struct found {
	uint64_t n;
	uint64_t last;
};

static int count(const char *id, uint64_t revision, const json_t *document, void *userdata)
{
	struct found *f = userdata;

	(void)document;
	(void)id;
	f->n++;
	cr_assert_gt(revision, f->last);
	f->last = revision;
	return 0;
}

/* Commits {vpc-n and subnet-n} for ever, and tells each one's number after it was acknowledged. */
static void commit_for_ever(int acknowledged_fd)
{
	struct vpc_error error = VPC_ERROR_INIT;
	struct store *s = NULL;

	if (store_open(dir, false, &s, &error) < 0)
		_exit(1);
	for (uint64_t n = store_revision(s) + 1;; n++) {
		json_t *document = json_pack("{s:I}", "n", (json_int_t)n);
		char vpc[32], subnet[32];
		struct store_write writes[] = {
			{.kind = "vpc", .id = vpc, .document = document},
			{.kind = "subnet", .id = subnet, .document = document},
		};

		snprintf(vpc, sizeof(vpc), "vpc-%llu", (unsigned long long)n);
		snprintf(subnet, sizeof(subnet), "subnet-%llu", (unsigned long long)n);
		if (store_commit(s, &(struct store_batch){n, writes, 2, NULL, 0, NULL, 0, NULL, 0, NULL}, &error) < 0 ||
		    write(acknowledged_fd, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		if (n % 50 == 0 && store_checkpoint(s) < 0)
			_exit(1);
		json_decref(document);
	}
}

Test(store_crash, killed_again_and_again_nothing_acknowledged_is_lost)
{
	struct vpc_error error = VPC_ERROR_INIT;
	uint64_t acknowledged = 0;

	for (int round = 0; round < 8; round++) {
		struct found vpcs = {0}, subnets = {0};
		struct store *s;
		int fds[2], status;
		pid_t pid;

		cr_assert_eq(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			commit_for_ever(fds[1]);
		close(fds[1]);
		/* kill it in the middle of whatever comes after some acknowledgements */
		for (int i = 0; i < 20 + 13 * round; i++)
			cr_assert_eq(read(fds[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		cr_assert(WIFSIGNALED(status), "it ended by itself");
		while (read(fds[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged))
			;
		close(fds[0]);

		s = store_test_open(dir);
		cr_assert_geq(store_revision(s), acknowledged);
		cr_assert_leq(store_revision(s), acknowledged + 1);
		cr_assert_eq(store_load(s, "vpc", count, &vpcs, &error), 0);
		cr_assert_eq(store_load(s, "subnet", count, &subnets, &error), 0);
		cr_assert_eq(vpcs.n, store_revision(s));
		cr_assert_eq(subnets.n, store_revision(s));
		store_close(s);
	}
}

Test(store_crash, exit_without_close)
{
	_cleanup_free_ char *list = NULL;
	struct store *s;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		s = store_test_open(dir);
		store_test_put(s, "vpc", "vpc-1", "kept");
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	s = store_test_open(dir);
	list = store_test_list(s, "vpc");
	cr_assert_str_eq(list, "vpc-1=kept");
	store_close(s);
}
