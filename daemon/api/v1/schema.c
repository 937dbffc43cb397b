/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/v1/schema.h"

#include <vpc/cleanup.h>
#include <vpc/kinds.h>

/* What every report of a flow has. */
#define FLOW                                                                                          \
	{"protocol", SCHEMA_STRING, "a name or a number"}, {"protocol_number", SCHEMA_INTEGER, NULL}, \
		{"src", SCHEMA_STRING_OR_NULL, NULL}, {"dst", SCHEMA_STRING_OR_NULL, NULL},           \
		{"src_port", SCHEMA_INTEGER_OR_NULL, "of tcp and udp"},                               \
		{"dst_port", SCHEMA_INTEGER_OR_NULL, "of tcp and udp"},                               \
		{"icmp_type", SCHEMA_INTEGER, "of a packet of icmp"},                                 \
	{                                                                                             \
		"icmp_code", SCHEMA_INTEGER, "of a packet of icmp"                                    \
	}

/* What a commit did to an object. */
#define CHANGE_OF_OBJECT                                                                                    \
	{"action", SCHEMA_STRING, "created, changed or deleted"}, {"kind", SCHEMA_STRING, "vpcctl's noun"}, \
		{"id", SCHEMA_STRING, NULL}, {"name", SCHEMA_STRING, "before the change"},                  \
		{"parent_id", SCHEMA_STRING_OR_NULL, "of a rule: its group"},                               \
	{                                                                                                   \
		"fields", SCHEMA_STRINGS, "which members changed; none: those of a part of the object"      \
	}

/* What every reply to a change has. */
#define COMMITTED                                                                                                  \
	{"revision", SCHEMA_INTEGER, "of this commit"},                                                            \
		{"epoch", SCHEMA_INTEGER, "that packets are judged by from now on"},                               \
		{"enforced_ns", SCHEMA_INTEGER, "from the request's last byte to the store that put it in force"}, \
		{"pending", SCHEMA_STRINGS, "what is still to be done in the background"},                         \
		{"warnings", SCHEMA_STRINGS, "what is in force and does not do what was asked for"},               \
		{"cut_flows", SCHEMA_LIST_OF("TrackedFlow"), "flows that were cut, at most 100"},                  \
		{"cut_flows_total", SCHEMA_INTEGER_OR_NULL, "null: pending, or too many flows to count"},          \
	{                                                                                                          \
		"dry_run", SCHEMA_BOOLEAN, "nothing was changed"                                                   \
	}

static const struct schema_field common_fields[] = {
	{"id", SCHEMA_STRING, "prefix and 17 hex digits"},
	{"name", SCHEMA_STRING, NULL},
	{"tags", SCHEMA_TEXTS, NULL},
	{"revision", SCHEMA_INTEGER, "of the commit that last changed it"},
};
static const struct schema_field committed_fields[] = {COMMITTED};
static const struct schema_field deleted_fields[] = {{"id", SCHEMA_STRING, NULL}, COMMITTED};
static const struct schema_field rules_changed_fields[] = {
	{"id", SCHEMA_STRING, "the security group"},
	{"rules", SCHEMA_LIST_OF("Rule"), "the rules added or taken away"},
	COMMITTED,
};
static const struct schema_field transaction_fields[] = {
	{"results", SCHEMA_OBJECTS,
	 "what each change made or changed, as the transaction leaves it. A security group, route table or network ACL "
	 "that more than 16 changes are about is whole in the first and the last of their results; those between have "
	 "its id"},
	COMMITTED,
};
static const struct schema_field status_fields[] = {
	{"instance", SCHEMA_STRING, NULL},
	{"version", SCHEMA_STRING, "of vpcd"},
	{"epoch", SCHEMA_INTEGER, NULL},
	{"revision", SCHEMA_INTEGER, NULL},
	{"engine", SCHEMA_STRING, "ebpf"},
	{"fast_path", SCHEMA_BOOLEAN, NULL},
	{"attach_mode", SCHEMA_STRING, "tcx or clsact"},
	{"edge", "{}",
	 "mode: redirect, forward or off; reason; outer: interfaces that lead to the world; left_out: one that can't "
	 "be used"},
	{"pending", SCHEMA_LIST_OF("Condition"), "what is wrong now, or still to be done"},
	{"limits", SCHEMA_OBJECT, NULL},
	{"counts", SCHEMA_COUNTS, NULL},
	{"maps", SCHEMA_OBJECT, "by eBPF map: size, rows in use, bytes"},
	{"rule_counters", SCHEMA_STRING, "what a rule's counters count"},
	{"kernel", "{}", NULL},
	{"health", "{}", "state: ok or degraded; conditions: how many of each subsystem"},
	{"flow_counts", "{}",
	 "packets and bytes of flows: vpcs that are observed, tuples that are counted, those without_room and "
	 "packets_lost since the start"},
	{"audit", "{}", "what others changed in the maps since the start: found, mended; pins, links: made again"},
	{"flow_shares", SCHEMA_OBJECT, "by VPC's id: what it has of the map of established flows"},
};
static const struct schema_field condition_fields[] = {
	{"subsystem", SCHEMA_STRING, "network, removal, store, edge, maps or confirm"},
	{"object", SCHEMA_STRING, "id of what is concerned; empty: the subsystem"},
	{"reason", SCHEMA_STRING, "what is wrong, and what to do"},
	{"since", SCHEMA_STRING, NULL},
	{"next_retry", SCHEMA_STRING_OR_NULL, "null: when an event says that it may work"},
	{"failures", SCHEMA_INTEGER, "times that it was tried"},
#define RESOURCE(SYMBOL, symbol, noun, prefix, code, article, title, list, schema, limit, scope, field, path) \
	{field "_id", SCHEMA_STRING, NULL}, {field, SCHEMA_STRING, "its name"},
#include <vpc/kinds.def>
};
static const struct schema_field verification_fields[] = {
	{"equal", SCHEMA_BOOLEAN, "the kernel has what the model says"},
	{"differences", SCHEMA_OBJECTS, NULL},
	{"revision", SCHEMA_INTEGER, "of the model that was compared"},
	{"epoch", SCHEMA_INTEGER, NULL},
};
static const struct schema_field verdict_fields[] = {
	{"time", SCHEMA_STRING, NULL},
	{"event", SCHEMA_STRING, "drop, open, rejudge, cut, or lost"},
	{"reason", SCHEMA_STRING_OR_NULL, "of a drop"},
	{"direction", SCHEMA_STRING, NULL},
	FLOW,
	{"eni_id", SCHEMA_STRING_OR_NULL, NULL},
	{"eni", SCHEMA_STRING_OR_NULL, "name"},
	{"peer_eni_id", SCHEMA_STRING_OR_NULL, NULL},
	{"peer_eni", SCHEMA_STRING_OR_NULL, "name"},
	{"rule_ids", SCHEMA_STRINGS, "what allowed it"},
	{"epoch", SCHEMA_INTEGER, NULL},
	{"length", SCHEMA_INTEGER, "bytes"},
	{"lost", SCHEMA_INTEGER, "verdicts that could not be told"},
};
static const struct schema_field event_fields[] = {
	{"event", SCHEMA_STRING, "commit, change, or end: why the stream ends"},
	{"revision", SCHEMA_INTEGER, "of the commit; at the end: all up to it was told"},
	{"time", SCHEMA_STRING_OR_NULL, "of a commit"},
	{"uid", SCHEMA_INTEGER, "who made the commit"},
	{"pid", SCHEMA_INTEGER, NULL},
	{"command", SCHEMA_STRING, "vpcctl's, or the changes"},
	{"changes", SCHEMA_INTEGER, "of a commit: how many changes follow"},
	CHANGE_OF_OBJECT,
	{"code", SCHEMA_STRING, "at the end"},
	{"detail", SCHEMA_STRING, "at the end"},
};
static const struct schema_field backup_fields[] = {
	{"format", SCHEMA_STRING, "vpcd-backup"},
	{"version", SCHEMA_INTEGER, "of the format"},
	{"checksum", SCHEMA_STRING, "of the state: sha256:, and 64 hex digits"},
	{"made", SCHEMA_OBJECT, "revision, time, instance, vpcd: when and where"},
	{"state", SCHEMA_OBJECT, "by vpcctl's noun: the documents of all objects"},
};
static const struct schema_field usage_fields[] = {
	{"usage", SCHEMA_LIST_OF("UsageRow"), "by period and VPC, oldest first"},
	{"next", SCHEMA_INTEGER_OR_NULL, "the `from` of what had no room in this reply; null: that is all"},
};
static const struct schema_field usage_row_fields[] = {
	{"from", SCHEMA_STRING, "when the hour, day or month begins, in UTC"},
	{"to", SCHEMA_STRING, "when it ends"},
	{"vpc_id", SCHEMA_STRING, "also of one that is gone; empty: of VPCs beyond those that have a row"},
	{"vpc", SCHEMA_STRING, "its name, or its last"},
	{"running", SCHEMA_BOOLEAN, "the running hour is in it"},
	{"most_enis", SCHEMA_INTEGER, "network interfaces at once"},
	{"enis", SCHEMA_REF("VpcCounters"), "what its network interfaces received and sent"},
	{"gateways", SCHEMA_REF("VpcCounters"), "a part of that: from the world and the host, and to them"},
	{"peerings", SCHEMA_REF("VpcCounters"), "a part of that: from peered VPCs, and to them"},
};
static const struct schema_field log_fields[] = {
	{"log", SCHEMA_LIST_OF("LogEntry"), "newest first"},
	{"oldest", SCHEMA_INTEGER, "the oldest revision that is kept"},
	{"revision", SCHEMA_INTEGER, "the newest"},
};
static const struct schema_field log_entry_fields[] = {
	{"revision", SCHEMA_INTEGER, NULL},
	{"time", SCHEMA_STRING_OR_NULL, NULL},
	{"uid", SCHEMA_INTEGER, "who made the commit"},
	{"pid", SCHEMA_INTEGER, NULL},
	{"command", SCHEMA_STRING, "vpcctl's, or the changes"},
	{"changes", SCHEMA_LIST_OF("LogChange"), "at most 100"},
	{"changes_total", SCHEMA_INTEGER, NULL},
};
static const struct schema_field log_change_fields[] = {CHANGE_OF_OBJECT};
static const struct schema_field flow_fields[] = {FLOW};
/* What an end of a tracked flow has. */
#define FLOW_SIDE(side, direction)                                                                       \
	{side "_eni_id", SCHEMA_STRING_OR_NULL, NULL}, {side "_eni", SCHEMA_STRING_OR_NULL, "its name"}, \
		{side "_rule_id", SCHEMA_STRING_OR_NULL, direction " rule that allowed it"},             \
		{side "_sg_id", SCHEMA_STRING_OR_NULL, "security group of that rule"},                   \
	{                                                                                                \
		side "_sg", SCHEMA_STRING_OR_NULL, "its name"                                            \
	}
static const struct schema_field tracked_flow_fields[] = {
	FLOW,
	FLOW_SIDE("src", "egress"),
	FLOW_SIDE("dst", "ingress"),
	{"vpc_id", SCHEMA_STRING_OR_NULL, NULL},
	{"vpc", SCHEMA_STRING_OR_NULL, "its name"},
	{"peer_vpc_id", SCHEMA_STRING_OR_NULL, "the VPC of the other end, of a flow by a peering"},
	{"peer_vpc", SCHEMA_STRING_OR_NULL, "its name"},
	{"state", SCHEMA_STRING,
	 "syn_sent, syn_received, established, closing, reset (tcp); one_way, replied, stream (udp, icmp); other; cut"},
	{"opened_by", SCHEMA_STRING, "what src is: eni, peer (of a peered VPC), host, or outside"},
	{"age_s", SCHEMA_INTEGER, "seconds since it was opened"},
	{"idle_s", SCHEMA_INTEGER, "seconds since its last packet, exact to a second"},
	{"packets", SCHEMA_INTEGER, "of both directions; at least so many: packets of the fast path aren't counted"},
	{"packets_sent", SCHEMA_INTEGER_OR_NULL, "by src; null: the flow isn't counted (see count_flows of VPCs)"},
	{"bytes_sent", SCHEMA_INTEGER_OR_NULL, "of whole frames"},
	{"packets_received", SCHEMA_INTEGER_OR_NULL, "by src"},
	{"bytes_received", SCHEMA_INTEGER_OR_NULL, "of whole frames"},
	{"counts_complete", SCHEMA_BOOLEAN_OR_NULL,
	 "false: the flow is older than the counting, or some packets weren't counted"},
	{"epoch", SCHEMA_INTEGER_OR_NULL, "at which both sides were last judged; null: it was cut by hand"},
	{"outside", "{\"oneOf\": [{\"$ref\": \"#/components/schemas/OutsideFlow\"}, {\"type\": \"null\"}]}",
	 "how the world sees it; null: as it is"},
};
static const struct schema_field outside_flow_fields[] = {
	{"by", SCHEMA_STRING, "what translates it: nat, elastic_ip or published_port"},
	{"src", SCHEMA_STRING, NULL},
	{"dst", SCHEMA_STRING, NULL},
	{"src_port", SCHEMA_INTEGER_OR_NULL, "of tcp and udp"},
	{"dst_port", SCHEMA_INTEGER_OR_NULL, "of tcp and udp"},
};
static const struct schema_field flow_list_fields[] = {
	{"flows", SCHEMA_LIST_OF("TrackedFlow"), "each on a line"},
	{"complete", SCHEMA_BOOLEAN, "false: the limit was reached"},
	{"revision", SCHEMA_INTEGER, "of the model, when the list began"},
};
static const struct schema_field flows_cut_fields[] = {
	{"cut_flows", SCHEMA_LIST_OF("TrackedFlow"), "flows that were cut, at most 100"},
	{"cut_flows_total", SCHEMA_INTEGER, NULL},
	{"enforced_ns", SCHEMA_INTEGER, "from the request's last byte to the last flow's end"},
	{"dry_run", SCHEMA_BOOLEAN, "nothing was cut"},
};
/* What is counted of packets. */
#define TRAFFIC                                                                               \
	{"rx_packets", SCHEMA_INTEGER, "received"}, {"rx_bytes", SCHEMA_INTEGER, "received"}, \
		{"tx_packets", SCHEMA_INTEGER, "sent"},                                       \
	{                                                                                     \
		"tx_bytes", SCHEMA_INTEGER, "sent"                                            \
	}

static const struct schema_field traffic_fields[] = {
	{"time", SCHEMA_STRING, "when the counters were read"},
	{"time_ns", SCHEMA_INTEGER, "CLOCK_MONOTONIC of the same moment"},
	{"vpcs", SCHEMA_LIST_OF("VpcTraffic"), "every VPC"},
	{"enis", SCHEMA_LIST_OF("EniTraffic"), "those with the most bytes; limits.metrics_enis of them"},
	{"enis_left_out", SCHEMA_INTEGER, "network interfaces beyond them"},
	{"gateways", SCHEMA_LIST_OF("GatewayTraffic"),
	 "gateways and peerings with the most bytes; limits.metrics_gateways of them"},
	{"gateways_left_out", SCHEMA_INTEGER, "gateways and peerings beyond them"},
	{"rules", SCHEMA_LIST_OF("RuleTraffic"),
	 "those that allowed the most packets; limits.metrics_rules of their rows are looked at"},
	{"rules_left_out", SCHEMA_INTEGER, "rows of rules beyond them"},
};
static const struct schema_field vpc_traffic_fields[] = {
	{"id", SCHEMA_STRING, NULL},
	{"name", SCHEMA_STRING, NULL},
	TRAFFIC,
};
static const struct schema_field eni_traffic_fields[] = {
	{"id", SCHEMA_STRING, NULL},
	{"name", SCHEMA_STRING, NULL},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"vpc", SCHEMA_STRING, "its name"},
	TRAFFIC,
	{"drops", SCHEMA_INTEGER, "packets, for all reasons"},
};
static const struct schema_field gateway_traffic_fields[] = {
	{"id", SCHEMA_STRING, NULL},
	{"name", SCHEMA_STRING, NULL},
	{"kind", SCHEMA_STRING, "igw, eigw, nat or peering"},
	{"vpc_id", SCHEMA_STRING, "of a peering the VPC that asked for it, which received and sent"},
	{"vpc", SCHEMA_STRING, "its name"},
	{"peer_vpc_id", SCHEMA_STRING_OR_NULL, "of a peering"},
	{"peer_vpc", SCHEMA_STRING_OR_NULL, "its name"},
	TRAFFIC,
};
#define RULE_WORDS                                                                                              \
	{"direction", SCHEMA_STRING, "ingress or egress"}, {"protocol", SCHEMA_STRING, NULL},                   \
		{"from_port", SCHEMA_INTEGER_OR_NULL, "of icmp the type"},                                      \
		{"to_port", SCHEMA_INTEGER_OR_NULL, "of icmp the code"}, {"cidr", SCHEMA_STRING_OR_NULL, NULL}, \
		{"sg_id", SCHEMA_STRING_OR_NULL, NULL},                                                         \
	{                                                                                                       \
		"prefix_list_id", SCHEMA_STRING_OR_NULL, NULL                                                   \
	}
static const struct schema_field rule_traffic_fields[] = {
	{"id", SCHEMA_STRING, NULL},
	RULE_WORDS,
	{"description", SCHEMA_STRING, NULL},
	{"security_group_id", SCHEMA_STRING, NULL},
	{"security_group", SCHEMA_STRING, "its name"},
	{"expires_at", SCHEMA_STRING_OR_NULL, "RFC 3339; null: never"},
	{"packets", SCHEMA_INTEGER, "allowed by it, as status' rule_counters says"},
	{"bytes", SCHEMA_INTEGER, NULL},
};
static const struct schema_field advice_fields[] = {
	{"id", SCHEMA_STRING, "of the group"},
	{"name", SCHEMA_STRING, NULL},
	{"vpc_id", SCHEMA_STRING, NULL},
	{"vpc", SCHEMA_STRING, "its name"},
	{"since", SCHEMA_STRING, "what was used since then is told"},
	{"watched_since", SCHEMA_STRING, "since when vpcd knows when rules are used"},
	{"flows_watched_since", SCHEMA_STRING_OR_NULL,
	 "since when vpcd knows what rules allow, also before a restart; null: it doesn't (see count_flows of VPCs)"},
	{"revision", SCHEMA_INTEGER, "of the whole state"},
	{"rules", SCHEMA_LIST_OF("AdvisedRule"), "of the group"},
};
static const struct schema_field advised_rule_fields[] = {
	{"id", SCHEMA_STRING, NULL},
	{"security_group_id", SCHEMA_STRING, NULL},
	RULE_WORDS,
	{"description", SCHEMA_STRING, NULL},
	{"tags", SCHEMA_TEXTS, NULL},
	{"revision", SCHEMA_INTEGER, NULL},
	{"expires_at", SCHEMA_STRING_OR_NULL, NULL},
	{"stale", SCHEMA_BOOLEAN, NULL},
	{"packets", SCHEMA_INTEGER, "allowed by it, as status' rule_counters says"},
	{"bytes", SCHEMA_INTEGER, NULL},
	{"last_used", SCHEMA_STRING_OR_NULL, NULL},
	{"advice", SCHEMA_STRING,
	 "remove: it was not used; narrow: it is wider than what it allowed; keep: all of it was used; unknown: nobody "
	 "knows"},
	{"why", SCHEMA_STRING, "for people; of unknown also what to do"},
	{"merged", SCHEMA_BOOLEAN, "what it allowed was more than is remembered one by one"},
	{"narrower", SCHEMA_LIST_OF("NarrowerRule"), "of narrow: rules that allow all that it allowed"},
};
static const struct schema_field narrower_rule_fields[] = {RULE_WORDS};
static const struct schema_field explanation_fields[] = {
	{"verdict", SCHEMA_STRING,
	 "allow; drop; elsewhere: nothing refuses it, and it doesn't get to the network interface; without a port also "
	 "partly"},
	{"ports", SCHEMA_OBJECTS, "of tcp and udp without a port: ranges of ports, with verdict and reason"},
	{"reason", SCHEMA_STRING_OR_NULL, "drop reason of the first step that refuses"},
	{"reason_text", SCHEMA_STRING_OR_NULL, NULL},
	{"refused", SCHEMA_STRING, "request, reply or none"},
	{"from", SCHEMA_REF("ExplanationEnd"), NULL},
	{"to", SCHEMA_REF("ExplanationEnd"), NULL},
	{"flow", SCHEMA_REF("Flow"), "that the packet would open; ports that weren't asked for are null"},
	{"protocol", SCHEMA_STRING, "with its port, or all"},
	{"protocol_number", SCHEMA_INTEGER, NULL},
	{"steps", SCHEMA_LIST_OF("ExplanationStep"), "in the order of the programs"},
	{"commands", SCHEMA_STRINGS, "what would open the steps that refuse; without a port none that opens ports"},
	{"epoch", SCHEMA_INTEGER, "of the maps that were read"},
	{"revision", SCHEMA_INTEGER, NULL},
	/* of changes */
	{"allowed", SCHEMA_LIST_OF("Reach"), "what changes would newly allow, at most 100"},
	{"allowed_total", SCHEMA_INTEGER, NULL},
	{"denied", SCHEMA_LIST_OF("Reach"), "what changes would newly deny, at most 100"},
	{"denied_total", SCHEMA_INTEGER, NULL},
	{"complete", SCHEMA_BOOLEAN, "false: looking at everything would have taken too long"},
	{"cut_flows", SCHEMA_LIST_OF("TrackedFlow"), "established flows that changes would cut, at most 100"},
	{"cut_flows_total", SCHEMA_INTEGER, NULL},
};
static const struct schema_field reach_fields[] = {
	{"from", SCHEMA_REF("ReachEnd"), "who opens a flow"},
	{"to", SCHEMA_REF("ReachEnd"), NULL},
	{"ip_version", SCHEMA_INTEGER, "4 or 6"},
	{"ports", SCHEMA_STRINGS, "as \"tcp 443\", at most 32"},
};
static const struct schema_field reach_end_fields[] = {
	{"cidr", SCHEMA_STRING, "outside of the VPC"},
	{"security_groups", SCHEMA_STRINGS, "names of the groups that the network interfaces have"},
	{"enis", SCHEMA_INTEGER, "how many network interfaces"},
	{"eni_ids", SCHEMA_STRINGS, "of the first five"},
	{"eni_names", SCHEMA_STRINGS, "of the first five"},
};
static const struct schema_field explanation_end_fields[] = {
	{"address", SCHEMA_STRING, NULL},
	{"eni_id", SCHEMA_STRING_OR_NULL, NULL},
	{"eni", SCHEMA_STRING_OR_NULL, "name"},
	{"vpc_id", SCHEMA_STRING_OR_NULL, NULL},
};
static const struct schema_field explanation_step_fields[] = {
	{"packet", SCHEMA_STRING, "request or reply"},
	{"step", SCHEMA_STRING,
	 "source, destination, network_acl, route, flow, security_groups, budget, gateway or host"},
	{"direction", SCHEMA_STRING, "egress: at the sender's side; ingress: at the receiver's"},
	{"verdict", SCHEMA_STRING, "allow or drop"},
	{"reason", SCHEMA_STRING, "of a drop"},
	{"text", SCHEMA_STRING, NULL},
	{"eni_id", SCHEMA_STRING, NULL},
	{"rule_id", SCHEMA_STRING, "that allows it"},
	{"security_group_id", SCHEMA_STRING, NULL},
	{"network_acl_id", SCHEMA_STRING, NULL},
	{"network_acl_rule", SCHEMA_INTEGER, "number of the rule that decides"},
	{"route_table_id", SCHEMA_STRING, NULL},
	{"publication_id", SCHEMA_STRING, NULL},
	{"nearest", SCHEMA_REF("NearestRule"), "the rule that misses in the fewest fields"},
	{"command", SCHEMA_STRING, "that would open this step"},
};
static const struct schema_field nearest_fields[] = {
	{"rule_id", SCHEMA_STRING, NULL},
	{"text", SCHEMA_STRING, NULL},
	{"misses", SCHEMA_STRINGS, "protocol, port, cidr, group or prefix_list"},
};
static const struct schema_field problem_fields[] = {
	{"type", SCHEMA_STRING, NULL},
	{"title", SCHEMA_STRING, NULL},
	{"status", SCHEMA_INTEGER, NULL},
	{"detail", SCHEMA_STRING, "what is wrong with this request"},
	{"code", SCHEMA_STRING, NULL},
	{"field", SCHEMA_STRING, "of the request"},
	{"holders", SCHEMA_STRINGS, "ids of what is in the way"},
	{"change", SCHEMA_INTEGER, "index in a transaction"},
};

#define FIELDS(fields) fields, ARRAY_SIZE(fields)

const struct schema schema_common = {NULL, FIELDS(common_fields)};
const struct schema schema_committed = {NULL, FIELDS(committed_fields)};
const struct schema schema_others[] = {
	{"Deleted", FIELDS(deleted_fields)},
	{"RulesChanged", FIELDS(rules_changed_fields)},
	{"TransactionDone", FIELDS(transaction_fields)},
	{"Status", FIELDS(status_fields)},
	{"Condition", FIELDS(condition_fields)},
	{"Verification", FIELDS(verification_fields)},
	{"Verdict", FIELDS(verdict_fields)},
	{"Event", FIELDS(event_fields)},
	{"Backup", FIELDS(backup_fields)},
	{"Usage", FIELDS(usage_fields)},
	{"UsageRow", FIELDS(usage_row_fields)},
	{"Advice", FIELDS(advice_fields)},
	{"AdvisedRule", FIELDS(advised_rule_fields)},
	{"NarrowerRule", FIELDS(narrower_rule_fields)},
	{"Log", FIELDS(log_fields)},
	{"LogEntry", FIELDS(log_entry_fields)},
	{"LogChange", FIELDS(log_change_fields)},
	{"Resource", NULL, 0},
	{"Traffic", FIELDS(traffic_fields)},
	{"VpcTraffic", FIELDS(vpc_traffic_fields)},
	{"EniTraffic", FIELDS(eni_traffic_fields)},
	{"GatewayTraffic", FIELDS(gateway_traffic_fields)},
	{"RuleTraffic", FIELDS(rule_traffic_fields)},
	{"Explanation", FIELDS(explanation_fields)},
	{"ExplanationEnd", FIELDS(explanation_end_fields)},
	{"ExplanationStep", FIELDS(explanation_step_fields)},
	{"NearestRule", FIELDS(nearest_fields)},
	{"Flow", FIELDS(flow_fields)},
	{"TrackedFlow", FIELDS(tracked_flow_fields)},
	{"OutsideFlow", FIELDS(outside_flow_fields)},
	{"FlowList", FIELDS(flow_list_fields)},
	{"FlowsCut", FIELDS(flows_cut_fields)},
	{"Reach", FIELDS(reach_fields)},
	{"ReachEnd", FIELDS(reach_end_fields)},
	{"OpenApi", NULL, 0},
	{"Problem", FIELDS(problem_fields)},
};
const size_t schema_n_others = ARRAY_SIZE(schema_others);
