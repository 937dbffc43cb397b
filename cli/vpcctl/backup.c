/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcctl backup, vpcctl restore */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/json.h>

#include "cli/lib/api.h"
#include "cli/lib/output.h"
#include "cli/vpcctl/commands.h"
#include "cli/vpcctl/resource.h"

/* fd: closed in every case. lasting: a regular file, which is to be on the disk. */
static int write_text(int fd, const json_t *backup, bool lasting)
{
	FILE *f = fdopen(fd, "w");
	int r = 0;

	if (!f) {
		r = -errno;
		close(fd);
		return r;
	}
	errno = 0;
	if (json_dumpf(backup, f, JSON_COMPACT) < 0 || fputc('\n', f) == EOF || fflush(f) != 0 ||
	    (lasting && fsync(fd) < 0))
		r = errno ? -errno : -EIO;
	if (fclose(f) != 0 && r == 0)
		r = errno ? -errno : -EIO;
	return r;
}

/* Beside it first, so that a backup that is there stays until the new one is whole. */
static int write_beside(const char *path, const json_t *backup)
{
	_cleanup_free_ char *beside = NULL;
	int fd, r;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_text(fd, backup, true);
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(beside);
	return r;
}

static int write_file(const char *path, const json_t *backup)
{
	_cleanup_free_ char *real = NULL;
	struct stat st;
	int fd;

	if (!strcmp(path, "-"))
		return json_dumpf(backup, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ? -EIO : 0;
	if (stat(path, &st) < 0)
		return write_beside(path, backup);
	/* What a link leads to is the backup: the link stays. */
	if (S_ISREG(st.st_mode)) {
		real = realpath(path, NULL);
		return real ? write_beside(real, backup) : -errno;
	}
	/* A device or a pipe is written to, and never replaced. */
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : write_text(fd, backup, false);
}

static int run_backup(struct cli *cli, const struct args *args)
{
	const char *path = args_get(args, "FILE");
	_cleanup_json_ json_t *backup = NULL;
	int status = api_get(cli, "/v1/backup", &backup), r;

	if (status != CLI_OK)
		return status;
	r = write_file(path, backup);
	return r == 0 ? CLI_OK
		      : api_refuse("InvalidParameterValue",
				   "cannot write %s: %s; name a place that you can write to, or - for standard output",
				   path, strerror(-r));
}

static const struct param backup_params[] = {
	{"FILE", VALUE_FILE, PARAM_REQUIRED, NULL, "where to write it; - is the standard output"},
	PARAMS_END,
};

const struct command backup_command = {
	.noun = "backup",
	.summary = "write the whole state into one file",
	.params = backup_params,
	.notes = "One JSON document with a version and a checksum: every resource with its id, addresses and MAC. When "
		 "and\n"
		 "where it was made stands apart, in `made`. The history is not in it.",
	.example = "vpcctl backup /var/backups/vpcd.json",
	.run = run_backup,
};

static int run_restore(struct cli *cli, const struct args *args)
{
	const char *path = args_get(args, "FILE");
	_cleanup_json_ json_t *reply = NULL;
	FILE *f = strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
	json_error_t where = {.text = "no object"};
	json_t *backup = f ? json_loadf(f, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where) : NULL;
	int status;

	if (!f)
		return api_unreadable(path, errno);
	if (f != stdin)
		fclose(f);
	if (!json_is_object(backup)) {
		json_decref(backup);
		return api_refuse("MalformedRequest",
				  "%s is no backup, or is damaged or cut: %s, line %d; give a file that vpcctl backup "
				  "wrote",
				  path, where.text, where.line);
	}
	status = api_change(cli, "POST", "/v1/restore", backup, 0, &reply);
	if (status != CLI_OK)
		return status;
	if (cli->output != OUTPUT_TABLE && cli->output != OUTPUT_ID)
		return output_document(cli, reply);
	printf("%s revision %lld\n", cli->dry_run ? "it could be restored; nothing was changed since" : "restored as",
	       (long long)json_integer_value(json_object_get(reply, "revision")));
	output_change(cli, reply);
	return CLI_OK;
}

static const struct param restore_params[] = {
	{"FILE", VALUE_FILE, PARAM_REQUIRED, NULL, "a backup; - is the standard input"},
	PARAM_DRY_RUN,
	PARAMS_END,
};

const struct command restore_command = {
	.noun = "restore",
	.summary = "make the state that of a backup",
	.params = restore_params,
	.notes = "All or nothing, in one transaction: what the backup doesn't have is deleted, and flows that it "
		 "doesn't\n"
		 "allow are cut; the others go on. Attachments come back as after a restart: to the namespaces that "
		 "are\n"
		 "still the same ones. On a fresh host, configure the pools of elastic IPs first.",
	.example = "vpcctl restore /var/backups/vpcd.json --dry-run\nvpcctl restore /var/backups/vpcd.json",
	.run = run_restore,
};
