/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/owner_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/file.h>
#include <vpc/number.h>

void owner_process(const char *pid, char ret[OWNER_PROCESS_MAX])
{
	char path[300], command[64] = "";

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	ret[0] = '\0';
	if (file_read_at(AT_FDCWD, path, command, sizeof(command)) <= 0)
		return;
	command[strcspn(command, "\n")] = '\0';
	snprintf(ret, OWNER_PROCESS_MAX, "pid %.20s %s", pid, command);
}

/* Duplicates the descriptor `number` of a process. Owned, or -1. */
static int borrow(const char *pid, const char *number)
{
	_cleanup_close_ int pidfd = -1;
	uint64_t p, fd;

	if (number_parse(pid, INT32_MAX, &p) < 0 || number_parse(number, INT32_MAX, &fd) < 0)
		return -1;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)p, 0);
	return pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);
}

/* If the descriptor is a tap, adds the process under it, unless an earlier process has it. */
static void add_tap(json_t *vmms, const char *pid, const char *number)
{
	_cleanup_close_ int tap = borrow(pid, number), netns = -1;
	char key[64], text[OWNER_PROCESS_MAX];
	struct ifreq request = {};
	struct stat st;

	if (tap < 0 || ioctl(tap, TUNGETIFF, &request) < 0)
		return;
	netns = ioctl(tap, TUNGETDEVNETNS);
	if (netns < 0 || fstat(netns, &st) < 0)
		return;
	snprintf(key, sizeof(key), "%" PRIu64 " %.15s", (uint64_t)st.st_ino, request.ifr_name);
	owner_process(pid, text);
	if (*text && !json_object_get(vmms, key))
		json_object_set_new(vmms, key, json_string(text));
}

static void add_process(json_t *vmms, const char *pid)
{
	char path[300], target[sizeof("/dev/net/tun")];
	struct dirent *entry;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target));

		if (n == sizeof(target) - 1 && !memcmp(target, "/dev/net/tun", sizeof(target) - 1))
			add_tap(vmms, pid, entry->d_name);
	}
	if (fds)
		closedir(fds);
}

json_t *owner_vmms(void)
{
	json_t *vmms = json_object();
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (vmms && proc && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			add_process(vmms, entry->d_name);
	if (proc)
		closedir(proc);
	return vmms;
}
