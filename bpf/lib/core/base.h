/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every other header needs: access to words that other CPUs write, verdicts, and the per-CPU scratch that carries
 * a packet through the functions.
 *
 * A function with a parameter `which` is a global function: the verifier walks it once, by itself. It gets `which` in
 * place of a pointer and finds the scratch again, for two reasons. A pointer argument would make the verifier walk the
 * function at every call. And on 6.1 a map key may lie in a map value, but not in memory that came in as an argument.
 */
#ifndef BPF_LIB_BASE_H
#define BPF_LIB_BASE_H

#include "lib/core/maps.h"

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>

#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* Types for reading the same bytes as another type. */
typedef __u16 __attribute__((__may_alias__)) u16_alias;
typedef __u32 __attribute__((__may_alias__)) u32_alias;
typedef __u64 __attribute__((__may_alias__)) u64_alias;

#define NS_PER_S 1000000000ull

/* bpf_map_update_elem() for callers that ask which error it was. Returns 0 or -errno. Before Linux 6.4 the kernel's
 * function returns an int, and programs call it directly: the upper half of the register isn't the sign. */
static __always_inline int map_update(void *map, const void *key, const void *value, __u64 how)
{
	return (int)bpf_map_update_elem(map, key, value, how);
}

/*
 * The result of judging a packet: each value says what the caller must do. A function that judges returns an int. The
 * int is one of these values, or a drop reason (enum vpc_drop_reason, greater than 0), for which the caller drops the
 * packet.
 */
enum verdict {
	PASS = 0,	    /* let the packet go on */
	AGAIN = -1,	    /* the state changed while it was read: start over with the current epoch */
	ANSWERED = -2,	    /* the packet was turned into the answer: send it back out of its port */
	OPEN_NEW = -3,	    /* judge it as the first packet of a flow, and replace the entry, if there is one */
	OPEN_KEEP = -4,	    /* judge it as the first packet of a flow, and keep the entry that there is */
	OPEN_ONCE = -5,	    /* judge it as the first packet of a flow, and store no entry */
	HOSTS = -6,	    /* at an outer interface: the packet is the host's own; let it go on unchanged */
	DROP_SILENTLY = -7, /* a frame on an uplink that no program of ours sent: drop it without counting it */
};

static __always_inline int verdict_is_reason(int verdict)
{
	return verdict > 0;
}

static __always_inline int verdict_opens(int verdict)
{
	return verdict <= OPEN_NEW;
}

/* The result of reading or writing bytes of a packet. The kernel's helpers return other negative numbers too, so
 * callers compare with BYTES_DONE only. */
enum bytes {
	BYTES_DONE = 0,	   /* go on */
	BYTES_FAILED = -1, /* the bytes can't be read or written: drop the packet, which may be half written */
};

/* Which part of a datagram a packet is. */
enum fragment_kind {
	WHOLE,
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

enum icmp_kind {
	ICMP_NONE,
	ICMP_QUERY, /* opens a flow; any type that is none of the others counts as this */
	ICMP_REPLY, /* answers a query */
	ICMP_ERROR, /* quotes a packet */
	ICMP_REFUSED,
	ICMP_ND,
};

/* The headers of one IP packet: of the frame, or of the packet that an ICMP error quotes. IPv4 addresses are written
 * ::ffff:a.b.c.d. */
struct packet {
	__be32 src[4];
	__be32 dst[4];
	__be16 sport; /* TCP, UDP: the port; ICMP queries and replies: sport and dport are both the id */
	__be16 dport;
	__u32 l3;  /* offset of the IP header, from the start of the frame */
	__u32 l4;  /* offset of the upper header, behind the IP header and its extension headers */
	__u32 end; /* offset of the first byte behind the packet */
	__be32 fragment_id;
	__u8 fragment;	     /* enum fragment_kind */
	__u8 fragment_proto; /* the protocol that each fragment's header names */
	__u8 family;	     /* 4 or 6 */
	__u8 proto;
	__u8 tcp_flags;
	__u8 icmp_kind; /* enum icmp_kind */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 query_type; /* ICMP queries and replies: the query's type */
	__u8 hop_limit;
	__u16 fragment_at; /* in units of 8 bytes: where a later fragment begins, where a first one ends */
	__u16 seq_end;	   /* TCP: low 16 bits of the sequence number behind the last byte, FIN not counted; host
			    * order */
	__u16 ack;	   /* TCP: low 16 bits of the acknowledged sequence number; host order */
	__u8 upper;	   /* TCP: bytes of the header */
	__u8 sure_reset;   /* TCP: a RST that its receiver will accept (packet/reset.h) */
};

/* One end of the current packet. Index 0 is the source, 1 is the destination. */
struct end {
	__u32 eni;  /* 0: not a local ENI */
	__u32 owns; /* 0: an appliance forwards the packet, and its groups say nothing about the address */
};

/* One side of a flow. Index 0 is the opener, 1 is the responder. */
struct side {
	__u32 eni; /* 0: not a local ENI, and not judged */
	__u32 incarnation;
	__u32 set;
	__u32 member; /* the side's set where it counts as the other side's peer, else 0 */
};

/* The newest generations of a flow's sides (stamp.h). */
struct stamp {
	__u64 revoke; /* the newest gen_revoke */
	__u64 own;    /* the newest gen_any of the ENIs' rows */
	__u64 rules;  /* the newest gen_any of the sets and prefix lists */
};

/* What a cache stores of a side, for stamp.h. */
struct stamp_side {
	__u32 incarnation;
	__u32 set;
};

/* What the rules are asked, and how far the search through them has come. */
struct policy {
	__u32 set;
	__u32 peer_set; /* 0: the peer counts by its address alone */
	__be32 peer[4];
	__u64 peer_bloom;
	__u64 plens[3];		/* prefix lengths of the port mask group that are left to try */
	__u64 mask_group_bloom; /* bit set (Bloom) of the groups that a rule of the port mask group may name and the
				 * peer may have */
	__u64 epoch;
	__u32 bits;	 /* port prefix lengths of the slot that are left to try */
	__u32 slot_bits; /* those of the packet's own slot, while the slot ANY is tried */
	__u32 group;
	__u32 groups_at;
	__u32 peer_at;
	__u32 n_peers;
	__u32 found; /* index of the row; 0: none */
	__u32 found_rule;
	__u16 port; /* host order */
	__u8 dir;
	__u8 slot;
	__u8 family;
	__u8 slot_now;
	__u8 stage; /* VPC_PEER_…, the kind of peer that is being tried; 0: no port mask group is loaded */
	__u8 pad;
	struct vpc_mask_group_key mask_group_key;
	struct vpc_rule_key rule_key;
	/* how far the search in a classifier has come */
	struct vpc_classifier_list groups_list;
	__u32 key[4];	/* the key that is searched for: host order, most significant word first */
	__u32 table;	/* its first block; 0: none */
	__u32 nodes_at; /* its block that has node 0 */
	__u32 node;	/* the next node; 0: none */
	__u32 level_at; /* first block of the level */
	__u32 nth;	/* number of the block within the level */
	__u32 leaves;	/* number of blocks of the lowest level */
	__u8 levels;	/* levels that are left to search; 0: no search is going on */
	__u8 words;	/* words of a key */
	__u16 pad2;
	/* how far the search in prefix lists has come (lists.h) */
	struct vpc_list_key list_key;
	__u32 list;	 /* the list that is being searched */
	__u32 list_bits; /* prefix lengths of the group's lists that are left to try */
	__u32 list_row;	 /* the row of the group that names the list for the packet's port, */
	__u32 list_rule; /* and the rule of that row */
};

/* The context of a bpf_loop callback. It must be on the stack on 6.1. */
struct policy_walk {
	struct policy *q;
};

/* What both the slow path and the TCP fast path know of the current packet and its flow. The slow path has it in the
 * scratch, the TCP fast path on the stack. */
struct flow_ctx {
	__u64 barrier; /* for barrier_order() */
	__u64 epoch;
	__u64 now_ns; /* CLOCK_MONOTONIC, coarse: it moves once a tick */
	__u64 tag;    /* of the flow's key */
	__u32 me;     /* the ENI whose port this is */
	__u32 from;   /* index of the packet's source in the flow's key */
};

struct scratch {
	union {
		struct flow_ctx ctx;
		struct { /* the same fields under their own names */
			__u64 barrier;
			__u64 epoch;
			__u64 now_ns;
			__u64 tag;
			__u32 me;
			__u32 from;
		};
	};
	struct stamp stamp; /* of the local sides that side_load() has loaded */
	__u32 lost;	    /* events that this CPU did not emit since the last one that it did */
	__u32 my_incarnation;
	__u32 my_flags;
	__u32 vpc;
	__u32 direction; /* VPC_EGRESS: the workload sends; VPC_INGRESS: it is about to receive; in the sweep neither */
	__u32 mark;	 /* skb->mark, as it came */
	__u32 length;	 /* bytes of the frame */
	__u32 via;
	__u32 from_router; /* the subnet's router made the packet: no device received it */
	__u32 admitted;	   /* whether `end` is filled */
	__u32 culprit;	   /* the ENI whose rules refused, at which the drop is counted; 0: the port's own */
	__u32 culprit_direction;
	__u32 opener;  /* index of the opener in the flow's key */
	__u32 own;     /* the side of the flow that is this port's ENI */
	__u32 version; /* flow_version of the key, read before the flow maps are */
	__u32 target;  /* local ENI that an accepted packet goes to; 0: left to the bridge and the router */
	__u32 target_incarnation;
	__u32 hop;	  /* local ENI that the frame is for: by its destination MAC, or by the packet's address
			   * where the MAC names nobody; 0: the gateway */
	__u32 hop_routed; /* `hop` is an appliance to which a route leads */
	__u32 gateway; /* VPC_EDGE_… << VPC_TARGET_SHIFT | number: the gateway (lib/route/gateway.h) by which the packet
			* leaves the VPC or came in; 0: none */
	__u32 route_known;  /* the route table was asked, */
	int route_rc;	    /* and this was the result */
	__u32 peer;	    /* VPC_PEER_WORD() of the end that is in a peered VPC; 0: neither is */
	__u32 answers;	    /* somebody outside the VPC opened the flow, and the responder sent this packet */
	__u32 acl_receiver; /* the ENI that the network ACLs were asked about as the receiver; 0: none */
	__u32 cacheable;    /* another packet like this would change nothing of its flow */
	__u32 next_mtu;	    /* the MTU that an ICMP error tells, in bytes; 0: the ENI's */
	int route_found;
	__u32 source_asked; /* the ENI in whose subnet's route table the packet's source was looked up; 0: none, */
	int source_target;  /* and what route_find() returned */
	__be32 route_address[4];
	__u64 route_plens[3]; /* prefix lengths that are left to try */
	struct vpc_route_key route_key;
	__u32 in_flow;	   /* the flow's entry is in `flow` */
	__u32 in_overflow; /* it is in flow_overflow; if neither is set, in flow_new */
	__u32 found;
	__u32 rows[2];
	__u32 rules[2];
	__u32 spare;   /* bit i: side i has a grace and may fail the judgement */
	__u32 spared;  /* bit i: it failed */
	__u32 problem; /* type << 8 | code of the ICMP error about a wrong option of the packet; 0: no error is sent */
	__u32 problem_at;   /* offset of the wrong byte, from the IP header on */
	__u32 options_seen; /* IPv4: bit 0 record route, bit 1 timestamp; IPv6: number of options */
	__u32 options_at;   /* offset of the next option */
	int options_verdict;
	__u32 options_pad; /* bytes of padding in a row */
	struct end end[2];
	struct side side[2];
	struct packet packet;
	struct packet quoted;
	struct policy policy;
	struct vpc_flow_key key;
	struct vpc_flow fl; /* copy of the entry that was found, or the new entry */
	struct vpc_addr_key addr_key;
	struct vpc_fragment_key fragment_key;
	struct vpc_fragment fragment_value;
	__u8 dmac[ETH_ALEN]; /* these three are laid out as in the frame: one read fills them */
	__u8 smac[ETH_ALEN];
	__be16 ethertype;
	__u8 frame[96]; /* answers are built here */
};

_Static_assert(__builtin_offsetof(struct scratch, tag) == __builtin_offsetof(struct flow_ctx, tag) &&
		       __builtin_offsetof(struct scratch, from) == __builtin_offsetof(struct flow_ctx, from),
	       "flow_ctx");

/* One scratch for packets and one for the sweep: on 6.1 a packet may interrupt the sweep. */
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
 * against a later load. word: a word that no other CPU uses and nothing reads.
 *
 * x86 keeps loads among themselves and stores among themselves in order (Intel SDM 3A 9.2.2), so only the compiler has
 * to be told. An atomic operation would cost a packet as much as a lookup in an array. On other processors an atomic
 * add is a full barrier. Its value must be used: clang 14 makes an add without a use a relaxed one, which orders
 * nothing on arm64. clang 14 has no acquire load for BPF.
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

/* Folds a sum of words of 16, 32 or 64 bits into the one's complement sum of 16-bit words. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

#endif
