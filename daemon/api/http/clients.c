/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/clients.h"

#include <stddef.h>
#include <utlist.h>

#include <vpc/clock.h>

/* A connection that has waited for its client for so long may lose its place. */
#define GIVES_WAY_NS	NS_PER_S
#define OTHERS_SHARE(m) ((m) - (m) / 8 > 0 ? (m) - (m) / 8 : 1)
#define USERS_SHARE(m)	((m) / 4 > 0 ? (m) / 4 : 1)

/* Time limit of each part of a request as a whole, however steadily its bytes arrive. */
static const uint64_t limit_ns[CLIENT_STATES] = {
	[CLIENT_CONNECTED] = 10 * NS_PER_S,  [CLIENT_IDLE] = 60 * NS_PER_S,
	[CLIENT_SENDING] = 60 * NS_PER_S,    [CLIENT_SERVED] = 0, /* none */
	[CLIENT_RECEIVING] = 120 * NS_PER_S,
};

uint64_t client_deadline_ns(const struct client *one)
{
	return one->ending || !limit_ns[one->state] ? UINT64_MAX : one->since_ns + limit_ns[one->state];
}

void clients_add(struct clients *c, struct client *one, uint64_t now_ns)
{
	one->since_ns = now_ns;
	DL_APPEND(c->list, one);
	c->n++;
}

void clients_cut(struct clients *c, struct client *one)
{
	if (one->ending)
		return;
	one->ending = true;
	c->n--;
}

void clients_remove(struct clients *c, struct client *one)
{
	clients_cut(c, one);
	DL_DELETE(c->list, one);
}

/* Who has waited longest for its client, of a user or (everybody) of all. NULL: nobody long enough. */
static struct client *find_slow(const struct clients *c, uid_t uid, bool everybody, uint64_t now_ns)
{
	struct client *one, *found = NULL;

	DL_FOREACH (c->list, one) {
		if (one->ending || one->state == CLIENT_SERVED || (!everybody && one->uid != uid))
			continue;
		if (now_ns - one->since_ns >= GIVES_WAY_NS && (!found || one->since_ns < found->since_ns))
			found = one;
	}
	return found;
}

struct client *clients_give_way(struct clients *c, uint64_t now_ns)
{
	struct client *slow = find_slow(c, 0, true, now_ns);

	if (slow)
		clients_cut(c, slow);
	return slow;
}

static bool has_place(const struct clients *c, uid_t uid)
{
	const struct client *one;
	unsigned same = 0, others = 0;

	if (c->n >= c->max)
		return false;
	if (uid == 0)
		return true;
	DL_FOREACH (c->list, one) {
		others += !one->ending && one->uid != 0;
		same += !one->ending && one->uid == uid;
	}
	return same < USERS_SHARE(c->max) && others < OTHERS_SHARE(c->max);
}

enum client_admission clients_admit(struct clients *c, uid_t uid, uint64_t now_ns, struct client **ret_cut)
{
	struct client *slow;

	*ret_cut = NULL;
	if (has_place(c, uid))
		return CLIENT_ADMITTED;
	slow = find_slow(c, uid, uid == 0, now_ns);
	if (!slow)
		return uid == 0 ? CLIENT_WAITS : CLIENT_REFUSED;
	clients_cut(c, slow);
	*ret_cut = slow;
	return CLIENT_ADMITTED;
}
