/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a line, and packets as words. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "world.h"

unsigned split_words(char *line, char *words[WORDS_MAX])
{
	unsigned n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\n", &save); w && n < WORDS_MAX; w = strtok_r(NULL, " \t\n", &save))
		words[n++] = w;
	return n;
}

/* --- packets --- */

static const char flag_letters[] = "FSRPAU"; /* by bit */

static int parse_flags(const char *s, uint8_t *ret)
{
	*ret = 0;
	if (!strcmp(s, "-"))
		return 0;
	for (; *s; s++) {
		const char *at = strchr(flag_letters, *s);

		if (!at)
			return -EINVAL;
		*ret |= (uint8_t)(1u << (at - flag_letters));
	}
	return 0;
}

/* Both addresses, of one family. */
static int parse_ends(const char *src, const char *dst, struct tuple *t)
{
	uint8_t other;

	if (address_parse(src, &t->src, &t->family) < 0 || address_parse(dst, &t->dst, &other) < 0)
		return -EINVAL;
	return t->family == other ? 0 : -EINVAL;
}

/* The words of one tuple; *ret_used: how many they were. TCP flags are not of the tuple. */
static int parse_tuple(char *const *w, unsigned n, struct tuple *t, unsigned *ret_used)
{
	bool ports = n >= 5 && (!strcmp(w[0], "tcp") || !strcmp(w[0], "udp"));
	bool icmp = n >= 5 && (!strcmp(w[0], "icmp") || !strcmp(w[0], "error"));

	if (n < 3)
		return -EINVAL;
	memset(t, 0, sizeof(*t));
	if (parse_ends(w[1], w[ports ? 3 : 2], t) < 0)
		return -EINVAL;
	if (ports) {
		t->proto = !strcmp(w[0], "tcp") ? IPPROTO_TCP : IPPROTO_UDP;
		t->sport = (uint16_t)atoi(w[2]);
		t->dport = (uint16_t)atoi(w[4]);
		*ret_used = 5;
	} else if (icmp) {
		t->proto = t->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		t->type = (uint8_t)atoi(w[3]);
		t->code = (uint8_t)atoi(w[4]);
		*ret_used = 5;
		if (n >= 6 && !strcmp(w[0], "icmp")) {
			t->id = (uint16_t)atoi(w[5]);
			*ret_used = 6;
		}
	} else {
		t->proto = (uint8_t)atoi(w[0]);
		*ret_used = 3;
	}
	return 0;
}

int packet_from_words(char *const *words, unsigned n, struct packet *ret)
{
	unsigned used, quoted;

	memset(ret, 0, sizeof(*ret));
	if (parse_tuple(words, n, &ret->t, &used) < 0)
		return -EINVAL;
	if (!strcmp(words[0], "tcp"))
		return n == used + 1 ? parse_flags(words[used], &ret->flags) : -EINVAL;
	if (!strcmp(words[0], "error")) {
		ret->quotes = true;
		if (n < used + 1 || strcmp(words[used], "/"))
			return -EINVAL;
		return parse_tuple(words + used + 1, n - used - 1, &ret->quoted, &quoted);
	}
	return n == used ? 0 : -EINVAL;
}

static int tuple_to_text(const struct tuple *t, bool error, char *buf, size_t size)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

	address_format(&t->src, src);
	address_format(&t->dst, dst);
	if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP)
		return snprintf(buf, size, "%s %s %u %s %u", t->proto == IPPROTO_TCP ? "tcp" : "udp", src, t->sport,
				dst, t->dport);
	if (error)
		return snprintf(buf, size, "error %s %s %u %u", src, dst, t->type, t->code);
	if (tuple_is_icmp(t))
		return snprintf(buf, size, "icmp %s %s %u %u %u", src, dst, t->type, t->code, t->id);
	return snprintf(buf, size, "%u %s %s", t->proto, src, dst);
}

void packet_to_text(const struct packet *p, char *buf, size_t size)
{
	size_t n = (size_t)tuple_to_text(&p->t, p->quotes, buf, size);

	if (p->quotes) {
		n += (size_t)snprintf(buf + n, size - n, " / ");
		tuple_to_text(&p->quoted, false, buf + n, size - n);
	} else if (p->t.proto == IPPROTO_TCP) {
		n += (size_t)snprintf(buf + n, size - n, " %s", p->flags ? "" : "-");
		for (unsigned i = 0; flag_letters[i]; i++)
			if (p->flags & (1u << i))
				n += (size_t)snprintf(buf + n, size - n, "%c", flag_letters[i]);
	}
}
