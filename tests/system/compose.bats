#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Compose files with vpc-docker, by Debian's docker-compose.

bats_require_minimum_version 1.5.0
load lib
load lib_docker

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod >/dev/null
	ctl sg create db --vpc prod >/dev/null
	docker_start
}

teardown_file()
{
	docker_end
	vpcd_purge
}

setup()
{
	DOCKER_ROOM=$BATS_FILE_TMPDIR/d
	export SOCKETS
	SOCKETS=$(readlink "$DOCKER_ROOM/sockets")
	FILE=$BATS_TEST_TMPDIR/compose.yaml
	PROJECT=t$BATS_TEST_NUMBER
}

teardown()
{
	[ ! -e "$FILE" ] || compose down -t 0 >/dev/null 2>&1
}

compose()
{
	docker-compose -f "$FILE" -p "$PROJECT" --ansi never "$@" 3>&-
}

# file [OPTIONS]: those of the network front, beside vpc and subnet.
file()
{
	sed "s/SUBNET-OPTIONS/${1:-security-groups: web, allowed-security-groups: db}/" >"$FILE" <<-'END'
	x-box: &box
	  image: box
	  command: sleep 1000
	  stop_grace_period: 0s
	  ulimits: {nofile: 1024, nproc: 4096}
	services:
	  site:
	    <<: *box
	    restart: always
	    labels: {vpc.security-groups: "web,db"}
	    ports: ["18080:80"]
	    networks: {front: {ipv4_address: 10.50.1.77, aliases: [www]}}
	  store:
	    <<: *box
	    networks: [front, back]
	networks:
	  front:
	    driver: vpc
	    driver_opts: {vpc: prod, subnet: prod-app, SUBNET-OPTIONS}
	    ipam:
	      driver: vpc
	      options: {vpc: prod, subnet: prod-app}
	      config: [{subnet: 10.50.1.0/24}]
	  back:
	    driver: vpc
	    driver_opts: {vpc: prod, subnet: prod-db, security-groups: db}
	    ipam:
	      driver: vpc
	      options: {vpc: prod, subnet: prod-db}
	END
}

# The container's address in the network of that name.
address_in()
{
	docker inspect "$1" --format "{{(index .NetworkSettings.Networks \"${PROJECT}_$2\").IPAddress}}"
}

published()
{
	ctl -o json publish list | jq -r '[.[] | "\(.protocol) \(.host_from_port)"] | join(",")'
}

is_published()
{
	[ "$(published)" = "$1" ]
}

enis_of_site()
{
	ctl -o json eni list | jq -r '.[] | select(.ip == "10.50.1.77") | .id'
}

@test "up, up again with nothing and with something changed, down: addresses, groups, ports, names, two networks" {
	local store
	file
	compose up -d
	enis_are 3
	wait_for 60 groups_are "${PROJECT}_site_1" db,web
	[ "$(address_in "${PROJECT}_site_1" front)" = 10.50.1.77 ]
	is_published "tcp 18080"
	store=$(address_in "${PROJECT}_store_1" front)
	[ -n "$(address_in "${PROJECT}_store_1" back)" ]
	not docker exec "${PROJECT}_store_1" ping -c 1 -W 1 www
	ctl sg authorize db ingress icmp all --sg web >/dev/null
	docker exec "${PROJECT}_store_1" ping -c 1 -W 5 www
	# only what changed is made anew
	sed -i 's/"web,db"/db/; s/18080/18081/' "$FILE"
	compose up -d
	wait_for 60 groups_are "${PROJECT}_site_1" db
	is_published "tcp 18081"
	[ "$(address_in "${PROJECT}_store_1" front)" = "$store" ]
	enis_are 3
	compose down
	enis_are 0
	is_published ""
	[ "$(docker network ls -q -f driver=vpc | wc -l)" -eq 0 ]
	[ -z "$(ls "$DOCKER_ROOM/state")" ]
	ctl sg revoke db ingress icmp all --sg web >/dev/null
	verify_clean
}

@test "restart: always brings a container back that ended by itself, with its address, groups and ports" {
	local before pid
	file
	compose up -d site
	wait_for 60 groups_are "${PROJECT}_site_1" db,web
	before=$(enis_of_site)
	pid=$(docker inspect "${PROJECT}_site_1" --format '{{.State.Pid}}')
	[ "$pid" -gt 1 ]
	kill -KILL "$pid"
	wait_for 60 came_back "$before"
	wait_for 60 groups_are "${PROJECT}_site_1" db,web
	wait_for 60 is_published "tcp 18080"
	[ "$(address_in "${PROJECT}_site_1" front)" = 10.50.1.77 ]
	docker exec "${PROJECT}_site_1" ip -4 address show dev eth0 | grep -q 10.50.1.77/24
	enis_are 1
	verify_clean
}

# came_back ENI: the address is another ENI's.
came_back()
{
	local now
	now=$(enis_of_site)
	[ -n "$now" ] && [ "$now" != "$1" ]
}

@test "what is wrong in the file is said by compose, and nothing is left" {
	file "security-groups: nobody"
	run compose up -d
	[ "$status" -ne 0 ]
	[[ $output == *"there is no security group 'nobody'"* ]]
	file "security-groups: web, securitygroup: db"
	run compose up -d
	[ "$status" -ne 0 ]
	[[ $output == *"--opt securitygroup: there is no such option"* ]]
	file
	sed -i 's/10.50.1.77/10.50.1.1/' "$FILE"
	run compose up -d site
	[ "$status" -ne 0 ]
	[[ $output == *"InvalidIPAddress"* || $output == *InvalidParameterValue* ]] || fail "$output"
	file
	sed -i 's/"18080:80"/"18080:80\/sctp"/' "$FILE"
	run compose up -d site
	[ "$status" -ne 0 ]
	[[ $output == *"only ports of tcp and udp can be published"* ]]
	compose down
	enis_are 0
	verify_clean
}
