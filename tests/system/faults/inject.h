/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the preloaded library inject.so and the test that uses it share: a file, named by the environment variable
 * VPCD_FAULT, that holds a struct control and that both map. Calls are counted while `armed` is not 0, over all threads
 * and over child processes that inherit the environment. At call number `at` the `mode` is carried out, once. `faults`
 * has the same struct.
 */
#ifndef TESTS_SYSTEM_FAULTS_INJECT_H
#define TESTS_SYSTEM_FAULTS_INJECT_H

#include <stdatomic.h>
#include <stdint.h>

enum mode {
	MODE_COUNT,	  /* nothing happens */
	MODE_KILL_BEFORE, /* SIGKILL in place of the call */
	MODE_KILL_AFTER,  /* SIGKILL after the call */
	MODE_ERROR,	  /* the call is not made and fails */
	MODE_ERROR_AFTER, /* the call is made and is said to have failed: a lost acknowledgement */
};

#define NAMES	   8192
#define NAME_BYTES 16

struct control {
	_Atomic uint32_t armed;
	uint32_t mode;
	uint32_t at;   /* 1 is the first call */
	int32_t error; /* errno; 0: the usual one of the call */
	_Atomic uint32_t count;
	_Atomic uint32_t done; /* 1: carried out */
	char name[NAMES][NAME_BYTES];
};

#endif
