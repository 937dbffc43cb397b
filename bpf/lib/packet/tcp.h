/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP: which flags are valid, and how a segment changes a flow's state. Sequence numbers are not tracked: the ends do
 * that, and a wrong guess here would cut a connection that both ends keep.
 */
#ifndef BPF_LIB_TCP_H
#define BPF_LIB_TCP_H

#include "lib/core/base.h"

#define TCP_FIN	  0x01
#define TCP_SYN	  0x02
#define TCP_RST	  0x04
#define TCP_ACK	  0x10
#define TCP_JUDGE (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK) /* PSH, URG and the ECN bits don't matter here */

/* Whether a connection has this combination of flags. The combinations are those of nf_conntrack's tcp_valid_flags
 * (net/netfilter). */
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

/* What a SYN without ACK means to a live flow. PASS: it belongs to it (simultaneous open). OPEN_KEEP: the opener sends
 * its SYN again. OPEN_NEW: it opens another connection with the same ports. from: 0 the opener sent it, 1 the
 * responder. */
static __always_inline enum verdict tcp_syn(const struct vpc_flow *f, __u32 from)
{
	if (f->state == VPC_FLOW_CLOSING || f->state == VPC_FLOW_RESET)
		return OPEN_NEW;
	if (!from) /* after its FIN the opener doesn't repeat its SYN */
		return f->flags & VPC_FLOW_FIN_OPENER ? OPEN_NEW : OPEN_KEEP;
	return f->state == VPC_FLOW_SYN_SENT ? PASS : OPEN_NEW;
}

#define TCP_FINS     (VPC_FLOW_FIN_OPENER | VPC_FLOW_FIN_RESPONDER)
#define TCP_LAST_ACK (VPC_FLOW_LAST_ACK_OPENER | VPC_FLOW_LAST_ACK_RESPONDER)

/* Notes a FIN. The first FIN stores the number that will acknowledge it. The second, if it acknowledges the first,
 * stores who has to send the last ACK. If it doesn't, both FINs stay unacknowledged until the flow times out. */
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

/* Whether the segment ends the connection: it is the last ACK, or a RST that the receiver will accept. f: the flow
 * before the segment. */
static __always_inline int tcp_over(const struct vpc_flow *f, const struct packet *p, __u32 from)
{
	__u8 wanted = from ? VPC_FLOW_LAST_ACK_RESPONDER : VPC_FLOW_LAST_ACK_OPENER;

	if (p->sure_reset)
		return f->state != VPC_FLOW_TOMBSTONE;
	return f->state == VPC_FLOW_CLOSING && (f->flags & wanted) && (p->tcp_flags & TCP_JUDGE) == TCP_ACK &&
	       p->ack == f->last_ack;
}

/* Moves the copy of an entry on by the segment: state, flags, saved_state, last_ack. */
static __always_inline void tcp_step(struct vpc_flow *f, const struct packet *p, __u32 from)
{
	__u8 flags = p->tcp_flags;

	if (flags & TCP_RST) {
		/* The RST may be forged, and the receiver may ignore it. The state before it is saved, and a segment
		 * with data restores it. */
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
