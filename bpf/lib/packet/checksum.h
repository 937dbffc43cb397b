/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender may leave a checksum to be completed by others (CHECKSUM_PARTIAL), and says where it is to be written. A
 * guest says so in the virtio header of each frame, a container by PACKET_VNET_HDR. A later device, or the receiver's,
 * completes it: it writes 16 bits there, which the sender can choose by the payload. So a packet may not leave when
 * that place is in what was judged: addresses, ports, flags.
 *
 * struct __sk_buff has neither the state nor the place. Since 6.2 programs can read the kernel's own sk_buff. On 6.1 a
 * helper tells the state, and nothing tells the place: there only ICMP and fragments are checked.
 */
#ifndef BPF_LIB_CHECKSUM_H
#define BPF_LIB_CHECKSUM_H

#include "lib/core/base.h"

#include <bpf/bpf_core_read.h>
#include <linux/in.h>
#include <linux/in6.h>

#define CHECKSUM_PARTIAL 3 /* include/linux/skbuff.h */

/* The fields of the kernel's own sk_buff that are read. libbpf fills in their offsets. */
struct sk_buff {
	__u8 ip_summed : 2;
	__u16 csum_start; /* from `head` */
	__u16 csum_offset;
	unsigned char *head;
	unsigned char *data; /* in a tc program: the Ethernet header */
} __attribute__((preserve_access_index));

enum special_kfunc_type { KF_bpf_cast_to_kern_ctx };

extern void *bpf_cast_to_kern_ctx(void *skb) __ksym __weak;

/* Whether programs can read the kernel's own sk_buff. It is known when the program is loaded: the verifier removes the
 * branch that is not taken. */
static __always_inline int checksum_can_look(void)
{
	return bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_cast_to_kern_ctx);
}

/* Whether the checksum is still to be completed. bpf_csum_level changes nothing if it is partial, or complete, which
 * neither a tap nor a veth gives. */
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

/* Whether the partial checksum's place in the frame is before offset `first`; 0 if that can't be known. */
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

/* Whether completing the checksum would change bytes that were judged. l4: offset of the upper header, which is
 * whole. */
static __always_inline int checksum_is_elsewhere(struct __sk_buff *skb, __u32 l4, __u32 proto)
{
	__u32 first = l4;

	if (!checksum_is_partial(skb))
		return 0;
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		return 1; /* no stack leaves these partial, and an error is judged by the packet that it quotes */
	if (proto == IPPROTO_TCP)
		first += 16;
	else if (proto == IPPROTO_UDP)
		first += 6;
	return checksum_place_before(skb, first);
}

#endif
