/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that grow. Adding n elements one by one costs O(n): the room is doubled. */
#ifndef VPC_ARRAY_H
#define VPC_ARRAY_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The room to make for n elements where there is room for cap. */
static inline size_t array_room(size_t cap, size_t n)
{
	size_t room = cap ? cap : 8;

	while (room < n)
		room *= 2;
	return room;
}

/* Makes room for n elements in all. *cap: elements that there is room for. Returns the list, which may have moved;
 * NULL: out of memory, the old list stays as it was. */
static inline void *array_grow(void *list, size_t *cap, size_t n, size_t element_bytes)
{
	size_t grown = array_room(*cap, n);
	void *moved;

	if (n <= *cap)
		return list;
	moved = reallocarray(list, grown, element_bytes);
	if (moved)
		*cap = grown;
	return moved;
}

/* A list with its length and its room. Starts zeroed; `at` is freed by its owner. */
#define ARRAY(type)         \
	struct {            \
		type *at;   \
		size_t n;   \
		size_t cap; \
	}

/* Makes room for one more element at the end of an ARRAY and gives its address; NULL: out of memory, nothing changed.
 */
#define ARRAY_PUSH(a)                                                                        \
	({                                                                                   \
		void *_grown = array_grow((a)->at, &(a)->cap, (a)->n + 1, sizeof(*(a)->at)); \
		if (_grown)                                                                  \
			(a)->at = _grown;                                                    \
		_grown ? &(a)->at[(a)->n++] : NULL;                                          \
	})

/* The list with room for element number n, where n elements have room up to the next power of two. */
static inline void *array_make_room(void *list, size_t n, size_t element_bytes)
{
	return n & (n - 1) ? list : reallocarray(list, n ? 2 * n : 1, element_bytes);
}

/* Adds a zeroed element to a list without a capacity and gives its address; NULL: out of memory, nothing changed. Only
 * this macro may grow the list: its room follows from its length, any integer `n`. Elements may be taken away. */
#define ARRAY_ADD(list, n)                                                              \
	({                                                                              \
		__typeof__(list) _room = array_make_room((list), (n), sizeof(*(list))); \
		if (_room) {                                                            \
			(list) = _room;                                                 \
			_room = memset(&_room[(n)++], 0, sizeof(*_room));               \
		}                                                                       \
		_room;                                                                  \
	})

/* Opens a gap for an element at index `place` of a list that ARRAY_ADD grows, and gives its address; the elements from
 * there on move up. The element is not initialized. NULL: out of memory, nothing changed. */
#define ARRAY_INSERT(list, n, place)                                      \
	({                                                                \
		size_t _place = (place), _behind = (size_t)(n)-_place;    \
		__typeof__(list) _gap = ARRAY_ADD((list), (n));           \
		if (_gap) {                                               \
			_gap = &(list)[_place];                           \
			memmove(_gap + 1, _gap, _behind * sizeof(*_gap)); \
		}                                                         \
		_gap;                                                     \
	})

/* A copy of a list of n elements, with the room that ARRAY_ADD expects. The caller frees it. NULL: out of memory. */
static inline void *array_copy(const void *list, size_t n, size_t element_bytes)
{
	size_t room = 1;
	void *copy;

	while (room < n)
		room *= 2;
	copy = calloc(room, element_bytes);
	if (copy && n)
		memcpy(copy, list, n * element_bytes);
	return copy;
}

#endif
