/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connections of one HTTP socket: how many a user may have, which one is cut when there are too many, and how long
 * each part of a request may take. Pure: no sockets and no clock. Times are parameters (CLOCK_MONOTONIC).
 *
 * - All together have at most `max` places. Users other than root have at most 7/8 of them together and 1/4 each.
 * - A client without a place takes that of a connection that has waited for its client for a second or more: a user
 * takes one of their own, root anybody's. So slow clients lock nobody out, and a burst of requests cuts no request
 * short.
 * - A request that vpcd works on is never cut and has no time limit here.
 */
#ifndef API_CLIENTS_H
#define API_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum client_state {
	CLIENT_CONNECTED, /* before its first request has a whole header */
	CLIENT_IDLE,	  /* after an answer */
	CLIENT_SENDING,	  /* the header is there, the body not yet */
	CLIENT_SERVED,	  /* vpcd has the request, or streams to it */
	CLIENT_RECEIVING, /* an answer is on its way */
	CLIENT_STATES,
};

struct client {
	uid_t uid;
	int fd; /* the connection's; for the caller */
	enum client_state state;
	bool ending;	   /* cut: has no place any more */
	uint64_t since_ns; /* in this state */
	struct client *prev, *next;
};

struct clients {
	struct client *list;
	unsigned n, max; /* n: with a place */
};

enum client_admission {
	CLIENT_ADMITTED,
	CLIENT_REFUSED, /* a user who isn't root */
	CLIENT_WAITS,	/* root: until a place is free, or somebody can give way */
};
/* *ret_cut: the one whose connection is to be cut first, or NULL; it has no place any more. Only when admitted. */
enum client_admission clients_admit(struct clients *c, uid_t uid, uint64_t now_ns, struct client **ret_cut);
/* For when there is no descriptor left: the one that should be cut, or NULL. It has no place any more. */
struct client *clients_give_way(struct clients *c, uint64_t now_ns);

/* Gives an admitted client a place. now_ns: CLOCK_MONOTONIC. The list borrows `one` until clients_remove(). */
void clients_add(struct clients *c, struct client *one, uint64_t now_ns);
/* Takes the client out of the list; its memory stays the caller's. */
void clients_remove(struct clients *c, struct client *one);
/* The connection is being cut: its place is free, and it stays in the list. Fine if it is being cut already. */
void clients_cut(struct clients *c, struct client *one);

/* When it is to be cut for being slow; UINT64_MAX: never. */
uint64_t client_deadline_ns(const struct client *one);

#endif
