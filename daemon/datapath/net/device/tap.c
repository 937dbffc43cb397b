/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port of an ENI that is attached to a VMM: a tap. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#include "datapath/net/device/port.h"
#include "datapath/net/netns/netns.h"

#define TUN_PATH "/dev/net/tun"

extern const struct device_ops device_tap;

/* MAC of the host's end. No guest sees it, but a process that has the descriptor can change it to a neighbour's, whose
 * frames the bridge would then take for its own. So it is a known one, and is watched. */
static void tap_mac(uint32_t eni, uint8_t ret[6])
{
	/* in the range of gateways' MACs, which no ENI can have; no subnet's number is that high */
	const uint8_t mac[6] = {GATEWAY_MAC_0,	      GATEWAY_MAC_1,	   0xff,
				(uint8_t)(eni >> 16), (uint8_t)(eni >> 8), (uint8_t)eni};

	memcpy(ret, mac, sizeof(mac));
}

static struct ifreq request(const char *name, bool multi_queue)
{
	struct ifreq r = {};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	r.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi_queue ? IFF_MULTI_QUEUE : 0));
	return r;
}

static int open_tun(void)
{
	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	/* not -ENODEV, which would say that a port is missing */
	return fd >= 0 ? fd : errno == ENOENT || errno == ENODEV ? -ENXIO : -errno;
}

/* What a guest may leave to the host. The VMM says what its guest can do when it starts the guest. */
static int set_offloads(int fd)
{
	return ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) < 0 ? -errno : 0;
}

/* On a thread inside the namespace. */
static int make_here(void *data)
{
	const struct port_record *p = data;
	struct ifreq r = request(p->host_ifname, p->attachment.queues > 1);
	unsigned ifindex = p->eni;
	_cleanup_close_ int fd = open_tun();

	if (fd < 0)
		return fd;
	/* else TUNSETIFF would open one that is there */
	if (if_nametoindex(p->host_ifname))
		return -EEXIST;
	if (ioctl(fd, TUNSETIFINDEX, &ifindex) < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &r) < 0)
		return errno == EBUSY ? -EEXIST : -errno;
	/* until it is persistent it goes with the descriptor */
	if (ioctl(fd, TUNSETOWNER, (unsigned long)p->attachment.owner_uid) < 0)
		return -errno;
	if (set_offloads(fd) < 0)
		return -errno;
	return ioctl(fd, TUNSETPERSIST, 1ul) < 0 ? -errno : 0;
}

/* Makes the tap of a port in the namespace, down, closed, with the ENI's number as ifindex: vnet headers and offloads
 * on, its owner set. No descriptor stays. -EEXIST: name or number is taken; -ENXIO: the kernel has no taps; else the
 * kernel's -errno. On failure nothing is left. */
static int tap_make(int ns_fd, const struct port_record *p)
{
	struct port_record copy = *p; /* for the thread's pointer to data that it only reads */

	return netns_run(ns_fd, make_here, &copy);
}

struct opening {
	uint32_t ifindex;
	const char *name;
	bool multi_queue;
	int *fds;
	size_t n;
};

/* Whether the tap of that name is there and nobody has it open. */
static int look(const struct opening *o)
{
	_cleanup_(nl_socket_freep) struct nl_sock *rtnl = NULL;
	struct link_info info;
	int r = netlink_open(NETLINK_ROUTE, &rtnl);

	if (r >= 0)
		r = link_get(rtnl, o->ifindex, NULL, &info);
	if (r < 0)
		return r;
	if (!info.tap || strcmp(info.name, o->name) != 0)
		return -ENODEV;
	return info.carrier ? -EBUSY : 0;
}

static int open_one(const struct opening *o, int *ret)
{
	struct ifreq r = request(o->name, o->multi_queue);
	_cleanup_close_ int fd = open_tun();

	if (fd < 0)
		return fd;
	if (ioctl(fd, TUNSETIFF, &r) < 0)
		return -errno;
	/* The tap went away since it was looked at: this one was made by TUNSETIFF, and goes with its descriptor. */
	if (ioctl(fd, TUNGETIFF, &r) < 0 || !(r.ifr_flags & IFF_PERSIST))
		return -ENODEV;
	if (set_offloads(fd) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_here(void *data)
{
	const struct opening *o = data;
	int r = look(o);

	for (size_t i = 0; r >= 0 && i < o->n; i++)
		r = open_one(o, &o->fds[i]);
	return r;
}

/* Opens an existing tap in the namespace: n descriptors (more than one only of a multi-queue tap), non-blocking,
 * close-on-exec, the caller's. -ENODEV: there is no such tap, or it isn't ours any more; -EBUSY: somebody has it open;
 * else -errno. */
static int tap_open(int ns_fd, uint32_t ifindex, const char *name, bool multi_queue, int *ret_fds, size_t n)
{
	struct opening o = {.ifindex = ifindex, .name = name, .multi_queue = multi_queue, .fds = ret_fds, .n = n};
	int r;

	for (size_t i = 0; i < n; i++)
		ret_fds[i] = -1;
	r = netns_run(ns_fd, open_here, &o);
	for (size_t i = 0; r < 0 && i < n; i++)
		ret_fds[i] = close_fd(ret_fds[i]);
	return r;
}

/* --- the kind ----------------------------------------------------------------------------------------------------- */

static bool record(const struct plan *plan, size_t i, struct device_spec *ret_before, struct device_spec *ret_after)
{
	return port_record(plan, i, &device_tap, ATTACHMENT_TAP, ret_before, ret_after);
}

static bool fits(const struct device_request *q, const struct link_info *info)
{
	return info->multi_queue == (q->spec->attachment->queues > 1);
}

static int make(const struct device_request *q, struct vpc_error *reterr)
{
	int r = tap_make(q->place.ns_fd, q->spec->record);

	if (r == -ENXIO)
		vpc_error_set(reterr, VPC_E_ATTACHMENT_FAILED, "attachment",
			      "%s: this kernel has no taps; load the module tun and look for /dev/net/tun",
			      q->spec->id);
	else if (r < 0)
		device_fail(q->spec, r, "be made", NULL, reterr);
	if (r < 0)
		device_delete_half_made(q->place.rtnl, q->spec->ifindex);
	/* -ENODEV would say that a workload is needed */
	return r == -ENODEV ? -ENXIO : r;
}

static int ensure(const struct device_request *q, bool *ret_made, struct vpc_error *reterr)
{
	static const struct port_kind kind = {.make = make, .fits = fits, .mac = tap_mac};

	return port_ensure(q, &kind, ret_made, reterr);
}

static bool has_its_mac(const struct link_info *info)
{
	uint8_t mac[6];

	tap_mac(info->ifindex, mac);
	return memcmp(info->mac, mac, sizeof(mac)) == 0;
}

static bool looks_right(const struct link_info *info)
{
	return link_options_right(info) && has_its_mac(info);
}

static bool is_named(const struct link_info *info)
{
	return info->tap && port_is_named(info);
}

static int check(const struct device_check *c, const struct link_info *info)
{
	int r = port_check(c, info);

	if (r == 0 && info->multi_queue != (c->spec->attachment->queues > 1))
		r = device_tell(c, "differs", "%s: it has %s queue", c->spec->name,
				info->multi_queue ? "more than one" : "one");
	if (r == 0 && !has_its_mac(info))
		r = device_tell(c, "differs", "%s: the host's end has another MAC address", c->spec->name);
	return r ? r : port_check_programs(c);
}

const struct device_ops device_tap = {
	.kind = "port",
	.link_kind = "tun",
	.role = TC_PORT,
	.judged = true,
	.tcx = true,
	.record = record,
	.may_change = port_may_change,
	.objects = port_objects,
	.ensure = ensure,
	.adopt = port_adopt,
	.raise = port_raise,
	.looks_right = looks_right,
	.is_named = is_named,
	.check = check,
	.remove = port_remove,
	.open = tap_open,
};
