/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the ports answer DHCP, DHCPv6 and router solicitations with.
 * abi.h includes this file, and its rules hold here.
 */
#ifndef VPC_ABI_ADDRESS_CONFIG_H
#define VPC_ABI_ADDRESS_CONFIG_H

#include <linux/types.h>

/*
 * address_config: array by ENI number, mmapable. address_config_space: array by VPC number, mmapable.
 *
 * They decide no verdict, so they aren't rows with a birth and a death. An ENI's primary addresses are the same while
 * its incarnation is. A VPC's new options are written beside the old ones, and then `version` is stored.
 */

struct vpc_address_config {
	__u64 advertised_ns; /* CLOCK_MONOTONIC, written by the programs: when the last router advertisement was sent */
	__u32 incarnation;   /* the ENI's; a row with another one doesn't count */
	__be32 ip4;
	__be32 ip6[4]; /* zero: none */
};
_Static_assert(sizeof(struct vpc_address_config) == 32, "vpc_address_config");

#define VPC_ADDRESS_CONFIG_DHCP4_MAX 280
#define VPC_ADDRESS_CONFIG_DHCP6_MAX 328
#define VPC_ADDRESS_CONFIG_RA_MAX    336
/* Options as they are in answers: DNS servers and domain. */
struct vpc_address_config_options {
	__u32 lease_s;
	__u16 dhcp4_bytes;
	__u16 dhcp6_bytes;
	__u16 ra_bytes;
	__u16 pad;
	__u8 dhcp4[VPC_ADDRESS_CONFIG_DHCP4_MAX];
	__u8 dhcp6[VPC_ADDRESS_CONFIG_DHCP6_MAX];
	__u8 ra[VPC_ADDRESS_CONFIG_RA_MAX];
};
_Static_assert(sizeof(struct vpc_address_config_options) == 956, "vpc_address_config_options");
struct vpc_address_config_space {
	__u64 version; /* its lowest bit says which slot is in force; raised by each change */
	struct vpc_address_config_options slot[2];
};
_Static_assert(sizeof(struct vpc_address_config_space) == 1920, "vpc_address_config_space");

#endif
