/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of a script: through the programs by BPF_PROG_TEST_RUN, and by the naive model. */
#include <bpf/bpf.h>
#include <endian.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "world.h"

#define UPLINK 2 /* ifindex of no device of ours */

/* What a packet carries beside its bytes. */
struct arrival {
	uint32_t port; /* ifindex of the port whose program runs */
	uint32_t mark;
	uint32_t came_by; /* ingress_ifindex */
	uint8_t dmac[6];  /* with which it goes on */
};

/* Runs a program over a packet. mark: in and out; dmac: out. Returns the program's verdict, or -errno. */
static int run_program(int prog, const struct packet *p, struct arrival *a)
{
	uint8_t in[PACKET_BYTES_MAX], out[PACKET_BYTES_MAX + 64];
	struct __sk_buff ctx = {.ifindex = a->port, .mark = a->mark, .ingress_ifindex = a->came_by};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_out = out, .data_size_out = sizeof(out),
		    .ctx_in = &ctx, .ctx_out = &ctx, .ctx_size_in = sizeof(ctx), .ctx_size_out = sizeof(ctx));
	int err;

	opts.data_size_in = (uint32_t)packet_build(p, in);
	err = bpf_prog_test_run_opts(prog, &opts);
	if (err < 0)
		return err;
	a->mark = ctx.mark;
	memcpy(a->dmac, out, sizeof(a->dmac));
	return (int)opts.retval;
}

/* One line about a flow, for the message of a mismatch. userdata: the world. */
static int describe_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow, bool established, void *userdata)
{
	struct world *w = userdata;
	size_t n = strlen(w->message);
	struct address a[2];
	char text[2][IP_STRLEN];

	memcpy(a, key->addr, sizeof(a));
	snprintf(w->message + n, sizeof(w->message) - n,
		 "; flow %s/%u %s/%u proto %u via %u: state %u flags %u opener %u enis %u %u epoch %llu%s",
		 address_format(&a[0], text[0]), be16toh(key->port[0]), address_format(&a[1], text[1]),
		 be16toh(key->port[1]), key->proto, key->via, flow->state, flow->flags, flow->opener, flow->eni[0],
		 flow->eni[1], (unsigned long long)flow->epoch, established ? " established" : "");
	return 0;
}

static enum world_result compare(struct world *w, const char *where, const struct naive_eni *e, int verdict,
				 struct naive_verdict wanted)
{
	bool pass = verdict == TC_ACT_OK || verdict == TC_ACT_UNSPEC || verdict == TC_ACT_REDIRECT;

	w->stats.verdicts++;
	w->stats.passes += pass;
	if (pass == wanted.pass && (pass || verdict == TC_ACT_SHOT))
		return WORLD_SAME;
	snprintf(w->message, sizeof(w->message), "%s %s: the programs say %s (%d), the naive model %s: %s", where,
		 e->name, pass ? "pass" : "drop", verdict, wanted.pass ? "pass" : "drop", wanted.why);
	maps_each_flow(w->maps, e->number, describe_flow, w);
	return WORLD_MISMATCH;
}

/* At eni's port, on its way to the workload, with the mark it has. from as of naive_in(). */
static enum world_result deliver(struct world *w, int eni, int from, uint32_t mark, bool judged, struct packet *p)
{
	const struct naive_state *s = &w->naive.now;
	const struct naive_eni *e = &s->enis[eni];
	struct arrival a = {.port = e->number, .mark = mark, .came_by = from == FROM_GATEWAY ? 0 : UPLINK};
	bool bridged = from >= 0 && s->enis[from].subnet == e->subnet;
	struct explained said;
	enum world_result r = WORLD_SAME;
	int verdict;

	memcpy(p->dmac, e->mac, sizeof(p->dmac));
	compile_gateway_mac(s->subnets[e->subnet].number, p->smac);
	if (bridged)
		memcpy(p->smac, s->enis[from].mac, sizeof(p->smac));
	if (from >= 0)
		a.came_by = bridged ? s->enis[from].number : VPC_BRIDGE_FIRST + s->subnets[s->enis[from].subnet].number;
	explained_in(w, e->number, p, &said);
	verdict = run_program(maps_prog_to_workload(w->maps), p, &a);
	if (from == FROM_OUTSIDE)
		r = explained_compare(w, &said, verdict == TC_ACT_OK);
	return r == WORLD_SAME ? compare(w, "in", e, verdict, naive_in(&w->naive, eni, from, judged, p)) : r;
}

/* Three of four packets may are redirected to their target, unless VPCD_TEST_FAST_PATH=no. */
static void choose_path(struct world *w, uint32_t target)
{
	const char *wanted = getenv("VPCD_TEST_FAST_PATH");
	bool fast_path = w->stats.verdicts % 4 != 0 && !(wanted && !strcmp(wanted, "no"));

	maps_eni_set_flags(w->maps, target, fast_path ? VPC_ENI_PEER_REDIRECT : 0,
			   fast_path ? 0 : VPC_ENI_PEER_REDIRECT);
}

/* Redirected, and to no ENI: it leaves the VPC by the internet gateway, whose MAC it has. */
static enum world_result leaves(struct world *w, const struct naive_eni *e, const struct arrival *a)
{
	static const uint8_t gateway[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_IGW};

	if (memcmp(a->dmac, gateway, sizeof(gateway)) == 0)
		return WORLD_SAME;
	snprintf(w->message, sizeof(w->message), "out %s: redirected to nobody", e->name);
	return WORLD_MISMATCH;
}

/* The port answered the packet, which goes nowhere: with an echo reply of the gateway, or by telling why it is dropped.
 */
static enum world_result answered(struct world *w, const struct naive_eni *e, const struct packet *p,
				  struct naive_verdict wanted)
{
	if (!address_is_gateway(&w->naive.now, e->subnet, p->t.family, &p->t.dst))
		return compare(w, "out", e, TC_ACT_SHOT, wanted);
	return compare(w, "out", e, TC_ACT_OK, wanted);
}

/* The port told the sender why it dropped the packet. */
static bool is_told(const struct world *w, const struct naive_eni *e, const struct packet *p, const struct arrival *a)
{
	return a->mark == (VPC_MARK_ANSWER | e->number) &&
	       !address_is_gateway(&w->naive.now, e->subnet, p->t.family, &p->t.dst);
}

static enum world_result send(struct world *w, int eni, struct packet *p)
{
	const struct naive_state *s = &w->naive.now;
	const struct naive_eni *e = &s->enis[eni];
	int to = naive_eni_by_address(s, e->vpc, &p->t.dst);
	struct arrival a = {.port = e->number};
	enum world_result r;
	struct naive_verdict wanted;
	struct explained said;
	int verdict;

	memcpy(p->smac, e->mac, sizeof(p->smac));
	compile_gateway_mac(s->subnets[e->subnet].number, p->dmac);
	if (to >= 0 && s->enis[to].subnet == e->subnet)
		memcpy(p->dmac, s->enis[to].mac, sizeof(p->dmac));
	if (to >= 0)
		choose_path(w, s->enis[to].number);
	explained_out(w, e->number, p, &said);
	verdict = run_program(maps_prog_from_workload(w->maps), p, &a);
	r = explained_compare(w, &said, verdict == TC_ACT_OK || (verdict == TC_ACT_REDIRECT && !is_told(w, e, p, &a)));
	if (r != WORLD_SAME)
		return r;
	wanted = naive_out(&w->naive, eni, p);
	if (verdict == TC_ACT_REDIRECT && a.mark == (VPC_MARK_ANSWER | e->number))
		return answered(w, e, p, wanted);
	r = compare(w, "out", e, verdict, wanted);
	if (r == WORLD_SAME && verdict == TC_ACT_REDIRECT && to < 0)
		return leaves(w, e, &a);
	if (r != WORLD_SAME || to < 0)
		return r;
	/* redirected to the workload: its port's program is not asked, so this verdict must be that one's, too */
	if (verdict == TC_ACT_REDIRECT)
		return compare(w, "fast path", e, verdict, naive_in(&w->naive, to, eni, true, p));
	return wanted.pass ? deliver(w, to, eni, a.mark, true, p) : r;
}

enum world_result world_packet(struct world *w, char *const *words, unsigned n)
{
	const struct naive_state *s = &w->naive.now;
	bool in = !strcmp(words[0], "in");
	unsigned skip = in ? 3 : 2;
	struct packet p;
	int eni, from = FROM_OUTSIDE;

	if (n <= skip || packet_from_words(words + skip, n - skip, &p) < 0)
		return WORLD_REFUSED;
	eni = naive_find_eni(s, words[1]);
	if (eni < 0)
		return WORLD_REFUSED;
	if (in && !strcmp(words[2], "gateway"))
		from = FROM_GATEWAY;
	else if (in && strcmp(words[2], "router") && (from = naive_find_eni(s, words[2])) < 0)
		return WORLD_REFUSED;
	if (!in)
		return send(w, eni, &p);
	return deliver(w, eni, from, from >= 0 ? VPC_MARK_ENI | s->enis[from].number : 0, false, &p);
}
