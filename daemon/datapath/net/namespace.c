/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The namespace of a VPC: made or adopted, with its sysctls, its ruleset and its alias. Touches no struct net. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <vpc/paths.h>

#include "datapath/net/net.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/sysctl.h"
#include "datapath/net/nft/ruleset.h"

/* What the thread inside the namespace works on. */
struct making {
	const struct vpc_record *vpc;
	const char *alias;
	const char *bind_to; /* where a new one is to be mounted; NULL: adopting */
	struct netns ns;
	struct vpc_error *reterr;
};

static int fail(struct making *m, int r, const char *what)
{
	vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "namespace %s of %s: cannot %s: %s", m->vpc->netns,
		      m->vpc->id, what, strerror(-r));
	return r;
}

/* On a thread inside the namespace: gives it everything that it needs. The mount comes last: a run that is killed
 * before leaves nothing behind. */
static int set_up(void *data)
{
	struct making *m = data;
	const struct link_change lo = {.alias = m->alias, .up = LINK_UP};
	_cleanup_close_ int here = -1;
	char text[256];
	int r;

	r = netlink_open(NETLINK_ROUTE, &m->ns.rtnl);
	if (r < 0)
		return fail(m, r, "open a netlink socket");
	r = sysctl_apply();
	if (r < 0)
		return fail(m, r, "set its sysctls");
	here = netns_open_here();
	if (here < 0)
		return fail(m, here, "be opened");
	r = net_nft_apply(here, m->bind_to, text, sizeof(text));
	if (r < 0) {
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "namespace %s of %s: cannot make its nftables tables: %s", m->vpc->netns, m->vpc->id,
			      text[0] ? text : strerror(-r));
		return r;
	}
	r = link_change(m->ns.rtnl, 1, &lo, NULL);
	if (r < 0)
		return fail(m, r, "raise lo");
	if (!m->bind_to)
		return 0;
	m->ns.ns_fd = TAKE_FD(here);
	r = netns_bind(m->bind_to, m->alias);
	if (r == -EEXIST)
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "namespace %s of %s: %s is in the way and isn't vpcd's; remove it", m->vpc->netns,
			      m->vpc->id, m->bind_to);
	else if (r < 0)
		fail(m, r, "be mounted under " NETNS_DIR);
	return r;
}

/* An existing one with our alias is taken over. */
static int adopt(struct making *m, int ns_fd)
{
	char found[NETNS_ALIAS_MAX];
	int r = netns_alias(ns_fd, found);

	if (r < 0)
		return fail(m, r, "be read");
	if (strcmp(found, m->alias) != 0) {
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "%s: a namespace named %s exists and is not vpcd's (its lo has no alias %s); remove or "
			      "rename it",
			      m->vpc->id, m->vpc->netns, m->alias);
		return -EEXIST;
	}
	r = netns_run(ns_fd, set_up, m);
	if (r >= 0)
		m->ns.ns_fd = fcntl(ns_fd, F_DUPFD_CLOEXEC, FD_HIGH);
	return r >= 0 && m->ns.ns_fd < 0 ? fail(m, -errno, "be opened") : r;
}

int netns_make(const struct vpc_record *v, const char *instance, struct netns *ret, struct vpc_error *reterr)
{
	char alias[NETNS_ALIAS_MAX], path[NETNS_PATH_MAX];
	struct making m = {.vpc = v, .alias = alias, .ns = NETNS_INIT, .reterr = reterr};
	_cleanup_close_ int existing = -1;
	int r;

	netns_make_alias(instance, v->id, alias);
	r = netns_path(v->netns, path);
	if (r >= 0)
		r = netns_make_dir();
	if (r < 0)
		return fail(&m, r, "make " NETNS_DIR);
	existing = netns_open(path);
	if (existing >= 0) {
		r = adopt(&m, existing);
	} else if (existing != -ENOENT && existing != -EINVAL && existing != -ENOTTY) {
		/* it may be there: another one must not be mounted over it */
		r = fail(&m, existing, "be opened");
	} else {
		m.bind_to = path;
		r = netns_run(-1, set_up, &m);
	}
	if (r < 0) {
		if (reterr->code == VPC_E_OK)
			fail(&m, r, "be made");
		netns_clear(&m.ns);
		return r;
	}
	*ret = m.ns;
	return 0;
}
