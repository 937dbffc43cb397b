/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Redirect eligibility: which ports the programs may redirect packets to. */
#ifndef DATAPATH_NET_REDIRECT_H
#define DATAPATH_NET_REDIRECT_H

#include "datapath/net/registry.h"

/* Whether packets may be redirected to a port whose link is like this. */
bool redirect_ok(const struct link_info *info);
/* Tells net->on_port, where there is one. */
void redirect_report(const struct net *n, uint32_t eni, bool peer_ok);

#endif
