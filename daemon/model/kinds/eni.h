/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the eni*.c files share beside model/internal.h. */
#ifndef MODEL_ENI_H
#define MODEL_ENI_H

#include "model/internal.h"

/* Frees what the attachment owns and makes it none. */
void attachment_clear(struct attachment *a);
/* to is none before. -ENOMEM leaves it fit for attachment_clear(). */
int attachment_copy(struct attachment *to, const struct attachment *from);
/* As the API shows it (null for none), and as the store keeps it. NULL: out of memory. */
json_t *attachment_to_json(const struct attachment *a);
json_t *attachment_to_document(const struct attachment *a);
void attachment_load(struct document *d, struct attachment *a);

#define ENI_SCHEMAS 3
extern const struct schema eni_schemas[ENI_SCHEMAS];
/* As struct kind_ops has them. */
int eni_to_json(const struct model *m, const struct object *o, json_t *ret);
int eni_to_document(const struct model *m, const struct object *o, json_t *ret);
void eni_load(struct model *m, struct document *d, struct object *o);

#endif
