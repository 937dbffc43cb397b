/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Characters by which a text shows as another than it is. */
#ifndef VPC_TEXT_H
#define VPC_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* Unicode's Bidi_Control: they turn the direction of what follows, other people's columns included. */
static inline bool text_is_bidirectional(uint32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Nothing is seen of them: Unicode's Default_Ignorable_Code_Point, line and paragraph separators, the blank braille
 * pattern and the marks around annotations. With one of these a name looks like another. */
static inline bool text_is_invisible(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{0x00ad, 0x00ad},   {0x034f, 0x034f},	{0x115f, 0x1160},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
		{0x200b, 0x200d},   {0x2028, 0x2029},	{0x2060, 0x2065},   {0x206a, 0x206f}, {0x2800, 0x2800},
		{0x3164, 0x3164},   {0xfe00, 0xfe0f},	{0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	};

	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

#endif
