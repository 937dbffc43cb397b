/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/request.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <netlink/handlers.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <vpc/clock.h>

/* A longer datagram is an error: the kernel makes none for requests like ours. */
#define ANSWER_BYTES 32768

DEFINE_CLEANUP(struct nl_cb *, nl_cb_put);

struct exchange {
	uint32_t seq;
	netlink_answer_fn fn;
	void *userdata;
	char *text;
	int result; /* of fn, the first that was not 0 */
	int error;  /* the kernel's, negative */
	bool interrupted;
	bool ended;
};

/* --- sockets ------------------------------------------------------------------------------------------------------ */

/* nl_connect would keep a low descriptor, of which there are few (FD_HIGH), and make the buffers smaller. */
int netlink_open_fd(int protocol)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK};

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return fd_move_high(TAKE_FD(fd));
}

/* Takes fd, also on error. */
static int make_socket(int protocol, int fd, struct nl_sock **ret)
{
	_cleanup_(nl_socket_freep) struct nl_sock *sk = NULL;
	_cleanup_(nl_cb_putp) struct nl_cb *cb = NULL;
	_cleanup_close_ int owned = fd;

	/* not nl_socket_alloc: callbacks by an environment variable (NLCB) would print */
	cb = nl_cb_alloc(NL_CB_CUSTOM);
	sk = cb ? nl_socket_alloc_cb(cb) : NULL;
	if (!sk)
		return -ENOMEM;
	if (nl_socket_set_fd(sk, protocol, owned) < 0)
		return -EBADF;
	TAKE_FD(owned);
	nl_socket_disable_auto_ack(sk); /* changes ask for one */
	/* without a size libnl asks for each datagram's length before it reads it */
	if (nl_socket_set_msg_buf_size(sk, ANSWER_BYTES) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(sk);
	return 0;
}

int netlink_open(int protocol, struct nl_sock **ret)
{
	int fd = netlink_open_fd(protocol), one = 1;

	if (fd < 0)
		return fd;
	/* only for better messages and stricter checks of requests: old kernels may refuse */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	return make_socket(protocol, fd, ret);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	/* a message has room for a page, and so for any header */
	if (msg)
		(void)nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO);
	return msg;
}

int netlink_build_error(int e)
{
	switch (-e) {
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_MSGSIZE:
		return -EMSGSIZE;
	default:
		return -EINVAL;
	}
}

/* --- callbacks of an exchange ------------------------------------------------------------------------------------- */

/* Answers that an earlier, broken off exchange left in the socket have another number. */
static int on_number(struct nl_msg *msg, void *userdata)
{
	const struct exchange *x = userdata;

	return nlmsg_hdr(msg)->nlmsg_seq == x->seq ? NL_OK : NL_SKIP;
}

static int on_interruption(struct nl_msg *msg, void *userdata)
{
	struct exchange *x = userdata;

	(void)msg;
	x->interrupted = true;
	return NL_OK;
}

static int on_answer(struct nl_msg *msg, void *userdata)
{
	struct exchange *x = userdata;

	if (x->fn && x->result == 0)
		x->result = x->fn(nlmsg_hdr(msg), x->userdata);
	/* one object is its own end: no acknowledgement was asked for */
	if (!(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_MULTI))
		x->ended = true;
	return NL_OK;
}

static int on_acknowledgement(struct nl_msg *msg, void *userdata)
{
	struct exchange *x = userdata;

	(void)msg;
	x->ended = true;
	return NL_OK;
}

/* The end of a list, with what the kernel's function returned. */
static int on_list_end(struct nl_msg *msg, void *userdata)
{
	struct exchange *x = userdata;
	int result = 0;

	if (nlmsg_datalen(nlmsg_hdr(msg)) >= (int)sizeof(result))
		memcpy(&result, nlmsg_data(nlmsg_hdr(msg)), sizeof(result));
	x->error = result < 0 ? result : 0;
	x->ended = true;
	return NL_OK;
}

/* The kernel's extended error text, where it gives any. It follows a copy of the request, or only of its header. */
static void read_text(const struct nlmsgerr *e, char text[NETLINK_TEXT_MAX])
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)((const char *)e - NLMSG_HDRLEN);
	size_t before = sizeof(*e);
	const struct nlattr *a;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		before += e->msg.nlmsg_len - sizeof(e->msg);
	a = nlmsg_find_attr((struct nlmsghdr *)h, (int)before, NLMSGERR_ATTR_MSG);
	if (netlink_is_string(a))
		snprintf(text, NETLINK_TEXT_MAX, "%s", nla_get_string((struct nlattr *)a));
}

/* libnl calls it with a pointer into the message, whose header stands before. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *userdata)
{
	struct exchange *x = userdata;

	(void)from;
	x->error = e->error;
	x->ended = true;
	if (x->text)
		read_text(e, x->text);
	return NL_SKIP;
}

static struct nl_cb *make_callbacks(struct exchange *x)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_CUSTOM);

	if (!cb)
		return NULL;
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_number, x);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interruption, x);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_answer, x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_acknowledgement, x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_list_end, x);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, x);
	return cb;
}

/* --- exchanges ---------------------------------------------------------------------------------------------------- */

/* What is still to come of an exchange that was broken off. While a dump is not read to its end, the kernel refuses the
 * socket's next one (EBUSY). */
static void drop_answers(int fd)
{
	char byte;

	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == EINTR || errno == ENOBUFS)
		;
}

/* Of a failed send or receive. libnl's numbers are fewer than errno's, which it leaves as the system call set it. */
static int io_error(int e)
{
	if (e == -NLE_MSG_TRUNC)
		return -EMSGSIZE;
	return errno > 0 ? -errno : -EIO;
}

static int send_message(struct nl_sock *sk, struct nl_msg *msg, uint32_t *ret_seq)
{
	int r;

	/* A number that no earlier request had: what still comes for one that was broken off is skipped by it. */
	nlmsg_hdr(msg)->nlmsg_seq = (uint32_t)monotonic_ns() | 1;
	*ret_seq = nlmsg_hdr(msg)->nlmsg_seq;
	do {
		errno = 0;
		r = nl_send_auto(sk, msg);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? io_error(r) : 0;
}

static int exchange(struct nl_sock *sk, struct nl_msg *msg, struct exchange *x)
{
	_cleanup_(nl_cb_putp) struct nl_cb *cb = make_callbacks(x);
	int r;

	if (!cb)
		return -ENOMEM;
	r = send_message(sk, msg, &x->seq);
	if (r < 0)
		return r;
	while (!x->ended) {
		errno = 0;
		r = nl_recvmsgs(sk, cb);
		if (r < 0) {
			r = io_error(r);
			drop_answers(nl_socket_get_fd(sk));
			return r;
		}
	}
	if (x->error < 0)
		return x->error;
	return x->interrupted ? -EAGAIN : x->result;
}

int netlink_change(struct nl_sock *sk, struct nl_msg *msg, char ret_text[NETLINK_TEXT_MAX])
{
	struct exchange x = {.text = ret_text};

	if (ret_text)
		ret_text[0] = 0;
	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	return exchange(sk, msg, &x);
}

int netlink_ask(struct nl_sock *sk, struct nl_msg *msg, netlink_answer_fn fn, void *userdata)
{
	struct exchange x = {.fn = fn, .userdata = userdata};

	return exchange(sk, msg, &x);
}

static size_t header_size(uint16_t type)
{
	switch (type) {
	case RTM_GETLINK:
		return sizeof(struct ifinfomsg);
	case RTM_GETADDR:
		return sizeof(struct ifaddrmsg);
	case RTM_GETNEIGH:
		return sizeof(struct ndmsg);
	case RTM_GETRULE:
		return sizeof(struct fib_rule_hdr);
	default:
		return sizeof(struct rtmsg);
	}
}

int netlink_dump(struct nl_sock *sk, uint16_t type, uint8_t family, netlink_answer_fn fn, void *userdata)
{
	/* each of these headers begins with the family */
	const uint8_t header[sizeof(struct ifinfomsg)] = {family};
	_cleanup_(nlmsg_freep) struct nl_msg *msg = netlink_message(type, NLM_F_DUMP, header, header_size(type));

	return msg ? netlink_ask(sk, msg, fn, userdata) : -ENOMEM;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void collect(const struct nlattr *first, int bytes, const struct nlattr **tb, size_t max)
{
	struct nlattr *a;
	int left;

	memset(tb, 0, max * sizeof(*tb));
	nla_for_each_attr(a, (struct nlattr *)first, bytes, left)
	{
		if ((size_t)nla_type(a) < max)
			tb[nla_type(a)] = a;
	}
}

void netlink_attrs(const struct nlmsghdr *h, size_t header_size, const struct nlattr **tb, size_t max)
{
	collect(nlmsg_attrdata(h, (int)header_size), nlmsg_attrlen(h, (int)header_size), tb, max);
}

void netlink_nested_attrs(const struct nlattr *nest, const struct nlattr **tb, size_t max)
{
	collect(nest ? nla_data(nest) : NULL, nest ? nla_len(nest) : 0, tb, max);
}

uint32_t netlink_number(const struct nlattr *a)
{
	switch (a ? nla_len(a) : 0) {
	case 1:
		return nla_get_u8(a);
	case 2:
		return nla_get_u16(a);
	case 4:
		return nla_get_u32(a);
	default:
		return 0;
	}
}

bool netlink_is_string(const struct nlattr *a)
{
	return a && nla_len(a) > 0 && ((const char *)nla_data(a))[nla_len(a) - 1] == 0;
}
