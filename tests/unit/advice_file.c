/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of rules, kept over a restart: the same comes back, and nothing that is damaged or of other counters.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "observe/advice_file.h"

#define MAX    64u
#define ROUNDS 5u

static char folder[64];
static struct advice *a;

static void begin(void)
{
	snprintf(folder, sizeof(folder), "/tmp/advice-file.XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(advice_new(MAX, &a), 0);
	cr_assert_eq(advice_begin(a, 1, 1000, 50, 0), 0);
	cr_assert_eq(advice_begin(a, 2, 1100, 50, ROUNDS - 1), 0);
}

static void end(void)
{
	advice_file_remove(folder);
	rmdir(folder);
	advice_free(a);
}

TestSuite(advice_file, .init = begin, .fini = end);

static void note(struct advice_rule *r, uint16_t port, const char *peer)
{
	struct advice_box box = {.protocol = IPPROTO_TCP, .from = port, .to = port};

	cr_assert_eq(ip_parse(peer, &box.peer.addr), 0);
	box.peer.plen = box.peer.addr.family == 4 ? 32 : 128;
	advice_note(r, &box);
}

static struct advice_kept kept_of(const char *counters)
{
	struct advice_kept k = {.times = {.since_ns = 900, .first_rule = 40}, .looked_ns = 5000};

	snprintf(k.counters, sizeof(k.counters), "%s", counters);
	return k;
}

/* One rule of VPC 1, with two boxes and a gap; one of VPC 2, whose flows haven't all been looked at. */
static void pack(void **ret, size_t *ret_n)
{
	struct advice_kept k = kept_of("boot:7:store");
	struct advice_rule *r = advice_add(a, 1, 60, 1, true, 2000);

	note(r, 443, "10.0.1.5");
	note(r, 80, "fd00::1");
	r->told = 2;
	r->gap_ns = 1500;
	note(advice_add(a, 2, 61, 1, true, 2000), 80, "10.0.1.5");
	cr_assert_eq(advice_pack(a, &k, ROUNDS, ret, ret_n), 0);
}

static int unpack(struct advice **ret, struct advice_kept *k, const void *bytes, size_t n)
{
	cr_assert_eq(advice_new(MAX, ret), 0);
	return advice_unpack(*ret, k, bytes, n, 6000, 0);
}

Test(advice_file, the_same_comes_back)
{
	struct advice_kept k = kept_of("boot:7:store");
	const struct advice_rule *r;
	struct advice *back;
	void *bytes, *read;
	size_t n, n_read;

	pack(&bytes, &n);
	cr_assert_eq(advice_file_write(folder, bytes, n), 0);
	cr_assert_eq(advice_file_read(folder, &read, &n_read), 0);
	cr_assert_eq(n_read, n);
	cr_assert_eq(unpack(&back, &k, read, n_read), 0);
	cr_assert_eq(k.times.since_ns, 900);
	cr_assert_eq(k.times.first_rule, 40);
	cr_assert_eq(k.times.n_gaps, 1);
	cr_assert_eq(k.times.gap[0].begin_ns, 5000);
	cr_assert_eq(k.times.gap[0].end_ns, 6000);
	cr_assert_eq(advice_count(back), 1);
	r = advice_find(back, 60);
	cr_assert(r && r->n == 2 && r->told == 2 && r->gap_ns == 1500);
	cr_assert_arr_eq(r->box, advice_find(a, 60)->box, 2 * sizeof(r->box[0]));
	cr_assert_null(advice_vpc_find(back, 2), "of VPC 2 not all is known");
	/* watched again: since when it was */
	cr_assert_eq(advice_begin(back, 1, 7000, 90, 3), 0);
	cr_assert_eq(advice_vpc_find(back, 1)->since_ns, 1000);
	advice_end_kept(back);
	cr_assert_not_null(advice_find(back, 60));
	/* a rule that had no entry: nobody knows what it allowed until now */
	cr_assert_eq(advice_add(back, 1, 30, 9, true, 8000)->gap_ns, 8000);
	free(bytes);
	free(read);
	advice_free(back);
}

Test(advice_file, what_is_not_watched_again_is_forgotten)
{
	struct advice_kept k = kept_of("boot:7:store");
	struct advice *back;
	void *bytes;
	size_t n;

	pack(&bytes, &n);
	cr_assert_eq(unpack(&back, &k, bytes, n), 0);
	advice_end_kept(back);
	cr_assert_eq(advice_count(back), 0);
	cr_assert_null(advice_vpc_find(back, 1));
	free(bytes);
	advice_free(back);
}

Test(advice_file, other_counters_are_refused)
{
	struct advice_kept k = kept_of("boot:8:store");
	struct advice *back;
	void *bytes;
	size_t n;

	pack(&bytes, &n);
	cr_assert_eq(unpack(&back, &k, bytes, n), -ESTALE);
	cr_assert_eq(k.times.n_gaps, 0);
	free(bytes);
	advice_free(back);
}

/* Also behind a right checksum: nothing is written past what is there, and nothing is taken up of what is wrong. */
Test(advice_file, cut_and_wrong_bytes_do_no_harm)
{
	struct advice_kept k = kept_of("boot:7:store");
	struct advice *back;
	void *bytes;
	size_t n;

	pack(&bytes, &n);
	for (size_t length = 0; length < n; length++) {
		cr_assert_eq(unpack(&back, &k, bytes, length), -EBADMSG, "%zu bytes", length);
		advice_free(back);
	}
	for (size_t at = 0; at < n; at++) {
		((uint8_t *)bytes)[at] ^= 0xff;
		k = kept_of("boot:7:store");
		unpack(&back, &k, bytes, n);
		cr_assert_leq(k.times.n_gaps, ADVICE_GAPS);
		advice_free(back);
		((uint8_t *)bytes)[at] ^= 0xff;
	}
	free(bytes);
}

static void spoil(size_t at)
{
	char path[96];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof(path), "%s/" ADVICE_FILE, folder);
	fd = open(path, O_RDWR);
	cr_assert(fd >= 0 && pread(fd, &byte, 1, (off_t)at) == 1);
	byte ^= 1;
	cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	close(fd);
}

Test(advice_file, a_damaged_file_is_refused)
{
	char path[96];
	void *bytes, *read;
	size_t n, n_read;

	cr_assert_eq(advice_file_read(folder, &read, &n_read), -ENOENT);
	pack(&bytes, &n);
	for (size_t at = 0; at < n + 32; at += 97) {
		cr_assert_eq(advice_file_write(folder, bytes, n), 0);
		spoil(at);
		cr_assert_eq(advice_file_read(folder, &read, &n_read), -EBADMSG, "byte %zu", at);
	}
	free(bytes);
	snprintf(path, sizeof(path), "%s/" ADVICE_FILE, folder);
	cr_assert_eq(truncate(path, 20), 0);
	cr_assert_eq(advice_file_read(folder, &read, &n_read), -EBADMSG);
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(advice_file_read(folder, &read, &n_read), -EBADMSG, "and nobody waits for it");
}

Test(advice_file, counters_that_went_on_or_back)
{
	struct advice_rule *r = advice_add(a, 1, 60, 1, true, 2000);

	r->told = 5;
	advice_resume(r, 5, 6000);
	cr_assert_eq(r->gap_ns, 0, "nothing happened while vpcd was gone");
	advice_resume(r, 8, 6000);
	advice_look(r, 8, 7000);
	advice_look(r, 8, 7100);
	cr_assert_eq(r->gap_ns, 7100);
	advice_resume(r, 7, 8000);
	cr_assert_eq(r->gap_ns, 8000, "set back");
	advice_look(r, 7, 9000);
	advice_look(r, 7, 9100);
	cr_assert_eq(r->gap_ns, 8000);
}

Test(advice_file, gaps_are_bounded_and_never_get_shorter)
{
	struct advice_times t = {0};

	for (uint64_t i = 1; i <= 3 * ADVICE_GAPS; i++)
		advice_add_gap(&t, &(struct advice_gap){.begin_ns = 10 * i, .end_ns = 10 * i + 5});
	cr_assert_eq(t.n_gaps, ADVICE_GAPS);
	cr_assert_eq(t.gap[0].begin_ns, 10);
	cr_assert_eq(t.gap[0].end_ns, 10 * (2 * ADVICE_GAPS + 1) + 5);
	cr_assert_eq(t.gap[ADVICE_GAPS - 1].end_ns, 10 * 3 * ADVICE_GAPS + 5);
}
