/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of how the maps of flows and of fragments are divided. */
#ifndef TESTS_SHARE_UTIL_H
#define TESTS_SHARE_UTIL_H

#include "bpf_util.h"

/* More than the 1024 entries of a map. */
#define SHARE_MANY 3000

/* lab_usual() where everything may enter ENI_B, 100 connections may be half open, and one CPU sends everything. */
struct lab *share_lab(void);
/* The IPv4 address of ENI_A, ENI_B, ENI_C or ENI_D. */
const char *share_address(uint32_t number);

#endif
