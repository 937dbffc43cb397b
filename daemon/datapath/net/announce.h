/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Gratuitous ARP: tells the neighbours on a pool's uplink that an elastic IP is at this host, so that those who have
 * another MAC for it take ours at once (RFC 5227, 3: an announcement). Event loop only. Frames are sent from a timer, a
 * few at a time.
 */
#ifndef DATAPATH_NET_ANNOUNCE_H
#define DATAPATH_NET_ANNOUNCE_H

#include "datapath/net/registry.h"

/* NULL: out of memory. */
struct announcer *announcer_new(void);
/* NULL is fine. What was not sent yet isn't. */
void announcer_free(struct announcer *a);

/* Announces an address (network order) on the uplink of its pool (eip_record.pool), now and once more later. -ENOMEM.
 */
int announce_address(struct net *n, uint32_t address, uint32_t pool);
/* The address is no longer this host's. */
void announce_stop(struct net *n, uint32_t address);

#endif
