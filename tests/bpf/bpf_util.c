/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The laboratory: loading, sending, looking. What stands in the maps is written by state_util.c. */
#include "lab_util.h"
#include <vpc/cleanup.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netinet/in.h>
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

static void *map_memory(struct bpf_map *map)
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
	l->ctl = map_memory(l->skel->maps.ctl);
	l->space = map_memory(l->skel->maps.vpc);
	l->eni = map_memory(l->skel->maps.eni);
	l->addr_row = map_memory(l->skel->maps.addr_row);
	l->set = map_memory(l->skel->maps.set);
	l->sg = map_memory(l->skel->maps.sg);
	l->mask_group = map_memory(l->skel->maps.mask_group);
	l->row = map_memory(l->skel->maps.row);
	l->classifier = map_memory(l->skel->maps.classifier);
	l->n_blocks = 1;
	l->drop = map_memory(l->skel->maps.drop);
	l->eni_flows = map_memory(l->skel->maps.eni_flows);
	l->vpc_flows = map_memory(l->skel->maps.vpc_flows);
	l->host_flows = map_memory(l->skel->maps.host_flows);
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

/* --- looking ---------------------------------------------------------------------------------------------------- */

uint64_t lab_drops(struct lab *l, uint32_t number, int reason)
{
	return l->drop[number * VPC_DROP_REASONS_MAX + (uint32_t)reason];
}

int64_t lab_established(struct lab *l, uint32_t number)
{
	return l->eni_flows[number].opened + l->eni_flows[number].answered;
}

int64_t lab_half_open(struct lab *l)
{
	return l->vpc_flows[1].half_open;
}

struct vpc_eni_flows *lab_eni_flows(struct lab *l, uint32_t number)
{
	return &l->eni_flows[number];
}

struct vpc_vpc_flows *lab_vpc_flows(struct lab *l, uint32_t vpc)
{
	return &l->vpc_flows[vpc];
}

struct vpc_host_flows *lab_host_flows(struct lab *l)
{
	return l->host_flows;
}

void lab_answers(struct lab *l)
{
	static const uint64_t none[8];

	for (uint32_t i = 0; i < LAB_PORTS_MAX; i++) {
		uint32_t number = LAB_ENI(i);

		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.answer_limit), &number, none, BPF_ANY), 0);
	}
}

uint64_t lab_row_packets(struct lab *l, uint32_t row)
{
	struct vpc_row_stat stat;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.row_stat), &row, &stat), 0);
	return stat.packets;
}

uint64_t lab_packets(struct lab *l, uint32_t number, bool tx)
{
	struct vpc_eni_stat stat[256];
	uint64_t sum = 0;

	cr_assert_leq(libbpf_num_possible_cpus(), 256);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.eni_stat), &number, stat), 0);
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		sum += tx ? stat[i].tx_packets : stat[i].rx_packets;
	return sum;
}

static int kernel_map(struct lab *l, bool established)
{
	return bpf_map__fd(established ? l->skel->maps.flow : l->skel->maps.flow_new);
}

static unsigned count_keys(int fd)
{
	struct vpc_flow_key key, *previous = NULL;
	unsigned n = 0;

	while (!bpf_map_get_next_key(fd, previous, &key)) {
		previous = &key;
		n++;
	}
	return n;
}

unsigned lab_flows(struct lab *l, bool established)
{
	return count_keys(kernel_map(l, established));
}

static int overflow(struct lab *l)
{
	return bpf_map__fd(l->skel->maps.flow_overflow);
}

unsigned lab_overflow(struct lab *l)
{
	return count_keys(overflow(l));
}

bool lab_flow(struct lab *l, bool established, struct vpc_flow_key *key, struct vpc_flow *ret)
{
	if (bpf_map_get_next_key(kernel_map(l, established), NULL, key))
		return false;
	return !bpf_map_lookup_elem(kernel_map(l, established), key, ret);
}

bool lab_flow_state(struct lab *l, int state, bool established)
{
	struct vpc_flow_key key;
	struct vpc_flow f;

	return lab_flow(l, established, &key, &f) && f.state == state;
}

/* What CPUs remember of a flow doesn't count any more. */
static void forget(struct lab *l, uint64_t tag)
{
	uint32_t at = (uint32_t)(tag >> 1) % VPC_FLOW_VERSIONS, version;
	int fd = bpf_map__fd(l->skel->maps.flow_version);

	cr_assert_eq(bpf_map_lookup_elem(fd, &at, &version), 0);
	version++;
	cr_assert_eq(bpf_map_update_elem(fd, &at, &version, BPF_ANY), 0);
}

/* The keys of a table, all taken before one is changed: an update puts its element in front of its bucket, so that a
 * walk which goes on from there can meet the others again, and again. Returns how many; to be freed. */
static size_t keys_of(int fd, size_t size, void *ret)
{
	uint8_t *keys = NULL;
	size_t n = 0;

	for (;;) {
		keys = realloc(keys, (n + 1) * size);
		cr_assert(keys);
		if (bpf_map_get_next_key(fd, n ? keys + (n - 1) * size : NULL, keys + n * size))
			break;
		n++;
	}
	*(void **)ret = keys;
	return n;
}

static void age_flows(struct lab *l, int fd, uint64_t ms)
{
	_cleanup_free_ struct vpc_flow_key *keys = NULL;
	size_t n = keys_of(fd, sizeof(*keys), &keys);
	struct vpc_flow f;

	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(bpf_map_lookup_elem(fd, &keys[i], &f), 0);
		f.last_seen_ns -= ms * 1000000;
		cr_assert_eq(bpf_map_update_elem(fd, &keys[i], &f, BPF_EXIST), 0);
		forget(l, f.tag);
	}
}

static void age_fragments(int fd, uint64_t ms)
{
	_cleanup_free_ struct vpc_fragment_key *keys = NULL;
	size_t n = keys_of(fd, sizeof(*keys), &keys);
	struct vpc_fragment fragment;

	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(bpf_map_lookup_elem(fd, &keys[i], &fragment), 0);
		fragment.seen_ns -= ms * 1000000;
		cr_assert_eq(bpf_map_update_elem(fd, &keys[i], &fragment, BPF_EXIST), 0);
	}
}

void lab_age_ms(struct lab *l, uint64_t ms)
{
	age_flows(l, kernel_map(l, true), ms);
	age_flows(l, kernel_map(l, false), ms);
	age_flows(l, overflow(l), ms);
	age_fragments(bpf_map__fd(l->skel->maps.fragment), ms);
	age_fragments(bpf_map__fd(l->skel->maps.fragment_overflow), ms);
}

void lab_age(struct lab *l, unsigned seconds)
{
	lab_age_ms(l, seconds * 1000ull);
}

bool lab_slow_path(struct lab *l)
{
	struct bpf_map *map = l->skel->maps.scratch_of_cpu;
	size_t bytes = (size_t)libbpf_num_possible_cpus() * ((bpf_map__value_size(map) + 7u) & ~7u);
	_cleanup_free_ uint8_t *scratch = calloc(2, bytes); /* behind it zeros */
	uint32_t which = 0;				    /* SCRATCH_PACKET */
	bool taken;

	cr_assert(scratch);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), &which, scratch), 0);
	taken = memcmp(scratch, scratch + bytes, bytes) != 0;
	if (taken)
		cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), &which, scratch + bytes, BPF_ANY), 0);
	return taken;
}

uint64_t lab_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

struct vpc_sweep *lab_sweep_io(struct lab *l)
{
	return &l->sweep;
}

unsigned lab_sweep(struct lab *l, uint32_t op, uint64_t grace_until_ns)
{
	struct vpc_sweep *io = &l->sweep;
	struct vpc_flow_key key, *previous = NULL;
	int maps[] = {kernel_map(l, false), kernel_map(l, true), overflow(l)};
	uint8_t frame[64] = {};
	uint32_t zero = 0;
	unsigned done = 0;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));

	memset(io, 0, sizeof(*io));
	io->op = op;
	io->epoch = l->ctl->epoch;
	io->now_ns = lab_now_ns();
	io->grace_until = grace_until_ns == ~0ull ? VPC_GRACE_KEEP : (uint32_t)(grace_until_ns >> VPC_GRACE_SHIFT);
	for (size_t i = 0; i < 3; i++, previous = NULL)
		while (!bpf_map_get_next_key(maps[i], previous, &key) && io->n < VPC_SWEEP_MAX) {
			io->key[io->n++] = key;
			previous = &key;
		}
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(l->skel->maps.sweep_io), &zero, io, BPF_ANY), 0);
	cr_assert_eq(bpf_prog_test_run_opts(lab_program_fd(l, l->skel->progs.sweep), &opts), 0);
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(l->skel->maps.sweep_io), &zero, io), 0);
	for (uint32_t i = 0; i < io->n; i++)
		done += io->result[i] == VPC_SWEPT_DONE;
	return done;
}

static int take_event(void *ctx, void *data, size_t size)
{
	struct lab *l = ctx;

	cr_assert_eq(size, sizeof(l->event));
	memcpy(&l->event, data, sizeof(l->event));
	return -1; /* stops: one at a time */
}

bool lab_event(struct lab *l, struct vpc_event *ret)
{
	if (!l->ring)
		l->ring = ring_buffer__new(bpf_map__fd(l->skel->maps.events), take_event, l, NULL);
	cr_assert(l->ring);
	memset(&l->event, 0, sizeof(l->event));
	ring_buffer__consume(l->ring);
	*ret = l->event;
	return l->event.type != 0;
}

double lab_measure(struct lab *l, bool from, uint32_t number, uint32_t mark, const struct frame *f, int repeat)
{
	struct bpf_program *prog = from ? l->skel->progs.from_workload : l->skel->progs.to_workload;
	struct __sk_buff ctx = {.ifindex = number, .mark = mark};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->data, .data_size_in = (__u32)f->length, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = repeat);
	double least = 0;

	for (int i = 0; i < 50; i++) { /* the least: the machine does other things, too */
		cr_assert_eq(bpf_prog_test_run_opts(lab_program_fd(l, prog), &opts), 0);
		if (!i || opts.duration < least)
			least = opts.duration;
	}
	for (uint32_t i = 0; i < LAB_PORTS_MAX; i++)
		l->received[i] = lab_packets(l, LAB_ENI(i), false);
	return least;
}
