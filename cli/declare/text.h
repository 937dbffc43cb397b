/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads YAML or JSON. Takes outside bytes: tests/fuzz/fuzz_document.c. */
#ifndef CLI_DECLARE_TEXT_H
#define CLI_DECLARE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Deepest nesting of a document, and most bytes of one. */
#define TEXT_DEPTH_MAX 16
#define TEXT_BYTES_MAX (64u << 20)

/* What is wrong with a document. */
struct text_error {
	unsigned line;	   /* 0: not known */
	const char *code;  /* of errors.def */
	char message[512]; /* one line */
};

/*
 * Parses one document whose top is an object or a list. Each object gets the member TEXT_LINES: {key: line of the key},
 * and "" its own line. JSON that YAML can't read has none. text[size] is NUL. *ret: owned. -EINVAL: see *error;
 * -ENOMEM. Not supported: anchors, tags, several documents, keys that are no texts, keys twice.
 */
int text_parse(const char *text, size_t size, json_t **ret, struct text_error *error);
#define TEXT_LINES "\001lines"

/* The line of a member of an object that text_parse() made; key "": of the object. 0: not known. */
unsigned text_line(const json_t *object, const char *key);

/* A copy without TEXT_LINES. Owned; NULL: out of memory. */
json_t *text_strip(const json_t *value);

/* Fills *error; returns -EINVAL. */
__attribute__((__format__(__printf__, 4, 5))) int text_refuse(struct text_error *error, unsigned line, const char *code,
							      const char *format, ...);

#endif
