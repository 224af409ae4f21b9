// SPDX-License-Identifier: GPL-2.0
/* libholdfast-remote: changes of the file under a stream of writes, none of which fails. */
#define _GNU_SOURCE
#include "remote-stream.h"

#define PATH	 PMEM "remote-break"
#define OTHER	 PMEM "remote-break-other"
#define FILE_LEN (4 * MIB)
#define SHORT	 (3 * MIB)

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = LONG_BREAK };

	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, FILE_LEN, &attr);
}

static void test_change(struct stream *stream, const char *op, uint64_t offset,
			uint64_t length, const char *other)
{
	unsigned int pauses = remote_query(stream->remote).pauses;

	tap_ok(stream_goes_on(stream), "%s: the stream runs", op);
	tap_is(change_make(op, PATH, offset, length, other, SOON), 0,
	       "%s: the change comes to pass", op);
	tap_ok(remote_becomes(stream->remote, HF_REMOTE_ACTIVE) &&
		       stream_goes_on(stream),
	       "%s: the stream goes on", op);
	tap_ok(remote_query(stream->remote).pauses > pauses,
	       "%s: it has been paused", op);
}

static void test_shorter(struct hf_importer *importer, struct hf_remote *remote,
			 struct local *local, int fd)
{
	struct hf_queue *queue = hf_importer_queue(importer, 1);
	struct ibv_sge part = local_part(local, 0, 4096);
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	tap_is(remote_query(remote).length, SHORT, "the region is shorter");
	tap_is(hf_remote_write(queue, remote, SHORT - 4096, &part), 0,
	       "up to its end it is written");
	tap_is(hf_remote_write(queue, remote, SHORT - 4095, &part), -ERANGE,
	       "beyond, that is an error of its own");
	tap_is(hf_remote_flush(queue, remote, 0, 4096), 0, "a flush works");
	tap_is(ftruncate(fd, FILE_LEN), 0, "the file grows again");
	while (remote_query(remote).length != FILE_LEN && now_ns() < limit)
		usleep(10000);
	tap_is(hf_remote_write(queue, remote, FILE_LEN - 4096, &part), 0,
	       "and so does the region");
}

static void test_nothing_left(struct hf_importer *importer,
			      struct hf_remote *remote, struct local *local,
			      int fd)
{
	struct hf_queue *queue = hf_importer_queue(importer, 1);
	struct ibv_sge part = local_part(local, 0, 4096);
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	tap_is(change_make("truncate", PATH, 0, 0, NULL, SOON), 0,
	       "a truncate to nothing");
	tap_is(hf_remote_write(queue, remote, 0, &part), -ERANGE,
	       "leaves nothing to write");
	tap_is(ftruncate(fd, FILE_LEN), 0, "until the file grows");
	while (remote_query(remote).length != FILE_LEN && now_ns() < limit)
		usleep(10000);
	tap_is(hf_remote_write(queue, remote, 0, &part), 0, "then it is there");
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	const char *fs = getenv("HOLDFAST_LAB_FS");
	static struct stream stream;
	struct hf_importer *importer;
	struct exporter exporter;
	struct hf_remote *remote;
	struct local local;
	int fd, other;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, FILE_LEN);
	other = file_make(OTHER, FILE_LEN);
	exporter = exporter_start();
	importer = import_as(1, 2, 0);
	remote = remote_open(importer, "file");
	local = local_make(importer, 4096);
	stream_start(&stream, importer, hf_importer_queue(importer, 0), remote);
	test_change(&stream, "punch", 0, STREAM_LENGTH, NULL);
	test_change(&stream, "truncate", SHORT, 0, NULL);
	if (!fs || !strcmp(fs, "xfs"))
		test_change(&stream, "reflink-from", 2 * MIB, MIB, OTHER);
	stream_end(&stream, fd, "stream");
	test_shorter(importer, remote, &local, fd);
	test_nothing_left(importer, remote, &local, fd);
	tap_is(remote_query(remote).reconnects, 0, "the connection lived");
	tap_is(exporter_ask(&exporter, "dropped"), 0, "nobody was dropped");
	local_end(&local);
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
	return tap_done();
}
