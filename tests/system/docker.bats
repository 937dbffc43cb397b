#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpc-docker with Docker of Debian.

bats_require_minimum_version 1.5.0
load lib
load lib_docker

# Docker's own limits can't be raised everywhere.
LIMITS=(--ulimit nofile=1024:1024 --ulimit nproc=4096:4096)

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod >/dev/null
	ctl sg create db --vpc prod >/dev/null
	docker_start
	network_new front --ipv6 --subnet 10.50.1.0/24 --opt security-groups=web --opt allowed-security-groups=db
}

teardown_file()
{
	docker_end
	vpcd_purge
}

setup()
{
	P=t$BATS_TEST_NUMBER
	DOCKER_ROOM=$BATS_FILE_TMPDIR/d
	export SOCKETS
	SOCKETS=$(readlink "$DOCKER_ROOM/sockets")
}

teardown()
{
	local left
	left=$(docker ps -aq -f "name=$P-")
	# shellcheck disable=SC2086 # words
	[ -z "$left" ] || docker rm -f $left >/dev/null
}

network_new()
{
	local name=$1
	shift
	docker network create -d vpc --ipam-driver vpc --ipam-opt vpc=prod --ipam-opt subnet=prod-app \
		--opt vpc=prod --opt subnet=prod-app "$@" "$name"
}

# box NAME [OPTION OF docker run]…
box()
{
	local name=$1
	shift
	docker run -d "${LIMITS[@]}" --name "$name" "$@" box sleep 1000 >/dev/null
}

address_of()
{
	docker inspect "$1" --format '{{.NetworkSettings.Networks.front.IPAddress}}'
}

@test "two containers in two groups: a rule given and taken while they run; names, IPv6, and Docker agrees on addresses" {
	local id
	box "$P-a" --network front
	box "$P-b" --network name=front,driver-opt=vpc.security-groups=db
	wait_for 10 groups_are "$P-a" web
	wait_for 10 groups_are "$P-b" db
	not docker exec "$P-a" ping -c 1 -W 1 "$P-b"
	ctl sg authorize db ingress icmp all --sg web >/dev/null
	ctl sg authorize db ingress icmpv6 all --sg web >/dev/null
	docker exec "$P-a" ping -c 1 -W 5 "$(address_of "$P-b")"
	docker exec "$P-a" ping -c 1 -W 5 "$P-b"
	docker exec "$P-a" ping -c 1 -W 5 "$(docker inspect "$P-b" --format '{{.NetworkSettings.Networks.front.GlobalIPv6Address}}')"
	ctl sg revoke db ingress icmp all --sg web >/dev/null
	not docker exec "$P-a" ping -c 1 -W 1 "$(address_of "$P-b")"
	id=$(ctl -o json eni list | jq -r --arg n "$P-b" '.[] | select(.tags["docker/container-name"] == $n) | .id')
	[ "$(eni_field "$id" ip)" = "$(address_of "$P-b")" ]
	ctl eni list | grep -q "$P-b"
	ctl sg revoke db ingress icmpv6 all --sg web >/dev/null
}

@test "groups: the network's, those that it allows by option or label, and no others" {
	box "$P-a" --network front --label vpc.security-groups=db
	wait_for 10 groups_are "$P-a" db
	run docker run -d "${LIMITS[@]}" --name "$P-b" --network name=front,driver-opt=vpc.security-groups=default box sleep 1
	[ "$status" -ne 0 ]
	[[ $output == *"doesn't let containers ask for group 'default'"* ]]
	box "$P-c" --network front --label vpc.security-groups=default
	wait_for 10 grep -q "$P-c: vpc.security-groups: this network doesn't let" "$DOCKER_ROOM/plugin.log"
	groups_are "$P-c" web
}

@test "wrong networks are refused with the reason, and nothing is left" {
	local before
	before=$(docker network ls -q | wc -l)
	run docker network create -d vpc --opt vpc=prod --opt subnet=prod-app "$P-x"
	[[ $output == *"add --ipam-driver vpc --ipam-opt vpc=prod --ipam-opt subnet=prod-app"* ]]
	run network_new "$P-x" --opt colour=red
	[[ $output == *"--opt colour: there is no such option"* ]]
	run network_new "$P-x" --opt security-groups=nobody
	[[ $output == *"there is no security group 'nobody'"* ]]
	run docker network create -d vpc --ipam-driver vpc --ipam-opt subnet=nowhere --opt subnet=nowhere "$P-x"
	[[ $output == *"there is no subnet 'nowhere'"* ]]
	run network_new "$P-x" --opt security-groups=
	[[ $output == *"--opt security-groups: must have a value"* ]]
	run network_new "$P-x" --opt security-groups=web,,db
	[[ $output == *"is not a list of groups like web,db"* ]]
	run network_new "$P-x" --subnet 10.99.0.0/24
	[[ $output == *"leave --subnet out"* ]]
	run network_new "$P-x" --subnet 10.50.1.0/24 --gateway 10.50.1.9
	[[ $output == *"leave --gateway out"* ]]
	# what Docker takes for any network, and what would have no effect
	run network_new "$P-x" --subnet 10.50.1.0/24 --ip-range 10.50.1.128/25
	[[ $output == *"--ip-range: "*"leave it out"* ]]
	run network_new "$P-x" --subnet 10.50.1.0/24 --aux-address a=10.50.1.9
	[[ $output == *"leave --aux-address out"* ]]
	run network_new "$P-x" --internal
	[[ $output == *"--internal: "*"leave it out"* ]]
	[ "$(docker network ls -q | wc -l)" -eq "$before" ]
	enis_are 0
}

@test "static addresses; ports; restart; connect and disconnect" {
	box "$P-a" --network front --ip 10.50.1.77 --mac-address 02:42:aa:bb:cc:dd -p 18080:80 -p 19000:53/udp
	[ "$(address_of "$P-a")" = 10.50.1.77 ]
	docker exec "$P-a" ip link show dev eth0 | grep -q 02:42:aa:bb:cc:dd
	run docker run -d "${LIMITS[@]}" --name "$P-b" --network front --ip 10.50.1.77 box sleep 1
	[[ $output == *InvalidIPAddress.InUse* ]]
	[ "$(ctl -o json publish list | jq -r '[.[] | "\(.protocol) \(.host_from_port)"] | sort | join(",")')" = "tcp 18080,udp 19000" ]
	docker stop -t 0 "$P-a" >/dev/null
	[ "$(ctl -o json publish list | jq length)" -eq 0 ]
	docker start "$P-a" >/dev/null
	[ "$(address_of "$P-a")" = 10.50.1.77 ]
	[ "$(ctl -o json publish list | jq length)" -eq 2 ]
	box "$P-c" --network none
	docker network disconnect none "$P-c"
	docker network connect --driver-opt vpc.security-groups=db front "$P-c"
	docker exec "$P-c" ip address show dev eth0 | grep -q "$(address_of "$P-c")/24"
	docker network disconnect front "$P-c"
	not docker exec "$P-c" ip link show dev eth0
	docker rm -f "$P-a" "$P-c"
	docker rm "$P-b"
	enis_are 0
	verify_clean
}

@test "vpc-docker and dockerd are killed: running containers go on, and nothing is lost or left" {
	ctl sg authorize web ingress all --sg web >/dev/null
	box "$P-a" --network front --restart always --stop-timeout 1
	box "$P-b" --network front --stop-timeout 1
	end_program plugin KILL
	docker exec "$P-a" ping -c 1 -W 5 "$(address_of "$P-b")"
	in_docker rm -f /run/docker/plugins/vpc.sock
	plugin_start
	docker rm -f "$P-b"
	enis_are 1
	box "$P-b" --network front --stop-timeout 1
	docker exec "$P-a" ping -c 1 -W 5 "$P-b"
	end_program dockerd KILL
	dockerd_start
	wait_for 60 docker exec "$P-a" busybox true
	docker start "$P-b"
	docker exec "$P-a" ping -c 1 -W 5 "$P-b"
	wait_for 10 enis_are 2
	docker rm -f "$P-a" "$P-b"
	enis_are 0
	verify_clean
	ctl sg revoke web ingress all --sg web >/dev/null
}

@test "many at once: names and addresses are unique, and nothing is left after docker network rm" {
	local i pids=() pid
	network_new "$P-net"
	for i in {1..20}; do
		box "$P-$i" --network "$P-net" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	enis_are 20
	[ "$(ctl -o json eni list | jq '[.[].ip] | unique | length')" -eq 20 ]
	[ "$(ctl -o json eni list | jq '[.[].mac] | unique | length')" -eq 20 ]
	run docker network rm "$P-net"
	[ "$status" -ne 0 ]
	# shellcheck disable=SC2046 # words
	docker rm -f $(docker ps -aq -f "name=$P-") >/dev/null
	wait_for 10 enis_are 0
	[ "$(docker network inspect "$P-net" | jq '.[0].Containers | length')" -eq 0 ]
	# dockerd changes its count of endpoints in parallel, and on a busy machine one may stay. It counts anew when it starts.
	if ! docker network rm "$P-net"; then
		end_program dockerd KILL
		dockerd_start
		docker network rm "$P-net"
	fi
	[ "$(find "$DOCKER_ROOM/state" -name '*.json' | wc -l)" -eq 1 ]
	verify_clean
}

# eni_of ENDPOINT [TAG]…: an ENI as vpc-docker makes it, of an endpoint that Docker doesn't know.
eni_of()
{
	local endpoint=$1 tag tags=()
	shift
	for tag in "$@"; do
		tags+=(--tag "docker/$tag")
	done
	ctl -o id eni create "docker:$endpoint" --subnet prod-app "${tags[@]}"
}

eni_is_gone()
{
	not ctl eni show "$1"
}

plugin_restart()
{
	end_program plugin TERM
	plugin_start "$@"
}

@test "what Docker no longer knows is deleted: not what is young, in a container or not of this program" {
	local network old reserved young other mine
	box "$P-a" --network front
	wait_for 60 groups_are "$P-a" web
	network=$(docker network inspect front --format '{{.Id}}')
	mine=$(ctl -o json eni list | jq -r --arg n "$P-a" '.[] | select(.tags["docker/container-name"] == $n) | .id')
	ctl tag add "$mine" docker/since=1 >/dev/null
	old=$(eni_of 00000000000a "network=$network" endpoint=00000000000a since=1)
	reserved=$(eni_of 00000000000b "reserved=$(ctl -o json subnet show prod-app | jq -r .id)" since=1)
	young=$(eni_of 00000000000c "network=$network" endpoint=00000000000c "since=$(date +%s)")
	other=$(eni_of 00000000000d)
	plugin_restart --reconcile-interval 1
	wait_for 60 eni_is_gone "$old"
	wait_for 60 eni_is_gone "$reserved"
	enis_are 3
	# another daemon, which knows none of these networks
	cat >"$BATS_TEST_TMPDIR/answer" <<-'END'
	while read -r line && [ ${#line} -gt 1 ]; do :; done
	printf 'HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
	END
	socat "UNIX-LISTEN:$SOCKETS/other.sock,fork" EXEC:"sh $BATS_TEST_TMPDIR/answer" 3>&- &
	echo $! >>"$BATS_FILE_TMPDIR/background"
	old=$(eni_of 00000000000e "network=$network" endpoint=00000000000e since=1)
	plugin_restart --reconcile-interval 1 --docker-socket "$SOCKETS/other.sock"
	wait_for 60 eni_is_gone "$old"
	enis_are 3
	docker exec "$P-a" ip address show dev eth0 | grep -q "$(eni_field "$mine" ip)/24"
	plugin_restart
	background_end
	# the network has not been forgotten
	box "$P-b" --network front
	ctl eni delete "$young" >/dev/null
	ctl eni delete "$other" >/dev/null
	docker rm -f "$P-a" "$P-b"
	enis_are 0
}
