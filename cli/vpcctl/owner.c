/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/vpcctl/owner.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpc/clock.h>
#include <vpc/engines.h>
#include <vpc/json.h>

#include "cli/vpcctl/owner_process.h"

/* How long monitor uses a list of the processes. */
#define PROCESSES_AGE_S 1
/* Digits of an id that container tools show. */
#define CONTAINER_CHARS 12

static bool is_kind(const json_t *attachment, const char *wanted)
{
	const char *kind = json_member_text(attachment, "kind");

	return kind && !strcmp(kind, wanted);
}

static bool is_tap(const json_t *attachment)
{
	return is_kind(attachment, "tap");
}

/* Adds "pid N command" under the inode of the process's namespace, unless a process before has it. */
static void add_process(json_t *processes, const char *pid)
{
	char path[300], inode[32], text[OWNER_PROCESS_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	if (stat(path, &st) < 0)
		return;
	snprintf(inode, sizeof(inode), "%" PRIu64, (uint64_t)st.st_ino);
	if (json_object_get(processes, inode))
		return;
	owner_process(pid, text);
	if (*text)
		json_object_set_new(processes, inode, json_string(text));
}

static void read_processes(struct cli *cli)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	json_decref(cli->processes);
	cli->processes = json_object();
	cli->processes_s = monotonic_s();
	/* /proc lists them by number: the first in a namespace is usually the container's own */
	while (proc && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			add_process(cli->processes, entry->d_name);
	if (proc)
		closedir(proc);
}

/* "pid N command" or NULL; borrowed until the next call. */
static const char *process_of(struct cli *cli, const json_t *attachment)
{
	const json_t *inode = json_object_get(attachment, "netns_inode");
	char key[64];

	if (!json_is_integer(inode) || json_integer_value(inode) == 0)
		return NULL;
	if (is_tap(attachment)) {
		if (!cli->vmms || monotonic_s() - cli->vmms_s > PROCESSES_AGE_S) {
			json_decref(cli->vmms);
			cli->vmms = owner_vmms();
			cli->vmms_s = monotonic_s();
		}
		snprintf(key, sizeof(key), "%" PRIu64 " %s", (uint64_t)json_integer_value(inode),
			 json_member_text(attachment, "host_ifname"));
		return json_member_text(cli->vmms, key);
	}
	if (!cli->processes || monotonic_s() - cli->processes_s > PROCESSES_AGE_S)
		read_processes(cli);
	snprintf(key, sizeof(key), "%" PRIu64, (uint64_t)json_integer_value(inode));
	return json_member_text(cli->processes, key);
}

static const char *get_tag(const void *tags, const char *name)
{
	return json_member_text(tags, name);
}

const char *owner_container_id(const json_t *tags)
{
	return engine_tag(get_tag, tags, "container-id") ?: get_tag(tags, ENGINE_DOMAIN_ID);
}

const char *owner_container_name(const json_t *tags)
{
	return engine_container_name(get_tag, tags) ?: get_tag(tags, ENGINE_DOMAIN_NAME);
}

/* "container 0123456789ab (name)", "domain 01234567-89a (name)"; "" for what isn't one. Owned; NULL: out of memory. */
static char *container_of(const json_t *eni)
{
	const json_t *tags = json_object_get(eni, "tags");
	const char *id = owner_container_id(tags), *pod = owner_container_name(tags);
	char *text = NULL;

	if (!id)
		return strdup("");
	if (asprintf(&text, "%s %.*s%s%s%s", json_object_get(tags, ENGINE_DOMAIN_ID) ? "domain" : "container",
		     CONTAINER_CHARS, id, pod ? " (" : "", pod ? pod : "", pod ? ")" : "") < 0)
		return NULL;
	return text;
}

/* "pid 12 qemu-system-x86 of alice", "tap of alice" */
static char *tap_who(const json_t *attachment, const char *process)
{
	const char *owner = json_member_text(attachment, "owner");
	char *text = NULL;

	return asprintf(&text, "%s of %s", process ? process : "tap", owner ? owner : "root") < 0 ? NULL : text;
}

/* "tap of alice, closed", "tap of alice, open, pid 12 qemu-system-x86" */
static char *tap_text(const json_t *attachment, const char *process)
{
	const char *owner = json_member_text(attachment, "owner");
	char *text = NULL;

	if (asprintf(&text, "tap of %s, %s%s%s", owner ? owner : "root",
		     json_is_true(json_object_get(attachment, "open")) ? "open" : "closed", process ? ", " : "",
		     process ? process : "") < 0)
		return NULL;
	return text;
}

char *owner_short(struct cli *cli, const json_t *eni)
{
	const json_t *attachment = json_object_get(eni, "attachment"), *tags = json_object_get(eni, "tags");
	const char *netns = json_member_text(attachment, "netns"), *id = owner_container_id(tags);
	const char *pod = owner_container_name(tags), *slash = netns ? strrchr(netns, '/') : NULL;
	const char *process = is_tap(attachment) ? NULL : process_of(cli, attachment);
	char *text = NULL;

	if (is_tap(attachment))
		return owner_text(cli, eni);
	/* the process says more than a path like /proc/12/ns/net */
	if (pod || !id)
		id = pod ? pod : !netns || !strncmp(netns, "/proc/", 6) ? "" : slash ? slash + 1 : netns;
	if (!*id && is_kind(attachment, "link"))
		return owner_text(cli, eni);
	if (asprintf(&text, "%.*s%s%s", pod || !owner_container_id(tags) ? (int)strlen(id) : CONTAINER_CHARS, id,
		     process && *id ? ", " : "",
		     process ? process
		     : *id   ? ""
			     : "netns") < 0)
		return NULL;
	return text;
}

char *owner_text(struct cli *cli, const json_t *eni)
{
	const json_t *attachment = json_object_get(eni, "attachment");
	const char *netns = json_member_text(attachment, "netns"), *ifname = json_member_text(attachment, "ifname");
	bool open = !is_tap(attachment) || json_is_true(json_object_get(attachment, "open"));
	const char *process = open ? process_of(cli, attachment) : NULL;
	_cleanup_free_ char *container = container_of(eni);
	char *text = NULL;

	if (!container)
		return NULL;
	if (is_tap(attachment))
		return tap_text(attachment, process);
	if (!*container)
		netns = netns ? netns : "";
	if (asprintf(&text, "%s%s%s%s%s%s%s",
		     *container			   ? container
		     : is_kind(attachment, "link") ? "link"
						   : "netns",
		     *container || !*netns ? "" : " ", *container ? "" : netns, ifname ? " " : "", ifname ? ifname : "",
		     process ? ", " : "", process ? process : "") < 0)
		return NULL;
	return text;
}

char *owner_who(struct cli *cli, const json_t *eni)
{
	const json_t *attachment = json_object_get(eni, "attachment");
	const char *process = process_of(cli, attachment);
	_cleanup_free_ char *container = container_of(eni);
	char *text = NULL;

	if (is_tap(attachment)) /* the ENI was asked for once: it isn't known whether the tap is open now */
		return tap_who(attachment, process);
	if (!container || (!*container && !process))
		return NULL;
	if (asprintf(&text, "%s%s%s", container, *container && process ? ", " : "", process ? process : "") < 0)
		return NULL;
	return text;
}
