/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a rule change takes, from the request to the first packet that is judged by it:
 *   change LABEL SOCKET GROUP CLIENT SERVER ADDRESS CHANGES ROUNDS DATABASE
 * In each round a rule that lets the prober's packets through is authorized and revoked, with CHANGES - 1 others in the
 * same request; and a row like the store's is committed to a database of its own, in DATABASE, beside the store's.
 * Output, one line a figure: "LABEL,what,p50_ns,p99_ns,n", and "LABEL,late,packets,0,sent": packets that were sent
 * after the reply to a revoke had been read, and arrived.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <time.h>

#include "http.h"
#include "probe.h"

#define ROUNDS_MAX 1000
#define IDLE_NS	   (2 * NS_PER_MS) /* what was sent before has arrived */
#define PORT	   7000
#define WARM_UP	   3
#define SEEN_TRIES 500

/* REVOKE_WAIT: how much later than enforced_ns a revoke's reply was read. */
enum series { REPLY, ENFORCED, AUTHORIZE_SEEN, REVOKE_SEEN, REVOKE_WAIT, COMMIT, SERIES };
static const char *const series_names[SERIES] = {"reply",	"enforced",    "authorize_seen",
						 "revoke_seen", "revoke_wait", "commit"};

struct run {
	const char *label;
	int api;
	char path[200];
	char *body;
	struct probe probe;
	sqlite3 *db;
	sqlite3_stmt *insert;
	uint64_t values[SERIES][2 * ROUNDS_MAX];
	size_t n[SERIES];
	uint64_t late;
};

static void note(struct run *r, enum series s, uint64_t value)
{
	if (r->n[s] < ARRAY_SIZE(r->values[s]))
		r->values[s][r->n[s]++] = value;
}

/* The body of the request: the prober's rule, and n - 1 of other ports. */
static int make_body(struct run *r, unsigned n)
{
	size_t size = 200 + n * 120, used;

	r->body = malloc(size);
	if (!r->body)
		return -ENOMEM;
	used = (size_t)snprintf(r->body, size, "{\"rules\":[");
	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(
			r->body + used, size - used,
			"%s{\"direction\":\"ingress\",\"protocol\":\"udp\",\"from_port\":%u,\"to_port\":%u,"
			"\"cidr\":\"10.98.0.0/16\"}",
			i ? "," : "", PORT + i, PORT + i);
	snprintf(r->body + used, size - used, "]}");
	return 0;
}

static int open_database(struct run *r, const char *path)
{
	if (sqlite3_open(path, &r->db) != SQLITE_OK ||
	    sqlite3_exec(
		    r->db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
		    "CREATE TABLE document (kind TEXT, id TEXT, revision INTEGER, text TEXT, PRIMARY KEY (kind, id));",
		    NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(r->db, "INSERT INTO document VALUES ('rule', 'sgr-' || ?1, ?1, ?2)", -1, &r->insert,
			       NULL) != SQLITE_OK) {
		fprintf(stderr, "change: %s\n", sqlite3_errmsg(r->db));
		return -EIO;
	}
	return 0;
}

/* The row of a rule as a commit of its own, which is the least that "durable" costs here. */
static int commit_row(struct run *r, unsigned round)
{
	static const char text[] =
		"{\"id\":\"sgr-0123456789abcdef0\",\"sg_id\":\"sg-0123456789abcdef0\",\"number\":12345,"
		"\"direction\":\"ingress\",\"protocol\":\"udp\",\"from_port\":7000,\"to_port\":7000,"
		"\"cidr\":\"10.98.0.0/16\",\"description\":\"\",\"tags\":{}}";
	uint64_t began = bench_now_ns();

	sqlite3_reset(r->insert);
	sqlite3_bind_int64(r->insert, 1, round);
	sqlite3_bind_text(r->insert, 2, text, sizeof(text) - 1, SQLITE_STATIC);
	if (sqlite3_step(r->insert) != SQLITE_DONE) {
		fprintf(stderr, "change: %s\n", sqlite3_errmsg(r->db));
		return -EIO;
	}
	note(r, COMMIT, bench_now_ns() - began);
	return 0;
}

static int change(struct run *r, const char *method, struct http_reply *reply)
{
	int rc = http_request(r->api, method, r->path, r->body, reply);

	if (rc)
		return bench_failed(method, rc);
	if (reply->status >= 300)
		return -EPROTO;
	note(r, REPLY, reply->ended_ns - reply->began_ns);
	note(r, ENFORCED, reply->enforced_ns);
	return 0;
}

static void wait_idle(void)
{
	struct timespec t = {.tv_nsec = IDLE_NS};

	nanosleep(&t, NULL);
}

/* Waits for the first packet that was sent at or after `from`. */
static int wait_seen(struct run *r, uint64_t from_ns, struct probe_seen *ret)
{
	for (int i = 0; i < SEEN_TRIES; i++) {
		wait_idle();
		probe_read(&r->probe, from_ns, UINT64_MAX, ret);
		if (ret->first_ns)
			return 0;
	}
	fprintf(stderr, "change: %s: nothing came through after the rule was authorized\n", r->label);
	return -EPROTO;
}

/* Authorize, commit beside it, revoke; notes which of the prober's packets came through. */
static int one_round(struct run *r, unsigned round)
{
	struct http_reply reply;
	struct probe_seen seen;
	int rc;

	r->probe.on = true;
	wait_idle();
	probe_read(&r->probe, 0, UINT64_MAX, &seen); /* of the round before */
	rc = change(r, "POST", &reply);
	if (!rc)
		rc = wait_seen(r, reply.began_ns, &seen);
	if (rc)
		return rc;
	note(r, AUTHORIZE_SEEN, seen.first_ns - reply.began_ns);
	rc = change(r, "DELETE", &reply);
	if (rc)
		return rc;
	note(r, REVOKE_WAIT, reply.ended_ns - reply.began_ns - reply.enforced_ns);
	wait_idle();
	r->probe.on = false;
	probe_read(&r->probe, reply.began_ns, reply.ended_ns, &seen);
	note(r, REVOKE_SEEN, seen.last_ns > reply.began_ns ? seen.last_ns - reply.began_ns : 0);
	r->late += seen.late;
	wait_idle();
	rc = commit_row(r, round);
	wait_idle();
	return rc;
}

static int parse(struct run *r, char **argv)
{
	int rc;

	r->label = argv[1];
	snprintf(r->path, sizeof(r->path), "/v1/security-groups/%s/rules", argv[3]);
	r->api = http_connect(argv[2]);
	if (r->api < 0)
		return bench_failed(argv[2], r->api);
	rc = make_body(r, (unsigned)strtoul(argv[7], NULL, 10));
	if (!rc)
		rc = open_database(r, argv[9]);
	return rc ? rc : probe_start(&r->probe, argv[4], argv[5], argv[6], PORT);
}

int main(int argc, char **argv)
{
	static struct run r;
	unsigned rounds;

	if (argc != 10) {
		fprintf(stderr, "usage: change LABEL SOCKET GROUP CLIENT SERVER ADDRESS CHANGES ROUNDS DATABASE\n");
		return EXIT_FAILURE;
	}
	rounds = (unsigned)strtoul(argv[8], NULL, 10);
	if (rounds > ROUNDS_MAX || bench_pin(CPU_CLIENT) || parse(&r, argv))
		return EXIT_FAILURE;
	for (unsigned i = 0; i < rounds + WARM_UP; i++) {
		if (i == WARM_UP)
			memset(r.n, 0, sizeof(r.n));
		if (one_round(&r, i))
			return EXIT_FAILURE;
	}
	for (int s = 0; s < SERIES; s++)
		printf("%s,%s,%lu,%lu,%zu\n", r.label, series_names[s], bench_quantile(r.values[s], r.n[s], 0.5),
		       bench_quantile(r.values[s], r.n[s], 0.99), r.n[s]);
	printf("%s,late,%lu,0,%lu\n", r.label, r.late, r.probe.sent);
	return EXIT_SUCCESS;
}
