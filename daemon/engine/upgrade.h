/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_UPGRADE_H
#define ENGINE_UPGRADE_H

#include "engine/engine_private.h"

/* After the model was loaded, before the kernel is told of it: makes and stores what documents of earlier versions
 * lack. The store's revision and e->revision go up by one if there was anything. On failure the model is as it was
 * loaded. */
int upgrade_model(struct engine *e, struct vpc_error *reterr);

#endif
