/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The error that a person will read: a code of errors.def, the field of the request it is about, a sentence that says
 * what to do, and who holds what is in the way. Functions that can fail for a person's reasons take a last parameter
 * `struct vpc_error *reterr` (never NULL), fill it and return the negative errno that vpc_error_set() returns.
 */
#ifndef VPC_ERROR_H
#define VPC_ERROR_H

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <vpc/array.h>
#include <vpc/cleanup.h>

enum vpc_code {
#define ERROR(symbol, code, status, title) VPC_E_##symbol,
#include <vpc/errors.def>
#undef ERROR
	VPC_E_COUNT
};

/* Long enough to list a hundred holders. */
#define VPC_ERROR_MESSAGE_MAX 4096

struct vpc_error {
	enum vpc_code code;
	char field[64];			     /* "" or the request's field, as "rules[3].cidr" */
	char message[VPC_ERROR_MESSAGE_MAX]; /* one sentence */
	char **holders;			     /* NULL or n_holders ids, owned */
	size_t n_holders;
	int change; /* index of the change in a transaction, -1 */
};

#define VPC_ERROR_INIT ((struct vpc_error){.change = -1})

static inline const char *vpc_code_string(enum vpc_code code)
{
	static const char *const codes[] = {
#define ERROR(symbol, code, status, title) [VPC_E_##symbol] = code,
#include <vpc/errors.def>
#undef ERROR
	};
	return code < VPC_E_COUNT ? codes[code] : "InternalError";
}

static inline int vpc_code_status(enum vpc_code code)
{
	static const short statuses[] = {
#define ERROR(symbol, code, status, title) [VPC_E_##symbol] = status,
#include <vpc/errors.def>
#undef ERROR
	};
	return code < VPC_E_COUNT ? statuses[code] : 500;
}

static inline const char *vpc_code_title(enum vpc_code code)
{
	static const char *const titles[] = {
#define ERROR(symbol, code, status, title) [VPC_E_##symbol] = title,
#include <vpc/errors.def>
#undef ERROR
	};
	return code < VPC_E_COUNT ? titles[code] : "";
}

/* Frees what it owns; the error itself stays usable and empty. */
static inline void vpc_error_clear(struct vpc_error *e)
{
	for (size_t i = 0; i < e->n_holders; i++)
		free(e->holders[i]);
	free(e->holders);
	*e = VPC_ERROR_INIT;
}

#define _cleanup_error_ _cleanup_(vpc_error_clear)

/* Fills *e. field may be NULL. Returns -EINVAL, for `return vpc_error_set(…)`. */
PRINTF_LIKE(4, 5)
static inline int vpc_error_set(struct vpc_error *e, enum vpc_code code, const char *field, const char *format, ...)
{
	va_list ap;

	e->code = code;
	snprintf(e->field, sizeof(e->field), "%s", field ? field : "");
	va_start(ap, format);
	vsnprintf(e->message, sizeof(e->message), format, ap);
	va_end(ap);
	return -EINVAL;
}

/* Adds one holder's id (copied). Out of memory: the list stays shorter, returns -ENOMEM. */
static inline int vpc_error_add_holder(struct vpc_error *e, const char *id)
{
	char *copy = strdup(id), **added = copy ? ARRAY_ADD(e->holders, e->n_holders) : NULL;

	if (!added) {
		free(copy);
		return -ENOMEM;
	}
	*added = copy;
	return 0;
}

/* Out of memory as an error for a person; returns -ENOMEM. */
static inline int vpc_error_oom(struct vpc_error *e)
{
	vpc_error_set(e, VPC_E_INTERNAL_ERROR, NULL, "out of memory");
	return -ENOMEM;
}

#endif
