/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is to be said of each rule of a group: it was never used, it is wider than what it allowed, it is as it should
 * be, or nobody can know. What is suggested allows every flow that was seen. The schema is "Advice" in the OpenAPI
 * document.
 */
#ifndef OBSERVE_ADVICE_REPORT_H
#define OBSERVE_ADVICE_REPORT_H

#include <jansson.h>

#include "model/model.h"
#include "observe/advice.h"

struct maps;

/* All borrowed. */
struct advice_question {
	const struct advice *advice;
	const struct model *model;
	struct maps *maps;
	const struct sg *sg;
	uint64_t since_s; /* seconds since 1970; 0: for as long as all is watched */
	const struct advice_times *times;
	uint64_t rounds;    /* maps_expiry_rounds() */
	uint64_t looked_ns; /* CLOCK_BOOTTIME: every flow that was there then has been looked at later; 0: not yet */
	uint64_t now_ns;    /* CLOCK_BOOTTIME */
};

/* Owned; NULL: out of memory. */
json_t *advice_report(const struct advice_question *q);

#endif
