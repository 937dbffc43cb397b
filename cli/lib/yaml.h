/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include <jansson.h>
#include <stdio.h>

/* Writes JSON as one YAML document. Strings that a YAML reader could take for something else (numbers, dates, booleans,
 * base-60 MACs) are quoted. 0, -ENOMEM, -EIO. */
int yaml_write(FILE *f, const json_t *json);

#endif
