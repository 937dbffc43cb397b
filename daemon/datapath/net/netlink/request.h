/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to rtnetlink over a plain descriptor: begin a message, append attributes with libmnl, send it, wait for the
 * answer. The socket's network namespace is the one of the thread that opened it; any thread may use it afterwards, one
 * at a time.
 */
#ifndef DATAPATH_NET_RTNL_H
#define DATAPATH_NET_RTNL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RTNL_MESSAGE_MAX 2048

struct rtnl_message {
	union {
		struct nlmsghdr h;
		char bytes[RTNL_MESSAGE_MAX];
	};
};

/* A blocking NETLINK_ROUTE socket in the calling thread's namespace. Returns it, or -errno. */
int rtnl_open(void);
/* Starts a message with a zeroed family header of size bytes, which is returned. NLM_F_REQUEST is set for you. */
void *rtnl_begin(struct rtnl_message *m, uint16_t type, uint16_t flags, size_t size);
/* Sends a change and waits for the acknowledgement: 0, or the kernel's -errno. reterr (or NULL) gets the kernel's own
 * words, or "". */
#define RTNL_TEXT_MAX 160
int rtnl_change(int fd, struct rtnl_message *m, char ret_text[RTNL_TEXT_MAX]);
/* Sends a question (with NLM_F_DUMP, or for one object) and calls fn for each answer; fn returns not 0 to end with that
 * as the result (the rest of the answer is read and dropped). -EAGAIN: the kernel's list changed while it was read: ask
 * again. */
typedef int (*rtnl_answer_fn)(const struct nlmsghdr *h, void *userdata);
int rtnl_ask(int fd, struct rtnl_message *m, rtnl_answer_fn fn, void *userdata);

/* Collects the attributes after a family header of header_size bytes (or inside a nest) by type; those of max and
 * beyond are left out. tb has max entries and is zeroed first. */
void rtnl_attrs(const struct nlmsghdr *h, size_t header_size, const struct nlattr **tb, size_t max);
void rtnl_nested_attrs(const struct nlattr *nest, const struct nlattr **tb, size_t max);
/* Value of an attribute of 1, 2 or 4 bytes in host order; 0 where it is missing or too short. */
uint32_t rtnl_number(const struct nlattr *a);

#endif
