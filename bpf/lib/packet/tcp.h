/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP: which flags make sense, and what a segment does to a flow. No sequence numbers are followed: the ends do that,
 * and a wrong guess here would cut what they hold alive.
 */
#ifndef BPF_LIB_TCP_H
#define BPF_LIB_TCP_H

#include "lib/core/base.h"

#define TCP_FIN	  0x01
#define TCP_SYN	  0x02
#define TCP_RST	  0x04
#define TCP_ACK	  0x10
#define TCP_JUDGE (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK) /* PSH, URG and the ECN bits say nothing here */

/* The combinations that a connection has: the same as nf_conntrack's tcp_valid_flags (net/netfilter). */
static __always_inline int tcp_flags_valid(__u8 flags)
{
	switch (flags & TCP_JUDGE) {
	case TCP_SYN:
	case TCP_SYN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
	case TCP_FIN | TCP_ACK:
	case TCP_ACK:
		return 1;
	default:
		return 0;
	}
}

static __always_inline int tcp_opens(__u8 flags)
{
	return (flags & TCP_JUDGE) == TCP_SYN;
}

/* What a pure SYN means to a live flow: PASS: part of it (simultaneous open); OPEN_KEEP: the opener asks again;
 * OPEN_NEW: another connection with the same ports. from: 0 the opener sent it, 1 the responder. */
static __always_inline enum verdict tcp_syn(const struct vpc_flow *f, __u32 from)
{
	if (f->state == VPC_FLOW_CLOSING || f->state == VPC_FLOW_RESET)
		return OPEN_NEW;
	if (!from) /* after its FIN it doesn't ask for the same one again */
		return f->flags & VPC_FLOW_FIN_OPENER ? OPEN_NEW : OPEN_KEEP;
	return f->state == VPC_FLOW_SYN_SENT ? PASS : OPEN_NEW;
}

#define TCP_FINS     (VPC_FLOW_FIN_OPENER | VPC_FLOW_FIN_RESPONDER)
#define TCP_LAST_ACK (VPC_FLOW_LAST_ACK_OPENER | VPC_FLOW_LAST_ACK_RESPONDER)

/* A FIN: the first one notes what will acknowledge it. The second, if it does that, notes who has still to acknowledge
 * it; else both go on being waited for, until the time is over. */
static __always_inline void tcp_fin(struct vpc_flow *f, const struct packet *p, __u32 from)
{
	__u8 mine = from ? VPC_FLOW_FIN_RESPONDER : VPC_FLOW_FIN_OPENER;

	if (f->flags & mine)
		return;
	if ((f->flags & TCP_FINS) && f->last_ack == p->ack)
		f->flags |= from ? VPC_FLOW_LAST_ACK_OPENER : VPC_FLOW_LAST_ACK_RESPONDER;
	f->flags |= mine;
	f->last_ack = (__u16)(p->seq_end + 1);
}

/* Whether nothing more is to come of the connection behind this segment: it is the last ACK. f as before it. */
static __always_inline int tcp_over(const struct vpc_flow *f, const struct packet *p, __u32 from)
{
	__u8 wanted = from ? VPC_FLOW_LAST_ACK_RESPONDER : VPC_FLOW_LAST_ACK_OPENER;

	return f->state == VPC_FLOW_CLOSING && (f->flags & wanted) && (p->tcp_flags & TCP_JUDGE) == TCP_ACK &&
	       p->ack == f->last_ack;
}

/* Moves the copy of an entry on: state, flags, saved_state, last_ack. */
static __always_inline void tcp_step(struct vpc_flow *f, const struct packet *p, __u32 from)
{
	__u8 flags = p->tcp_flags;

	if (flags & TCP_RST) {
		/* Perhaps a forged one that the receiver will ignore: remember what it was, data brings it back. */
		if (f->state != VPC_FLOW_RESET && f->state != VPC_FLOW_CLOSING) {
			f->saved_state = f->state;
			f->state = VPC_FLOW_RESET;
		}
		return;
	}
	if (f->state == VPC_FLOW_RESET)
		f->state = f->saved_state;
	if (f->state == VPC_FLOW_SYN_SENT && from && (flags & TCP_SYN))
		f->state = VPC_FLOW_SYN_RECEIVED;
	else if (f->state == VPC_FLOW_SYN_RECEIVED && !from && (flags & TCP_ACK) && !(flags & TCP_SYN))
		f->state = VPC_FLOW_ESTABLISHED;
	if (flags & TCP_FIN)
		tcp_fin(f, p, from);
	if ((f->flags & TCP_FINS) == TCP_FINS)
		f->state = VPC_FLOW_CLOSING;
}

#endif
