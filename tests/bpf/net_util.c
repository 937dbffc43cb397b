/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/net_util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpc/clock.h>

#include "datapath/net/nft/nft.h"

void nettest_built(const char *name, char ret[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	cr_assert_gt(n, 0);
	self[n] = 0;
	for (int i = 0; i < 3; i++) /* build/tests/bpf/NAME */
		*strrchr(self, '/') = 0;
	cr_assert_lt(snprintf(ret, PATH_MAX, "%s/%s", self, name), PATH_MAX);
	cr_assert_eq(access(ret, X_OK), 0, "%s is not there: make", ret);
}

/* Before criterion's main function: this program is also the helper for nft, as vpcd is. */
__attribute__((constructor)) static void be_nft_helper(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], NFT_CHILD_ARGUMENT))
		_exit(nft_child_main());
}

void nettest_enter(void)
{
	/* criterion waits for all children when it is process 1, for strangers, too, and never ends */
	atexit(nft_stop);
	cr_assert_eq(geteuid(), 0, "these tests need root (CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_BPF)");
	cr_assert_eq(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	cr_assert_eq(mount("", "/", "none", MS_PRIVATE | MS_REC, NULL), 0);
	cr_assert_eq(mount("nettest", "/run", "tmpfs", 0, NULL), 0);
	cr_assert_eq(mkdir("/run/bpf", 0700), 0);
	cr_assert_eq(mount("nettest", "/run/bpf", "bpf", 0, NULL), 0);
	for (int i = 0; i < NETTEST_PORTS; i++)
		cr_assert_eq(nettest_sh("ip netns add w%d", i), 0);
}

/* skb->mark: without it nothing passes the bridge (nft/bridge.c) */
#define SET_MARK                                                                                 \
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = (__s32)VPC_MARK_ENI}, \
	{                                                                                        \
		.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2,   \
		.off = offsetof(struct __sk_buff, mark)                                          \
	}

static int load(const struct bpf_insn *insns, size_t n)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pass", "GPL", insns, n, NULL);

	cr_assert_geq(fd, 0, "cannot load a program: %s", strerror(errno));
	return fd;
}

int nettest_program(void)
{
	const struct bpf_insn insns[] = {
		SET_MARK,
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(insns, ARRAY_SIZE(insns));
}

int nettest_deliver(void)
{
	const struct bpf_insn insns[] = {
		SET_MARK,
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1},
		{.code = BPF_LD | BPF_ABS | BPF_B, .imm = 0}, /* the MAC's first byte: 2 in those of ports */
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_0, .off = 6, .imm = 2},
		{.code = BPF_LD | BPF_ABS | BPF_B, .imm = 5}, /* its last: which port */
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = NETTEST_FIRST_ENI},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
		{.code = BPF_JMP | BPF_EXIT},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(insns, ARRAY_SIZE(insns));
}

static struct ip ip_of(const char *text)
{
	struct ip ip = {};

	if (strchr(text, ':')) {
		ip.family = 6;
		inet_pton(AF_INET6, text, ip.bytes);
	} else {
		ip.family = 4;
		ip.bytes[10] = ip.bytes[11] = 0xff;
		inet_pton(AF_INET, text, ip.bytes + 12);
	}
	return ip;
}

static void init_subnet(struct nettest *t, unsigned i)
{
	struct subnet_record *s = &t->subnets[i];
	char text[64];

	*s = (struct subnet_record){
		.number = 3 + i,
		.vpc = t->vpc.number,
		.ifindex = VPC_BRIDGE_FIRST + 3 + i,
		.mac = {0x06, 0, 0, 0, 0, (uint8_t)(3 + i)},
		.mtu = t->vpc.mtu,
		.gateway6 = {.addr = ip_of("fe80::1"), .plen = 64},
	};
	snprintf(s->id, sizeof(s->id), "subnet-%u", i);
	snprintf(s->bridge, sizeof(s->bridge), "br%u", i);
	snprintf(text, sizeof(text), "10.0.%u.1", i);
	s->gateway = (struct cidr){ip_of(text), 24};
	snprintf(text, sizeof(text), "fd00:0:0:%u::", i);
	s->cidr6 = (struct cidr){ip_of(text), 64};
}

static void init_port(struct nettest *t, unsigned i)
{
	struct port_record *p = &t->ports[i];
	unsigned subnet = i == NETTEST_PORTS - 1;
	char text[64];

	*p = (struct port_record){
		.eni = NETTEST_FIRST_ENI + i,
		.vpc = t->vpc.number,
		.subnet = t->subnets[subnet].number,
		.mac = {0x02, 0, 0, 0, 1, (uint8_t)i},
		.mtu = t->vpc.mtu,
		.ips = t->ips[i],
		.n_ips = 2,
		.plen4 = 24,
		.gateway4 = t->subnets[subnet].gateway.addr,
		.has_ip6 = true,
		.attachment = {.kind = ATTACHMENT_NETNS, .ifname = "eth0"},
	};
	snprintf(p->eni_id, sizeof(p->eni_id), "eni-%u", i);
	snprintf(p->host_ifname, sizeof(p->host_ifname), "port%u", i);
	snprintf(text, sizeof(text), "10.0.%u.%u", subnet, 10 + i);
	t->ips[i][0] = ip_of(text);
	snprintf(text, sizeof(text), "fd00:0:0:%u::%u", subnet, 10 + i);
	t->ips[i][1] = ip_of(text);
	snprintf(text, sizeof(text), "10.0.%u.%u", subnet, 50 + i);
	t->ips[i][2] = ip_of(text);
	snprintf(text, sizeof(text), "10.0.%u.%u", subnet, 90 + i);
	t->ips[i][3] = ip_of(text);
}

static void on_event(uint32_t vpc, uint32_t port, void *userdata)
{
	struct nettest *t = userdata;

	if (t->n_events < ARRAY_SIZE(t->events))
		t->events[t->n_events++] = (struct nettest_event){vpc, port};
}

void nettest_init(struct nettest *t, bool tcx)
{
	nettest_init_edge(t, tcx, NULL);
}

void nettest_init_edge(struct nettest *t, bool tcx, net_uplink_fn on_uplink)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;

	memset(t, 0, sizeof(*t));
	cr_assert_geq(sd_event_new(&t->event), 0);
	t->prog_from = nettest_deliver();
	t->prog_to = nettest_program();
	t->config = (struct net_config){
		.instance = "nettest",
		.pin_dir = "/run/bpf/nettest",
		.prog_from_workload = t->prog_from,
		.prog_to_workload = t->prog_to,
		.prog_from_router = t->prog_from,
		.use_tcx = tcx,
		.event = t->event,
	};
	if (on_uplink) {
		t->config.on_uplink = on_uplink;
		t->config.prog_from_uplink = t->config.prog_from_vpc = t->config.prog_to_host = t->prog_to;
		t->config.prog_from_world = t->prog_to;
	}
	t->vpc = (struct vpc_record){.number = 7, .id = "vpc-7", .netns = "nettest-vpc-7", .mtu = 1450};
	for (unsigned i = 0; i < 2; i++)
		init_subnet(t, i);
	for (unsigned i = 0; i < NETTEST_PORTS; i++)
		init_port(t, i);
	cr_assert_eq(net_new(&t->config, on_event, t, &t->net, &error), 0, "%s", error.message);
}

void nettest_end(struct nettest *t)
{
	net_free(t->net);
	close(t->prog_from);
	close(t->prog_to);
	sd_event_unref(t->event);
	for (unsigned i = 0; i < NETTEST_PORTS; i++)
		free(t->ports[i].attachment.path);
}

struct plan nettest_port_plan(const struct nettest *t, size_t i, bool before)
{
	struct plan p = {.ports = calloc(1, sizeof(*p.ports)), .n_ports = 1};

	p.ports[0] = (struct plan_port){.has_before = before, .has_after = !before};
	*(before ? &p.ports[0].before : &p.ports[0].after) = t->ports[i];
	return p;
}

struct plan nettest_plan(const struct nettest *t, size_t n_ports, bool before)
{
	struct plan p = {
		.vpcs = calloc(1, sizeof(*p.vpcs)),
		.n_vpcs = 1,
		.subnets = calloc(2, sizeof(*p.subnets)),
		.n_subnets = 2,
		.ports = calloc(n_ports + 1, sizeof(*p.ports)),
		.n_ports = n_ports,
	};

	p.vpcs[0] = (struct plan_vpc){.has_before = before, .has_after = !before};
	*(before ? &p.vpcs[0].before : &p.vpcs[0].after) = t->vpc;
	for (size_t i = 0; i < 2; i++) {
		p.subnets[i] = (struct plan_subnet){.has_before = before, .has_after = !before};
		*(before ? &p.subnets[i].before : &p.subnets[i].after) = t->subnets[i];
	}
	for (size_t i = 0; i < n_ports; i++) {
		p.ports[i] = (struct plan_port){.has_before = before, .has_after = !before};
		*(before ? &p.ports[i].before : &p.ports[i].after) = t->ports[i];
	}
	return p;
}

void nettest_plan_free(struct plan *p)
{
	free(p->vpcs);
	free(p->subnets);
	free(p->ports);
	*p = (struct plan){};
}

void nettest_open_workload(struct nettest *t, size_t i, struct workload *ret)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	char name[8];
	struct attachment_spec spec = {.kind = ATTACHMENT_NETNS, .netns = name};
	struct attachment *a = &t->ports[i].attachment;

	snprintf(name, sizeof(name), "w%zu", i);
	cr_assert_eq(workload_open(&spec, 0, ret, &error), 0, "%s", error.message);
	free(a->path);
	a->path = strdup(ret->path);
	ret->eni = t->ports[i].eni;
	a->ns_dev = ret->ns_dev;
	a->ns_ino = ret->ns_ino;
	memcpy(a->boot_id, ret->boot_id, sizeof(a->boot_id));
}

static void apply(struct nettest *t, const struct plan *p, const struct workload *workloads, size_t n)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct net_removal *removal = NULL;
	struct net_change *change = NULL;

	cr_assert_eq(net_prepare(t->net, p, workloads, n, &change, &error), 0, "%s", error.message);
	cr_assert_eq(net_publish(t->net, change, &removal), 0);
	cr_assert_eq(net_removal_run(removal), 0);
	net_removal_free(t->net, removal);
}

void nettest_attach(struct nettest *t, size_t i)
{
	struct workload w = WORKLOAD_INIT;
	struct plan p;

	nettest_open_workload(t, i, &w);
	p = nettest_port_plan(t, i, false);
	apply(t, &p, &w, 1);
	nettest_plan_free(&p);
	workload_clear(&w);
}

void nettest_build(struct nettest *t, size_t n_ports)
{
	nettest_build_as(t, "nettest", n_ports);
}

void nettest_build_as(struct nettest *t, const char *instance, size_t n_ports)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct netns ns = NETNS_INIT;
	struct plan p = nettest_plan(t, 0, false);

	cr_assert_eq(netns_make(&t->vpc, instance, &ns, &error), 0, "%s", error.message);
	cr_assert_eq(net_add_vpc(t->net, &t->vpc, &ns), 0);
	apply(t, &p, NULL, 0);
	nettest_plan_free(&p);
	for (size_t i = 0; i < n_ports; i++)
		nettest_attach(t, i);
}

void nettest_remove(struct nettest *t, const struct plan *p)
{
	apply(t, p, NULL, 0);
}

static void note_failed(const char *object, int result, void *userdata)
{
	struct nettest *t = userdata;

	if (result < 0)
		snprintf(t->failed, sizeof(t->failed), "%s", object);
}

int nettest_try_links(struct nettest *t)
{
	struct net_attach *a = NULL;
	int r;

	t->failed[0] = '\0';
	cr_assert_eq(net_attach_begin(t->net, SIZE_MAX, &a), 0);
	if (!a)
		return 0;
	r = net_attach_run(a);
	net_attach_each(t->net, a, note_failed, t);
	net_attach_free(t->net, a);
	return r;
}

void nettest_attach_links(struct nettest *t)
{
	uint64_t end = monotonic_us() + 10000000;
	int r = nettest_try_links(t);

	/* the kernel takes off a link whose pin is gone when it comes to that */
	while (r == -EEXIST && monotonic_us() < end) {
		cr_assert_eq(usleep(5000), 0);
		cr_assert(net_attach_again(t->net, t->failed));
		r = nettest_try_links(t);
	}
	cr_assert_eq(r, 0, "%s: %s", t->failed, strerror(-r));
}

static int status_of(int r)
{
	return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

int nettest_sh(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return status_of(system(command));
}

int nettest_in(const char *netns, const char *format, ...)
{
	char command[900];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return nettest_sh("nsenter --net=/run/netns/%s %s", netns, command);
}

int nettest_lines(const char *format, ...)
{
	char command[1024], line[4096];
	va_list ap;
	int n = 0;
	FILE *f;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	f = popen(command, "r");
	cr_assert(f);
	while (fgets(line, sizeof(line), f))
		n++;
	pclose(f);
	return n;
}

void nettest_loop(struct nettest *t)
{
	while (sd_event_run(t->event, 20000) > 0)
		;
}

json_t *nettest_verify(struct nettest *t, size_t n_ports)
{
	struct plan p = nettest_plan(t, n_ports, false);
	json_t *report = json_array();
	int r = net_verify(&t->config, &p, report);

	nettest_plan_free(&p);
	cr_assert_eq(r, 0, "verify: %s", strerror(-r));
	return report;
}

void nettest_clean(struct nettest *t, size_t n_ports, const char *when)
{
	json_t *report = nettest_verify(t, n_ports);
	char *text = json_dumps(report, JSON_INDENT(1));

	cr_assert_eq(json_array_size(report), 0, "%s: %s", when, text);
	free(text);
	json_decref(report);
}

unsigned nettest_count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

void nettest_count(uint32_t vpc, void *userdata)
{
	(void)vpc;
	++*(int *)userdata;
}
