/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one packet costs, by BPF_PROG_TEST_RUN: packet shapes | packet flows. Run it in a network namespace that has
 * devices with the ifindexes ENI_CLIENT and ENI_SERVER. Output: "shape,rules,what,ns" a line, with
 *
 *   bare         no flow, no judgement: reading the packet and sending it on
 *   established  from_workload, the datapath's own program, on a packet of an established TCP connection between two
 *                ports that have the fast path
 *   arriving     to_workload's judgement of the same
 *   new          a packet that opens a flow, judged for both sides; nothing is inserted
 *   change       one rule more or less in one of the groups: maps_prepare and maps_publish
 *
 * and for flows: "flows,NUMBER,known,ns" and "flows,NUMBER,bytes,B" (memory of the map for each flow).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <string.h>

#include "datapath/maps/counters.h"
#include "datapath/maps/maps.h"
#include "datapath/maps/state.h"
#include "shape.h"

/* generated, not written for -Wconversion */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "bpf/datapath.skel.h"
#include "tests/bench/packet.skel.h"
#pragma GCC diagnostic pop

#define TCP_SYN	     0x02
#define TCP_ACK	     0x10
#define TRY_NS	     5e6
#define TRIES	     15
#define CHANGES	     10
#define CLIENT_PORT  1024
#define TCX_REDIRECT 7

struct lab {
	const struct shape *shape;
	struct maps *maps;
	struct packet_bpf *bpf;
};

static void lab_close(struct lab *l)
{
	packet_bpf__destroy(l->bpf);
	if (l->maps)
		maps_close(l->maps);
}

/* Our programs over the datapath's maps: every map of theirs that has the same name. */
static int share_maps(struct lab *l)
{
	struct bpf_map *map, *theirs;

	bpf_object__for_each_map(map, l->bpf->obj)
	{
		theirs = bpf_object__find_map_by_name(l->maps->bpf->obj, bpf_map__name(map));
		if (theirs && bpf_map__reuse_fd(map, bpf_map__fd(theirs)))
			return -errno;
	}
	return packet_bpf__load(l->bpf);
}

static int lab_open(struct lab *l, const struct shape *shape, uint32_t n, uint32_t flows)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct vpc_limits limits = vpc_limits_default;
	struct maps_config config = {.limits = &limits, .first_epoch = 1, .classifier_from = MAPS_CLASSIFIER_FROM};
	struct maps_change *change = NULL;
	struct plan plan = {};
	int rc;

	limits.flows_established = flows;
	limits.flows_other = 1024;
	l->shape = shape;
	rc = maps_open(&config, &l->maps, &error);
	if (!rc)
		rc = shape_plan(shape, n, &plan);
	if (!rc)
		rc = maps_prepare(l->maps, &plan, &change, &error);
	plan_clear(&plan);
	if (rc) {
		fprintf(stderr, "packet: %s: %s\n", shape->name, error.message);
		return rc;
	}
	maps_publish(l->maps, change);
	rc = maps_wait_grace_period();
	maps_retire(l->maps, change);
	/* as for every port of a running instance, or packets would take the slow path */
	for (uint32_t eni = ENI_CLIENT; eni <= ENI_SERVER; eni++)
		maps_eni_set_flags(l->maps, eni, VPC_ENI_PEER_REDIRECT, 0);
	l->bpf = packet_bpf__open();
	if (!l->bpf)
		return -errno;
	if (!rc)
		rc = share_maps(l);
	if (!rc && shape->ip6)
		l->bpf->data->offset_sport = ETH_HLEN + sizeof(struct ip6_hdr);
	return rc;
}

/* Runs a program on a packet `repeat` times. Returns ns a run, or -1 when the last one didn't end as it should. */
static double run(int prog, uint32_t eni, const uint8_t frame[FRAME_BYTES], int repeat, bool denied)
{
	struct __sk_buff ctx = {.ifindex = eni};
	uint8_t out[128];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = FRAME_BYTES, .data_out = out,
		    .data_size_out = sizeof(out), .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = repeat);
	int rc = bpf_prog_test_run_opts(prog, &opts);

	if (rc) {
		bench_failed("test run", rc);
		return -1;
	}
	if (denied ? opts.retval != TC_ACT_SHOT : opts.retval != TC_ACT_OK && opts.retval != TCX_REDIRECT) {
		fprintf(stderr, "packet: verdict %u\n", opts.retval);
		return -1;
	}
	return opts.duration;
}

/* The least of several: the machine does other things, too. */
static double cost(const struct lab *l, const struct bpf_program *prog, uint32_t eni, bool denied)
{
	uint8_t frame[FRAME_BYTES];
	double least = -1;
	int repeat = 100;

	shape_frame(l->shape, false, CLIENT_PORT, denied || prog == l->bpf->progs.syn_cache ? TCP_SYN : TCP_ACK, frame);
	for (int i = 0; i < TRIES; i++) {
		double ns = run(bpf_program__fd(prog), eni, frame, repeat, denied);

		if (ns < 0)
			return ns;
		if (i && (least < 0 || ns < least)) /* the first one tells how many make a try */
			least = ns;
		if (!i)
			repeat = ns * 100 > TRY_NS ? 100 : (int)(TRY_NS / (ns + 1));
	}
	return least;
}

/* The handshake, through the datapath's own program. */
static int establish(const struct lab *l)
{
	int prog = maps_prog_from_workload(l->maps);
	uint8_t frame[FRAME_BYTES];

	shape_frame(l->shape, false, CLIENT_PORT, TCP_SYN, frame);
	if (run(prog, ENI_CLIENT, frame, 1, false) < 0)
		return -EPROTO;
	shape_frame(l->shape, true, CLIENT_PORT, TCP_SYN | TCP_ACK, frame);
	if (run(prog, ENI_SERVER, frame, 1, false) < 0)
		return -EPROTO;
	shape_frame(l->shape, false, CLIENT_PORT, TCP_ACK, frame);
	return run(prog, ENI_CLIENT, frame, 1, false) < 0 ? -EPROTO : 0;
}

static int report(const struct lab *l, uint32_t n, const char *what, const struct bpf_program *prog, uint32_t eni,
		  bool denied)
{
	double ns = cost(l, prog, eni, denied);

	if (ns < 0) {
		fprintf(stderr, "packet: shape %s, %u rules: %s: reason %d\n", l->shape->name, n, what,
			l->bpf->bss->verdict);
		return -EPROTO;
	}
	printf("%s,%u,%s,%.0f\n", l->shape->name, n, what, ns);
	fflush(stdout);
	return 0;
}

/* One rule more or less in the server's first group: prepare and publish, which the event loop waits for. */
static int report_change(struct lab *l, uint32_t n)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < CHANGES; i++) {
		struct plan_row row = shape_change(i % 2 == 0);
		struct plan plan = {.rows = &row, .n_rows = 1};
		struct maps_change *change = NULL;
		uint64_t begin = bench_now_ns(), took;
		int rc = maps_prepare(l->maps, &plan, &change, &error);

		if (rc) {
			fprintf(stderr, "packet: change of shape %s: %s\n", l->shape->name, error.message);
			return rc;
		}
		maps_publish(l->maps, change);
		took = bench_now_ns() - begin;
		if (took < least)
			least = took;
		maps_wait_grace_period();
		maps_retire(l->maps, change);
	}
	printf("%s,%u,change,%llu\n", l->shape->name, n, (unsigned long long)least);
	return 0;
}

static int measure_shape(const struct shape *shape, uint32_t n)
{
	_cleanup_(lab_close) struct lab l = {};
	int rc = lab_open(&l, shape, n, 1024);

	if (rc)
		return rc;
	if (!shape->denied) {
		rc = establish(&l);
		l.bpf->bss->mark = VPC_MARK_ENI | ENI_CLIENT;
		l.bpf->bss->target = ENI_SERVER;
		if (!rc)
			rc = report(&l, n, "bare", l.bpf->progs.bare, ENI_CLIENT, false);
		if (!rc)
			rc = report(&l, n, "established", l.maps->bpf->progs.from_workload, ENI_CLIENT, false);
		if (!rc)
			rc = report(&l, n, "arriving", l.bpf->progs.arriving, ENI_SERVER, false);
	}
	if (!rc)
		rc = report(&l, n, "new", l.bpf->progs.syn_cache, ENI_CLIENT, shape->denied);
	return rc ? rc : report_change(&l, n);
}

static int measure_shapes(void)
{
	static const uint32_t sizes[] = {10, 100, 1000, 10000, 100000};
	int rc = 0;

	for (const struct shape *s = shapes; s->name && !rc; s++) {
		uint32_t last = 0;

		for (size_t i = 0; i < ARRAY_SIZE(sizes) && !rc; i++) {
			uint32_t n = sizes[i] < s->least ? s->least : sizes[i] > s->most ? s->most : sizes[i];

			if (n != last)
				rc = measure_shape(s, n);
			last = n;
		}
	}
	return rc;
}

/* What the kernel says the map takes. */
static int report_memory(const struct lab *l, uint32_t n)
{
	_cleanup_(json_decrefp) json_t *status = maps_status(l->maps);
	json_t *map = json_object_get(status, "flow");
	double bytes = json_number_value(json_object_get(map, "bytes")),
	       size = json_number_value(json_object_get(map, "size"));

	if (!(bytes > 0 && size > 0))
		return bench_failed("status of the map of flows", -ENOENT);
	printf("flows,%u,bytes,%.0f\n", n, bytes / size);
	return 0;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	return b ? common_divisor(b, a % b) : a;
}

/* Fills the map with copies of one established flow, and looks each of them up, in no order. */
static int measure_flows(uint32_t n)
{
	_cleanup_(lab_close) struct lab l = {};
	struct vpc_flow_key key;
	struct vpc_flow f;
	uint8_t frame[FRAME_BYTES];
	int rc = lab_open(&l, &shapes[0], 10, n + 1), map;

	if (!rc)
		rc = establish(&l);
	if (rc)
		return rc;
	map = bpf_map__fd(l.maps->bpf->maps.flow);
	if (bpf_map_get_next_key(map, NULL, &key) || bpf_map_lookup_elem(map, &key, &f) ||
	    bpf_map_delete_elem(map, &key))
		return bench_failed("the flow", -errno);
	l.bpf->data->flows = n;
	l.bpf->data->step = (uint32_t)((double)n * 0.618) | 1;
	while (common_divisor(n, l.bpf->data->step) > 1)
		l.bpf->data->step += 2;
	memcpy(&l.bpf->bss->pattern, &f, sizeof(f));
	shape_frame(l.shape, false, CLIENT_PORT, TCP_ACK, frame);
	if (run(bpf_program__fd(l.bpf->progs.fill), ENI_CLIENT, frame, (int)n, false) < 0)
		return -EPROTO;
	l.shape = &(struct shape){.name = "flows", .port = shapes[0].port};
	rc = report(&l, n, "known", l.bpf->progs.known, ENI_CLIENT, false);
	return rc ? rc : report_memory(&l, n);
}

int main(int argc, char **argv)
{
	static const uint32_t flows[] = {1000, 10000, 100000, 1000000};
	const char *what = argc == 2 ? argv[1] : "";
	int rc = -EINVAL;

	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (!strcmp(what, "shapes"))
		rc = measure_shapes();
	else if (!strcmp(what, "flows"))
		for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
			rc = measure_flows(flows[i]);
			if (rc)
				break;
		}
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
