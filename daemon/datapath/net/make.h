/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registering a device and making it, or putting it right. */
#ifndef DATAPATH_NET_MAKE_H
#define DATAPATH_NET_MAKE_H

#include "datapath/net/registry.h"

/* How a device is to be made. */
struct make_options {
	const struct workload *workload; /* where its far end is to be; NULL: nowhere */
	bool clean;			 /* filters of others on it are removed */
};

/* What the ops of a device work with. d: its entry. */
struct device_request make_request(const struct net_vpc *v, const struct device_spec *s, struct device *d,
				   const struct make_options *o);
/* Registers the device, and makes its link or puts it right. *ret: its entry. *ret_made: the link is new. On failure
 * what was made is gone again; a link that was there stays registered, since an event may end what is wrong with it.
 * -ENODEV: it is missing, its far end has nowhere to go, and it is no longer registered. */
int make_device(struct net_vpc *v, const struct device_spec *s, const struct make_options *o, struct device **ret,
		bool *ret_made, struct vpc_error *reterr);

#endif
