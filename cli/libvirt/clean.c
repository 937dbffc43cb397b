/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvirt runs no hook when a domain is undefined. The ENIs of domains that are no more are found by asking libvirt for
 * all domains. A hook may not do that: libvirt waits for it.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpc/json.h>

#include "cli/libvirt/libvirt.h"

extern char **environ;

/* Runs virsh; *ret is a stream of what it prints, the caller's. */
static int start_virsh(const char *uri, FILE **ret, pid_t *ret_pid)
{
	char *const argv[] = {(char[]){"virsh"}, (char[]){"-q"},    (char[]){"-c"},	(char *)uri,
			      (char[]){"list"},	 (char[]){"--all"}, (char[]){"--uuid"}, NULL};
	_cleanup_close_ int from = -1, to = -1;
	posix_spawn_file_actions_t actions;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	from = fds[0];
	to = fds[1];
	posix_spawn_file_actions_init(&actions);
	r = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO)
		    ?: posix_spawnp(ret_pid, "virsh", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return -r;
	*ret = fdopen(from, "r");
	if (*ret)
		TAKE_FD(from);
	return *ret ? 0 : -ENOMEM;
}

/* {uuid: true} of all domains, owned. */
static int known_domains(const char *uri, json_t **ret, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *known = json_object();
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	pid_t pid = -1;
	int status = -1, r = start_virsh(uri, &f, &pid);

	if (r < 0 && pid < 0)
		return plugin_fail(reterr, "virsh can't be run: %s; install libvirt-clients", strerror(-r));
	while (f && known && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (*line && json_object_set_new(known, line, json_true()) < 0) {
			json_decref(known);
			known = NULL;
		}
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		return plugin_fail(reterr, "libvirt (%s) doesn't say which domains there are; nothing was deleted",
				   uri);
	if (!f || !known)
		return plugin_oom(reterr);
	*ret = TAKE_PTR(known);
	return 0;
}

int clean_run(struct http *h, const char *uri, struct plugin_error *reterr)
{
	_cleanup_json_ json_t *enis = NULL, *known = NULL;
	struct vpcd_failure failure;
	json_t *eni;
	size_t i;
	/* first the ENIs: libvirt knows a domain before it has one */
	int r = list_enis(h, NULL, &enis, reterr);

	if (r == 0)
		r = known_domains(uri, &known, reterr);
	if (r < 0)
		return r;
	json_array_foreach (enis, i, eni) {
		if (json_object_get(known, workload_tag(eni, "libvirt", "domain")))
			continue;
		r = workload_delete(h, NULL, eni, &failure);
		if (r < 0)
			return plugin_failed(r, &failure, reterr);
		printf("%s: its domain is no more; deleted\n", json_member_text(eni, "name"));
	}
	return 0;
}
