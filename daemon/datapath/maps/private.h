/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files tables_*.c share. Nobody else includes this.
 *
 * The mirror: one node for each number in use (row, class, set, address, ENI), in arrays by number, so that making a
 * node can't fail once there is a number; chains by key through the nodes. Arrays are as long as the kernel's tables
 * and come from calloc: pages nobody used cost nothing. Number 0 is never used and ends a chain.
 *
 * Life of a row or address:   FREE -> NEW (prepared) -> ALIVE (published) -> DYING (its end is prepared) -> DEAD
 * (published) -> FREE (retired). Undo goes NEW -> FREE and DYING -> ALIVE.
 */
#ifndef DATAPATH_TABLES_PRIVATE_H
#define DATAPATH_TABLES_PRIVATE_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "datapath/maps/maps.h"

struct datapath_bpf;
struct ring_buffer;
struct bpf_map;

/* --- small containers ------------------------------------------------------------------------------------------- */

/* Numbers 1..size-1; the free ones. */
struct numbers {
	uint32_t size;
	uint32_t fresh; /* from here on never given out */
	uint32_t free;	/* first of the free list, 0: none */
	uint32_t used;
	uint32_t *next; /* of the free list */
};
int numbers_init(struct numbers *n, uint32_t size);
void numbers_clear(struct numbers *n);
/* 0: none left. */
uint32_t numbers_take(struct numbers *n);
void numbers_give(struct numbers *n, uint32_t number);
/* After an adoption: those for which used() is false become free. */
void numbers_adopt(struct numbers *n, bool (*used)(const struct maps *t, uint32_t number), const struct maps *t);

/* Heads of hash chains; the links are in the nodes. */
struct chains {
	uint32_t *head;
	uint32_t mask;
};
int chains_init(struct chains *c, uint32_t entries);
void chains_clear(struct chains *c);
/* Of a key without holes. */
uint32_t chains_hash(const void *key, size_t bytes);
static inline uint32_t *chains_head(const struct chains *c, uint32_t hash)
{
	return &c->head[hash & c->mask];
}

/* Blocks 1..size-1 of a table, given out in runs. */
struct extents {
	uint32_t size;
	uint32_t used;
	uint32_t runs; /* given out */
	struct extent {
		uint32_t at;
		uint32_t n;
	} * free; /* ascending, never adjacent; room for runs + 2 */
	uint32_t n_free;
	uint32_t cap;
};
int extents_init(struct extents *e, uint32_t size);
void extents_clear(struct extents *e);
/* First of n blocks in a row; 0: there is no such run, or no memory. */
uint32_t extents_take(struct extents *e, uint32_t n);
/* Takes just these; false: they aren't all free, or no memory. */
bool extents_take_at(struct extents *e, uint32_t at, uint32_t n);
void extents_give(struct extents *e, uint32_t at, uint32_t n);

#define ARRAY(type)         \
	struct {            \
		type *at;   \
		size_t n;   \
		size_t cap; \
	}
void *array_grow(void *at, size_t *cap, size_t n, size_t item_bytes);
/* Makes room for one more item at the end and gives its address; NULL: out of memory, nothing changed. */
#define ARRAY_PUSH(a)                                                                        \
	({                                                                                   \
		void *_grown = array_grow((a)->at, &(a)->cap, (a)->n + 1, sizeof(*(a)->at)); \
		if (_grown)                                                                  \
			(a)->at = _grown;                                                    \
		_grown ? &(a)->at[(a)->n++] : NULL;                                          \
	})

/* --- kernel tables ------------------------------------------------------------------------------------------------ */

enum map_id {
#define MAP(symbol, name, entries) MAP_##symbol,
#include "datapath/maps/maps.def"
#undef MAP
	MAP_COUNT
};

struct kernel_map {
	const char *name;
	int fd; /* owned by the skeleton */
	uint32_t id;
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t n; /* max_entries */
	uint64_t bytes;
	void *mem; /* mapped; NULL for those that can't be */
	size_t mem_bytes;
};

/* Bytes that a map of these properties takes in the kernel, about (see maps/size.c for the sources). */
uint64_t map_bytes(uint32_t type, uint32_t flags, uint32_t key_size, uint32_t value_size, uint32_t n);
/* Entries of a table by the limits; 0: as the object file says. */
uint32_t table_entries(enum map_id id, const struct vpc_limits *l);
extern const char *const map_names[MAP_COUNT];

/* Every element of a hash: fn gets key and value, as they are in the kernel; not 0 stops and is returned. The table may
 * change meanwhile: an element may then be seen twice or be missed. -ENOMEM, -errno of bpf(). */
int table_each(const struct kernel_map *kernel_map, int (*fn)(const void *key, const void *value, void *userdata),
	       void *userdata);

/* --- the mirror --------------------------------------------------------------------------------------------------- */

enum node_state {
	NODE_FREE,
	NODE_NEW,
	NODE_ALIVE,
	NODE_DYING,
	NODE_DEAD,
};

struct row {
	struct vpc_rule_key key;
	uint32_t next;		  /* of the same chain in rows_by_key */
	uint32_t mask_group_next; /* of the rows of one class */
	uint32_t mask_group_prev;
	uint32_t references; /* rules that want it */
	uint32_t rule;	     /* the one it is counted for */
	uint8_t state;	     /* enum node_state */
	bool hashed;	     /* the kernel's hash gives this number for the key */
	bool touched;	     /* is in the prepared change */
	uint8_t pad;
};

/* A rule wants a row. */
struct reference {
	uint32_t rule;
	uint32_t row;
	uint32_t next_of_row;
	uint32_t next_of_rule; /* chain in references_by_rule; of free claims: the next one */
};

struct mask_group {
	struct vpc_mask_group_key key;
	uint32_t next;
	uint32_t rows; /* first of them, in any state */
	uint32_t n_rows;
	uint32_t stale;	     /* rows retired since its hints were computed */
	uint32_t group_next; /* of the classes of its group and direction */
	uint32_t group_prev;
	bool used;
};

struct set {
	uint32_t next;
	uint32_t users; /* ENIs that have it, also those whose leaving it is not yet retired */
	uint32_t n;
	uint32_t sg[VPC_GROUPS_PER_ENI];
	uint64_t revoked; /* epoch of the last change that took something away; not known over a start */
	struct set_map {
		uint32_t bound; /* no packet's walk through the rules takes more probes */
		uint32_t at;	/* its classifier, as of the prepared change if there is one; 0: none */
		uint32_t blocks;
		bool wanted;  /* the walk would be too long; without a table there was no room for one */
		bool touched; /* is in the prepared change */
	} kernel_map[2];      /* by direction */
};

struct addr {
	struct vpc_addr_key key;
	uint32_t eni;
	uint32_t next;
	uint8_t state;
	bool hashed;
};

struct eni_node {
	struct vpc_eni row; /* what was asked for; set, gens and flags of the port aside */
	uint32_t set;
	uint8_t state;
	uint64_t revoked; /* epoch of the last change by which it lost a group; not known over a start */
};

/* A flow that has a grace. */
struct graced {
	struct vpc_flow_key key;
	uint32_t eni[2];
};
struct graces {
	struct graced *at;
	size_t n;
	size_t cap;
};

/* Rows of group `sg` that name group `peer`. */
struct peer_reference {
	struct peer_reference *next;
	uint32_t sg;
	uint32_t n_rows;
};

struct group {
	ARRAY(uint32_t) sets;	      /* sets that contain it */
	struct peer_reference *named; /* groups with rows that name it */
	uint32_t n_mask_groups[2][VPC_SLOTS][17];
	uint32_t mask_groups[2]; /* first of them, by direction */
	/* The most probes that a class of these takes beyond its own: a superset, as its hints are; 0 without classes.
	 */
	uint8_t probes[2][VPC_SLOTS][17];
	uint32_t bound[2]; /* no packet's walk through the group's rules takes more */
};

/* --- a change -------------------------------------------------------------------------------------------------------
 */

struct touched_row {
	uint32_t row;
	uint32_t old_rule;
	uint8_t old_state; /* NODE_ALIVE or NODE_NEW */
	bool ended;	   /* the change ends the row: to be retired with it */
};

struct touched_reference {
	uint32_t reference;
	bool added;
};

struct touched_group {
	uint32_t sg;
	bool revoked;
	bool directions[2]; /* in which it has other rows */
};

struct touched_map {
	uint32_t set;
	uint32_t dir;
	struct set_map old;
	bool replaced; /* its table of before goes with the change's retiring */
};

struct touched_eni {
	uint32_t number;
	bool has_before, has_after;
	uint32_t old_set, new_set;
	struct vpc_eni after;
};

struct touched_addr {
	uint32_t addr;
	bool added;    /* else: dies */
	bool late;     /* its hash key is another living address row's until the epoch is stored */
	uint32_t from; /* late: that row */
};

struct touched_vpc {
	uint32_t number;
	struct vpc_space space;
};

/* What stood in a word of a mapped table. */
struct word_log {
	void *at;
	uint64_t old;
	uint8_t bytes; /* 4 or 8 */
};

/* What a hash gave for a key. */
struct hash_log {
	union {
		struct vpc_rule_key rule;
		struct vpc_mask_group_key mask_group;
		struct vpc_addr_key addr;
	} key;
	uint32_t old; /* 0: nothing */
	uint8_t kernel_map;
};

struct maps_change {
	struct maps_change *next; /* of those whose retiring had to wait */
	uint64_t epoch;		  /* of its publication */
	enum flows_mode flows;
	uint32_t drain_s;
	bool revoked;	      /* it takes something away */
	bool affected;	      /* from ENIs with established flows */
	uint8_t *has_flows;   /* ENIs that have some, a bit each; from cut_note_flows to cut_note_affected */
	uint64_t established; /* flows when it was published, about, those between two ENIs twice; 0: it takes nothing
				 away */
	ARRAY(struct vpc_flow_key) ended; /* flows whose grace it ends, and that live on nothing else */
	ARRAY(struct touched_row) rows;
	ARRAY(struct touched_reference) references;
	ARRAY(struct touched_group) groups;
	ARRAY(struct touched_eni) enis;
	ARRAY(struct touched_addr) addrs;
	ARRAY(struct touched_vpc) vpcs;
	ARRAY(uint32_t) mask_groups; /* new ones */
	ARRAY(uint32_t) sets;
	ARRAY(struct touched_map) maps;
	ARRAY(struct word_log) words;
	ARRAY(struct hash_log) hashes;
};

struct maps {
	struct datapath_bpf *bpf;
	char *dir; /* <pin_dir>/v<ABI>, NULL: nothing is pinned */
	bool adopted;
	struct vpc_limits limits;
	uint32_t compile_from; /* probes from which on a set has a classifier */
	uint32_t n_walked;     /* classifiers that are wanted, and there was no room */
	struct kernel_map kernel_map[MAP_COUNT];

	struct numbers row_numbers;
	struct numbers mask_group_numbers;
	struct numbers set_numbers;
	struct numbers addr_numbers;
	struct extents blocks; /* of `classifier` */
	struct row *rows;
	struct mask_group *mask_groups;
	struct set *sets;
	struct addr *addrs;
	struct eni_node *enis;	  /* by number */
	uint32_t eni_max;	  /* greatest number that an ENI ever had */
	struct group **groups;	  /* by number; made when first met */
	struct vpc_space *spaces; /* by VPC number */
	struct reference *references;
	uint32_t n_references;
	uint32_t cap_references;
	uint32_t free_reference;
	struct chains rows_by_key;
	struct chains references_by_rule;
	struct chains mask_groups_by_key;
	struct chains sets_by_groups;
	struct chains addrs_by_key;

	uint32_t waiting_rows; /* dead, not yet retired */
	uint32_t waiting_addrs;
	uint32_t waiting_sets; /* ENIs whose leaving a set is not yet retired */

	unsigned n_changes;	      /* prepared or published, and not yet retired */
	struct maps_change *prepared; /* between prepare and publish or undo */
	struct {
		bool pending;	/* a change with keep or drain: gen_revoke isn't raised yet */
		bool all;	/* whichever sets and ENIs it was for */
		uint64_t epoch; /* of its publication */
		uint32_t until; /* VPC_GRACE_… units */
	} grace;
	struct graces graced;		  /* at least: all that have one */
	bool graced_lost;		  /* not all of them */
	struct maps_change *retire_later; /* its grace period passed while another was prepared */

	bool *tenants;	      /* by VPC number: whether it has an ENI; for shares_update alone */
	uint64_t ended_early; /* flows, since this start */

	struct ring_buffer *ring;
	maps_event_fn event_fn; /* while maps_events_read runs */
	void *event_userdata;
};

/* --- mapped rows
 * ------------------------------------------------------------------------------------------------------ */

#define MAPPED(fn, id, type)                                          \
	static inline type *fn(const struct maps *t, uint32_t number) \
	{                                                             \
		return &((type *)t->kernel_map[id].mem)[number];      \
	}                                                             \
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
MAPPED(stat_at, MAP_ROW_STAT, struct vpc_row_stat);

static inline void store64(__u64 *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static inline void store32(__u32 *at, uint32_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static inline uint64_t load64(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* Zeroes whole words, last one first, so that what makes a row visible (its first words) goes last … and is preceded
 * by what ends it: callers zero `died` themselves first. */
void zero_words(void *at, size_t bytes);

/* Value of v at an epoch; 0 where no slot counts yet. */
uint32_t versioned_value(const struct vpc_versioned *v, uint64_t epoch);
/* The slot to overwrite: the one that is not in force. */
unsigned versioned_spare(const struct vpc_versioned *v, uint64_t epoch);

static inline uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline bool visible(uint64_t born, uint64_t died, uint64_t epoch)
{
	return born && born <= epoch && epoch < died;
}

/* --- maps/open.c, maps/pin.c --- */
int pin_open_dir(struct maps *t, const char *pin_dir, struct vpc_error *reterr);
int pin_reuse(struct maps *t, struct vpc_error *reterr);
int pin_all(struct maps *t, struct vpc_error *reterr);
/* Appends what is missing or is another object to a report of maps_verify. */
int pin_verify(const struct maps *t, json_t *report);

/* --- flows/carry.c: flows of the version before --- */
struct carry {
	struct kernel_map from[2]; /* flow, flow_new; fd -1: there is none */
};
#define CARRY_INIT ((struct carry){.from = {{.fd = -1}, {.fd = -1}}})
int carry_open(const struct maps *t, struct carry *ret);
void carry_close(struct carry *c);
int carry_flows(struct maps *t, const struct carry *from, uint64_t now_ns);

/* --- maps/size.c: shrinks the limits until the tables fit --- */
void size_fit(const struct datapath_bpf *bpf, uint64_t budget_bytes, struct vpc_limits *limits);
struct bpf_map *size_map(const struct datapath_bpf *bpf, enum map_id id);

/* --- maps/recover.c --- */
int recover_scrub(struct maps *t);
int recover_read(struct maps *t);

/* --- mirror/rows.c: rows, classes and claims in the mirror --- */
struct vpc_mask_group_key row_mask_group_key(const struct plan_row *r);
bool row_is_all(const struct plan_row *r, struct vpc_rule_key *ret);
bool key_is_all(const struct vpc_rule_key *key);
/* Key of a planned row; false: its class does not exist, so no row has it. */
bool row_key(const struct maps *t, const struct plan_row *r, struct vpc_rule_key *ret);
/* The inverse: a row of the mirror as a plan has it; rule and add are left alone. */
void row_describe(const struct maps *t, const struct row *row, struct plan_row *ret);
uint32_t row_group(const struct maps *t, const struct row *row);
unsigned row_direction(const struct maps *t, const struct row *row);
/* That is not dead; 0: none. */
uint32_t row_find(const struct maps *t, const struct vpc_rule_key *key);
/* That the kernel's hash gives; 0: none. */
uint32_t row_find_hashed(const struct maps *t, const struct vpc_rule_key *key);
uint32_t mask_group_find(const struct maps *t, const struct vpc_mask_group_key *key);
int mask_group_link(struct maps *t, uint32_t number, const struct vpc_mask_group_key *key);
void mask_group_unlink(struct maps *t, uint32_t number);
/* Puts a node into its chain and class, and into the index of who names whom. -ENOMEM: nothing done. */
int row_link(struct maps *t, uint32_t number, const struct vpc_rule_key *key, enum node_state state);
void row_unlink(struct maps *t, uint32_t number);
uint32_t reference_find(const struct maps *t, uint32_t row, uint32_t rule);
/* Index of the new claim, or 0: out of memory. */
uint32_t reference_add(struct maps *t, uint32_t row, uint32_t rule);
void reference_link(struct maps *t, uint32_t reference);
void reference_unlink(struct maps *t, uint32_t reference);
void reference_free(struct maps *t, uint32_t reference);
/* What the class's hints must be for its rows. */
void mask_group_hints(const struct maps *t, uint32_t number, struct vpc_mask_group *ret);
void hints_add(struct vpc_mask_group *hints, const struct vpc_rule_key *key);
uint32_t port_plens(const struct maps *t, uint32_t sg, unsigned dir, unsigned slot);

/* --- mirror/sets.c: groups and sets in the mirror --- */
struct group *group_get(struct maps *t, uint32_t sg);
int peer_reference_add(struct maps *t, uint32_t sg, uint32_t peer);
void peer_reference_drop(struct maps *t, uint32_t sg, uint32_t peer);
uint32_t set_find(const struct maps *t, const uint32_t *groups, uint32_t n);
int set_link(struct maps *t, uint32_t number, const uint32_t *groups, uint32_t n);
void set_unlink(struct maps *t, uint32_t number);
uint64_t set_bloom(const uint32_t *groups, uint32_t n);
bool set_has(const struct set *set, uint32_t sg);
void groups_free(struct maps *t);

/* --- mirror/addrs.c --- */
/* How many rows there may be: for the addresses, and for the MAC of each ENI. */
static inline uint32_t addr_rows(const struct maps *t)
{
	return t->limits.addresses + t->limits.enis;
}
void addr_key_of(uint32_t vpc, const struct ip *ip, struct vpc_addr_key *ret);
uint32_t addr_find(const struct maps *t, const struct vpc_addr_key *key);
uint32_t addr_find_hashed(const struct maps *t, const struct vpc_addr_key *key);
void addr_link(struct maps *t, uint32_t number, const struct vpc_addr_key *key, uint32_t eni, enum node_state state);
void addr_unlink(struct maps *t, uint32_t number);
int addrs_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr);

/* --- mirror/enis.c --- */
void eni_row_of(const struct eni_record *r, struct vpc_eni *ret);
void eni_record_of(const struct maps *t, uint32_t number, struct eni_record *ret);
bool eni_row_equal(const struct vpc_eni *a, const struct vpc_eni *b);
void space_of(const struct vpc_record *v, struct vpc_space *ret);
void space_store(struct maps *t, uint32_t number, const struct vpc_space *space);
int enis_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr);
int vpcs_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr);
/* Stores the fields of an ENI's row, those of its port aside. */
void eni_store(struct maps *t, uint32_t number, const struct vpc_eni *row);
int eni_zero_counters(struct maps *t, uint32_t number);

/* --- mirror/rowplan.c --- */
int rows_plan(struct maps *t, struct maps_change *c, const struct plan *plan, struct vpc_error *reterr);
int group_touch(struct maps_change *c, uint32_t sg, unsigned dir, bool revoked);

/* --- maps/write.c: the kernel's side of prepare and undo --- */
int write_change(struct maps *t, struct maps_change *c, struct vpc_error *reterr);
void write_undo(struct maps *t, struct maps_change *c);
/* Stores a word of a mapped table, and logs what stood there. -ENOMEM: nothing stored. */
int write_word64(struct maps_change *c, __u64 *at, uint64_t value);

/* --- mirror/bound.c: how long a walk may be --- */
/* A class may have more peer prefix lengths, or groups, by its hints in the kernel. */
void bound_raise(struct maps *t, uint32_t mask_group);
/* A group has other classes in a direction: for it and all sets that have it. */
void bound_update(struct maps *t, uint32_t sg, unsigned dir);
/* Of a set whose groups' bounds are right. */
void bound_set(struct maps *t, uint32_t number);
/* Everything anew, after an adoption. */
void bound_all(struct maps *t);

/* --- maps/classifier.c: the classifiers of sets --- */
struct classifier_blocks;
/* The table of a set by the rows that are there when the prepared change is published. -ENOMEM, -E2BIG. */
int classifier_of_set(const struct maps *t, uint32_t set, unsigned dir, struct classifier_blocks *ret);
static inline bool table_walked(const struct set_map *kernel_map)
{
	return kernel_map->wanted && !kernel_map->at;
}
/* Copies it to blocks of its own and fills in ret->at and blocks; no room: at 0. */
void classifier_place(struct maps *t, const struct classifier_blocks *blocks, struct set_map *ret);
/* Where a table is wanted and none could be made the set is walked: only -ENOMEM of the change's own lists. */
int classifier_write(struct maps *t, struct maps_change *c);
void classifier_undo(struct maps *t, struct maps_change *c);
void classifier_retire(struct maps *t, struct maps_change *c);
void classifier_release(struct maps *t, uint32_t set);

/* --- maps/classifier_adopt.c --- */
/* Tables that an earlier run left stay if they are what would be made now; all others are made. -ENOMEM, -errno. */
int classifier_adopt(struct maps *t);

/* --- mirror/mirror.c: the mirror's side of undo and publish; memory of a change --- */
void mirror_undo(struct maps *t, struct maps_change *c);
void mirror_publish(struct maps *t, struct maps_change *c);
void change_free(struct maps_change *c);
int mirror_init(struct maps *t);
void mirror_free(struct maps *t);

/* --- mirror/generations.c --- */
/* Notes what the change takes away from whom, and raises their generations: gen_revoke only if it cuts. */
void generations_raise(struct maps *t, struct maps_change *c);
/* After a change with keep or drain was published and the flows have their graces: gen_revoke, too. */
void generations_commit(struct maps *t);

/* --- flows/grace.c --- */
/* Before the change's epoch is stored: graces for what lives by the rules of now and not by the change's. -errno: not
 * all have theirs. */
int grace_give(struct maps *t, const struct maps_change *c);
/* After it is stored: for what was opened meanwhile, then generations_commit. -errno: still pending. */
int grace_finish(struct maps *t);
/* Before the epoch of a change that cuts is stored: ends the graces that it ends. -errno: not all. */
int grace_settle(struct maps *t, struct maps_change *c);
/* After an adoption: which flows have one? -errno: it's not known, and each cut looks at all flows. */
/* A time (CLOCK_MONOTONIC) as a flow has it, in units of VPC_GRACE_SHIFT. With keep the time does not count. */
uint32_t grace_until(enum flows_mode flows, uint64_t until_ns);
int grace_find(struct maps *t);

/* --- flows/cut.c: called before the generations are raised; and then, before the epoch is stored --- */
void cut_note_flows(struct maps *t, struct maps_change *c);
void cut_note_affected(const struct maps *t, struct maps_change *c);

/* --- maps/retire.c --- */
void retire_now(struct maps *t, struct maps_change *c);
void retire_row(struct maps *t, uint32_t number);
void retire_addr(struct maps *t, uint32_t number);
void retire_eni(struct maps *t, uint32_t number);
void set_release(struct maps *t, uint32_t number);

/* --- maps/shares.c: what each VPC may have in the maps of flows --- */
/* After an ENI came or went, and once a second. */
void shares_update(struct maps *t);
/* Whose flows are to be ended early, and how many. */
struct shares_end {
	uint32_t vpc;
	uint32_t eni; /* 0: whoever in the VPC they count to */
	uint32_t n;
};
bool shares_to_end(const struct maps *t, struct shares_end *ret);
/* Adds what is known of the map to its row in the status. -ENOMEM. */
int shares_status(const struct maps *t, enum map_id id, json_t *row);

/* --- flows/tally.c: borrows the maps; everything but tally_new and tally_free on the worker --- */
struct tally;
int tally_new(const struct maps *t, struct tally **ret);
struct tally *tally_free(struct tally *y);
DEFINE_CLEANUP(struct tally *, tally_free);
/* A walk around `flow` begins; meets an entry; has been around. */
void tally_begin(struct tally *y);
void tally_add(struct tally *y, const struct vpc_flow_key *key, const struct vpc_flow *flow);
void tally_end(struct tally *y);

/* --- flows/ending.c: plan and step on the event loop, read on the worker between them --- */
struct ending;
int ending_new(const struct maps *t, struct ending **ret);
struct ending *ending_free(struct ending *d);
DEFINE_CLEANUP(struct ending *, ending_free);
/* Decides whether flows are to be ended now. */
void ending_plan(const struct maps *t, struct ending *d, uint64_t now_ns);
/* Finds them; nothing if none are to be. -ENOMEM, -errno of the kernel: none are. */
int ending_read(struct ending *d);
/* 1: there are more; 0: that was all; -errno. */
int ending_step(struct maps *t, struct ending *d, uint64_t now_ns);

/* --- flows/flows.c --- */
int sweep_run(struct maps *t, struct vpc_sweep *io);

/* ResourceLimitExceeded: "<table> is full: it has <size> entries, <used> are used and the change needs <asked> more".
 */
int limit_error(struct vpc_error *reterr, const char *kernel_map, uint64_t size, uint64_t used, uint64_t asked);
/* The same for a number that the table does not reach. */
int number_error(struct vpc_error *reterr, const char *kernel_map, uint32_t size, uint32_t asked);
int bpf_error(struct vpc_error *reterr, int error, const char *what);

#endif
