// SPDX-License-Identifier: GPL-2.0
/*
 * What is left of a stream of writes by libholdfast-remote when the file changes: nanoseconds
 * for each write of a few seconds. The changes are those of test/pair/changer.c, by the
 * program itself: of a file that shares nothing, by turns with none; and of one of which parts
 * are shared.
 */
#define _GNU_SOURCE
#include "../test/queue-take.h"
#include "remote.h"

#define BLOCK (16 * KIB)
#define DEPTH 16

static const char *address = "192.0.2.1", *path = "/mnt/pmem/bench-goodput",
		  *changer = "/src/build/pair/changer";
static unsigned long rounds = 3, seconds = 4, per_second = 10;
static struct sizes lengths = { 3, { 2 * MIB, 8 * MIB, 32 * MIB } };

/* --- the importer */

static struct hf_remote *remote;
static struct hf_queue *queue;
static struct ibv_mr *mr;

static void post(uint64_t number, size_t length)
{
	struct ibv_sge sge = { (uintptr_t)mr->addr, BLOCK, mr->lkey };

	if (hf_post_write(queue, remote, number % (length / BLOCK) * BLOCK,
			  &sge, 0))
		errx(1, "post: %s", hf_remote_error());
}

/* Waits for one completion or more: how many. */
static unsigned int take(void)
{
	struct hf_completion completions[DEPTH];
	int n = queue_take(queue, completions, DEPTH, -1);

	for (int i = 0; i < n; i++)
		if (completions[i].error)
			errx(1, "a write has failed: %s",
			     strerror(-completions[i].error));
	return n;
}

/* Nanoseconds for each write. */
static double stream(size_t length)
{
	uint64_t began = now_ns(), end = began + seconds * 1000000000ULL;
	uint64_t posted = 0, completed = 0;

	while (now_ns() < end) {
		while (posted - completed < DEPTH)
			post(posted++, length);
		completed += take();
	}
	while (completed < posted)
		completed += take();
	return (double)(now_ns() - began) / completed;
}

/* A file that shares its blocks with this one. */
static const char *snapshot(void)
{
	static char other[256];

	snprintf(other, sizeof(other), "%s.other", path);
	return other;
}

static pid_t change(const char *other)
{
	pid_t pid = fork();

	if (!pid) {
		char time[32], count[32];

		snprintf(time, sizeof(time), "%lu", seconds);
		snprintf(count, sizeof(count), "%lu", per_second);
		if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
			_exit(127);
		execl(changer, "changer", path, other, time, count, NULL);
		_exit(127);
	}
	if (pid < 0)
		err(1, "fork");
	return pid;
}

static void stream_while(size_t length, const char *measure_name,
			 const char *other, unsigned int round)
{
	pid_t pid = change(other);
	int status;

	sample(measure_name, length, "changes", round, stream(length));
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "changes have failed");
}

static void measure(size_t length)
{
	struct hf_importer *importer = remote_import(address, DEPTH, &remote);
	char *memory = aligned_alloc(PAGE, BLOCK);
	struct hf_remote_info info;

	queue = hf_importer_queue(importer, 0);
	if (memory)
		mr = ibv_reg_mr(hf_importer_pd(importer), memory, BLOCK,
				IBV_ACCESS_LOCAL_WRITE);
	if (!mr)
		err(1, "memory region");
	for (unsigned int round = 0; round < rounds; round++) {
		double still = stream(length);

		sample("goodput", length, "none", round, still);
		sample("goodput-unshared", length, "none", round, still);
		stream_while(length, "goodput-unshared", "-", round);
	}
	/* XFS notes that a file has shared a block, for good. */
	for (unsigned int round = 0; round < rounds; round++)
		stream_while(length, "goodput", snapshot(), round);
	hf_remote_query(remote, &info);
	if (!info.pauses || info.reconnects)
		errx(1, "%llu pauses and %llu connections more",
		     (unsigned long long)info.pauses,
		     (unsigned long long)info.reconnects);
	ibv_dereg_mr(mr);
	free(memory);
	if (hf_importer_close(importer))
		errx(1, "importer: %s", hf_remote_error());
}

/* --- the exporter: this program once more */

static void export_until_told(const char *size)
{
	struct hf_exporter *exporter;
	char byte;

	exporter = remote_share(address, path, strtoul(size, NULL, 0));
	if (write(STDOUT_FILENO, "", 1) != 1)
		err(1, "stdout");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	exit(hf_exporter_close(exporter) ? 1 : 0);
}

static pid_t start_exporter(size_t length, int *in)
{
	int to[2], from[2];
	char size[32], byte;
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		err(1, "pipe");
	pid = fork();
	if (!pid) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		snprintf(size, sizeof(size), "%zu", length);
		execl("/proc/self/exe", "goodput", "--exporter", size,
		      "--address", address, "--file", path, NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	if (pid < 0 || read(from[0], &byte, 1) != 1)
		errx(1, "no exporter");
	close(from[0]);
	*in = to[1];
	return pid;
}

int main(int argc, char **argv)
{
	const char *exporter = NULL;
	const struct bench_option options[] = {
		{ "address", "of the RDMA device", .text = &address },
		{ "file", "on the DAX filesystem", .text = &path },
		{ "changer", "the program that changes it", .text = &changer },
		{ "lengths", "of the file", .list = &lengths },
		{ "changes", "in a second", .number = &per_second },
		{ "seconds", "of each stream", .number = &seconds },
		{ "rounds", "how often", .number = &rounds },
		{ "exporter", "only export a file of this size",
		  .text = &exporter },
		{ 0 },
	};

	parse_options(argc, argv,
		      "Compare a stream of writes to a file that changes with "
		      "one to a file that does not.",
		      options);
	if (exporter)
		export_until_told(exporter);
	for (unsigned int i = 0; i < lengths.count; i++) {
		int in, status;
		pid_t pid = start_exporter(lengths.size[i], &in);

		measure(lengths.size[i]);
		close(in);
		if (waitpid(pid, &status, 0) != pid || status)
			errx(1, "the exporter has failed");
		unlink(path);
		unlink(snapshot());
	}
	return 0;
}
