# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
# For the tests of vpc-cni: the plugin called as a runtime calls it. `load lib` comes first.

VPC_CNI=$BUILD/vpc-cni
REFERENCE=/usr/lib/cni

# config VERSION [JSON]: the configuration that the plugin gets; JSON is merged over it.
config()
{
	local more=${2:-}
	[ -n "$more" ] || more='{}'
	jq -cn --arg v "$1" --arg s "$VPCD_SOCKET" --arg g "$P-sg" --argjson more "$more" \
		'{cniVersion: $v, name: "dbnet", type: "vpc-cni", socket: $s, vpc: "prod", subnet: "prod-app",
		  securityGroups: [$g]} + $more'
}

# cni COMMAND ID NETNS CONFIG [VARIABLE=VALUE]…: CNI_IFNAME is eth0 unless given. stdout is the plugin's.
cni()
{
	local command=$1 id=$2 netns=$3 config=$4
	shift 4
	env -i PATH="$PATH" CNI_COMMAND="$command" CNI_CONTAINERID="$id" CNI_NETNS="$netns" CNI_IFNAME=eth0 \
		CNI_PATH="$REFERENCE" "$@" "$VPC_CNI" <<<"$config"
}

# cni_fails CODE COMMAND …: an error object with that code and nothing else on stdout; prints its msg.
cni_fails()
{
	local code=$1 status=0 text
	shift
	text=$(cni "$@") || status=$?
	[ "$status" -ne 0 ] || fail "vpc-cni $1: succeeded, expected code $code: $text"
	[ "$(jq -r '"\(.code) \(.cniVersion | type) \(.msg | length > 0)"' <<<"$text")" = "$code string true" ] ||
		fail "vpc-cni $1: expected code $code: $text"
	jq -r '.msg + " " + (.details // "")' <<<"$text"
}

# cni_silent COMMAND …: succeeds and prints nothing.
cni_silent()
{
	local text
	text=$(cni "$@") || fail "vpc-cni $1: $text"
	[ -z "$text" ] || fail "vpc-cni $1 prints $text"
}

# with_result CONFIG RESULT: the configuration with that prevResult.
with_result()
{
	jq -c --argjson r "$2" '. + {prevResult: $r}' <<<"$1"
}

path_of()
{
	printf '/run/netns/%s' "$(netns_of "$1")"
}

cni_name()
{
	printf 'cni:%s:%s' "$1" "${2:-eth0}"
}

# How many ENIs there are of that network.
enis_of()
{
	ctl -o json eni list | jq --arg n "$1" '[.[] | select(.tags["cni/network"] == $n)] | length'
}

cni_collect()
{
	cni_silent GC '' '' "$(config 1.1.0 "{\"name\": \"$1\", \"cni.dev/valid-attachments\": []}")"
}
