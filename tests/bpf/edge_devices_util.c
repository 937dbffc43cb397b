/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces and devices of the edge's tests. */
#include "edge_devices_util.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void edge_enter(struct edge_lab *e, enum edge_ns where)
{
	cr_assert_eq(setns(e->ns[where], CLONE_NEWNET), 0, "setns: %s", strerror(errno));
}

void edge_run(struct edge_lab *e, enum edge_ns where, const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	cr_assert_lt(vsnprintf(command, sizeof(command), format, ap), (int)sizeof(command));
	va_end(ap);
	edge_enter(e, where);
	cr_assert_eq(system(command), 0, "%s", command);
	edge_enter(e, NS_VPC);
}

/* One process for many of ip's commands, a line each: on an emulated machine starting one is what takes the time. */
static void run_ip(struct edge_lab *e, enum edge_ns where, const char *format, ...)
{
	va_list ap;
	FILE *ip;

	edge_enter(e, where);
	ip = popen("exec ip -batch -", "w");
	cr_assert_not_null(ip);
	va_start(ap, format);
	vfprintf(ip, format, ap);
	va_end(ap);
	cr_assert_eq(pclose(ip), 0, "%s", format);
	edge_enter(e, NS_VPC);
}

/* Writes to a file of /proc/sys/net. */
static void set(struct edge_lab *e, enum edge_ns where, const char *value, const char *format, ...)
{
	char path[256] = "/proc/sys/net/";
	size_t length = strlen(path);
	va_list ap;
	int fd;

	va_start(ap, format);
	vsnprintf(path + length, sizeof(path) - length, format, ap);
	va_end(ap);
	edge_enter(e, where);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(write(fd, value, strlen(value)), (ssize_t)strlen(value), "%s", path);
	close(fd);
	edge_enter(e, NS_VPC);
}

static void attach(struct edge_lab *e, enum edge_ns where, uint32_t ifindex, enum bpf_tc_attach_point side,
		   const struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = lab_program_fd(e->l, program), .handle = 1, .priority = 1);

	edge_enter(e, where);
	if (side == BPF_TC_INGRESS)
		cr_assert_eq(bpf_tc_hook_create(&hook), 0);
	hook.attach_point = side;
	cr_assert_eq(bpf_tc_attach(&hook, &opts), 0);
	edge_enter(e, NS_VPC);
}

static uint32_t ifindex_of(struct edge_lab *e, enum edge_ns where, const char *name)
{
	uint32_t found;

	edge_enter(e, where);
	found = if_nametoindex(name);
	edge_enter(e, NS_VPC);
	cr_assert_neq(found, 0, "%s", name);
	return found;
}

void edge_make_namespaces(struct edge_lab *e)
{
	for (int i = 0; i < NS_COUNT; i++) {
		if (i)
			cr_assert_eq(unshare(CLONE_NEWNET), 0);
		e->ns[i] = open("/proc/self/ns/net", O_RDONLY); /* inherited: `ip` opens it by its number */
		cr_assert_geq(e->ns[i], 0);
	}
	for (int i = 0; i < NS_COUNT; i++)
		set(e, (enum edge_ns)i, "0", "ipv6/conf/default/accept_dad");
}

void edge_make_vpc(struct edge_lab *e, const struct edge_vpc *v, enum edge_ns space, enum edge_ns workload)
{
	const uint8_t *mac = lab_mac(v->eni);
	uint32_t number = v->number;
	int pid = (int)getpid();
	char uplink[16];

	run_ip(e, space,
	       "link set lo up\n"
	       "link add port%u index %u type veth peer name eth0 address %02x:%02x:%02x:%02x:%02x:%02x netns "
	       "/proc/%d/fd/%d\n"
	       "link add uplink%u index %u type veth peer name vu%u netns /proc/%d/fd/%d\n"
	       "link set port%u up\nlink set uplink%u up\n",
	       number, v->eni, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], pid, e->ns[workload], number,
	       VPC_UPLINK_FIRST + number, number, pid, e->ns[NS_HOST], number, number);
	run_ip(e, workload,
	       "link set lo up\naddr add %s/24 dev eth0\naddr add %s/64 dev eth0 nodad\nlink set eth0 up\n"
	       "route add default via %s\nroute add ::/0 via fe80::1 dev eth0\n",
	       v->address4, v->address6, v->gateway4);
	snprintf(uplink, sizeof(uplink), "vu%u", number);
	run_ip(e, NS_HOST, "link set %s up\n", uplink);
	set(e, NS_HOST, "1", "ipv4/conf/%s/forwarding", uplink);
	set(e, NS_HOST, "1", "ipv6/conf/%s/forwarding", uplink);
	e->vu[number] = ifindex_of(e, NS_HOST, uplink);
	attach(e, space, v->eni, BPF_TC_INGRESS, e->l->skel->progs.from_workload);
	attach(e, space, v->eni, BPF_TC_EGRESS, e->l->skel->progs.to_workload);
	attach(e, space, VPC_UPLINK_FIRST + number, BPF_TC_INGRESS, e->l->skel->progs.from_uplink);
	attach(e, NS_HOST, e->vu[number], BPF_TC_INGRESS, e->l->skel->progs.from_vpc);
	attach(e, NS_HOST, e->vu[number], BPF_TC_EGRESS, e->l->skel->progs.to_host);
}

void edge_make_host(struct edge_lab *e)
{
	run_ip(e, NS_HOST,
	       "link set lo up\nlink add wan type veth peer name eth0 netns /proc/%d/fd/%d\n"
	       "addr add " HOST "/24 dev wan\naddr add 2001:db8::2/64 dev wan nodad\nlink set wan up\n",
	       (int)getpid(), e->ns[NS_WORLD]);
	edge_run(e, NS_HOST,
		 "exec nft 'table inet strict { chain forward { type filter hook forward priority 0; policy drop; }; "
		 "chain input { type filter hook input priority 0; policy drop; ct state established accept; "
		 "iif lo accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }; }'");
	run_ip(e, NS_WORLD,
	       "link set lo up\naddr add " WORLD "/24 dev eth0\naddr add 2001:db8::1/64 dev eth0 nodad\n"
	       "link set eth0 up\nroute add 203.0.113.0/24 dev eth0\nroute add fd00:1::/56 via 2001:db8::2\n");
	e->wan = ifindex_of(e, NS_HOST, "wan");
	attach(e, NS_HOST, e->wan, BPF_TC_INGRESS, e->l->skel->progs.from_world);
}
