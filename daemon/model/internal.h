/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the files of model/ alone. Each change has a function that follows one pattern: it checks everything, makes
 * new versions of objects, and passes them to txn_insert(), txn_replace() or txn_remove(), which note how to undo it.
 */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include <vpc/abi/abi.h>

#include "model/index.h"
#include "model/model.h"
#include "model/pool.h"
#include "model/schema.h"

struct document;

struct model {
	struct index ix;
	struct vpc_limits limits;
	struct pool pools[POOLS_MAX];
	size_t n_pools;
	uint32_t pool_next[POOLS_MAX]; /* offset at which the search for a free address begins */
	char *instance;		       /* owned, NULL: default */
	uint32_t next_number[OBJECT_KINDS];
	uint64_t next_order;
	bool in_transaction;
	struct model_txn *suspended; /* NULL: none */
};

enum model_limit {
	MODEL_LIMIT_NONE,
#define LIMIT(symbol, value, text) MODEL_LIMIT_##symbol,
#include <vpc/limits.def>
#undef LIMIT
};

/* --- objects (object.c) ------------------------------------------------------------------------------------------ */

/* Makes an object in the VPC with this number. c NULL: what a VPC is born with, or what goes with it. */
typedef int make_in_vpc_fn(struct model_txn *t, uint32_t vpc, const struct change *c, const struct object **ret,
			   struct vpc_error *reterr);
/* Removes o, and does what follows from that. */
typedef int remove_fn(struct model_txn *t, const struct object *o, struct vpc_error *reterr);

/* What a kind has beside its line in kinds.def. Its file in kinds/ defines it. A member that a kind doesn't need is 0.
 */
struct kind_ops {
	size_t size;
	/* The object that contains this one: its kind, and the offset of the uint32_t with its number. offset 0: none.
	 * A VPC can't be deleted while it contains a resource. Deleting a resource deletes its parts. */
	struct {
		enum object_kind kind;
		size_t offset;
	} parent;
	size_t description;    /* offset of a `char *description` */
	uint32_t first_number; /* 0: 1 */
	bool numbers_once;     /* a number is never reused, also not after its object was deleted */
	bool names_ignore_case;
	bool has_list;	    /* what to_json() writes may be long: a list of rules or routes */
	bool name_optional; /* one without a name has name "" and is found by its id alone */
	/* What is exceeded where a VPC, its parent, has too many of them. The host's limit is in kinds.def. */
	enum model_limit limit_per_vpc;
	enum vpc_code limit_code; /* 0: ResourceLimitExceeded */
	enum vpc_code name_taken; /* 0: InvalidParameterValue */
	make_in_vpc_fn *make;	  /* for change_create_in_vpc() and make_in_vpc() */
	remove_fn *remove;	  /* for change_remove() and remove_with_vpc() */
	size_t with_vpc;	  /* offset of a `bool with_vpc`: it was made with its VPC, and is deleted with it */
	/* What a VPC is born with keeps its name, and is deleted with the VPC alone: "main route table". NULL: o isn't
	 * of that. */
	const char *(*born_as)(const struct object *o);
	/* Checks that only this kind has for its names. */
	int (*check_name)(const char *name, struct vpc_error *reterr);
	/* Frees, and for copy duplicates, what is the kind's own; the base is done by object.c. copy: -ENOMEM leaves
	 * `to` fit for clear. */
	void (*clear)(struct object *o);
	int (*copy)(struct object *to, const struct object *from);
	/* Calls index_post_reference() for each object it refers to beside its parent, and index_post() for each
	 * secondary index of its own. -ENOMEM. */
	int (*post)(struct index *ix, struct object *o);
	/* How many things inside it a limit of the host counts: its routes, its rules. index.n_items has their sum. */
	size_t (*n_items)(const struct object *o);
	/* A part's rank among the parts of its parent. */
	uint32_t (*rank)(const struct object *o);
	/* Add the kind's own fields to ret: as the API shows it, as the store keeps it. -ENOMEM. */
	int (*to_json)(const struct model *m, const struct object *o, json_t *ret);
	int (*to_document)(const struct model *m, const struct object *o, json_t *ret);
	/* Reads the kind's own fields of a document. A part sets its name_key. */
	void (*load)(struct model *m, struct document *d, struct object *o);
	/* A document's object is in the index now. */
	void (*loaded)(struct model *m, struct object *o);
	/* What to_json() writes: its own schema first, then those that it refers to. */
	const struct schema *schemas;
	size_t n_schemas;
};

#define KIND(SYMBOL, symbol, ...) extern const struct kind_ops symbol##_ops;
#include <vpc/kinds.def>
/* The operations of a kind, static; the first number that its objects get. */
const struct kind_ops *kind_ops(enum object_kind kind);
uint32_t kind_first_number(enum object_kind kind);

DEFINE_CLEANUP(struct object *, object_free);
#define _cleanup_object_ _cleanup_(object_freep)

/* NULL: out of memory. A new object has its kind and no name; a copy is the same version again, in no index. */
struct object *object_new(enum object_kind kind);
struct object *object_copy(const struct object *o);
/* Frees what only readers of the version need: its kind's own members and its tags. It can still be put into the index
 * and taken out again, and be freed. */
void object_empty(struct object *o);
/* Replace what is there. -ENOMEM: as before. text NULL: NULL. */
int text_set(char **text, const char *value);
int tags_copy(const struct tag *tags, size_t n, struct tag **ret);
/* Sets name and name_key. o has its parent. */
int object_set_name(struct object *o, const char *name);
/* Posts what every object has, and what its kind has. -ENOMEM. */
int object_post(struct index *ix, struct object *o);
/* The number of its parent; 0: none. */
uint32_t object_parent(const struct object *o);
/* Where its description is; NULL: its kind has none. */
char **object_description(struct object *o);

/* --- checks (names.c, limits.c) ---------------------------------------------------------------------------------- */

/* Valid UTF-8 of at most max characters, none of them a control or bidirectional character. Names and tags may have no
 * invisible ones either (name_check, tags_check). */
int text_check(const char *text, size_t max, const char *field, struct vpc_error *reterr);
int tags_check(const struct model *m, const struct tag *tags, size_t n, const char *field, struct vpc_error *reterr);
/* ASCII to lower case, as names are looked up where case doesn't count. */
void name_lower(char *name);
/* The unique key of a name in a VPC (number; 0: on the host); owned, NULL: out of memory. */
char *name_key(enum object_kind kind, uint32_t vpc, const char *name);
bool name_is_id(const char *name);
/* A message quotes the request and may be cut in the middle of a character. Replaces bytes that are not UTF-8, and
 * characters that a terminal must not get, by '?'. */
void message_clean(struct vpc_error *e);

/* asked: how many there would be. Above the limit: -EINVAL with code; the message has the limit's name, its value and
 * what was asked. */
int limit_check(const struct model *m, enum model_limit limit, size_t asked, enum vpc_code code, const char *field,
		struct vpc_error *reterr);

/* limit_check() for one more object of o's kind, in o's VPC and on the host. */
int limit_check_new(const struct model *m, const struct object *o, struct vpc_error *reterr);

/* How many objects of the kind there may be. */
uint32_t kind_limit(const struct model *m, enum object_kind kind);

/* A CIDR of the family, without host bits. */
int cidr_check(const char *text, uint8_t family, const char *field, struct cidr *ret, struct vpc_error *reterr);

/* A CIDR that a VPC can have. */
int vpc_cidr_check(const char *text, uint8_t family, const char *field, struct cidr *ret, struct vpc_error *reterr);
/* Whether one of the VPC's CIDRs holds it whole; the first one that overlaps it, or NULL. */
bool vpc_has_cidr(const struct vpc *v, const struct cidr *c);
const struct cidr *vpc_overlapping_cidr(const struct vpc *v, const struct cidr *c);
/* The secondary CIDRs as the API and the store have them; NULL: out of memory. A document may lack them. */
json_t *vpc_secondary_to_json(const struct vpc *v);
void vpc_secondary_load(struct document *d, struct vpc *v);
/* Whether its host access names addresses of the family. */
bool vpc_reaches_host(const struct vpc *v, uint8_t family);
/* Its host access as the API and the store have it; NULL: out of memory. A document may lack it. */
json_t *vpc_host_access_to_json(const struct vpc *v);
void vpc_host_access_load(struct document *d, struct vpc *v);

/* --- transactions (txn.c, ids.c) --------------------------------------------------------------------------------- */

struct txn_op;

/* What a change made, for "$N.id". */
struct txn_made {
	char id[OBJECT_ID_MAX];
};

struct model_txn {
	struct model *m;
	struct model_context context;
	uint64_t random; /* state of the generator */
	uint64_t order_before;
	uint32_t next_number_before[OBJECT_KINDS]; /* of kinds whose numbers are given once */
	uint32_t pool_next_before[POOLS_MAX];
	struct txn_op *ops; /* what to undo, oldest first */
	size_t n_ops, max_ops;
	struct delta *deltas; /* a slot for each object touched */
	size_t n_deltas, max_deltas;
	struct delta *sorted;  /* what model_txn_deltas() returned */
	struct txn_made *made; /* by each change so far */
	size_t n_changes, max_changes;
};

/* Take o in every case; o's revision becomes the transaction's. -ENOMEM: nothing happened. */
int txn_insert(struct model_txn *t, struct object *o, struct vpc_error *reterr);
int txn_replace(struct model_txn *t, const struct object *old, struct object *o, struct vpc_error *reterr);
int txn_remove(struct model_txn *t, const struct object *old, struct vpc_error *reterr);
/* The object and its parts. */
int txn_remove_whole(struct model_txn *t, const struct object *old, struct vpc_error *reterr);
/* Puts o, which has its order and revision, into the place among the deltas of an object that this transaction removed;
 * SIZE_MAX: a place of its own. Takes o in every case. */
int txn_put(struct model_txn *t, size_t slot, struct object *o, struct vpc_error *reterr);
/* The place among the deltas of what was removed last. */
size_t txn_last_slot(const struct model_txn *t);
/* A number of o's kind that no object has. Objects that get one before they are inserted may be many together: the
 * caller sees to it that there are so many. */
int txn_number(struct model_txn *t, struct object *o, struct vpc_error *reterr);
/* A new revision of a group whose rules change, once a transaction. */
int txn_touch(struct model_txn *t, const struct object *o, struct vpc_error *reterr);

/* "$N.id" to the id that change N made; anything else, NULL too, to itself. *ret: borrowed. */
int txn_dereference(struct model_txn *t, const char *ref, const char *field, const char **ret,
		    struct vpc_error *reterr);
/* model_resolve() that also knows "$N.id"; scope may be one too. */
int txn_resolve(struct model_txn *t, enum object_kind kind, const char *ref, const char *scope, const char *field,
		const struct object **ret, struct vpc_error *reterr);
/* The same in the VPC with this number; one that is in another VPC is not found. */
int txn_resolve_in(struct model_txn *t, enum object_kind kind, const char *ref, uint32_t vpc, const char *field,
		   const struct object **ret, struct vpc_error *reterr);
/* The object of the kind that a change names: resolved in its scope, and with the revision that if_match asks for. */
int txn_target(struct model_txn *t, const struct change *c, enum object_kind kind, const struct object **ret,
	       struct vpc_error *reterr);
/* txn_target(), with a copy of the object, which the caller alters and owns. */
int txn_target_copy(struct model_txn *t, const struct change *c, enum object_kind kind, const struct object **ret,
		    struct object **ret_copy, struct vpc_error *reterr);
/* Notes for the reply the id of the object that a change is about, and of one more rule. Ids are copied. -ENOMEM is in
 * reterr. */
void result_set(struct change_result *ret, const struct object *o);
int result_add_rule(struct change_result *ret, const struct object *rule, struct vpc_error *reterr);

/* The next number of the transaction's generator, whose seed comes with the context. */
uint64_t txn_random(struct model_txn *t);
/* Gives o an id and a number. */
int txn_identify(struct model_txn *t, struct object *o, struct vpc_error *reterr);
void txn_new_mac(struct model_txn *t, uint8_t ret[6]);

/* Whether the request named the field. */
static inline bool change_has(const struct change *c, enum change_field field)
{
	return c->present & FIELD_BIT(field);
}
/* Applies c's name, description and tags, where present, to a new version of the object, which has its parent. old: the
 * version that it takes the place of, or NULL. */
int change_names(const struct model *m, const struct change *c, struct object *o, const struct object *old,
		 struct vpc_error *reterr);

/* The same for a new object. c NULL: it is called `name`, as what a VPC is born with. */
int change_names_new(const struct model *m, const struct change *c, const char *name, struct object *o,
		     struct vpc_error *reterr);

/* DependencyViolation (-EINVAL) with all users as holders if an object refers to o. o's own parts don't count. */
int object_check_unused(const struct model *m, const struct object *o, struct vpc_error *reterr);
/* Growing list of borrowed objects. */
struct object_list {
	const struct object **items;
	size_t n;
	size_t max;
};
void object_list_clear(struct object_list *l);
#define _cleanup_object_list_ _cleanup_(object_list_clear)
/* Appends a borrowed object. -ENOMEM: the list is as before. */
int object_list_add(struct object_list *l, const struct object *o);
/* By kind, then by age. */
void object_list_sort(struct object_list *l);

/* --- the changes ------------------------------------------------------------------------------------------------- */

typedef int change_apply_fn(struct model_txn *t, const struct change *c, struct change_result *ret,
			    struct vpc_error *reterr);
#define CHANGE(symbol, apply, ...) change_apply_fn apply;
#include "model/changes.def"
#undef CHANGE

/* --- changes of several kinds (txn_change.c) ---------------------------------------------------------------------- */

/* What a change of o does to one of the subnets that it names as `field`. */
typedef int subnet_fn(struct model_txn *t, const struct object *o, const struct object *subnet, const char *field,
		      struct vpc_error *reterr);

/* Makes an object of the kind that a VPC is born with, or that goes with it. */
int make_in_vpc(struct model_txn *t, enum object_kind kind, uint32_t vpc, const struct object **ret,
		struct vpc_error *reterr);
/* Checks the limits of o's kind, gives it an id and a number, and inserts it. Takes o in every case. *ret: borrowed. */
int txn_add(struct model_txn *t, struct object *o, const struct object **ret, struct vpc_error *reterr);
/* The same for what a request creates. */
int change_add(struct model_txn *t, struct object *o, struct change_result *ret, struct vpc_error *reterr);
/* A change of an object of a VPC that calls fn for each of its `subnets`, at least one. */
int change_subnets(struct model_txn *t, const struct change *c, subnet_fn *fn, struct change_result *ret,
		   struct vpc_error *reterr);
/* Removes the object of the kind that goes with the VPC, if there is one. */
int remove_with_vpc(struct model_txn *t, enum object_kind kind, uint32_t vpc, struct vpc_error *reterr);

/* --- between kinds ----------------------------------------------------------------------------------------------- */

#define SG_DEFAULT_NAME "default"

/* By number; borrowed. NULL: there is none. */
const struct vpc *model_vpc(const struct model *m, uint32_t number);
const struct subnet *model_subnet(const struct model *m, uint32_t number);
const struct prefix_list *model_prefix_list(const struct model *m, uint32_t number);
const struct sg *model_sg(const struct model *m, uint32_t number);

/* DHCP options as the API and the store have them; NULL: out of memory. */
json_t *dhcp_options_to_json(const struct dhcp_options *o);
/* From a document. */
void dhcp_options_load(struct document *d, struct dhcp_options *o);

/* A group in the VPC with the rules it is born with; is_default: those of `default`. */
int sg_make(struct model_txn *t, uint32_t vpc, const char *name, const struct change *c, bool is_default,
	    const struct sg **ret, struct vpc_error *reterr);

/* Protocol, ports and so on of a rule as they are stored. prefix: "rules[3]"; "": none. rule_spec_parse() knows
 * no model: peers that are groups or prefix lists are left to rule_spec_resolve(). Both write into a rule made by
 * object_new(). */
int rule_spec_parse(const struct rule_spec *spec, const char *prefix, struct rule *ret, struct vpc_error *reterr);
int rule_spec_resolve(struct model_txn *t, const struct sg *g, const struct rule_spec *spec, const char *prefix,
		      struct rule *ret, struct vpc_error *reterr);
/* The group that a rule of a group of the VPC names: by id; by a name of the VPC's own, or of one group of all VPCs
 * that it is peered with. An id may be of a group of any VPC: who makes a rule asks rule_is_stale(). */
int rule_peer_resolve(struct model_txn *t, uint32_t vpc, const char *given, const char *field,
		      const struct object **ret, struct vpc_error *reterr);
/* Whether it names a group of another VPC, with which there is no active peering: then it matches nothing. */
bool rule_is_stale(const struct model *m, const struct rule *r);
/* 0..255, PROTOCOL_ALL, or -EINVAL: not a protocol. */
int protocol_parse(const char *text, int16_t *ret);
/* buf, "tcp", "all", "132". */
const char *protocol_format(int16_t protocol, char buf[8]);
/* "r<sg>/<direction>/<protocol>/<from>/<to>/<peer>": the same for two rules that say the same of one group. Sets
 * name_key. -ENOMEM. */
int rule_set_key(struct rule *r);
/* "2026-12-31T23:59:59Z" as seconds of CLOCK_REALTIME. -EINVAL. */
int rule_expiry_parse(const char *text, uint64_t *ret);

/* Addresses of an ENI (eni_address.c). e has vpc, subnet; old: the version that e takes the place of, or NULL. */
int eni_choose_addresses(const struct model *m, const struct change *c, struct eni *e, struct vpc_error *reterr);
int eni_choose_secondary(const struct model *m, const struct change *c, struct eni *e, const struct eni *old,
			 struct vpc_error *reterr);
/* Call it after e was inserted for c. The next search for a free address then starts behind e's. */
void eni_note_addresses(struct model *m, const struct eni *e, const struct change *c);
/* Whether it is one of the ENI's addresses, of either family. */
bool eni_has_address(const struct eni *e, const struct ip *ip);
/* Sets the number at this offset of struct subnet: of the route table or ACL that it uses. */
int subnet_set_number(struct model_txn *t, const struct object *subnet, size_t offset, uint32_t number,
		      struct vpc_error *reterr);
/* Offset of an address from the subnet's first: its rank in POSTING_ADDRESSES…; UINT32_MAX: too far. */
uint32_t subnet_offset(const struct subnet *s, const struct ip *ip);
#define SUBNET_RESERVED_FIRST 4u /* network, gateway, DNS, future; the last IPv4 address is reserved too */

/* --- the edge ---------------------------------------------------------------------------------------------------- */

/* Makes what a store of an earlier version lacks: an object of the kind for each VPC whose number at this offset of
 * struct vpc is 0. */
int vpc_make_missing(struct model_txn *t, enum object_kind kind, size_t offset, struct vpc_error *reterr);
/* Adds a route to a target that is there and active, over one to the same destination. */
int route_table_put(struct model_txn *t, const struct object *table, const struct cidr *destination,
		    const struct object *target, struct vpc_error *reterr);
/* Routes that lead to the object with this id become active, or blackholes, by what the model says of it. Call it after
 * the object was deleted, attached or detached. */
int route_retarget(struct model_txn *t, const char *id, struct vpc_error *reterr);
/* The same for a document that was loaded. */
void route_loaded(struct model *m, const struct object *target);
/* Whether the list may have the entry: no table with a route to the list refuses the destination. */
int route_check_entry(const struct model *m, const struct prefix_list *list, const struct cidr *cidr, const char *field,
		      struct vpc_error *reterr);
/* Whether the list may declare so many entries: each table with a route to the list has room for them. */
int route_check_max_entries(const struct model *m, const struct prefix_list *list, uint32_t max_entries,
			    struct vpc_error *reterr);
/* The first entry, of a list that the table has a route to, that c holds whole; NULL: none. */
const struct cidr *route_list_entry_in(const struct model *m, const struct vpc_route_table *rt, const struct cidr *c);

/* What the gateways of vpc.create with `internet` are called. */
#define INTERNET_NAME "internet"
/* A new version of the VPC when it got its first gateway or published port, or lost its last: routed_out, routed_out6.
 * Call it after gateways, published ports, routes or the VPC's CIDRs changed. CidrConflict if two VPCs would be routed
 * to the world with the same IPv6 addresses. */
int vpc_note_exits(struct model_txn *t, uint32_t vpc, struct vpc_error *reterr);
/* The document of such a gateway or published port was loaded. */
void vpc_exit_loaded(struct model *m, uint32_t vpc);
/* Targets of its routes were loaded. */
void vpc_routes_loaded(struct model *m, uint32_t vpc);

/* Elastic IPs of an ENI or NAT gateway that is deleted become nobody's; of an ENI that stays, those of private
 * addresses that it has no longer. The NAT gateway gets a new version. */
int eip_part_from(struct model_txn *t, const struct object *holder, bool deleted, struct vpc_error *reterr);
/* Gives the elastic IP to the NAT gateway. */
int eip_give_to_nat(struct model_txn *t, const struct object *eip, const struct object *nat, struct vpc_error *reterr);
/* Published ports of an ENI that is deleted, and its flow logs. */
int publish_remove_of(struct model_txn *t, const struct object *eni, struct vpc_error *reterr);
int flow_log_remove_of(struct model_txn *t, const struct object *eni, struct vpc_error *reterr);

/* The document of an active peering of it was loaded. */
void vpc_peering_loaded(struct model *m, uint32_t vpc);

/* Whether it is one of its two VPCs, and which is the other. */
bool peering_has(const struct peering *p, uint32_t vpc);
uint32_t peering_other(const struct peering *p, uint32_t vpc);
bool peering_is_active(const struct model *m, uint32_t vpc, uint32_t peer);
/* Goes through the VPCs with which there is an active peering. *at: NULL at first. */
bool peering_next_active(const struct model *m, uint32_t vpc, const struct post **at, uint32_t *ret);
/* Whether the VPC may have this range, too: no VPC has an address of it that it is peered with, or may be. */
int peering_check_cidr(const struct model *m, uint32_t vpc, const struct cidr *cidr, const char *field,
		       struct vpc_error *reterr);
/* Of a VPC that is deleted: those that were rejected go with it. */
int peering_remove_rejected(struct model_txn *t, uint32_t vpc, struct vpc_error *reterr);

/* Groups of an ENI (eni_group.c): resolves refs in the ENI's VPC into e->groups. */
int eni_choose_groups(struct model_txn *t, const struct change *c, struct eni *e, struct vpc_error *reterr);

/* --- documents (document.c) -------------------------------------------------------------------------------------- */

/* A document being read. The first damaged field is noted; readers then return a harmless value and go on. */
struct document {
	const json_t *json;
	const char *damaged; /* NULL: nothing so far */
};
/* NULL or owned copies; missing or null: NULL. */
char *document_text(struct document *d, const char *key, bool required);
uint64_t document_u64(struct document *d, const char *key, uint64_t max);
int64_t document_i64(struct document *d, const char *key, int64_t min, int64_t max);
bool document_bool(struct document *d, const char *key);
struct cidr document_cidr(struct document *d, const char *key, uint8_t family, bool required);
struct ip document_ip(struct document *d, const char *key, uint8_t family, bool required);
/* The number of the object whose id is there; 0 and damaged if there is none. */
uint32_t document_ref(struct model *m, struct document *d, const char *key, enum object_kind kind);
void document_damaged(struct document *d, const char *key);

/* The object of a document, not yet in the index; m has what it refers to. Errors: damaged. */
int document_make(struct model *m, enum object_kind kind, const json_t *document, struct object **ret,
		  struct vpc_error *reterr);
/* It is in the index now: what follows from it. */
void document_loaded(struct model *m, struct object *o);

/* Set a field of ret; value is taken, NULL is out of memory. -ENOMEM. */
int json_put(json_t *ret, const char *key, json_t *value);
json_t *json_cidr(const struct cidr *c); /* null without one */
json_t *json_ip(const struct ip *ip);
json_t *json_text_or_null(const char *text);

#endif
