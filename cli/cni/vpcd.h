/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpc-cni's requests to vpcd, and its ENIs there. */
#ifndef CLI_CNI_VPCD_H
#define CLI_CNI_VPCD_H

#include "cli/cni/cni.h"
#include "cli/lib/http.h"

/* A refusal of vpcd's; *code is "" when there was none. */
struct vpcd_refusal {
	long status;
	char code[64];
	char field[64];
};

/* One request; path is consumed (NULL: out of memory), body borrowed (may be NULL). A refusal is -EINVAL with both
 * *reterr and *ret_refusal (may be NULL) filled; no reply, -EIO, with vpcd's absence in *reterr. */
int vpcd_call(struct http *h, const char *method, char *path, const json_t *body, json_t **ret,
	      struct vpcd_refusal *ret_refusal, struct cni_error *reterr);
/* Changes as one transaction. *ret: its list of results. */
int vpcd_transaction(struct http *h, const struct cni_config *c, const json_t *changes, json_t **ret,
		     struct vpcd_refusal *ret_refusal, struct cni_error *reterr);

/* Name of an attachment's ENI. Owned; NULL: out of memory. */
char *vpcd_eni_name(const struct cni_call *call);
/* The attachment's ENI, or *ret NULL if there is none. */
int vpcd_eni_find(struct http *h, const struct cni_config *c, const struct cni_call *call, json_t **ret,
		  struct cni_error *reterr);
/* Detaches and deletes it; 0 too if it went away meanwhile. */
int vpcd_eni_delete(struct http *h, const struct cni_config *c, const json_t *eni, struct cni_error *reterr);

#endif
