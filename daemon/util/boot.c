/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/boot.h"

#include <string.h>

#include <vpc/file.h>

int boot_id_read(char ret[BOOT_ID_MAX])
{
	char text[BOOT_ID_MAX];
	ssize_t n = file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (n != sizeof(text) - 1)
		return n < 0 ? (int)n : -ENODATA;
	memcpy(ret, text, sizeof(text));
	return 0;
}
