/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder that tcx links are pinned in. */
#ifndef DATAPATH_NET_PINS_H
#define DATAPATH_NET_PINS_H

/* "<pin_dir>/v<ABI>/links"; owned. NULL: out of memory. */
char *pins_link_dir(const char *pin_dir);

#endif
