/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vpcd says of configuration files: pools of public addresses, the edge, limits. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpc/cleanup.h>

/* vpcd --config FILE --version, which reads the file and does no more. Returns its exit status; said: stdout and
 * stderr. */
static int vpcd_reads(const char *text, char *said, size_t size)
{
	char self[512], file[] = "/tmp/vpcd-config-XXXXXX", command[1200];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int fd = mkstemp(file);
	FILE *pipe;
	size_t n;

	cr_assert(length > 0 && fd >= 0);
	self[length] = '\0';
	*strrchr(self, '/') = '\0';
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(command, sizeof(command), "%s/../../vpcd --config %s --version 2>&1", self, file);
	pipe = popen(command, "r");
	cr_assert(pipe);
	n = fread(said, 1, size - 1, pipe);
	said[n] = '\0';
	unlink(file);
	return WEXITSTATUS(pclose(pipe));
}

static const struct {
	const char *text;
	const char *said; /* NULL: accepted */
} cases[] = {
	{"[pool \"public\"]\ncidr=203.0.113.0/28\nuplink=eth0\n", NULL},
	{"[pool \"a\"]\ncidr=203.0.113.0/28\nuplink=eth0\n[pool \"b.c-d_e\"]\nuplink=eth1\ncidr=198.51.100.7/32\n",
	 NULL},
	{"[pool \"public\"]\ncidr=203.0.113.0/28\n", "the pool 'public' needs cidr and uplink"},
	{"[pool \"public\"]\nuplink=eth0\n", "the pool 'public' needs cidr and uplink"},
	{"[pool \"public\"]\ncidr=203.0.113.1/28\nuplink=eth0\n", "cidr=203.0.113.1/28: must be one IPv4 range"},
	{"[pool \"public\"]\ncidr=2001:db8::/64\nuplink=eth0\n", "must be one IPv4 range"},
	{"[pool \"public\"]\ncidr=10.0.0.0/8\nuplink=eth0\n", "/16 or smaller"},
	{"[pool \"public\"]\ncidr=203.0.113.0/28\ncidr=203.0.113.16/28\nuplink=eth0\n", "must be one IPv4 range"},
	{"[pool \"public\"]\ncidr=203.0.113.0/28\nuplink=a/b\n", "must be the name of an interface"},
	{"[pool \"public\"]\ncidr=203.0.113.0/28\nuplink=sixteen-letters-\n", "must be the name of an interface"},
	{"[pool \"public\"]\nsize=3\n", "a pool has cidr and uplink, not 'size'"},
	{"[pool \"a b\"]\ncidr=203.0.113.0/28\n", "a pool's name is letters"},
	{"[pool \"\"]\ncidr=203.0.113.0/28\n", "a pool's name is letters"},
	{"[pool \"a\"]\ncidr=203.0.113.0/28\nuplink=e\n[pool \"b\"]\ncidr=203.0.113.8/29\nuplink=e\n",
	 "the pools 'a' and 'b' overlap"},
	{"[edge]\nredirect=no\nouter=eth0\n", NULL},
	{"[edge]\nredirect=yes\n", NULL},
	{"[edge]\nredirect=maybe\n", "redirect=maybe is not valid; redirect=yes|no: send what leaves VPCs"},
	{"[edge]\nredirect=\n", "redirect"},
	{"[Limits]\nport_mask_groups=100\n", NULL},
	{"[Limits]\nclasses=100\n", NULL}, /* its earlier name */
	{"[Limits]\nclasses=500001\n", "limit port_mask_groups must be a number from 1 to 500000"},
	{"[Limits]\nsuites=100\n", "there is no limit named 'suites'"},
	{"[nothing]\na=b\n", "line 2; see vpcd.conf(5)"},
};

Test(config, files)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char said[1024];
		int status = vpcd_reads(cases[i].text, said, sizeof(said));

		cr_expect_eq(status, cases[i].said ? 2 : 0, "%s: %d: %s", cases[i].text, status, said);
		cr_expect(!cases[i].said || strstr(said, cases[i].said), "%s: %s", cases[i].text, said);
	}
}
