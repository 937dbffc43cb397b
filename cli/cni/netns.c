/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's namespace as this process sees it, and how vpcd gets at it. A runtime may have made it in a mount
 * namespace of its own, where vpcd sees an empty file under the same path, or another namespace of that name.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <vpc/hex.h>

#include "cli/cni/cni.h"

static bool same_file(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

int cni_netns_open(const struct cni_call *call, int *ret_fd, struct cni_error *reterr)
{
	/* Not to wait for whoever has the other end, should it be a FIFO. */
	_cleanup_close_ int fd = open(call->netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ESRCH))
		return cni_fail(reterr, CNI_E_UNKNOWN_CONTAINER, "CNI_NETNS: %.300s: there is no such namespace",
				call->netns);
	if (fd < 0)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_NETNS: %.300s: %s", call->netns,
				strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_NETNS: %.300s is not a network namespace",
				call->netns);
	if (fstat(fd, &st) < 0)
		return cni_fail(reterr, CNI_E_IO_FAILURE, "CNI_NETNS: %.300s: %s", call->netns, strerror(errno));
	if (same_file("/proc/self/ns/net", &st))
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT,
				"CNI_NETNS: %.300s is the namespace that the plugin itself runs in", call->netns);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Process that listens at a socket; 0: it lives in a pid namespace that isn't seen from here. */
static int peer_pid(const char *path, pid_t *ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	*ret = peer.pid;
	return 0;
}

/* Whether vpcd finds the same namespace under the runtime's path. Paths like /proc/self/… name another one for it. */
static bool is_vpcds_too(const struct cni_call *call, pid_t vpcd, const struct stat *st)
{
	_cleanup_free_ char *there = NULL;

	if (call->netns[0] != '/' || !strncmp(call->netns, "/proc/self/", 11) ||
	    !strncmp(call->netns, "/proc/thread-self/", 18))
		return false;
	if (asprintf(&there, "/proc/%d/root%s", (int)vpcd, call->netns) < 0) {
		there = NULL;
		return false;
	}
	return same_file(there, st);
}

int cni_netns_path(const struct cni_call *call, int fd, const char *socket, char **ret, struct cni_error *reterr)
{
	struct stat st;
	pid_t vpcd = 0;
	char *path;

	if (fstat(fd, &st) < 0)
		return cni_fail(reterr, CNI_E_IO_FAILURE, "CNI_NETNS: %s", strerror(errno));
	/* No daemon: the request that follows says so. */
	if (peer_pid(socket, &vpcd) < 0 || vpcd <= 0 || is_vpcds_too(call, vpcd, &st)) {
		path = strdup(call->netns);
	} else if (asprintf(&path, "/proc/%d/fd/%d", (int)getpid(), fd) < 0) {
		path = NULL;
	}
	if (!path)
		return cni_oom(reterr);
	*ret = path;
	return 0;
}

/* --- CHECK ------------------------------------------------------------------------------------------------------- */

static bool has_mac(const struct ifaddrs *a, const char *mac)
{
	const struct sockaddr_ll *ll = (const struct sockaddr_ll *)(const void *)a->ifa_addr;
	uint8_t wanted[6];

	return mac_parse(mac, wanted) == 0 && !memcmp(ll->sll_addr, wanted, sizeof(wanted));
}

static bool is_address(const struct ifaddrs *a, const char *text)
{
	char plain[INET6_ADDRSTRLEN];
	const void *bytes = NULL;
	size_t n = strcspn(text, "/");

	if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET)
		bytes = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
	else if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
	if (!bytes || !inet_ntop(a->ifa_addr->sa_family, bytes, plain, sizeof(plain)))
		return false;
	return strlen(plain) == n && !strncmp(plain, text, n);
}

static int check_link(const struct ifaddrs *all, const char *ifname, const char *mac, struct cni_error *reterr)
{
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		if (strcmp(a->ifa_name, ifname) != 0 || !a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET)
			continue;
		if (!(a->ifa_flags & IFF_UP))
			return cni_fail(reterr, CNI_E_CHECK_FAILED, "%s is down in the container", ifname);
		if (!has_mac(a, mac))
			return cni_fail(reterr, CNI_E_CHECK_FAILED,
					"%s has another MAC address in the container than its network interface's, %s",
					ifname, mac);
		return 0;
	}
	return cni_fail(reterr, CNI_E_CHECK_FAILED, "%s is not there in the container", ifname);
}

static int check_address(const struct ifaddrs *all, const char *ifname, const char *address, struct cni_error *reterr)
{
	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		if (!strcmp(a->ifa_name, ifname) && is_address(a, address))
			return 0;
	return cni_fail(reterr, CNI_E_CHECK_FAILED, "%s has no address %.64s in the container", ifname, address);
}

/* mtu: bytes; 0: not known. */
static int check_mtu(const char *ifname, int mtu, struct cni_error *reterr)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%.15s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &r) < 0)
		return cni_fail(reterr, CNI_E_IO_FAILURE, "the MTU of %s can't be read: %s", ifname, strerror(errno));
	if (mtu && r.ifr_mtu != mtu)
		return cni_fail(reterr, CNI_E_CHECK_FAILED,
				"%s has the MTU %d in the container, its network interface %d", ifname, r.ifr_mtu, mtu);
	return 0;
}

int cni_netns_check(int fd, const char *ifname, const char *mac, int mtu, const json_t *addresses,
		    struct cni_error *reterr)
{
	struct ifaddrs *all = NULL;
	json_t *item;
	size_t i;
	int r;

	/* The process ends soon; it needs no way back. */
	if (setns(fd, CLONE_NEWNET) < 0 || getifaddrs(&all) < 0)
		return cni_fail(reterr, CNI_E_IO_FAILURE, "the container's namespace can't be looked into: %s",
				strerror(errno));
	r = check_link(all, ifname, mac, reterr);
	if (r == 0)
		r = check_mtu(ifname, mtu, reterr);
	json_array_foreach (addresses, i, item)
		if (r == 0 && json_is_string(item))
			r = check_address(all, ifname, json_string_value(item), reterr);
	freeifaddrs(all);
	return r;
}
