/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/v1/route.h"

#include "api/v1/flows.h"
#include "api/v1/handlers.h"

static const struct argument arguments[] = {
	[QUERY_VPC] = {"vpc", "VPC, id or name: filters a list, and is where names are looked up", false},
	[QUERY_SUBNET] = {"subnet", "subnet, id or name: filters a list", false},
	[QUERY_DROPS] = {"drops", "1 or true: drops alone", true},
	[QUERY_VERSION] = {"version", "version of a prefix list; the newest when not given", false},
	[QUERY_SINCE] = {"since", "revision: what came after it; the newest when not given", false},
	[QUERY_AT] = {"at", "revision: the resource as it was then", false},
	[QUERY_RESOURCE] = {"resource", "resource, id or name, also one that is gone: what concerns it alone", false},
	[QUERY_DRY_RUN] = {"dry_run", "1 or true: check and reply, without changing anything", true},
	[QUERY_BEFORE] = {"before", "revision: what came before it", false},
	[QUERY_ENI] = {"eni", "network interface, id or name: what concerns it alone", false},
	[QUERY_PEER] = {"peer", "address or CIDR of the other end", false},
	[QUERY_PROTOCOL] = {"protocol", "tcp, udp, icmp, icmpv6, or a number", false},
	[QUERY_PORT] = {"port", "port of tcp or udp, of either end", false},
	[QUERY_STATE] = {"state", "states with commas between, or all; without it those of flows that aren't cut",
			 false},
	[QUERY_LIMIT] = {"limit", "most objects or commits that are listed", false},
	[QUERY_FROM] = {"from", "seconds since 1970: from the hour in which that is on; the start when not given",
			false},
	[QUERY_TO] = {"to", "seconds since 1970: to the hour in which that is; now when not given", false},
	[QUERY_BY] = {"by", "hour, day or month (UTC); day when not given", false},
	[QUERY_USED_SINCE] = {"used_since",
			      "seconds since 1970: what was used since then; since vpcd watches when not given", false},
};
_Static_assert(QUERY_ARGUMENTS <= ROUTE_ARGUMENTS_MAX, "a request has a place for each argument");

/* A backup of a host that is full to its limits may be larger than any other request. */
#define RESTORE_MAX_BYTES (512u << 20)

#define JSON	"application/json"
#define Q(name) ROUTE_ARGUMENT(QUERY_##name)

#define READ(address, function, object, takes, type, schema, description)                                \
	{                                                                                                \
		.route = {.method = "GET",                                                               \
			  .pattern = address,                                                            \
			  .handle = function,                                                            \
			  .content_type = type,                                                          \
			  .arguments = takes},                                                           \
		.kind = object, .op = CHANGE_OPS, .status = 200, .response = schema, .text = description \
	}
#define WRITE(verb, address, function, change, field, content, code, takes, schema, description)                      \
	{                                                                                                             \
		.route = {.method = verb,                                                                             \
			  .pattern = address,                                                                         \
			  .handle = function,                                                                         \
			  .content_type = JSON,                                                                       \
			  .arguments = takes,                                                                         \
			  .takes_body = true,                                                                         \
			  .many = (content) == BODY_TRANSACTION || (content) == BODY_QUESTION},                       \
		.op = change, .path = field, .body = content, .status = code, .response = schema, .text = description \
	}
/* A request with a body that changes no object. */
#define ASK(address, function, content, takes, schema, description)                                             \
	{                                                                                                       \
		.route = {.method = "POST",                                                                     \
			  .pattern = address,                                                                   \
			  .handle = function,                                                                   \
			  .content_type = JSON,                                                                 \
			  .arguments = takes,                                                                   \
			  .takes_body = true},                                                                  \
		.op = CHANGE_OPS, .path = FIELD_COUNT, .body = BODY_MEMBERS, .members = content, .status = 200, \
		.response = schema, .text = description                                                         \
	}

/* The arguments of lists, and of changes to one object, by SCOPE of kinds.def. */
#define FILTERS_HOST   0
#define FILTERS_VPC    Q(VPC)
#define FILTERS_SUBNET (Q(VPC) | Q(SUBNET))
#define NAMED_HOST     0
#define NAMED_VPC      Q(VPC)
#define NAMED_SUBNET   Q(VPC)

const struct operation operations[] = {
/* The five routes that each resource has. */
#define RESOURCE(SYMBOL, symbol, noun, prefix, code, a, title, list, schema, limit, scope, field, path)            \
	READ("/v1/" path, handle_list, OBJECT_##SYMBOL, FILTERS_##scope, JSON, schema "List", "lists " title "s"), \
		WRITE("POST", "/v1/" path, handle_change, CHANGE_##SYMBOL##_CREATE, FIELD_COUNT, BODY_CHANGE, 201, \
		      NAMED_##scope, schema "Changed", "creates " a " " title),                                    \
		READ("/v1/" path "/{id}", handle_show, OBJECT_##SYMBOL, NAMED_##scope | Q(AT), JSON, schema,       \
		     "shows " a " " title),                                                                        \
		WRITE("PATCH", "/v1/" path "/{id}", handle_change, CHANGE_##SYMBOL##_UPDATE, FIELD_##SYMBOL##_ID,  \
		      BODY_CHANGE, 200, NAMED_##scope, schema "Changed", "changes " a " " title),                  \
		WRITE("DELETE", "/v1/" path "/{id}", handle_change, CHANGE_##SYMBOL##_DELETE, FIELD_##SYMBOL##_ID, \
		      BODY_OPTIONAL, 200, NAMED_##scope, "Deleted", "deletes " a " " title),
#include <vpc/kinds.def>
	WRITE("PUT", "/v1/vpcs/{id}/dhcp-options", handle_change, CHANGE_VPC_SET_DHCP_OPTIONS, FIELD_VPC_ID,
	      BODY_CHANGE, 200, 0, "VpcChanged", "replaces what workloads are told by DHCP"),
	WRITE("POST", "/v1/vpcs/{id}/cidrs", handle_change, CHANGE_VPC_ADD_CIDR, FIELD_VPC_ID, BODY_CHANGE, 201, 0,
	      "VpcChanged", "gives a VPC a further CIDR"),
	WRITE("DELETE", "/v1/vpcs/{id}/cidrs", handle_change, CHANGE_VPC_REMOVE_CIDR, FIELD_VPC_ID, BODY_CHANGE, 200, 0,
	      "VpcChanged", "takes a CIDR from a VPC"),
	READ("/v1/prefix-lists/{id}/entries", handle_prefix_entries, OBJECT_PREFIX_LIST, Q(VERSION), JSON,
	     "PrefixListEntries", "shows the entries of a version of a prefix list"),
	WRITE("POST", "/v1/prefix-lists/{id}/entries", handle_change, CHANGE_PREFIX_LIST_ADD, FIELD_PREFIX_LIST_ID,
	      BODY_CHANGE, 201, 0, "PrefixListChanged", "adds entries to a prefix list"),
	WRITE("DELETE", "/v1/prefix-lists/{id}/entries", handle_change, CHANGE_PREFIX_LIST_REMOVE, FIELD_PREFIX_LIST_ID,
	      BODY_CHANGE, 200, 0, "PrefixListChanged", "takes entries from a prefix list"),
	WRITE("PUT", "/v1/prefix-lists/{id}/version", handle_change, CHANGE_PREFIX_LIST_RESTORE, FIELD_PREFIX_LIST_ID,
	      BODY_CHANGE, 200, 0, "PrefixListChanged", "gives a prefix list the entries of an earlier version"),
	WRITE("POST", "/v1/route-tables/{id}/routes", handle_change, CHANGE_ROUTE_ADD, FIELD_ROUTE_TABLE_ID,
	      BODY_CHANGE, 201, Q(VPC), "RouteTableChanged", "adds a route to a route table"),
	WRITE("PUT", "/v1/route-tables/{id}/routes", handle_change, CHANGE_ROUTE_REPLACE, FIELD_ROUTE_TABLE_ID,
	      BODY_CHANGE, 200, Q(VPC), "RouteTableChanged", "gives a route of a route table another target"),
	WRITE("DELETE", "/v1/route-tables/{id}/routes", handle_change, CHANGE_ROUTE_DELETE, FIELD_ROUTE_TABLE_ID,
	      BODY_CHANGE, 200, Q(VPC), "RouteTableChanged", "takes a route from a route table"),
	WRITE("POST", "/v1/route-tables/{id}/subnets", handle_change, CHANGE_ROUTE_TABLE_ASSOCIATE,
	      FIELD_ROUTE_TABLE_ID, BODY_CHANGE, 200, Q(VPC), "RouteTableChanged",
	      "associates subnets with a route table"),
	WRITE("DELETE", "/v1/route-tables/{id}/subnets", handle_change, CHANGE_ROUTE_TABLE_DISASSOCIATE,
	      FIELD_ROUTE_TABLE_ID, BODY_CHANGE, 200, Q(VPC), "RouteTableChanged",
	      "gives subnets back to the VPC's main route table"),
	WRITE("POST", "/v1/network-acls/{id}/rules", handle_change, CHANGE_ACL_RULE_ADD, FIELD_ACL_ID, BODY_CHANGE, 201,
	      Q(VPC), "NetworkAclChanged", "adds a rule to a network ACL"),
	WRITE("PUT", "/v1/network-acls/{id}/rules", handle_change, CHANGE_ACL_RULE_REPLACE, FIELD_ACL_ID, BODY_CHANGE,
	      200, Q(VPC), "NetworkAclChanged", "replaces a rule of a network ACL"),
	WRITE("DELETE", "/v1/network-acls/{id}/rules", handle_change, CHANGE_ACL_RULE_DELETE, FIELD_ACL_ID, BODY_CHANGE,
	      200, Q(VPC), "NetworkAclChanged", "takes a rule from a network ACL"),
	WRITE("POST", "/v1/network-acls/{id}/subnets", handle_change, CHANGE_ACL_ASSOCIATE, FIELD_ACL_ID, BODY_CHANGE,
	      200, Q(VPC), "NetworkAclChanged", "lets subnets use a network ACL"),
	WRITE("PUT", "/v1/internet-gateways/{id}/attachment", handle_change, CHANGE_IGW_ATTACH, FIELD_IGW_ID,
	      BODY_CHANGE, 200, 0, "InternetGatewayChanged", "attaches an internet gateway to a VPC"),
	WRITE("DELETE", "/v1/internet-gateways/{id}/attachment", handle_change, CHANGE_IGW_DETACH, FIELD_IGW_ID,
	      BODY_OPTIONAL, 200, 0, "InternetGatewayChanged", "detaches an internet gateway"),
	WRITE("PUT", "/v1/elastic-ips/{id}/association", handle_change, CHANGE_EIP_ASSOCIATE, FIELD_EIP_ID, BODY_CHANGE,
	      200, Q(VPC), "ElasticIpChanged", "associates an elastic IP with a network interface or NAT gateway"),
	WRITE("DELETE", "/v1/elastic-ips/{id}/association", handle_change, CHANGE_EIP_DISASSOCIATE, FIELD_EIP_ID,
	      BODY_OPTIONAL, 200, 0, "ElasticIpChanged", "takes an elastic IP from what it is associated with"),
	WRITE("PUT", "/v1/peerings/{id}/acceptance", handle_change, CHANGE_PEERING_ACCEPT, FIELD_PEERING_ID,
	      BODY_OPTIONAL, 200, 0, "PeeringChanged", "accepts a peering that was asked for"),
	WRITE("DELETE", "/v1/peerings/{id}/acceptance", handle_change, CHANGE_PEERING_REJECT, FIELD_PEERING_ID,
	      BODY_OPTIONAL, 200, 0, "PeeringChanged", "rejects a peering that was asked for"),
	WRITE("POST", "/v1/security-groups/{id}/rules", handle_change, CHANGE_SG_AUTHORIZE, FIELD_SG_ID, BODY_CHANGE,
	      201, Q(VPC), "RulesChanged", "adds rules to a security group"),
	WRITE("DELETE", "/v1/security-groups/{id}/rules", handle_change, CHANGE_SG_REVOKE, FIELD_SG_ID, BODY_CHANGE,
	      200, Q(VPC), "RulesChanged", "takes rules from a security group"),
	READ("/v1/security-groups/{id}/advice", handle_advice, OBJECT_SG, Q(VPC) | Q(USED_SINCE), JSON, "Advice",
	     "which rules of a group were not used, and which are wider than what they allowed"),
	WRITE("PUT", "/v1/enis/{id}/attachment", handle_change, CHANGE_ENI_ATTACH, FIELD_ENI_ID, BODY_ATTACHMENT, 200,
	      Q(VPC), "EniChanged", "attaches a network interface to a namespace or a tap"),
	WRITE("DELETE", "/v1/enis/{id}/attachment", handle_change, CHANGE_ENI_DETACH, FIELD_ENI_ID, BODY_OPTIONAL, 200,
	      Q(VPC), "EniChanged", "detaches a network interface"),
	WRITE("POST", "/v1/enis/{id}/secondary-ips", handle_change, CHANGE_ENI_ASSIGN_IP, FIELD_ENI_ID, BODY_CHANGE,
	      201, Q(VPC), "EniChanged", "gives a network interface further addresses"),
	WRITE("DELETE", "/v1/enis/{id}/secondary-ips", handle_change, CHANGE_ENI_UNASSIGN_IP, FIELD_ENI_ID, BODY_CHANGE,
	      200, Q(VPC), "EniChanged", "takes further addresses from a network interface"),
	WRITE("PUT", "/v1/enis/{id}/security-groups", handle_change, CHANGE_ENI_SET, FIELD_ENI_ID, BODY_CHANGE, 200,
	      Q(VPC), "EniChanged", "replaces a network interface's security groups"),
	WRITE("POST", "/v1/transactions", handle_change, CHANGE_OPS, FIELD_COUNT, BODY_TRANSACTION, 200, Q(VPC),
	      "TransactionDone", "makes any changes, all or nothing"),
	WRITE("POST", "/v1/confirm", handle_confirm, CHANGE_OPS, FIELD_COUNT, BODY_NONE, 200, 0, "TransactionDone",
	      "keeps the change that waits for its confirmation"),
	READ("/v1/flow-logs/{id}/records", handle_flow_log_records, OBJECT_FLOW_LOG, Q(VPC), "text/plain", NULL,
	     "records of a flow log as they are made: a stream of lines"),
	READ("/v1/status", handle_status, OBJECT_KINDS, 0, JSON, "Status", "what runs, and how it is"),
	READ("/v1/verify", handle_verify, OBJECT_KINDS, 0, JSON, "Verification",
	     "reads the kernel back and compares it with the model"),
	READ("/v1/traffic", handle_traffic, OBJECT_KINDS, 0, JSON, "Traffic",
	     "what VPCs, and the network interfaces and rules with the most traffic, have counted"),
	WRITE("POST", "/v1/explain", handle_explain, CHANGE_OPS, FIELD_COUNT, BODY_QUESTION, 200, 0, "Explanation",
	      "what becomes of the first packet of a flow, and why; or whom changes would let talk with whom. Changes "
	      "nothing"),
	READ("/v1/verdicts", handle_verdicts, OBJECT_KINDS, Q(DROPS) | Q(ENI) | Q(VPC), "application/x-ndjson",
	     "Verdict", "verdicts as they happen: a stream of JSON lines"),
	READ("/v1/flows", handle_flows, OBJECT_KINDS,
	     Q(ENI) | Q(VPC) | Q(PEER) | Q(PROTOCOL) | Q(PORT) | Q(STATE) | Q(LIMIT), JSON, "FlowList",
	     "lists flows, each on a line"),
	ASK("/v1/flows/cut", handle_flows_cut, &flows_cut_body, Q(VPC), "FlowsCut",
	    "ends flows of a network interface, although rules allow them"),
	READ("/v1/events", handle_events, OBJECT_KINDS, Q(SINCE), "application/x-ndjson", "Event",
	     "commits and what they changed: a stream of JSON lines"),
	READ("/v1/log", handle_log, OBJECT_KINDS, Q(RESOURCE) | Q(BEFORE) | Q(LIMIT), JSON, "Log",
	     "who changed what, newest first"),
	READ("/v1/usage", handle_usage, OBJECT_KINDS, Q(VPC) | Q(FROM) | Q(TO) | Q(BY), JSON, "Usage",
	     "what VPCs received and sent in each hour, day or month, oldest first"),
	READ("/v1/resources/{id}", handle_resource_at, OBJECT_KINDS, Q(AT) | Q(VPC), JSON, "Resource",
	     "shows a resource of any kind as it was at a revision"),
	READ("/v1/backup", handle_backup, OBJECT_KINDS, 0, JSON, "Backup", "the whole state as one document"),
	{.route = {.method = "POST",
		   .pattern = "/v1/restore",
		   .handle = handle_restore,
		   .content_type = JSON,
		   .arguments = Q(DRY_RUN),
		   .takes_body = true,
		   .body_max = RESTORE_MAX_BYTES},
	 .op = CHANGE_OPS,
	 .path = FIELD_COUNT,
	 .body = BODY_BACKUP,
	 .status = 200,
	 .response = "TransactionDone",
	 .text = "makes the state that of a backup, all or nothing"},
	READ("/v1/openapi.json", handle_openapi, OBJECT_KINDS, 0, JSON, "OpenApi", "this description"),
	READ("/metrics", handle_metrics, OBJECT_KINDS, 0, "text/plain; version=0.0.4", NULL, "counts for Prometheus"),
};
const size_t n_operations = ARRAY_SIZE(operations);

static const struct route *nth_route(size_t i)
{
	return i < n_operations ? &operations[i].route : NULL;
}

const struct router v1_router = {.route = nth_route, .arguments = arguments, .n_arguments = ARRAY_SIZE(arguments)};
