/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who tries to get through the edge where nobody should: workloads, strangers in the world, and neighbours. */
#include "edge_util.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EIP "203.0.113.10"

EDGE_SUITE(edge_attacks, edge_open());

/* Sends n frames out of eth0 of a namespace, with fragment ids that count up; to the host's outer interface where dmac
 * is NULL. */
static void inject_many(enum edge_ns where, struct packet_spec spec, unsigned n)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	struct vpc_outer outer;
	struct frame f;
	int fd;

	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(e->l->skel->maps.outer), &e->wan, &outer), 0);
	if (!spec.dmac)
		spec.dmac = outer.mac;
	if (!spec.smac)
		spec.smac = lab_mac(ENI_A);
	edge_enter(e, where);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	to.sll_ifindex = (int)if_nametoindex("eth0");
	edge_enter(e, NS_VPC);
	for (; n; n--, spec.fragment_id++) {
		frame_build(&f, &spec);
		cr_assert_eq(sendto(fd, f.data, f.length, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)f.length);
	}
	close(fd);
}

static void inject(enum edge_ns where, struct packet_spec spec)
{
	inject_many(where, spec, 1);
}

static void elastic(void)
{
	edge_route(e, "0.0.0.0/0", VPC_TARGET_IGW, 0);
	edge_eip(e, 1, EIP, VPC_EIP_ENI, ENI_A, WORKLOAD, 1);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
}

/* The world claims to be somebody inside. */
Test(edge_attacks, sources_of_the_vpc)
{
	elastic();
	inject(NS_WORLD,
	       (struct packet_spec){.src = "10.0.0.77", .dst = EIP, .proto = IPPROTO_UDP, .sport = 1, .dport = 2});
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_FORGED_SOURCE));
	inject(NS_WORLD,
	       (struct packet_spec){.src = "127.0.0.1", .dst = EIP, .proto = IPPROTO_UDP, .sport = 1, .dport = 2});
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_SPECIAL_ADDRESS));
}

/* A workload writes the MACs of the uplink, or a public source. */
/* Whether a UDP datagram that the world sends from an address is refused as forged. */
static bool forged(const char *src, const char *dst, uint16_t dport)
{
	uint64_t before = edge_drops(e, 0, VPC_DROP_FORGED_SOURCE);

	inject(NS_WORLD,
	       (struct packet_spec){.src = src, .dst = dst, .proto = IPPROTO_UDP, .sport = 1, .dport = dport});
	for (int i = 0; i < 300 && edge_drops(e, 0, VPC_DROP_FORGED_SOURCE) == before; i++)
		usleep(10000);
	return edge_drops(e, 0, VPC_DROP_FORGED_SOURCE) == before + 1;
}

/* Rules for the host's address, for an elastic IP or for another VPC let nobody in the world in. */
Test(edge_attacks, public_sources_from_the_world)
{
	elastic();
	edge_publish(e, NULL, IPPROTO_UDP, 8080, 1, 1, ENI_A, 80);
	lab_commit(e->l);
	cr_expect(forged(HOST, HOST, 8080), "the host's, to its published port");
	cr_expect(forged(HOST, EIP, 80), "the host's, to an elastic IP");
	cr_expect(forged(EIP, EIP, 80), "an elastic IP's");
	inject(NS_WORLD, (struct packet_spec){.src = WORLD, .dst = EIP, .proto = IPPROTO_UDP, .sport = 1, .dport = 80});
	cr_expect_eq(edge_drops(e, 0, VPC_DROP_FORGED_SOURCE), 3, "the sender's own address is no forgery");
}

/* Neither does one for the host's IPv6 address, on whatever interface the host has it. */
Test(edge_attacks, own_ipv6_source_from_the_world)
{
	struct vpc_public own = {.kind = VPC_PUBLIC_OWN};
	struct vpc_public_key key;

	cr_assert_eq(inet_pton(AF_INET6, "2001:db8::2", key.addr), 1);
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(e->l->skel->maps.public), &key, &own, BPF_ANY), 0);
	edge_route(e, "::/0", VPC_TARGET_IGW, 0);
	edge_prefix6(e, 1);
	edge_allow(e, SG_A, VPC_SLOT_UDP, 7, "2001:db8::2/128");
	lab_commit(e->l);
	cr_expect(forged("2001:db8::2", "fd00:1::10", 7));
	inject(NS_WORLD,
	       (struct packet_spec){
		       .src = "2001:db8::1", .dst = "fd00:1::10", .proto = IPPROTO_UDP, .sport = 1, .dport = 7});
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_NO_INGRESS_RULE), "the sender's own address is no forgery");
	cr_expect_eq(edge_drops(e, 0, VPC_DROP_FORGED_SOURCE), 1);
}

Test(edge_attacks, macs_and_sources_of_a_workload)
{
	static const uint8_t gateway[6] = {VPC_EDGE_MAC_0, VPC_EDGE_MAC_1, VPC_EDGE_PUBLISHED, 0, 0, 0};

	elastic();
	inject(NS_WORKLOAD,
	       (struct packet_spec){
		       .src = WORKLOAD, .dst = WORLD, .dmac = gateway, .proto = IPPROTO_UDP, .sport = 1, .dport = 2});
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_WRONG_DESTINATION));
	inject(NS_WORKLOAD, (struct packet_spec){.src = EIP,
						 .dst = WORLD,
						 .dmac = lab_gateway_mac(),
						 .proto = IPPROTO_UDP,
						 .sport = 1,
						 .dport = 2});
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_FORGED_SOURCE));
}

/* What never leaves a VPC: the metadata service of whom the host runs at, and the host. */
Test(edge_attacks, ranges_that_stay)
{
	int fd = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40000);

	cr_expect(edge_send(fd, "169.254.169.254", 80, "x"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_SPECIAL_ADDRESS));
	cr_expect(edge_send(fd, HOST, 22, "x"));
	cr_expect(edge_dropped(e, ENI_A, VPC_DROP_HOST_CLOSED));
	cr_expect_eq(edge_translations(e), 1, "and what is refused by the host has at most a port");
}

/* The number of the datagrams that have come. */
static unsigned count(int fd)
{
	char byte[64];
	unsigned n = 0;

	usleep(100000);
	while (recv(fd, byte, sizeof(byte), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

/* Errors that quote what was never sent, or somebody else's, are nobody's. */
Test(edge_attacks, errors_about_others)
{
	struct packet_spec quoted = {.src = HOST, .dst = WORLD, .proto = IPPROTO_UDP, .sport = 62000, .dport = 54};
	int fd = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);
	struct frame quote;
	uint64_t before;

	cr_assert(edge_connect(fd, WORLD, 53));
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	for (int i = 0; i < 2; i++) {
		before = lab_packets(e->l, ENI_A, false);
		frame_build(&quote, &quoted);
		inject(NS_WORLD, (struct packet_spec){.src = "192.0.2.9",
						      .dst = HOST,
						      .proto = IPPROTO_ICMP,
						      .icmp_type = 3,
						      .icmp_code = 1,
						      .quote = &quote});
		usleep(100000);
		cr_expect_eq(lab_packets(e->l, ENI_A, false) - before, (uint64_t)i, "only about what it did send");
		quoted.dport = 53;
	}
}

/* Later fragments without a first one, or over its headers, reach nobody. */
Test(edge_attacks, fragments)
{
	int fd = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 40000);
	struct packet_spec first = {.src = WORLD,
				    .dst = HOST,
				    .proto = IPPROTO_UDP,
				    .sport = 54,
				    .dport = 8053,
				    .payload = 16,
				    .fragment_id = 7,
				    .more_fragments = true};
	struct packet_spec later = {
		.src = WORLD, .dst = HOST, .proto = IPPROTO_UDP, .payload = 32, .fragment_id = 7, .fragment_offset = 8};

	edge_publish(e, NULL, IPPROTO_UDP, 8053, 1, 1, ENI_A, 40000);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_commit(e->l);
	inject(NS_WORLD, later);
	inject(NS_WORLD, first);
	inject(NS_WORLD, later);
	cr_expect(edge_dropped(e, 0, VPC_DROP_MALFORMED), "writes over what the first one has");
	cr_expect_eq(count(fd), 0);
}

/* --- first fragments by the thousand ------------------------------------------------------------------------------ */

#define FLOOD	   3000 /* the lab's maps of fragments have room for 1024 */
#define HALF_BYTES 56	/* of data in the first half, which is as long as the UDP header says */

/* Where the halves of datagrams come from, and which socket gets the whole. */
struct halves {
	enum edge_ns from;
	uint32_t eni; /* that sends it; 0: the world does */
	const char *dst;
	uint16_t dport;
	uint32_t id;
	int receiver;
};

static struct packet_spec half(const struct halves *h, bool first)
{
	return (struct packet_spec){.src = h->eni ? WORKLOAD : WORLD,
				    .dst = h->dst,
				    .smac = h->eni ? lab_mac(h->eni) : NULL,
				    .dmac = h->eni ? lab_gateway_mac() : NULL,
				    .proto = IPPROTO_UDP,
				    .sport = 40000,
				    .dport = h->dport,
				    .payload = first ? HALF_BYTES : 16,
				    .fragment_id = h->id,
				    .fragment_offset = first ? 0 : 8 + HALF_BYTES,
				    .more_fragments = first};
}

/* Whether the datagram arrives with its second half. A busy machine may lose the half on its way, so it comes again. */
static bool completed(const struct halves *h)
{
	char data[2 * HALF_BYTES];

	for (int i = 0; i < 3; i++) {
		inject(h->from, half(h, false));
		if (recv(h->receiver, data, sizeof(data), 0) == HALF_BYTES)
			return true;
	}
	return false;
}

/* Two VPCs behind the host's address, each with a published port, and each with room for a hundred fragments. */
static void share_fragments(struct halves *out, struct halves *out2, struct halves *in, struct halves *in2)
{
	int world = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);

	/* The world's own kernel would give up a datagram for others from the same address. */
	edge_run(e, NS_WORLD, "echo 0 >/proc/sys/net/ipv4/ipfrag_max_dist");
	edge_second_vpc(e);
	lab_host_flows(e->l)->fragment_guaranteed = 100;
	lab_host_flows(e->l)->fragment_pool = 100;
	edge_publish(e, NULL, IPPROTO_UDP, 8053, 1, 1, ENI_A, 5000);
	edge_publish(e, NULL, IPPROTO_UDP, 8054, 1, 2, ENI_D, 5000);
	lab_allow_all(e->l, SG_A, VPC_INGRESS, 4);
	lab_allow_all(e->l, SG_D, VPC_INGRESS, 4);
	lab_commit(e->l);
	lab_stay(); /* no frame overtakes another */
	*out = (struct halves){NS_WORKLOAD, ENI_A, WORLD, 53, 1, world};
	*out2 = (struct halves){NS_WORKLOAD2, ENI_D, WORLD, 53, 2, world};
	*in = (struct halves){NS_WORLD, 0, HOST, 8053, 3, edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 5000)};
	*in2 = (struct halves){NS_WORLD, 0, HOST, 8054, 4, edge_socket(e, NS_WORKLOAD2, SOCK_DGRAM, WORKLOAD, 5000)};
}

static void flood(struct halves h)
{
	h.id = 1000;
	inject_many(h.from, half(&h, true), FLOOD);
}

/* What a workload sends first fragments of, and what strangers send it, takes no room from another VPC. */
Test(edge_attacks, fragments_of_other_vpcs_are_followed)
{
	struct halves out, out2, in, in2;

	share_fragments(&out, &out2, &in, &in2);
	inject(out2.from, half(&out2, true));
	inject(in2.from, half(&in2, true));
	flood(out);
	flood(in);
	cr_expect(completed(&out2), "what the other VPC sends");
	cr_expect(completed(&in2), "what it gets by its published port");
	inject(out.from, half(&out, true));
	inject(in.from, half(&in, true));
	cr_expect(completed(&out), "who has more than his share is served, too");
	cr_expect(completed(&in));
}

/* What strangers send to a published port takes no room from what its own VPC sends. */
Test(edge_attacks, fragments_from_strangers_evict_no_own_ones)
{
	struct halves out, out2, in, in2;

	share_fragments(&out, &out2, &in, &in2);
	inject(out.from, half(&out, true));
	flood(in);
	cr_expect(completed(&out));
}

/* A forged RST doesn't end a translation whose ends go on; a real one does. */
Test(edge_attacks, forged_rst)
{
	int listener = edge_socket(e, NS_WORLD, SOCK_STREAM, WORLD, 80), client, server;
	struct edge_peer from;

	server = edge_connection(e, NS_WORKLOAD, WORLD, 80, listener, &client);
	cr_assert(server >= 0 && edge_talk(client, server));
	from = edge_peer(server);
	inject(NS_WORLD, (struct packet_spec){.src = WORLD,
					      .dst = HOST,
					      .proto = IPPROTO_TCP,
					      .sport = 80,
					      .dport = from.port,
					      .tcp_flags = 4,
					      .tcp_seq = 1});
	usleep(50000);
	cr_expect(edge_talk(server, client));
	cr_expect(edge_talk(client, server));
	edge_age(e, 30);
	cr_expect(edge_talk(client, server), "still the same translation");
	cr_expect_eq(edge_translations(e), 1);
}

/* An older incarnation's translations are void when the number is given again. */
Test(edge_attacks, gateway_of_the_same_number)
{
	int server = edge_socket(e, NS_WORLD, SOCK_DGRAM, WORLD, 53);
	int client = edge_socket(e, NS_WORKLOAD, SOCK_DGRAM, WORKLOAD, 62000);
	struct edge_peer from;

	cr_assert(edge_send(client, WORLD, 53, "question"));
	cr_assert(edge_receive(server, "question", &from));
	edge_nat_gateway(e, EDGE_NAT, VPC_NAT_HOST_ADDRESS, 2);
	lab_commit(e->l);
	cr_expect(edge_send(server, HOST, from.port, "late answer"));
	cr_expect_eq(count(client), 0);
	cr_expect(edge_send(client, WORLD, 53, "again"));
	cr_expect(edge_receive(server, "again", NULL));
	cr_expect_eq(edge_translations(e), 1);
	cr_expect_eq(edge_nat_used(e, 1), 1);
}
