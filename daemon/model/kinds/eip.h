/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What eip.c, eip_association.c and publish.c share beside model/internal.h. */
#ifndef MODEL_EIP_H
#define MODEL_EIP_H

#include "model/internal.h"

/* The ENI or NAT gateway that the elastic IP is associated with, or NULL. */
const struct object *eip_holder(const struct model *m, const struct eip *e);
/* The elastic IP of a private address of the ENI, or NULL. */
const struct object *eip_of_address(const struct model *m, const struct eni *eni, const struct ip *private_ip);

#endif
