/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/nft/nft.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vpc/cleanup.h>
#include <vpc/clock.h>

#include "datapath/net/nft/wire.h"

/* Helpers that were killed and hadn't ended yet: one that hangs in the kernel ends when it comes back from there. */
#define LOST_MAX   16
#define STOP_TRIES 200

static struct {
	pthread_mutex_t lock;
	pid_t pid; /* 0: none */
	int fd;	   /* its socket, where pid is not 0 */
	pid_t lost[LOST_MAX];
	size_t n_lost;
} helper = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void unlockp(pthread_mutex_t **lock)
{
	if (*lock)
		pthread_mutex_unlock(*lock);
}

/* --- the process -------------------------------------------------------------------------------------------------- */

static void reap_lost(void)
{
	for (size_t i = 0; i < helper.n_lost;) {
		if (waitpid(helper.lost[i], NULL, WNOHANG) == 0)
			i++;
		else
			helper.lost[i] = helper.lost[--helper.n_lost];
	}
}

/* Ends the helper, whatever it does. */
static void discard(void)
{
	if (!helper.pid)
		return;
	helper.fd = close_fd(helper.fd);
	kill(helper.pid, SIGKILL);
	/* where there is no room, the oldest stays a zombie until vpcd ends */
	if (helper.n_lost == LOST_MAX)
		memmove(helper.lost, helper.lost + 1, --helper.n_lost * sizeof(helper.lost[0]));
	helper.lost[helper.n_lost++] = helper.pid;
	helper.pid = 0;
	reap_lost();
}

/* The helper's end becomes descriptor 3; it inherits standard error and nothing else. */
static int spawn(int fd, pid_t *ret)
{
	char *argv[] = {(char *)"vpcd", (char *)NFT_CHILD_ARGUMENT, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, 0, 1);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&actions, fd, NFT_CHILD_FD);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, NFT_CHILD_FD + 1);
	if (!r)
		r = posix_spawnattr_setsigmask(&attributes, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(&attributes, &all);
	if (!r)
		r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!r)
		r = posix_spawn(ret, "/proc/self/exe", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int start(void)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], r;

	if (helper.pid)
		return 0;
	reap_lost();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = fd_move_high(pair[0]);
	theirs = fd_move_high(pair[1]); /* not 0 to 2, should vpcd have been started without them */
	r = spawn(theirs, &helper.pid);
	if (r < 0) {
		helper.pid = 0;
		return r;
	}
	helper.fd = TAKE_FD(ours);
	return 0;
}

/* --- one request -------------------------------------------------------------------------------------------------- */

/* 0: ready, or hung up, which the call that follows tells. -ETIME. */
static int wait_for(short events, uint64_t until_ms)
{
	struct pollfd p = {.fd = helper.fd, .events = events};

	for (;;) {
		uint64_t now = monotonic_ms();
		int n = now < until_ms ? poll(&p, 1, (int)(until_ms - now)) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIME;
		if (errno != EINTR)
			return -errno;
	}
}

static int send_all(const void *data, size_t size, int ns_fd, uint64_t until_ms)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((__aligned__(8))) = {};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (ns_fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &ns_fd, sizeof(int));
	}
	while (iov.iov_len > 0) {
		int r = wait_for(POLLOUT, until_ms);
		ssize_t n;

		if (r < 0)
			return r;
		n = sendmsg(helper.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -EIO;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	return 0;
}

static int receive_all(void *data, size_t size, uint64_t until_ms)
{
	for (size_t done = 0; done < size;) {
		int r = wait_for(POLLIN, until_ms);
		ssize_t n;

		if (r < 0)
			return r;
		n = recv(helper.fd, (char *)data + done, size - done, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Sends a request and receives what the helper answers. -errno: the helper is of no use any more. */
static int exchange(int ns_fd, const char *commands, uint32_t wanted, struct nft_answer *ret, char **ret_text)
{
	struct nft_request request = {.text_bytes = commands ? (uint32_t)strlen(commands) : 0, .answer = wanted};
	uint64_t until_ms = monotonic_ms() + NFT_LIMIT_MS;
	_cleanup_free_ char *text = NULL;
	int r = start();

	if (r < 0)
		return r;
	r = send_all(&request, sizeof(request), ns_fd, until_ms);
	if (r >= 0)
		r = send_all(commands, request.text_bytes, -1, until_ms);
	if (r >= 0)
		r = receive_all(ret, sizeof(*ret), until_ms);
	if (r >= 0 && (ret->error > 0 || ret->text_bytes > NFT_TEXT_MAX_BYTES))
		r = -EIO;
	if (r < 0)
		return r;
	text = malloc(ret->text_bytes + 1u);
	if (!text)
		return -ENOMEM;
	r = receive_all(text, ret->text_bytes, until_ms);
	if (r < 0)
		return r;
	text[ret->text_bytes] = 0;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int request(int ns_fd, const char *commands, uint32_t wanted, char **ret_text)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &helper.lock;
	struct nft_answer answer;
	int r = -EIO;

	pthread_mutex_lock(lock);
	/* The helper may have ended since its last use, so the request is repeated once. If it fails again, the request
	 * itself ends the helper. */
	for (int tries = 0; r == -EIO && tries < 2; tries++) {
		r = exchange(ns_fd, commands, wanted, &answer, ret_text);
		if (r < 0)
			discard();
	}
	return r < 0 ? r : answer.error;
}

int nft_apply(int ns_fd, const char *commands, char **ret_listing, char *text, size_t size)
{
	_cleanup_free_ char *said = NULL;
	int r;

	text[0] = 0;
	if (strlen(commands) > NFT_TEXT_MAX_BYTES)
		return -E2BIG;
	r = request(ns_fd, commands, ret_listing ? NFT_ANSWER_RULESET : NFT_ANSWER_NOTHING, &said);
	if (r < 0) {
		snprintf(text, size, "%s", said ? said : r == -EIO ? "nft ended unexpectedly" : "");
		text[strcspn(text, "\n")] = 0;
		return r;
	}
	if (ret_listing)
		*ret_listing = TAKE_PTR(said);
	return 0;
}

int nft_list(int ns_fd, char **ret)
{
	_cleanup_free_ char *said = NULL;
	int r = request(ns_fd, NULL, NFT_ANSWER_RULESET, &said);

	if (r >= 0)
		*ret = TAKE_PTR(said);
	return r;
}

int nft_output(int ns_fd, const char *commands, char **ret)
{
	_cleanup_free_ char *said = NULL;
	int r = request(ns_fd, commands, NFT_ANSWER_OUTPUT, &said);

	if (r >= 0)
		*ret = TAKE_PTR(said);
	return r;
}

/* --- its life ----------------------------------------------------------------------------------------------------- */

void nft_reap(void)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &helper.lock;

	/* in use: its user notices its end */
	if (pthread_mutex_trylock(lock) != 0) {
		lock = NULL;
		return;
	}
	if (helper.pid && waitpid(helper.pid, NULL, WNOHANG) == helper.pid) {
		helper.fd = close_fd(helper.fd);
		helper.pid = 0;
	}
	reap_lost();
}

void nft_stop(void)
{
	_cleanup_(unlockp) pthread_mutex_t *lock = &helper.lock;

	pthread_mutex_lock(lock);
	discard();
	/* Killed, it ends at once unless it hangs in the kernel. */
	for (int i = 0; helper.n_lost > 0 && i < STOP_TRIES; i++) {
		usleep(1000);
		reap_lost();
	}
}
