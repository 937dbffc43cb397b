# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Debian's kernel images and their modules, for run-vm and for the machines of tests/system. The script that sources it has
# a function "unavailable TEXT", which ends it. Images are kept in $cache.

cache=${VPCD_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/vpcd-vm}

# Prints the real image package that a series' meta package depends on.
image_package()
{
	local meta=$1
	apt-cache depends --no-recommends --no-suggests "$meta" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

# Fetches and unpacks an image package into the cache; prints its folder.
image_fetch()
{
	local series=$1 meta package folder work
	case $series in
	6.1) meta=linux-image-amd64 ;;
	*) meta=linux-image-$series-amd64 ;;
	esac
	package=$(image_package "$meta")
	if [ -z "$package" ]; then
		folder=$(find "$cache" -maxdepth 1 -type d -name "linux-image-$series.*" 2>/dev/null | sort -V | tail -n 1)
		[ -n "$folder" ] || unavailable "no package of kernel $series is known to apt ($meta)"
		printf '%s\n' "$folder"
		return
	fi
	folder=$cache/$package
	mkdir -p "$cache"
	# Another machine may be about to start with the same image.
	exec 9>"$cache/lock"
	flock 9
	if [ ! -e "$folder/complete" ]; then
		work=$(mktemp -d "$cache/fetch.XXXXXX")
		# shellcheck disable=SC2064 # the folder of now is meant
		trap "rm -rf '$work'" EXIT
		chmod 755 "$work"
		(cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$package" >&2) ||
			unavailable "$package could not be downloaded"
		dpkg -x "$work"/*.deb "$work/image" || unavailable "$package could not be unpacked"
		rm -f "$work"/*.deb
		image_index "$work/image"
		touch "$work/image/complete"
		rm -rf "$folder"
		mv "$work/image" "$folder"
		rm -rf "$work"
		trap - EXIT
	fi
	exec 9>&-
	printf '%s\n' "$folder"
}

# Writes modules.dep, which Debian leaves to the installation.
image_index()
{
	depmod -b "$1" "$(basename "$(echo "$1"/lib/modules/*)")"
}

# module_files FOLDER NAME…: the files of these modules under lib/modules/VERSION, each after those it needs.
module_files()
{
	local base=$1
	shift
	awk -v names="$*" '
		function need(file,   i, n, parts) {
			if (file in seen) return
			seen[file] = 1
			n = split(deps[file], parts, " ")
			for (i = n; i >= 1; i--) need(parts[i])
			print file
		}
		{
			file = $1; sub(":", "", file)
			deps[file] = substr($0, length($1) + 2)
			name = file; sub(".*/", "", name); sub("[.]ko.*", "", name); gsub("-", "_", name)
			by_name[name] = file
		}
		END {
			n = split(names, wanted, " ")
			for (i = 1; i <= n; i++) if (wanted[i] in by_name) need(by_name[wanted[i]])
		}' "$base/modules.dep"
}

# modules_copy FOLDER TO NAME…: unpacked, and in TO/order the order in which they are to be loaded.
modules_copy()
{
	local modules=$1 to=$2 file name
	shift 2
	mkdir -p "$to"
	while read -r file; do
		name=$(basename "$file")
		case $name in
		*.xz) xz -dc "$modules/$file" >"$to/${name%.xz}" ;;
		*) cp "$modules/$file" "$to/$name" ;;
		esac
		printf '%s\n' "${name%.xz}" >>"$to/order"
	done < <(module_files "$modules" "$@")
	touch "$to/order"
}

# image_find SERIES: fetched if need be; sets vmlinuz and modules (lib/modules/VERSION).
image_find()
{
	image=$(image_fetch "$1")
	# shellcheck disable=SC2034 # the caller's
	vmlinuz=$(find "$image/boot" -name 'vmlinuz-*' | head -n 1)
	# shellcheck disable=SC2034
	modules=$(find "$image/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)
}
