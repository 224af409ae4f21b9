// SPDX-License-Identifier: GPL-2.0
/* libholdfast-remote: what an importer can do with a region, and what it cannot. */
#define _GNU_SOURCE
#include "remote.h"

#define PATH	 PMEM "remote-basic"
#define FILE_LEN (4 * MIB)
#define BLOCK	 65536UL

static struct hf_importer *importer;
static struct hf_queue *queue;
static struct local local;
static int fd;

static void begin(struct hf_exporter *exporter)
{
	static const char *const nobody[] = { "other", NULL };

	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, FILE_LEN, NULL);
	share(exporter, "readonly", PATH, FILE_LEN,
	      &(struct hf_export_attr){ .flags = HF_EXPORT_READ_ONLY });
	share(exporter, "others", PATH, FILE_LEN,
	      &(struct hf_export_attr){ .peers = nobody });
}

static void test_read_write(struct hf_remote *remote)
{
	struct ibv_sge part = local_part(&local, 0, BLOCK);
	static char got[BLOCK];

	pattern_fill(local.data, BLOCK, 77);
	tap_is(hf_remote_write(queue, remote, MIB, &part), 0, "a write");
	tap_is(hf_remote_flush(queue, remote, MIB, BLOCK), 0, "and its flush");
	tap_ok(pread(fd, got, BLOCK, MIB) == (ssize_t)BLOCK &&
		       !memcmp(got, local.data, BLOCK),
	       "the file has it");
	pattern_fill(got, BLOCK, 78);
	if (pwrite(fd, got, BLOCK, 2 * MIB) != (ssize_t)BLOCK)
		tap_bail("pwrite: %s", strerror(errno));
	tap_is(hf_remote_read(queue, remote, 2 * MIB, &part), 0, "a read");
	tap_ok(!memcmp(got, local.data, BLOCK), "gets what the file has");
	tap_is(hf_remote_flush(queue, remote, 0, 0), 0, "a flush of all");
}

static void test_atomics(struct hf_remote *remote)
{
	struct ibv_sge part = local_part(&local, 0, sizeof(uint64_t));
	uint64_t *was = (uint64_t *)local.data, value = 40;

	if (pwrite(fd, &value, sizeof(value), 4096) != sizeof(value))
		tap_bail("pwrite: %s", strerror(errno));
	tap_is(hf_remote_fetch_add(queue, remote, 4096, 2, &part), 0,
	       "fetch and add");
	tap_is(*was, 40, "reports the value before");
	tap_is(hf_remote_compare_swap(queue, remote, 4096, 41, 7, &part), 0,
	       "compare and swap of another value");
	tap_is(*was, 42, "reports what is there");
	tap_is(hf_remote_compare_swap(queue, remote, 4096, 42, 7, &part), 0,
	       "compare and swap");
	tap_ok(pread(fd, &value, sizeof(value), 4096) == sizeof(value) &&
		       value == 7,
	       "the file has the new value");
	tap_is(hf_remote_fetch_add(queue, remote, 4097, 2, &part), -EINVAL,
	       "not at a multiple of 8: refused");
}

static void test_later(struct hf_remote *remote)
{
	struct hf_completion completion;
	uint64_t seen = 0;
	int failed = 0;

	for (unsigned int i = 0; i < 64; i++) {
		struct ibv_sge part = local_part(&local, i * 512, 512);

		failed += hf_post_write(queue, remote, i * 4096, &part, i) != 0;
	}
	tap_is(failed, 0, "64 writes at once");
	for (int i = 0; i < 64; i++) {
		completion = completion_next(queue);
		failed += completion.error != 0;
		seen |= 1ULL << completion.user_data;
	}
	tap_ok(!failed && !~seen, "each has its completion");
	tap_is(hf_post_flush(queue, remote, 0, MIB, 99), 0, "a flush");
	completion = completion_next(queue);
	tap_ok(!completion.error && completion.user_data == 99 &&
		       completion.op == HF_REMOTE_FLUSH,
	       "has its completion (%d)", completion.error);
	tap_is(hf_queue_poll(queue, &completion, 1), 0,
	       "and there are no others");
}

static void test_full(struct hf_remote *remote)
{
	struct ibv_sge part = local_part(&local, 0, 512);
	struct hf_completion completion;
	int n = 0, ret;

	while (!(ret = hf_post_write(queue, remote, 0, &part, n)))
		n++;
	tap_is(ret, -EAGAIN, "a queue that is full says so (%d)", n);
	tap_is(hf_remote_close(remote), -EBUSY,
	       "a region with operations is not closed");
	while (n-- && !completion_next(queue).error)
		;
	tap_is(n, -1, "all complete");
	tap_is(hf_queue_poll(queue, &completion, 1), 0, "and no more");
}

static void test_limits(struct hf_remote *remote)
{
	struct ibv_sge part = local_part(&local, 0, BLOCK), wrong = part;
	struct hf_remote *readonly, *none;
	struct hf_completion completion;

	tap_is(hf_remote_write(queue, remote, FILE_LEN - 4096, &part), -ERANGE,
	       "beyond the end");
	tap_is(hf_post_write(queue, remote, UINT64_MAX - 4096, &part, 5), 0,
	       "far beyond, later");
	completion = completion_next(queue);
	tap_ok(completion.error == -ERANGE && completion.user_data == 5,
	       "fails by its completion");
	tap_is(hf_remote_write(queue, remote, 0, &part), 0,
	       "and the connection lives");
	tap_is(remote_query(remote).reconnects, 0, "as it did before");

	wrong.lkey ^= 0x5a5a00;
	tap_is(hf_remote_write(queue, remote, 0, &wrong), -EFAULT,
	       "local memory that is not registered");
	tap_is(hf_remote_write(queue, remote, 0, &part), 0,
	       "and the next operation works");

	readonly = remote_open(importer, "readonly");
	tap_ok(remote_query(readonly).read_only, "a region for reading");
	tap_is(hf_remote_read(queue, readonly, 0, &part), 0, "is read");
	tap_is(hf_remote_write(queue, readonly, 0, &part), -EACCES,
	       "and not written");
	tap_is(hf_remote_close(readonly), 0, "closed");
	tap_is(hf_remote_open(importer, "none", &none), -ENOENT,
	       "a name that there is not");
	tap_is(hf_remote_open(importer, "others", &none), -ENOENT,
	       "a name that is for others");
	tap_is(hf_remote_open(importer, "a b", &none), -EINVAL,
	       "what is no name");
}

static void test_refused(struct exporter *exporter)
{
	struct sockaddr_in address = remote_address();
	const struct hf_importer_attr attr = {
		.address = (struct sockaddr *)&address,
		.token = remote_token(2),
	};
	struct hf_importer *other;
	uint64_t began = now_ns();

	tap_is(hf_importer_open(&attr, &other), -EACCES, "a wrong token");
	tap_ok(now_ns() - began < AT_ONCE * 1000000ULL, "is refused at once");
	tap_is(exporter_ask(exporter, "refused"), 1, "the exporter knows");
	tap_is(exporter_ask(exporter, "sessions"), 1,
	       "and keeps nothing of it");
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	struct exporter exporter;
	struct hf_remote *remote;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, FILE_LEN);
	exporter = exporter_start();
	importer = import_as(1, 1, 0);
	queue = hf_importer_queue(importer, 0);
	tap_ok(queue && !hf_importer_queue(importer, 1), "it has one queue");
	local = local_make(importer, BLOCK);
	remote = remote_open(importer, "file");
	tap_is(remote_query(remote).length, FILE_LEN,
	       "a region has its length");
	tap_ok(remote_query(remote).durable, "and its memory is persistent");
	test_read_write(remote);
	test_atomics(remote);
	test_later(remote);
	test_full(remote);
	test_limits(remote);
	test_refused(&exporter);
	tap_is(hf_remote_close(remote), 0, "the region is closed");
	tap_ok(exporter_has(&exporter, "regions", 0), "also at the exporter");
	local_end(&local);
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	tap_ok(exporter_has(&exporter, "sessions", 0), "the exporter sees it");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
