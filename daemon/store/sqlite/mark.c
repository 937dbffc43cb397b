/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which store this is, and how far it had come. The id stands in the store; id and revision stand beside it in the file
 * `acknowledged` (and in a pinned map, which is the engine's): a store that is older than what was acknowledged has
 * lost changes. SQLite can't notice that: a wrong byte in the log ends the log there, as if nothing had followed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <vpc/hex.h>

#include "store/sqlite/internal.h"

#define META_ID	  "store_id"
#define ACK_BYTES 96 /* one line, padded: always written as a whole, and in one sector */

static int make_id(char ret[STORE_ID_MAX])
{
	uint8_t b[16];
	char hex[2 * sizeof(b) + 1];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(b, sizeof(b), hex);
	snprintf(ret, STORE_ID_MAX, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	return 0;
}

int store_renew_id(struct store *s, struct vpc_error *reterr)
{
	char id[STORE_ID_MAX];
	int r;

	if (make_id(id) < 0)
		return vpc_error_set(reterr, VPC_E_INTERNAL_ERROR, NULL, "there are no random numbers");
	r = store_set_meta(s, META_ID, id, reterr);
	if (r < 0)
		return r;
	memcpy(s->id, id, sizeof(id));
	store_acknowledge(s);
	return 0;
}

const char *store_id(const struct store *s)
{
	return s->id;
}

/* --- what is wrong with it --------------------------------------------------------------------------- */

#define WAY_OUT                                                                                              \
	"Nothing was changed, and what was enforced stays so. Put the right state back, or start vpcd once " \
	"with --accept-store to go on with this one"

int store_check_mark(const struct store *s, const struct store_mark *seen, const char *where, struct vpc_error *reterr)
{
	if (!seen->revision)
		return 0;
	if (strcmp(seen->id, s->id) != 0)
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "%s is another store than %s knows: it is %s at revision %" PRIu64 ", known is %s at "
			      "revision %" PRIu64 ". " WAY_OUT,
			      s->path, where, s->id[0] ? s->id : "without an id", s->totals.revision, seen->id,
			      seen->revision);
	else if (s->totals.revision < seen->revision)
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "%s has lost changes: it is at revision %" PRIu64 ", and %s knows revision %" PRIu64
			      " of the same store (%s); its log was damaged, cut or removed, or an older copy was put "
			      "in its place. " WAY_OUT,
			      s->path, s->totals.revision, where, seen->revision, s->id);
	else
		return 0;
	return -ESTALE;
}

int store_missing(const char *state_dir, const struct store_mark *seen, const char *where, struct vpc_error *reterr)
{
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
		      "there is no store in %s, but %s knows revision %" PRIu64 " of the store %s. " WAY_OUT
		      " (an empty one)",
		      state_dir, where, seen->revision, seen->id);
	return -ESTALE;
}

/* --- what was acknowledged --------------------------------------------------------------------------- */

static uint64_t mark_checksum(const struct store_mark *m)
{
	return store_checksum_number(store_checksum_string(store_checksum_begin(), m->id), m->revision);
}

/* False: there is nothing in the file, or nothing that is right: a crash of the machine may have cut it. */
static bool read_acknowledged(int fd, struct store_mark *ret)
{
	char line[ACK_BYTES + 1] = "";
	uint64_t sum;

	*ret = (struct store_mark){0};
	return pread(fd, line, ACK_BYTES, 0) == ACK_BYTES &&
	       sscanf(line, "%36s %" SCNu64 " %" SCNx64, ret->id, &ret->revision, &sum) == 3 &&
	       sum == mark_checksum(ret);
}

void store_acknowledge(struct store *s)
{
	struct store_mark m = {.revision = s->totals.revision};
	char line[ACK_BYTES + 1];

	if (s->ack_fd < 0)
		return;
	memcpy(m.id, s->id, sizeof(m.id));
	snprintf(line, sizeof(line), "%s %" PRIu64 " %016" PRIx64, m.id, m.revision, mark_checksum(&m));
	for (size_t i = strlen(line); i < ACK_BYTES; i++)
		line[i] = i == ACK_BYTES - 1 ? '\n' : ' ';
	/* Not with each commit to the disk: it is the kernel's now, so it outlives this process, and a machine that
	 * crashes finds an older one, which is no reason to refuse anything. */
	(void)!pwrite(s->ack_fd, line, ACK_BYTES, 0);
}

int store_mark_prepare(struct store *s, const char *state_dir, bool accept, struct vpc_error *reterr)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_free_ char *path = NULL, *id = NULL;
	struct store_mark seen;
	int r;

	if (asprintf(&path, "%s/" STORE_ACK_FILE, state_dir) < 0) {
		path = NULL;
		return vpc_error_oom(reterr);
	}
	s->ack_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->ack_fd < 0) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot open %s: %s", path, strerror(errno));
		return -EIO;
	}
	r = store_get_meta(s, META_ID, &id, reterr);
	if (r < 0)
		return r;
	if (id)
		snprintf(s->id, sizeof(s->id), "%s", id);
	if (read_acknowledged(s->ack_fd, &seen)) {
		r = store_check_mark(s, &seen, path, accept ? &error : reterr);
		if (r < 0 && !accept)
			return r;
	}
	if (id && r == 0) {
		store_acknowledge(s);
		return 0;
	}
	r = store_renew_id(s, reterr);
	if (r == 0)
		store_wal_finish(s); /* a store that loses its log still knows who it is */
	return r;
}
