/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU calls to get an ENI's tap:
 *
 *   -netdev 'tap,id=n0,helper=/usr/local/bin/vpc-qemu-helper --eni vm1'
 *
 * QEMU appends --use-vnet --fd=N --br=NAME (net/tap.c, net_bridge_run_helper) and waits for a message with the
 * descriptor on its socket N. We get one from vpcd-tap.sock, which asks nothing but who we are. No privilege needed.
 *
 * VMMs that take a descriptor's number instead are started by us: --exec N -- COMMAND. So is QEMU for a tap of several
 * queues, of which its helpers pass one.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/json.h>
#include <vpc/number.h>
#include <vpc/options.h>
#include <vpc/paths.h>

#include "cli/lib/cli.h"
#include "cli/lib/unreachable.h"

#define LINE_MAX_BYTES 8192
#define QUEUES_MAX     64

struct options {
	const char *eni;
	const char *vpc;
	const char *socket;
	int fd;	  /* QEMU's socket; -1: none */
	int exec; /* number of the first descriptor in the command; -1: none */
	int queues;
	char **command;
};

PRINTF_LIKE(1, 2)
static int say(const char *format, ...)
{
	va_list ap;

	fputs("vpc-qemu-helper: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static void print_help(void)
{
	puts("vpc-qemu-helper - hands a network interface's tap to QEMU\n\n"
	     "Usage: vpc-qemu-helper --eni ENI [--vpc VPC] [--socket PATH] --fd=N\n"
	     "       vpc-qemu-helper --eni ENI [--vpc VPC] [--socket PATH] --exec=N [--queues=M] -- COMMAND "
	     "[ARGUMENT]...\n\n"
	     "  --eni ENI      the network interface, id or name; attached with --tap, owned by you\n"
	     "  --vpc VPC      where the name is looked up\n"
	     "  --socket PATH  vpcd's socket for taps (" VPCD_TAP_SOCKET ", or VPCD_TAP_SOCKET)\n"
	     "  --fd=N         socket that the descriptor is passed over; QEMU adds it, with --use-vnet and --br=NAME\n"
	     "  --exec=N       run the command with the tap as descriptor N, for VMMs that take a number\n"
	     "  --queues=M     the same for M queues: descriptors N to N+M-1\n"
	     "  --version      print the version\n\n"
	     "Example:\n"
	     "  vpcctl attach vm1 --subnet app --sg web --tap --owner \"$USER\"\n"
	     "  qemu-system-x86_64 -netdev 'tap,id=n0,helper=/usr/local/bin/vpc-qemu-helper --eni vm1' \\\n"
	     "          -device virtio-net-pci,netdev=n0,mac=MAC …        MAC: as vpcctl eni show vm1 says");
}

static int number_of(const char *text, int *ret)
{
	uint64_t n;

	if (number_parse(text, INT32_MAX, &n) < 0)
		return -EINVAL;
	*ret = (int)n;
	return 0;
}

enum {
	OPTION_ENI = 256,
	OPTION_VPC,
	OPTION_SOCKET,
	OPTION_FD,
	OPTION_EXEC,
	OPTION_QUEUES,
	OPTION_IGNORED,
	OPTION_HELP,
	OPTION_VERSION,
};

/* 1: there is nothing more to do. */
static int parse(int argc, char **argv, struct options *ret)
{
	static const struct option options[] = {
		{"eni", required_argument, NULL, OPTION_ENI},
		{"vpc", required_argument, NULL, OPTION_VPC},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"fd", required_argument, NULL, OPTION_FD},
		{"exec", required_argument, NULL, OPTION_EXEC},
		{"use-vnet", no_argument, NULL, OPTION_IGNORED},
		{"br", required_argument, NULL, OPTION_IGNORED},
		{"help", no_argument, NULL, OPTION_HELP},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"queues", required_argument, NULL, OPTION_QUEUES},
		{},
	};
	const char *environment = getenv("VPCD_TAP_SOCKET"), *inexact = options_find_inexact(argc, argv, options, true);
	int option;

	if (inexact)
		return say("there is no option %.*s (try --help)", (int)strcspn(inexact, "="), inexact);

	*ret = (struct options){
		.socket = environment && *environment ? environment : VPCD_TAP_SOCKET,
		.fd = -1,
		.exec = -1,
		.queues = 1,
	};
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == '?')
			return -1;
		if (option == OPTION_ENI)
			ret->eni = optarg;
		else if (option == OPTION_VPC)
			ret->vpc = optarg;
		else if (option == OPTION_SOCKET)
			ret->socket = optarg;
		else if (option == OPTION_FD && number_of(optarg, &ret->fd) < 0)
			return say("--fd=%s is not a descriptor's number", optarg);
		else if (option == OPTION_EXEC && number_of(optarg, &ret->exec) < 0)
			return say("--exec=%s is not a descriptor's number", optarg);
		else if (option == OPTION_QUEUES &&
			 (number_of(optarg, &ret->queues) < 0 || ret->queues < 1 || ret->queues > QUEUES_MAX))
			return say("--queues=%s is not a number from 1 to %d", optarg, QUEUES_MAX);
		else if (option == OPTION_HELP)
			print_help();
		else if (option == OPTION_VERSION)
			puts("vpc-qemu-helper " VPCD_VERSION);
		if (option == OPTION_HELP || option == OPTION_VERSION)
			return 1;
	}
	ret->command = argv + optind;
	if (optind < argc && ret->exec < 0)
		return say("unexpected argument '%s' (try --help)", argv[optind]);
	if (!ret->eni)
		return say("--eni is required (try --help)");
	if ((ret->fd < 0) == (ret->exec < 0) || (ret->exec >= 0 && optind == argc))
		return say("either --fd, or --exec with a command is required (try --help)");
	if (ret->queues > 1 && ret->exec < 0)
		return say("--queues goes with --exec (try --help)");
	return 0;
}

static int unreachable(const char *path, int error)
{
	struct unreachable f = unreachable_explain(path, error);

	return say("%s%s%s", f.what, f.advice[0] ? "; " : "", f.advice);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return say("socket: %s", strerror(errno));
	if (strlen(path) >= sizeof(address.sun_path))
		return say("%s: the path is too long", path);
	memcpy(address.sun_path, path, strlen(path));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return unreachable(path, -errno);
	return TAKE_FD(fd);
}

static int ask(int fd, const struct options *o)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *json = json_pack("{s:s,s:i,s:s*}", "eni", o->eni, "queues", o->queues, "vpc", o->vpc);
	size_t n;

	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		return say("the name cannot be sent: is it UTF-8?");
	n = strlen(text);
	text[n] = '\n';
	if (send(fd, text, n + 1, MSG_NOSIGNAL) != (ssize_t)n + 1)
		return say("%s: %s", o->socket, strerror(errno));
	return 0;
}

static void explain(const char *socket, const char *line, size_t size)
{
	_cleanup_json_ json_t *json = json_loadb(line, size, JSON_DISABLE_EOF_CHECK, NULL);
	const char *code = json_member_text(json, "code");
	const char *message = json_member_text(json, "message");

	if (code && message)
		say("%s: %s", code, message);
	else
		unreachable(socket, -EPROTO);
}

/* The n descriptors come with the answer's first byte. */
static int receive(const char *socket, int fd, int *ret_taps, size_t n)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(int) * QUEUES_MAX)];
	} control;
	char line[LINE_MAX_BYTES];
	struct iovec iov = {.iov_base = line, .iov_len = sizeof(line)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = size > 0 ? CMSG_FIRSTHDR(&m) : NULL;

	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
	    h->cmsg_len == CMSG_LEN(sizeof(int) * n)) {
		memcpy(ret_taps, CMSG_DATA(h), sizeof(int) * n);
		return 0;
	}
	explain(socket, line, size > 0 ? (size_t)size : 0);
	return -1;
}

/* As qemu-bridge-helper does: one byte, and the descriptor with it. */
static int pass(int to, int tap)
{
	union {
		struct cmsghdr h;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &tap, sizeof(tap));
	if (sendmsg(to, &m, MSG_NOSIGNAL) < 0)
		return say("cannot pass the tap on descriptor %d: %s", to, strerror(errno));
	return 0;
}

/* Gives the taps the numbers from options->exec on and runs the command. Returns only when it can't be run. */
static int run(const struct options *options, int *taps)
{
	int first = options->exec, n = options->queues;

	/* above the numbers that they are to have */
	for (int i = 0; i < n; i++) {
		taps[i] = fcntl(taps[i], F_DUPFD_CLOEXEC, first + n);
		if (taps[i] < 0)
			return say("cannot make the tap a descriptor behind %d: %s", first + n, strerror(errno));
	}
	for (int i = 0; i < n; i++)
		if (dup2(taps[i], first + i) < 0)
			return say("cannot make the tap descriptor %d: %s", first + i, strerror(errno));
	execvp(options->command[0], options->command);
	return say("%s: %s", options->command[0], strerror(errno));
}

int main(int argc, char **argv)
{
	_cleanup_close_ int fd = -1;
	struct options options;
	int taps[QUEUES_MAX]; /* they go with the process */
	int r = parse(argc, argv, &options);

	if (r)
		return r < 0 ? CLI_USAGE : CLI_OK;
	fd = connect_to(options.socket);
	if (fd < 0)
		return CLI_NO_DAEMON;
	if (ask(fd, &options) < 0)
		return CLI_REFUSED;
	if (receive(options.socket, fd, taps, (size_t)options.queues) < 0)
		return CLI_REFUSED;
	if (options.exec >= 0) {
		run(&options, taps);
		return CLI_REFUSED;
	}
	if (pass(options.fd, taps[0]) < 0)
		return CLI_REFUSED;
	return CLI_OK;
}
