/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The laboratory: loading, sending. look_util.c reads what is in the maps then; state_util.c writes them. */
#include "lab_util.h"
#include <vpc/cleanup.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Devices "NAME<i>" and the next one, with the numbers `first` and the next: numbers are all that matters. */
static void make_pair(struct nl_sock *sock, const char *prefix, unsigned i, uint32_t first)
{
	struct rtnl_link *link = rtnl_link_veth_alloc(), *peer = rtnl_link_veth_get_peer(link);
	char name[32];

	snprintf(name, sizeof(name), "%s%u", prefix, i);
	rtnl_link_set_name(link, name);
	rtnl_link_set_ifindex(link, (int)first);
	snprintf(name, sizeof(name), "%s%u", prefix, i + 1);
	rtnl_link_set_name(peer, name);
	rtnl_link_set_ifindex(peer, (int)first + 1);
	rtnl_link_put(peer);
	cr_assert_eq(rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL), 0, "veth %u", first);
	rtnl_link_put(link);
}

static void make_devices(const char *prefix, uint32_t first, unsigned n)
{
	struct nl_sock *sock = nl_socket_alloc();

	cr_assert(sock && nl_connect(sock, NETLINK_ROUTE) == 0);
	for (unsigned i = 0; i < n; i += 2)
		make_pair(sock, prefix, i, first + i);
	nl_socket_free(sock);
}

void *lab_map_memory(struct bpf_map *map)
{
	size_t value = (bpf_map__value_size(map) + 7) & ~(size_t)7, page = (size_t)getpagesize();
	size_t length = (value * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	cr_assert(p != MAP_FAILED, "mmap %s: %s", bpf_map__name(map), strerror(errno));
	return p;
}

static void size_maps(struct datapath_bpf *skel)
{
	struct bpf_map *by_row[] = {skel->maps.mask_group_of, skel->maps.mask_group, skel->maps.rule, skel->maps.row,
				    skel->maps.row_stat};
	struct bpf_map *in_memory[] = {skel->maps.drop, skel->maps.flow_version, skel->maps.event_limit,
				       skel->maps.answer_limit};

	for (size_t i = 0; i < sizeof(by_row) / sizeof(by_row[0]); i++)
		cr_assert_eq(bpf_map__set_max_entries(by_row[i], LAB_ROWS), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.classifier, LAB_BLOCKS), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.acl_block, LAB_BLOCKS), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.nat_in, LAB_TRANSLATIONS), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.nat_out, LAB_TRANSLATIONS), 0);
	/* so that the harness reads counters, and the pool empties arrays, without a call for each element */
	for (size_t i = 0; i < sizeof(in_memory) / sizeof(in_memory[0]); i++)
		cr_assert_eq(bpf_map__set_map_flags(in_memory[i], BPF_F_MMAPABLE), 0);
}

/* From ENI_A to ENI_B, and back. The rest is the same for both. */
#define TO_B(port) .src = "10.0.0.10", .dst = "10.0.0.11", .sport = 999, .dport = (port)
#define TO_A(port) .src = "10.0.0.11", .dst = "10.0.0.10", .sport = (port), .dport = 999

const struct packet_spec lab_udp = {TO_B(53), .proto = IPPROTO_UDP, .payload = 100},
			 lab_udp_back = {TO_A(53), .proto = IPPROTO_UDP, .payload = 100},
			 lab_tcp = {TO_B(80), .proto = IPPROTO_TCP, .tcp_flags = TH_SYN},
			 lab_tcp_back = {TO_A(80), .proto = IPPROTO_TCP, .tcp_flags = TH_SYN | TH_ACK};

struct lab *lab_open(unsigned ports)
{
	struct lab *l = calloc(1, sizeof(*l));

	cr_assert(l && ports <= LAB_PORTS_MAX);
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "needs root: %s", strerror(errno));
	make_devices("lab", LAB_ENI(0), ports);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	l->skel = datapath_bpf__open();
	cr_assert(l->skel, "open");
	size_maps(l->skel);
	if (!lab_pool_load(l))
		cr_assert_eq(datapath_bpf__load(l->skel), 0, "load");
	l->ctl = lab_map_memory(l->skel->maps.ctl);
	l->space = lab_map_memory(l->skel->maps.vpc);
	l->eni = lab_map_memory(l->skel->maps.eni);
	l->addr_row = lab_map_memory(l->skel->maps.addr_row);
	l->set = lab_map_memory(l->skel->maps.set);
	l->sg = lab_map_memory(l->skel->maps.sg);
	l->mask_group = lab_map_memory(l->skel->maps.mask_group);
	l->row = lab_map_memory(l->skel->maps.row);
	l->classifier = lab_map_memory(l->skel->maps.classifier);
	l->n_blocks = 1;
	l->drop = lab_map_memory(l->skel->maps.drop);
	l->eni_flows = lab_map_memory(l->skel->maps.eni_flows);
	l->vpc_flows = lab_map_memory(l->skel->maps.vpc_flows);
	l->host_flows = lab_map_memory(l->skel->maps.host_flows);
	l->young = lab_map_memory(l->skel->maps.flow_young);
	l->host_flows->flow_guaranteed = l->host_flows->new_guaranteed = LAB_SHARE;
	l->host_flows->fragment_guaranteed = LAB_SHARE;
	l->drops_max = bpf_map__max_entries(l->skel->maps.drop);
	l->n_sets = l->n_rows = l->n_mask_groups = l->n_addrs = 1;
	l->ctl->epoch = 1;
	return l;
}

void lab_close(struct lab *l)
{
	if (!l)
		return;
	if (l->ring)
		ring_buffer__free(l->ring);
	lab_pool_free(l);
	datapath_bpf__destroy(l->skel); /* the memory of the maps goes with the process */
	free(l);
}

void lab_stay(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

struct datapath_bpf *lab_skel(struct lab *l)
{
	return l->skel;
}

/* --- sending ---------------------------------------------------------------------------------------------------- */

/* Which drop counter moved since the last look: index and reason, or 0. */
static void find_drop(struct lab *l, struct verdict *v)
{
	for (uint32_t i = LAB_ENI(0) * VPC_DROP_REASONS_MAX; i < LAB_ENI(LAB_PORTS_MAX) * VPC_DROP_REASONS_MAX; i++) {
		uint64_t now = l->drop[i], *before = &l->seen[i - LAB_ENI(0) * VPC_DROP_REASONS_MAX];

		if (now == *before)
			continue;
		cr_assert_eq(now, *before + 1, "one packet, one drop");
		cr_assert_eq(v->reason, 0, "one packet, one reason");
		v->counted = i / VPC_DROP_REASONS_MAX;
		v->reason = (int)(i % VPC_DROP_REASONS_MAX);
		*before = now;
	}
}

/* Who received a packet since the last look: one at most. */
static uint32_t find_receiver(struct lab *l)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < LAB_PORTS_MAX; i++) {
		uint64_t now = lab_packets(l, LAB_ENI(i), false);

		if (now == l->received[i])
			continue;
		cr_assert_eq(now, l->received[i] + 1, "one packet, one receipt");
		cr_assert_eq(found, 0, "one packet, one receiver");
		found = LAB_ENI(i);
		l->received[i] = now;
	}
	return found;
}

void lab_gso(struct lab *l, uint32_t bytes)
{
	l->gso_bytes = bytes;
}

static struct verdict run_program(struct lab *l, const struct bpf_program *prog, uint32_t number, uint32_t mark,
				  uint32_t gso_bytes, const struct frame *f)
{
	struct __sk_buff ctx = {.ifindex = number, .mark = mark, .gso_size = gso_bytes}, ctx_out = {};
	struct verdict v = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->data, .data_size_in = (__u32)f->length,
		    .data_out = l->out.data, .data_size_out = sizeof(l->out.data), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .ctx_out = &ctx_out, .ctx_size_out = sizeof(ctx_out));
	int rc = bpf_prog_test_run_opts(lab_program_fd(l, prog), &opts);

	cr_assert_eq(rc, 0, "test run: %s", strerror(-rc));
	l->out.length = opts.data_size_out;
	v.action = (int)opts.retval;
	v.mark = ctx_out.mark;
	find_drop(l, &v);
	return v;
}

static struct verdict run(struct lab *l, bool from, uint32_t number, uint32_t mark, const struct frame *f)
{
	struct verdict v = run_program(l, from ? l->skel->progs.from_workload : l->skel->progs.to_workload, number,
				       mark, from ? l->gso_bytes : 0, f);
	bool told;

	if (v.action == TC_ACT_REDIRECT || !from)
		v.target = find_receiver(l);
	/* what is dropped may be turned into the error about it */
	told = v.reason && v.action == TC_ACT_REDIRECT && v.mark == (VPC_MARK_ANSWER | number);
	cr_assert_eq(v.action == TC_ACT_SHOT || told, v.reason != 0,
		     "a drop is counted, and only a drop (action %d, reason %d)", v.action, v.reason);
	return v;
}

struct verdict lab_from(struct lab *l, uint32_t number, const struct frame *f)
{
	return run(l, true, number, 0, f);
}

struct verdict lab_to(struct lab *l, uint32_t number, uint32_t mark, const struct frame *f)
{
	return run(l, false, number, mark, f);
}

struct verdict lab_route(struct lab *l, uint32_t subnet, uint32_t mark, const struct frame *f)
{
	if (!l->has_bridges)
		make_devices("bridge", VPC_BRIDGE_FIRST, 4);
	l->has_bridges = true;
	return run_program(l, l->skel->progs.from_router, VPC_BRIDGE_FIRST + subnet, mark, 0, f);
}

const struct frame *lab_out(const struct lab *l)
{
	return &l->out;
}

struct verdict lab_send(struct lab *l, uint32_t number, struct packet_spec spec)
{
	struct frame f;
	uint8_t smac[6], dmac[6];

	memcpy(smac, spec.smac ? spec.smac : lab_mac(number), 6);
	memcpy(dmac, spec.dmac ? spec.dmac : lab_gateway_mac(), 6);
	spec.smac = smac;
	spec.dmac = dmac;
	frame_build(&f, &spec);
	return run(l, true, number, 0xdeadbeef, &f);
}

struct verdict lab_deliver(struct lab *l, uint32_t number, uint32_t mark, struct packet_spec spec)
{
	struct frame f;
	uint8_t smac[6], dmac[6];

	memcpy(smac, spec.smac ? spec.smac : lab_gateway_mac(), 6);
	memcpy(dmac, spec.dmac ? spec.dmac : lab_mac(number), 6);
	spec.smac = smac;
	spec.dmac = dmac;
	frame_build(&f, &spec);
	return run(l, false, number, mark, &f);
}

struct packet_spec lab_segment_spec(uint32_t from, uint8_t flags, uint32_t seq, uint32_t ack)
{
	bool a = from == ENI_A;

	return (struct packet_spec){.src = a ? "10.0.0.10" : "10.0.0.11",
				    .dst = a ? "10.0.0.11" : "10.0.0.10",
				    .proto = IPPROTO_TCP,
				    .sport = a ? 999 : 80,
				    .dport = a ? 80 : 999,
				    .tcp_flags = flags,
				    .tcp_seq = seq,
				    .tcp_ack = ack};
}

int lab_segment(struct lab *l, uint32_t from, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return lab_send(l, from, lab_segment_spec(from, flags, seq, ack)).reason;
}

struct verdict lab_cross(struct lab *l, uint32_t number, uint32_t to, struct packet_spec spec)
{
	struct verdict v = lab_send(l, number, spec);

	if (v.reason)
		return v;
	if (v.action == TC_ACT_REDIRECT && v.target) {
		cr_assert_eq(v.target, to);
		cr_assert_eq(v.mark, 0, "nothing of it leaks into the workload's namespace");
		return v;
	}
	/* to the port itself, or to the router */
	if (v.action != TC_ACT_REDIRECT && v.action != TC_ACT_OK)
		return v;
	cr_assert_eq(v.mark, VPC_MARK_ENI | number);
	spec.smac = NULL;
	spec.dmac = NULL;
	return lab_deliver(l, to, v.mark, spec);
}

void lab_expect_path(struct lab *l, const char *what, uint32_t from, uint32_t to, struct packet_spec p)
{
	struct verdict v = lab_send(l, from, p);

	cr_expect_eq(v.reason, 0, "%s: dropped for reason %d", what, v.reason);
	cr_expect_eq(v.action, to ? TC_ACT_REDIRECT : TC_ACT_OK, "%s: action %d", what, v.action);
	cr_expect_eq(v.target, to, "%s: to %u", what, v.target);
	cr_expect_eq(v.mark, to ? 0 : VPC_MARK_ENI | from, "%s: mark %x", what, v.mark);
	usleep(LAB_TICK_US);
}
