/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct net and its registry. */
#include "datapath/net/net.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "datapath/net/private.h"

struct ip net_link_local(const uint8_t mac[6])
{
	return (struct ip){
		.family = 6,
		.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]},
	};
}

char *net_link_dir(const char *pin_dir)
{
	char *dir;

	return asprintf(&dir, "%s/v%d/links", pin_dir, VPC_ABI_VERSION) < 0 ? NULL : dir;
}

int net_make_dirs(char *path)
{
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*p = c;
		if (!c)
			return 0;
	}
}

static int probe(void *data)
{
	return tc_tcx_probe(*(const int *)data);
}

/* tcx is used where it is configured, the kernel has it, and there is a place for the pins. */
static int choose_attach_mode(struct net *n, bool use_tcx)
{
	int r;

	if (!use_tcx || !n->pin_dir)
		return 0;
	r = netns_run(-1, probe, &n->programs.fd[TC_FROM_WORKLOAD]);
	if (r <= 0)
		return r;
	n->link_dir = net_link_dir(n->pin_dir);
	return n->link_dir ? net_make_dirs(n->link_dir) : -ENOMEM;
}

int net_new(const struct net_config *config, net_event_fn on_event, void *userdata, struct net **ret,
	    struct vpc_error *reterr)
{
	_cleanup_(net_freep) struct net *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return vpc_error_oom(reterr);
	n->instance = strdup(config->instance);
	n->pin_dir = config->pin_dir ? strdup(config->pin_dir) : NULL;
	if (!n->instance || (config->pin_dir && !n->pin_dir))
		return vpc_error_oom(reterr);
	n->event = sd_event_ref(config->event);
	n->on_event = on_event;
	n->on_port = config->on_port;
	n->on_up = config->on_up;
	n->userdata = userdata;
	r = tc_programs_init(config->prog_from_workload, config->prog_to_workload, config->prog_from_router,
			     &n->programs);
	if (r >= 0)
		r = choose_attach_mode(n, config->use_tcx);
	if (r < 0) {
		vpc_error_set(reterr, VPC_E_DATAPATH_UNAVAILABLE, NULL, "the network cannot be set up: %s",
			      strerror(-r));
		return r;
	}
	*ret = TAKE_PTR(n);
	return 0;
}

void net_free(struct net *n)
{
	struct net_vpc *v, *next;

	if (!n)
		return;
	HASH_ITER (hh, n->vpcs, v, next)
		close_fd(net_take_vpc(n, v));
	sd_event_unref(n->event);
	free(n->instance);
	free(n->pin_dir);
	free(n->link_dir);
	free(n);
}

const char *net_attach_mode(const struct net *n)
{
	return n->link_dir ? "tcx" : "clsact";
}

struct net_vpc *net_find_vpc(const struct net *n, uint32_t number)
{
	struct net_vpc *v;

	HASH_FIND(hh, n->vpcs, &number, sizeof(number), v);
	return v;
}

bool net_has_vpc(const struct net *n, uint32_t vpc)
{
	return net_find_vpc(n, vpc) != NULL;
}

int net_add_vpc(struct net *n, const struct vpc_record *r, struct netns *ns)
{
	struct net_vpc *v;
	int e;

	if (net_has_vpc(n, r->number)) {
		netns_clear(ns);
		return 0;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->net = n;
	v->number = r->number;
	v->event_fd = v->nft_fd = -1;
	snprintf(v->id, sizeof(v->id), "%s", r->id);
	snprintf(v->name, sizeof(v->name), "%s", r->netns);
	v->ns = *ns;
	e = events_start(v);
	if (e < 0) {
		free(v);
		return e;
	}
	HASH_ADD(hh, n->vpcs, number, sizeof(v->number), v);
	if (!v->hh.tbl) {
		events_stop(v);
		free(v);
		return -ENOMEM;
	}
	*ns = NETNS_INIT;
	return 0;
}

int net_take_vpc(struct net *n, struct net_vpc *v)
{
	int ns_fd = TAKE_FD(v->ns.ns_fd);
	struct net_device *d, *next;

	HASH_DEL(n->vpcs, v);
	events_stop(v);
	HASH_ITER (hh, v->devices, d, next)
		net_unregister(v, d->ifindex);
	netns_clear(&v->ns);
	free(v);
	return ns_fd;
}

void net_drop_vpc(struct net *n, uint32_t vpc)
{
	struct net_vpc *v = net_find_vpc(n, vpc);

	if (v)
		close_fd(net_take_vpc(n, v));
}

struct net_device *net_find_device(const struct net_vpc *v, uint32_t ifindex)
{
	struct net_device *d;

	HASH_FIND(hh, v->devices, &ifindex, sizeof(ifindex), d);
	return d;
}

static struct net_device *find_or_add(struct net_vpc *v, uint32_t ifindex)
{
	struct net_device *d = net_find_device(v, ifindex);

	if (d) {
		net_object_set_clear(&d->objects);
		return d;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->ifindex = ifindex;
	HASH_ADD(hh, v->devices, ifindex, sizeof(d->ifindex), d);
	if (!d->hh.tbl) {
		free(d);
		return NULL;
	}
	return d;
}

int net_register_bridge(struct net_vpc *v, const struct subnet_record *s, struct net_device **ret)
{
	struct net_device *d = find_or_add(v, s->ifindex);

	if (!d)
		return -ENOMEM;
	d->up = true;
	d->mtu = s->mtu;
	snprintf(d->name, sizeof(d->name), "%s", s->bridge);
	snprintf(d->id, sizeof(d->id), "%s", s->id);
	*ret = d;
	return net_object_want_bridge(&d->objects, s);
}

int net_register_port(struct net_vpc *v, const struct port_record *p, struct net_device **ret)
{
	struct net_device *d = find_or_add(v, p->eni);

	if (!d)
		return -ENOMEM;
	d->master = VPC_BRIDGE_FIRST + p->subnet;
	d->tap = port_is_tap(p);
	d->mtu = p->mtu;
	snprintf(d->name, sizeof(d->name), "%s", p->host_ifname);
	snprintf(d->id, sizeof(d->id), "%s", p->eni_id);
	*ret = d;
	return net_object_want_port(&d->objects, p);
}

void net_unregister(struct net_vpc *v, uint32_t ifindex)
{
	struct net_device *d = net_find_device(v, ifindex);

	if (!d)
		return;
	HASH_DEL(v->devices, d);
	net_object_set_clear(&d->objects);
	free(d);
}

const struct net_object *net_find_wanted(const struct net_vpc *v, const struct net_object_key *key)
{
	for (const struct net_device *d = v->devices; d; d = d->hh.next) {
		const struct net_object *wanted = net_object_set_find(&d->objects, key);

		if (wanted)
			return wanted;
	}
	return NULL;
}

int net_take_object(const struct net_vpc *v, const struct net_object *f)
{
	const struct net_object *wanted = net_find_wanted(v, &f->key);

	return wanted ? net_object_put(v->ns.rtnl, wanted) : net_object_delete(v->ns.rtnl, f);
}

int net_drop_device(struct net_vpc *v, uint32_t ifindex)
{
	struct net_device *d = net_find_device(v, ifindex);
	struct net_object_set objects;
	int result = 0;

	if (!d)
		return 0;
	objects = d->objects;
	d->objects = (struct net_object_set){};
	net_unregister(v, ifindex);
	for (const struct net_object *f = objects.head; f; f = f->hh.next) {
		int r = f->key.ifindex == ifindex ? 0 : net_take_object(v, f);

		if (r < 0)
			result = r;
	}
	net_object_set_clear(&objects);
	return result;
}

bool net_tap_is_open(const struct net *n, uint32_t vpc, uint32_t eni)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	struct link_info info;

	return v && link_get(v->ns.rtnl, eni, NULL, &info) >= 0 && info.tap && info.carrier;
}

uint64_t net_vpc_inode(const struct net *n, uint32_t vpc)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	struct stat st;

	return v && fstat(v->ns.ns_fd, &st) == 0 ? st.st_ino : 0;
}

int net_tap_begin(const struct net *n, uint32_t vpc, uint32_t eni, struct net_tap *ret)
{
	const struct net_vpc *v = net_find_vpc(n, vpc);
	const struct net_device *d = v ? net_find_device(v, eni) : NULL;

	if (!d || !d->tap || !d->up)
		return -ENODEV;
	*ret = (struct net_tap){.ns_fd = fcntl(v->ns.ns_fd, F_DUPFD_CLOEXEC, 3), .ifindex = eni};
	if (ret->ns_fd < 0)
		return -errno;
	snprintf(ret->name, sizeof(ret->name), "%s", d->name);
	return 0;
}

int net_tap_open(const struct net_tap *t, bool multi_queue, int *ret_fds, size_t n)
{
	return tap_open(t->ns_fd, t->ifindex, t->name, multi_queue, ret_fds, n);
}

void net_tap_clear(struct net_tap *t)
{
	t->ns_fd = close_fd(t->ns_fd);
}
