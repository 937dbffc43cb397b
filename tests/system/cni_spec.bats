#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# vpc-cni against the CNI specification 1.1.0: commands, results, errors, overrides.

bats_require_minimum_version 1.5.0
load lib
load lib_cni

setup()
{
	P=t$BATS_TEST_NUMBER
	ctl sg create "$P-sg" --vpc prod >/dev/null
	netns_add "$P-a"
	A=$(path_of "$P-a")
	ID=$P-container
}

# Before the namespaces go, so that the next test finds nothing of this one.
cleanup()
{
	cni_collect dbnet
}

# check_tells TEXT CONFIG COMMAND…: CHECK tells TEXT of what the command did. The audit may mend it first: then once more.
check_tells()
{
	local tells=$1 config=$2 i
	shift 2
	for i in {1..5}; do
		"$@"
		if ! cni CHECK "$ID" "$A" "$config" >"$BATS_TEST_TMPDIR/check"; then
			jq -e --arg tells "$tells" '.code == 102 and (.msg + .details | contains($tells))' "$BATS_TEST_TMPDIR/check"
			return
		fi
	done
	fail "CHECK told nothing in $i tries: $*"
}

@test "VERSION echoes the caller's version and lists what is supported" {
	local text
	text=$(CNI_COMMAND=VERSION "$VPC_CNI" <<<'{"cniVersion": "1.0.0"}')
	[ "$(jq -r .cniVersion <<<"$text")" = 1.0.0 ]
	[ "$(jq -c .supportedVersions <<<"$text")" = '["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]' ]
	CNI_COMMAND=VERSION "$VPC_CNI" </dev/null | jq -e '.cniVersion == "1.1.0"'
}

@test "ADD: each version's result, and the interface is as it says" {
	local version result
	for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
		result=$(cni ADD "$ID" "$A" "$(config "$version")")
		jq -e --arg v "$version" --arg ns "$A" '.cniVersion == $v and (.interfaces | length) == 1 and
			.interfaces[0].name == "eth0" and .interfaces[0].sandbox == $ns and .dns == {} and
			[.ips[].interface] == [0, 0] and .ips[0].gateway == "10.50.1.1" and .ips[1].gateway == "fe80::1" and
			[.routes[].dst] == ["0.0.0.0/0", "::/0"]' <<<"$result"
		if [[ $version == 0.* ]]; then
			jq -e '[.ips[].version] == ["4", "6"]' <<<"$result"
		else
			jq -e '[.ips[] | has("version")] == [false, false]' <<<"$result"
		fi
		if [ "$version" = 1.1.0 ]; then
			jq -e '.interfaces[0].mtu == 1500' <<<"$result"
		else
			jq -e '.interfaces[0] | has("mtu") | not' <<<"$result"
		fi
		in_ns "$P-a" ip -o addr show dev eth0 | grep -qF "$(jq -r '.ips[0].address' <<<"$result")"
		in_ns "$P-a" ip -o addr show dev eth0 | grep -qF "$(jq -r '.ips[1].address' <<<"$result")"
		in_ns "$P-a" ip link show dev eth0 | grep -qF "$(jq -r '.interfaces[0].mac' <<<"$result")"
		pings "$P-a" 10.50.1.1
		cni_silent DEL "$ID" "$A" "$(config "$version")"
		[ "$(enis_of dbnet)" -eq 0 ]
	done
}

@test "ADD: the specification's example configuration, other plugins' keys and all" {
	local result
	result=$(cni ADD "$ID" "$A" "$(config 1.1.0 '{"bridge": "cni0", "keyA": ["some more", "plugin specific"],
		"ipam": {"type": "host-local", "subnet": "10.1.0.0/16"}, "dns": {"nameservers": ["10.1.0.1"]}}')")
	jq -e '.dns == {"nameservers": ["10.1.0.1"]}' <<<"$result"
	[ "$(eni_field "$(cni_name "$ID")" 'tags["cni/container-id"]')" = "$ID" ]
	[ "$(eni_field "$(cni_name "$ID")" 'tags["cni/netns"]')" = "$A" ]
	cleanup
}

@test "ADD again, or over an interface of that name, is an error and leaves nothing" {
	local msg
	cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
	msg=$(cni_fails 101 ADD "$ID" "$A" "$(config 1.1.0)")
	[[ $msg == *"DEL comes first"* ]]
	[ "$(enis_of dbnet)" -eq 1 ]
	# another container's, in the same namespace
	cni_fails 100 ADD "$ID-2" "$A" "$(config 1.1.0)"
	[ "$(enis_of dbnet)" -eq 1 ]
	# a second interface of the same container is fine
	cni ADD "$ID" "$A" "$(config 1.1.0)" CNI_IFNAME=net1 | jq -e '.interfaces[0].name == "net1"'
	[ "$(enis_of dbnet)" -eq 2 ]
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
	in_ns "$P-a" ip link show dev net1
	cleanup
}

@test "DEL: nothing passes after it, and the interface is gone; ADD to the same namespace waits for the kernel" {
	local i
	for i in {1..6}; do
		cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
		pings "$P-a" 10.50.1.1
		cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
		link_is_gone "$P-a"
		if [ $((i % 3)) -eq 0 ] && in_ns "$P-a" ping -c 1 -W 1 10.50.1.1 >/dev/null 2>&1; then
			fail "packets pass after DEL"
		fi
	done
	[ "$(enis_of dbnet)" -eq 0 ]
	verify_clean
}

# link_is_gone NAME: of that namespace.
link_is_gone()
{
	! in_ns "$1" ip link show dev eth0 >/dev/null 2>&1
}

@test "DEL: of what isn't there, without a namespace, twice, with a configuration that ADD would refuse" {
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
	cni_silent DEL "$ID" '' "$(config 0.3.1)"
	cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
	# not another network's
	cni_silent DEL "$ID" "$A" "$(config 1.1.0 '{"name": "other"}')"
	[ "$(enis_of dbnet)" -eq 1 ]
	cni_silent DEL "$ID" '' "$(config 1.1.0 '{"subnet": 7, "securityGroups": [], "vpc": "prod"}')" CNI_ARGS=nonsense
	[ "$(enis_of dbnet)" -eq 0 ]
	cni_silent DEL "$ID" '' "$(config 1.1.0)"
	cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
	ip netns del "$(netns_of "$P-a")"
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
	[ "$(enis_of dbnet)" -eq 0 ]
	cni_silent DEL "$ID" "$A" "$(config 1.1.0 '{"vpc": "nothere"}')"
	verify_clean
}

@test "ADD after the namespace went away: the old interface goes with it, and a new one is made" {
	local first
	cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
	first=$(eni_field "$(cni_name "$ID")" id)
	ip netns del "$(netns_of "$P-a")"
	# at once: whether vpcd has noticed already or not
	netns_add "$P-a"
	cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
	[ "$(eni_field "$(cni_name "$ID")" id)" != "$first" ]
	[ "$(enis_of dbnet)" -eq 1 ]
	pings "$P-a" 10.50.1.1
	cleanup
}

@test "CHECK: silent when all is well, and says what isn't" {
	local result config
	result=$(cni ADD "$ID" "$A" "$(config 1.1.0)")
	config=$(with_result "$(config 1.1.0)" "$result")
	cni_silent CHECK "$ID" "$A" "$config"
	cni_silent CHECK "$ID" "$A" "$(jq '.cniVersion = "0.4.0"' <<<"$config")"
	cni_fails 1 CHECK "$ID" "$A" "$(jq '.cniVersion = "0.3.1"' <<<"$config")"
	cni_fails 7 CHECK "$ID" "$A" "$(config 1.1.0)"
	cni_fails 102 CHECK "$ID" "$A" "$(jq '.prevResult.interfaces[0].mac = "02:00:00:00:00:01"' <<<"$config")" | grep -q "DEL, then ADD"
	cni_fails 102 CHECK "$ID" "$A" "$(jq '.prevResult.ips[0].address = "10.50.1.99/24"' <<<"$config")"
	cni_fails 102 CHECK "$ID-other" "$A" "$config"
	check_tells down "$config" in_ns "$P-a" ip link set eth0 down
	in_ns "$P-a" ip link set eth0 up
	check_tells MTU "$config" in_ns "$P-a" ip link set eth0 mtu 1400
	in_ns "$P-a" ip link set eth0 mtu 1500
	check_tells 'no address' "$config" in_ns "$P-a" ip addr flush dev eth0 scope global
	ctl eni detach "$(cni_name "$ID")"
	cni_fails 102 CHECK "$ID" "$A" "$config" | grep -q 'not attached'
	cleanup
}

@test "GC: what isn't valid goes, of this network alone; a missing list is not an empty one" {
	local id
	for id in one two three; do
		netns_add "$P-$id"
		cni ADD "$id" "$(path_of "$P-$id")" "$(config 1.1.0)" >/dev/null
	done
	cni ADD "$ID" "$A" "$(config 1.1.0 '{"name": "other"}')" >/dev/null
	ctl eni create "$P-mine" --subnet prod-app --tag cni/network=dbnet >/dev/null
	cni_fails 7 GC '' '' "$(config 1.1.0)"
	cni_fails 7 GC '' '' "$(config 1.1.0 '{"cni.dev/valid-attachments": [{"containerID": "one"}]}')"
	cni_fails 1 GC '' '' "$(config 1.0.0 '{"cni.dev/valid-attachments": []}')"
	[ "$(enis_of dbnet)" -eq 4 ]
	cni_silent GC '' '' "$(config 1.1.0 '{"cni.dev/valid-attachments": [{"containerID": "two", "ifname": "eth0"},
		{"containerID": "three", "ifname": "eth1"}]}')"
	[ "$(ctl -o json eni list | jq -r '[.[].name | select(startswith("cni:"))] | sort | join(" ")')" = \
		"$(cni_name "$ID") $(cni_name two)" ]
	ctl eni delete "$P-mine" # half a tag doesn't make it ours
	cni_collect other
	cleanup
}

@test "STATUS: 50 when ADD could not be served" {
	cni_silent STATUS '' '' "$(config 1.1.0)"
	cni_fails 1 STATUS '' '' "$(config 1.0.0)"
	cni_fails 50 STATUS '' '' "$(config 1.1.0 '{"subnet": "nothere"}')"
	cni_fails 50 STATUS '' '' "$(config 1.1.0 '{"securityGroups": ["nothere"]}')"
	cni_fails 50 STATUS '' '' "$(config 1.1.0 '{"socket": "/run/nothere/vpcd.sock"}')"
	ctl subnet create "$P-tiny" --vpc prod --cidr 10.50.9.0/28 >/dev/null
	for i in {1..11}; do
		ctl eni create "$P-$i" --subnet "$P-tiny" >/dev/null
	done
	cni_fails 50 STATUS '' '' "$(config 1.1.0 "{\"subnet\": \"$P-tiny\"}")"
	cni_fails 11 ADD "$ID" "$A" "$(config 1.1.0 "{\"subnet\": \"$P-tiny\"}")"
	ctl eni delete "$P-1"
	cni_silent STATUS '' '' "$(config 1.1.0 "{\"subnet\": \"$P-tiny\"}")"
}

@test "errors: environment 4, container gone 3, JSON 6, version 1, configuration 7, unknown field 2" {
	local config bad
	config=$(config 1.1.0)
	for bad in '' '-x' '.x' 'a b' 'a/b' 'ä' "$(printf 'a%.0s' {1..201})"; do
		cni_fails 4 ADD "$bad" "$A" "$config" | grep -q CNI_CONTAINERID
	done
	for bad in '' . .. 'a/b' a:b 'a b' a%d $'a\x83' sixteencharacter; do
		cni_fails 4 ADD "$ID" "$A" "$config" CNI_IFNAME="$bad" | grep -q CNI_IFNAME
	done
	cni_fails 4 ADD "$ID" '' "$config" | grep -q CNI_NETNS
	cni_fails 4 ADD "$ID" $'/run/netns/\x83' "$config" | grep -q CNI_NETNS
	cni_fails 4 FROB "$ID" "$A" "$config" | grep -q CNI_COMMAND
	cni_fails 4 ADD "$ID" /etc/passwd "$config" | grep -q 'not a network namespace'
	cni_fails 4 ADD "$ID" /proc/self/ns/net "$config"
	cni_fails 4 ADD "$ID" /proc/self/ns/mnt "$config"
	cni_fails 3 ADD "$ID" "$A-gone" "$config"
	cni_fails 6 ADD "$ID" "$A" '{'
	cni_fails 6 ADD "$ID" "$A" '[]'
	cni_fails 6 ADD "$ID" "$A" ''
	cni_fails 1 ADD "$ID" "$A" "$(config 0.2.0)"
	cni_fails 1 ADD "$ID" "$A" "$(jq 'del(.cniVersion)' <<<"$config")"
	cni_fails 1 ADD "$ID" "$A" "$(config 2.0.0)"
	cni_fails 7 ADD "$ID" "$A" "$(jq 'del(.name)' <<<"$config")"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"name": "../x"}')"
	cni_fails 7 ADD "$ID" "$A" "$(jq 'del(.subnet)' <<<"$config")"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"subnet": "nothere"}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"vpc": "nothere"}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"securityGroups": ["nothere"]}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"securityGroups": []}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"securityGroups": "web"}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"allowOverride": ["everything"]}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"plugins": []}')"
	# a slip that would leave the container in the default group
	for bad in securityGroup security_groups SecurityGroups securitygroupids; do
		cni_fails 2 ADD "$ID" "$A" "$(jq --arg k "$bad" '. + {($k): ["x"]} | del(.securityGroups)' <<<"$config")" |
			grep -q "$bad: .*x.*securityGroups"
	done
	[ "$(enis_of dbnet)" -eq 0 ]
}

@test "overrides: what allowOverride lists and nothing else" {
	local config
	config=$(config 1.1.0)
	cni ADD "$ID" "$A" "$config" $'CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=\x83;K8S_POD_NAME=pod7;IP=10.50.1.77;MAC=02:00:00:00:07:77' |
		jq -e '.ips[0].address == "10.50.1.77/24" and .interfaces[0].mac == "02:00:00:00:07:77"'
	[ "$(eni_field "$(cni_name "$ID")" 'tags["cni/pod"]')" = pod7 ]
	cni_silent DEL "$ID" "$A" "$config"
	cni ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"ips": ["10.50.1.78/24", "fd50::78/64", "10.50.1.79"],
		"mac": "02:00:00:00:07:78", "portMappings": []}}')" CNI_ARGS=IP=10.50.1.77 |
		jq -e '[.ips[].address] == ["10.50.1.78/24", "fd50::78/64", "10.50.1.79/32"] and
			.interfaces[0].mac == "02:00:00:00:07:78"'
	in_ns "$P-a" ip -o addr show dev eth0 | grep -q 10.50.1.79/32
	cni_silent DEL "$ID" "$A" "$config"
	cni_fails 4 ADD "$ID" "$A" "$config" 'CNI_ARGS=IgnoreUnknown=1;SECURITY_GROUPS=default' | grep -q SECURITY_GROUPS
	cni_fails 4 ADD "$ID" "$A" "$config" 'CNI_ARGS=IgnoreUnknown=1;security_groups=default'
	cni_fails 4 ADD "$ID" "$A" "$config" CNI_ARGS=SUBNET=prod-db
	cni_fails 4 ADD "$ID" "$A" "$config" CNI_ARGS=FOO=bar
	cni_fails 4 ADD "$ID" "$A" "$config" CNI_ARGS=IP
	cni_fails 4 ADD "$ID" "$A" "$config" CNI_ARGS=IP=10.50.1.300
	cni_fails 2 ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"securityGroups": ["default"]}}')"
	cni_fails 2 ADD "$ID" "$A" "$(config 1.1.0 '{"allowOverride": [], "runtimeConfig": {"ips": ["10.50.1.78"]}}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"portMappings": [{"hostPort": 80}]}}')" |
		grep -q 'portMappings.*hostPort'
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"portMappings": [
		{"hostPort": 80, "containerPort": 80, "protocol": "sctp"}]}}')" | grep -q 'portMappings.*sctp'
	cni_fails 2 ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"bandwidth": {"ingressRate": 1}}}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"mac": "01:00:00:00:00:00"}}')"
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"runtimeConfig": {"ips": ["10.50.1.1"]}}')"
	[ "$(enis_of dbnet)" -eq 0 ]
	cni ADD "$ID" "$A" "$(config 1.1.0 '{"allowOverride": ["securityGroups", "subnet"]}')" \
		"CNI_ARGS=SECURITY_GROUPS=$P-sg,default;SUBNET=prod-db" | jq -e '.ips[0].address | startswith("10.50.2.")'
	[ "$(eni_field "$(cni_name "$ID")" 'security_groups | length')" -eq 2 ]
	cleanup
}

@test "chaining: what plugins before made stays in the result, in the form of the version" {
	local example result
	# the specification's own example of what `bridge` returns
	example='{"ips": [{"address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2}], "routes": [{"dst": "0.0.0.0/0"}],
		"interfaces": [{"name": "cni0", "mac": "00:11:22:33:44:55"}, {"name": "veth3243", "mac": "55:44:33:22:11:11"},
		{"name": "eth7", "mac": "99:88:77:66:55:44", "sandbox": "/var/run/netns/blue"}],
		"dns": {"nameservers": ["10.1.0.1"]}}'
	result=$(cni ADD "$ID" "$A" "$(with_result "$(config 1.1.0)" "$example")")
	jq -e --argjson e "$example" '.interfaces[:3] == $e.interfaces and .interfaces[3].name == "eth0" and
		.ips[0] == $e.ips[0] and .ips[1].interface == 3 and .routes[0] == $e.routes[0] and .dns == $e.dns' <<<"$result"
	cni_silent CHECK "$ID" "$A" "$(with_result "$(config 1.1.0)" "$result")"
	cni_silent DEL "$ID" "$A" "$(with_result "$(config 1.1.0)" "$result")"
	cni ADD "$ID" "$A" "$(with_result "$(config 0.4.0)" "$(jq '.cniVersion = "1.0.0"' <<<"$example")")" |
		jq -e '.cniVersion == "0.4.0" and [.ips[].version] == ["4", "4", "6"]'
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
	cni_fails 7 ADD "$ID" "$A" "$(with_result "$(config 1.1.0)" "$(jq '.interfaces[2].name = "eth0"' <<<"$example")")"
	cni_fails 6 ADD "$ID" "$A" "$(with_result "$(config 1.1.0)" '{"ips": "none"}')"
	cni_fails 6 ADD "$ID" "$A" "$(with_result "$(config 1.1.0)" '[]')"
	cni_fails 1 ADD "$ID" "$A" "$(with_result "$(config 1.1.0)" '{"cniVersion": "7.0.0"}')"
	[ "$(enis_of dbnet)" -eq 0 ]
}

@test "vpcd is away: 11, a result that can't be written is taken back" {
	cni_fails 11 ADD "$ID" "$A" "$(config 1.1.0 '{"socket": "/run/nothere/vpcd.sock"}')"
	cni_fails 11 DEL "$ID" "$A" "$(config 1.1.0 '{"socket": "/run/nothere/vpcd.sock"}')"
	if cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/full; then
		fail "ADD succeeds without telling its result"
	fi
	[ "$(enis_of dbnet)" -eq 0 ]
}

@test "the VPC's DHCP options are in the result; the network's own dns goes before" {
	ctl vpc set-dhcp-options prod --dns 10.50.0.53 --dns fd50::53 --domain prod.internal >/dev/null
	cni ADD "$ID" "$A" "$(config 1.1.0)" | jq -e '.dns == {"nameservers": ["10.50.0.53", "fd50::53"],
		"domain": "prod.internal", "search": ["prod.internal"]}'
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
	cni ADD "$ID" "$A" "$(config 1.1.0 '{"dns": {"nameservers": ["10.1.0.1"]}}')" |
		jq -e '.dns == {"nameservers": ["10.1.0.1"]}'
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
	ctl vpc set-dhcp-options prod >/dev/null
}

@test "keys that people use for ours are refused with the right one: nobody lands in the default group unawares" {
	local key
	for key in sg sgs sgIds sg_ids group groups groupIds securityGroup security_group_ids secGroups; do
		cni_fails 2 ADD "$ID" "$A" "$(config 1.1.0 "{\"$key\": [\"$P-sg\"]}")" | grep -q "'securityGroups' is"
	done
	cni_fails 7 ADD "$ID" "$A" "$(config 1.1.0 '{"defaultRoute": "no"}')"
	[ "$(enis_of dbnet)" -eq 0 ]
}

@test "two networks of one container: each answers by itself, and defaultRoute says whose route counts" {
	local second
	cni ADD "$ID" "$A" "$(config 1.1.0)" >/dev/null
	second=$(config 1.1.0 '{"name": "other", "subnet": "prod-db", "defaultRoute": true}')
	cni ADD "$ID" "$A" "$second" CNI_IFNAME=eth1 >/dev/null
	in_ns "$P-a" ip route get 192.0.2.1 | grep -q 'dev eth1'
	in_ns "$P-a" ip route get 192.0.2.1 from "$(ip_of "$(cni_name "$ID")")" | grep -q 'dev eth0'
	cni_silent DEL "$ID" "$A" "$second" CNI_IFNAME=eth1
	cni_silent DEL "$ID" "$A" "$(config 1.1.0)"
}
