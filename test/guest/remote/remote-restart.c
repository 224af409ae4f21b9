// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: the exporter is killed and started again. Writes are repeated; of
 * an atomic nobody knows, it is said so; none is done twice that was acknowledged.
 */
#define _GNU_SOURCE
#include "remote-stream.h"

#define PATH	 PMEM "remote-restart"
#define FILE_LEN (2 * MIB)
#define COUNTER	 (FILE_LEN - 4096)
#define TIMEOUT	 3000

static void begin(struct hf_exporter *exporter)
{
	admit(exporter, "peer", 1);
	admit(exporter, "impatient", 2);
	share(exporter, "file", PATH, FILE_LEN, NULL);
}

static const struct exporter_does does = { .begin = begin };

static void test_stream(struct exporter *exporter, struct hf_importer *importer,
			struct hf_remote *remote, int fd)
{
	static struct stream stream;

	stream_start(&stream, importer, hf_importer_queue(importer, 0), remote);
	tap_ok(stream_goes_on(&stream), "a peer writes");
	exporter_kill(exporter);
	tap_ok(remote_becomes(remote, HF_REMOTE_AWAY),
	       "the exporter is killed, and the peer notices");
	*exporter = exporter_start();
	tap_ok(remote_becomes(remote, HF_REMOTE_ACTIVE) &&
		       stream_goes_on(&stream),
	       "the exporter runs again, and the peer goes on");
	stream_end(&stream, fd, "restart");
	tap_is(remote_query(remote).reconnects, 1, "it has connected again");
}

/* Each adds 1: what was acknowledged is in the sum, and what failed may be, once. */
static void test_atomics(struct exporter *exporter,
			 struct hf_importer *importer, struct hf_remote *remote,
			 int fd)
{
	struct hf_queue *queue = hf_importer_queue(importer, 1);
	unsigned long done = 0, unknown = 0, other = 0, posted = 0;
	struct local local = local_make(importer, 4096);
	struct ibv_sge part = local_part(&local, 0, 8);
	struct hf_completion completion;
	uint64_t value = 0;

	if (pwrite(fd, &value, sizeof(value), COUNTER) != sizeof(value))
		tap_bail("pwrite: %s", strerror(errno));
	for (int i = 0; i < 400; i++) {
		if (i == 100)
			exporter_kill(exporter);
		if (i == 130)
			*exporter = exporter_start();
		while (hf_post_fetch_add(queue, remote, COUNTER, 1, &part, i)) {
			completion = completion_next(queue);
			done += !completion.error;
			unknown += completion.error == -ENOTRECOVERABLE;
			other += completion.error &&
				 completion.error != -ENOTRECOVERABLE;
		}
		posted++;
	}
	while (done + unknown + other < posted) {
		completion = completion_next(queue);
		done += !completion.error;
		unknown += completion.error == -ENOTRECOVERABLE;
		other += completion.error &&
			 completion.error != -ENOTRECOVERABLE;
	}
	if (pread(fd, &value, sizeof(value), COUNTER) != sizeof(value))
		tap_bail("pread: %s", strerror(errno));
	tap_is(other, 0, "atomics succeed, or nobody knows");
	tap_ok(value >= done && value <= done + unknown,
	       "%lu were done, of %lu nobody knows: the sum is %lu", done,
	       unknown, (unsigned long)value);
	local_end(&local);
}

static void test_timeout(struct exporter *exporter)
{
	const struct hf_importer_attr attr = { .timeout_ms = TIMEOUT };
	struct client client = client_start(2, &attr, 4096);
	uint64_t began;

	exporter_kill(exporter);
	tap_ok(remote_becomes(client.remote, HF_REMOTE_AWAY),
	       "killed once more");
	began = now_ns();
	tap_is(hf_remote_write(client.queue, client.remote, 0, &client.part),
	       -ETIMEDOUT, "a write fails when the timeout is over");
	tap_ok(now_ns() - began < (TIMEOUT + AT_ONCE) * 1000000ULL,
	       "soon after it");
	tap_is(hf_remote_write(client.queue, client.remote, 0, &client.part),
	       -ETIMEDOUT, "the next one fails at once");
	*exporter = exporter_start();
	tap_ok(remote_becomes(client.remote, HF_REMOTE_ACTIVE),
	       "the exporter comes back");
	tap_is(hf_remote_write(client.queue, client.remote, 0, &client.part), 0,
	       "writes work");
	tap_is(client_end(&client), 0, "closed");
}

int main(int argc, char **argv)
{
	struct hf_importer *importer;
	struct exporter exporter;
	struct hf_remote *remote;
	int fd;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, FILE_LEN);
	exporter = exporter_start();
	importer = import_as(1, 2, 0);
	remote = remote_open(importer, "file");
	test_stream(&exporter, importer, remote, fd);
	test_atomics(&exporter, importer, remote, fd);
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	test_timeout(&exporter);
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
