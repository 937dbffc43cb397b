/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender may leave the checksum to others (CHECKSUM_PARTIAL), and says where it is to be written: a guest in the
 * virtio header before each frame, a container by PACKET_VNET_HDR. Whoever completes it, a device behind us or the
 * receiver's, writes 16 bits there that the sender can choose by the payload. So no packet may leave with a place that
 * was judged: addresses, ports, flags.
 *
 * struct __sk_buff tells neither the state nor the place. Since 6.2 programs may look at the kernel's own sk_buff. On
 * 6.1 a helper tells the state, and nothing the place: there only ICMP and fragments are held to it.
 */
#ifndef BPF_LIB_CHECKSUM_H
#define BPF_LIB_CHECKSUM_H

#include "lib/core/base.h"

#include <bpf/bpf_core_read.h>
#include <linux/in.h>
#include <linux/in6.h>

#define CHECKSUM_PARTIAL 3 /* include/linux/skbuff.h */

/* The kernel's, as far as it is looked at: libbpf puts in where the fields are. */
struct sk_buff {
	__u8 ip_summed : 2;
	__u16 csum_start; /* from head */
	__u16 csum_offset;
	unsigned char *head;
	unsigned char *data; /* in a tc program: the Ethernet header */
} __attribute__((preserve_access_index));

enum special_kfunc_type { KF_bpf_cast_to_kern_ctx };

extern void *bpf_cast_to_kern_ctx(void *skb) __ksym __weak;

/* Known when the program is loaded: the branch not taken isn't there. */
static __always_inline int checksum_can_look(void)
{
	return bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_cast_to_kern_ctx);
}

/* bpf_csum_level has an effect unless the checksum is partial (or complete, which neither a tap nor a veth gives). */
static __always_inline int checksum_is_partial(struct __sk_buff *skb)
{
	if (checksum_can_look()) {
		struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);

		return BPF_CORE_READ_BITFIELD(kernel, ip_summed) == CHECKSUM_PARTIAL;
	}
	bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) < 0)
		return 1;
	bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
	return 0;
}

/* Whether the partial checksum's place in the frame is before `first`; 0 if that can't be known. */
static __always_inline int checksum_place_before(struct __sk_buff *skb, __u32 first)
{
	struct sk_buff *kernel;
	__s64 room;

	if (!checksum_can_look())
		return 0;
	kernel = bpf_cast_to_kern_ctx(skb);
	room = (__s64)(long)kernel->data - (__s64)(long)kernel->head;
	return (__s64)kernel->csum_start + kernel->csum_offset - room < (__s64)first;
}

/* Whether the frame, whose whole upper header is at l4, would be changed where it was judged. */
static __always_inline int checksum_is_elsewhere(struct __sk_buff *skb, __u32 l4, __u32 proto)
{
	__u32 first = l4;

	if (!checksum_is_partial(skb))
		return 0;
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		return 1; /* no stack leaves these to others, and errors are judged by what they quote */
	if (proto == IPPROTO_TCP)
		first += 16;
	else if (proto == IPPROTO_UDP)
		first += 6;
	return checksum_place_before(skb, first);
}

#endif
