/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/net/pins.h"

#include <stdio.h>

#include <vpc/abi/abi.h>

char *pins_link_dir(const char *pin_dir)
{
	char *dir;

	return asprintf(&dir, "%s/v%d/links", pin_dir, VPC_ABI_VERSION) < 0 ? NULL : dir;
}
