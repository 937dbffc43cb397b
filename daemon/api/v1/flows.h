/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the OpenAPI document says of the bodies of flows.c. */
#ifndef API_FLOWS_H
#define API_FLOWS_H

#include "api/v1/route.h"

extern const struct body_members flows_cut_body;

#endif
