/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log that commits are appended to (state.db-wal): written over in place, and moved into the file by the worker.
 *
 * An fdatasync of a file that has grown waits for the file system's journal as well, and for whoever else is in it:
 * half of a commit's time, and most of its longest times. So the log has its size from the start. SQLite takes what
 * follows the last good frame for the end (https://www.sqlite.org/fileformat2.html#the_write_ahead_log, 4.4): zeros are
 * no frame, and no header either.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_internal.h"

#define WAL_RESERVED_BYTES (16 * 1024 * 1024)
/* What is written between checkpoints: some hundreds of changes, since the one that comes while it runs waits for the
 * disk, too. With what is committed meanwhile it fits what is reserved. */
#define WAL_DUE_BYTES	   (12 * 1024 * 1024)
/* A log that only grows, since commits come too fast for it to start anew, may grow to this before a checkpoint makes
 * writers wait for the rest of it. A larger one is cut to this when it starts anew. */
#define WAL_MAX_BYTES	   (64 * 1024 * 1024)
#define WAL_FRAME_BYTES	   (4096 + 24) /* a page and its header; a page of the default size */
#define CHECKPOINT_BUSY_MS 5000
#define ZEROS_BYTES	   (64 * 1024)

static char *wal_path(const char *database)
{
	char *path;

	return asprintf(&path, "%s-wal", database) < 0 ? NULL : path;
}

static int write_zeros(int fd, off_t from, off_t to)
{
	static const char zeros[ZEROS_BYTES];

	while (from < to) {
		size_t n = to - from < ZEROS_BYTES ? (size_t)(to - from) : ZEROS_BYTES;
		ssize_t done = pwrite(fd, zeros, n, from);

		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		from += done;
	}
	return fdatasync(fd) < 0 ? -errno : 0;
}

/* Without it all works, only slower: a disk that is too full for it is no reason not to start. */
static void reserve(const char *path)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size >= WAL_RESERVED_BYTES)
		return;
	if (write_zeros(fd, st.st_size, WAL_RESERVED_BYTES) < 0 && ftruncate(fd, st.st_size) < 0)
		return;
}

/* sqlite3_wal_hook: after each commit, how many frames the log has. */
static int note_frames(void *userdata, sqlite3 *db, const char *name, int frames)
{
	struct store *s = userdata;

	(void)db, (void)name;
	s->wal_frames = (uint64_t)frames;
	return SQLITE_OK;
}

int store_wal_prepare(struct store *s, struct vpc_error *reterr)
{
	_cleanup_free_ char *path = wal_path(s->path);
	char limit[64];

	if (!path)
		return vpc_error_oom(reterr);
	snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d", WAL_MAX_BYTES);
	if (sqlite3_exec(s->db, limit, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(s, "read", reterr);
	sqlite3_wal_hook(s->db, note_frames, s);
	reserve(path);
	return 0;
}

bool store_checkpoint_due(struct store *s)
{
	if (s->wal_frames < s->wal_frames_due)
		s->wal_frames_due = 0; /* it has started anew */
	if ((s->wal_frames - s->wal_frames_due) * WAL_FRAME_BYTES < WAL_DUE_BYTES)
		return false;
	s->wal_frames_due = s->wal_frames;
	return true;
}

/* SQLite's code. */
static int checkpoint(sqlite3 *db)
{
	int frames = 0, done = 0, r;

	sqlite3_busy_timeout(db, CHECKPOINT_BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* A connection that has read nothing doesn't know yet that there is a WAL, and would checkpoint nothing. */
	r = sqlite3_exec(db, "SELECT revision FROM state", NULL, NULL, NULL);
	/* PASSIVE makes no writer wait; the next one then starts the WAL anew. Only when commits came so fast that it
	 * never could does the short rest get copied under the writers' lock. */
	if (r == SQLITE_OK)
		r = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);
	if (r == SQLITE_OK && done < frames && (int64_t)frames * WAL_FRAME_BYTES > WAL_MAX_BYTES)
		r = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	return r;
}

int store_checkpoint(const char *state_dir)
{
	_cleanup_free_ char *path = NULL;
	sqlite3 *db = NULL;
	int r;

	if (asprintf(&path, "%s/" STORE_FILE, state_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (r == SQLITE_OK)
		r = checkpoint(db);
	sqlite3_close_v2(db);
	return r == SQLITE_OK ? 0 : r == SQLITE_BUSY ? -EBUSY : r == SQLITE_NOMEM ? -ENOMEM : -EIO;
}
