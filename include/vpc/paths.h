/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things are when nothing else is configured, and how the files in vpcd's run folder are called. */
#ifndef VPC_PATHS_H
#define VPC_PATHS_H

#define VPCD_CONFIG_FILE "/etc/vpcd/vpcd.conf"
#define VPCD_STATE_DIR	 "/var/lib/vpcd"
#define VPCD_RUN_DIR	 "/run/vpcd"

/* in the run folder */
#define VPCD_SOCKET_NAME	   "vpcd.sock"
#define VPCD_READ_ONLY_SOCKET_NAME "vpcd-ro.sock"
#define VPCD_TAP_SOCKET_NAME	   "vpcd-tap.sock"
#define VPCD_LOCK_NAME		   "vpcd.lock" /* held while a daemon runs */

#define VPCD_SOCKET	VPCD_RUN_DIR "/" VPCD_SOCKET_NAME
#define VPCD_TAP_SOCKET VPCD_RUN_DIR "/" VPCD_TAP_SOCKET_NAME

/* each instance has a folder below it */
#define VPCD_PIN_DIR "/sys/fs/bpf/vpcd"

/* Named network namespaces, as iproute2 has them. */
#define NETNS_DIR "/run/netns"

#endif
