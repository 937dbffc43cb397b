/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The naive model's network ACLs: of all rules that name a packet, the one with the lowest number decides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"

/* --- what they say --- */

/* Whether the subnet's ACL lets the packet in or out. */
static bool subnet_allows(const struct naive_state *s, int subnet, bool egress, const struct tuple *t)
{
	int acl = s->subnets[subnet].acl;
	const struct naive_acl_rule *first = NULL;

	if (acl < 0)
		return true;
	for (int i = 0; i < NAIVE_ACL_RULES; i++) {
		const struct naive_acl_rule *r = &s->acls[acl].rules[i];

		if (!r->number || r->rule.egress != egress || !naive_protocol_matches(&r->rule, t) ||
		    !prefix_contains(&r->rule.cidr, t->family, egress ? &t->dst : &t->src))
			continue;
		if (!first || r->number < first->number)
			first = r;
	}
	return first && first->allow;
}

bool naive_acls_allow(const struct naive_state *s, int from, int to, const struct tuple *t)
{
	if (from >= 0 && to >= 0 && s->enis[from].subnet == s->enis[to].subnet)
		return true;
	if (from >= 0 && !subnet_allows(s, s->enis[from].subnet, true, t))
		return false;
	return to < 0 || subnet_allows(s, s->enis[to].subnet, false, t);
}

/* --- lines --- */

/* acl.create NAME VPC */
static int apply_create(struct naive_state *s, char *const *w)
{
	int vpc = naive_find_vpc(s, w[2]);

	for (int i = 0; vpc >= 0 && i < NAIVE_ACLS; i++)
		if (!s->acls[i].name[0]) {
			s->acls[i] = (struct naive_acl){.vpc = vpc};
			snprintf(s->acls[i].name, NAIVE_NAME, "%s", w[1]);
			return 0;
		}
	return -1;
}

/* acl.delete NAME */
static int apply_delete(struct naive_state *s, char *const *w)
{
	int i = naive_find_acl(s, w[1]);

	if (i >= 0)
		s->acls[i].name[0] = '\0';
	return i < 0 ? -1 : 0;
}

/* acl.associate NAME SUBNET */
static int apply_associate(struct naive_state *s, char *const *w)
{
	int acl = naive_find_acl(s, w[1]), subnet = naive_find_subnet(s, w[2]);

	if (acl < 0 || subnet < 0)
		return -1;
	s->subnets[subnet].acl = acl;
	return 0;
}

static struct naive_acl_rule *find_rule(struct naive_state *s, char *const *w, unsigned number)
{
	int acl = naive_find_acl(s, w[1]);

	for (int i = 0; acl >= 0 && i < NAIVE_ACL_RULES; i++) {
		struct naive_acl_rule *r = &s->acls[acl].rules[i];

		if (r->number == number && (!number || r->rule.egress == !strcmp(w[2], "egress")))
			return r;
	}
	return NULL;
}

/* acl.rule.add NAME DIRECTION NUMBER ACTION PROTOCOL FROM TO CIDR; the same for replace */
static int apply_rule(struct naive_state *s, char *const *w)
{
	unsigned number = (unsigned)atoi(w[3]);
	struct naive_acl_rule *r = find_rule(s, w, !strcmp(w[0], "acl.rule.add") ? 0 : number);

	if (!r)
		return -1;
	*r = (struct naive_acl_rule){.number = number, .allow = !strcmp(w[4], "allow")};
	r->rule.egress = !strcmp(w[2], "egress");
	r->rule.protocol = naive_protocol(w[5]);
	r->rule.from = strcmp(w[6], "-") ? atoi(w[6]) : -1;
	r->rule.to = strcmp(w[7], "-") ? atoi(w[7]) : -1;
	return naive_prefix(w[8], &r->rule.cidr);
}

/* acl.rule.delete NAME DIRECTION NUMBER */
static int apply_rule_delete(struct naive_state *s, char *const *w)
{
	struct naive_acl_rule *r = find_rule(s, w, (unsigned)atoi(w[3]));

	if (r)
		r->number = 0;
	return r ? 0 : -1;
}

int naive_apply_acl(struct naive_state *s, char *const *words, unsigned n)
{
	static const struct {
		const char *op;
		unsigned words;
		int (*apply)(struct naive_state *s, char *const *words);
	} ops[] = {
		{"acl.create", 3, apply_create},       {"acl.delete", 2, apply_delete},
		{"acl.associate", 3, apply_associate}, {"acl.rule.add", 9, apply_rule},
		{"acl.rule.replace", 9, apply_rule},   {"acl.rule.delete", 4, apply_rule_delete},
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].op, words[0]))
			return n == ops[i].words ? ops[i].apply(s, words) : -1;
	return -1;
}
