/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink requests over libnl-3: a socket, and one exchange at a time on it. A message is built with libnl-route's
 * builders, or with netlink_message and nla_put_*; it is sent with netlink_change or netlink_ask, which wait for the
 * kernel's answer. The socket's network namespace is the one of the thread that opened it; any thread may use the
 * socket afterwards, one at a time.
 */
#ifndef DATAPATH_NET_NETLINK_REQUEST_H
#define DATAPATH_NET_NETLINK_REQUEST_H

#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpc/cleanup.h>

DEFINE_CLEANUP(struct nl_sock *, nl_socket_free);
DEFINE_CLEANUP(struct nl_msg *, nlmsg_free);
DEFINE_CLEANUP(struct nl_addr *, nl_addr_put);

/* --- sockets ------------------------------------------------------------------------------------------------------ */

/* A bound, blocking descriptor of a netlink protocol (NETLINK_…) in the calling thread's namespace. Returns it, or
 * -errno. */
int netlink_open_fd(int protocol);
/* The same as a socket for requests, which the caller frees with nl_socket_free. 0 or -errno; -ENOMEM. */
int netlink_open(int protocol, struct nl_sock **ret);

/* --- exchanges ---------------------------------------------------------------------------------------------------- */

/* A new message with a family header of size bytes. Returns NULL without memory; the caller frees it with nlmsg_free.
 */
struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size);
/* The -errno for a failure of one of libnl's builders (a negative NLE_… number): -ENOMEM, -EMSGSIZE, or -EINVAL. */
int netlink_build_error(int e);

/* Sends a change and waits for the acknowledgement: 0, or the kernel's -errno. ret_text (or NULL) gets the kernel's
 * extended error text, or "". The message stays the caller's. */
#define NETLINK_TEXT_MAX 160
int netlink_change(struct nl_sock *sk, struct nl_msg *msg, char ret_text[NETLINK_TEXT_MAX]);
/* Sends a question (with NLM_F_DUMP, or one that has one answer) and calls fn for each answer; fn returns not 0 to end
 * with that as the result (the rest of the answer is read and dropped). -EAGAIN: the kernel's list changed while it was
 * read: ask again. The message stays the caller's. */
typedef int (*netlink_answer_fn)(const struct nlmsghdr *h, void *userdata);
int netlink_ask(struct nl_sock *sk, struct nl_msg *msg, netlink_answer_fn fn, void *userdata);
/* Asks for a list: type is RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH or RTM_GETRULE; family is AF_…. Errors
 * as netlink_ask. */
int netlink_dump(struct nl_sock *sk, uint16_t type, uint8_t family, netlink_answer_fn fn, void *userdata);

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* Collects the attributes after a family header of header_size bytes (or inside a nest) by type; those of max and
 * beyond are left out. tb has max entries and is zeroed first. */
void netlink_attrs(const struct nlmsghdr *h, size_t header_size, const struct nlattr **tb, size_t max);
void netlink_nested_attrs(const struct nlattr *nest, const struct nlattr **tb, size_t max);
/* Value of an attribute of 1, 2 or 4 bytes in host order; 0 where it is missing or has another size. */
uint32_t netlink_number(const struct nlattr *a);
/* Whether an attribute is a string with its final 0. */
bool netlink_is_string(const struct nlattr *a);

#endif
