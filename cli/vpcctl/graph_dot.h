/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A picture of a host's networks, in the language of Graphviz. */
#ifndef CLI_GRAPH_DOT_H
#define CLI_GRAPH_DOT_H

#include <stdio.h>

#include "cli/declare/snapshot.h"

/* vpc: id; NULL: all. Names are quoted whatever they are. -ENOMEM. */
int graph_dot(FILE *f, const struct snapshot *s, const char *vpc);

#endif
