/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/advice_file.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/cleanup.h>

#define MAGIC	   "vpcdadv"
#define VERSION	   1u
#define FRESH	   ADVICE_FILE ".new"
#define BYTES_MAX  (64u << 20)
#define RULE_BYTES offsetof(struct advice_rule, box) /* and its boxes */

struct header {
	char magic[8];
	uint32_t version;
	/* Another compiler may have laid them out differently. */
	uint32_t vpc_bytes, rule_bytes, box_bytes;
	uint32_t vpcs, rules;
	struct advice_kept kept;
};

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static bool is_whole(const struct advice_vpc *v, uint64_t rounds)
{
	return v->whole || rounds >= v->round + 2;
}

static const struct advice_vpc *next_known_vpc(const struct advice *a, const struct advice_vpc *prev, uint64_t rounds)
{
	do
		prev = advice_next_vpc(a, prev);
	while (prev && !is_whole(prev, rounds));
	return prev;
}

/* The next rule of such a VPC. */
static const struct advice_rule *next_known_rule(const struct advice *a, const struct advice_rule *prev,
						 uint64_t rounds)
{
	const struct advice_vpc *v;

	do {
		prev = advice_next_rule(a, prev);
		v = prev ? advice_vpc_find(a, prev->vpc) : NULL;
	} while (prev && (!v || !is_whole(v, rounds)));
	return prev;
}

static uint8_t *put(uint8_t *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return to + bytes;
}

static size_t rule_bytes(const struct advice_rule *r)
{
	return RULE_BYTES + r->n * sizeof(r->box[0]);
}

int advice_pack(const struct advice *a, const struct advice_kept *k, uint64_t rounds, void **ret, size_t *ret_bytes)
{
	struct header h = {
		.magic = MAGIC,
		.version = VERSION,
		.vpc_bytes = sizeof(struct advice_vpc),
		.rule_bytes = RULE_BYTES,
		.box_bytes = sizeof(struct advice_box),
		.kept = *k,
	};
	size_t bytes = sizeof(h);
	uint8_t *to;

	for (const struct advice_vpc *v = NULL; (v = next_known_vpc(a, v, rounds)); h.vpcs++)
		bytes += sizeof(*v);
	for (const struct advice_rule *r = NULL; (r = next_known_rule(a, r, rounds)); h.rules++)
		bytes += rule_bytes(r);
	*ret = to = malloc(bytes);
	if (!to)
		return -ENOMEM;
	*ret_bytes = bytes;
	to = put(to, &h, sizeof(h));
	for (const struct advice_vpc *v = NULL; (v = next_known_vpc(a, v, rounds));)
		to = put(to, v, sizeof(*v));
	for (const struct advice_rule *r = NULL; (r = next_known_rule(a, r, rounds));)
		to = put(to, r, rule_bytes(r));
	return 0;
}

/* --- back --------------------------------------------------------------------------------------------------------- */

struct cursor {
	const uint8_t *at;
	size_t left;
};

static int take(struct cursor *c, void *ret, size_t bytes)
{
	if (c->left < bytes)
		return -EBADMSG;
	memcpy(ret, c->at, bytes);
	c->at += bytes;
	c->left -= bytes;
	return 0;
}

static bool same_text(const char *a, const char *b, size_t max)
{
	return strnlen(a, max) < max && !strcmp(a, b);
}

static int check_header(const struct header *h, const struct advice_kept *k)
{
	if (memcmp(h->magic, MAGIC, sizeof(MAGIC)) != 0 || h->version != VERSION ||
	    h->vpc_bytes != sizeof(struct advice_vpc) || h->rule_bytes != RULE_BYTES ||
	    h->box_bytes != sizeof(struct advice_box) || h->kept.times.n_gaps > ADVICE_GAPS)
		return -EBADMSG;
	return same_text(h->kept.counters, k->counters, sizeof(h->kept.counters)) ? 0 : -ESTALE;
}

/* Any other byte is none. */
static bool is_bool(const bool *b)
{
	uint8_t byte;

	memcpy(&byte, b, sizeof(byte));
	return byte <= 1;
}

static bool is_box(const struct advice_box *b)
{
	uint8_t family = b->peer.addr.family;

	return b->from <= b->to && b->protocol >= -1 && b->protocol <= UINT8_MAX &&
	       (family == 0 || (family == 4 && b->peer.plen <= 32) || (family == 6 && b->peer.plen <= 128));
}

static int take_vpc(struct advice *a, struct cursor *c, uint64_t now_ns, uint64_t rounds)
{
	struct advice_vpc v;
	int r = take(c, &v, sizeof(v));

	if (r < 0 || !is_bool(&v.full))
		return -EBADMSG;
	v.whole = true;
	v.round = rounds;
	v.lost_ns = now_ns;
	r = advice_keep_vpc(a, &v);
	return r == -EEXIST ? -EBADMSG : r;
}

static int take_rule(struct advice *a, struct cursor *c)
{
	struct advice_rule rule = {0};
	int r = take(c, &rule, RULE_BYTES);

	if (r == 0 && (rule.n > ADVICE_BOXES || !is_bool(&rule.merged) || !is_bool(&rule.doubted)))
		return -EBADMSG;
	if (r == 0)
		r = take(c, rule.box, rule.n * sizeof(rule.box[0]));
	for (uint8_t i = 0; r == 0 && i < rule.n; i++)
		if (!is_box(&rule.box[i]))
			return -EBADMSG;
	if (r == 0)
		r = advice_keep_rule(a, &rule);
	if (r == -EEXIST || r == -ENOENT)
		return -EBADMSG;
	return r == -ENOSPC ? 0 : r; /* its VPC is full, then, and says so */
}

int advice_unpack(struct advice *a, struct advice_kept *k, const void *bytes, size_t n, uint64_t now_ns,
		  uint64_t rounds)
{
	struct cursor c = {.at = bytes, .left = n};
	struct header h;
	int r = take(&c, &h, sizeof(h));

	if (r == 0)
		r = check_header(&h, k);
	if (r == 0 && (h.kept.times.since_ns > h.kept.looked_ns || h.kept.looked_ns > now_ns))
		r = -EBADMSG;
	for (uint32_t i = 0; r == 0 && i < h.vpcs; i++)
		r = take_vpc(a, &c, now_ns, rounds);
	for (uint32_t i = 0; r == 0 && i < h.rules; i++)
		r = take_rule(a, &c);
	if (r < 0 || c.left)
		return r < 0 ? r : -EBADMSG;
	*k = h.kept;
	advice_add_gap(&k->times, &(struct advice_gap){.begin_ns = k->looked_ns, .end_ns = now_ns});
	return 0;
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* The checksum stands at the end. */
static void checksum(const void *bytes, size_t n, uint8_t ret[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, n, bytes);
	sha256_digest(&context, SHA256_DIGEST_SIZE, ret);
}

static int open_folder(const char *state_dir)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* fd: consumed. */
static int write_to(int fd, const void *bytes, size_t n)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	FILE *f = fdopen(fd, "w");
	bool written;

	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	checksum(bytes, n, sum);
	written = fwrite(bytes, 1, n, f) == n && fwrite(sum, 1, sizeof(sum), f) == sizeof(sum);
	return fclose(f) == 0 && written ? 0 : errno ? -errno : -EIO;
}

int advice_file_write(const char *state_dir, const void *bytes, size_t n)
{
	_cleanup_close_ int folder = open_folder(state_dir);
	int fd, r;

	if (folder < 0)
		return folder;
	fd = openat(folder, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_to(fd, bytes, n);
	if (r == 0 && renameat(folder, FRESH, folder, ADVICE_FILE) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, FRESH, 0);
	return r;
}

/* fd: consumed. */
static int read_from(int fd, void **ret, size_t *ret_n)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	_cleanup_free_ uint8_t *bytes = NULL;
	struct stat st;
	FILE *f = fdopen(fd, "r");
	size_t n = 0, size;

	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	size = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)sizeof(sum) && st.st_size < BYTES_MAX
		       ? (size_t)st.st_size
		       : 0;
	bytes = size ? malloc(size) : NULL;
	if (bytes)
		n = fread(bytes, 1, size, f);
	fclose(f);
	if (size && !bytes)
		return -ENOMEM;
	if (!size || n != size)
		return -EBADMSG;
	checksum(bytes, n - sizeof(sum), sum);
	if (memcmp(sum, bytes + n - sizeof(sum), sizeof(sum)) != 0)
		return -EBADMSG;
	*ret_n = n - sizeof(sum);
	*ret = TAKE_PTR(bytes);
	return 0;
}

int advice_file_read(const char *state_dir, void **ret, size_t *ret_n)
{
	_cleanup_close_ int folder = open_folder(state_dir);
	int fd;

	if (folder < 0)
		return folder;
	/* What isn't a file must not hold up the start. */
	fd = openat(folder, ADVICE_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : read_from(fd, ret, ret_n);
}

int advice_file_remove(const char *state_dir)
{
	_cleanup_close_ int folder = open_folder(state_dir);

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	unlinkat(folder, FRESH, 0);
	return unlinkat(folder, ADVICE_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;
}
