/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper process that libnftables runs in. It may end or crash at any time: nft.c sees that and starts it again. */
#include <errno.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <vpc/cleanup.h>

#include "datapath/net/nft/nft.h"
#include "datapath/net/nft/wire.h"

static void nft_freep(struct nft_ctx **ctx)
{
	if (*ctx)
		nft_ctx_free(*ctx);
}

static bool receive_all(void *data, size_t size)
{
	ssize_t n = size ? recv(NFT_CHILD_FD, data, size, MSG_WAITALL) : 0;

	return n == (ssize_t)size;
}

static bool send_all(const void *data, size_t size)
{
	for (const char *p = data; size > 0;) {
		ssize_t n = send(NFT_CHILD_FD, p, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

/* The fixed part of a request and the descriptor that comes with it. False: the other end is closed. */
static bool receive_request(struct nft_request *ret, int *ret_ns_fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((__aligned__(8))) = {};
	struct iovec iov = {.iov_base = ret, .iov_len = sizeof(*ret)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;

	if (recvmsg(NFT_CHILD_FD, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*ret))
		return false;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return false;
	memcpy(ret_ns_fd, CMSG_DATA(c), sizeof(int));
	return ret->text_bytes <= NFT_TEXT_MAX_BYTES;
}

/* libnftables has no error code but for syntax: the kernel's errno stands at the end of its first line, in words. */
static int error_of(const char *words)
{
	size_t line = strcspn(words, "\n");

	for (int e = 1; e < 134; e++) {
		const char *name = strerrordesc_np(e);
		size_t n = name ? strlen(name) : 0;

		if (n && n <= line && memcmp(words + line - n, name, n) == 0)
			return -e;
	}
	return -EINVAL;
}

/* In the namespace: commands (or NULL), then what is wanted. *ret_text stays the context's. */
static int run(struct nft_ctx *ctx, const char *commands, uint32_t wanted, const char **ret_text)
{
	nft_ctx_buffer_error(ctx);
	nft_ctx_buffer_output(ctx);
	nft_ctx_output_set_flags(ctx, NFT_CTX_OUTPUT_STATELESS);
	*ret_text = "";
	if ((commands && nft_run_cmd_from_buffer(ctx, commands)) ||
	    /* the whole ruleset: another table in our namespace is a difference too */
	    (wanted == NFT_ANSWER_RULESET && nft_run_cmd_from_buffer(ctx, "list ruleset"))) {
		*ret_text = nft_ctx_get_error_buffer(ctx);
		return error_of(*ret_text);
	}
	if (wanted != NFT_ANSWER_NOTHING)
		*ret_text = nft_ctx_get_output_buffer(ctx);
	return 0;
}

static bool answer(int error, const char *text)
{
	struct nft_answer a = {.error = error, .text_bytes = (uint32_t)strlen(text)};

	return send_all(&a, sizeof(a)) && send_all(text, a.text_bytes);
}

/* False: this process must end. The namespace is left before the answer: it may be removed then. */
static bool serve_one(int home)
{
	_cleanup_(nft_freep) struct nft_ctx *ctx = NULL;
	_cleanup_free_ char *commands = NULL;
	_cleanup_close_ int ns_fd = -1;
	struct nft_request request;
	const char *text = "";
	int r;

	alarm(0);
	if (!receive_request(&request, &ns_fd))
		return false;
	/* Whoever waits for the answer gives up after NFT_LIMIT_MS, and may be gone: this process must not stay. */
	alarm(2 * NFT_LIMIT_MS / 1000);
	commands = malloc(request.text_bytes + 1u);
	if (!commands || !receive_all(commands, request.text_bytes))
		return false;
	commands[request.text_bytes] = 0;
	if (setns(ns_fd, CLONE_NEWNET) < 0)
		return answer(-errno, "the namespace cannot be entered");
	ns_fd = close_fd(ns_fd);
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	r = ctx ? run(ctx, request.text_bytes ? commands : NULL, request.answer, &text) : -ENOMEM;
	return setns(home, CLONE_NEWNET) == 0 && answer(r, text);
}

int nft_child_main(void)
{
	_cleanup_close_ int home = -1;
	char path[64];

	/* vpcd's own namespace. The thread that started this process may have been in another, which must not be kept.
	 */
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)getppid());
	home = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || setns(home, CLONE_NEWNET) < 0)
		return 1;
	(void)prctl(PR_SET_NAME, "vpcd-nft");
	while (serve_one(home))
		;
	return 0;
}
