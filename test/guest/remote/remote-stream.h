/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that writes block after block of a region, round and round, and remembers
 * what the file must have.
 */
#ifndef HOLDFAST_TEST_REMOTE_STREAM_H
#define HOLDFAST_TEST_REMOTE_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "remote.h"

#define STREAM_BLOCK  16384UL
#define STREAM_BLOCKS 64U
#define STREAM_LENGTH (STREAM_BLOCK * STREAM_BLOCKS)

struct stream {
	struct hf_queue *queue;
	struct hf_remote *remote;
	struct local local; /* STREAM_LENGTH: what the region must have */
	pthread_t thread;
	atomic_bool stop;
	atomic_uint written;
	atomic_uint failed;
	atomic_int error; /* the last one */
	uint64_t longest_ns;
};

static inline void stream_write(struct stream *stream, unsigned int number)
{
	size_t offset = number % STREAM_BLOCKS * STREAM_BLOCK;
	struct ibv_sge part = local_part(&stream->local, offset, STREAM_BLOCK);
	uint64_t began = now_ns(), took;
	int ret;

	pattern_fill(stream->local.data + offset, STREAM_BLOCK, number);
	ret = hf_remote_write(stream->queue, stream->remote, offset, &part);
	took = now_ns() - began;
	if (took > stream->longest_ns)
		stream->longest_ns = took;
	if (ret) {
		stream->error = ret;
		stream->failed++;
	}
	stream->written++;
}

static inline void *stream_run(void *arg)
{
	struct stream *stream = arg;
	unsigned int number = 0, more = STREAM_BLOCKS;

	while (!stream->stop)
		stream_write(stream, number++);
	/* All of it once more: a change may have taken what was there. */
	while (more--)
		stream_write(stream, number++);
	return NULL;
}

static inline void stream_start(struct stream *stream,
				struct hf_importer *importer,
				struct hf_queue *queue,
				struct hf_remote *remote)
{
	stream->queue = queue;
	stream->remote = remote;
	stream->local = local_make(importer, STREAM_LENGTH);
	if (pthread_create(&stream->thread, NULL, stream_run, stream))
		tap_bail("no thread");
}

/* Some blocks more are written, whatever happens. */
static inline bool stream_goes_on(struct stream *stream)
{
	unsigned int goal = stream->written + 8;
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (stream->written < goal && now_ns() < limit)
		usleep(2000);
	return stream->written >= goal;
}

/* Two tests. */
static inline void stream_end(struct stream *stream, int fd, const char *what)
{
	unsigned char *got = malloc(STREAM_LENGTH);

	stream->stop = true;
	pthread_join(stream->thread, NULL);
	if (!tap_is(stream->failed, 0, "%s: no write has failed, of %u", what,
		    stream->written))
		tap_diag("  the last error: %d", stream->error);
	tap_diag("  the longest took %lu ms",
		 (unsigned long)(stream->longest_ns / 1000000));
	tap_ok(pread(fd, got, STREAM_LENGTH, 0) == (ssize_t)STREAM_LENGTH &&
		       !memcmp(got, stream->local.data, STREAM_LENGTH),
	       "%s: the file has what was written", what);
	free(got);
	local_end(&stream->local);
}

#endif
