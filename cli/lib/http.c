/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/lib/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpc/array.h>

#include "cli/lib/wait.h"

#define CONNECT_TIMEOUT_MS 5000L
#define REPLY_BYTES_MAX	   (1024u * 1024 * 1024)
/* A line of a stream is one verdict; vpcd sends no longer ones. */
#define LINE_BYTES_MAX	   (1024u * 1024)

struct http {
	CURL *curl;
	const char *socket;
};

void http_reply_clear(struct http_reply *r)
{
	free(r->body);
	*r = (struct http_reply){0};
}

int http_new(const char *socket, struct http **ret)
{
	_cleanup_(http_freep) struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->socket = socket;
	h->curl = curl_easy_init();
	if (!h->curl)
		return -ENOMEM;
	*ret = TAKE_PTR(h);
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

const char *http_socket(const struct http *h)
{
	return h->socket;
}

static int append(struct http_reply *reply, const char *data, size_t n)
{
	char *grown;

	if (n > REPLY_BYTES_MAX - reply->size)
		return -EFBIG;
	grown = array_grow(reply->body, &reply->capacity, reply->size + n + 1, 1);
	if (!grown)
		return -ENOMEM;
	reply->body = grown;
	memcpy(reply->body + reply->size, data, n);
	reply->size += n;
	reply->body[reply->size] = '\0';
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
	return append(userdata, data, size * n) == 0 ? size * n : 0;
}

/* Sets the options that every request has. */
static int prepare(struct http *h, const char *path, curl_write_callback fn, void *userdata)
{
	_cleanup_free_ char *url = NULL;

	if (asprintf(&url, "http://vpcd%s", path) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	curl_easy_reset(h->curl);
	curl_easy_setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, h->socket);
	curl_easy_setopt(h->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(h->curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	/* a name may be "..", percent-encoded: curl must not resolve it */
	curl_easy_setopt(h->curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(h->curl, CURLOPT_USERAGENT, "vpcctl/" VPCD_VERSION);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, fn);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, userdata);
	return curl_easy_setopt(h->curl, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
}

/* curl's code as a negative errno. */
static int failure(struct http *h, CURLcode code)
{
	long os_error = 0;

	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &os_error);
		return os_error > 0 ? -(int)os_error : -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST: /* a socket path too long for the address */
		return -ENAMETOOLONG;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	default:
		return -EPROTO;
	}
}

int http_request(struct http *h, const char *method, const char *path, const char *body, const char *if_match,
		 struct http_reply *ret)
{
	_cleanup_http_reply_ struct http_reply reply = {0};
	_cleanup_free_ char *match = NULL;
	struct wait wait = {.socket = h->socket};
	struct curl_slist *headers = NULL;
	int r = prepare(h, path, on_body, &reply);

	if (r == 0)
		r = append(&reply, "", 0);
	if (r < 0)
		return r;
	/* no "Expect: 100-continue": it costs a round trip */
	headers = curl_slist_append(NULL, "Expect:");
	if (body)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	if (if_match && asprintf(&match, "If-Match: \"%s\"", if_match) >= 0)
		headers = curl_slist_append(headers, match);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	if (body) {
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
	}
	/* a request without a connection was not sent, and may be repeated */
	do
		r = failure(h, curl_easy_perform(h->curl));
	while (r < 0 && wait_for_restart(&wait, r));
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &reply.status);
	curl_slist_free_all(headers);
	if (r < 0)
		return r;
	*ret = reply;
	reply = (struct http_reply){0};
	return 0;
}

struct stream {
	struct http *http;
	struct http_reply pending; /* the line under way, or an error's body */
	http_line_fn fn;
	void *userdata;
	bool stopped;
};

static size_t on_stream(char *data, size_t size, size_t n, void *userdata)
{
	struct stream *s = userdata;
	char *line, *end;
	long status = 0;

	curl_easy_getinfo(s->http->curl, CURLINFO_RESPONSE_CODE, &status);
	if (append(&s->pending, data, size * n) < 0)
		return 0;
	if (status != 200)
		return size * n;
	for (line = s->pending.body; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (*line && s->fn(line, s->userdata) != 0) {
			s->stopped = true;
			return 0;
		}
	}
	s->pending.size -= (size_t)(line - s->pending.body);
	memmove(s->pending.body, line, s->pending.size + 1);
	return s->pending.size > LINE_BYTES_MAX ? 0 : size * n;
}

/* Runs the transfer until it ends or stop_fd is readable. */
static int run_stream(struct stream *s, CURLM *multi, int stop_fd)
{
	struct curl_waitfd stop = {.fd = stop_fd, .events = CURL_WAIT_POLLIN};
	int running = 1, left;

	while (!s->stopped) {
		CURLMsg *message;

		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return -EPROTO;
		message = curl_multi_info_read(multi, &left);
		if (message && message->msg == CURLMSG_DONE) {
			int r = failure(s->http, message->data.result);

			return s->stopped ? 0 : r < 0 ? r : -EPIPE;
		}
		if (curl_multi_poll(multi, &stop, 1, 60000, NULL) != CURLM_OK)
			return -EPROTO;
		if (stop.revents)
			s->stopped = true;
	}
	return 0;
}

int http_stream(struct http *h, const char *path, int stop_fd, http_line_fn fn, void *userdata, struct http_reply *ret)
{
	struct stream s = {.http = h, .fn = fn, .userdata = userdata};
	CURLM *multi = curl_multi_init();
	int r = multi ? prepare(h, path, on_stream, &s) : -ENOMEM;

	if (r == 0 && curl_multi_add_handle(multi, h->curl) != CURLM_OK)
		r = -ENOMEM;
	if (r == 0) {
		r = run_stream(&s, multi, stop_fd);
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &s.pending.status);
		curl_multi_remove_handle(multi, h->curl);
	}
	curl_multi_cleanup(multi);
	if (r == -EPIPE && s.pending.status != 200) {
		*ret = s.pending;
		return 0;
	}
	http_reply_clear(&s.pending);
	ret->status = 200;
	return r;
}

char *http_encode(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";
	char *encoded = malloc(3 * strlen(text) + 1), *at = encoded;
	/* A name of dots alone would be a step in the path. */
	bool dots = text[strspn(text, ".")] == '\0';

	if (!encoded)
		return NULL;
	for (; *text; text++) {
		if (strchr(plain, *text) || (*text == '.' && !dots)) {
			*at++ = *text;
			continue;
		}
		at += sprintf(at, "%%%02X", (unsigned char)*text);
	}
	*at = '\0';
	return encoded;
}
