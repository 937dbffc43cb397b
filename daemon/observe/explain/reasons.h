/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drop reasons of include/vpc/abi/drop_reasons.def as text. */
#ifndef OBSERVE_EXPLAIN_REASONS_H
#define OBSERVE_EXPLAIN_REASONS_H

/* The label of a reason, and what it means. reason: VPC_DROP_…. */
const char *explain_reason_label(int reason);
const char *explain_reason_text(int reason);

#endif
