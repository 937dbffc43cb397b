#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A kind of resource and a kind of device that only tests have (tests/kind), in a vpcd and a vpcctl that are built with them: a
# line and a file in each layer are all that a kind needs. Each subnet has a device r<number>, beside its bridge br<number>.

bats_require_minimum_version 1.5.0
load lib
export VPCD=$BUILD/kind/vpcd VPCCTL=$BUILD/kind/vpcctl

setup_file()
{
	vpcd_start
	ctl vpc create prod --cidr 10.0.0.0/16
	ctl subnet create app --vpc prod --cidr 10.0.1.0/24
}

setup()
{
	NETNS=$(ctl -o json vpc show prod | jq -r .netns)
}

# Whether the subnet's device is there and up, with its address.
device_is_there()
{
	ip -n "$NETNS" -o addr show dev r1 up 2>/dev/null | grep -q 'inet 192.0.2.1/32'
}

@test "the resource: created, shown, tagged, listed, kept by kill -9, refused, deleted" {
	ctl probe create one --subnet app
	ctl tag add one team=core
	vpcd_restart KILL
	[ "$(ctl -o json probe show one | jq -r '.name + " " + .tags.team')" = 'one core' ]
	[ "$(ctl -o json probe list --vpc prod | jq length)" = 1 ]
	[ "$(ctl -o json status | jq .counts.probes)" = 1 ]
	refused DependencyViolation subnet delete app
	ctl verify
	ctl probe delete one
	[ "$(ctl -o id probe list)" = '' ]
	ctl verify
}

@test "the device: made with its subnet, adopted by a start, mended when somebody deletes it, deleted with its subnet" {
	device_is_there
	vpcd_restart
	device_is_there
	ctl verify
	ip -n "$NETNS" link del r1
	wait_for 20 device_is_there
	wait_for 20 ctl verify
	ctl subnet create db --vpc prod --cidr 10.0.2.0/24
	ip -n "$NETNS" link show r2 >/dev/null
	ctl subnet delete db
	run ! ip -n "$NETNS" link show r2
	ctl verify
}
