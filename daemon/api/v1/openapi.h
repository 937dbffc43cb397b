/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The OpenAPI 3.1 document, made from the tables that the requests themselves are read by. Pure. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <jansson.h>

/* NULL: out of memory. Owned by the caller. */
json_t *openapi_json(void);

#endif
