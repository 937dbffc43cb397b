/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digest of a request, kept with its reply: an Idempotency-Key is refused for another request. Pure. */
#ifndef API_DIGEST_H
#define API_DIGEST_H

#include <stddef.h>

/* SHA-256 over the parts, each with its length, as hex. Parts may be NULL (not the same as empty). *ret: owned.
 * -ENOMEM.
 */
struct digest_part {
	const void *data;
	size_t size;
};
int digest_make(const struct digest_part *parts, size_t n_parts, char **ret);

#endif
