/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/host_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/cleanup.h>

#include "datapath/net/nft/generation.h"
#include "datapath/net/nft/host.h"

struct host_table {
	char *instance;
	int ns_fd;
	/* one thread makes or compares it at a time; the event loop may set it meanwhile */
	pthread_mutex_t work, lock;
	char *text;	     /* under lock; NULL: there is to be none */
	unsigned version;    /* of text, under lock */
	unsigned applied;    /* under work; the version that was made */
	uint32_t generation; /* under work; of the ruleset when it was last found right, or made; 0: not known */
	bool there;	     /* under work: there may be one */
};

static void unlockp(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

struct host_table *host_table_new(const char *instance, int ns_fd)
{
	struct host_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	pthread_mutex_init(&t->work, NULL);
	pthread_mutex_init(&t->lock, NULL);
	t->ns_fd = ns_fd;
	/* one of an earlier run may be there, also if there is to be none */
	t->version = 1;
	t->there = true;
	t->instance = strdup(instance);
	if (!t->instance) {
		host_table_free(t);
		return NULL;
	}
	return t;
}

void host_table_free(struct host_table *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	free(t->instance);
	free(t->text);
	free(t);
}

bool host_table_set(struct host_table *t, char *text)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &t->lock;

	pthread_mutex_lock(lock);
	if (text ? t->text && strcmp(t->text, text) == 0 : !t->text) {
		free(text);
		return false;
	}
	free(t->text);
	t->text = text;
	t->version++;
	return true;
}

/* A copy of the text; NULL: there is to be none. */
static int get(struct host_table *t, char **ret_text, unsigned *ret_version)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &t->lock;

	pthread_mutex_lock(lock);
	*ret_version = t->version;
	*ret_text = t->text ? strdup(t->text) : NULL;
	return t->text && !*ret_text ? -ENOMEM : 0;
}

/* Compares, and makes it. 1: it differed. Under work. */
static int make(struct host_table *t, const char *text, unsigned version)
{
	uint32_t generation = 0;
	char words[256];
	int r;

	if (!text && !t->there) {
		t->applied = version;
		return 0;
	}
	/* read before it is compared: what is changed in between has a newer one */
	(void)nft_read_generation(&generation);
	r = nft_host_check(t->ns_fd, t->instance, text);
	if (r < 0)
		return r;
	if (r == 0) {
		r = nft_host_apply(t->ns_fd, t->instance, text, words, sizeof(words));
		if (r < 0)
			return r;
		generation = 0; /* the next look compares what was made */
		r = 1;
	} else {
		r = 0;
	}
	t->there = text != NULL;
	t->applied = version;
	t->generation = generation;
	return r;
}

int host_table_apply(struct host_table *t)
{
	_cleanup_(unlockp) pthread_mutex_t *work = &t->work;
	_cleanup_free_ char *text = NULL;
	unsigned version;
	int r;

	pthread_mutex_lock(work);
	r = get(t, &text, &version);
	if (r < 0 || t->applied == version)
		return r;
	r = make(t, text, version);
	return r < 0 ? r : 0;
}

int host_table_mend(struct host_table *t)
{
	_cleanup_(unlockp) pthread_mutex_t *work = &t->work;
	_cleanup_free_ char *text = NULL;
	unsigned version;
	uint32_t now = 0;
	int r;

	pthread_mutex_lock(work);
	r = get(t, &text, &version);
	if (r < 0 || (!text && !t->there))
		return r;
	if (t->applied == version && nft_read_generation(&now) >= 0 && t->generation && now == t->generation)
		return 0;
	return make(t, text, version);
}
