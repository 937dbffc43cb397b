/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/http/digest.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdint.h>
#include <stdlib.h>

#include <vpc/cleanup.h>
#include <vpc/hex.h>

int digest_make(const struct digest_part *parts, size_t n_parts, char **ret)
{
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char *hex = malloc(2 * sizeof(digest) + 1);

	if (!hex)
		return -ENOMEM;
	sha256_init(&context);
	for (size_t i = 0; i < n_parts; i++) {
		/* The length first, so that no two lists of parts give the same bytes. */
		uint64_t size = parts[i].data ? parts[i].size : UINT64_MAX;

		sha256_update(&context, sizeof(size), (const uint8_t *)&size);
		if (parts[i].data)
			sha256_update(&context, parts[i].size, parts[i].data);
	}
	sha256_digest(&context, sizeof(digest), digest);
	hex_encode(digest, sizeof(digest), hex);
	*ret = hex;
	return 0;
}
