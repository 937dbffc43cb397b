/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and closing: folder, lock, database file, prepared statements. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/mkdir.h>

#include "store/sqlite/internal.h"

#define OPEN_BUSY_MS 5000

static const char *const statement_sql[] = {
#define STATEMENT(symbol, sql) [STORE_##symbol] = sql,
	STORE_STATEMENTS(STATEMENT)
#undef STATEMENT
};

/* Makes the folder 0700, and those above it that are missing 0755. */
static int make_folder(const char *path, struct vpc_error *reterr)
{
	int r = mkdir_parents(path, 0755, 0700);

	if (r == 0)
		return 0;
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot make the folder %s: %s", path, strerror(-r));
	return -EIO;
}

/* One process per state folder. The lock file holds the owner's pid, for the message only: the lock is the flock. */
static int take_lock(const char *state_dir, int *ret_fd, struct vpc_error *reterr)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char pid[24] = "";

	if (asprintf(&path, "%s/" STORE_LOCK_FILE, state_dir) < 0) {
		path = NULL;
		return vpc_error_oom(reterr);
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot open %s: %s", path, strerror(errno));
		return -EIO;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

		pid[n > 0 ? n : 0] = '\0';
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
			      "the state in %s is in use by another vpcd (process %s); end that one, or choose another "
			      "--state-dir",
			      state_dir, *pid ? pid : "unknown");
		return -EBUSY;
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0) {
		vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot write %s: %s", path, strerror(errno));
		return -EIO;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Makes the database file with its mode before SQLite sees it (the WAL copies the mode), and its name durable. Only
 * under the lock: closing any descriptor of the file drops SQLite's own locks on it. */
static int make_file(const char *state_dir, const char *path, struct vpc_error *reterr)
{
	_cleanup_close_ int dir = -1, fd = -1;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		return 0;
	dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && dir >= 0 && fsync(dir) == 0)
		return 0;
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL, "cannot make %s: %s", path, strerror(errno));
	return -EIO;
}

static int prepare_statements(struct store *s, struct vpc_error *reterr)
{
	for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
				       NULL) != SQLITE_OK)
			return store_fail(s, "prepare a statement for", reterr);
	return 0;
}

static void disconnect(struct store *s)
{
	for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++) {
		sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	sqlite3_close_v2(s->db);
	s->db = NULL;
	s->wal_frames = 0;
}

static int connect(struct store *s, struct vpc_error *reterr)
{
	static const char pragmas[] = "PRAGMA locking_mode = normal;"
				      "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA wal_autocheckpoint = 0;"
				      "PRAGMA cell_size_check = ON;"
				      "PRAGMA trusted_schema = OFF;"
				      "PRAGMA temp_store = MEMORY;";

	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return s->db ? store_fail(s, "open", reterr) : vpc_error_oom(reterr);
	sqlite3_busy_timeout(s->db, OPEN_BUSY_MS);
	/* Who closes last would checkpoint, after an error too. */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sqlite3_exec(s->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(s, "read", reterr);
	return store_wal_configure(s, reterr);
}

static int connect_again(struct store *s, bool new_log, struct vpc_error *reterr)
{
	struct store_totals totals;
	int r = new_log ? 0 : store_files_check(s, reterr); /* SQLite would make what is missing */

	if (r == 0)
		r = connect(s, reterr);
	if (r == 0)
		r = prepare_statements(s, reterr);
	if (r == 0)
		r = store_state_read(s, &totals, reterr);
	if (r == 0)
		r = store_files_note(s, reterr);
	if (r < 0)
		return r;
	if (totals.revision == s->totals.revision && totals.digest == s->totals.digest)
		return 0;
	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
		      "%s is at revision %llu, and was left at %llu: somebody else wrote to it", s->path,
		      (unsigned long long)totals.revision, (unsigned long long)s->totals.revision);
	return -EIO;
}

int store_reconnect(struct store *s, bool void_log, struct vpc_error *reterr)
{
	int r;

	/* Other connections share SQLite's view of the locks with this one. */
	pthread_rwlock_wrlock(&s->connections);
	disconnect(s);
	if (void_log)
		store_wal_void(s);
	r = connect_again(s, void_log, reterr);
	if (r < 0)
		disconnect(s);
	pthread_rwlock_unlock(&s->connections);
	return r < 0 ? -EIO : 0;
}

static int count_replies(struct store *s, struct vpc_error *reterr)
{
	_cleanup_(sqlite3_finalizep) sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(s->db, "SELECT count(*) FROM reply", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW)
		return store_fail(s, "read", reterr);
	s->n_replies = (uint64_t)sqlite3_column_int64(q, 0);
	return 0;
}

static int open_checked(struct store *s, const char *state_dir, bool accept, struct vpc_error *reterr)
{
	int r = connect(s, reterr);

	if (r == 0)
		r = store_schema_prepare(s, reterr);
	if (r == 0)
		r = prepare_statements(s, reterr);
	if (r == 0)
		r = store_documents_check(s, reterr);
	if (r == 0)
		r = count_replies(s, reterr);
	if (r == 0)
		r = store_history_read(s, reterr);
	if (r == 0)
		r = store_files_note(s, reterr);
	if (r == 0)
		r = store_mark_prepare(s, state_dir, accept, reterr);
	if (r == 0)
		store_wal_reserve(s);
	return r;
}

static bool is_damaged(const struct store *s, int r)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_OK;

	return r == -EUCLEAN || code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

/* Adds to the message what the user can do. */
static void tell_what_helps(const char *state_dir, struct vpc_error *reterr)
{
	_cleanup_free_ char *found = strdup(reterr->message);

	vpc_error_set(reterr, VPC_E_STORE_UNAVAILABLE, NULL,
		      "%s. Nothing was changed, and what was enforced stays so. Put the right state back, or move %s "
		      "away and start vpcd once with --accept-store to begin with an empty one, which deletes the "
		      "networks that run",
		      found ?: "out of memory", state_dir);
}

int store_open(const char *state_dir, bool accept, struct store **ret, struct vpc_error *reterr)
{
	_cleanup_(store_closep) struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return vpc_error_oom(reterr);
	s->lock_fd = s->ack_fd = -1;
	pthread_rwlock_init(&s->connections, NULL);
	s->history.depth = STORE_HISTORY_DEPTH;
	s->history.max_bytes = STORE_HISTORY_BYTES;
	if (asprintf(&s->path, "%s/" STORE_FILE, state_dir) < 0) {
		s->path = NULL;
		return vpc_error_oom(reterr);
	}
	r = make_folder(state_dir, reterr);
	if (r == 0)
		r = take_lock(state_dir, &s->lock_fd, reterr);
	if (r == 0)
		r = store_files_check_new(state_dir, accept, reterr);
	if (r == 0)
		r = make_file(state_dir, s->path, reterr);
	if (r == 0)
		r = open_checked(s, state_dir, accept, reterr);
	if (r < 0) {
		if (is_damaged(s, r))
			tell_what_helps(state_dir, reterr);
		return r;
	}
	s->opened = true;
	*ret = TAKE_PTR(s);
	return 0;
}

void store_close(struct store *s)
{
	bool finished;

	if (!s)
		return;
	/* The log of a store that was refused, or can't be written, stays as it is. */
	finished = s->opened && !s->failed && s->db && store_wal_finish(s);
	disconnect(s);
	if (finished)
		store_wal_void(s);
	if (s->ack_fd >= 0)
		(void)!fdatasync(s->ack_fd);
	close_fd(s->ack_fd);
	pthread_rwlock_destroy(&s->connections);
	free(s->db_file.path);
	free(s->wal_file.path);
	free(s->path);
	close_fd(s->lock_fd); /* last: nobody else may have the file open beside us */
	free(s);
}

uint64_t store_revision(const struct store *s)
{
	return s->totals.revision;
}

int store_remove(const char *state_dir)
{
	static const char *const names[] = {STORE_FILE "-wal", STORE_FILE "-shm", STORE_FILE, STORE_ACK_FILE,
					    STORE_LOCK_FILE};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", state_dir, names[i]) < 0)
			return -ENOMEM;
		if (unlink(path) < 0 && errno != ENOENT)
			r = -errno;
	}
	if (rmdir(state_dir) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		r = -errno;
	return r;
}
