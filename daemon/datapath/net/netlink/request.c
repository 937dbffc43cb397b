/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/netlink/request.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <vpc/cleanup.h>

#define ANSWER_BYTES 32768

struct exchange {
	uint32_t seq;
	rtnl_answer_fn fn;
	void *userdata;
	char *text;
	int result; /* of fn, the first that was not 0 */
	bool interrupted;
};

int rtnl_open(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int one = 1;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* only for better messages: old kernels may refuse */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	return fd_move_high(TAKE_FD(fd));
}

void *rtnl_begin(struct rtnl_message *m, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(m->bytes);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(h, size);
}

static int send_message(int fd, struct rtnl_message *m, uint32_t *ret_seq)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timespec ts;

	/* answers that an earlier, broken off exchange left in the socket have another number */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	m->h.nlmsg_seq = (uint32_t)((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec);
	for (;;) {
		if (sendto(fd, m->bytes, m->h.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) >= 0)
			break;
		if (errno != EINTR)
			return -errno;
	}
	*ret_seq = m->h.nlmsg_seq;
	return 0;
}

/* The attribute at p, or NULL where none (or none whole) is left before end. */
static const struct nlattr *attr_at(const void *p, const void *end)
{
	const struct nlattr *a = p;

	return mnl_attr_ok(a, (int)((const char *)end - (const char *)p)) ? a : NULL;
}

/* The kernel's own words behind an error, where it gives any. */
static void read_text(const struct nlmsghdr *h, char *text)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(h);
	size_t offset = sizeof(*error);
	const void *end = mnl_nlmsg_get_payload_tail(h);

	text[0] = 0;
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		offset += error->msg.nlmsg_len - sizeof(struct nlmsghdr);
	for (const struct nlattr *a = attr_at(mnl_nlmsg_get_payload_offset(h, offset), end); a;
	     a = attr_at(mnl_attr_next(a), end)) {
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(text, RTNL_TEXT_MAX, "%s", mnl_attr_get_str(a));
	}
}

/* Reads one datagram. 1: the exchange ended with *ret; 0: more to come. */
static int read_answers(struct exchange *x, const char *buf, size_t size, int *ret)
{
	int left = (int)size;

	for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != x->seq)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			x->interrupted = true;
		if (h->nlmsg_type == NLMSG_ERROR) {
			*ret = ((const struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
			if (x->text && *ret < 0)
				read_text(h, x->text);
			return 1;
		}
		if (h->nlmsg_type == NLMSG_DONE) {
			*ret = *(const int *)mnl_nlmsg_get_payload(h);
			if (*ret >= 0)
				*ret = x->interrupted ? -EAGAIN : 0;
			return 1;
		}
		if (x->fn && x->result == 0)
			x->result = x->fn(h, x->userdata);
	}
	return 0;
}

/* What is still to come of an exchange that was broken off. While a dump is not read to its end, the kernel refuses the
 * socket's next one (EBUSY). */
static void drop_answers(int fd)
{
	char byte;

	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == EINTR || errno == ENOBUFS)
		;
}

static int exchange(int fd, struct rtnl_message *m, struct exchange *x)
{
	char buf[ANSWER_BYTES] __attribute__((__aligned__(8)));
	int r;

	r = send_message(fd, m, &x->seq);
	if (r < 0)
		return r;
	for (;;) {
		ssize_t size = recv(fd, buf, sizeof(buf), MSG_TRUNC);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 || (size_t)size > sizeof(buf)) {
			r = size < 0 ? -errno : -EMSGSIZE;
			drop_answers(fd);
			return r;
		}
		if (read_answers(x, buf, (size_t)size, &r))
			return r < 0 ? r : x->result;
	}
}

int rtnl_change(int fd, struct rtnl_message *m, char ret_text[RTNL_TEXT_MAX])
{
	struct exchange x = {.text = ret_text};

	if (ret_text)
		ret_text[0] = 0;
	m->h.nlmsg_flags |= NLM_F_ACK;
	return exchange(fd, m, &x);
}

int rtnl_ask(int fd, struct rtnl_message *m, rtnl_answer_fn fn, void *userdata)
{
	struct exchange x = {.fn = fn, .userdata = userdata};

	if ((m->h.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		m->h.nlmsg_flags |= NLM_F_ACK;
	return exchange(fd, m, &x);
}

static void collect(const void *start, const void *end, const struct nlattr **tb, size_t max)
{
	memset(tb, 0, max * sizeof(*tb));
	for (const struct nlattr *a = attr_at(start, end); a; a = attr_at(mnl_attr_next(a), end)) {
		if (mnl_attr_get_type(a) < max)
			tb[mnl_attr_get_type(a)] = a;
	}
}

void rtnl_attrs(const struct nlmsghdr *h, size_t header_size, const struct nlattr **tb, size_t max)
{
	collect(mnl_nlmsg_get_payload_offset(h, header_size), mnl_nlmsg_get_payload_tail(h), tb, max);
}

void rtnl_nested_attrs(const struct nlattr *nest, const struct nlattr **tb, size_t max)
{
	const char *start = nest ? mnl_attr_get_payload(nest) : NULL;

	if (nest)
		collect(start, start + mnl_attr_get_payload_len(nest), tb, max);
	else
		memset(tb, 0, max * sizeof(*tb));
}

uint32_t rtnl_number(const struct nlattr *a)
{
	if (!a)
		return 0;
	switch (mnl_attr_get_payload_len(a)) {
	case 1:
		return mnl_attr_get_u8(a);
	case 2:
		return mnl_attr_get_u16(a);
	case 4:
		return mnl_attr_get_u32(a);
	default:
		return 0;
	}
}
