/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which socket may say that a RST is sure (bpf/lib/packet/reset.h): one of TCP that has the packet's tuple. The header
 * is compiled for this machine. tests/bpf/reset.c has the same on real sockets, as far as these can be made. */
#include <linux/bpf.h>
/* after it */
#include <bpf/bpf_helpers.h>

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/lib/packet/reset.h"
#pragma GCC diagnostic pop

#define SPORT 4000
#define DPORT 80

static struct reset reset_of(const char *src, const char *dst)
{
	struct reset r = {.ports = (__u32)htons(DPORT) << 16 | htons(SPORT)};

	cr_assert_eq(inet_pton(AF_INET6, src, r.src), 1);
	cr_assert_eq(inet_pton(AF_INET6, dst, r.dst), 1);
	return r;
}

/* The socket that sends the RST: as the kernel shows it to programs, an IPv4 connection in the fields of IPv4. */
static struct bpf_sock socket_of(const struct reset *r, __u32 family)
{
	struct bpf_sock sk = {
		.family = family,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.src_port = SPORT,
		.dst_port = htons(DPORT),
		.state = BPF_TCP_ESTABLISHED,
	};

	if (address_is4(r->src)) {
		sk.src_ip4 = r->src[3];
		sk.dst_ip4 = r->dst[3];
	} else {
		memcpy(sk.src_ip6, r->src, 16);
		memcpy(sk.dst_ip6, r->dst, 16);
	}
	return sk;
}

Test(reset_socket, states)
{
	struct reset r = reset_of("::ffff:10.0.0.10", "::ffff:10.0.0.11");
	struct bpf_sock sk = socket_of(&r, AF_INET);

	for (sk.state = 0; sk.state <= BPF_TCP_MAX_STATES; sk.state++) {
		bool had_connection = sk.state == BPF_TCP_ESTABLISHED ||
				      (sk.state >= BPF_TCP_FIN_WAIT1 && sk.state <= BPF_TCP_FIN_WAIT2) ||
				      (sk.state >= BPF_TCP_CLOSE && sk.state <= BPF_TCP_LAST_ACK) ||
				      sk.state == BPF_TCP_CLOSING;

		sk.src_port = SPORT;
		cr_expect_eq(reset_is_from(&sk, &r), had_connection, "state %u", sk.state);
		sk.src_port = 0;
		cr_expect_eq(reset_is_from(&sk, &r), sk.state == BPF_TCP_CLOSE, "state %u, no port", sk.state);
	}
}

Test(reset_socket, another_socket)
{
	struct reset r4 = reset_of("::ffff:10.0.0.10", "::ffff:10.0.0.11"), r6 = reset_of("fd00:1::10", "fd00:1::11");
	struct bpf_sock right4 = socket_of(&r4, AF_INET), mapped = socket_of(&r4, AF_INET6);
	struct bpf_sock right6 = socket_of(&r6, AF_INET6), wrong;

	cr_expect(reset_is_from(&right4, &r4));
	cr_expect(reset_is_from(&mapped, &r4), "IPv4 by a socket of IPv6");
	cr_expect(reset_is_from(&right6, &r6));
	cr_expect_not(reset_is_from(&right6, &r4));
	cr_expect_not(reset_is_from(&right4, &r6));
#define WRONG(field, value)                                                 \
	do {                                                                \
		wrong = right4;                                             \
		wrong.field = (value);                                      \
		cr_expect_not(reset_is_from(&wrong, &r4), "IPv4: " #field); \
		wrong = right6;                                             \
		wrong.field = (value);                                      \
		cr_expect_not(reset_is_from(&wrong, &r6), "IPv6: " #field); \
	} while (0)
	WRONG(family, AF_UNSPEC);
	WRONG(family, AF_PACKET);
	WRONG(type, 0);
	WRONG(type, SOCK_RAW); /* of the protocol TCP: it has no struct tcp_sock */
	WRONG(type, SOCK_DGRAM);
	WRONG(protocol, IPPROTO_UDP);
	WRONG(protocol, IPPROTO_MPTCP);
	WRONG(src_port, SPORT + 1);
	WRONG(src_port, 0);
	WRONG(dst_port, htons(DPORT + 1));
	WRONG(dst_port, 0);
#undef WRONG
	wrong = right4;
	wrong.src_ip4 ^= 1;
	cr_expect_not(reset_is_from(&wrong, &r4));
	wrong = right4;
	wrong.dst_ip4 ^= 1;
	cr_expect_not(reset_is_from(&wrong, &r4));
	for (unsigned i = 0; i < 4; i++) {
		wrong = right6;
		wrong.src_ip6[i] ^= 1;
		cr_expect_not(reset_is_from(&wrong, &r6));
		wrong = right6;
		wrong.dst_ip6[i] ^= 1;
		cr_expect_not(reset_is_from(&wrong, &r6));
	}
}
