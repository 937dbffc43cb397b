/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's namespace: opened for ADD, looked into for CHECK, and waited for by DEL. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vpc/hex.h>

#include "cli/cni/cni.h"

/* 100 ms at most: the interface may be somebody else's. */
#define WAIT_US	   500
#define WAIT_TRIES 200

int cni_netns_open(const struct cni_call *call, struct workload_netns *ret, struct cni_error *reterr)
{
	int r = workload_netns_open(call->netns, ret);

	if (r == -ENOENT)
		return cni_fail(reterr, CNI_E_UNKNOWN_CONTAINER, "CNI_NETNS: %.300s: there is no such namespace",
				call->netns);
	if (r == -ENOTTY)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_NETNS: %.300s is not a network namespace",
				call->netns);
	if (r == -EEXIST)
		return cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT,
				"CNI_NETNS: %.300s is the namespace that the plugin itself runs in", call->netns);
	return r < 0 ? cni_fail(reterr, CNI_E_INVALID_ENVIRONMENT, "CNI_NETNS: %.300s: %s", call->netns, strerror(-r))
		     : 0;
}

int cni_netns_share(struct workload_netns *n, const char *socket, struct cni_error *reterr)
{
	int r = workload_netns_share(n, socket);

	if (r == -ENOMEM)
		return cni_oom(reterr);
	return r < 0 ? cni_fail(reterr, CNI_E_IO_FAILURE, "CNI_NETNS: %s", strerror(-r)) : 0;
}

void cni_netns_wait(const struct cni_call *call)
{
	_cleanup_(workload_netns_clear) struct workload_netns n = WORKLOAD_NETNS_INIT;

	/* The process ends soon; it needs no way back. */
	if (!call->netns || workload_netns_open(call->netns, &n) < 0 || setns(n.fd, CLONE_NEWNET) < 0)
		return;
	for (int i = 0; i < WAIT_TRIES && if_nametoindex(call->ifname); i++)
		usleep(WAIT_US);
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
