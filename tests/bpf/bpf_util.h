/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A laboratory for the programs in bpf/: loads them unpinned with small maps, in a network namespace of its own, writes
 * the maps as vpcd would, builds packets and sends them through BPF_PROG_TEST_RUN.
 *
 * What lab_eni, lab_addr, lab_join, lab_allow, lab_revoke and their like write counts from the next lab_commit() on, as
 * in vpcd's own transactions. Functions fail the test on an error of the harness itself, so they return no error codes.
 * Needs root. Not thread-safe; one lab a process.
 */
#ifndef TESTS_BPF_UTIL_H
#define TESTS_BPF_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/abi/abi.h>

#define LAB_PORTS_MAX	 64 /* ports ENI_FIRST … that have a device */
#define LAB_ENI(i)	 (VPC_ENI_FIRST + (uint32_t)(i))
#define LAB_ROWS	 8192
#define LAB_BLOCKS	 65536
#define LAB_TRANSLATIONS 70000
#define LAB_SHARE	 1000000 /* flows that each VPC is guaranteed, if a test doesn't say otherwise */

struct lab;

/* A frame, from the Ethernet header on. */
struct frame {
	uint8_t data[4096];
	size_t length;
};

/* What a packet is made of; what is left 0 gets a sensible value. */
struct packet_spec {
	const char *src, *dst;	    /* addresses, both of one family */
	const uint8_t *smac, *dmac; /* NULL: zeros */
	uint8_t proto;		    /* IPPROTO_… */
	uint16_t sport, dport;	    /* TCP, UDP; host order */
	uint8_t tcp_flags;
	uint32_t tcp_seq, tcp_ack; /* 0: 1000, 2000 */
	uint8_t icmp_type, icmp_code;
	uint16_t icmp_id;
	uint8_t ttl;	/* 0: 64; 255 for ND */
	size_t payload; /* bytes behind the upper header */
	/* fragments: offset in bytes (a multiple of 8); a later one has `payload` bytes and no upper header */
	uint32_t fragment_id;
	uint16_t fragment_offset;
	bool more_fragments, fragment_header; /* fragment_header: IPv6, even if it is the only one */
	/* IPv6: raw extension headers put behind the fixed one, whose next header is ext_first; the last one's own next
	 * header must be proto */
	const uint8_t *ext;
	size_t ext_length;
	uint8_t ext_first;
	/* ICMP error: the packet that it quotes, of which quote_length bytes (0: all) from the IP header on */
	const struct frame *quote;
	size_t quote_length;
	/* raw bytes instead of the upper header and payload */
	const void *raw;
	size_t raw_length;
};

/* What became of a packet. */
struct verdict {
	int action;	  /* TC_ACT_OK 0, TC_ACT_SHOT 2, TC_ACT_REDIRECT 7 */
	int reason;	  /* enum vpc_drop_reason; 0: not dropped */
	uint32_t counted; /* whose counter */
	uint32_t mark;	  /* as it leaves */
	uint32_t target;  /* the ENI it was redirected to; 0: none */
};

/* vpc, subnet: any numbers, from 1. Addresses: "10.0.0.1", "10.0.0.0/24", "fd00:1::/64"; NULL: none. */
struct eni_spec {
	uint32_t number;			  /* LAB_ENI(i) */
	uint32_t vpc;				  /* 0: 1 */
	uint32_t subnet;			  /* 0: 1 */
	uint32_t incarnation;			  /* 0: 1 */
	const char *gateway4, *subnet4, *subnet6; /* NULL: 10.0.0.1, 10.0.0.0/24, fd00:1::/64 */
	bool no_source_dest_check;
	uint32_t flow_budget; /* 0: 1000 */
	uint32_t mtu;	      /* 0: 1500 */
};

/* One row: a port prefix and one peer. */
struct rule_spec {
	uint32_t sg;
	uint8_t direction; /* VPC_INGRESS, VPC_EGRESS */
	uint8_t slot;	   /* VPC_SLOT_… */
	uint16_t port;	   /* first port, host order; ICMP: type << 8 | code */
	uint8_t port_plen; /* bits of port that count; 0: all ports */
	const char *peer;  /* CIDR; NULL: peer_sg */
	uint32_t peer_sg;
	uint32_t rule; /* the rule's number; 0: the row's */
};

/* Unshares the network namespace, loads, makes `ports` devices LAB_ENI(0) … */
struct lab *lab_open(unsigned ports);
void lab_close(struct lab *l);
/* Everything that follows is sent by the CPU of now. */
void lab_stay(void);
/* The skeleton (struct datapath_bpf *), for what isn't here. */
struct datapath_bpf *lab_skel(struct lab *l);

/* A suite whose tests have a laboratory each, `l`, which `open` makes. */
#define LAB_SUITE(name, open)      \
	static struct lab *l;      \
	static void setup(void)    \
	{                          \
		l = (open);        \
	}                          \
	static void teardown(void) \
	{                          \
		lab_close(l);      \
	}                          \
	TestSuite(name, .init = setup, .fini = teardown)

/* --- state --- */
/* With gateways, unless lab_space() says otherwise. lab_eni() gives the subnet default routes to an internet gateway.
 */
void lab_vpc(struct lab *l, uint32_t vpc, const char *cidr4, const char *cidr6);
struct vpc_space *lab_space(struct lab *l, uint32_t vpc);
void lab_eni(struct lab *l, const struct eni_spec *spec);
void lab_addr(struct lab *l, uint32_t vpc, const char *address, uint32_t number);
void lab_addr_remove(struct lab *l, uint32_t vpc, const char *address);
/* Whether the ports of ENIs are such that packets are redirected to them: with VPCD_TEST_FAST_PATH=no they aren't. */
bool lab_fast_path(void);
/* Whether each commit gives every set a classifier: VPCD_TEST_CLASSIFIER=yes. */
bool lab_classifier(void);
/* Gives set `n` a classifier of the rules that count from the next commit on; returns its first block. */
uint32_t lab_compile(struct lab *l, uint32_t n, unsigned direction);
struct vpc_classifier_block *lab_block(struct lab *l, uint32_t at);
struct vpc_set *lab_set_row(struct lab *l, uint32_t n);
/* From now on packets are redirected to this ENI, or don't, whatever the environment says. */
void lab_set_fast_path(struct lab *l, uint32_t number, bool fast_path);
/* The set with these groups (0 ends the list; at most 16): made if there is none. Immediately there. */
uint32_t lab_set(struct lab *l, const uint32_t *groups);
/* From the next commit the ENI has these groups (0 ends the list, none: not ready); raises its gen_any, and its
 * gen_revoke if cut. */
void lab_join(struct lab *l, uint32_t number, bool cut, const uint32_t *groups);
#define GROUPS(...) ((const uint32_t[]){__VA_ARGS__, 0})
#define NO_GROUPS   ((const uint32_t[]){0})
/* Returns the row's number. The same key twice gives the same row, alive again. */
uint32_t lab_allow(struct lab *l, const struct rule_spec *spec);
/* Allows everything to 0.0.0.0/0 (family 4) or ::/0 (6). */
uint32_t lab_allow_all(struct lab *l, uint32_t sg, uint8_t direction, int family);
/* The row dies at the next commit; gen_revoke of the sets with its group is raised. */
void lab_revoke(struct lab *l, uint32_t row);
/* The same without raising gen_revoke. */
void lab_kill_row(struct lab *l, uint32_t row);
void lab_raise(struct lab *l, uint32_t sg, bool revoke);
uint64_t lab_commit(struct lab *l);
uint64_t lab_epoch(struct lab *l);
struct vpc_ctl *lab_ctl(struct lab *l);
struct vpc_eni *lab_eni_row(struct lab *l, uint32_t number);
struct vpc_row *lab_row(struct lab *l, uint32_t number);
struct vpc_sg *lab_sg(struct lab *l, uint32_t number);

/* The usual world: VPC 1 (10.0.0.0/16, fd00:1::/56) with ENI_A and ENI_B in subnet 1, ENI_C in subnet 2, VPC 2 with
 * ENI_D that has the addresses of ENI_A. Groups SG_A … SG_D on them: everything may leave, nothing may enter.
 * Committed. */
struct lab *lab_usual(void);
/* ENI_B's port 53 (UDP) for 10.0.0.0/24. Returns the row; to be committed. */
uint32_t lab_allow_dns(struct lab *l);
/* The usual, all redirected to: with that rule, ENI_B's port 80 (TCP) for the same, and everything of ENI_C for all.
 */
struct lab *lab_usual_fast_path(uint32_t *ret_dns);
#define ENI_A LAB_ENI(0) /* 10.0.0.10, fd00:1::10 */
#define ENI_B LAB_ENI(1) /* 10.0.0.11, fd00:1::11 */
#define ENI_C LAB_ENI(2) /* 10.0.1.12, fd00:1:0:1::12 */
#define ENI_D LAB_ENI(3) /* VPC 2: 10.0.0.10, fd00:1::10 */
#define SG_A  10u
#define SG_B  20u
#define SG_C  30u
#define SG_D  40u

/* --- packets --- */
/* MACs of the lab: of an ENI, and of the gateway of every subnet. */
const uint8_t *lab_mac(uint32_t number);
const uint8_t *lab_gateway_mac(void);
void frame_build(struct frame *f, const struct packet_spec *spec);
/* Puts the right checksum into the IPv4 header. */
void frame_checksum4(struct frame *f);
/* Puts options, whose length is a multiple of 4, into an IPv4 header that has none. */
void frame_options4(struct frame *f, const void *options, size_t length);
/* Runs one program on a frame as it is. */
struct verdict lab_from(struct lab *l, uint32_t number, const struct frame *f);
struct verdict lab_to(struct lab *l, uint32_t number, uint32_t mark, const struct frame *f);
/* from_router at the bridge of a subnet of up to 3, which the lab makes with the first call. A drop counts at an ENI
 * or, where nobody is known, at number 0, which the verdict doesn't tell. */
struct verdict lab_route(struct lab *l, uint32_t subnet, uint32_t mark, const struct frame *f);
/* What the last packet was when it came out. */
const struct frame *lab_out(const struct lab *l);
/* Builds and sends from the workload of `number`; MACs that are NULL are its own and the gateway's. */
struct verdict lab_send(struct lab *l, uint32_t number, struct packet_spec spec);
/* Packets sent from now on are GSO packets with segments of this size; 0: they are not. */
void lab_gso(struct lab *l, uint32_t bytes);
/* A TCP segment between ENI_A's port 999 and ENI_B's port 80. */
struct packet_spec lab_segment_spec(uint32_t from, uint8_t flags, uint32_t seq, uint32_t ack);
/* Sends it. Returns the reason for which it is dropped, or 0. */
int lab_segment(struct lab *l, uint32_t from, uint8_t flags, uint32_t seq, uint32_t ack);
/* Builds and delivers to the workload of `number`; MACs that are NULL are the gateway's and its own. */
struct verdict lab_deliver(struct lab *l, uint32_t number, uint32_t mark, struct packet_spec spec);
/* From `number` to `to`, by both programs, or by the first alone where the fast path takes it; the first that drops
 * decides. */
struct verdict lab_cross(struct lab *l, uint32_t number, uint32_t to, struct packet_spec spec);

/* Sends it and expects that it is redirected to `to`; 0: that it goes by bridge and router, with the mark. Then waits
 * for LAB_TICK_US. */
void lab_expect_path(struct lab *l, const char *what, uint32_t from, uint32_t to, struct packet_spec p);
/* A tick of the coarse clock of any kernel, and more. CPUs remember nothing of a flow that was made within the same
 * tick (lib/flow/cache.h). */
#define LAB_TICK_US 11000
/* UDP of ENI_A to ENI_B's port 53, and its answer. */
extern const struct packet_spec lab_udp, lab_udp_back;
/* The SYN of a connection of ENI_A to ENI_B's port 80, and its answer. */
extern const struct packet_spec lab_tcp, lab_tcp_back;

/* --- looking (look_util.c) --- */
uint64_t lab_drops(struct lab *l, uint32_t number, int reason);
int64_t lab_half_open(struct lab *l);			 /* of VPC 1 */
int64_t lab_established(struct lab *l, uint32_t number); /* eni_flows */
struct vpc_eni_flows *lab_eni_flows(struct lab *l, uint32_t number);
struct vpc_vpc_flows *lab_vpc_flows(struct lab *l, uint32_t vpc);
struct vpc_host_flows *lab_host_flows(struct lab *l);
uint64_t lab_row_packets(struct lab *l, uint32_t row);
/* Packets an ENI sent (tx) or received. */
uint64_t lab_packets(struct lab *l, uint32_t number, bool tx);
unsigned lab_flows(struct lab *l, bool established);
unsigned lab_overflow(struct lab *l); /* flows in flow_overflow */
/* The only or first flow of a map: `flow` if established, else flow_new. */
bool lab_flow(struct lab *l, bool established, struct vpc_flow_key *key, struct vpc_flow *ret);
/* Writes a flow that is in `flow`, without telling the caches of CPUs. */
void lab_flow_put(struct lab *l, const struct vpc_flow_key *key, const struct vpc_flow *flow);
bool lab_flow_state(struct lab *l, int state, bool established);
/* Gives every ENI all its tokens again for what the gateway answers (bpf/lib/local/answer.h). */
void lab_answers(struct lab *l);
/* Makes every flow and fragment look `seconds`, or `ms`, older. */
void lab_age(struct lab *l, unsigned seconds);
void lab_age_ms(struct lab *l, uint64_t ms);
/* Whether a packet since the last call took the slow path, which leaves its traces in the scratch: fast.h and
 * fast/tcp.h don't. */
bool lab_slow_path(struct lab *l);
struct vpc_sweep *lab_sweep_io(struct lab *l);
/* Puts every key of all maps of flows, as far as it fits, into a sweep and runs it; returns how many were done. */
unsigned lab_sweep(struct lab *l, uint32_t op, uint64_t grace_until_ns);
uint64_t lab_now_ns(void);
/* Reads one event; false: there is none. */
bool lab_event(struct lab *l, struct vpc_event *ret);
/* ns per run of one program (from: from_workload) with this frame, `repeat` times over: the least of fifty tries. */
double lab_measure(struct lab *l, bool from, uint32_t number, uint32_t mark, const struct frame *f, int repeat);

#endif
