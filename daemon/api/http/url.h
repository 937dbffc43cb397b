/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths of requests: percent-decoding and patterns. Takes outside bytes. Pure. */
#ifndef API_URL_H
#define API_URL_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes %XX in the first n bytes of s. *ret: owned. -EINVAL: a % without two hex digits, a NUL, not UTF-8; -ENOMEM.
 */
int url_decode(const char *s, size_t n, char **ret);

/* Whether path (still encoded) fits a pattern such as "/v1/vpcs/{id}". {id} stands for one segment that isn't empty;
 * *ret_id points into path (NULL and 0 when the pattern has none). */
bool url_match(const char *pattern, const char *path, const char **ret_id, size_t *ret_id_size);

#endif
