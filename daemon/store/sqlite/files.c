/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the files are still there. A file that was removed or replaced while it is open goes on working for who has
 * it open, and what is written to it is lost: so each commit looks whether its names still lead to the open files.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/internal.h"

static int note(struct store_file *f, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!f->path && !(f->path = strdup(path)))
		return -ENOMEM;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->bytes = st.st_size;
	return 0;
}

int store_files_note(struct store *s, struct vpc_error *reterr)
{
	_cleanup_free_ char *wal = NULL;
	int r;

	if (asprintf(&wal, "%s-wal", s->path) < 0) {
		wal = NULL;
		return vpc_error_oom(reterr);
	}
	r = note(&s->db_file, s->path);
	if (r == 0)
		r = note(&s->wal_file, wal);
	if (r < 0)
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot find the files of %s: %s", s->path,
			      strerror(-r));
	return r < 0 ? -EIO : 0;
}

/* NULL: all is well; or what is wrong. */
static const char *changed(const struct store_file *f, off_t at_least)
{
	struct stat st;

	if (stat(f->path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? "was removed" : strerror(errno);
	if (st.st_dev != f->dev || st.st_ino != f->ino)
		return "was replaced by another file";
	return st.st_size < at_least ? "was cut" : NULL;
}

static int refuse(const struct store_file *f, const char *what, struct vpc_error *reterr)
{
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
		      "%s %s while vpcd has it open; put it back, or put back a copy and start vpcd anew", f->path,
		      what);
	return -ESTALE;
}

int store_files_check(struct store *s, struct vpc_error *reterr)
{
	const struct store_file *f = &s->db_file;
	const char *what = changed(f, f->bytes);

	if (!what) {
		f = &s->wal_file;
		what = changed(f, store_wal_bytes(s));
	}
	return what ? refuse(f, what, reterr) : 0;
}

int store_files_check_database(const struct store *s, struct vpc_error *reterr)
{
	const char *what = changed(&s->db_file, 0);

	return what ? refuse(&s->db_file, what, reterr) : 0;
}

bool store_files_lost_wal(const struct store *s)
{
	struct stat st;

	return s->wal_file.path && !changed(&s->db_file, s->db_file.bytes) &&
	       (stat(s->wal_file.path, &st) < 0 || st.st_ino != s->wal_file.ino || st.st_dev != s->wal_file.dev);
}

int store_files_check_new(const char *state_dir, bool accept, struct vpc_error *reterr)
{
	static const char *const others[] = {STORE_FILE "-wal", STORE_FILE "-shm", STORE_ACK_FILE};

	if (store_exists(state_dir))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_free_ char *path = NULL;
		struct stat st;

		if (asprintf(&path, "%s/%s", state_dir, others[i]) < 0) {
			path = NULL;
			return vpc_error_oom(reterr);
		}
		if (stat(path, &st) < 0)
			continue;
		if (accept && unlink(path) == 0)
			continue;
		vpc_error_set(
			reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			"%s/" STORE_FILE " is gone, though %s is there. Nothing was changed, and what was enforced "
			"stays so. Put the right state back, or start vpcd once with --accept-store to begin with "
			"an empty one",
			state_dir, path);
		return -ESTALE;
	}
	return 0;
}

bool store_exists(const char *state_dir)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/" STORE_FILE, state_dir) < 0) {
		path = NULL;
		return false;
	}
	/* An empty one is what a start that was killed leaves. */
	return stat(path, &st) == 0 && st.st_size > 0;
}
