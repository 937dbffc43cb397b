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

#include "store/sqlite/internal.h"

#define WAL_RESERVED_BYTES (32 * 1024 * 1024)
/* What is written between checkpoints: a thousand changes or more, since the one that comes while it ends waits for the
 * disk, too. With what is committed meanwhile it fits what is reserved. */
#define WAL_DUE_BYTES	   (24 * 1024 * 1024)
/* A log that a large transaction has made larger than this is cut when there is nothing to do: to give back the disk's
 * space may take the file system hundreds of milliseconds. */
#define WAL_MAX_BYTES	   (64 * 1024 * 1024)
#define WAL_HEADER_BYTES   32
#define WAL_FRAME_BYTES	   (4096 + 24) /* a page and its header; a page of the default size */
/* Who reads the file by other means holds up the end of a checkpoint, and nothing else. */
#define READERS_BUSY_MS	   100
#define ZEROS_BYTES	   (64 * 1024)

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

int store_wal_configure(struct store *s, struct vpc_error *reterr)
{
	/* SQLite would cut it within a commit. */
	if (sqlite3_exec(s->db, "PRAGMA journal_size_limit = -1", NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(s, "read", reterr);
	sqlite3_wal_hook(s->db, note_frames, s);
	return 0;
}

void store_wal_reserve(struct store *s)
{
	reserve(s->wal_file.path);
}

off_t store_wal_bytes(const struct store *s)
{
	return s->wal_frames ? WAL_HEADER_BYTES + (off_t)s->wal_frames * WAL_FRAME_BYTES : 0;
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

/* SQLite's code. SQLITE_BUSY: not all of it, somebody reads from the log. */
static int checkpoint(sqlite3 *db, int mode)
{
	int frames = 0, done = 0;
	int r = sqlite3_wal_checkpoint_v2(db, NULL, mode, &frames, &done);

	return r == SQLITE_OK && done < frames ? SQLITE_BUSY : r;
}

int store_checkpoint(struct store *s)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	sqlite3 *db = NULL;
	int r;

	pthread_rwlock_rdlock(&s->connections);
	/* A connection that is new would make the files that are missing. */
	if (store_files_check(s, &error) < 0) {
		pthread_rwlock_unlock(&s->connections);
		return -ESTALE;
	}
	r = sqlite3_open_v2(s->path, &db, SQLITE_OPEN_READWRITE, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* A connection that has read nothing doesn't know yet that there is a log, and would checkpoint nothing. */
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, "SELECT revision FROM state", NULL, NULL, NULL);
	/* PASSIVE makes no writer wait. Frames that come while it runs are store_checkpoint_finish's. */
	if (r == SQLITE_OK)
		r = checkpoint(db, SQLITE_CHECKPOINT_PASSIVE);
	sqlite3_close_v2(db);
	pthread_rwlock_unlock(&s->connections);
	return r == SQLITE_OK ? 0 : r == SQLITE_BUSY ? -EBUSY : r == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

int store_checkpoint_finish(struct store *s)
{
	int r;

	if (!s->db || s->failed)
		return 0;
	sqlite3_busy_timeout(s->db, READERS_BUSY_MS);
	r = checkpoint(s->db, SQLITE_CHECKPOINT_PASSIVE);
	return r == SQLITE_OK ? 0 : r == SQLITE_BUSY ? -EBUSY : -EIO;
}

/* Cuts a log that is too large, and gives it its size again. */
static void cut(struct store *s)
{
	struct stat st;

	if (stat(s->wal_file.path, &st) < 0 || st.st_size <= WAL_MAX_BYTES)
		return;
	sqlite3_busy_timeout(s->db, READERS_BUSY_MS);
	if (checkpoint(s->db, SQLITE_CHECKPOINT_TRUNCATE) != SQLITE_OK)
		return;
	s->wal_frames = 0;
	store_wal_reserve(s);
}

int store_idle_work(struct store *s, struct vpc_error *reterr)
{
	int r;

	if (!s->db || s->failed)
		return 0;
	r = store_files_check(s, reterr);
	if (r < 0)
		return r;
	cut(s);
	if (s->ack_fd >= 0)
		(void)!fdatasync(s->ack_fd);
	return 0;
}

bool store_wal_finish(struct store *s)
{
	sqlite3_busy_timeout(s->db, READERS_BUSY_MS);
	/* RESTART: when it succeeds, nobody reads from the log any more. */
	return checkpoint(s->db, SQLITE_CHECKPOINT_RESTART) == SQLITE_OK;
}

/*
 * A log whose frames are all in the file is still played over it by the next start. As long as it is whole that changes
 * nothing; with a wrong byte in it older pages would take the place of newer ones. So its header goes: SQLite takes a
 * log with a header that is wrong for an empty one (fileformat2.html, 4.1). Others who have the file open are not
 * disturbed: they know that all is in the file, and write a header of their own.
 */
void store_wal_void(struct store *s)
{
	static const char zeros[WAL_HEADER_BYTES];
	_cleanup_close_ int fd = s->wal_file.path ? open(s->wal_file.path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd >= 0 && pwrite(fd, zeros, sizeof(zeros), 0) == sizeof(zeros))
		(void)!fdatasync(fd);
}
