/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of flow logs: <state-dir>/flow-logs/<id>.log, and three older ones beside it. The folder is root's alone,
 * so no other user can put a link in its place. These calls wait for the disk: they belong to a thread.
 */
#ifndef OBSERVE_FLOW_LOG_FILE_H
#define OBSERVE_FLOW_LOG_FILE_H

#include <stddef.h>

#define FLOW_LOG_FILE_BYTES (16u << 20)
#define FLOW_LOG_FILES_OLD  3
#define FLOW_LOG_FOLDER	    "flow-logs"

/* Appends whole lines. A file that would grow beyond FLOW_LOG_FILE_BYTES becomes <id>.log.1 first, and the oldest goes.
 * -errno: some of the lines may be in the file. */
int flow_log_file_append(const char *state_dir, const char *id, const char *lines, size_t bytes);
/* Removes the files of a flow log. Fine if there are none. */
void flow_log_file_remove(const char *state_dir, const char *id);

#endif
