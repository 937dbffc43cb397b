# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for vpcctl. Made by `vpcctl completion bash`: change the command table, not this file.
# shellcheck shell=bash

_vpcctl_nouns='help vpc prefix-list route-table route subnet sg eni igw eigw nat eip publish tag attach detach rename status verify monitor completion'
declare -gA _vpcctl_verbs=(
	[vpc]='create list show set-dhcp-options add-cidr remove-cidr delete'
	[prefix-list]='create list show set add remove restore delete'
	[route-table]='create list show delete associate disassociate'
	[route]='add replace delete'
	[subnet]='create list show delete'
	[sg]='create list show delete authorize revoke attach detach'
	[eni]='create list show delete attach detach set assign-ip unassign-ip'
	[igw]='create list show attach detach delete'
	[eigw]='create list show delete'
	[nat]='create list show delete'
	[eip]='allocate list show associate disassociate release'
	[publish]='create list show delete'
	[tag]='add remove'
)
_vpcctl_globals='--socket -o --help --version'
declare -gA _vpcctl_options=(
	['vpc create']='--cidr --cidr6 --mtu --internet --tag --dry-run'
	['vpc list']=''
	['vpc show']=''
	['vpc set-dhcp-options']='--dns --domain --dry-run'
	['vpc add-cidr']='--dry-run'
	['vpc remove-cidr']='--dry-run'
	['vpc delete']='--dry-run'
	['prefix-list create']='--max-entries --family --entry --file --tag --dry-run'
	['prefix-list list']=''
	['prefix-list show']='--version'
	['prefix-list set']='--max-entries --dry-run'
	['prefix-list add']='--description --file --dry-run'
	['prefix-list remove']='--file --flows --dry-run'
	['prefix-list restore']='--flows --dry-run'
	['prefix-list delete']='--dry-run'
	['route-table create']='--vpc --tag --dry-run'
	['route-table list']='--vpc'
	['route-table show']='--vpc'
	['route-table delete']='--vpc --dry-run'
	['route-table associate']='--vpc --dry-run'
	['route-table disassociate']='--vpc --dry-run'
	['route add']='--vpc --dry-run'
	['route replace']='--vpc --dry-run'
	['route delete']='--vpc --dry-run'
	['subnet create']='--vpc --cidr --cidr6 --tag --dry-run'
	['subnet list']='--vpc'
	['subnet show']='--vpc'
	['subnet delete']='--vpc --dry-run'
	['sg create']='--vpc --description --tag --dry-run'
	['sg list']='--vpc'
	['sg show']='--vpc'
	['sg delete']='--vpc --dry-run'
	['sg authorize']='--cidr --sg --prefix-list --description --tag --vpc --dry-run'
	['sg revoke']='--cidr --sg --prefix-list --rule --flows --vpc --dry-run'
	['sg attach']='--vpc --dry-run'
	['sg detach']='--flows --vpc --dry-run'
	['eni create']='--subnet --sg --ip --ip6 --secondary-ip --mac --no-source-dest-check --delete-on-termination --tag --vpc --dry-run'
	['eni list']='--vpc'
	['eni show']='--vpc'
	['eni delete']='--vpc --dry-run'
	['eni attach']='--netns --pid --tap --owner --queues --default-route --ifname --vpc --dry-run'
	['eni detach']='--vpc --dry-run'
	['eni set']='--sg --source-dest-check --flows --vpc --dry-run'
	['eni assign-ip']='--vpc --dry-run'
	['eni unassign-ip']='--flows --vpc --dry-run'
	['igw create']='--vpc --tag --dry-run'
	['igw list']=''
	['igw show']=''
	['igw attach']='--dry-run'
	['igw detach']='--dry-run'
	['igw delete']='--dry-run'
	['eigw create']='--vpc --tag --dry-run'
	['eigw list']='--vpc'
	['eigw show']='--vpc'
	['eigw delete']='--vpc --dry-run'
	['nat create']='--subnet --vpc --eip --tag --dry-run'
	['nat list']='--vpc'
	['nat show']='--vpc'
	['nat delete']='--vpc --dry-run'
	['eip allocate']='--pool --address --tag --dry-run'
	['eip list']=''
	['eip show']=''
	['eip associate']='--eni --nat --ip --vpc --dry-run'
	['eip disassociate']='--dry-run'
	['eip release']='--dry-run'
	['publish create']='--eni --port --host-port --host-address --tag --vpc --dry-run'
	['publish list']='--vpc'
	['publish show']='--vpc'
	['publish delete']='--vpc --dry-run'
	['tag add']='--vpc --dry-run'
	['tag remove']='--vpc --dry-run'
	['attach']='--subnet --sg --ip --ip6 --secondary-ip --mac --no-source-dest-check --delete-on-termination --tag --netns --pid --tap --owner --queues --default-route --ifname --vpc --dry-run'
	['detach']='--vpc --dry-run'
	['rename']='--vpc --dry-run'
	['status']=''
	['verify']=''
	['monitor']='--drops --eni --vpc'
	['completion']=''
)
declare -gA _vpcctl_flags=( [--help]=1 [-h]=1 [--version]=1 [--internet]=1 [--dry-run]=1 [--no-source-dest-check]=1 [--delete-on-termination]=1 [--tap]=1 [--drops]=1 )
declare -gA _vpcctl_option_words=(
	['--socket']='@files'
	['-o']='table json yaml id'
	['--output']='table json yaml id'
	['prefix-list create --file']='@files'
	['prefix-list add --file']='@files'
	['prefix-list remove --file']='@files'
	['prefix-list remove --flows']='cut keep drain='
	['prefix-list restore --flows']='cut keep drain='
	['route-table create --vpc']='@vpc'
	['route-table list --vpc']='@vpc'
	['route-table show --vpc']='@vpc'
	['route-table delete --vpc']='@vpc'
	['route-table associate --vpc']='@vpc'
	['route-table disassociate --vpc']='@vpc'
	['route add --vpc']='@vpc'
	['route replace --vpc']='@vpc'
	['route delete --vpc']='@vpc'
	['subnet create --vpc']='@vpc'
	['subnet list --vpc']='@vpc'
	['subnet show --vpc']='@vpc'
	['subnet delete --vpc']='@vpc'
	['sg create --vpc']='@vpc'
	['sg list --vpc']='@vpc'
	['sg show --vpc']='@vpc'
	['sg delete --vpc']='@vpc'
	['sg authorize --sg']='@sg'
	['sg authorize --prefix-list']='@prefix-list'
	['sg authorize --vpc']='@vpc'
	['sg revoke --sg']='@sg'
	['sg revoke --prefix-list']='@prefix-list'
	['sg revoke --flows']='cut keep drain='
	['sg revoke --vpc']='@vpc'
	['sg attach --vpc']='@vpc'
	['sg detach --flows']='cut keep drain='
	['sg detach --vpc']='@vpc'
	['eni create --subnet']='@subnet'
	['eni create --sg']='@sg'
	['eni create --vpc']='@vpc'
	['eni list --vpc']='@vpc'
	['eni show --vpc']='@vpc'
	['eni delete --vpc']='@vpc'
	['eni attach --netns']='@netns'
	['eni attach --owner']='@users'
	['eni attach --default-route']='yes no'
	['eni attach --vpc']='@vpc'
	['eni detach --vpc']='@vpc'
	['eni set --sg']='@sg'
	['eni set --source-dest-check']='on off'
	['eni set --flows']='cut keep drain='
	['eni set --vpc']='@vpc'
	['eni assign-ip --vpc']='@vpc'
	['eni unassign-ip --flows']='cut keep drain='
	['eni unassign-ip --vpc']='@vpc'
	['igw create --vpc']='@vpc'
	['eigw create --vpc']='@vpc'
	['eigw list --vpc']='@vpc'
	['eigw show --vpc']='@vpc'
	['eigw delete --vpc']='@vpc'
	['nat create --subnet']='@subnet'
	['nat create --vpc']='@vpc'
	['nat create --eip']='@eip'
	['nat list --vpc']='@vpc'
	['nat show --vpc']='@vpc'
	['nat delete --vpc']='@vpc'
	['eip associate --eni']='@eni'
	['eip associate --nat']='@nat'
	['eip associate --vpc']='@vpc'
	['publish create --eni']='@eni'
	['publish create --vpc']='@vpc'
	['publish list --vpc']='@vpc'
	['publish show --vpc']='@vpc'
	['publish delete --vpc']='@vpc'
	['tag add --vpc']='@vpc'
	['tag remove --vpc']='@vpc'
	['attach --subnet']='@subnet'
	['attach --sg']='@sg'
	['attach --netns']='@netns'
	['attach --owner']='@users'
	['attach --default-route']='yes no'
	['attach --vpc']='@vpc'
	['detach --vpc']='@vpc'
	['rename --vpc']='@vpc'
	['monitor --eni']='@eni'
	['monitor --vpc']='@vpc'
)
declare -gA _vpcctl_argument_words=(
	['vpc show +']='@vpc'
	['vpc set-dhcp-options 0']='@vpc'
	['vpc add-cidr 0']='@vpc'
	['vpc remove-cidr 0']='@vpc'
	['vpc delete +']='@vpc'
	['prefix-list show 0']='@prefix-list'
	['prefix-list set 0']='@prefix-list'
	['prefix-list add 0']='@prefix-list'
	['prefix-list remove 0']='@prefix-list'
	['prefix-list restore 0']='@prefix-list'
	['prefix-list delete +']='@prefix-list'
	['route-table show +']='@route-table'
	['route-table delete +']='@route-table'
	['route-table associate 0']='@route-table'
	['route-table associate +']='@subnet'
	['route-table disassociate 0']='@route-table'
	['route-table disassociate +']='@subnet'
	['route add 0']='@route-table'
	['route replace 0']='@route-table'
	['route delete 0']='@route-table'
	['subnet show +']='@subnet'
	['subnet delete +']='@subnet'
	['sg show +']='@sg'
	['sg delete +']='@sg'
	['sg authorize 0']='@sg'
	['sg authorize 1']='ingress egress'
	['sg authorize 2']='tcp udp icmp icmpv6 all'
	['sg revoke 0']='@sg'
	['sg revoke 1']='ingress egress'
	['sg revoke 2']='tcp udp icmp icmpv6 all'
	['sg attach 0']='@sg'
	['sg attach +']='@eni'
	['sg detach 0']='@sg'
	['sg detach +']='@eni'
	['eni show +']='@eni'
	['eni delete +']='@eni'
	['eni attach 0']='@eni'
	['eni detach +']='@eni'
	['eni set 0']='@eni'
	['eni assign-ip 0']='@eni'
	['eni unassign-ip 0']='@eni'
	['igw show +']='@igw'
	['igw attach 0']='@igw'
	['igw attach 1']='@vpc'
	['igw detach 0']='@igw'
	['igw detach 1']='@vpc'
	['igw delete +']='@igw'
	['eigw show +']='@eigw'
	['eigw delete +']='@eigw'
	['nat show +']='@nat'
	['nat delete +']='@nat'
	['eip show +']='@eip'
	['eip associate 0']='@eip'
	['eip disassociate 0']='@eip'
	['eip release +']='@eip'
	['publish show +']='@publish'
	['publish delete +']='@publish'
	['tag add 0']='@vpc @prefix-list @route-table @subnet @sg @eni @igw @eigw @nat @eip @publish'
	['tag remove 0']='@vpc @prefix-list @route-table @subnet @sg @eni @igw @eigw @nat @eip @publish'
	['detach +']='@eni'
	['rename 0']='@vpc @prefix-list @route-table @subnet @sg @eni @igw @eigw @nat @eip @publish'
	['completion 0']='bash man names'
)

_vpcctl_values() {
	local word
	for word in $1; do
		case $word in
		@files) compgen -f -- "$2" ;;
		@users) compgen -u -- "$2" ;;
		@netns)
			compgen -f -- "$2"
			compgen -W "$(cd /run/netns 2>/dev/null && echo *)" -- "$2"
			;;
		@*) compgen -W "$(vpcctl "${_vpcctl_socket[@]}" completion names "${word#@}" 2>/dev/null)" -- "$2" ;;
		*) compgen -W "$word" -- "$2" ;;
		esac
	done
}

_vpcctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local noun='' verb='' i word positional=0 command words=''
	local -a _vpcctl_socket=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -* && ! $word =~ ^-[0-9] ]]; then
			[[ $word == --socket ]] && _vpcctl_socket=(--socket "${COMP_WORDS[i + 1]}")
			[[ -n ${_vpcctl_flags[$word]-} ]] || ((i++))
		elif [[ -z $noun ]]; then
			noun=$word
		elif [[ -z $verb && -n ${_vpcctl_verbs[$noun]-} ]]; then
			verb=$word
		else
			((positional++))
		fi
	done
	command=$noun${verb:+ $verb}
	if [[ $previous == -* && -z ${_vpcctl_flags[$previous]-} && ! $previous =~ ^-[0-9] ]]; then
		words=${_vpcctl_option_words[$command $previous]-${_vpcctl_option_words[$previous]-}}
	elif [[ $current == -* ]]; then
		words="${_vpcctl_options[$command]-} $_vpcctl_globals"
	elif [[ -z $noun ]]; then
		words=$_vpcctl_nouns
	elif [[ -z $verb && -n ${_vpcctl_verbs[$noun]-} ]]; then
		words=${_vpcctl_verbs[$noun]}
	else
		words=${_vpcctl_argument_words[$command $positional]-${_vpcctl_argument_words[$command +]-}}
	fi
	mapfile -t COMPREPLY < <(_vpcctl_values "$words" "$current")
	[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
}

complete -F _vpcctl vpcctl
