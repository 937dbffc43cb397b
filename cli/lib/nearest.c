/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/nearest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau's and Levenshtein's, of words up to WORD_MAX letters. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *swap = before;

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t wrong = last[j - 1] + !same(a[i - 1], b[j - 1]);

			now[j] = least(wrong, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = swap;
	}
	return last[m];
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t word = strlen(n->word), length = strlen(candidate), d;

	if (!word || !length || word > WORD_MAX || length > WORD_MAX)
		return;
	d = distance(n->word, word, candidate, length);
	if (d > (word < 3 ? 1 : (word + 2) / 3) || d >= length || (n->found && d >= n->distance))
		return;
	n->found = candidate;
	n->distance = d;
}
