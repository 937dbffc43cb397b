/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/boot.h"

#include <string.h>

#include <vpc/file.h>

int boot_id_read(char ret[BOOT_ID_MAX])
{
	char text[BOOT_ID_MAX];
	ssize_t n = file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));
	size_t length = n > 0 ? strcspn(text, "\n") : 0;

	if (!length)
		return n < 0 ? (int)n : -ENODATA;
	text[length] = '\0';
	memcpy(ret, text, sizeof(text));
	return 0;
}
