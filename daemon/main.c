/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vpcd: wiring only. What happens to a change is in engine/txn/txn.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <vpc/error.h>
#include <vpc/mkdir.h>
#include <vpc/paths.h>

#include "api/api.h"
#include "config.h"
#include "datapath/net/nft/nft.h"
#include "engine/engine.h"
#include "util/log.h"

/* --- being the only one ------------------------------------------------------------------------------ */

/* An abstract socket's name is free again the moment its process ends, whatever run folder it used. */
static int lock_instance(const char *instance, int *ret_fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "vpcd/instance/%s", instance);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int lock_run_dir(const char *run_dir, int *ret_fd)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	int r = mkdir_parents(run_dir, 0755, 0755);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/" VPCD_LOCK_NAME, run_dir) < 0)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Removes what a daemon left in the run folder, unless one runs there: another instance may use the folder. */
static void clean_run_dir(const struct config *c)
{
	static const char *const names[] = {VPCD_SOCKET_NAME, VPCD_READ_ONLY_SOCKET_NAME, VPCD_TAP_SOCKET_NAME,
					    VPCD_LOCK_NAME};
	_cleanup_free_ char *lock = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&lock, "%s/" VPCD_LOCK_NAME, c->run_dir) < 0) {
		lock = NULL;
		return;
	}
	fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", c->run_dir, names[i]) < 0)
			path = NULL;
		else
			(void)unlink(path);
	}
}

/* Whether vpcd runs in the host's mount namespace. In one of its own, the mounts under /run/netns would vanish with it,
 * and every network with them. */
static bool mounts_are_the_hosts(void)
{
	struct stat own, init;

	if (stat("/proc/self/ns/mnt", &own) < 0 || stat("/proc/1/ns/mnt", &init) < 0)
		return true; /* not readable: not root, which fails later and says so */
	return own.st_ino == init.st_ino && own.st_dev == init.st_dev;
}

static int take_locks(const struct config *c, int *ret_instance, int *ret_run_dir)
{
	int r = lock_instance(c->instance, ret_instance);

	if (r == -EADDRINUSE)
		log_error("a daemon of instance '%s' is running; stop it first, or choose another --instance",
			  c->instance);
	else if (r < 0)
		log_error("cannot lock instance '%s': %s", c->instance, strerror(-r));
	if (r < 0 || c->purge)
		return r;
	r = lock_run_dir(c->run_dir, ret_run_dir);
	if (r == -EWOULDBLOCK)
		log_error("another vpcd uses %s; choose another --run-dir (and --state-dir)", c->run_dir);
	else if (r < 0)
		log_error("cannot use %s: %s", c->run_dir, strerror(-r));
	return r;
}

/* --- running ----------------------------------------------------------------------------------------- */

/* SIG_IGN as the kernel has it, for signals that libc keeps from its callers. */
static void ignore_in_kernel(int number)
{
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {.handler = SIG_IGN};

	(void)syscall(SYS_rt_sigaction, number, &action, NULL, sizeof(action.mask));
}

/* Only SIGTERM, SIGINT and SIGQUIT end vpcd, and what tells of an error in it. By default others would, too: what a
 * user sends to ask for a reload or a status, timers, pipes and file sizes, and all real-time signals. */
static void ignore_signals(void)
{
	static const int ignored[] = {SIGHUP,  SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM,   SIGVTALRM,
				      SIGPROF, SIGXCPU, SIGXFSZ, SIGIO,	  SIGSTKFLT, SIGPWR};

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		signal(s, SIG_IGN);
	/* The first real-time signals are libc's own. It sets them again when it needs them. */
	for (int s = __SIGRTMIN; s < SIGRTMIN; s++)
		ignore_in_kernel(s);
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source, (void)info, (void)userdata;
	nft_reap();
	return 0;
}

static int make_event(sd_event **ret)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGCHLD};
	sd_event *event = NULL;
	sigset_t blocked;
	int r = sd_event_new(&event);

	if (r < 0)
		return r;
	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&blocked, signals[i]);
	r = sigprocmask(SIG_BLOCK, &blocked, NULL) < 0 ? -errno : 0;
	/* Without a handler the signal ends the loop. */
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(signals); i++)
		r = sd_event_add_signal(event, NULL, signals[i], signals[i] == SIGCHLD ? on_child : NULL, NULL);
	if (r >= 0)
		r = sd_event_set_watchdog(event, true);
	if (r < 0) {
		sd_event_unref(event);
		return r;
	}
	*ret = event;
	return 0;
}

/* A change is small and somebody waits for it, perhaps to cut an attacker off: it goes before what workloads do with
 * the CPUs. Not in real time: large requests would keep the kernel's own threads from theirs. Whoever has set another
 * value (Nice= in the unit, or nice) is obeyed; who may not raise it runs as before. */
#define NICE (-10)

static void go_before_workloads(void)
{
	errno = 0;
	if (getpriority(PRIO_PROCESS, 0) == 0 && errno == 0 && setpriority(PRIO_PROCESS, 0, NICE) < 0)
		log_notice("runs with the priority of others (nice 0): %s", strerror(errno));
}

static int serve(const struct config *c, const struct engine_config *engine_config)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	struct api_config api_config = {
		.instance = c->instance,
		.run_dir = c->run_dir,
		.socket_path = c->socket,
		.group = c->group,
		.event = engine_config->event,
		.max_connections = c->limits.api_connections,
	};
	_cleanup_(engine_freep) struct engine *engine = NULL;
	struct api *api = NULL;
	int r;

	go_before_workloads(); /* before there are threads: each has its own */
	r = engine_new(engine_config, &engine, &error);
	if (r == 0) {
		engine_usage_keep(engine, c->usage_days);
		api_config.engine = engine;
		r = api_new(&api_config, &api, &error);
	}
	if (r < 0) {
		log_error("%s: %s", vpc_code_string(error.code), error.message);
		return r;
	}
	log_notice("instance '%s' is ready", c->instance);
	sd_notify(0, "READY=1");
	r = sd_event_loop(engine_config->event);
	sd_notify(0, "STOPPING=1");
	api_free(api);
	return r < 0 ? r : 0;
}

static int run(const struct config *c)
{
	_cleanup_error_ struct vpc_error error = VPC_ERROR_INIT;
	_cleanup_close_ int instance_lock = -1, run_lock = -1;
	char bpf_dir[128];
	struct engine_config engine_config = {
		.instance = c->instance,
		.state_dir = c->state_dir,
		.run_dir = c->run_dir,
		.bpf_dir = bpf_dir,
		.limits = c->limits,
		.pools = c->pools,
		.n_pools = c->n_pools,
		.accept_store = c->accept_store,
		.use_tcx = c->use_tcx,
		.use_fast_path = c->use_fast_path,
		.use_edge_redirect = c->use_edge_redirect,
		.history_depth = c->history_depth,
		.history_bytes = c->history_mib << 20,
		.outer = c->outer,
	};
	int r;

	snprintf(bpf_dir, sizeof(bpf_dir), VPCD_PIN_DIR "/%s", c->instance);
	if (geteuid() != 0) {
		log_error("vpcd must be started by root");
		return -EPERM;
	}
	if (!mounts_are_the_hosts()) {
		log_error(
			"vpcd runs in a mount namespace of its own, and networks would end with it; start it outside");
		return -EPERM;
	}
	if (c->group && !getgrnam(c->group)) {
		log_error("there is no group '%s'; make it first, or leave --group out", c->group);
		return -ENOENT;
	}
	r = take_locks(c, &instance_lock, &run_lock);
	if (r < 0)
		return r;
	if (c->purge) {
		r = engine_purge(&engine_config, c->purge_state, &error);
		if (r < 0)
			log_error("%s: %s", vpc_code_string(error.code), error.message);
		else
			clean_run_dir(c);
		return r;
	}
	r = make_event(&engine_config.event);
	if (r < 0) {
		log_error("cannot start the event loop: %s", strerror(-r));
		return r;
	}
	r = serve(c, &engine_config);
	nft_stop();
	sd_event_unref(engine_config.event);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(config_clear) struct config config = {0};

	/* For vpcd itself only, so not among the options: see datapath/net/nft/nft.h. */
	if (argc == 2 && strcmp(argv[1], NFT_CHILD_ARGUMENT) == 0)
		return nft_child_main();
	if (config_parse(&config, argc, argv) < 0)
		return 2;
	if (config.help) {
		config_print_help();
		return 0;
	}
	if (config.version) {
		printf("vpcd %s\n", VPCD_VERSION);
		return 0;
	}
	log_init(config.log_level);
	ignore_signals();
	return run(&config) < 0 ? 1 : 0;
}
