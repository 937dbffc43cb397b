/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sysctls that a VPC's namespace relies on. /proc/sys/net shows the namespace of the thread that looks: these
 * functions are for a thread inside the namespace.
 */
#ifndef DATAPATH_SYSCTL_H
#define DATAPATH_SYSCTL_H

#include <stdbool.h>
#include <stdint.h>

/* path below /proc/sys. 0 or -errno. */
int sysctl_write(const char *path, const char *value);
/* Sets every one that a VPC needs. Those the kernel does not have (bridge-nf-call-*, IPv6) are left out. 0 or -errno.
 */
int sysctl_apply(void);
/* Sets net/ipv<family>/conf/<device>/<name> where it is another. Fine where the device or the sysctl isn't there. */
int sysctl_device_apply(uint8_t family, const char *device, const char *name, uint32_t want);
/* Whether it is there and has another value. */
bool sysctl_device_differs(uint8_t family, const char *device, const char *name, uint32_t want);
/* Calls fn for every one whose value is another. 0 or -errno. */
int sysctl_check(void (*fn)(const char *path, const char *value, const char *wanted, void *userdata), void *userdata);
/* Whether one differs of those that the kernel sends no event for. Cheap: for looking often. Of conf/default, which
 * only devices made later get, it says nothing. */
bool sysctl_silent_differs(void);

#endif
