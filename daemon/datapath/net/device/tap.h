/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taps: ports that a VMM has open by a descriptor. They are persistent, so that they outlive the VMM. */
#ifndef DATAPATH_TAP_H
#define DATAPATH_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port_record;

/* Makes the tap of a port in the namespace, down, closed, with the ENI's number as ifindex: vnet headers and offloads
 * on, its owner set. No descriptor stays. -EEXIST: name or number is taken; -ENXIO: the kernel has no taps; else the
 * kernel's -errno. On failure nothing is left. */
int tap_make(int ns_fd, const struct port_record *p);

/* Opens an existing tap in the namespace: n descriptors (more than one only of a multi-queue tap), non-blocking,
 * close-on-exec, the caller's. -ENODEV: there is no such tap, or it isn't ours any more; -EBUSY: somebody has it open;
 * else -errno. */
int tap_open(int ns_fd, uint32_t ifindex, const char *name, bool multi_queue, int *ret_fds, size_t n);

/* MAC of the host's end. No guest sees it, but a process that has the descriptor can change it to a neighbour's, whose
 * frames the bridge would then take for its own. So it is a known one, and is watched. */
void tap_mac(uint32_t eni, uint8_t ret[6]);

#endif
