/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of gateways: which row of the kernel's is whose, from the creation of a gateway to its end. */
#ifndef ENGINE_GATEWAYS_H
#define ENGINE_GATEWAYS_H

#include "engine/engine.h"
#include "model/model.h"
#include "observe/traffic_json.h"

/* At a start, when the model is loaded: rows begin that aren't their gateway's yet, and peerings that are gone end. */
void gateways_start(struct engine *e);
/* Before a change is published: rows of what is new begin. Only before, only after: deleted, made. */
void gateways_begin(struct engine *e, const struct object *before, const struct object *after);
/* After it: rows of what is gone end. */
void gateways_end(struct engine *e, const struct object *before, const struct object *after);

/* Whether the change ends counters of an object. before NULL: no. */
bool gateway_ends(const struct object *before, const struct object *after);
/* What a gateway let through since it was made, attached or accepted. All 0: it isn't attached or active. -errno of
 * bpf(). */
int gateway_read(const struct engine *e, const struct object *o, struct vpc_eni_stat *ret);

/* The rows in which an object's packets are counted, each with its owner. 0: it is not counted. A VPC has rows for
 * published ports and for host access: they are no counters of its own, and a part of its usage. */
#define GATEWAY_ROWS_MAX 2
size_t gateway_rows(const struct object *o, struct gateway_traffic ret[GATEWAY_ROWS_MAX]);
/* All that is counted, on the event loop. The first *ret_gateways are gateways, and the others rows of VPCs. Owned.
 * -ENOMEM. */
int gateways_list(struct engine *e, struct gateway_traffic **ret, size_t *ret_gateways, size_t *ret_n);
/* On any thread: reads the counters of such a list. -ENOMEM, -errno of bpf(). */
int gateways_list_read(const struct maps *maps, struct gateway_traffic *list, size_t n);

#endif
