#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154,SC2016 # stderr is set by run; "$0" is the inner shell's
# export and apply: a host is as its document says. What documents may say is tests/unit/declare.c's.

bats_require_minimum_version 1.5.0
load lib

setup_file()
{
	vpcd_start
	world prod
	ctl sg create web --vpc prod --description 'web servers' >/dev/null
	ctl sg authorize web ingress tcp 80,443 --cidr 0.0.0.0/0 --description world >/dev/null
	workload_add a prod-app --sg web
	workload_add b prod-db --sg web
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
	# one change that vpcd refuses is all of them, and its place is told
	printf '%s\n' 'vpcs:' '- {name: y, cidr: 10.70.0.0/16}' 'subnets:' '- {name: out, vpc: y, cidr: 10.71.0.0/24}' >wrong.yaml
	refused InvalidSubnet.Range apply -f wrong.yaml
	run -1 --separate-stderr ctl apply -f wrong.yaml
	[[ $stderr == "vpcctl: InvalidSubnet.Range: wrong.yaml:4: subnet 'out' (VPC y): "* ]] || fail "$stderr"
	# also where it is the only one
	printf '%s\n' 'vpcs:' '- {name: y, cidr: 10.70.0.0/16, mtu: -5}' >wrong.yaml
	run -1 --separate-stderr ctl apply -f wrong.yaml
	[[ $stderr == "vpcctl: InvalidParameterValue: wrong.yaml:2: VPC 'y': mtu is "* ]] || fail "$stderr"
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

# described TEXT: what the group web's description is.
described()
{
	[ "$(ctl sg show web --vpc prod -o json | jq -r .description)" = "$1" ]
}

@test "confirm: without it a change is taken back by itself, flows are cut as by a revoke, ids stay" {
	cd "$BATS_TEST_TMPDIR" || return
	id=$(ctl sg show web --vpc prod -o id)
	ctl export | sed 's/web servers/open/' >open.yaml
	sed -i 's/from_port: 443/from_port: 444/; s/to_port: 443/to_port: 444/' open.yaml
	serve b --tcp 444
	ctl apply -f open.yaml --confirm 8 >out
	grep -q 'taken back in 8 s, unless: vpcctl confirm' out
	stream a open tcp-echo "$(ip_of b)" 444
	refused IncorrectState sg create other --vpc prod
	ctl status | grep -q 'confirm.*taken back in'
	# there is nothing to do, but perhaps not for long
	run -0 ctl apply -f open.yaml
	[[ $output == "nothing to do: all is as the document says"*"taken back in"*"vpcctl confirm"* ]] || fail "$output"
	wait_for 60 described 'web servers'
	log_stops "$(stream_log open)" "$(now_ns)"
	cannot a tcp "$(ip_of b)" 444
	[ "$(ctl sg show web --vpc prod -o id)" = "$id" ]
	refused IncorrectState confirm
	verify_clean
}

@test "confirm: a change stays, and others are possible again" {
	cd "$BATS_TEST_TMPDIR" || return
	ctl export | sed 's/web servers/kept/' | ctl apply -f - --confirm 600 >/dev/null
	ctl confirm
	ctl sg create after --vpc prod >/dev/null
	ctl sg delete after --vpc prod
	described kept
	! ctl status | grep -q 'taken back' || fail "something waits"
	ctl export | sed 's/kept/web servers/' | ctl apply -f - >/dev/null
}

@test "confirm: also when vpcd is killed and its time is over before it starts, or after" {
	cd "$BATS_TEST_TMPDIR" || return
	ctl export >before.yaml
	sed 's/web servers/lost/' before.yaml | ctl apply -f - --prune --confirm 1 >/dev/null
	vpcd_stop KILL
	sleep 1.2 # CLOCK_REALTIME must pass the time that was given
	vpcd_start
	wait_for 60 described 'web servers'
	ctl export | cmp - before.yaml
	sed 's/web servers/late/' before.yaml | ctl apply -f - --confirm 20 >/dev/null
	vpcd_restart KILL
	described late || described 'web servers'
	wait_for 90 described 'web servers'
	ctl export | cmp - before.yaml
	sed 's/web servers/saved/' before.yaml | ctl apply -f - --confirm 600 >/dev/null
	vpcd_restart KILL
	ctl confirm
	described saved
	verify_clean
}

@test "graph: an SVG of what there is, whatever it is called" {
	cd "$BATS_TEST_TMPDIR" || return
	ctl eni create '"];x[' --subnet prod-app --sg web >/dev/null
	ctl eni create '</text><script>\N&lt;' --subnet prod-app --sg web >/dev/null
	ctl graph >all.svg
	python3 - <<-'END'
		import xml.etree.ElementTree as tree
		texts = [t.text for t in tree.parse("all.svg").iter("{http://www.w3.org/2000/svg}text")]
		assert '"];x[' in texts and '</text><script>\\N&lt;' in texts and "tcp 443" in texts, texts
		assert not list(tree.parse("all.svg").iter("{http://www.w3.org/2000/svg}script"))
	END
	ctl graph --vpc prod -o dot | dot -Tsvg | cmp - <(ctl graph --vpc prod)
	misused graph -o png
	mkdir none
	run -1 --separate-stderr env PATH="$PWD/none" "$VPCCTL" graph
	[[ $stderr == *"apt install graphviz"* ]]
	ctl eni list -o wide | grep -q 'mac.*revision'
	ctl eni delete '"];x[' '</text><script>\N&lt;'
}
