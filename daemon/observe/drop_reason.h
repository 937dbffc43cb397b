/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The drop reasons of include/vpc/abi/drop_reasons.def as text. */
#ifndef OBSERVE_DROP_REASON_H
#define OBSERVE_DROP_REASON_H

/* The label of a reason, and what it means. reason: VPC_DROP_…. */
const char *drop_reason_label(int reason);
const char *drop_reason_text(int reason);

#endif
