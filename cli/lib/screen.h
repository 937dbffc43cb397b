/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text on a terminal: what it takes of a line, and what must not reach the terminal. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stddef.h>

/* A copy in which every byte that is no character and every control, bidirectional and invisible character is '?'.
 * Owned; NULL: out of memory. */
char *screen_clean(const char *text);
/* A clean copy of at most `widest` columns; what was cut ends with "...". Owned; NULL: out of memory. */
char *screen_cut(const char *text, size_t widest);

#endif
