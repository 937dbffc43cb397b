#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every error code of routes, gateways, elastic IPs, published ports and peerings, by vpcctl; a refused request changes nothing. In a
# host of its own, since gateways have devices there.

bats_require_minimum_version 1.5.0
load lib
load lib_edge

setup_file()
{
	edge_start
	ctl vpc create prod --cidr 10.50.0.0/16 >/dev/null
	ctl subnet create prod-app --vpc prod --cidr 10.50.1.0/24 >/dev/null
}

# What was refused left no trace.
unchanged()
{
	local after
	after=$(ctl -o json status | jq -c '[.revision, .epoch]')
	[ "$after" = "$BEFORE" ] || fail "revision and epoch went from $BEFORE to $after"
}

# A VPC of the test's with a network interface, and a gateway of each kind.
edge_world()
{
	ctl vpc create "$P" --cidr 10.60.0.0/16 --cidr6 fd60::/56 >/dev/null
	ctl subnet create "$P-s" --vpc "$P" --cidr 10.60.1.0/24 >/dev/null
	ctl subnet create "$P-r" --vpc "$P" --cidr 10.60.2.0/24 >/dev/null
	ctl eni create "$P-e" --subnet "$P-s" >/dev/null
	ctl igw create "$P-g" --vpc "$P" >/dev/null
	ctl nat create "$P-n" --vpc "$P" >/dev/null
	ctl eigw create "$P-o" --vpc "$P" >/dev/null
	ctl route-table create "$P-t" --vpc "$P" >/dev/null
	ctl route-table associate "$P-t" "$P-s" --vpc "$P" >/dev/null
	ctl route add "$P-t" 0.0.0.0/0 "$P-n" --vpc "$P" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
}

@test "InvalidRouteTableID.NotFound, CannotDelete: route tables" {
	edge_world
	set -- --vpc "$P"
	refused InvalidParameterValue route-table create "$P-t" "$@"
	refused InvalidParameterValue route-table create rtb-mine "$@"
	refused InvalidVpcID.NotFound route-table create "$P-z" --vpc no-such-vpc
	refused InvalidRouteTableID.NotFound route-table show no-such-table "$@"
	refused InvalidRouteTableID.NotFound route-table delete rtb-00000000000000000
	refused InvalidRouteTableID.NotFound route-table associate no-such-table "$P-s" "$@"
	refused InvalidSubnetID.NotFound route-table associate "$P-t" prod-app "$@"
	refused InvalidSubnetID.NotFound route-table associate "$P-t" no-such-subnet "$@"
	refused InvalidParameterValue route-table disassociate "$P-t" "$P-r" "$@"
	refused CannotDelete route-table delete main "$@"
	refused DependencyViolation route-table delete "$P-t" "$@"
	unchanged
}

@test "RouteAlreadyExists, InvalidRoute.NotFound, Invalid…ID.NotFound: routes" {
	edge_world
	ctl igw create "$P-loose" >/dev/null
	ctl eni create "$P-far" --subnet prod-app >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	set -- --vpc "$P"
	refused RouteAlreadyExists route add "$P-t" 0.0.0.0/0 "$P-n" "$@"
	refused RouteAlreadyExists route add "$P-t" 0.0.0.0/0 blackhole "$@"
	refused InvalidRoute.NotFound route delete "$P-t" 198.51.100.0/24 "$@"
	refused InvalidRoute.NotFound route replace "$P-t" 198.51.100.0/24 "$P-n" "$@"
	refused InvalidRouteTableID.NotFound route add no-such-table 198.51.100.0/24 "$P-n" "$@"
	refused InvalidCidr.HostBits route add "$P-t" 198.51.100.1/24 "$P-n" "$@"
	local destination
	for destination in nonsense 10.60.0.0/16 10.60.1.0/24 127.0.0.0/8 169.254.0.0/16 224.0.0.0/4 fe80::/10; do
		refused InvalidParameterValue route add "$P-t" "$destination" blackhole "$@"
	done
	refused InvalidParameterValue route delete "$P-t" 10.60.0.0/16 "$@"
	refused InvalidGatewayID.NotFound route add "$P-t" 198.51.100.0/24 no-such-target "$@"
	refused InvalidGatewayID.NotFound route add "$P-t" 198.51.100.0/24 "$P-far" "$@"
	refused NatGatewayNotFound route add "$P-t" 198.51.100.0/24 nat-00000000000000000 "$@"
	refused InvalidInternetGatewayID.NotFound route add "$P-t" 198.51.100.0/24 igw-00000000000000000 "$@"
	refused InvalidNetworkInterfaceID.NotFound route add "$P-t" 198.51.100.0/24 eni-00000000000000000 "$@"
	refused InvalidParameterValue route add "$P-t" 198.51.100.0/24 "$P-loose" "$@"
	refused InvalidParameterCombination route add "$P-t" 198.51.100.0/24 "$P-o" "$@"
	refused InvalidParameterCombination route add "$P-t" ::/0 "$P-n" "$@"
	unchanged
}

@test "InvalidInternetGatewayID.NotFound, NatGatewayNotFound, IncorrectState: gateways" {
	edge_world
	ctl igw create "$P-loose" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InvalidParameterValue igw create "$P-g"
	refused InvalidParameterValue igw create igw-mine
	refused InvalidVpcID.NotFound igw create "$P-z" --vpc no-such-vpc
	refused IncorrectState igw create "$P-z" --vpc "$P"
	refused IncorrectState igw attach "$P-g" prod
	refused IncorrectState igw attach "$P-loose" "$P"
	refused InvalidInternetGatewayID.NotFound igw attach no-such-gateway "$P"
	refused IncorrectState igw detach "$P-loose" "$P"
	refused IncorrectState igw detach "$P-g" prod
	refused DependencyViolation igw delete "$P-g"
	refused InvalidInternetGatewayID.NotFound igw delete no-such-gateway
	refused InvalidParameterValue eigw create "$P-o" --vpc "$P"
	refused InvalidVpcID.NotFound eigw create "$P-z" --vpc no-such-vpc
	refused InvalidGatewayID.NotFound eigw delete no-such-gateway --vpc "$P"
	refused InvalidParameterValue nat create "$P-n" --vpc "$P"
	refused InvalidVpcID.NotFound nat create "$P-z" --vpc no-such-vpc
	refused InvalidSubnetID.NotFound nat create "$P-z" --subnet no-such-subnet --vpc "$P"
	refused InvalidAllocationID.NotFound nat create "$P-z" --vpc "$P" --eip no-such-address
	refused NatGatewayNotFound nat delete no-such-gateway --vpc "$P"
	refused DependencyViolation vpc delete "$P"
	misused eigw create "$P-z"
	unchanged
}

@test "an elastic IP of an ENI whose VPC has no internet gateway is associated, with a warning that says what to do" {
	local id
	ctl vpc create "$P" --cidr 10.50.0.0/16 >/dev/null
	ctl subnet create "$P-app" --vpc "$P" --cidr 10.50.1.0/24 >/dev/null
	ctl eni create "$P-e" --subnet "$P-app" >/dev/null
	ctl nat create "$P-nat" --vpc "$P" >/dev/null
	id=$(ctl -o id eip allocate "$P-x")
	# a NAT gateway needs none
	ctl -o json eip associate "$P-x" --nat "$P-nat" | jq -e 'has("warnings") | not'
	run -0 ctl eip associate "$P-x" --eni "$P-e"
	[[ $output == *"warning: $id: nothing comes or goes by it"*"vpcctl igw create --vpc $P, then vpcctl route add"* ]] || fail "$output"
	ctl igw create "$P-gate" --vpc "$P" >/dev/null
	ctl -o json eip associate "$P-x" --eni "$P-e" | jq -e 'has("warnings") | not'
	ctl eip disassociate "$P-x" >/dev/null
	ctl eip release "$P-x" >/dev/null
}

@test "InvalidAllocationID.NotFound, InvalidIPAddress.InUse, InsufficientAddressCapacity: elastic IPs" {
	edge_world
	ctl eip allocate "$P-x" --address 203.0.113.1 >/dev/null
	ctl eip associate "$P-x" --eni "$P-e" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InvalidParameterValue eip allocate "$P-x"
	refused InvalidParameterValue eip allocate eipalloc-mine
	refused InvalidParameterValue eip allocate "$P-z" --pool no-such-pool
	refused InvalidParameterValue eip allocate "$P-z" --address 192.0.2.1
	refused InvalidParameterValue eip allocate "$P-z" --address nonsense
	refused InvalidIPAddress.InUse eip allocate "$P-z" --address 203.0.113.1
	refused InvalidAllocationID.NotFound eip associate no-such-address --eni "$P-e"
	refused InvalidAllocationID.NotFound eip release eipalloc-00000000000000000
	refused InvalidNetworkInterfaceID.NotFound eip associate "$P-x" --eni no-such-eni
	refused NatGatewayNotFound eip associate "$P-x" --nat no-such-gateway
	refused InvalidParameterValue eip associate "$P-x" --eni "$P-e" --ip 10.60.1.99
	refused IncorrectState nat create "$P-z" --vpc "$P" --eip "$P-x"
	refused DependencyViolation eip release "$P-x"
	refused DependencyViolation igw detach "$P-g" "$P"
	misused eip associate "$P-x"
	unchanged
	local i
	# Of the 16 addresses the first and the last are nobody's.
	for i in $(seq 13); do
		ctl eip allocate "$P-$i" >/dev/null
	done
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InsufficientAddressCapacity eip allocate "$P-z"
	unchanged
}

@test "InvalidPublicationID.NotFound, InvalidIPAddress.InUse: published ports" {
	edge_world
	ctl publish create "$P-p" --eni "$P-e" --port 80 --host-port 8080 >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	set -- --eni "$P-e"
	refused InvalidParameterValue publish create "$P-p" "$@" --port 81 --host-port 8081
	refused InvalidIPAddress.InUse publish create "$@" --port 81 --host-port 8080
	refused InvalidIPAddress.InUse publish create "$@" --port 80-81 --host-port 8079-8080
	refused InvalidIPAddress.InUse publish create "$@" --port 81 --host-port 8080 --host-address 198.18.0.2
	refused InvalidParameterValue publish create "$@" --port 81 --host-port 8081 --host-address nonsense
	refused InvalidParameterValue publish create "$@" --port 81 --host-port 8081 --host-address 2001:db8::2
	refused InvalidParameterCombination publish create "$@" --port 80-81 --host-port 9000-9002
	refused InvalidParameterValue publish create "$@" --port 0 --host-port 9000
	refused InvalidParameterValue publish create "$@" --port 80 --host-port 0
	refused InvalidParameterValue publish create "$@" --port 90-80 --host-port 9010-9000
	refused InvalidNetworkInterfaceID.NotFound publish create --eni no-such-eni --port 80 --host-port 9000
	refused InvalidPublicationID.NotFound publish delete no-such-port
	refused InvalidPublicationID.NotFound publish show pub-00000000000000000
	misused publish create "$@" --port 80/sctp --host-port 9000
	misused publish create "$@" --port 65536 --host-port 9000
	unchanged
	ctl publish delete "$P-p"
}

@test "InvalidVpcPeeringConnectionID.NotFound, VpcPeeringConnectionAlreadyExists, InvalidStateTransition: peerings" {
	edge_world
	ctl vpc create "$P-twin" --cidr 10.60.128.0/17 >/dev/null
	ctl vpc create "$P-far" --cidr 10.61.0.0/16 >/dev/null
	ctl sg create "$P-far" --vpc "$P-far" >/dev/null
	ctl sg create "$P-sg" --vpc "$P" >/dev/null
	ctl peering create "$P-p" --vpc "$P" --peer-vpc prod >/dev/null
	ctl peering create "$P-r" --vpc "$P-far" --peer-vpc "$P" >/dev/null
	ctl peering reject "$P-r" >/dev/null
	BEFORE=$(ctl -o json status | jq -c '[.revision, .epoch]')
	refused InvalidParameterValue peering create "$P-p" --vpc "$P-far" --peer-vpc "$P"
	refused InvalidParameterValue peering create pcx-mine --vpc "$P-far" --peer-vpc "$P"
	refused InvalidParameterValue peering create "$P-z" --vpc "$P" --peer-vpc "$P"
	refused InvalidParameterValue peering create "$P-z" --vpc "$P" --peer-vpc "$P-twin"
	refused InvalidVpcID.NotFound peering create "$P-z" --vpc no-such-vpc --peer-vpc "$P"
	refused InvalidVpcID.NotFound peering create "$P-z" --vpc "$P" --peer-vpc no-such-vpc
	refused VpcPeeringConnectionAlreadyExists peering create "$P-z" --vpc prod --peer-vpc "$P"
	refused InvalidStateTransition peering accept "$P-r"
	refused InvalidStateTransition peering reject "$P-r"
	refused InvalidVpcPeeringConnectionID.NotFound peering accept no-such-peering
	refused InvalidVpcPeeringConnectionID.NotFound peering reject pcx-00000000000000000
	refused InvalidVpcPeeringConnectionID.NotFound peering show no-such-peering
	refused InvalidVpcPeeringConnectionID.NotFound peering delete no-such-peering
	refused CidrConflict vpc add-cidr "$P" 10.50.0.0/17
	refused CidrConflict vpc add-cidr prod 10.60.0.0/24
	refused DependencyViolation vpc delete prod
	refused InvalidParameterValue route add main 10.9.0.0/16 "$P-p" --vpc "$P-far"
	refused InvalidVpcPeeringConnectionID.NotFound route add main 10.9.0.0/16 pcx-00000000000000000 --vpc "$P-far"
	refused InvalidGroup.NotFound sg authorize "$P-sg" ingress tcp 80 --sg "$P-far"
	refused InvalidGroup.NotFound sg authorize "$P-sg" ingress tcp 80 --sg "$(ctl -o id sg show "$P-far")"
	misused peering create "$P-z" --vpc "$P"
	misused peering create "$P-z" --peer-vpc "$P"
	unchanged
}
