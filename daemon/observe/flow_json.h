/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flow as JSON, once for all that report flows: cut lists, the monitor, and what lists or logs flows. The schema is
 * "Flow" in the OpenAPI document: protocol, protocol_number, src, dst, src_port, dst_port, and of ICMP icmp_type and
 * icmp_code.
 */
#ifndef OBSERVE_FLOW_JSON_H
#define OBSERVE_FLOW_JSON_H

#include <jansson.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <vpc/abi/abi.h>

/* Addresses and ports in network byte order, as packets have them. IPv4 is mapped (::ffff:a.b.c.d). */
struct flow_tuple {
	uint16_t ethertype; /* host byte order; 0: it is IP */
	uint8_t protocol;
	const __be32 *src, *dst; /* four words each; all zero: unknown */
	__be16 src_port, dst_port;
	/* Of ICMP, host byte order: type << 8 | code of the packet; -1: there is no single packet. */
	int icmp;
};

/* The tuple of a tracked flow, from its opener to its responder. It points into the key. */
struct flow_tuple flow_tuple_of(const struct vpc_flow_key *key, const struct vpc_flow *flow);
/* The tuple of the packet that an event tells of. It points into the event. */
struct flow_tuple flow_tuple_of_event(const struct vpc_event *event);

/* Sets the members of `Flow` in an object. Returns 0 or -ENOMEM; the object may then lack some. */
int flow_put_json(json_t *object, const struct flow_tuple *flow);

#endif
