/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows, fragments, and what vpcd has the sweep do to flows.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_FLOW_H
#define VPC_ABI_FLOW_H

#include <linux/types.h>

/* --- flows ------------------------------------------------------------------------------------------------------ */

/*
 * flow: hash that never evicts: established TCP connections and UDP streams. flow_new: LRU of all other flows.
 * flow_overflow: LRU of what would be in flow_new, of openers that have more than their share there.
 */

struct vpc_flow_key {
	__u32 vpc;
	__u32 via;	   /* 0, or an appliance ENI's number << 1 | direction (0: what it sends, 1: what it
			    * receives) */
	__be32 addr[2][4]; /* IPv4 as ::ffff:a.b.c.d; ascending by bytes, then by port */
	__be16 port[2];	   /* index as addr. TCP and UDP: the port; ICMP queries with an id: the id in both; others:
			    * 0 */
	__u8 proto;	   /* IP protocol number */
	__u8 icmp_type;	   /* ICMP and ICMPv6: type of the query that opens the flow (echo: 8, 128), in its answer too;
			    * others: 0 */
	__u8 icmp_code;
	__u8 icmp_asker; /* ICMP and ICMPv6: index of the address that asks; others: 0 */
};
_Static_assert(sizeof(struct vpc_flow_key) == 48, "vpc_flow_key");

enum vpc_flow_state {
	VPC_FLOW_NONE,
	VPC_FLOW_SYN_SENT,     /* TCP: a SYN was seen */
	VPC_FLOW_SYN_RECEIVED, /* TCP: the SYN-ACK was seen */
	VPC_FLOW_ESTABLISHED,  /* TCP: the last ACK of the handshake, or data, was seen */
	VPC_FLOW_CLOSING,      /* TCP: both FINs were seen */
	VPC_FLOW_RESET,	       /* TCP: a RST was seen; later data restores saved_state */
	VPC_FLOW_ONE_WAY,      /* UDP, ICMP echo: nothing came back */
	VPC_FLOW_REPLIED,      /* UDP, ICMP echo: one packet came back */
	VPC_FLOW_STREAM,       /* UDP: more than a request and its reply */
	VPC_FLOW_OTHER,	       /* other protocols: known by addresses and protocol */
	VPC_FLOW_TOMBSTONE,    /* cut: packets of both directions are dropped until 16 minutes after the last one */
	VPC_FLOW_STATES
};

#define VPC_FLOW_FIN_OPENER	    1u /* the opener sent a FIN */
#define VPC_FLOW_FIN_RESPONDER	    2u
#define VPC_FLOW_BUDGETED	    4u	/* counted in eni_flows of its local sides and in vpc_flows */
#define VPC_FLOW_PICKED_UP	    8u	/* picked up mid-stream */
#define VPC_FLOW_FROM_HOST	    16u /* the host itself opened it by an internet gateway: its answers go back so */
#define VPC_FLOW_HALF_OPEN	    32u /* in `flow` before it is established; counted in vpc_flows */
/* Both FINs were seen, and the second acknowledged the first. Only the ACK of last_ack is missing, from the opener or
 * from the responder. */
#define VPC_FLOW_LAST_ACK_OPENER    64u
#define VPC_FLOW_LAST_ACK_RESPONDER 128u

/* The epoch of a tombstone that no change of rules has judged again: somebody has cut the flow by hand, although rules
 * may allow it. No epoch in force gets so far. */
#define VPC_EPOCH_CUT (~0ull >> 1)

/* When a side's grace ends: in units of 2^26 ns (67 ms) of CLOCK_MONOTONIC, which last for nine years. */
#define VPC_GRACE_SHIFT 26
#define VPC_GRACE_KEEP	(~0u)

/* The word of an ENI of a peered VPC: its number, and above it a digest of its incarnation. The digest tells the ENI
 * from an earlier one with the same number. */
#define VPC_PEER_WORD(number, incarnation) \
	((VPC_NUMBER_MASK & (number)) | ((incarnation) ^ (incarnation) >> 12) << VPC_NUMBER_BITS)

/* Index 0 of the sides is the opener, 1 the responder. */
struct vpc_flow {
	__u64 tag;	    /* digest of the key, by which a recycled element is told from this flow */
	__u64 epoch;	    /* the epoch at which it was last judged */
	__u64 last_seen_ns; /* CLOCK_MONOTONIC, exact to a second, as all times of a flow */
	__u64 created_ns;
	/* By side: the opener's egress, the responder's ingress. Until then, a side whose groups no longer allow the
	 * flow doesn't cut it. Only vpcd gives and ends a grace (`sweep`). An entry with a grace stays in its map. */
	__u32 grace_until[2];
	__u32 eni[2]; /* the local ENI that is the side and was judged; 0: the side isn't local, or isn't judged yet */
	/* Of the local ENI. A side that isn't local and came by a peering has its VPC_PEER_WORD() here, any other 0. */
	__u32 incarnation[2];
	__u32 rule[2];	 /* number of the rule that allowed the side */
	__u32 timeout_s; /* idle seconds after which it expires; depends on its state */
	__u8 state;	 /* enum vpc_flow_state */
	__u8 flags;	 /* VPC_FLOW_… */
	__u8 opener;	 /* 0 or 1: index of the opener in the key */
	__u8 icmp_type;	 /* type of the first packet */
	__u8 icmp_code;
	__u8 saved_state; /* of a tombstone, or after a RST: the state before */
	__u16 last_ack;	  /* low 16 bits of the acknowledgement that answers the last FIN */
	__u32 packets;	  /* roughly: counted only when the entry is written anyway */
};
_Static_assert(sizeof(struct vpc_flow) == 80, "vpc_flow");

/*
 * flow_young: array of slots, mmapable. A TCP connection between two ENIs begins in the slot that its tag names, if
 * that is free. It is in none of the maps above then. bpf/lib/flow/young.h says who may do what with a slot.
 *
 * In a slot, flow.icmp_type counts the connections that the slot has had.
 */
struct vpc_young {
	struct vpc_flow flow; /* state VPC_FLOW_NONE: the slot is free */
	struct vpc_flow_key key;
};
_Static_assert(sizeof(struct vpc_young) == 128, "vpc_young");
#define VPC_YOUNG_SLOTS	    4096u
#define VPC_YOUNG_NS	    1000000000ull /* older connections leave their slot */
#define VPC_YOUNG_HELD	    128u	  /* in flow.opener: somebody fills or empties the slot */
#define VPC_YOUNG_SLOT(tag) ((__u32)((tag) >> 32) & (VPC_YOUNG_SLOTS - 1))

/*
 * flow_stored: array of one, mmapable. The cell of each flow in `flow`, flow_new and flow_overflow has the number of
 * one of the last VPC_STORED_ROUNDS rounds (vpc_host_flows.stored_round). Whoever inserts an entry writes the cell
 * before that. vpcd walks these maps in rounds, and writes the cells of all entries. So a flow with another number in
 * its cell is in none of them. 0 is no round.
 */
#define VPC_STORED_CELLS 131072u
struct vpc_flow_stored {
	__u8 round[VPC_STORED_CELLS];
};
#define VPC_STORED_LAST	     255u /* round 1 follows */
#define VPC_STORED_ROUNDS    3u
#define VPC_STORED_CELL(tag) ((__u32)((tag) >> 16) & (VPC_STORED_CELLS - 1))

/* flow_version: array of __u32, indexed by the lowest bits of a flow's tag. It counts the changes of state of the flows
 * with that index. An entry of the flow cache (bpf/lib/flow/cache.h) holds while it is the same. */
#define VPC_FLOW_VERSIONS 65536u

/* --- fragments -------------------------------------------------------------------------------------------------- */

/*
 * fragment: LRU {fragmented packet} -> verdict of the first fragment. fragment_overflow: LRU of the same, of senders
 * that have more than their share of `fragment`.
 */

struct vpc_fragment_key {
	__u32 eni; /* ENI << 1 | direction (0: from the workload, 1: to it) */
	__be32 id;
	__be32 src[4];
	__be32 dst[4];
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct vpc_fragment_key) == 44, "vpc_fragment_key");

struct vpc_fragment {
	__u64 seen_ns; /* CLOCK_MONOTONIC; counts for 30 s */
	__u64 epoch;   /* the epoch of the judgement */
	__u32 mark; /* skb->mark of the first fragment, which the later ones must have too; from a workload: the gateway
		     * by which it left the VPC */
	__u16 end;  /* where the first fragment ends, in units of 8 bytes; no later one may begin before it */
	__u8 allowed;
	__u8 pad;
};
_Static_assert(sizeof(struct vpc_fragment) == 24, "vpc_fragment");

/* Counts of entries of `fragment` and nat_fragment. eni_fragments: array by ENI number, mmapable. */
struct vpc_eni_fragments {
	struct vpc_window sent[2];	 /* [0] of packets that the ENI sent, [1] of those that it gets from outside the
					  * VPC */
	struct vpc_window translated[2]; /* the same of nat_fragment */
};
_Static_assert(sizeof(struct vpc_eni_fragments) == 64, "vpc_eni_fragments");

/* vpc_fragments: array by VPC number, mmapable. */
struct vpc_vpc_fragments {
	struct vpc_window sent[2];   /* as in vpc_eni_fragments, within the guaranteed number */
	struct vpc_window from_pool; /* of those that ENIs sent, beyond it */
	struct vpc_window translated[2];
	struct vpc_window translated_from_pool;
	__u64 pad[4];
};
_Static_assert(sizeof(struct vpc_vpc_fragments) == 128, "vpc_vpc_fragments");

/* --- sweep ------------------------------------------------------------------------------------------------------ */

/* sweep_io: array of one. vpcd fills it, and runs the program `sweep` once by BPF_PROG_TEST_RUN. */

#define VPC_SWEEP_MAX	     64
#define VPC_SWEEP_END_IDLE_S 60

/* What is done to each flow.
 * From GRACE on, a flow is judged by the rules of `epoch` - 1 ("before") and of `epoch` ("after"), whichever is in
 * force. So rows that died at `epoch` must still be there. A side with a grace passes. */
enum vpc_sweep_op {
	VPC_SWEEP_EXPIRE = 1, /* delete it if it was idle for its timeout at now_ns, or if its ENI is gone */
	VPC_SWEEP_CUT,	      /* make it a tombstone */
	VPC_SWEEP_END,	      /* its share is full: delete an established flow that was idle for VPC_SWEEP_END_IDLE_S */
	VPC_SWEEP_GRACE, /* it passed before: a side that isn't allowed after gets grace_until, unless it has a grace */
	VPC_SWEEP_LATE,	 /* likewise if it was opened since: nothing was revoked since its judgement */
	VPC_SWEEP_CONFIRM, /* a side's grace ends if the side was allowed before */
	VPC_SWEEP_UNSPARE, /* every grace ends */
	VPC_SWEEP_REPORT,  /* change nothing: tell whether it passed before and fails after */
	VPC_SWEEP_FAILS,   /* change nothing: tell whether it fails after */
	VPC_SWEEP_ADDRESS, /* every grace ends if a side lost its address */
	VPC_SWEEP_FLUSH,   /* it is moved out of its slot of flow_young, as before each of the others but END */
};

/* What became of it. */
enum vpc_swept {
	VPC_SWEPT_NOTHING,
	/* EXPIRE, END: deleted. GRACE, LATE, CONFIRM, ADDRESS: has a grace. UNSPARE: passed by a grace alone.
	 * REPORT: passed before, and not after. FAILS: doesn't pass after. CUT: cut. */
	VPC_SWEPT_DONE,
	VPC_SWEPT_ENDED, /* ADDRESS: passed by a grace alone, which ended */
};

struct vpc_sweep {
	__u32 op; /* enum vpc_sweep_op */
	__u32 n;
	__u64 epoch;
	__u64 now_ns;	   /* CLOCK_MONOTONIC */
	__u32 grace_until; /* VPC_GRACE_… units */
	__u32 pad;
	struct vpc_flow_key key[VPC_SWEEP_MAX];
	__u8 result[VPC_SWEEP_MAX]; /* enum vpc_swept */
};
_Static_assert(sizeof(struct vpc_sweep) == 32 + 48 * 64 + 64, "vpc_sweep");

#endif
