/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which start of the machine this is. */
#ifndef UTIL_BOOT_H
#define UTIL_BOOT_H

#define BOOT_ID_MAX 37

/* A UUID as text, another one after each start of the machine. -errno; -ENODATA: the kernel doesn't say. *ret is
 * written only on success. */
int boot_id_read(char ret[BOOT_ID_MAX]);

#endif
