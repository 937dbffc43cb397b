/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The naive model at a port: what is decided by addresses. Numbers are rules of security groups
 * (tests/README.md). */
#include <netinet/in.h>
#include <string.h>

#include "naive.h"

static bool in_text(const char *cidr_text, unsigned plen, uint8_t family, const struct address *a)
{
	struct prefix p = {.plen = plen};

	return address_parse(cidr_text, &p.addr, &p.family) == 0 && prefix_contains(&p, family, a);
}

/* Multicast, broadcast, loopback, link-local, unspecified: nothing of them crosses between ENIs or leaves a VPC. */
static bool is_special(uint8_t family, const struct address *a)
{
	if (family == 4)
		return in_text("0.0.0.0", 8, 4, a) || in_text("127.0.0.0", 8, 4, a) ||
		       in_text("169.254.0.0", 16, 4, a) || in_text("224.0.0.0", 3, 4, a);
	return in_text("::", 127, 6, a) || in_text("fe80::", 10, 6, a) || in_text("ff00::", 8, 6, a) ||
	       in_text("::ffff:0:0", 96, 6, a);
}

static bool is_echo_request(const struct tuple *t)
{
	return tuple_is_icmp(t) && t->type == (t->family == 4 ? 8 : 128);
}

static bool owns(const struct naive_eni *e, const struct address *a)
{
	for (unsigned i = 0; i < e->n_addrs; i++)
		if (address_equal(&e->addrs[i], a))
			return true;
	return false;
}

struct naive_verdict naive_out(struct naive *n, int eni, const struct packet *p)
{
	const struct naive_eni *e = &n->now.enis[eni];
	bool gateway;

	if (memcmp(p->smac, e->mac, sizeof(e->mac)) != 0)
		return DROP("the source MAC is not the sender's");
	if (is_special(p->t.family, &p->t.src))
		return DROP("a special source address");
	if (!owns(e, &p->t.src) && e->check)
		return DROP("the source address is not the sender's");
	gateway = address_is_gateway(&n->now, e->subnet, p->t.family, &p->t.dst);
	if (gateway)
		return is_echo_request(&p->t) && owns(e, &p->t.src) ? PASS("echo to the gateway, which answers it")
								    : DROP("the gateway answers nothing else");
	if (is_special(p->t.family, &p->t.dst))
		return DROP("a special destination address");
	if (owns(e, &p->t.dst))
		return DROP("its own address");
	if (naive_in_vpc(&n->now, e->vpc, p->t.family, &p->t.dst) &&
	    naive_eni_by_address(&n->now, e->vpc, &p->t.dst) < 0)
		return DROP("nobody has that address");
	if (!naive_acls_allow(&n->now, eni, naive_eni_by_address(&n->now, e->vpc, &p->t.dst), &p->t))
		return DROP("a network ACL");
	return naive_judge(n, e->vpc, owns(e, &p->t.src) ? -1 : eni * 2, p);
}

struct naive_verdict naive_in(struct naive *n, int eni, int from, bool judged, const struct packet *p)
{
	const struct naive_eni *e = &n->now.enis[eni];
	bool gateway;

	if (!owns(e, &p->t.dst) && e->check)
		return DROP("the destination address is not the receiver's");
	gateway = from == FROM_GATEWAY && address_is_gateway(&n->now, e->subnet, p->t.family, &p->t.src);
	if (gateway && tuple_is_error(&p->t))
		return naive_judge_error(n, e->vpc, -1, p);
	/* What else the gateway's IPv4 address sends is judged as coming from outside. */
	if (!gateway && from < 0 && naive_in_vpc(&n->now, e->vpc, p->t.family, &p->t.src))
		return DROP("an address of the VPC that did not enter at its own port");
	if (is_special(p->t.family, &p->t.src))
		return DROP("a special source address");
	/* Its sender's port asked for both sides. */
	if (judged)
		return PASS("it was judged when it was sent");
	/* What entered at an ENI's port was asked about there, and what the gateway says is never asked about. */
	if (!gateway && from < 0 && !naive_acls_allow(&n->now, -1, eni, &p->t))
		return DROP("a network ACL");
	return naive_judge(n, e->vpc, owns(e, &p->t.dst) ? -1 : eni * 2 + 1, p);
}
