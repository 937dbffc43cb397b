/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices for ENI numbers: BPF_PROG_TEST_RUN looks ifindex up in the caller's network namespace. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "world.h"

/* A tap that stays until its namespace goes; a tap because it is one device and may choose its ifindex. */
int port_make(uint32_t ifindex)
{
	_cleanup_close_ int fd = -1;
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	unsigned wanted = ifindex;
	char name[IF_NAMESIZE];

	if (if_indextoname(ifindex, name))
		return 0;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "p%u", ifindex);
	if (ioctl(fd, TUNSETIFINDEX, &wanted) < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
	    ioctl(fd, TUNSETPERSIST, 1) < 0)
		return -errno;
	return 0;
}
