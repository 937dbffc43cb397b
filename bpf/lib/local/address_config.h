/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What DHCP, DHCPv6 and router advertisements share: the templates, a scratch of their own, and helpers that turn a
 * request into its answer. A request is read completely before its first byte is overwritten.
 */
#ifndef BPF_LIB_ADDRESS_CONFIG_H
#define BPF_LIB_ADDRESS_CONFIG_H

#include "lib/packet/checksum.h"
#include "lib/packet/parse.h"

ARRAY_MAP(address_config, struct vpc_address_config, 2048, BPF_F_MMAPABLE);		/* by ENI number */
ARRAY_MAP(address_config_space, struct vpc_address_config_space, 1024, BPF_F_MMAPABLE); /* by VPC number */

#define ADDRESS_CONFIG_OUT_BYTES     1024
#define ADDRESS_CONFIG_CLIENT_ID_MAX 255

struct address_config_scratch {
	__u8 out[ADDRESS_CONFIG_OUT_BYTES]; /* the answer's fixed part; later the bytes to sum up. Aligned */
	__u64 version;			    /* of the VPC's options that were copied */
	__u32 client_id_bytes;		    /* 0: none */
	__u32 partial;	     /* the request's checksum is still to be completed, so the answer's is too: it is made
			      * in the same skb, and no helper changes that state */
	__be32 requested;    /* DHCP: the address that the client asks for (option 50) */
	__be32 server;	     /* DHCP: option 54; DHCPv6: not 0 when there is one */
	__be32 server_is_us; /* DHCPv6 */
	__be32 iaid;
	__be32 address[4]; /* DHCPv6: the first address of the first IA_NA */
	__u32 has_ia;
	__u32 has_address;
	__u8 type;
	__u8 pad[3];
	__u8 request[240];				  /* DHCP: the fixed part of the message */
	__u8 client_id[ADDRESS_CONFIG_CLIENT_ID_MAX + 1]; /* sent back as it came (RFC 6842) */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct address_config_scratch);
} address_config_scratch_of_cpu SEC(".maps");

static __always_inline struct address_config_scratch *address_config_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&address_config_scratch_of_cpu, &zero);
}

/* The template of this port's ENI, or NULL. */
static __always_inline struct vpc_address_config *address_config_get(struct scratch *s)
{
	__u32 number = s->me;
	struct vpc_address_config *t = bpf_map_lookup_elem(&address_config, &number);

	return t && READ_ONCE(t->incarnation) == s->my_incarnation ? t : 0;
}

/* The VPC's options that are in force, or NULL. */
static __always_inline struct vpc_address_config_options *address_config_options(struct scratch *s,
										 struct address_config_scratch *b)
{
	__u32 number = s->vpc;
	struct vpc_address_config_space *space = bpf_map_lookup_elem(&address_config_space, &number);

	if (!space)
		return 0;
	b->version = READ_ONCE(space->version);
	barrier_order(&s->barrier);
	return b->version & 1 ? &space->slot[1] : &space->slot[0];
}

/* Whether the options stayed the same while they were copied. A slot is overwritten only by the version after the
 * next. */
static __always_inline int address_config_options_stood(struct scratch *s, struct address_config_scratch *b)
{
	__u32 number = s->vpc;
	struct vpc_address_config_space *space = bpf_map_lookup_elem(&address_config_space, &number);

	barrier_order(&s->barrier);
	return space && READ_ONCE(space->version) == b->version;
}

/* Offset at which the message of the UDP packet ends, by UDP's own length; 0: the length is more than the packet
 * has. */
static __always_inline __u32 address_config_end(struct __sk_buff *skb, const struct packet *p)
{
	__be16 length = 0;
	__u32 n;

	if (bpf_skb_load_bytes(skb, p->l4 + 4, &length, sizeof(length)))
		return 0;
	n = bpf_ntohs(length);
	return n < 8 || p->l4 + n > p->end ? 0 : p->l4 + n;
}

/* Sum of the pseudo header. An IPv4 address is ::ffff:a.b.c.d here: the 0xffff is 0 in one's complement. */
static __always_inline __u64 address_config_pseudo(const __be32 *src, const __be32 *dst, __u32 proto, __u32 length)
{
	__u64 sum = bpf_htonl(proto);

	sum += bpf_htonl(length);
	for (__u32 i = 0; i < 4; i++) {
		sum += src[i];
		sum += dst[i];
	}
	return sum;
}

/* These two functions write and read n bytes, where n isn't constant. They are not inlined so that the arguments stay
 * in registers: the 6.1 verifier forgets the bounds of a number that the compiler puts on the stack. The comparison of
 * n - 1 tells the verifier that n isn't 0. Both return enum bytes. They also fail when n is not from 1 to max. */
static __noinline long address_config_put(struct __sk_buff *skb, __u32 at, const __u8 *data, __u32 n, __u32 max)
{
	__u32 last = n - 1;

	asm volatile("" : "+r"(last));
	if (last >= max)
		return BYTES_FAILED;
	return bpf_skb_store_bytes(skb, at, data, last + 1, 0);
}

static __noinline long address_config_load(struct __sk_buff *skb, __u32 at, __u8 *to, __u32 n, __u32 max)
{
	__u32 last = n - 1;

	asm volatile("" : "+r"(last));
	if (last >= max)
		return BYTES_FAILED;
	return bpf_skb_load_bytes(skb, at, to, last + 1);
}

/* Writes n bytes at *at, and moves *at behind them. Returns enum bytes. */
static __always_inline int address_config_append(struct __sk_buff *skb, __u32 *at, const __u8 *data, __u32 n, __u32 max)
{
	if (!n)
		return 0;
	if (address_config_put(skb, *at, data, n, max))
		return BYTES_FAILED;
	*at += n;
	return 0;
}

/* Sum of the frame's bytes from 54 on (the upper header of an IPv6 packet) to `end`, at most 1,024 bytes. */
static __always_inline __u64 address_config_sum(struct __sk_buff *skb, struct address_config_scratch *b, __u32 end)
{
	__u32 n = end - 54, words;
	__s64 sum;

	if (address_config_load(skb, 54, b->out, n, ADDRESS_CONFIG_OUT_BYTES - 8))
		return 0;
	b->out[n & (ADDRESS_CONFIG_OUT_BYTES - 1)] = 0;
	b->out[(n + 1) & (ADDRESS_CONFIG_OUT_BYTES - 1)] = 0;
	b->out[(n + 2) & (ADDRESS_CONFIG_OUT_BYTES - 1)] = 0;
	words = (n + 3) & 0x3fc;
	/* before 6.13 bpf_csum_diff takes at most 512 bytes */
	sum = bpf_csum_diff(0, 0, (__be32 *)b->out, words > 512 ? 512 : words, 0);
	if (words > 512)
		sum = bpf_csum_diff(0, 0, (__be32 *)(b->out + 512), words - 512, (__u32)sum);
	return sum < 0 ? 0 : (__u64)sum;
}

#endif
