/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running nft commands in a network namespace.
 *
 * libnftables ends the process it runs in when it gets no descriptor or no memory, and was seen to crash on netlink
 * errors. So it runs in a helper process: the program that runs is started again, with NFT_CHILD_ARGUMENT, and its main
 * function calls nft_child_main(). The helper is started at its first use and lives as long as vpcd. It is started
 * again when it has ended, and killed when it doesn't answer.
 *
 * Any thread may call these functions; they take turns. Each waits at most twice NFT_LIMIT_MS for the helper.
 */
#ifndef DATAPATH_NFT_H
#define DATAPATH_NFT_H

#include <stddef.h>

#define NFT_CHILD_ARGUMENT "--nft-child"
#define NFT_LIMIT_MS	   5000

/*
 * Runs commands in nft's language in the namespace, in one transaction of the kernel. ns_fd is borrowed. ret_listing:
 * NULL, or gets the whole ruleset as nft_list gives it, read after the commands; owned by the caller; written on
 * success only. text gets nft's own words about a failure, or "". 0, or -errno: the kernel's; -EINVAL: nft doesn't
 * understand the commands; -EIO: the helper ended; -ETIME: it was killed. After -EIO and -ETIME the commands may have
 * been run or not. They are tried a second time before -EIO is returned, so they must be such that running them twice
 * is as good as once.
 */
int nft_apply(int ns_fd, const char *commands, char **ret_listing, char *text, size_t size);
/* The namespace's whole ruleset as nft lists it, without handles and counters; owned by the caller. Two namespaces with
 * the same rules give the same text. 0, or -errno as nft_apply. */
int nft_list(int ns_fd, char **ret);

/* Runs commands that change nothing, and gives what nft writes; owned by the caller. 0, or -errno as nft_apply;
 * -ENOENT: what they name isn't there. */
int nft_output(int ns_fd, const char *commands, char **ret);

/* Collects helpers that have ended, so that none stays a zombie. Never waits. For the event loop, at SIGCHLD. */
void nft_reap(void);
/* Ends the helper and waits for its end, for at most 0.2 s. It is started again by the next use. */
void nft_stop(void);

/* The helper's main function: serves requests on descriptor 3 until the other end is closed. Returns its exit status.
 */
int nft_child_main(void);

#endif
