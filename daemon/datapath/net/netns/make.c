/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making, adopting and removing the namespace of a VPC. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "datapath/net/net.h"
#include "datapath/net/netlink/link.h"
#include "datapath/net/nft/input.h"
#include "datapath/net/netlink/request.h"
#include "datapath/net/netns/netns.h"
#include "datapath/net/netns/sysctl.h"

void netns_clear(struct netns *ns)
{
	ns->ns_fd = close_fd(ns->ns_fd);
	nl_socket_free(ns->rtnl);
	ns->rtnl = NULL;
}

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

/* /run/netns as iproute2 has it: a shared mount point, so that every mount namespace sees what is mounted there. */
static int make_dir(void)
{
	bool bound = false;

	if (mkdir(NETNS_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	while (mount("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) < 0) {
		if (errno != EINVAL || bound)
			return -errno;
		/* not a mount point yet */
		if (mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
			return -errno;
		bound = true;
	}
	return 0;
}

/* The file appears under its name with the alias in it, or not at all. */
static int make_marked_file(const char *path, const char *alias)
{
	_cleanup_close_ int fd = open(NETNS_DIR, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0444);
	char text[NETNS_ALIAS_MAX + 1], self[64];
	int n = snprintf(text, sizeof(text), "%s\n", alias);

	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)n) != n)
		return -EIO;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* A mount needs a file to stand on. A path that exists but is no mount is what a crash left: only a file with our alias
 * in it, or an empty one, is taken for that. */
static int make_mount_point(const char *path, const char *alias)
{
	struct statfs fs;
	struct stat st;
	int r = make_marked_file(path, alias);

	if (r != -EEXIST)
		return r;
	if (lstat(path, &st) < 0 || statfs(path, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || fs.f_type == NSFS_MAGIC)
		return -EEXIST;
	return st.st_size == 0 || netns_is_our_file(path, alias) ? 0 : -EEXIST;
}

static int bind_namespace(const char *path, const char *alias)
{
	int r = make_mount_point(path, alias);

	if (r < 0)
		return r;
	if (mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return 0;
}

int netns_bind_here(const char *name, const char *instance, const char *vpc_id)
{
	char path[NETNS_PATH_MAX], alias[NETNS_ALIAS_MAX];
	struct stat here, there;
	int r = netns_path(name, path);

	if (r < 0)
		return r;
	if (stat("/proc/thread-self/ns/net", &here) < 0)
		return -errno;
	if (stat(path, &there) >= 0 && there.st_dev == here.st_dev && there.st_ino == here.st_ino)
		return 0;
	r = make_dir();
	return r < 0 ? r : bind_namespace(path, netns_make_alias(instance, vpc_id, alias));
}

/* In the namespace: everything it needs. The mount comes last: until then a crash leaves nothing behind. */
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
	r = bind_namespace(m->bind_to, m->alias);
	if (r == -EEXIST)
		vpc_error_set(m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			      "%s is in the way: it isn't vpcd's; remove it", m->bind_to);
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
		vpc_error_set(
			m->reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL,
			"a namespace named %s exists and is not vpcd's (its lo has no alias %s): remove or rename it",
			m->vpc->netns, m->alias);
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
		r = make_dir();
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

int netns_remove(const char *name, const char *instance, const char *vpc_id)
{
	char wanted[NETNS_ALIAS_MAX], alias[NETNS_ALIAS_MAX], path[NETNS_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = netns_path(name, path);

	if (r < 0)
		return r;
	fd = netns_open(path);
	if (fd == -ENOENT)
		return 0;
	if (fd == -EINVAL && netns_is_our_file(path, netns_make_alias(instance, vpc_id, wanted)))
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (fd < 0)
		return fd == -EINVAL ? -EPERM : fd;
	r = netns_alias(fd, alias);
	if (r < 0)
		return r;
	if (strcmp(alias, netns_make_alias(instance, vpc_id, wanted)) != 0)
		return -EPERM;
	return netns_unlink(name);
}
