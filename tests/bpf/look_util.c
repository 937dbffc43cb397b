/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The laboratory: looking at what packets left in the maps, making it older, the sweep, events, measuring. */
#include "lab_util.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/clock.h>

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

void lab_flow_put(struct lab *l, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	cr_assert_eq(bpf_map_update_elem(kernel_map(l, true), key, flow, BPF_EXIST), 0);
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

/* The keys of a map, all taken before one is changed: an update puts its element in front of its bucket, so that a
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

/* Changes every value of a hash by fn. */
static void change_each(struct lab *l, int fd, size_t key_bytes, void (*fn)(struct lab *l, void *value, uint64_t ms),
			uint64_t ms)
{
	char value[256] __attribute__((aligned(8)));
	_cleanup_free_ char *keys = NULL;
	size_t n = keys_of(fd, key_bytes, &keys);

	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(bpf_map_lookup_elem(fd, keys + i * key_bytes, value), 0);
		fn(l, value, ms);
		cr_assert_eq(bpf_map_update_elem(fd, keys + i * key_bytes, value, BPF_EXIST), 0);
	}
}

static void age_flow(struct lab *l, void *value, uint64_t ms)
{
	struct vpc_flow *f = value;

	f->last_seen_ns -= ms * 1000000;
	forget(l, f->tag);
}

static void age_young(struct lab *l, uint64_t ms)
{
	for (uint32_t i = 0; i < VPC_YOUNG_SLOTS; i++)
		if (l->young[i].flow.state != VPC_FLOW_NONE) {
			l->young[i].flow.created_ns -= ms * 1000000;
			age_flow(l, &l->young[i].flow, ms);
		}
}

static void age_fragment(struct lab *l, void *value, uint64_t ms)
{
	(void)l;
	((struct vpc_fragment *)value)->seen_ns -= ms * 1000000;
}

void lab_age_ms(struct lab *l, uint64_t ms)
{
	change_each(l, kernel_map(l, true), sizeof(struct vpc_flow_key), age_flow, ms);
	change_each(l, kernel_map(l, false), sizeof(struct vpc_flow_key), age_flow, ms);
	change_each(l, overflow(l), sizeof(struct vpc_flow_key), age_flow, ms);
	age_young(l, ms);
	change_each(l, bpf_map__fd(l->skel->maps.fragment), sizeof(struct vpc_fragment_key), age_fragment, ms);
	change_each(l, bpf_map__fd(l->skel->maps.fragment_overflow), sizeof(struct vpc_fragment_key), age_fragment, ms);
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
	return monotonic_ns();
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
