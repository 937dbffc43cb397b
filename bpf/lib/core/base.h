/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every other header needs: access to words that others write, verdicts, and the per-CPU scratch that carries a
 * packet through the functions.
 *
 * Functions that take `which` are verified once on their own (global functions) and find the scratch again by it:
 * passing pointers would make the verifier walk them at every call. On 6.1 a map key may lie in a map value, not in
 * memory that came in as an argument; that is the other reason.
 */
#ifndef BPF_LIB_BASE_H
#define BPF_LIB_BASE_H

#include "lib/core/maps.h"

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* For reading the same bytes as another type. */
typedef __u16 __attribute__((__may_alias__)) u16_alias;
typedef __u32 __attribute__((__may_alias__)) u32_alias;
typedef __u64 __attribute__((__may_alias__)) u64_alias;

#define NS_PER_S 1000000000ull

/*
 * What judging a packet ends in, and what the caller must do. A function that judges returns an int: one of these, or a
 * drop reason (enum vpc_drop_reason, greater than 0): drop the packet for it.
 */
enum verdict {
	PASS = 0,	/* let the packet go on */
	AGAIN = -1,	/* the state was overtaken while it was read: start over with the epoch of now */
	ANSWERED = -2,	/* the packet was turned into the answer: send it back out of its port */
	OPEN_NEW = -3,	/* judge it as the opening of a flow, which replaces what is remembered, if anything */
	OPEN_KEEP = -4, /* judge it as an opening, but keep what is remembered */
	OPEN_ONCE = -5, /* judge it as an opening, and remember nothing */
	HOSTS = -6,	/* at an outer interface: it is the host's, let it go on untouched */
	DROP_SILENTLY = -7, /* a frame on an uplink that no program of ours sent: drop it without counting it */
};

static __always_inline int verdict_is_reason(int verdict)
{
	return verdict > 0;
}

static __always_inline int verdict_is_opening(int verdict)
{
	return verdict <= OPEN_NEW;
}

/* What reading or writing bytes of a packet ends in. The kernel's helpers have other negative numbers too, so callers
 * compare with BYTES_DONE only. */
enum bytes {
	BYTES_DONE = 0,	   /* go on */
	BYTES_FAILED = -1, /* the packet can't be read or written there: drop it, and don't send it on half written */
};

/* Which part of its datagram a packet is. */
enum fragment_kind {
	WHOLE,
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

enum icmp_kind {
	ICMP_NONE,
	ICMP_QUERY, /* opens a flow; also every type that is nothing else */
	ICMP_REPLY, /* answers a query */
	ICMP_ERROR, /* quotes a packet */
	ICMP_REFUSED,
	ICMP_ND,
};

/* One IP packet, read out of the frame or out of what an ICMP error quotes. IPv4 addresses as ::ffff:a.b.c.d. */
struct packet {
	__be32 src[4];
	__be32 dst[4];
	__be16 sport; /* TCP, UDP; ICMP queries and replies: the id in both */
	__be16 dport;
	__u32 l3;  /* offset of the IP header in the frame */
	__u32 l4;  /* of what follows it and its extension headers */
	__u32 end; /* of its last byte + 1 */
	__be32 fragment_id;
	__u8 fragment;	     /* enum fragment_kind */
	__u8 fragment_proto; /* what the fragments say they carry: the same in each */
	__u8 family;	     /* 4, 6 */
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_kind; /* enum icmp_kind */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 query_type; /* ICMP queries and replies: type of the query */
	__u8 hop_limit;
	__u16 fragment_at; /* in units of 8 bytes: where a later fragment begins, a first one ends */
	__u16 seq_end;	   /* TCP: low 16 bits of the sequence number behind its last byte (FIN not counted), */
	__u16 ack;	   /* and of what it acknowledges; host order */
	__u8 upper;	   /* TCP: bytes of its header */
	__u8 pad;
};

/* One end of the packet in hand: index 0 its source, 1 its destination. */
struct end {
	__u32 eni;  /* 0: not a local ENI */
	__u32 owns; /* 0: an appliance that carries it for somebody else: its groups say nothing about the address */
};

/* One side of a flow: index 0 its opener, 1 its responder. */
struct side {
	__u32 eni; /* 0: not local, not judged */
	__u32 incarnation;
	__u32 set;
	__u32 member; /* set if it counts as the other side's peer, else 0 */
};

/* The newest generations of a flow's sides: see stamp.h. */
struct stamp {
	__u64 revoke; /* the newest gen_revoke */
	__u64 own;    /* the newest gen_any of the ENIs' rows */
	__u64 rules;  /* the newest gen_any of what their rules are made of */
};

/* What caches remember of a side, for stamp.h. */
struct stamp_side {
	__u32 incarnation;
	__u32 set;
};

/* A question to the rules and where the walk through them stands. */
struct policy {
	__u32 set;
	__u32 peer_set; /* 0: the peer counts by its address only */
	__be32 peer[4];
	__u64 peer_bloom;
	__u64 plens[3];		/* prefix lengths of the class still to be tried */
	__u64 mask_group_bloom; /* groups that it may name and the peer may have */
	__u64 epoch;
	__u32 bits;	 /* port prefix lengths of the slot still to be tried */
	__u32 slot_bits; /* and of the packet's own slot, while it is ANY's turn */
	__u32 group;
	__u32 groups_at;
	__u32 peer_at;
	__u32 n_peers;
	__u32 found; /* row; 0: none */
	__u32 found_rule;
	__u16 port; /* host order */
	__u8 dir;
	__u8 slot;
	__u8 family;
	__u8 slot_now;
	__u8 stage; /* VPC_PEER_… being tried; 0: no class in hand */
	__u8 pad;
	struct vpc_mask_group_key mask_group_key;
	struct vpc_rule_key rule_key;
	/* in a classifier: where the search stands */
	struct vpc_classifier_list groups_list;
	__u32 key[4];	/* what is searched for: host order, most significant first */
	__u32 table;	/* first block; 0: none */
	__u32 nodes_at; /* block of node 0 */
	__u32 node;	/* the next; 0: none */
	__u32 level_at; /* first block of the level */
	__u32 nth;	/* block in it */
	__u32 leaves;	/* blocks of the lowest level */
	__u8 levels;	/* still to go; 0: no search in hand */
	__u8 words;	/* of a key */
	__u16 pad2;
	/* in prefix lists: lists.h */
	struct vpc_list_key list_key;
	__u32 list;	 /* in hand */
	__u32 list_bits; /* of the group, still to be tried */
	__u32 list_row;	 /* of the group, which names the list for the packet's port, */
	__u32 list_rule; /* and its rule */
};

/* The context of a callback must be on the stack (6.1). */
struct policy_walk {
	struct policy *q;
};

/* What both the slow path and the TCP fast path know of the packet in hand and its flow. The former has it in the
 * scratch, the latter on the stack. */
struct flow_ctx {
	__u64 barrier; /* for barrier_order() */
	__u64 epoch;
	__u64 now_ns; /* CLOCK_MONOTONIC, coarse */
	__u64 tag;    /* of the flow's key */
	__u32 me;     /* the ENI whose port it is */
	__u32 from;   /* index in the key of the packet's source */
};

struct scratch {
	union {
		struct flow_ctx ctx;
		struct { /* the same fields, by their own names */
			__u64 barrier;
			__u64 epoch;
			__u64 now_ns;
			__u64 tag;
			__u32 me;
			__u32 from;
		};
	};
	struct stamp stamp; /* of the local sides that are loaded */
	__u32 lost;	    /* events of this CPU since the last that went out */
	__u32 my_incarnation;
	__u32 my_flags;
	__u32 vpc;
	__u32 direction; /* VPC_EGRESS: the workload sends, VPC_INGRESS: it is about to receive; sweep: neither */
	__u32 mark;	 /* as it came */
	__u32 length;	 /* bytes of the frame */
	__u32 via;
	__u32 from_router; /* nothing received it: the subnet's router made it */
	__u32 admitted;	   /* whether `end` is filled */
	__u32 culprit;	   /* whose rules refused: whose counter */
	__u32 culprit_direction;
	__u32 opener;  /* index in the key of the opener of what is judged */
	__u32 own;     /* which side of the flow this port is */
	__u32 version; /* flow_version of the key, read before the tables are */
	__u32 target;  /* local ENI that a packet which is let through goes to; 0: bridge and router find out */
	__u32 target_incarnation;
	__u32 hop;	  /* local ENI that the frame is for, by its destination MAC or, where that says nothing, by the
			   * packet's address; 0: the gateway */
	__u32 hop_routed; /* `hop` is an appliance that a route leads to */
	__u32 way; /* by which it leaves the VPC, VPC_EDGE_… << VPC_TARGET_SHIFT | number, or came in; 0: none */
	__u32 way_known;    /* the routes were asked: */
	int way_rc;	    /* with this result */
	__u32 answers;	    /* it is of a flow that the outside opened, and sent by who answers */
	__u32 acl_receiver; /* the ENI that the network ACLs were asked about as its receiver; 0: none */
	__u32 settled;	    /* the next one like it would change nothing of its flow */
	__u32 next_mtu;	    /* what an ICMP error says the MTU is; 0: that of the ENI */
	int route_found;
	__be32 route_address[4];
	__u64 route_plens[3]; /* still to be tried */
	struct vpc_route_key route_key;
	__u32 in_flow;	   /* the flow was found in `flow`, */
	__u32 in_overflow; /* or in flow_overflow, else in flow_new */
	__u32 found;
	__u32 rows[2];
	__u32 rules[2];
	__u32 spare;   /* bit i: side i may fail the judgement, */
	__u32 spared;  /* and did */
	__u32 problem; /* ICMP type and code that say what is wrong with an option of the packet; 0: nothing is said */
	__u32 problem_at;   /* where, from the IP header on */
	__u32 options_seen; /* IPv4: record route 1, timestamp 2; IPv6: how many */
	__u32 options_at;   /* the next one */
	int options_verdict;
	__u32 options_pad; /* bytes of padding in a row */
	struct end end[2];
	struct side side[2];
	struct packet packet;
	struct packet quoted;
	struct policy policy;
	struct vpc_flow_key key;
	struct vpc_flow fl; /* copy of the entry, or the entry that is made */
	struct vpc_addr_key addr_key;
	struct vpc_fragment_key fragment_key;
	struct vpc_fragment fragment_value;
	__u8 dmac[ETH_ALEN]; /* these three as in the frame: read in one go */
	__u8 smac[ETH_ALEN];
	__be16 ethertype;
	__u8 frame[96]; /* answers are made here */
};

_Static_assert(__builtin_offsetof(struct scratch, tag) == __builtin_offsetof(struct flow_ctx, tag) &&
		       __builtin_offsetof(struct scratch, from) == __builtin_offsetof(struct flow_ctx, from),
	       "flow_ctx");

/* One for packets and one for the sweep: on 6.1 a packet may interrupt the sweep. */
#define SCRATCH_PACKET 0u
#define SCRATCH_SWEEP  1u
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_of_cpu SEC(".maps");

static __always_inline struct scratch *scratch_get(__u32 which)
{
	return bpf_map_lookup_elem(&scratch_of_cpu, &which);
}

/*
 * Orders loads against later loads and stores against later stores (smp_rmb and smp_wmb). It does not order a store
 * against a later load.
 *
 * x86 keeps loads among themselves and stores among themselves in order (Intel SDM 3A 9.2.2), so only the compiler has
 * to be told; and an atomic operation here costs a packet as much as a lookup in an array. Elsewhere: clang 14 has no
 * acquire for BPF; an atomic add whose value is used (else it is made a plain one, which orders nothing on arm64) is a
 * full barrier. word: of this CPU, for that alone.
 */
static __always_inline void barrier_order(__u64 *word)
{
#ifdef __TARGET_ARCH_x86
	(void)word;
	asm volatile("" : : : "memory");
#else
	__u64 value = __sync_fetch_and_add(word, 1);

	asm volatile("" : : "r"(value) : "memory");
#endif
}

/* The one's complement sum of 16-bit words, of a sum of words of 16, 32 or 64 bits. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

#endif
