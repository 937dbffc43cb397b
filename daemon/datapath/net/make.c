/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/make.h"

#include <errno.h>

#include "datapath/net/removal.h"

struct device_request make_request(const struct net_vpc *v, const struct device_spec *s, struct device *d,
				   const struct make_options *o)
{
	return (struct device_request){
		.place = net_place(v),
		.spec = s,
		.device = d,
		.master = s->master ? net_find_device(v, s->master) : NULL,
		.workload = o->workload && o->workload->ns_fd >= 0 ? o->workload : NULL,
		.clean = o->clean,
	};
}

int make_device(struct net_vpc *v, const struct device_spec *s, const struct make_options *o, struct device **ret,
		bool *ret_made, struct vpc_error *reterr)
{
	struct device_request q;
	struct device *d;
	bool made = false;
	int r;

	removal_finish_link(v->net, v->number, s->ifindex);
	if (net_register(v, s, &d) < 0)
		return vpc_error_oom(reterr);
	q = make_request(v, s, d, o);
	r = s->ops->ensure(&q, &made, reterr);
	if (r < 0) {
		if (made || r == -ENODEV)
			(void)net_drop_device(v, s->ifindex);
		if (made)
			link_delete(v->ns.rtnl, s->ifindex);
		return r;
	}
	*ret = d;
	*ret_made = made;
	return 0;
}
