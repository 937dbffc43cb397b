/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/object.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <string.h>

#include <vpc/hex.h>

#include "datapath/net/netlink/request.h"

void net_object_set_clear(struct net_object_set *set)
{
	struct net_object *f, *next;

	HASH_ITER (hh, set->head, f, next) {
		HASH_DEL(set->head, f);
		free(f);
	}
}

struct net_object *net_object_set_find(const struct net_object_set *set, const struct net_object_key *key)
{
	struct net_object *f;

	HASH_FIND(hh, set->head, key, sizeof(*key), f);
	return f;
}

int net_object_set_add(struct net_object_set *set, const struct net_object *f)
{
	struct net_object *copy;

	if (net_object_set_find(set, &f->key))
		return 0;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *f;
	HASH_ADD(hh, set->head, key, sizeof(copy->key), copy);
	if (!copy->hh.tbl) {
		free(copy);
		return -ENOMEM;
	}
	return 0;
}

struct net_object net_object_of(enum net_object_kind kind, uint32_t ifindex, uint32_t owner, const struct ip *ip,
				uint8_t plen)
{
	struct net_object f = {
		.key = {.kind = (uint8_t)kind, .family = ip->family, .plen = plen, .ifindex = ifindex},
		.owner = owner,
		.right = true,
	};

	memcpy(f.key.bytes, ip->bytes, sizeof(f.key.bytes));
	return f;
}

struct ip net_object_network(const struct ip *ip, uint8_t plen)
{
	unsigned keep = plen + (ip->family == 4 ? 96u : 0u);
	struct ip network = *ip;

	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = keep > i * 8 ? keep - i * 8 : 0;

		if (bits < 8)
			network.bytes[i] = (uint8_t)(network.bytes[i] & ~(0xffu >> bits));
	}
	return network;
}

struct ip net_object_link_local(const uint8_t mac[6])
{
	return (struct ip){
		.family = 6,
		.bytes = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]},
	};
}

const char *net_object_kind_name(enum net_object_kind kind)
{
	static const char *const names[] = {
		[NET_OBJECT_ADDRESS] = "address",
		[NET_OBJECT_ROUTE] = "route",
		[NET_OBJECT_NEIGHBOUR] = "neighbour",
		[NET_OBJECT_FDB] = "fdb entry",
	};

	return names[kind];
}

const char *net_object_format(const struct net_object *f, char buf[NET_OBJECT_TEXT_MAX])
{
	const char *name = net_object_kind_name(f->key.kind);
	char address[INET6_ADDRSTRLEN] = "", mac[MAC_STRLEN];
	bool v4 = f->key.family == 4;

	if (f->key.family)
		inet_ntop(v4 ? AF_INET : AF_INET6, f->key.bytes + (v4 ? 12 : 0), address, sizeof(address));
	switch (f->key.kind) {
	case NET_OBJECT_FDB:
		snprintf(buf, NET_OBJECT_TEXT_MAX, "%s %s", name, mac_format(f->key.bytes, mac));
		break;
	case NET_OBJECT_NEIGHBOUR:
		snprintf(buf, NET_OBJECT_TEXT_MAX, "%s %s at %s", name, address, mac_format(f->mac, mac));
		break;
	default:
		snprintf(buf, NET_OBJECT_TEXT_MAX, "%s %s/%u", name, address, f->key.plen);
	}
	return buf;
}
