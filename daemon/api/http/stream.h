/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reply that goes on: what is appended to its buffer is sent as fast as the client reads. Nobody waits for the
 * client: what doesn't fit into the buffer is the caller's to drop or to make later. The number of streams is limited.
 */
#ifndef API_STREAM_H
#define API_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include <vpc/cleanup.h>
#include <vpc/error.h>

struct api;
struct request;
struct stream;

#define STREAM_BUFFER_BYTES (256u << 10)
/* A stream that isn't `patient` ends when its client reads nothing for so long. */
#define STREAM_PATIENCE_S   60

/* Called on the event loop's thread, with the stream's userdata. */
struct stream_ops {
	/* Everything that was appended is sent. It may append. NULL: nothing is to be done. */
	void (*drained)(struct stream *s, void *userdata);
	/* The stream has ended and its memory goes: the client has gone, has everything, or vpcd ends. */
	void (*ended)(void *userdata);
	bool patient; /* its client may read as slowly as it likes */
};

/* Whether the caller of a request may have one more stream. Error: ResourceLimitExceeded. */
int stream_check_limits(const struct request *r, struct vpc_error *reterr);
/* A stream for a request, which has no reply yet. Until stream_start it is the caller's to free. Error: InternalError.
 */
int stream_new(struct request *r, const struct stream_ops *ops, void *userdata, struct stream **ret,
	       struct vpc_error *reterr);
/* Frees a stream that was not started, without ops->ended. Returns NULL. NULL is fine. */
struct stream *stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free);
/* Begins the reply (200). The stream ends by itself from now on, perhaps before this returns. */
void stream_start(struct request *r, struct stream *s);

/* Bytes that can be appended now. */
size_t stream_room(const struct stream *s);
/* False: there is no room for all of it, and nothing was appended. */
bool stream_append(struct stream *s, const char *data, size_t bytes);
/* No more is appended: the reply is complete when the buffer is sent. failed: the reply is broken off instead, so that
 * the client doesn't take it for complete. */
void stream_finish(struct stream *s, bool failed);

/* Ends all streams at once and wakes their connections, for shutting down. */
void streams_stop(struct api *a);

#endif
