# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154
# Docker of Debian for docker.bats and compose.bats: unpacked, not installed, since an installed one starts and changes the host's rules. All of it
# runs in a mount namespace of its own and in the test's network namespace, without a bridge and without iptables. `load lib`
# comes first.

DOCKER_PACKAGES=(docker.io containerd runc)
DOCKER_CACHE=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vpcd-docker

# Prints the folder with Docker's programs; fetches them once.
docker_fetch()
{
	local work
	mkdir -p "$DOCKER_CACHE"
	exec 9>"$DOCKER_CACHE/lock"
	flock 9
	if [ ! -e "$DOCKER_CACHE/root/complete" ]; then
		work=$(mktemp -d "$DOCKER_CACHE/fetch.XXXXXX")
		chmod 755 "$work"
		(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "${DOCKER_PACKAGES[@]}" >&2) || return 1
		mkdir "$work/root"
		for package in "$work"/*.deb; do
			dpkg -x "$package" "$work/root" || return 1
		done
		touch "$work/root/complete"
		rm -rf "$DOCKER_CACHE/root"
		mv "$work/root" "$DOCKER_CACHE/root"
		rm -rf "$work"
	fi
	exec 9>&-
	printf '%s\n' "$DOCKER_CACHE/root"
}

# Programs are started by nsenter itself, so that their pids are known. Starts what outlives dockerd: the mount namespace, containerd, vpc-docker; then dockerd, and an image of busybox.
docker_start()
{
	local root name
	DOCKER_ROOM=$BATS_FILE_TMPDIR/d
	root=$(docker_fetch) || return 1
	mkdir -p "$DOCKER_ROOM"/{image/bin,image/etc,image/proc,state}
	# Sockets' paths must be short.
	SOCKETS=$(mktemp -d /tmp/vd.XXXXXX)
	ln -s "$SOCKETS" "$DOCKER_ROOM/sockets"
	unshare -m --propagation private sleep 900 >/dev/null 2>&1 3>&- &
	echo $! >"$DOCKER_ROOM/mounts"
	sleep 0.2
	in_docker sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; mount -t tmpfs run /run/docker 2>/dev/null || {
		mkdir -p /run/docker && mount -t tmpfs run /run/docker; }; mkdir -p /run/docker/plugins'
	export PATH=$root/usr/bin:$root/usr/sbin:$PATH
	export DOCKER_HOST=unix://$SOCKETS/docker.sock
	nsenter --mount="$(mounts)" containerd --root "$DOCKER_ROOM/containerd" --state "$SOCKETS/c" --address "$SOCKETS/c.sock" \
		--config /dev/null >"$DOCKER_ROOM/containerd.log" 2>&1 3>&- &
	echo $! >"$DOCKER_ROOM/containerd.pid"
	# shellcheck disable=SC2119 # tests give options, this start has none
	plugin_start
	dockerd_start
	cp /bin/busybox "$DOCKER_ROOM/image/bin/"
	for name in sh sleep ping ip nc wget httpd; do
		ln -s busybox "$DOCKER_ROOM/image/bin/$name"
	done
	tar -C "$DOCKER_ROOM/image" -c . | docker import - box >/dev/null
}

mounts()
{
	printf '/proc/%s/ns/mnt' "$(cat "$DOCKER_ROOM/mounts")"
}

in_docker()
{
	nsenter --mount="$(mounts)" "$@"
}

# plugin_start [OPTION]…
# shellcheck disable=SC2120 # tests give them
plugin_start()
{
	nsenter --mount="$(mounts)" "$BUILD/vpc-docker" --socket "$VPCD_SOCKET" --plugin-socket /run/docker/plugins/vpc.sock \
		--docker-socket "$SOCKETS/docker.sock" --state-dir "$DOCKER_ROOM/state" "$@" >>"$DOCKER_ROOM/plugin.log" 2>&1 3>&- &
	echo $! >"$DOCKER_ROOM/plugin.pid"
	wait_for 10 in_docker test -S /run/docker/plugins/vpc.sock
}

dockerd_start()
{
	nsenter --mount="$(mounts)" dockerd --containerd "$SOCKETS/c.sock" -H "$DOCKER_HOST" --data-root "$DOCKER_ROOM/data" \
		--exec-root "$SOCKETS/e" --pidfile "$DOCKER_ROOM/dockerd.lock" --iptables=false --bridge=none \
		--ip-forward=false --storage-driver vfs >>"$DOCKER_ROOM/dockerd.log" 2>&1 3>&- &
	echo $! >"$DOCKER_ROOM/dockerd.pid"
	wait_for 60 docker version || { tail -n 20 "$DOCKER_ROOM/dockerd.log" >&2; return 1; }
}

# end_program NAME SIGNAL
end_program()
{
	local pid
	pid=$(cat "$DOCKER_ROOM/$1.pid")
	kill -s "$2" "$pid" 2>/dev/null || return 0
	wait_for 30 process_gone "$pid"
}

process_gone()
{
	! kill -0 "$1" 2>/dev/null
}

docker_end()
{
	local containers program
	DOCKER_ROOM=$BATS_FILE_TMPDIR/d
	[ -e "$DOCKER_ROOM/mounts" ] || return 0
	containers=$(timeout 30 docker ps -aq || true)
	# shellcheck disable=SC2086 # words
	[ -z "$containers" ] || docker rm -f $containers >/dev/null
	for program in dockerd plugin containerd; do
		[ ! -e "$DOCKER_ROOM/$program.pid" ] || end_program "$program" TERM
	done
	kill "$(cat "$DOCKER_ROOM/mounts")" 2>/dev/null || true
	rm -rf "$SOCKETS"
}

# --- what its containers have -----------------------------------------------------------------------------------------

groups_of()
{
	ctl -o json eni list --vpc prod | jq -r --arg n "$1" '.[] | select(.tags["docker/container-name"] == $n) |
		.security_groups[]' | while read -r id; do ctl -o json sg show "$id" | jq -r .name; done | sort | paste -sd,
}

groups_are()
{
	[ "$(groups_of "$1")" = "$2" ]
}

enis_are()
{
	[ "$(ctl -o json eni list --vpc prod | jq length)" -eq "$1" ]
}

not()
{
	! "$@"
}
