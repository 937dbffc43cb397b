/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs and maps of one instance, as the files of this folder share them; nobody else includes this. */
#ifndef DATAPATH_MAPS_STATE_H
#define DATAPATH_MAPS_STATE_H

#include <stdbool.h>

#include <vpc/abi/abi.h>
#include <vpc/array.h>
#include <vpc/limits.h>

#include "datapath/maps/edge.h"
#include "datapath/maps/map.h"
#include "datapath/maps/mirror/nodes.h"

struct datapath_bpf;
struct ring_buffer;
struct maps_change;

/* A flow that has a grace, and the ENIs of its two sides. */
struct graced {
	struct vpc_flow_key key;
	uint32_t eni[2];
};

struct graces {
	struct graced *at; /* owned */
	size_t n;
	size_t cap;
};

/* Addresses of the host that are of one kind in `public`. */
struct edge_addresses {
	struct vpc_public_key at[MAPS_HOST_ADDRESSES_MAX]; /* ascending */
	size_t n;
	bool lost; /* the kernel refused some, so the map differs from `at` */
};

/* What was set by edge.h, in this run or the one before. */
struct edge_state {
	struct vpc_uplink *uplinks; /* by VPC number; owned */
	struct maps_outer outers[MAPS_OUTERS_MAX];
	size_t n_outers;
	bool outers_lost;	     /* the kernel refused some, so the map differs from `outers` */
	struct edge_addresses hosts; /* VPC_PUBLIC_HOST */
	struct edge_addresses own;   /* VPC_PUBLIC_OWN */
	uint16_t local_first, local_last;
	bool forward;
};

/* A program that an earlier vpcd pinned (programs.h). */
struct taken_program {
	const struct bpf_program *program;
	int fd; /* owned */
};

struct maps {
	struct datapath_bpf *bpf;
	ARRAY(struct taken_program) programs; /* all of them, or none: then the object has loaded its own */
	char *dir;			      /* <pin_dir>/v<ABI>; NULL: nothing is pinned. Owned */
	bool adopted;
	struct vpc_limits limits;
	uint32_t classifier_from; /* sets whose rule walk may take this many probes have a classifier */
	struct kernel_map map[MAP_COUNT];
	struct mirror mirror;
	struct vpc_ctl ctl; /* what the row of `ctl` should be */
	/* By number: sums of the rows in address_config and of the options in address_config_space; 0: nobody's. Owned
	 */
	uint64_t *address_config_sums, *address_options_sums;
	struct edge_state edge;

	unsigned n_changes;		  /* changes that are prepared, or published and not yet retired */
	struct maps_change *prepared;	  /* the change between prepare and publish or undo */
	struct maps_change *retire_later; /* changes whose grace period passed while another change was prepared */
	struct {
		bool pending;	/* a change with keep or drain is published, and its gen_revoke not raised yet */
		bool all;	/* of all sets and ENIs; else of those whose `revoked` is its epoch */
		uint64_t epoch; /* at which it was published */
		uint32_t until; /* when the graces that it gives end, in VPC_GRACE_… units */
	} grace;
	struct graces graced; /* all flows that have a grace, and perhaps some that had one */
	bool graced_lost;     /* some flows are missing in it, because memory was short */

	bool *tenants;	  /* by VPC number: whether it has an ENI. Scratch memory of shares.c; owned */
	uint64_t evicted; /* flows that were ended early since the start */

	struct ring_buffer *ring;				     /* opened by its first reader */
	void (*event_fn)(const struct vpc_event *e, void *userdata); /* while maps_events_read runs */
	void *event_userdata;
};

/* The row with a number in a mapped map. */
#define MAPPED(fn, id, type)                                             \
	static inline type *fn(const struct maps *maps, uint32_t number) \
	{                                                                \
		return &((type *)maps->map[id].mem)[number];             \
	}                                                                \
	struct vpc_allow_semicolon
MAPPED(ctl_at, MAP_CTL, struct vpc_ctl);
MAPPED(space_at, MAP_VPC, struct vpc_space);
MAPPED(eni_at, MAP_ENI, struct vpc_eni);
MAPPED(address_config_at, MAP_ADDRESS_CONFIG, struct vpc_address_config);
MAPPED(address_config_space_at, MAP_ADDRESS_CONFIG_SPACE, struct vpc_address_config_space);
MAPPED(addr_at, MAP_ADDR_ROW, struct vpc_addr_row);
MAPPED(set_at, MAP_SET, struct vpc_set);
MAPPED(sg_at, MAP_SG, struct vpc_sg);
MAPPED(mask_group_at, MAP_MASK_GROUP, struct vpc_mask_group);
MAPPED(row_at, MAP_ROW, struct vpc_row);
MAPPED(block_at, MAP_CLASSIFIER, struct vpc_classifier_block);
MAPPED(eni_flows_at, MAP_ENI_FLOWS, struct vpc_eni_flows);
MAPPED(vpc_flows_at, MAP_VPC_FLOWS, struct vpc_vpc_flows);
MAPPED(host_flows_at, MAP_HOST_FLOWS, struct vpc_host_flows);
MAPPED(young_at, MAP_FLOW_YOUNG, struct vpc_young);
MAPPED(stored_at, MAP_FLOW_STORED, struct vpc_flow_stored);
MAPPED(stat_at, MAP_ROW_STAT, struct vpc_row_stat);

#endif
