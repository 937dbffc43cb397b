/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "datapath/maps/change_record.h"

#include <stdlib.h>

#include "datapath/maps/mirror/mirror.h"

void change_free(struct maps_change *c)
{
	if (!c)
		return;
	mirror_change_clear(&c->mirror);
	undo_log_clear(&c->undo);
	free(c->ended.at);
	free(c);
}
