/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netns/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/file.h>

/* A new namespace copies the host's IPv4 values, so each value is set. New devices start with conf/default; conf/all is
 * combined with each device's own. conf/default/addr_gen_mode isn't here: the kernel takes the rtnl lock to read it,
 * and repeats the system call without sleeping until it has the lock. Each device is given its mode by netlink before
 * it is raised. */
static const struct {
	const char *path;
	const char *value;
	bool event; /* rtnetlink reports a change (RTM_NEWNETCONF) */
} sysctls[] = {
	{"net/ipv4/ip_forward", "1", true},
	{"net/ipv4/conf/all/rp_filter", "1", true},
	{"net/ipv4/conf/default/rp_filter", "1", true},
	{"net/ipv4/conf/all/arp_ignore", "1", false},
	{"net/ipv4/conf/default/arp_ignore", "1", false},
	{"net/ipv4/conf/all/accept_redirects", "0", false},
	{"net/ipv4/conf/default/accept_redirects", "0", false},
	{"net/ipv4/conf/all/send_redirects", "0", false},
	{"net/ipv4/conf/default/send_redirects", "0", false},
	{"net/ipv4/conf/all/accept_source_route", "0", false},
	{"net/ipv4/conf/default/accept_source_route", "0", false},
	{"net/ipv4/conf/all/proxy_arp", "0", true},
	{"net/ipv4/conf/default/proxy_arp", "0", true},
	{"net/ipv4/icmp_echo_ignore_broadcasts", "1", false},
	{"net/ipv6/conf/all/forwarding", "1", true},
	{"net/ipv6/conf/default/forwarding", "1", true},
	{"net/ipv6/conf/all/accept_ra", "0", false},
	{"net/ipv6/conf/default/accept_ra", "0", false},
	{"net/ipv6/conf/all/accept_redirects", "0", false},
	{"net/ipv6/conf/default/accept_redirects", "0", false},
	{"net/ipv6/conf/all/accept_source_route", "0", false},
	{"net/ipv6/conf/default/accept_source_route", "0", false},
	{"net/ipv6/conf/all/disable_ipv6", "0", false},
	{"net/ipv6/conf/default/disable_ipv6", "0", false},
	{"net/ipv6/conf/default/accept_dad", "0", false},
	{"net/bridge/bridge-nf-call-iptables", "0", false},
	{"net/bridge/bridge-nf-call-ip6tables", "0", false},
	{"net/bridge/bridge-nf-call-arptables", "0", false},
};

static int sysctl_open(const char *path, int flags)
{
	char full[128];
	int fd;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	fd = open(full, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_write(const char *path, const char *value)
{
	_cleanup_close_ int fd = sysctl_open(path, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int sysctl_read(const char *path, char *ret, size_t size)
{
	_cleanup_close_ int fd = sysctl_open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = file_read(fd, ret, size);
	if (n < 0)
		return (int)n;
	ret[strcspn(ret, "\n")] = 0;
	return 0;
}

/* 1: it differs, and is to be text; 0: it has the value; -errno. */
static int device_differs(uint8_t family, const char *device, const char *name, uint32_t want, char path[128],
			  char text[16])
{
	char value[32];
	int r;

	snprintf(path, 128, "net/ipv%u/conf/%s/%s", family, device, name);
	snprintf(text, 16, "%u", want);
	r = sysctl_read(path, value, sizeof(value));
	return r < 0 ? r : strcmp(value, text) != 0;
}

int sysctl_device_apply(uint8_t family, const char *device, const char *name, uint32_t want)
{
	char path[128], text[16];
	int r = device_differs(family, device, name, want, path, text);

	if (r > 0)
		r = sysctl_write(path, text);
	return r == -ENOENT ? 0 : r;
}

bool sysctl_device_differs(uint8_t family, const char *device, const char *name, uint32_t want)
{
	char path[128], text[16];

	return device_differs(family, device, name, want, path, text) > 0;
}

int sysctl_apply(void)
{
	char value[32];

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		int r = sysctl_read(sysctls[i].path, value, sizeof(value));

		/* writing forwarding again would walk every device: only what differs is written */
		if (r >= 0 && strcmp(value, sysctls[i].value) != 0)
			r = sysctl_write(sysctls[i].path, sysctls[i].value);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

/* Opening each folder once is cheaper; those of one folder stand together in the table. */
static bool differs_at(int dir, const char *name, const char *wanted)
{
	char value[32];

	if (file_read_at(dir, name, value, sizeof(value)) < 0)
		return false;
	value[strcspn(value, "\n")] = 0;
	return strcmp(value, wanted) != 0;
}

bool sysctl_silent_differs(void)
{
	_cleanup_close_ int dir = -1;
	size_t folder = 0, of = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		const char *path = sysctls[i].path, *name = strrchr(path, '/') + 1;
		size_t n = (size_t)(name - path);

		if (sysctls[i].event || strstr(path, "/default/"))
			continue;
		if (dir < 0 || folder != n || strncmp(sysctls[of].path, path, n) != 0) {
			char text[128];

			snprintf(text, sizeof(text), "/proc/sys/%.*s", (int)n, path);
			close_fd(dir);
			dir = open(text, O_PATH | O_DIRECTORY | O_CLOEXEC);
			folder = n;
			of = i;
		}
		if (dir >= 0 && differs_at(dir, name, sysctls[i].value))
			return true;
	}
	return false;
}

int sysctl_check(void (*fn)(const char *path, const char *value, const char *wanted, void *userdata), void *userdata)
{
	char value[32];

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		int r = sysctl_read(sysctls[i].path, value, sizeof(value));

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		if (strcmp(value, sysctls[i].value) != 0)
			fn(sysctls[i].path, value, sysctls[i].value, userdata);
	}
	return 0;
}
