/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/screen.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <vpc/cleanup.h>
#include <vpc/text.h>

#define CUT_MARK  "..."
#define CUT_WIDTH (sizeof(CUT_MARK) - 1)

/* Walks a text a character at a time. Returns its length in bytes, 0 at the end; a byte that is no character counts as
 * one. */
static size_t next_character(const char *text, mbstate_t *state, wchar_t *ret)
{
	size_t n = mbrtowc(ret, text, strlen(text), state);

	if (!*text)
		return 0;
	if (n == 0 || n == (size_t)-1 || n == (size_t)-2) {
		*state = (mbstate_t){0};
		*ret = L'?';
		return 1;
	}
	return n;
}

static size_t character_width(wchar_t c)
{
	int width = wcwidth(c);

	return width > 0 ? (size_t)width : 0;
}

/* Length in bytes of the longest start of a text that takes no more than `widest` columns; *ret_width: what it takes.
 */
static size_t fitting(const char *text, size_t widest, size_t *ret_width)
{
	mbstate_t state = {0};
	size_t length = 0, n;
	wchar_t c;

	*ret_width = 0;
	for (; (n = next_character(text + length, &state, &c)) > 0; length += n) {
		if (*ret_width + character_width(c) > widest)
			break;
		*ret_width += character_width(c);
	}
	return length;
}

/* Columns that a clean text takes. */
static size_t screen_width(const char *text)
{
	size_t width;

	fitting(text, SIZE_MAX, &width);
	return width;
}

char *screen_clean(const char *text)
{
	char *copy = malloc(strlen(text) + 1), *at = copy;
	mbstate_t state = {0};
	wchar_t c;
	size_t n;

	if (!copy)
		return NULL;
	for (; (n = next_character(text, &state, &c)) > 0; text += n) {
		bool valid = n > 1 || (unsigned char)*text < 0x80;

		if (!valid || wcwidth(c) < 0 || text_is_bidirectional((uint32_t)c) || text_is_invisible((uint32_t)c)) {
			*at++ = '?';
			continue;
		}
		memcpy(at, text, n);
		at += n;
	}
	*at = '\0';
	return copy;
}

char *screen_cut(const char *text, size_t widest)
{
	_cleanup_free_ char *clean = screen_clean(text);
	size_t width, length;
	char *cut = NULL;

	if (!clean || screen_width(clean) <= widest)
		return TAKE_PTR(clean);
	length = fitting(clean, widest > CUT_WIDTH ? widest - CUT_WIDTH : 0, &width);
	return asprintf(&cut, "%.*s" CUT_MARK, (int)length, clean) < 0 ? NULL : cut;
}
