/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership helpers: what a function must give back is given back when its variable goes out of scope, unless the
 * ownership was handed on with TAKE_PTR or TAKE_FD. Destructors take NULL and half-made objects.
 */
#ifndef VPC_CLEANUP_H
#define VPC_CLEANUP_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((__cleanup__(fn)))

#define TAKE_PTR(p)                          \
	({                                   \
		__typeof__(p) *_pp = &(p);   \
		__typeof__(p) _taken = *_pp; \
		*_pp = NULL;                 \
		_taken;                      \
	})

#define TAKE_FD(fd)                 \
	({                          \
		int *_fdp = &(fd);  \
		int _taken = *_fdp; \
		*_fdp = -1;         \
		_taken;             \
	})

/* Defines fn##p(), for _cleanup_, over a destructor that takes a pointer and may take NULL. */
#define DEFINE_CLEANUP(type, fn)          \
	static inline void fn##p(type *p) \
	{                                 \
		if (*p)                   \
			fn(*p);           \
	}                                 \
	struct vpc_allow_semicolon

/* Where descriptors go that there may be thousands of: a library that waits by select() can't have one above
 * FD_SETSIZE, so the numbers below are kept for what is opened for a moment. */
#define FD_HIGH 1024

/* Moves a descriptor up there; what it was is closed. Where there is no room it stays. Negative: returned as it is. */
static inline int fd_move_high(int fd)
{
	int high = fd >= 0 && fd < FD_HIGH ? fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH) : -1;

	if (high < 0)
		return fd;
	close(fd);
	return high;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static inline void close_fdp(int *fd)
{
	*fd = close_fd(*fd);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 _cleanup_(freep)
#define _cleanup_close_	 _cleanup_(close_fdp)
#define _cleanup_fclose_ _cleanup_(fclosep)

#define ARRAY_SIZE(a)	       (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(fmt, args) __attribute__((__format__(__printf__, fmt, args)))

static inline void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#endif
