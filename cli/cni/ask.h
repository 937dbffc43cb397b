/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpc-cni's requests to vpcd: those of cli/lib/vpcd.h, with their failures as error objects of CNI. */
#ifndef CLI_CNI_ASK_H
#define CLI_CNI_ASK_H

#include "cli/cni/cni.h"
#include "cli/lib/vpcd.h"

/* Fills *reterr from a failed request's failure; returns r, for `return cni_failed(…)`. */
int cni_failed(int r, const struct vpcd_failure *failure, struct cni_error *reterr);
/* One request; path is consumed (NULL: out of memory). */
int cni_get(struct http *h, char *path, json_t **ret, struct cni_error *reterr);
/* The attachment, as its ENI is found by. */
struct workload cni_workload(const struct cni_config *c, const struct cni_call *call);
/* The attachment's ENI, or *ret NULL if there is none. */
int cni_eni_find(struct http *h, const struct cni_config *c, const struct cni_call *call, json_t **ret,
		 struct cni_error *reterr);
/* Detaches and deletes it; 0 too if it went away meanwhile. */
int cni_eni_delete(struct http *h, const struct cni_config *c, const json_t *eni, struct cni_error *reterr);

#endif
