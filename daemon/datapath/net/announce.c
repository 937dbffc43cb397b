/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#include <vpc/clock.h>

#define BURST	    32 /* addresses that are announced before other events get their turn */
#define PAUSE_US    (10 * NS_PER_MS / NS_PER_US)
#define ACCURACY_US (1 * NS_PER_MS / NS_PER_US)
/* A frame may be lost, and a neighbour may ignore one within a second of another (locktime in arp(7)). */
#define AGAIN_US    (2 * NS_PER_S / NS_PER_US)

enum round {
	FIRST,
	SECOND,
	ROUNDS,
};

struct announcement {
	uint32_t address; /* network order */
	uint32_t pool;
	uint64_t due_us; /* CLOCK_MONOTONIC */
	UT_hash_handle hh;
};

struct announcer {
	int fd;				      /* packet socket; -1: none yet */
	struct announcement *waiting[ROUNDS]; /* by address, in the order in which they are due; owned */
	sd_event_source *timer;
};

struct announcer *announcer_new(void)
{
	struct announcer *a = calloc(1, sizeof(*a));

	if (a)
		a->fd = -1;
	return a;
}

static void drop(struct announcer *a, enum round round, struct announcement *x)
{
	HASH_DEL(a->waiting[round], x);
	free(x);
}

void announcer_free(struct announcer *a)
{
	struct announcement *x, *next;

	if (!a)
		return;
	for (enum round round = FIRST; round < ROUNDS; round++)
		HASH_ITER (hh, a->waiting[round], x, next)
			drop(a, round, x);
	sd_event_source_disable_unref(a->timer);
	close_fd(a->fd);
	free(a);
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

/* The kernel writes the Ethernet header. What can't be sent is lost: the neighbours ask in the end. */
static void send_frame(const struct announcer *a, const struct net_outer *o, uint32_t address)
{
	struct ether_arp arp = {
		.arp_hrd = htons(ARPHRD_ETHER),
		.arp_pro = htons(ETH_P_IP),
		.arp_hln = ETH_ALEN,
		.arp_pln = sizeof(address),
		.arp_op = htons(ARPOP_REQUEST),
	};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)o->ifindex,
		.sll_halen = ETH_ALEN,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};

	memcpy(arp.arp_sha, o->mac, sizeof(arp.arp_sha));
	memcpy(arp.arp_spa, &address, sizeof(arp.arp_spa));
	memcpy(arp.arp_tpa, &address, sizeof(arp.arp_tpa));
	(void)sendto(a->fd, &arp, sizeof(arp), MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to));
}

static void send_all(const struct net *n, const struct announcement *x)
{
	for (size_t i = 0; i < n->host.n_outers; i++) {
		const struct net_outer *o = &n->host.outers[i].info;

		if (o->running && outer_has_pool(o, x->pool))
			send_frame(n->host.announcer, o, x->address);
	}
}

/* Of protocol 0: it receives nothing. */
static void open_socket(struct announcer *a)
{
	int fd = a->fd >= 0 ? -1 : socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0)
		a->fd = fd_move_high(fd);
}

/* --- when --------------------------------------------------------------------------------------------------------- */

static int add(struct announcer *a, enum round round, struct announcement *x)
{
	HASH_ADD(hh, a->waiting[round], address, sizeof(x->address), x);
	return x->hh.tbl ? 0 : -ENOMEM;
}

static void send_due(struct net *n, uint64_t now_us)
{
	struct announcer *a = n->host.announcer;
	unsigned left = BURST;

	for (enum round round = FIRST; round < ROUNDS; round++) {
		while (left && a->waiting[round] && a->waiting[round]->due_us <= now_us) {
			struct announcement *x = a->waiting[round];

			left--;
			send_all(n, x);
			HASH_DEL(a->waiting[round], x);
			x->due_us = now_us + AGAIN_US;
			if (round == SECOND || add(a, SECOND, x) < 0)
				free(x);
		}
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct net *n = userdata;
	const struct announcer *a = n->host.announcer;
	uint64_t now_us = monotonic_us(), next_us = UINT64_MAX;

	(void)usec;
	open_socket(n->host.announcer);
	send_due(n, now_us);
	for (enum round round = FIRST; round < ROUNDS; round++)
		if (a->waiting[round] && a->waiting[round]->due_us < next_us)
			next_us = a->waiting[round]->due_us;
	if (next_us == UINT64_MAX)
		return 0;
	if (next_us < now_us + PAUSE_US)
		next_us = now_us + PAUSE_US;
	sd_event_source_set_time(source, next_us);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int arm(struct net *n, uint64_t at_us)
{
	struct announcer *a = n->host.announcer;
	uint64_t armed_us;

	if (!n->event)
		return 0;
	if (!a->timer)
		return sd_event_add_time(n->event, &a->timer, CLOCK_MONOTONIC, at_us, ACCURACY_US, on_timer, n);
	if (sd_event_source_get_enabled(a->timer, NULL) > 0 && sd_event_source_get_time(a->timer, &armed_us) >= 0 &&
	    armed_us <= at_us + PAUSE_US)
		return 0;
	sd_event_source_set_time(a->timer, at_us);
	return sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

void announce_stop(struct net *n, uint32_t address)
{
	struct announcer *a = n->host.announcer;
	struct announcement *x;

	for (enum round round = FIRST; round < ROUNDS; round++) {
		HASH_FIND(hh, a->waiting[round], &address, sizeof(address), x);
		if (x)
			drop(a, round, x);
	}
}

int announce_address(struct net *n, uint32_t address, uint32_t pool)
{
	struct announcer *a = n->host.announcer;
	struct announcement *x;

	HASH_FIND(hh, a->waiting[FIRST], &address, sizeof(address), x);
	if (x)
		return 0;
	announce_stop(n, address);
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = (struct announcement){.address = address, .pool = pool, .due_us = monotonic_us()};
	if (add(a, FIRST, x) < 0) {
		free(x);
		return -ENOMEM;
	}
	return arm(n, x->due_us);
}
