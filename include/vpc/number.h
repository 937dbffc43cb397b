/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decimal numbers as people and other programs write them. */
#ifndef VPC_NUMBER_H
#define VPC_NUMBER_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first `length` bytes of text: digits alone, without sign or blanks. -EINVAL: something else; -ERANGE: more than
 * max. *ret is set only on success. */
static inline int number_parse_part(const char *text, size_t length, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (length == 0)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (digit > max || n > (max - digit) / 10)
			return -ERANGE;
		n = 10 * n + digit;
	}
	*ret = n;
	return 0;
}

/* The whole text. Errors as above. */
static inline int number_parse(const char *text, uint64_t max, uint64_t *ret)
{
	return number_parse_part(text, strlen(text), max, ret);
}

#endif
