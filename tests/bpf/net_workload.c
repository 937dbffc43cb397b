/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening what a user named: every refusal, and what is accepted. Needs root. */
#include <criterion/criterion.h>
#include <netlink/socket.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/bpf/net_util.h"

#define SOMEBODY 12345

static void setup(void)
{
	nettest_enter();
}

TestSuite(net_workload, .init = setup, .timeout = 60);

static int open_netns(const char *netns, uid_t uid, struct workload *w, struct vpc_error *error)
{
	struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .netns = (char *)netns};

	return workload_open(&spec, uid, w, error);
}

static void refused(const char *netns, uid_t uid, const char *word)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w = WORKLOAD_INIT;
	unsigned fds = nettest_count_fds();

	cr_expect_lt(open_netns(netns, uid, &w, &error), 0, "%s was accepted", netns);
	cr_expect_eq(error.code, VPC_E_ATTACHMENT_FAILED);
	cr_expect(strstr(error.message, word), "%s: \"%s\" is not in: %s", netns, word, error.message);
	cr_expect_eq(w.ns_fd, -1);
	cr_expect_eq(nettest_count_fds(), fds, "%s left a descriptor open", netns);
}

Test(net_workload, names_and_paths_that_are_refused)
{
	char long_name[80];

	memset(long_name, 'a', sizeof(long_name));
	long_name[65] = 0;
	refused("", 0, "not a namespace's name");
	refused(".", 0, "not a namespace's name");
	refused("..", 0, "not a namespace's name");
	refused("../w0", 0, "not a namespace's name");
	refused("w0/", 0, "not a namespace's name");
	refused("a b", 0, "not a namespace's name");
	refused(long_name, 0, "not a namespace's name");
	refused("nobody", 0, "no such namespace");
	refused("/run/netns/nobody", 0, "no such namespace");
	refused("/etc/passwd", 0, "not a network namespace");
	refused("/dev/null", 0, "not a network namespace");
	refused("/run", 0, "not a network namespace");
	refused("/proc/self/ns/mnt", 0, "not a network namespace");
	refused("/proc/self/ns/uts", 0, "not a network namespace");
	cr_assert_eq(mkfifo("/run/fifo", 0600), 0);
	refused("/run/fifo", 0, "not a network namespace");
}

Test(net_workload, namespaces_that_are_not_a_workloads)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct vpc_record v = {.number = 1, .id = "vpc-1", .netns = "other-vpc-1", .mtu = 1500};
	struct netns ns = NETNS_INIT;

	refused("/proc/self/ns/net", 0, "vpcd's own");
	/* pid 1 may be out of reach: then vpcd can't tell, and the kernel doesn't let it in either */
	refused("/proc/1/ns/net", 0, access("/proc/1/ns/net", R_OK) == 0 ? "the host's" : "Permission denied");
	cr_assert_eq(netns_make(&v, "other", &ns, &error), 0, "%s", error.message);
	refused("other-vpc-1", 0, "namespace of a VPC");
	netns_clear(&ns);
}

Test(net_workload, who_may)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w = WORKLOAD_INIT;

	refused("w0", SOMEBODY, "only root may");
	cr_assert_eq(open_netns("w0", 0, &w, &error), 0, "%s", error.message);
	cr_assert_str_eq(w.path, "/run/netns/w0");
	cr_assert_not_null(w.rtnl);
	cr_assert_neq(w.ns_ino, 0);
	cr_assert_eq(strlen(w.boot_id), 36);
	workload_clear(&w);
	workload_clear(&w);
}

/* A process in a network namespace of its own (and a user namespace, where it is not root's). Returns its pid. */
static pid_t start_process(uid_t uid)
{
	int ready[2];
	pid_t pid;
	char c;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (uid && (setgid(uid) < 0 || setuid(uid) < 0))
			_exit(1);
		if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET) < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &c, 1), 1, "the process could not make its namespace");
	close(ready[0]);
	return pid;
}

static void stop_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

Test(net_workload, by_pid)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w = WORKLOAD_INIT;
	struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .pid = start_process(0)};
	struct attachment a = {};
	char path[64];

	cr_assert_eq(workload_open(&spec, 0, &w, &error), 0, "%s", error.message);
	cr_expect(w.ns_fd >= FD_HIGH && nl_socket_get_fd(w.rtnl) >= FD_HIGH && w.pidfd >= FD_HIGH,
		  "libnftables could not select()");
	snprintf(path, sizeof(path), "/proc/%d/ns/net", spec.pid);
	cr_assert_str_eq(w.path, path);
	cr_assert_geq(w.pidfd, 0);
	cr_assert_gt(w.pid_start, 0);
	a.path = path;
	a.pid = spec.pid;
	a.pid_start = w.pid_start;
	a.ns_dev = w.ns_dev;
	a.ns_ino = w.ns_ino;
	memcpy(a.boot_id, w.boot_id, sizeof(a.boot_id));
	workload_clear(&w);
	cr_assert_eq(workload_reopen(&a, &w), 0);
	workload_clear(&w);
	cr_assert_lt(workload_open(&spec, SOMEBODY, &w, &error), 0, "somebody else's process");
	cr_assert(strstr(error.message, "another user's process"), "%s", error.message);
	a.pid_start++;
	cr_assert_eq(workload_reopen(&a, &w), -ESTALE, "another process of that number");
	a.pid_start--;
	stop_process(spec.pid);
	cr_assert_eq(workload_reopen(&a, &w), -ESTALE);
	cr_assert_lt(workload_open(&spec, 0, &w, &error), 0);
	cr_assert_eq(error.code, VPC_E_ATTACHMENT_FAILED);
	cr_assert(strstr(error.message, "no such process"), "%s", error.message);
	spec.pid = getpid();
	cr_assert_lt(workload_open(&spec, 0, &w, &error), 0);
	cr_assert(strstr(error.message, "vpcd's own"), "%s", error.message);
}

Test(net_workload, an_owner_may_who_is_not_root)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w = WORKLOAD_INIT;
	struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .pid = start_process(SOMEBODY)};
	char path[64];

	cr_assert_eq(workload_open(&spec, SOMEBODY, &w, &error), 0, "%s", error.message);
	workload_clear(&w);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", spec.pid);
	cr_assert_eq(open_netns(path, SOMEBODY, &w, &error), 0, "%s", error.message);
	workload_clear(&w);
	cr_assert_lt(workload_open(&spec, SOMEBODY + 1, &w, &error), 0);
	stop_process(spec.pid);
}

Test(net_workload, a_namespace_made_again_is_another)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w = WORKLOAD_INIT, again = WORKLOAD_INIT;
	struct attachment a = {.path = (char *)"/run/netns/w0"};

	cr_assert_eq(open_netns("w0", 0, &w, &error), 0, "%s", error.message);
	a.ns_dev = w.ns_dev;
	a.ns_ino = w.ns_ino;
	memcpy(a.boot_id, w.boot_id, sizeof(a.boot_id));
	cr_assert_eq(workload_reopen(&a, &again), 0);
	workload_clear(&again);
	/* a number that was given again: the cookie tells the two apart */
	a.ns_cookie = w.ns_cookie + 1;
	cr_assert_eq(workload_reopen(&a, &again), -ESTALE);
	a.ns_cookie = w.ns_cookie;
	/* w keeps the old one alive, so the number is not given again */
	cr_assert_eq(nettest_sh("ip netns del w0 && ip netns add w0"), 0);
	cr_assert_eq(workload_reopen(&a, &again), -ESTALE);
	a.boot_id[0] = a.boot_id[0] == '0' ? '1' : '0';
	cr_assert_eq(workload_reopen(&a, &again), -ESTALE);
	workload_clear(&w);
}

/* As when a container's engine has unmounted the path, or the plugin that handed the namespace over has ended. */
Test(net_workload, is_found_by_a_process_in_it_when_its_path_is_gone)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct workload w = WORKLOAD_INIT, again = WORKLOAD_INIT;
	struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .pid = start_process(0)};
	struct attachment a = {.path = (char *)"/proc/1/fd/98765"};

	cr_assert_eq(workload_open(&spec, 0, &w, &error), 0, "%s", error.message);
	cr_assert_neq(w.ns_cookie, 0);
	a.ns_dev = w.ns_dev;
	a.ns_ino = w.ns_ino;
	memcpy(a.boot_id, w.boot_id, sizeof(a.boot_id));
	cr_assert_eq(workload_reopen(&a, &again), -ESTALE, "by its number alone it might be another");
	a.ns_cookie = w.ns_cookie;
	cr_assert_eq(workload_reopen(&a, &again), 0);
	cr_assert_eq(again.ns_ino, w.ns_ino);
	cr_assert_not_null(again.rtnl);
	workload_clear(&again);
	stop_process(spec.pid);
	cr_assert_eq(workload_reopen(&a, &again), -ESTALE);
	workload_clear(&w);
}
