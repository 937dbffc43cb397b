/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What vpcd and the programs in bpf/ agree on: the layout of every map. Included verbatim by both sides, so only __u8,
 * __u16, __u32, __u64 and __be16, __be32; pads are explicit and zero; sizes are asserted.
 *
 * How a change becomes visible: everything the programs judge by carries the
 * epochs between which it counts, or is a `struct vpc_versioned`. vpcd writes the new state beside the old one and then
 * stores `vpc_ctl.epoch + 1`: that one store is the commit.
 *
 *   row visible at epoch E        born <= E && E < died
 *   versioned value at epoch E    the slot with the greatest epoch that is <= E
 *
 * Hash maps only ever give a number; what the number stands for is in a mmapable array and carries a copy of its key,
 * which the reader compares: a hash element's memory is recycled without a grace period, an array's number only after
 * one.
 *
 * Change any layout here, or what stands in a map (as a flow's tag, bpf/lib/flow/key.h), and VPC_ABI_VERSION goes up:
 * it is part of the pin path.
 */
#ifndef VPC_ABI_ABI_H
#define VPC_ABI_ABI_H

#include <linux/types.h>

#define VPC_ABI_VERSION 7

/* --- numbers --------------------------------------------------------------------------------------------------- */

#define VPC_NUMBER_BITS	 20
#define VPC_NUMBER_MASK	 0xfffffu
/* ENI numbers are ifindexes and start above those the kernel hands out in a new namespace. */
#define VPC_ENI_FIRST	 1024u
/* Bridges: VPC_BRIDGE_FIRST + subnet number; far above every ENI number. */
#define VPC_BRIDGE_FIRST 0x100000u

#define VPC_GROUPS_PER_ENI   16
#define VPC_DROP_REASONS_MAX 64 /* stride of the drop counters */

enum vpc_drop_reason {
#define DROP(symbol, label, text) VPC_DROP_##symbol,
#include <vpc/abi/drop_reasons.def>
#undef DROP
	VPC_DROP_COUNT
};
_Static_assert(VPC_DROP_COUNT <= VPC_DROP_REASONS_MAX, "drop reasons outgrew their counters");

/* --- marks ------------------------------------------------------------------------------------------------------
 * skb->mark inside a VPC namespace. Only the from-workload program sets them; anything else that enters has mark 0.
 * VPC_MARK_ENI | number: this IP packet entered at that ENI's port and its source address was checked.
 * VPC_MARK_ANSWER | number: an ARP or ND answer that the port itself made for its workload.
 * VPC_MARK_EDGE | kind: it came by the uplink; VPC_EDGE_… says how. */
#define VPC_MARK_KIND	0xfff00000u
#define VPC_MARK_ENI	0xe5100000u
#define VPC_MARK_ANSWER 0xe5200000u
#define VPC_MARK_EDGE	0xe5300000u

/* --- versioned values ------------------------------------------------------------------------------------------- */

/* Each slot: epoch << 24 | value. Writers overwrite the slot that is not in force, with one 64-bit store. */
struct vpc_versioned {
	__u64 slot[2];
};
#define VPC_VERSIONED_VALUE_MASK 0xffffffull
#define VPC_VERSIONED_SHIFT	 24

#include <vpc/abi/edge.h>

/* --- ctl: array of one, mmapable -------------------------------------------------------------------------------- */

struct vpc_ctl {
	__u64 epoch;	       /* what counts now; starts at 1 */
	__u64 pickup_until_ns; /* CLOCK_MONOTONIC: until then TCP flows may be taken up mid-stream (datapath upgrade) */
	__u32 listeners;       /* events are produced while this is not 0: bit 0 drops, bit 1 flows */
	__u32 half_open_max; /* so many SYNs of a VPC may stand in `flow` without an established connection; 0: none */
	__u32 graces;	     /* vpcd's own: 1: some flow may have a grace. Set before the first gets one */
	__u32 pad;
	/* Of all prefix lists, for the sets that name one: the last epoch that took an entry away, or changed any. */
	__u64 lists_revoke;
	__u64 lists_any;
};
_Static_assert(sizeof(struct vpc_ctl) == 48, "vpc_ctl");
#define VPC_LISTEN_DROPS 1u
#define VPC_LISTEN_FLOWS 2u

/* --- vpc: array by VPC number, mmapable -------------------------------------------------------------------------- */

#define VPC_CIDRS_MAX 8
struct vpc_cidr4 {
	__be32 addr;
	__be32 mask;
};
struct vpc_cidr6 {
	__be32 addr[4];
	__be32 mask[4];
};
/* The address space of a VPC: an address inside it that no ENI has is an unknown destination. Unused entries have n
 * below them, or hold no address but 0.0.0.0 or :: (mask all ones). A CIDR keeps its place as long as the VPC has it.
 * Not versioned: it is written right before the epoch is stored. */
#define VPC_SPACE_ROUTED_OUT  1u /* the router has routes beyond the VPC; without: there is no way out (no_route) */
#define VPC_SPACE_ROUTED_OUT6 2u /* its IPv6 CIDRs are in prefix6; no two such VPCs have CIDRs that overlap */
struct vpc_space {
	__u32 n4;
	__u32 n6;
	__u32 flags; /* VPC_SPACE_… */
	__u32 pad;
	struct vpc_cidr4 cidr4[VPC_CIDRS_MAX];
	struct vpc_cidr6 cidr6[VPC_CIDRS_MAX];
};
_Static_assert(sizeof(struct vpc_space) == 336, "vpc_space");

/* --- eni: array by ENI number (= ifindex of its port), mmapable --------------------------------------------------- */

#define VPC_ENI_SOURCE_DEST_CHECK 1u  /* only its own addresses, in and out */
#define VPC_ENI_PEER_REDIRECT	  2u  /* its port is a veth that bpf_redirect_peer can reach */
#define VPC_ENI_TAP		  4u  /* its port is a tap, and packets may be redirected to it */
#define VPC_ENI_UNPLUGGED	  8u  /* attached to nothing: what is sent to it has nowhere to go */
#define VPC_ENI_ACL		  16u /* the ACL of its subnet has a table: see acl.h */

/* What every packet reads stands in the first 64 bytes, a cache line. */
struct vpc_eni {
	struct vpc_versioned set; /* the set of its groups; 0: none, everything is dropped as not_ready */
	__u64 gen_revoke;	  /* the last epoch at which this ENI itself lost a group or an address */
	__u64 gen_any;		  /* the last epoch at which anything of this ENI's own changed */
	__u32 vpc;
	__u32 incarnation; /* differs each time the number is given to an ENI; never 0 */
	__u32 flags;	   /* VPC_ENI_… */
	__u32 subnet;
	__u8 mac[6];
	__u8 gateway_mac[6]; /* the bridge's */
	__u32 mtu;
	__be32 gateway4;
	__be32 subnet4; /* network address and mask of the subnet */
	__be32 mask4;
	__be32 subnet6[4];	 /* /64 of the subnet; all zero: no IPv6 */
	__u32 tcp_idle_s;	 /* idle timeouts: established TCP, */
	__u32 udp_idle_s;	 /* UDP with at most one packet each way, */
	__u32 udp_stream_idle_s; /* UDP streams */
	__u32 flow_budget;	 /* established flows it may have opened, and may answer */
	__u32 pad[5];
};
_Static_assert(sizeof(struct vpc_eni) == 128, "vpc_eni");
_Static_assert(__builtin_offsetof(struct vpc_eni, gateway4) == 64, "vpc_eni");

/* --- addr: hash {vpc, address} -> number in addr_row, an array, mmapable ------------------------------------------ */

/* Also: {ifindex of a subnet's bridge, MAC of an ENI of the subnet in the last six bytes}. No VPC's number is that
 * high. */
struct vpc_addr_key {
	__u32 vpc;
	__be32 addr[4]; /* IPv4 as ::ffff:a.b.c.d */
};
_Static_assert(sizeof(struct vpc_addr_key) == 20, "vpc_addr_key");

struct vpc_addr_row {
	__u64 born;
	__u64 died; /* ~0: alive */
	__u32 eni;
	struct vpc_addr_key key;
	struct vpc_versioned eip; /* number of its elastic IP; 0: none */
};
_Static_assert(sizeof(struct vpc_addr_row) == 56, "vpc_addr_row");

/* --- set: array by set number, mmapable ---------------------------------------------------------------------------
 * A combination of groups that some ENI has. Its groups never change while the number lives. */

struct vpc_set {
	__u64 gen_revoke; /* the last epoch that took something away from ENIs with this set */
	__u64 gen_any;	  /* the last epoch that changed anything for them */
	__u64 bloom;	  /* 1 << (sg & 63) of every group */
	__u32 n;
	__u32 lists;		      /* bit d: some of its groups names a prefix list in direction d. A superset */
	__u32 sg[VPC_GROUPS_PER_ENI]; /* ascending */
	/* By direction: first block of its classifier; 0: none, its rules are walked. */
	struct vpc_versioned classifier[2];
};
_Static_assert(sizeof(struct vpc_set) == 128, "vpc_set");

/* --- sg: array by group number, mmapable ---------------------------------------------------------------------------
 */

#define VPC_INGRESS 0
#define VPC_EGRESS  1

/* Which family of port mask groups a packet looks in. Every packet also looks in ANY. */
#define VPC_SLOT_ANY	0 /* rules for all protocols */
#define VPC_SLOT_TCP	1 /* port: destination port of the opening packet */
#define VPC_SLOT_UDP	2
#define VPC_SLOT_ICMP	3 /* port: type << 8 | code */
#define VPC_SLOT_ICMPV6 4
#define VPC_SLOT_OTHER	5 /* port: the protocol number */
#define VPC_SLOTS	6

struct vpc_sg_dir {
	__u32 all4;		     /* row of the rule that allows every protocol to 0.0.0.0/0; 0: none */
	__u32 all6;		     /* the same for ::/0 */
	__u32 port_plens[VPC_SLOTS]; /* bit p: there may be classes with a port prefix of p bits (0..16). A superset */
};
/* The other bits of port_plens[VPC_SLOT_ANY]: bit VPC_LISTS_SHIFT + i: list_of may have {sg, direction, i}. A superset
 */
#define VPC_PORT_PLENS_MASK 0x1ffffu
#define VPC_LISTS_SHIFT	    17
#define VPC_LISTS_PER_GROUP 15 /* that a group may name in one direction */
struct vpc_sg {
	struct vpc_sg_dir dir[2]; /* by VPC_INGRESS, VPC_EGRESS */
};
_Static_assert(sizeof(struct vpc_sg) == 64, "vpc_sg");

/* --- prefix lists ----------------------------------------------------------------------------------------------------
 * A list is a group of a number from VPC_LIST_FIRST on that no set contains and `sg` has no row of. Its entries are the
 * rows of its only mask group: {list, VPC_INGRESS, VPC_SLOT_ANY, 0, 0}. A rule that names the list is a row of kind
 * VPC_PEER_PREFIX_LIST in a group's mask group. So an entry stands once, whoever uses the list.
 *
 * list_of: hash {sg, direction, i} -> number of a list that the group may name. It is only where to look: the group's
 * row says whether the list is named, and the list's row whether the address is in it. */

#define VPC_LIST_FIRST 0x20000u
struct vpc_list_key {
	__u32 sg;
	__u8 dir;
	__u8 at; /* below VPC_LISTS_PER_GROUP */
	__u16 pad;
};
_Static_assert(sizeof(struct vpc_list_key) == 8, "vpc_list_key");

/* --- mask_group_of: hash {sg, dir, slot, port prefix} -> number of a mask group; mask_group: array, mmapable ---------
 * Port ranges are split into at most 30 aligned prefixes, so that a packet finds every range it is in with at most 17
 * probes, however many ranges a group has. */

struct vpc_mask_group_key {
	__u32 sg;
	__u8 dir;
	__u8 slot;
	__u8 plen; /* 0..16 bits of port that count */
	__u8 pad;
	__u16 port; /* host byte order, bits beyond plen zero */
	__u16 pad2;
};
_Static_assert(sizeof(struct vpc_mask_group_key) == 12, "vpc_mask_group_key");

#define VPC_MASK_GROUP_SG   1u /* some rule of the mask group refers to a group */
#define VPC_MASK_GROUP_LIST 2u /* some rule of it refers to a prefix list */

/* What to probe for in `rule`: supersets, bits are only cleared when no row can be behind them. */
struct vpc_mask_group {
	__u64 plens4;	 /* bit p: IPv4 peers with a prefix of p bits (0..32) */
	__u64 plens6[3]; /* bit p % 64 of word p / 64: IPv6 peers (0..128) */
	__u64 sg_bloom;	 /* 1 << (sg & 63) of every group named as a peer */
	struct vpc_mask_group_key key;
	__u32 flags; /* VPC_CLASS_… */
};
_Static_assert(sizeof(struct vpc_mask_group) == 56, "vpc_mask_group");

/* --- rule: hash {class, peer} -> row number; row: array, mmapable ----------------------------------------------------
 */

#define VPC_PEER_CIDR4	     4
#define VPC_PEER_CIDR6	     6
#define VPC_PEER_SG	     1
#define VPC_PEER_PREFIX_LIST 2
/* Not in the hash: the rows that sg.all4 and sg.all6 name. class is then the group, plen the direction, addr 0. */
#define VPC_PEER_ALL4	     0xa4
#define VPC_PEER_ALL6	     0xa6

struct vpc_rule_key {
	__u32 mask_group;
	__u8 kind; /* VPC_PEER_… */
	__u8 plen; /* bits of addr that count; 0 for groups */
	__u16 pad;
	__be32 addr[4]; /* CIDR4: addr[0], the rest 0; CIDR6; SG, PREFIX_LIST: addr[0] is the number in host byte order
			 */
};
_Static_assert(sizeof(struct vpc_rule_key) == 24, "vpc_rule_key");

/* Row 0 is never used. */
struct vpc_row {
	__u64 born;
	__u64 died; /* ~0: alive */
	struct vpc_rule_key key;
	__u32 rule; /* the rule's number, never given twice: what flows remember and events tell */
	__u32 pad;
};
_Static_assert(sizeof(struct vpc_row) == 48, "vpc_row");
#define VPC_ALIVE (~0ull)

/* --- classifier: array of blocks, mmapable: classifiers of sets whose rules would be a long walk
 * ----------------------
 *
 * A classifier is one direction of one set: a run of blocks that begins with struct vpc_classifier, and in which all
 * block numbers count from there, so that its bytes don't depend on where it stands. It is never changed while a set
 * names it. It only says which row to look at: the row itself says whether it counts and allows.
 *
 *   ports    slot << 16 | port -> the deepest node (mask group of the set) that the packet is in; nodes have a parent,
 *            a shorter port prefix or the rules for all protocols, so the chain is at most 18 long
 *   node     by family: address -> row of a rule of this mask group that allows it
 *   groups   {peer group, slot << 16 | port} -> row of a rule that names the group
 *
 * Each of these is a list of steps: ascending keys, the first all zero, each with the value that holds from it up to
 * the next key (0: nothing). It stands as a tree with one search path: levels of blocks, from the single top block
 * down, each level in one piece and behind the one above. Keys are `words` words (1: ports, IPv4; 2: groups; 4: IPv6),
 * most significant first, in host order. An inner block is VPC_STEPS_INNER(words) keys: the first keys of the
 * blocks below it. A leaf is VPC_STEPS_LEAF(words) keys and as many values behind them. Unused keys are all ones,
 * unused values of a leaf repeat the last one. */

#define VPC_BLOCK_WORDS 16u
struct vpc_classifier_block {
	__u32 word[VPC_BLOCK_WORDS];
};
_Static_assert(sizeof(struct vpc_classifier_block) == 64, "vpc_classifier_block");

#define VPC_STEPS_INNER(words)	     (VPC_BLOCK_WORDS / (words))
#define VPC_STEPS_INNER_SHIFT(words) ((words) == 1 ? 4u : (words) == 2 ? 3u : 2u)
#define VPC_STEPS_LEAF(words)	     (VPC_BLOCK_WORDS / ((words) + 1))

/* A list of steps. */
struct vpc_classifier_list {
	__u32 at;   /* its top block */
	__u32 size; /* levels << VPC_LIST_LEVELS_SHIFT | blocks of its lowest level; 0: nothing is in it */
};
#define VPC_LIST_LEVELS_SHIFT 24
#define VPC_LIST_LEAVES_MASK  0xffffffu

struct vpc_classifier {
	__u32 blocks; /* of the whole table */
	__u32 set;
	__u32 dir;
	__u32 nodes; /* block of node 0, which isn't used */
	struct vpc_classifier_list ports;
	struct vpc_classifier_list groups;
	__u64 bloom; /* 1 << (sg & 63) of every group in `groups` */
	__u32 pad[6];
};
_Static_assert(sizeof(struct vpc_classifier) == sizeof(struct vpc_classifier_block), "vpc_classifier");

/* Two to a block: node n is half n & 1 of block n >> 1. */
struct vpc_classifier_node {
	__u32 parent; /* 0: none */
	struct vpc_classifier_list list4;
	struct vpc_classifier_list list6;
	__u32 pad[3];
};
_Static_assert(sizeof(struct vpc_classifier_node) * 2 == sizeof(struct vpc_classifier_block), "vpc_classifier_node");

#include <vpc/abi/acl.h>

/* --- row_stat: array by row number: what was allowed by it, counted when a flow is judged ----------------------------
 */

struct vpc_row_stat {
	__u64 packets;
	__u64 bytes;
	__u64 last_used_ns; /* CLOCK_BOOTTIME */
};
_Static_assert(sizeof(struct vpc_row_stat) == 24, "vpc_row_stat");

/* --- eni_stat: per-CPU array by ENI number; drop: array by ENI number * VPC_DROP_REASONS_MAX + reason, __u64
 * ---------- */

/* tx is what the workload sent and was let through, rx what was delivered to it. */
struct vpc_eni_stat {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
};
_Static_assert(sizeof(struct vpc_eni_stat) == 32, "vpc_eni_stat");

/* --- shares of VPCs and ENIs in the maps of flows (bpf/lib/flow/share.h): changed atomically by the programs
 * --------------
 */

/* How many were counted lately: in the slot of now, and in the one before. Each is slot << 32 | count; a slot is
 * CLOCK_MONOTONIC >> VPC_WINDOW_SHIFT, 34 s: longer than an unanswered UDP flow may wait for its answer. */
#define VPC_WINDOW_SHIFT 35
struct vpc_window {
	__u64 now;
	__u64 before;
};

/* eni_flows: array by ENI number, mmapable. */
struct vpc_eni_flows {
	__s64 opened;			  /* established flows that count to it: see share.h */
	__s64 answered;			  /* established flows that another ENI opened to it */
	struct vpc_window unconfirmed[2]; /* entries of flow_new: that it opened; that were opened from outside */
	__u64 pad[2];
};
_Static_assert(sizeof(struct vpc_eni_flows) == 64, "vpc_eni_flows");

/* vpc_flows: array by VPC number, mmapable. */
struct vpc_vpc_flows {
	__s64 total;			  /* entries of `flow`, tombstones aside */
	__s64 half_open;		  /* of those, with VPC_FLOW_HALF_OPEN */
	struct vpc_window unconfirmed[2]; /* as an ENI's, within what is guaranteed; */
	struct vpc_window from_pool;	  /* and of those that ENIs opened, beyond it */
};
_Static_assert(sizeof(struct vpc_vpc_flows) == 64, "vpc_vpc_flows");

/* host_flows: array of one, mmapable. */
struct vpc_host_flows {
	__u32 flow_guaranteed; /* entries of `flow` that each VPC may have in any case, */
	__u32 flow_pool;       /* and that all together may have beyond that */
	__u32 new_guaranteed;  /* the same of flow_new */
	__u32 new_pool;
	__u32 fragment_guaranteed; /* and of `fragment` */
	__u32 fragment_pool;
	__u64 pad[5];
	/* written by the programs: */
	__s64 pool_used; /* entries of `flow` beyond what their VPCs are guaranteed */
	struct vpc_window new_pool_used;
	__u64 overflow_ns; /* CLOCK_MONOTONIC: when about something was last put into flow_overflow; 0: it is empty */
	struct vpc_window fragment_pool_used;
	__u64 pad2[2];
};
_Static_assert(sizeof(struct vpc_host_flows) == 128, "vpc_host_flows");

/* --- flows: flow (hash, never evicts: established TCP, UDP streams), flow_new (LRU: everything else) and flow_overflow
 * (LRU: what would be in flow_new, of those who have more than their share there) -----------------------------------
 */

struct vpc_flow_key {
	__u32 vpc;
	__u32 via;	   /* 0, or an appliance ENI's number << 1 | (0: what it sends, 1: what it receives) */
	__be32 addr[2][4]; /* IPv4 as ::ffff:a.b.c.d; ascending by bytes, then by port */
	__be16 port[2];	   /* beside its address. ICMP queries with an id: the id in both. Others: 0 */
	__u8 proto;	   /* IP protocol number */
	__u8 icmp_type; /* ICMP and ICMPv6: of the query that opens (echo: 8, 128), also in what answers it; others: 0
			 */
	__u8 icmp_code;
	__u8 icmp_asker; /* ICMP and ICMPv6: which address asks; others: 0 */
};
_Static_assert(sizeof(struct vpc_flow_key) == 48, "vpc_flow_key");

enum vpc_flow_state {
	VPC_FLOW_NONE,
	VPC_FLOW_SYN_SENT,     /* TCP: one SYN seen */
	VPC_FLOW_SYN_RECEIVED, /* TCP: the SYN-ACK too */
	VPC_FLOW_ESTABLISHED,  /* TCP: the handshake's last ACK, or data */
	VPC_FLOW_CLOSING,      /* TCP: both FINs */
	VPC_FLOW_RESET,	       /* TCP: a RST; later data brings it back */
	VPC_FLOW_ONE_WAY,      /* UDP, ICMP echo: nothing came back */
	VPC_FLOW_REPLIED,      /* UDP, ICMP echo: one came back */
	VPC_FLOW_STREAM,       /* UDP: more than a request and its reply */
	VPC_FLOW_OTHER,	       /* other protocols: addresses and protocol */
	VPC_FLOW_TOMBSTONE,    /* cut: drops both directions until 16 minutes after the last packet */
	VPC_FLOW_STATES
};

#define VPC_FLOW_FIN_OPENER	    1u /* the opener sent FIN */
#define VPC_FLOW_FIN_RESPONDER	    2u
#define VPC_FLOW_BUDGETED	    4u	/* counted in eni_flows of its local sides, and in vpc_flows */
#define VPC_FLOW_PICKED_UP	    8u	/* taken up mid-stream */
#define VPC_FLOW_HALF_OPEN	    32u /* in `flow` before it is established: counted in vpc_flows */
/* Both FINs were seen, the second acknowledging the first: the other side's ACK of last_ack is all that is missing. */
#define VPC_FLOW_LAST_ACK_OPENER    64u
#define VPC_FLOW_LAST_ACK_RESPONDER 128u

/* Until when a side is spared, in units of 2^26 ns (67 ms) of CLOCK_MONOTONIC: good for nine years. */
#define VPC_GRACE_SHIFT 26
#define VPC_GRACE_KEEP	(~0u)

/* Sides: index 0 the opener, 1 the responder. */
struct vpc_flow {
	__u64 tag;	    /* digest of the key: a recycled element is not taken for this flow */
	__u64 epoch;	    /* at which it was last judged */
	__u64 last_seen_ns; /* CLOCK_MONOTONIC, exact to a second; all times of a flow are */
	__u64 created_ns;
	/* By side (the opener's egress, the responder's ingress): while it is in the future, that side's groups no
	 * longer allowing the flow cuts it not. Only vpcd gives and ends it (`sweep`). A flow that has one stays in its
	 * table. */
	__u32 grace_until[2];
	__u32 eni[2]; /* local side that approved it; 0: that side is not local, or has not judged */
	__u32 incarnation[2];
	__u32 rule[2];	 /* number of the rule that allowed the opener's egress, the responder's ingress */
	__u32 timeout_s; /* idle seconds after which it ends, by its state */
	__u8 state;	 /* enum vpc_flow_state */
	__u8 flags;	 /* VPC_FLOW_… */
	__u8 opener;	 /* 0 or 1: which address of the key opened it */
	__u8 icmp_type;	 /* of the opening packet */
	__u8 icmp_code;
	__u8 saved_state; /* of a tombstone: what it was */
	__u16 last_ack;	  /* low 16 bits of the ACK that answers the FIN seen last */
	__u32 packets;	  /* about: counted when the flow is written anyway */
};
_Static_assert(sizeof(struct vpc_flow) == 80, "vpc_flow");

/* flow_version: array of __u32 by the lowest bits of the flow's tag: counts the changes of the state of the flows that
 * share the number. What a CPU remembers of a flow (bpf/lib/flow/cache.h) holds for as long as it is the same. */
#define VPC_FLOW_VERSIONS 65536u

/* --- fragments: fragment (LRU {…} -> verdict of the first fragment) and fragment_overflow (LRU: the same of those who
 * have more than their share of it) ---------------------------------------------------------------------------------
 */

struct vpc_fragment_key {
	__u32 eni; /* where it is seen, << 1 | (0: from the workload, 1: to it) */
	__be32 id;
	__be32 src[4];
	__be32 dst[4];
	__u8 proto;
	__u8 pad[3];
};
_Static_assert(sizeof(struct vpc_fragment_key) == 44, "vpc_fragment_key");

struct vpc_fragment {
	__u64 seen_ns; /* CLOCK_MONOTONIC; counts for 30 s */
	__u64 epoch;   /* of the judgement */
	__u32 mark; /* the first one came with it, and the others must; from a workload: by which way it left the VPC */
	__u16 end;  /* of the first one, in units of 8 bytes: none may begin before */
	__u8 allowed;
	__u8 pad;
};
_Static_assert(sizeof(struct vpc_fragment) == 24, "vpc_fragment");

/* Entries of `fragment`. eni_fragments: array by ENI number, mmapable. */
struct vpc_eni_fragments {
	struct vpc_window sent[2]; /* about packets of the ENI; about those that come to it from outside the VPC */
};
_Static_assert(sizeof(struct vpc_eni_fragments) == 32, "vpc_eni_fragments");

/* vpc_fragments: array by VPC number, mmapable. */
struct vpc_vpc_fragments {
	struct vpc_window sent[2];   /* as an ENI's, within what is guaranteed; */
	struct vpc_window from_pool; /* and of those that ENIs sent, beyond it */
	__u64 pad[2];
};
_Static_assert(sizeof(struct vpc_vpc_fragments) == 64, "vpc_vpc_fragments");

/* --- events: ring buffer
 * ------------------------------------------------------------------------------------------------ */

enum vpc_event_type {
	VPC_EVENT_DROP = 1,
	VPC_EVENT_OPEN,	   /* a flow was judged for the first time and allowed */
	VPC_EVENT_REJUDGE, /* judged again and still allowed */
	VPC_EVENT_CUT,	   /* judged again and cut */
};

/* The tuple is the packet's own direction for drops, the opener's for flows. */
struct vpc_event {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u64 epoch;
	__u8 type;	/* enum vpc_event_type */
	__u8 reason;	/* enum vpc_drop_reason; for drops */
	__u8 direction; /* VPC_INGRESS: judged as arriving at eni; VPC_EGRESS: as leaving it */
	__u8 proto;
	__be16 ethertype;
	__be16 sport; /* ICMP: type, code in sport's two bytes */
	__be16 dport;
	__u16 pad;
	__u32 eni;     /* whose counter it is in / opener for flows */
	__u32 peer;    /* the other local ENI, or 0 */
	__u32 rule[2]; /* opener's egress, responder's ingress */
	__be32 src[4];
	__be32 dst[4];
	__u32 length; /* bytes of the packet */
	__u32 lost;   /* events of this CPU lost (full ring or rate limit) since the one before */
};
_Static_assert(sizeof(struct vpc_event) == 88, "vpc_event");

/* --- boot: array by ENI number, mmapable; address_config_space: array by VPC number, mmapable
 * ---------------------------------- What the ports answer DHCP, DHCPv6 and router solicitations with. They decide no
 * verdict, so they aren't rows with a birth and a death: an ENI's primary addresses are the same for as long as its
 * incarnation, and of a VPC's options the new ones are written beside the old, then `version` is stored. */

struct vpc_address_config {
	__u64 advertised_ns; /* CLOCK_MONOTONIC, written by the programs: the last router advertisement */
	__u32 incarnation;   /* counts only while it is the ENI's */
	__be32 ip4;
	__be32 ip6[4]; /* zero: none */
};
_Static_assert(sizeof(struct vpc_address_config) == 32, "vpc_address_config");

#define VPC_ADDRESS_CONFIG_DHCP4_MAX 280
#define VPC_ADDRESS_CONFIG_DHCP6_MAX 328
#define VPC_ADDRESS_CONFIG_RA_MAX    336
/* Options as they stand in the answers: DNS servers and domain. */
struct vpc_address_config_options {
	__u32 lease_s;
	__u16 dhcp4_bytes;
	__u16 dhcp6_bytes;
	__u16 ra_bytes;
	__u16 pad;
	__u8 dhcp4[VPC_ADDRESS_CONFIG_DHCP4_MAX];
	__u8 dhcp6[VPC_ADDRESS_CONFIG_DHCP6_MAX];
	__u8 ra[VPC_ADDRESS_CONFIG_RA_MAX];
};
_Static_assert(sizeof(struct vpc_address_config_options) == 956, "vpc_address_config_options");
struct vpc_address_config_space {
	__u64 version; /* its lowest bit says which slot counts; goes up with each change */
	struct vpc_address_config_options slot[2];
};
_Static_assert(sizeof(struct vpc_address_config_space) == 1920, "vpc_address_config_space");

/* --- sweep: array of one; vpcd fills it and runs the `sweep` program once by BPF_PROG_TEST_RUN
 * ---------------------------- */

#define VPC_SWEEP_MAX	     64
#define VPC_SWEEP_EXPIRE     1 /* delete each flow that is idle past its timeout at now_ns, or whose ENI is gone */
#define VPC_SWEEP_CUT	     2 /* make each flow a tombstone */
#define VPC_SWEEP_END	     3 /* delete each established flow that was idle for VPC_SWEEP_END_IDLE_S: its share is full */
#define VPC_SWEEP_END_IDLE_S 60
/* Each of these judges a flow by the rules of `epoch` - 1 ("before") and of `epoch` ("after"), whichever is in force:
 * rows that died at `epoch` must still be there. A side's grace counts where that side isn't allowed. */
#define VPC_SWEEP_GRACE	     4 /* lived before: each side that isn't allowed after gets grace_until, if it had none */
#define VPC_SWEEP_LATE	     5 /* the same for what was opened since: nothing was taken away since it was judged */
#define VPC_SWEEP_CONFIRM    6 /* a side's grace ends where it was allowed before */
#define VPC_SWEEP_UNSPARE    7 /* every grace ends */
#define VPC_SWEEP_REPORT     8 /* changes nothing */
#define VPC_SWEEP_FAILS	     9 /* changes nothing; looks only at `after` */

#define VPC_SWEPT_NOTHING 0
/* EXPIRE, END: deleted. GRACE, LATE, SETTLE: has a grace now. UNSPARE: lived on one. REPORT: lived before, and not
 * after. FAILS: doesn't live after. CUT: cut. */
#define VPC_SWEPT_DONE	  1

struct vpc_sweep {
	__u32 op;
	__u32 n;
	__u64 epoch;
	__u64 now_ns;	   /* CLOCK_MONOTONIC */
	__u32 grace_until; /* VPC_GRACE_… units */
	__u32 pad;
	struct vpc_flow_key key[VPC_SWEEP_MAX];
	__u8 result[VPC_SWEEP_MAX]; /* VPC_SWEPT_… */
};
_Static_assert(sizeof(struct vpc_sweep) == 32 + 48 * 64 + 64, "vpc_sweep");

#endif
