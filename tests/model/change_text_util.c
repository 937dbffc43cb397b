/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of a script as the changes that the API would decode. */
#include "world.h"

/* Owned copy; NULL for "-". A test may abort when memory is out. */
static char *copy(const char *s)
{
	char *c = strcmp(s, "-") ? strdup(s) : NULL;

	if (!c && strcmp(s, "-"))
		abort();
	return c;
}

static void set_string(struct change *c, enum change_field field, char **where, const char *s)
{
	*where = copy(s);
	if (*where)
		c->present |= FIELD_BIT(field);
}

/* A list at commas; "-" is an empty one, which is present all the same when `always`. */
static void set_list(struct change *c, enum change_field field, char ***where, size_t *n, const char *s, bool always)
{
	_cleanup_free_ char *text = copy(s);
	char *save = NULL;

	*where = calloc(WORDS_MAX, sizeof(**where));
	if (!*where)
		abort();
	for (char *w = text ? strtok_r(text, ",", &save) : NULL; w && *n < WORDS_MAX; w = strtok_r(NULL, ",", &save))
		(*where)[(*n)++] = copy(w);
	if (*n || always)
		c->present |= FIELD_BIT(field);
}

static void words_vpc_create(char *const *w, struct change *c)
{
	set_string(c, FIELD_NAME, &c->name, w[1]);
	set_string(c, FIELD_CIDR, &c->cidr, w[2]);
	set_string(c, FIELD_CIDR6, &c->cidr6, w[3]);
}

static void words_vpc_delete(char *const *w, struct change *c)
{
	set_string(c, FIELD_VPC_ID, &c->vpc_id, w[1]);
}

static void words_subnet_create(char *const *w, struct change *c)
{
	set_string(c, FIELD_NAME, &c->name, w[1]);
	set_string(c, FIELD_VPC_ID, &c->vpc_id, w[2]);
	set_string(c, FIELD_CIDR, &c->cidr, w[3]);
	set_string(c, FIELD_CIDR6, &c->cidr6, w[4]);
}

static void words_subnet_delete(char *const *w, struct change *c)
{
	set_string(c, FIELD_SUBNET_ID, &c->subnet_id, w[1]);
}

static void words_sg_create(char *const *w, struct change *c)
{
	set_string(c, FIELD_NAME, &c->name, w[1]);
	set_string(c, FIELD_VPC_ID, &c->vpc_id, w[2]);
}

static void words_sg_delete(char *const *w, struct change *c)
{
	set_string(c, FIELD_SG_ID, &c->sg_id, w[1]);
}

static void words_rule(char *const *w, struct change *c)
{
	struct rule_spec *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	set_string(c, FIELD_SG_ID, &c->sg_id, w[1]);
	r->direction = copy(w[2]);
	r->protocol = copy(w[3]);
	r->has_from_port = strcmp(w[4], "-") != 0;
	r->has_to_port = strcmp(w[5], "-") != 0;
	r->from_port = r->has_from_port ? atoi(w[4]) : 0;
	r->to_port = r->has_to_port ? atoi(w[5]) : 0;
	if (!strncmp(w[6], "sg:", 3))
		r->sg_id = copy(w[6] + 3);
	else
		r->cidr = copy(w[6]);
	c->rules = r;
	c->n_rules = 1;
	c->present |= FIELD_BIT(FIELD_RULES);
}

static void words_membership(char *const *w, struct change *c)
{
	set_string(c, FIELD_SG_ID, &c->sg_id, w[1]);
	set_list(c, FIELD_ENIS, &c->enis, &c->n_enis, w[2], true);
}

static void words_eni_create(char *const *w, struct change *c)
{
	set_string(c, FIELD_NAME, &c->name, w[1]);
	set_string(c, FIELD_SUBNET_ID, &c->subnet_id, w[2]);
	set_string(c, FIELD_MAC, &c->mac, w[3]);
	set_string(c, FIELD_IP, &c->ip, w[4]);
	set_string(c, FIELD_IP6, &c->ip6, w[5]);
	set_list(c, FIELD_SECONDARY_IPS, &c->secondary_ips, &c->n_secondary_ips, w[6], false);
	set_list(c, FIELD_SECURITY_GROUPS, &c->security_groups, &c->n_security_groups, w[7], false);
	c->source_dest_check = !strcmp(w[8], "on");
	c->present |= FIELD_BIT(FIELD_SOURCE_DEST_CHECK);
}

static void words_eni_delete(char *const *w, struct change *c)
{
	set_string(c, FIELD_ENI_ID, &c->eni_id, w[1]);
}

static void words_eni_groups(char *const *w, struct change *c)
{
	set_string(c, FIELD_ENI_ID, &c->eni_id, w[1]);
	set_list(c, FIELD_SECURITY_GROUPS, &c->security_groups, &c->n_security_groups, w[2], true);
}

static void words_eni_addresses(char *const *w, struct change *c)
{
	set_string(c, FIELD_ENI_ID, &c->eni_id, w[1]);
	set_list(c, FIELD_SECONDARY_IPS, &c->secondary_ips, &c->n_secondary_ips, w[2], true);
}

static void words_eni_check(char *const *w, struct change *c)
{
	set_string(c, FIELD_ENI_ID, &c->eni_id, w[1]);
	c->source_dest_check = !strcmp(w[2], "on");
	c->present |= FIELD_BIT(FIELD_SOURCE_DEST_CHECK);
}

static void words_acl_create(char *const *w, struct change *c)
{
	set_string(c, FIELD_NAME, &c->name, w[1]);
	set_string(c, FIELD_VPC_ID, &c->vpc_id, w[2]);
}

static void words_acl_delete(char *const *w, struct change *c)
{
	set_string(c, FIELD_ACL_ID, &c->acl_id, w[1]);
}

static void words_acl_associate(char *const *w, struct change *c)
{
	set_string(c, FIELD_ACL_ID, &c->acl_id, w[1]);
	set_list(c, FIELD_SUBNETS, &c->subnets, &c->n_subnets, w[2], true);
}

static void words_acl_rule_delete(char *const *w, struct change *c)
{
	set_string(c, FIELD_ACL_ID, &c->acl_id, w[1]);
	set_string(c, FIELD_DIRECTION, &c->direction, w[2]);
	c->rule_number = atoi(w[3]);
	c->present |= FIELD_BIT(FIELD_RULE_NUMBER);
}

static void words_acl_rule(char *const *w, struct change *c)
{
	words_acl_rule_delete(w, c);
	set_string(c, FIELD_ACTION, &c->action, w[4]);
	set_string(c, FIELD_PROTOCOL, &c->protocol, w[5]);
	if (strcmp(w[6], "-") != 0) {
		c->from_port = atoi(w[6]);
		c->to_port = atoi(w[7]);
		c->present |= FIELD_BIT(FIELD_FROM_PORT) | FIELD_BIT(FIELD_TO_PORT);
	}
	set_string(c, FIELD_CIDR, &c->cidr, w[8]);
}

static const struct {
	const char *word;
	unsigned words;
	enum change_op op;
	void (*fill)(char *const *words, struct change *c);
} lines[] = {
	{"vpc.create", 4, CHANGE_VPC_CREATE, words_vpc_create},
	{"vpc.delete", 2, CHANGE_VPC_DELETE, words_vpc_delete},
	{"subnet.create", 5, CHANGE_SUBNET_CREATE, words_subnet_create},
	{"subnet.delete", 2, CHANGE_SUBNET_DELETE, words_subnet_delete},
	{"sg.create", 3, CHANGE_SG_CREATE, words_sg_create},
	{"sg.delete", 2, CHANGE_SG_DELETE, words_sg_delete},
	{"sg.authorize", 7, CHANGE_SG_AUTHORIZE, words_rule},
	{"sg.revoke", 7, CHANGE_SG_REVOKE, words_rule},
	{"sg.attach", 3, CHANGE_SG_ATTACH, words_membership},
	{"sg.detach", 3, CHANGE_SG_DETACH, words_membership},
	{"eni.create", 9, CHANGE_ENI_CREATE, words_eni_create},
	{"eni.delete", 2, CHANGE_ENI_DELETE, words_eni_delete},
	{"eni.groups", 3, CHANGE_ENI_SET, words_eni_groups},
	{"eni.addresses", 3, CHANGE_ENI_UPDATE, words_eni_addresses},
	{"eni.check", 3, CHANGE_ENI_UPDATE, words_eni_check},
	{"acl.create", 3, CHANGE_ACL_CREATE, words_acl_create},
	{"acl.delete", 2, CHANGE_ACL_DELETE, words_acl_delete},
	{"acl.associate", 3, CHANGE_ACL_ASSOCIATE, words_acl_associate},
	{"acl.rule.add", 9, CHANGE_ACL_RULE_ADD, words_acl_rule},
	{"acl.rule.replace", 9, CHANGE_ACL_RULE_REPLACE, words_acl_rule},
	{"acl.rule.delete", 4, CHANGE_ACL_RULE_DELETE, words_acl_rule_delete},
};

int change_from_words(char *const *words, unsigned n, struct change *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (strcmp(lines[i].word, words[0]) || n != lines[i].words)
			continue;
		c->op = lines[i].op;
		lines[i].fill(words, c);
		return 0;
	}
	return -EINVAL;
}
