/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "observe/flow_filter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include <vpc/clock.h>

static const char *const state_names[VPC_FLOW_STATES] = {
	[VPC_FLOW_NONE] = "none",
	[VPC_FLOW_SYN_SENT] = "syn_sent",
	[VPC_FLOW_SYN_RECEIVED] = "syn_received",
	[VPC_FLOW_ESTABLISHED] = "established",
	[VPC_FLOW_CLOSING] = "closing",
	[VPC_FLOW_RESET] = "reset",
	[VPC_FLOW_ONE_WAY] = "one_way",
	[VPC_FLOW_REPLIED] = "replied",
	[VPC_FLOW_STREAM] = "stream",
	[VPC_FLOW_OTHER] = "other",
	[VPC_FLOW_TOMBSTONE] = "cut",
};

const char *flow_state_name(unsigned state)
{
	return state_names[state < VPC_FLOW_STATES ? state : VPC_FLOW_NONE];
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static bool is_end(const struct cidr *peer, const struct vpc_flow_key *key, unsigned end)
{
	static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};
	struct ip ip;

	memcpy(ip.bytes, key->addr[end], sizeof(ip.bytes));
	ip.family = memcmp(ip.bytes, v4_prefix, sizeof(v4_prefix)) == 0 ? 4 : 6;
	return cidr_contains_ip(peer, &ip);
}

static bool is_side(const struct flow_filter *f, const struct vpc_flow *flow, unsigned side)
{
	return flow->eni[side] == f->eni && flow->incarnation[side] == f->incarnation;
}

static bool peer_matches(const struct flow_filter *f, const struct vpc_flow_key *key, const struct vpc_flow *flow)
{
	unsigned opener = flow->opener & 1;
	bool opens = f->eni && is_side(f, flow, 0), answers = f->eni && is_side(f, flow, 1);

	if (!f->peer.addr.family)
		return true;
	/* What an appliance forwards has other ENIs' addresses. */
	if (key->via || opens == answers)
		return is_end(&f->peer, key, 0) || is_end(&f->peer, key, 1);
	return is_end(&f->peer, key, opens ? !opener : opener);
}

static bool port_matches(const struct flow_filter *f, const struct vpc_flow_key *key)
{
	if (f->port < 0)
		return true;
	return (key->proto == IPPROTO_TCP || key->proto == IPPROTO_UDP) &&
	       (ntohs(key->port[0]) == f->port || ntohs(key->port[1]) == f->port);
}

bool flow_filter_matches(const struct flow_filter *f, const struct vpc_flow_key *key, const struct vpc_flow *flow,
			 uint64_t now_ns)
{
	if (flow->state >= VPC_FLOW_STATES || !(f->states >> flow->state & 1))
		return false;
	if (f->eni && !is_side(f, flow, 0) && !is_side(f, flow, 1))
		return false;
	if (f->vpc && key->vpc != f->vpc)
		return false;
	if (f->protocol >= 0 && key->proto != f->protocol)
		return false;
	return port_matches(f, key) && peer_matches(f, key, flow) &&
	       flow->last_seen_ns + flow->timeout_s * NS_PER_S >= now_ns;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* -1: no number, or more than `most`. */
static int number_of(const char *text, int most)
{
	size_t digits = strspn(text, "0123456789");
	long n;

	if (!digits || digits > 5 || text[digits])
		return -1;
	n = strtol(text, NULL, 10);
	return n <= most ? (int)n : -1;
}

int flow_filter_set_peer(struct flow_filter *f, const char *text, struct vpc_error *reterr)
{
	struct cidr peer = {0};

	if (ip_parse(text, &peer.addr) == 0)
		peer.plen = peer.addr.family == 4 ? 32 : 128;
	else if (cidr_parse(text, &peer) < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "peer",
				     "peer \"%s\" is not an address or CIDR; give one as 10.0.1.4 or 10.0.1.0/24",
				     text);
	f->peer = peer;
	return 0;
}

int flow_filter_set_protocol(struct flow_filter *f, const char *text, struct vpc_error *reterr)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6}};
	int number = number_of(text, UINT8_MAX);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(names[i].name, text) == 0)
			number = names[i].number;
	if (number < 0 && strcasecmp(text, "all") != 0 && strcmp(text, "-1") != 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "protocol",
				     "protocol \"%s\" is not tcp, udp, icmp, icmpv6, a number from 0 to 255, or all",
				     text);
	f->protocol = number;
	return 0;
}

int flow_filter_set_port(struct flow_filter *f, const char *text, struct vpc_error *reterr)
{
	int number = number_of(text, UINT16_MAX);

	if (number < 0)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "port",
				     "port \"%s\" is not a number from 0 to 65535", text);
	f->port = number;
	return 0;
}

static int state_of(const char *text, size_t length)
{
	for (int i = VPC_FLOW_NONE + 1; i < VPC_FLOW_STATES; i++)
		if (strlen(state_names[i]) == length && strncasecmp(state_names[i], text, length) == 0)
			return i;
	return -1;
}

int flow_filter_set_states(struct flow_filter *f, const char *text, struct vpc_error *reterr)
{
	uint32_t states = 0;

	for (const char *at = text; *at;) {
		size_t length = strcspn(at, ",");
		int state = state_of(at, length);

		if (state < 0 && !(length == 3 && strncasecmp(at, "all", 3) == 0))
			return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "state",
					     "\"%.*s\" is not a state; states are syn_sent, syn_received, established, "
					     "closing, reset, one_way, replied, stream, other, cut, and all",
					     (int)(length < 32 ? length : 32), at);
		states |= state < 0 ? (1u << VPC_FLOW_STATES) - 1 : 1u << state;
		at += length;
		at += *at == ',';
	}
	if (!states)
		return vpc_error_set(reterr, VPC_E_INVALID_PARAMETER_VALUE, "state",
				     "state is empty; name one, or leave it out");
	f->states = states;
	return 0;
}
