#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# export and apply: a host is as its document says. What documents may say is tests/unit/declare.c's.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod --description 'web servers' >/dev/null
	ctl sg authorize web ingress tcp 80,443 --cidr 0.0.0.0/0 --description world >/dev/null
	plug a prod-app --sg web
	plug b prod-db --sg web
	ctl export >"$BATS_FILE_TMPDIR/first.yaml"
}

teardown_file()
{
	vpcd_purge
}

@test "export, apply, export: the same bytes and nothing to do, as YAML and as JSON" {
	cd "$BATS_TEST_TMPDIR" || return
	ctl export >one
	run -0 ctl apply -f one
	[ "$output" = "nothing to do: all is as the document says" ]
	ctl export -o json >one.json
	run -0 ctl apply -f one.json --prune -o json
	[ "$(jq -c .plan <<<"$output")" = '[]' ]
	ctl export | cmp - one
}

@test "a dry run shows the plan and the flows that it would cut, and changes nothing" {
	cd "$BATS_TEST_TMPDIR" || return
	serve b --tcp 443
	stream a open tcp-echo "$(ip_of b)" 443
	ctl export | sed 's/from_port: 443/from_port: 8443/; s/to_port: 443/to_port: 8443/' >closed.yaml
	run -0 ctl apply -f closed.yaml --dry-run
	[[ $output == *"~ sg web (VPC prod)"*"- rules: ingress tcp 443 0.0.0.0/0 \"world\""*"+ rules: ingress tcp 8443 0.0.0.0/0"* ]]
	[[ $output == *"0 to create, 1 to change, 0 to delete"*"dry run: nothing was changed"*"1 flow would be cut"* ]]
	ctl export | cmp - "$BATS_FILE_TMPDIR/first.yaml"
	run -0 ctl apply -f closed.yaml
	[[ $output == *"1 flow was cut"* ]]
	cannot a tcp "$(ip_of b)" 443
	ctl apply -f "$BATS_FILE_TMPDIR/first.yaml" >/dev/null
	can a tcp "$(ip_of b)" 443
	verify_clean
}

@test "a new VPC comes by one document, and prune takes it away again within the document's scope" {
	cd "$BATS_TEST_TMPDIR" || return
	cat >lab.yaml <<-'END'
		vpcs:
		- {name: lab, cidr: 10.60.0.0/16}
		subnets:
		- {name: only, vpc: lab, cidr: 10.60.1.0/24}
		security_groups:
		- name: x
		  vpc: lab
		  rules:
		  - {direction: ingress, protocol: tcp, from_port: 22, to_port: 22, sg: default}
		enis:
		- {name: e, vpc: lab, subnet: only, security_groups: [x, default]}
	END
	before=$(ctl status -o json | jq .revision)
	ctl apply -f lab.yaml >/dev/null
	[ "$(ctl status -o json | jq .revision)" -eq $((before + 1)) ]
	ctl sg create extra --vpc lab >/dev/null
	run -0 ctl apply -f lab.yaml
	[ "$output" = "nothing to do: all is as the document says" ]
	run -0 ctl apply -f lab.yaml --prune
	[[ $output == *"- sg extra (VPC lab)"*"0 to create, 0 to change, 1 to delete"* ]]
	run -0 ctl apply -f - --prune <<<'scope: [lab]'
	[[ $output == *"- vpc lab"* ]]
	ctl export | cmp - "$BATS_FILE_TMPDIR/first.yaml"
	# what runs isn't cut off by a document that doesn't know it
	refused IncorrectState apply -f - --prune <<<'scope: [prod]'
	verify_clean
}

@test "what is wrong with a document is said with its line, and nothing is done" {
	cd "$BATS_TEST_TMPDIR" || return
	printf 'vpcs:\n- name: x\n  cird: 10.0.0.0/8\n' >wrong.yaml
	run -1 --separate-stderr ctl apply -f wrong.yaml
	[ "$stderr" = "vpcctl: UnknownParameter: wrong.yaml:3: VPC 'x' has no 'cird'; did you mean 'cidr'?" ]
	run -1 --separate-stderr ctl apply -f no-such-file
	[[ $stderr == *"no-such-file: No such file or directory"* ]]
	# one change that vpcd refuses is all of them
	refused InvalidSubnet.Range apply -f - <<-'END'
		vpcs:
		- {name: y, cidr: 10.70.0.0/16}
		subnets:
		- {name: out, vpc: y, cidr: 10.71.0.0/24}
	END
	ctl export | cmp - "$BATS_FILE_TMPDIR/first.yaml"
}

@test "a plan that somebody was faster than is made again" {
	cd "$BATS_TEST_TMPDIR" || return
	# the state moves between each two requests of a client that asks one after the other
	background a bash -c 'while "$0" sg create busy --vpc prod && "$0" sg delete busy --vpc prod; do :; done' "$VPCCTL" >/dev/null
	for i in 1 2 3; do
		ctl apply -f - <<<"prefix_lists: [{name: p$i, max_entries: 3}]"
	done
	background_end
	[ "$(ctl prefix-list list -o json | jq length)" -eq 3 ]
}
