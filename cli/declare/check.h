/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks a document against the tables. */
#ifndef CLI_DECLARE_CHECK_H
#define CLI_DECLARE_CHECK_H

#include "cli/declare/declare.h"
#include "cli/declare/text.h"

/*
 * raw: what text_parse() made. *ret: the same document with values in the form of value.h, in the tables' order, and
 * DECLARED_LINE_KEY in its objects; owned. -EINVAL: see *error, which names the line, and the nearest word for one that
 * is not known; -ENOMEM.
 */
int check_document(const json_t *raw, json_t **ret, struct text_error *error);

#endif
