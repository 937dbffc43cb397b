#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2030,SC2031 # each test has an ANSWER of its own
# vpcctl explain (P9 explained): what it says is what then happens on the wire, and the command that it prints opens what was closed.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
}

teardown_file()
{
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
}

# says REASON FROM TO PROTO [PORT] [OPTION]…: explain gives this drop reason, or "allow". Leaves the answer in $ANSWER.
says()
{
	local status=0
	ANSWER=$(ctl -o json explain --from "$2" --to "$3" "${@:4}") || status=$?
	[ "$(jq -r '.reason // "allow"' <<<"$ANSWER")" = "$1" ] || fail "explain ${*:2}: $ANSWER"
	[ "$status" = "$([ "$1" = allow ] && echo 0 || echo 1)" ] || fail "explain ${*:2}: status $status"
}

# opens [first]: runs every command that the last answer printed, or the first one.
opens()
{
	local commands
	mapfile -t commands < <(jq -r --arg n "${1:-all}" 'if $n == "first" then .commands[0] // empty else .commands[] end' <<<"$ANSWER")
	[ "${#commands[@]}" -gt 0 ] || fail "no command: $ANSWER"
	for c in "${commands[@]}"; do
		# shellcheck disable=SC2086 # words
		ctl ${c#vpcctl } >/dev/null || fail "$c"
	done
}

# rule_of STEP DIRECTION: the rule that the last answer names there.
rule_of()
{
	jq -r --arg s "$1" --arg d "$2" '.steps[] | select(.step == $s and .direction == $d) | .rule_id' <<<"$ANSWER"
}

@test "security groups: the rule that allows, the nearest that misses, and the command that opens" {
	local rule
	world "$P"
	sg_new "$P-web" "$P"
	sg_new "$P-db" "$P" tcp 7001 10.50.0.0/16
	workload_add "$P-a" "$P-app" --sg "$P-web"
	workload_add "$P-b" "$P-db" --sg "$P-db"
	serve "$P-b" --tcp 7000 --udp 7000

	says no_ingress_rule "$P-a" "$P-b" tcp 7000
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	[ "$(drops_of "$P-b" no_ingress_rule)" -gt 0 ]
	[ "$(jq -r '.steps[] | select(.nearest) | .nearest.misses | join(",")' <<<"$ANSWER")" = port ]
	opens
	says allow "$P-a" "$P-b" tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	rule=$(rule_of security_groups ingress)
	[ "$(ctl -o json sg show "$P-db" --vpc "$P" | jq -r --arg r "$rule" '.rules[] | select(.id == $r) | .from_port')" = 7000 ]

	# by addresses, IPv6, ICMP and a protocol that no rule names
	says allow "$(ip_of "$P-a")" "$(ip_of "$P-b")" tcp 7000 --vpc "$P"
	says allow "$(ip6_of "$P-a")" "$(ip6_of "$P-b")" tcp 7000 --vpc "$P"
	says no_ingress_rule "$(ip6_of "$P-a")" "$(ip6_of "$P-b")" tcp 7001 --vpc "$P"
	says no_ingress_rule "$P-a" "$P-b" icmp
	opens
	pings "$P-a" "$(ip_of "$P-b")"
	says no_ingress_rule "$P-a" "$P-b" 47
	# the packet as the flow that it would open, as other reports have it
	[ "$(jq -c '.flow | [.icmp_type, .icmp_code, .src_port, .dst_port]' <<<"$(ctl -o json explain --from "$P-a" --to "$P-b" icmp)")" = \
		'[8,0,null,null]' ]
	says allow "$P-a" "$P-b" tcp 7000 --source-port 40000
	[ "$(jq -c '.flow | [.protocol, .protocol_number, .src, .dst, .src_port, .dst_port]' <<<"$ANSWER")" = \
		"[\"tcp\",6,\"$(ip_of "$P-a")\",\"$(ip_of "$P-b")\",40000,7000]" ] || fail "$ANSWER"
	# without a port: what becomes of each
	ANSWER=$(ctl -o json explain --from "$P-a" --to "$P-b" tcp) || true
	[ "$(jq -c '.flow | [.protocol, .src_port, .dst_port]' <<<"$ANSWER")" = '["tcp",null,null]' ] || fail "$ANSWER"
	[ "$(jq -c '[.verdict, (.ports[] | .ports + " " + .verdict)]' <<<"$ANSWER")" = \
		'["partly","0-6999 drop","7000-7001 allow","7002-65535 drop"]' ] || fail "$ANSWER"
	says unknown_destination "$P-a" 10.50.2.99 tcp 7000
	says gateway_closed "$P-a" 10.50.1.1 tcp 7000
	says no_route "$P-a" 192.0.2.1 tcp 7000

	ctl sg revoke "$P-web" egress all --cidr 0.0.0.0/0 --vpc "$P" >/dev/null
	says no_egress_rule "$P-a" "$P-b" tcp 7000
	run -1 ctl explain --from "$P-a" --to "$P-b" tcp 7000
	[[ $output == *"to open it: vpcctl sg authorize"* ]]
	refused InvalidParameterValue explain --from "$P-a" --to "$P-b" nothing
	misused explain --from "$P-a" --to "$P-b"
}

@test "network ACLs: the rule that denies, and an answer that is denied" {
	local direction
	world "$P"
	sg_new "$P-open" "$P" all all 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-open"
	workload_add "$P-b" "$P-db" --sg "$P-open"
	serve "$P-b" --tcp 7000
	ctl acl create "$P-acl" --vpc "$P" >/dev/null
	for direction in ingress egress; do
		ctl acl rule add "$P-acl" $direction 1000 allow all --cidr 0.0.0.0/0 --vpc "$P" >/dev/null
	done
	ctl acl rule add "$P-acl" ingress 100 deny tcp 7000 --cidr 10.50.1.0/24 --vpc "$P" >/dev/null
	ctl acl associate "$P-acl" "$P-db" --vpc "$P" >/dev/null
	says acl_ingress "$P-a" "$P-b" tcp 7000
	[ "$(jq -r '.steps[] | select(.reason == "acl_ingress") | .network_acl_rule' <<<"$ANSWER")" = 100 ]
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	opens
	says allow "$P-a" "$P-b" tcp 7000
	can "$P-a" tcp "$(ip_of "$P-b")" 7000

	# the packet gets there, and its answer doesn't get back
	ctl acl rule add "$P-acl" egress 100 deny tcp 1024-65535 --cidr 10.50.1.0/24 --vpc "$P" >/dev/null
	says acl_egress "$P-a" "$P-b" tcp 7000
	[ "$(jq -r .refused <<<"$ANSWER")" = reply ]
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	opens
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
}

@test "internet gateway: elastic IPs, the real address of who is outside, IPv6" {
	local address
	edge_vpc "$P"
	edge_gate "$P"
	sg_new "$P-sg" "$P" tcp 7000 "$OUTSIDE/32"
	workload_add "$P-a" "$P-app" --sg "$P-sg"
	workload_add "$P-b" "$P-db" --sg "$P-sg"
	serve outside --tcp 7000 --udp 7000
	serve "$P-a" --tcp 7000
	serve "$P-b" --tcp 7000

	says no_public_address "$P-a" "$OUTSIDE" tcp 7000
	unanswered "$P-a" tcp "$OUTSIDE" 7000
	says no_public_address "$OUTSIDE" "$P-a" tcp 7000
	address=$(eip_for "$P-a" "$P-eip")
	says allow "$P-a" "$OUTSIDE" tcp 7000
	can "$P-a" tcp "$OUTSIDE" 7000
	says allow "$OUTSIDE" "$P-a" tcp 7000
	says allow "$OUTSIDE" "$address" tcp 7000
	can outside tcp "$address" 7000
	says no_ingress_rule 198.18.0.7 "$address" tcp 7000
	says no_ingress_rule "$OUTSIDE6" "$(ip6_of "$P-a")" tcp 7000 --vpc "$P"
}

@test "published ports and a NAT gateway, through which nobody outside opens a flow" {
	edge_vpc "$P" --internet
	sg_new "$P-sg" "$P" tcp 7000 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-sg"
	serve outside --tcp 7000
	serve "$P-a" --tcp 7000
	says allow "$P-a" "$OUTSIDE" tcp 7000
	can "$P-a" tcp "$OUTSIDE" 7000
	says not_carried "$P-a" "$OUTSIDE" 47
	says no_inbound "$OUTSIDE" "$HOST" tcp 7777
	ctl publish create "$P-pub" --eni "$P-a" --port 7000 --host-port 7777 --vpc "$P" >/dev/null
	says allow "$OUTSIDE" "$HOST" tcp 7777
	says allow "$OUTSIDE" "$P-a" tcp 7000
	can outside tcp "$HOST" 7777
	ctl sg revoke "$P-sg" ingress tcp 7000 --cidr 0.0.0.0/0 --vpc "$P" >/dev/null
	says no_ingress_rule "$OUTSIDE" "$HOST" tcp 7777
	cannot outside tcp "$HOST" 7777
	says no_inbound "$OUTSIDE6" "$(ip6_of "$P-a")" tcp 7000 --vpc "$P"
}

@test "the host itself, and what leaves and comes back" {
	edge_vpc "$P" --internet
	sg_new "$P-sg" "$P" tcp 7000 0.0.0.0/0
	workload_add "$P-a" "$P-app" --sg "$P-sg"
	workload_add "$P-b" "$P-app"
	serve "$P-a" --tcp 7000
	says host_closed "$HOST" "$P-a" tcp 7000
	says host_closed "$HOST" "$(ip_of "$P-a")" tcp 7000 --vpc "$P"
	says host_closed "$P-b" "$HOST" tcp 7778
	unanswered "$P-b" tcp "$HOST" 7778
	[ "$(drops_of "$P-b" host_closed)" -gt 0 ]
	ctl publish create "$P-pub" --eni "$P-a" --port 7000 --host-port 7778 --vpc "$P" >/dev/null
	says allow "$P-b" "$HOST" tcp 7778
	can "$P-b" tcp "$HOST" 7778
	says allow "$HOST" "$P-a" tcp 7000
	can host tcp "$HOST" 7778
}

@test "addresses of the host, behind which NAT gateways send, and a VPC with host access" {
	local address
	edge_vpc "$P" --internet
	ctl vpc create "$P-q" --cidr 10.77.0.0/16 >/dev/null
	ctl subnet create "$P-q-app" --vpc "$P-q" --cidr 10.77.1.0/24 >/dev/null
	sg_new "$P-open" "$P-q" tcp 7000 0.0.0.0/0
	workload_add "$P-a" "$P-app"
	workload_add "$P-b" "$P-q-app" --sg "$P-open"
	serve "$P-b" --tcp 7000
	ctl igw create "$P-q-gate" --vpc "$P-q" >/dev/null
	ctl route add main 0.0.0.0/0 "$P-q-gate" --vpc "$P-q" >/dev/null
	address=$(eip_for "$P-b" "$P-eip")
	says allow "$P-a" "$address" tcp 7000
	can "$P-a" tcp "$address" 7000
	# the host's routes lead to the private addresses by the uplink, which is no way for others
	ctl vpc set "$P-q" --host-access "$HOST/32" >/dev/null
	says host_closed "$P-a" "$(ip_of "$P-b")" tcp 7000
	unanswered "$P-a" tcp "$(ip_of "$P-b")" 7000
	[ "$(drops_of "$P-a" host_closed)" -gt 0 ]
	# the answer goes to the host
	says host_closed "$P-a" "$address" tcp 7000
	[ "$(jq -r .refused <<<"$ANSWER")" = reply ]
	unanswered "$P-a" tcp "$address" 7000
	# but what the host itself opened is answered
	says allow "$HOST" "$address" tcp 7000
	can host tcp "$address" 7000
}

@test "appliances in a row: who gets what comes by a gateway" {
	local address n
	edge_vpc "$P"
	edge_gate "$P"
	for n in db fw; do
		ctl route-table create "$P-$n" --vpc "$P" >/dev/null
	done
	ctl subnet create "$P-fw" --vpc "$P" --cidr 10.50.3.0/24 >/dev/null
	sg_open "$P-open" "$P"
	workload_add "$P-a" "$P-db" --sg "$P-open"
	workload_add "$P-one" "$P-fw" --sg "$P-open"
	workload_add "$P-two" "$P-app" --sg "$P-open"
	for n in one two; do
		ctl eni set "$P-$n" --source-dest-check off >/dev/null
	done
	ctl route add "$P-db" 0.0.0.0/0 "$P-one" --vpc "$P" >/dev/null
	ctl route add "$P-fw" 0.0.0.0/0 "$P-two" --vpc "$P" >/dev/null
	for n in db fw; do
		ctl route-table associate "$P-$n" "$P-$n" --vpc "$P" >/dev/null
	done
	address=$(eip_for "$P-a" "$P-eip")
	says allow "$OUTSIDE" "$address" tcp 7000
	[ "$(jq -r '[.steps[] | select(.step == "security_groups") | .eni_id] | unique[]' <<<"$ANSWER")" = "$(eni_field "$P-two" id)" ] ||
		fail "$ANSWER"
}

@test "peerings: routes of both VPCs, and groups of the other as peers" {
	local v n=1
	for v in "$P-x" "$P-y"; do
		ctl vpc create "$v" --cidr "10.6$n.0.0/16" >/dev/null
		ctl subnet create "$v-app" --vpc "$v" --cidr "10.6$n.1.0/24" >/dev/null
		ctl sg create "$v-sg" --vpc "$v" >/dev/null
		workload_add "${v}1" "$v-app" --sg "$v-sg"
		n=$((n + 1))
	done
	serve "$P-y1" --tcp 7000
	# the commands: a peering, its acceptance, the route there, the route back
	for n in 1 2 3 4; do
		says no_route "$P-x1" "$P-y1" tcp 7000
		opens first
	done
	says no_ingress_rule "$P-x1" "$P-y1" tcp 7000
	cannot "$P-x1" tcp "$(ip_of "$P-y1")" 7000
	opens
	says allow "$P-x1" "$P-y1" tcp 7000
	can "$P-x1" tcp "$(ip_of "$P-y1")" 7000
	[ "$(jq -r '[.steps[] | select(.rule_id)] | length' <<<"$ANSWER")" = 2 ]
}

# goes_elsewhere FROM TO: nothing refuses it, and nothing of it gets there.
goes_elsewhere()
{
	local status=0
	ANSWER=$(ctl -o json explain --from "$1" --to "$2" tcp 7000) || status=$?
	[ "$status" = 1 ] || fail "status $status: $ANSWER"
	[ "$(jq -r .verdict <<<"$ANSWER")" = elsewhere ] || fail "$ANSWER"
	unanswered "$1" tcp "$(ip_of "$2")" 7000
}

@test "what is meant for an ENI of another VPC and leaves by a gateway doesn't get there, and the way there is told" {
	local v n=3
	for v in "$P-x" "$P-y"; do
		ctl vpc create "$v" --cidr "10.6$n.0.0/16" --internet >/dev/null
		ctl subnet create "$v-app" --vpc "$v" --cidr "10.6$n.1.0/24" >/dev/null
		ctl subnet create "$v-db" --vpc "$v" --cidr "10.6$n.2.0/24" >/dev/null
		sg_open "$v-sg" "$v"
		workload_add "${v}1" "$v-app" --sg "$v-sg"
		n=$((n + 1))
	done
	workload_add "$P-x2" "$P-x-db" --sg "$P-x-sg"
	serve "$P-y1" --tcp 7000
	ctl igw create "$P-gate" --vpc "$P-x" >/dev/null
	ctl route-table create "$P-public" --vpc "$P-x" >/dev/null
	ctl route add "$P-public" 0.0.0.0/0 "$P-gate" --vpc "$P-x" >/dev/null
	ctl route-table associate "$P-public" "$P-x-app" --vpc "$P-x" >/dev/null
	# by a NAT gateway, and by the internet gateway, which lets out only who has an elastic IP
	goes_elsewhere "$P-x2" "$P-y1"
	says no_public_address "$P-x1" "$P-y1" tcp 7000
	opens
	eip_for "$P-x1" "$P-eip" >/dev/null
	goes_elsewhere "$P-x1" "$P-y1"
	# as an address it is one of the world
	says allow "$P-x1" "$(ip_of "$P-y1")" tcp 7000
	goes_elsewhere "$P-x1" "$P-y1"
	opens
	goes_elsewhere "$P-x1" "$P-y1"
	opens
	says no_route "$P-x1" "$P-y1" tcp 7000
	opens
	says allow "$P-x1" "$P-y1" tcp 7000
	can "$P-x1" tcp "$(ip_of "$P-y1")" 7000
}

@test "what never leaves a VPC is told by the address that it is about" {
	world "$P"
	workload_add "$P-a" "$P-app"
	says special_address "$P-a" 169.254.169.254 tcp 80
	[[ $(jq -r '.steps[0].text' <<<"$ANSWER") == 169.254.169.254:* ]] || fail "$ANSWER"
	says multicast "$P-a" 224.0.0.1 udp 80
	[[ $(jq -r '.steps[0].text' <<<"$ANSWER") == 224.0.0.1:* ]] || fail "$ANSWER"
	says wrong_destination "$P-a" "$P-a" tcp 80
	[[ $(jq -r '.steps[1].text' <<<"$ANSWER") == *"$P-a's own: the workload delivers that itself"* ]] || fail "$ANSWER"
}

@test "a set of changes: what it would newly allow and deny, and which flows it would cut; nothing changes" {
	local change answer revision
	world "$P"
	sg_new "$P-web" "$P"
	sg_new "$P-db" "$P"
	workload_add "$P-a" "$P-app" --sg "$P-web"
	workload_add "$P-b" "$P-db" --sg "$P-db"
	serve "$P-b" --tcp 7000
	change='{"changes": [{"op": "sg.authorize", "vpc": "'$P'", "security_group_id": "'$P-db'", "rules": [{"direction": "ingress", "protocol": "tcp", "from_port": 7000, "to_port": 7000, "sg_id": "'$P-web'"}]}]}'
	revision=$(ctl -o json status | jq .revision)
	answer=$(ctl -o json explain --change - <<<"$change")
	[ "$(jq -c '[.allowed[] | [.from.eni_names[0], .to.eni_names[0], .ip_version, .ports[0]]]' <<<"$answer")" = \
		"[[\"$P-a\",\"$P-b\",4,\"tcp 7000\"],[\"$P-a\",\"$P-b\",6,\"tcp 7000\"]]" ] || fail "$answer"
	[ "$(jq .denied_total <<<"$answer")" = 0 ]
	[ "$(ctl -o json status | jq .revision)" = "$revision" ]
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000

	ctl sg authorize "$P-db" ingress tcp 7000 --sg "$P-web" --vpc "$P" >/dev/null
	stream "$P-a" one tcp-recv "$(ip_of "$P-b")" 7000
	answer=$(ctl -o json explain --change - <<<"${change/authorize/revoke}")
	[ "$(jq -c '[.denied[] | .ports[0]] | unique' <<<"$answer")" = '["tcp 7000"]' ] || fail "$answer"
	[ "$(jq '.cut_flows_total' <<<"$answer")" = 1 ] || fail "$answer"
	run -0 ctl explain --change - <<<"${change/authorize/revoke}"
	[[ $output == *"newly denied: 2"* ]]
	refused MissingParameter explain --change - <<<'{}'
}

@test "a set of changes is YAML too, or a document as of apply, for the state as it is" {
	local answer sent before
	cd "$BATS_TEST_TMPDIR" || return
	world "$P"
	sg_new "$P-web" "$P"
	sg_new "$P-db" "$P"
	workload_add "$P-a" "$P-app" --sg "$P-web"
	workload_add "$P-b" "$P-db" --sg "$P-db"
	serve "$P-b" --tcp 7000
	allows_7000() { [ "$(jq -c '[.allowed[] | .ports[0]] | unique' <<<"$1")" = '["tcp 7000"]' ] || fail "$1"; }
	printf '%s\n' '- op: sg.authorize' "  vpc: $P" "  security_group_id: $P-db" '  rules:' \
		"  - {direction: ingress, protocol: tcp, from_port: 7000, to_port: 7000, sg_id: $P-web}" >list.yaml
	allows_7000 "$(ctl -o json explain --change list.yaml)"
	allows_7000 "$({ echo changes: && cat list.yaml; } | ctl -o json explain --change -)"
	misused explain --change list.yaml --prune

	before=$(ctl export --vpc "$P")
	printf '%s\n' 'security_groups:' "- name: $P-db" "  vpc: $P" '  rules:' \
		"  - {direction: ingress, protocol: tcp, from_port: 7000, to_port: 7000, sg: $P-web}" >document.yaml
	answer=$(ctl -o json explain --change document.yaml)
	allows_7000 "$answer"
	[ "$(ctl export --vpc "$P")" = "$before" ]
	cannot "$P-a" tcp "$(ip_of "$P-b")" 7000
	sent=$(jq .revision <<<"$answer")
	ctl apply -f document.yaml >/dev/null
	[ "$(ctl -o json status | jq .revision)" -gt "$sent" ]
	can "$P-a" tcp "$(ip_of "$P-b")" 7000
	# nothing to do; and what is to go
	ctl export --vpc "$P" >all.yaml
	[ "$(ctl -o json explain --change all.yaml | jq -c '[.allowed_total, .denied_total, .cut_flows_total, .complete]')" = '[0,0,0,true]' ]
	sed "/^  *sg: $P-web/d; s/from_port: 7000/cidr: 192.0.2.0\/24\n    from_port: 7000/" all.yaml | ctl explain --change - | grep 'newly denied: 2'
	ctl sg create "$P-spare" --vpc "$P" >/dev/null
	ctl sg authorize "$P-db" ingress tcp 7001 --sg "$P-spare" --vpc "$P" >/dev/null
	ctl explain --change all.yaml --prune >/dev/null

	printf '%s\n' 'security_groups:' "- {name: $P-db, vpc: $P, rulez: []}" >wrong.yaml
	run -1 --separate-stderr ctl explain --change wrong.yaml
	# shellcheck disable=SC2154 # set by run
	[[ $stderr == *"wrong.yaml:2: security group '$P-db' has no 'rulez'; did you mean 'rules'?"* ]] || fail "$stderr"
	printf '%s\n' 'subnets:' "- {name: out, vpc: $P, cidr: 192.0.2.0/24}" >wrong.yaml
	run -1 --separate-stderr ctl explain --change wrong.yaml
	[[ $stderr == "vpcctl: InvalidSubnet.Range: wrong.yaml:2: subnet 'out' (VPC $P): "* ]] || fail "$stderr"
	# for a state that has moved nothing is said
	answer=$(curl -s --unix-socket "$VPCD_SOCKET" -d '{"if_revision": 1, "changes": [{"op": "vpc.create", "name": "z", "cidr": "10.0.0.0/16"}]}' http://vpcd/v1/explain)
	[ "$(jq -r .code <<<"$answer")" = RevisionMismatch ] || fail "$answer"
}
