// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: many threads, each with a queue of its own, and completions taken as
 * they come; changes of the file in the meantime.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>

#include "remote.h"

#define PATH	PMEM "remote-threads"
#define THREADS 6
#define DEPTH	16
#define BLOCK	4096UL
#define PART	(64 * BLOCK)
#define ROUNDS	128U
#define CHANGES 4

/* Each has a part of the region, and a queue. */
struct writer {
	pthread_t thread;
	unsigned int number;
	struct hf_queue *queue;
	struct hf_remote *remote;
	struct local local;
	unsigned int posted;
	unsigned int failed;
	bool busy[DEPTH];
};

static atomic_bool changing;
static atomic_uint total;

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = LONG_BREAK };

	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, THREADS * PART, &attr);
}

static void take(struct writer *writer)
{
	struct hf_completion done[DEPTH];
	int n = hf_queue_poll(writer->queue, done, DEPTH);

	for (int i = 0; i < n; i++) {
		writer->failed += done[i].error != 0;
		writer->busy[done[i].user_data] = false;
		total++;
	}
}

static void await(struct writer *writer, unsigned int slot)
{
	while (writer->busy[slot]) {
		take(writer);
		if (writer->busy[slot])
			usleep(500);
	}
}

/* Block @number, from the part of local memory that its slot has. */
static void post(struct writer *writer, unsigned int number)
{
	unsigned int slot = number % DEPTH;
	uint64_t at = writer->number * PART + number * BLOCK % PART;
	struct ibv_sge part = local_part(&writer->local, slot * BLOCK, BLOCK);

	await(writer, slot);
	pattern_fill(writer->local.data + slot * BLOCK, BLOCK,
		     writer->number * 100000 + number);
	writer->busy[slot] = true;
	if (hf_post_write(writer->queue, writer->remote, at, &part, slot)) {
		writer->busy[slot] = false;
		writer->failed++;
	}
}

static void *write_all(void *arg)
{
	struct writer *writer = arg;

	/* The last round is behind the last change, which takes what was there. */
	while (changing || writer->posted % (PART / BLOCK) ||
	       writer->posted < ROUNDS)
		post(writer, writer->posted++);
	for (unsigned int i = 0; i < PART / BLOCK; i++)
		post(writer, writer->posted++);
	for (int slot = 0; slot < DEPTH; slot++)
		await(writer, slot);
	return NULL;
}

static int wrong(const struct writer *writer, int fd)
{
	unsigned char want[BLOCK], got[BLOCK];
	unsigned int count = PART / BLOCK, bad = 0;

	for (unsigned int i = 0; i < count; i++) {
		unsigned int number = writer->posted - count + i;
		off_t at = writer->number * PART + number * BLOCK % PART;

		pattern_fill(want, BLOCK, writer->number * 100000 + number);
		bad += pread(fd, got, BLOCK, at) != (ssize_t)BLOCK ||
		       memcmp(want, got, BLOCK);
	}
	return bad;
}

static void make_changes(void)
{
	int failed = 0;

	for (int i = 0; i < CHANGES; i++) {
		unsigned int goal = total + THREADS * DEPTH;
		uint64_t limit = now_ns() + SOON * 1000000ULL;

		while (total < goal && now_ns() < limit)
			usleep(1000);
		failed += change_make("punch", PATH, 0, THREADS * PART, NULL,
				      SOON) != 0;
	}
	tap_is(failed, 0, "%d changes in the meantime", CHANGES);
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	static struct writer writers[THREADS];
	const struct hf_importer_attr attr = { .queues = THREADS,
					       .depth = DEPTH };
	unsigned int failed = 0, bad = 0;
	struct hf_importer *importer;
	struct exporter exporter;
	struct hf_remote *remote;
	int fd;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, THREADS * PART);
	exporter = exporter_start();
	importer = import_with(1, &attr);
	remote = remote_open(importer, "file");
	changing = true;
	for (unsigned int i = 0; i < THREADS; i++) {
		writers[i].number = i;
		writers[i].queue = hf_importer_queue(importer, i);
		writers[i].remote = remote;
		writers[i].local = local_make(importer, DEPTH * BLOCK);
		if (pthread_create(&writers[i].thread, NULL, write_all,
				   &writers[i]))
			tap_bail("no thread");
	}
	make_changes();
	changing = false;
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(writers[i].thread, NULL);
		failed += writers[i].failed;
		bad += wrong(&writers[i], fd);
	}
	tap_is(failed, 0, "none of %u writes of %d threads has failed",
	       (unsigned int)total, THREADS);
	tap_is(bad, 0, "the file has what each has written");
	tap_ok(remote_query(remote).pauses >= CHANGES, "there were pauses");
	tap_is(remote_query(remote).reconnects, 0, "the connection lived");
	for (unsigned int i = 0; i < THREADS; i++)
		local_end(&writers[i].local);
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
