/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What acl.c and acl_rule.c share beside model/internal.h. */
#ifndef MODEL_ACL_H
#define MODEL_ACL_H

#include "model/internal.h"

/* The rule of that direction and number, or NULL. */
struct acl_rule *acl_rule_find(const struct acl *a, uint8_t direction, uint32_t number);
/* Puts r in its place; the ACL has no rule of its direction and number. -ENOMEM. */
int acl_rule_insert(struct acl *a, const struct acl_rule *r);
/* As the API and the store have it; NULL: out of memory. */
json_t *acl_rule_to_json(const struct acl_rule *r);
/* From a document. False: it is damaged. */
bool acl_rule_load(const json_t *json, struct acl_rule *ret);

#endif
