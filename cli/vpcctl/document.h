/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for apply and explain --change, YAML or JSON, and what a document would change. Every function that returns an
 * exit status has said on stderr what is wrong. */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include "cli/declare/plan.h"
#include "cli/lib/cli.h"

/* Reads a file; "-": standard input. *ret: as text_parse() makes it, owned. Returns an exit status. */
int document_read(const char *file, json_t **ret);
/* Checks such a text as a document. *ret: as check_document() makes it, owned. Returns an exit status. */
int document_check(const char *file, const json_t *text, json_t **ret);

/* What a document changes in the state of a revision. */
struct document_plan {
	const char *file; /* borrowed */
	struct snapshot snapshot;
	struct plan plan;
	uint64_t revision;
};

/* Reads the state and makes the plan of a document that document_check() made, and that must live as long. ret: to be
 * cleared with document_plan_clear(), on failure too. Returns an exit status. */
int document_plan(struct cli *cli, const char *file, const json_t *document, bool prune, struct document_plan *ret);
void document_plan_clear(struct document_plan *p);

/*
 * Sends the plan's changes, of which there is one at least, for the plan's revision alone. members: more members of the
 * body, consumed; NULL: none. What vpcd refuses is told with its place in the document. *ret: the reply, owned. Returns
 * an exit status; CLI_AGAIN: somebody else was faster, and the plan is to be made anew.
 */
int document_send(struct cli *cli, const struct document_plan *p, const char *path, json_t *members, json_t **ret);

/* Sends a body with changes, if it isn't larger than vpcd takes. body: consumed. Else as document_send(). */
int document_send_changes(struct cli *cli, const char *path, json_t *body, json_t **ret);

#endif
