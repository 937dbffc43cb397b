/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who uses an ENI: the container, by the tags that a plugin set, and the first process of the namespace; or the tap's
 * owner, and the process that has the tap open (vpcctl/owner_process.h). vpcctl finds the processes in /proc; only root
 * sees those of others.
 */
#ifndef CLI_OWNER_H
#define CLI_OWNER_H

#include "cli/lib/cli.h"

/* "netns /run/netns/web1 eth0, pid 12 nginx", "container 0123456789ab (name) eth0, pid 12 nginx", "tap of alice, open,
 * pid 12 qemu-system-x86". Owned; NULL: out of memory. */
char *owner_text(struct cli *cli, const json_t *eni);
/* "name, pid 12 nginx", "web1, pid 12 nginx", "tap of alice, open". Owned; NULL: out of memory. */
char *owner_short(struct cli *cli, const json_t *eni);
/* The same without the interface, for monitor; NULL: nobody is known, or out of memory. */
char *owner_who(struct cli *cli, const json_t *eni);

/* The container, or libvirt's domain, that an ENI's tags tell of, by those of whatever plugin set them; NULL: none.
 * Borrowed from tags. */
const char *owner_container_id(const json_t *tags);
const char *owner_container_name(const json_t *tags);

#endif
