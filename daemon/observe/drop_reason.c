/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/drop_reason.h"

#include <vpc/abi/abi.h>

static const struct {
	const char *label, *text;
} reasons[VPC_DROP_COUNT] = {
#define DROP(symbol, label, text) {label, text},
#include <vpc/abi/drop_reasons.def>
#undef DROP
};

const char *drop_reason_label(int reason)
{
	return reasons[reason].label;
}

const char *drop_reason_text(int reason)
{
	return reasons[reason].text;
}
