/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/v1/schema.h"

#include <vpc/cleanup.h>

#define STRING		"{\"type\": \"string\"}"
#define STRING_OR_NULL	"{\"type\": [\"string\", \"null\"]}"
#define INTEGER		"{\"type\": \"integer\"}"
#define INTEGER_OR_NULL "{\"type\": [\"integer\", \"null\"]}"
#define BOOLEAN		"{\"type\": \"boolean\"}"
#define STRINGS		"{\"type\": \"array\", \"items\": {\"type\": \"string\"}}"
#define OBJECTS		"{\"type\": \"array\", \"items\": {\"type\": \"object\"}}"
#define COUNTS		"{\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}"
#define OBJECT		"{\"type\": \"object\"}"
#define REF(name)	"{\"$ref\": \"#/components/schemas/" name "\"}"
#define LIST_OF(name)	"{\"type\": \"array\", \"items\": " REF(name) "}"

/* What every object has. */
#define COMMON                                                                                              \
	{"id", STRING, "prefix and 17 hex digits"}, {"name", STRING, NULL},                                 \
		{"tags", "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}}", NULL}, \
	{                                                                                                   \
		"revision", INTEGER, "of the commit that last changed it"                                   \
	}

/* What every report of a flow has. */
#define FLOW                                                                                                           \
	{"protocol", STRING, "a name or a number"}, {"protocol_number", INTEGER, NULL}, {"src", STRING_OR_NULL, NULL}, \
		{"dst", STRING_OR_NULL, NULL}, {"src_port", INTEGER_OR_NULL, "of tcp and udp"},                        \
		{"dst_port", INTEGER_OR_NULL, "of tcp and udp"}, {"icmp_type", INTEGER, "of a packet of icmp"},        \
	{                                                                                                              \
		"icmp_code", INTEGER, "of a packet of icmp"                                                            \
	}

/* What every reply to a change has. */
#define COMMITTED                                                                                              \
	{"revision", INTEGER, "of this commit"}, {"epoch", INTEGER, "that packets are judged by from now on"}, \
		{"enforced_ns", INTEGER, "from the request's last byte to the store that put it in force"},    \
		{"pending", STRINGS, "what is still to be done in the background"},                            \
		{"cut_flows", LIST_OF("CutFlow"), "flows that were cut, at most 100"},                         \
		{"cut_flows_total", INTEGER_OR_NULL, "null: pending, or too many flows to count"},             \
	{                                                                                                      \
		"dry_run", BOOLEAN, "nothing was changed"                                                      \
	}

static const struct schema_field vpc_fields[] = {
	COMMON,
	{"cidr", STRING, NULL},
	{"cidr6", STRING_OR_NULL, NULL},
	{"netns", STRING, "its network namespace"},
	{"mtu", INTEGER, "bytes"},
	{"dhcp_options", REF("DhcpOptions"), NULL},
};
static const struct schema_field dhcp_options_fields[] = {
	{"dns_servers", STRINGS, NULL},
	{"domain_name", STRING_OR_NULL, NULL},
};
static const struct schema_field subnet_fields[] = {
	COMMON,
	{"vpc_id", STRING, NULL},
	{"cidr", STRING, NULL},
	{"cidr6", STRING_OR_NULL, NULL},
	{"gateway", STRING, NULL},
	{"gateway6", STRING_OR_NULL, NULL},
	{"available_ips", INTEGER, NULL},
};
static const struct schema_field sg_fields[] = {
	COMMON,
	{"vpc_id", STRING, NULL},
	{"description", STRING, NULL},
	{"rules", LIST_OF("Rule"), NULL},
};
static const struct schema_field rule_fields[] = {
	{"id", STRING, NULL},
	{"direction", STRING, "ingress or egress"},
	{"protocol", STRING, NULL},
	{"from_port", INTEGER_OR_NULL, "of icmp the type"},
	{"to_port", INTEGER_OR_NULL, "of icmp the code"},
	{"cidr", STRING_OR_NULL, NULL},
	{"sg_id", STRING_OR_NULL, NULL},
	{"prefix_list_id", STRING_OR_NULL, NULL},
	{"description", STRING, NULL},
	{"packets", INTEGER, "allowed by it"},
	{"bytes", INTEGER, "allowed by it"},
	{"last_used", STRING_OR_NULL, "RFC 3339"},
};
static const struct schema_field eni_fields[] = {
	COMMON,
	{"number", INTEGER, "ifindex of its port"},
	{"vpc_id", STRING, NULL},
	{"subnet_id", STRING, NULL},
	{"mac", STRING, NULL},
	{"ip", STRING_OR_NULL, NULL},
	{"ip6", STRING_OR_NULL, NULL},
	{"secondary_ips", STRINGS, NULL},
	{"mtu", INTEGER, "bytes"},
	{"source_dest_check", BOOLEAN, NULL},
	{"delete_on_termination", BOOLEAN, "it goes with the namespace that it is attached to"},
	{"security_groups", STRINGS, "ids"},
	{"attachment", "{\"oneOf\": [" REF("Attachment") ", {\"type\": \"null\"}]}", NULL},
	{"counters", REF("Counters"), NULL},
};
static const struct schema_field attachment_fields[] = {
	{"kind", STRING, "netns or tap"},
	{"ifname", STRING, "the workload's end"},
	{"host_ifname", STRING, "the port, in the VPC's namespace"},
	{"default_route", BOOLEAN, "netns: as asked for; absent: the first ENI's in a namespace counts"},
	{"netns_inode", INTEGER_OR_NULL,
	 "as in /proc/PID/ns/net, by which its processes are found; tap: where the tap is"},
	{"owner", STRING_OR_NULL, "tap: the user who may open it beside root"},
	{"owner_uid", INTEGER, "tap: what owner stands for"},
	{"queues", INTEGER, "tap: descriptors it may have at a time"},
	{"open", BOOLEAN, "tap: a VMM has it open"},
};
static const struct schema_field counter_fields[] = {
	{"rx_packets", INTEGER, NULL}, {"rx_bytes", INTEGER, NULL},    {"tx_packets", INTEGER, NULL},
	{"tx_bytes", INTEGER, NULL},   {"drops", COUNTS, "by reason"},
};
static const struct schema_field committed_fields[] = {COMMITTED};
static const struct schema_field deleted_fields[] = {{"id", STRING, NULL}, COMMITTED};
static const struct schema_field rules_changed_fields[] = {
	{"id", STRING, "the security group"},
	{"rules", LIST_OF("Rule"), "the rules added or taken away"},
	COMMITTED,
};
static const struct schema_field transaction_fields[] = {
	{"results", OBJECTS, "what each change made or changed"},
	COMMITTED,
};
static const struct schema_field status_fields[] = {
	{"instance", STRING, NULL},
	{"epoch", INTEGER, NULL},
	{"revision", INTEGER, NULL},
	{"engine", STRING, "ebpf"},
	{"fast_path", BOOLEAN, NULL},
	{"attach_mode", STRING, "tcx or clsact"},
	{"pending", LIST_OF("Condition"), "what is wrong now, or still to be done"},
	{"limits", OBJECT, NULL},
	{"counts", OBJECT, NULL},
	{"kernel", "{}", NULL},
	{"health", "{}", "state: ok or degraded; conditions: how many of each subsystem"},
	{"audit", "{}", "what others changed in the maps since the start: found, mended; pins, links: made again"},
	{"flow_shares", OBJECT, "by VPC's id: what it has of the map of established flows"},
};
static const struct schema_field condition_fields[] = {
	{"subsystem", STRING, "network, removal, store or maps"},
	{"object", STRING, "id of what is concerned; empty: the subsystem"},
	{"reason", STRING, "what is wrong, and what to do"},
	{"since", STRING, NULL},
	{"next_retry", STRING_OR_NULL, "null: when an event says that it may work"},
	{"failures", INTEGER, "times that it was tried"},
	{"vpc_id", STRING, NULL},
	{"vpc", STRING, "its name"},
	{"subnet_id", STRING, NULL},
	{"subnet", STRING, "its name"},
	{"eni_id", STRING, NULL},
	{"eni", STRING, "its name"},
};
static const struct schema_field verification_fields[] = {
	{"equal", BOOLEAN, "the kernel has what the model says"},
	{"differences", OBJECTS, NULL},
};
static const struct schema_field verdict_fields[] = {
	{"time", STRING, NULL},
	{"event", STRING, "drop, open, rejudge, cut, or lost"},
	{"reason", STRING, "of a drop"},
	{"direction", STRING, NULL},
	FLOW,
	{"eni_id", STRING_OR_NULL, NULL},
	{"eni", STRING_OR_NULL, "name"},
	{"peer_eni_id", STRING_OR_NULL, NULL},
	{"peer_eni", STRING_OR_NULL, "name"},
	{"rule_ids", STRINGS, "what allowed it"},
	{"epoch", INTEGER, NULL},
	{"length", INTEGER, "bytes"},
	{"lost", INTEGER, "verdicts that could not be told"},
};
static const struct schema_field cut_flow_fields[] = {
	FLOW,
	{"src_eni_id", STRING_OR_NULL, NULL},
	{"dst_eni_id", STRING_OR_NULL, NULL},
};
static const struct schema_field problem_fields[] = {
	{"type", STRING, NULL},
	{"title", STRING, NULL},
	{"status", INTEGER, NULL},
	{"detail", STRING, "what is wrong with this request"},
	{"code", STRING, NULL},
	{"field", STRING, "of the request"},
	{"holders", STRINGS, "ids of what is in the way"},
	{"change", INTEGER, "index in a transaction"},
};

#define LIST_FIELDS(member, name) \
	(const struct schema_field[]){{member, LIST_OF(name), NULL}, {"revision", INTEGER, "of the model"}}, 2, NULL
#define FIELDS(fields) fields, ARRAY_SIZE(fields)

const struct schema schemas[] = {
	{"Vpc", FIELDS(vpc_fields), NULL},
	{"VpcList", LIST_FIELDS("vpcs", "Vpc")},
	{"VpcChanged", FIELDS(committed_fields), "Vpc"},
	{"DhcpOptions", FIELDS(dhcp_options_fields), NULL},
	{"Subnet", FIELDS(subnet_fields), NULL},
	{"SubnetList", LIST_FIELDS("subnets", "Subnet")},
	{"SubnetChanged", FIELDS(committed_fields), "Subnet"},
	{"SecurityGroup", FIELDS(sg_fields), NULL},
	{"SecurityGroupList", LIST_FIELDS("security_groups", "SecurityGroup")},
	{"SecurityGroupChanged", FIELDS(committed_fields), "SecurityGroup"},
	{"Rule", FIELDS(rule_fields), NULL},
	{"Eni", FIELDS(eni_fields), NULL},
	{"EniList", LIST_FIELDS("enis", "Eni")},
	{"EniChanged", FIELDS(committed_fields), "Eni"},
	{"Attachment", FIELDS(attachment_fields), NULL},
	{"Counters", FIELDS(counter_fields), NULL},
	{"Deleted", FIELDS(deleted_fields), NULL},
	{"RulesChanged", FIELDS(rules_changed_fields), NULL},
	{"TransactionDone", FIELDS(transaction_fields), NULL},
	{"Status", FIELDS(status_fields), NULL},
	{"Condition", FIELDS(condition_fields), NULL},
	{"Verification", FIELDS(verification_fields), NULL},
	{"Verdict", FIELDS(verdict_fields), NULL},
	{"CutFlow", FIELDS(cut_flow_fields), NULL},
	{"OpenApi", NULL, 0, NULL},
	{"Problem", FIELDS(problem_fields), NULL},
};
const size_t n_schemas = ARRAY_SIZE(schemas);
