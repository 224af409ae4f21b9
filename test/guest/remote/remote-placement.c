// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: RDMA FLUSH and ATOMIC WRITE where the library, the device and the memory
 * have them, and what is done elsewhere. With the argument "new" the library is one that has
 * both (remote-placement-new); otherwise it is that of the host's headers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "remote.h"

#define PATH	 PMEM "remote-placement"
#define FILE_LEN (4 * MIB)
#define NUMBER	 (FILE_LEN - 4096) /* where the atomic writes go */
#define BLOCK	 4096UL
#define BLOCKS	 64U
#define TRACING	 "/sys/kernel/tracing/"
#define FLUSHES \
	"rxe_flush_pmem_iova" /* what soft RoCE does with an RDMA FLUSH */

static bool has_flush, has_atomic_write;

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = LONG_BREAK };

	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, FILE_LEN, &attr);
	share(exporter, "readonly", PATH, FILE_LEN,
	      &(struct hf_export_attr){ .flags = HF_EXPORT_READ_ONLY });
}

static const struct exporter_does does = { .begin = begin };

static void expect(bool library)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	const char *memory = getenv("HOLDFAST_LAB_MEMORY");

	/* Soft RoCE has had them since Linux 6.2. */
	has_atomic_write = library && kernel && strcmp(kernel, "6.1") != 0;
	has_flush = has_atomic_write && memory && strcmp(memory, "legacy") != 0;
	tap_diag("expected here: %sRDMA FLUSH, %sATOMIC WRITE",
		 has_flush ? "" : "no ", has_atomic_write ? "" : "no ");
}

/* --- what the kernel has done of it */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

static void trace_begin(void)
{
	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		tap_bail("tracefs: %s", strerror(errno));
	put(TRACING "set_ftrace_filter", FLUSHES);
	put(TRACING "current_tracer", "function");
}

static void trace_end(void)
{
	put(TRACING "current_tracer", "nop");
	put(TRACING "set_ftrace_filter", "");
}

static unsigned int traced(void)
{
	FILE *trace = fopen(TRACING "trace", "re");
	unsigned int n = 0;
	char line[512];

	while (trace && fgets(line, sizeof(line), trace))
		n += line[0] != '#' && strstr(line, FLUSHES);
	fclose(trace);
	return n;
}

/* --- one after another */

static void test_flush(struct hf_queue *queue, struct hf_remote *remote,
		       uint64_t offset, uint64_t length, const char *what)
{
	struct hf_remote_info before = remote_query(remote), after;

	put(TRACING "trace", "");
	tap_is(hf_remote_flush(queue, remote, offset, length), 0,
	       "a flush of %s", what);
	after = remote_query(remote);
	tap_is(after.device_flushes - before.device_flushes, has_flush,
	       "%s: by the device", what);
	tap_is(after.exporter_flushes - before.exporter_flushes, !has_flush,
	       "%s: by the exporter", what);
	if (has_flush)
		tap_is(traced(), 1, "%s: soft RoCE has done it", what);
}

static void test_flushes(struct hf_importer *importer, struct hf_remote *remote,
			 struct local *local)
{
	struct hf_queue *queue = hf_importer_queue(importer, 0);
	struct ibv_sge part = local_part(local, 0, 100);
	struct hf_remote *readonly = remote_open(importer, "readonly");
	struct hf_remote_info info = remote_query(remote);

	tap_ok(info.durable, "the region is durable");
	tap_is(info.rdma_flush, has_flush, "whether it has RDMA FLUSH");
	tap_is(info.atomic_write, has_atomic_write, "and ATOMIC WRITE");
	tap_is(hf_remote_write(queue, remote, 5000, &part), 0, "a write");
	trace_begin();
	test_flush(queue, remote, 5000, 100, "100 bytes");
	test_flush(queue, remote, MIB - 1, 2, "2 bytes in two pages");
	test_flush(queue, remote, MIB, 0, "all from there on");
	trace_end();
	tap_is(hf_remote_flush(queue, remote, FILE_LEN - 8, 9), -ERANGE,
	       "a flush beyond the end");
	tap_is(hf_remote_flush(queue, readonly, 0, 0), 0,
	       "a region for reading");
	info = remote_query(readonly);
	tap_ok(!info.rdma_flush && !info.atomic_write,
	       "it has neither of them");
	tap_ok(info.exporter_flushes == 1 && !info.device_flushes,
	       "the exporter flushes it");
	tap_is(hf_remote_close(readonly), 0, "it is closed");
}

static void test_atomic_write(struct hf_queue *queue, struct hf_remote *remote,
			      int fd)
{
	uint64_t want = 0x0123456789abcdef, got = 0;
	struct hf_completion completion;

	tap_is(hf_remote_atomic_write(queue, remote, NUMBER + 4, want), -EINVAL,
	       "an atomic write at no multiple of 8");
	tap_is(hf_remote_atomic_write(queue, remote, NUMBER, want),
	       has_atomic_write ? 0 : -EOPNOTSUPP, "an atomic write");
	if (!has_atomic_write) {
		tap_ok(strstr(hf_remote_error(), "hf_remote_compare_swap"),
		       "it is said what does instead: %s", hf_remote_error());
		return;
	}
	tap_ok(pread(fd, &got, sizeof(got), NUMBER) == sizeof(got) &&
		       got == want,
	       "is in the file");
	tap_is(hf_remote_atomic_write(queue, remote, FILE_LEN, want), -ERANGE,
	       "beyond the end it is an error of its own");
	tap_is(hf_post_atomic_write(queue, remote, NUMBER, want + 1, 77), 0,
	       "one that completes later");
	completion = completion_next(queue);
	tap_ok(!completion.error && completion.user_data == 77 &&
		       completion.op == HF_REMOTE_ATOMIC_WRITE,
	       "has its completion");
	tap_ok(pread(fd, &got, sizeof(got), NUMBER) == sizeof(got) &&
		       got == want + 1,
	       "and is in the file");
}

/* --- while the file changes, and the exporter is killed */

/* Writes blocks, each with its number, flushes them, and writes the number. */
struct log {
	struct hf_queue *queue;
	struct hf_remote *remote;
	struct local *local;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint count;
	atomic_uint failed;
	atomic_int error;
};

static int append(struct log *log, uint64_t number)
{
	struct ibv_sge part = local_part(log->local, 0, BLOCK);
	uint64_t offset = number % BLOCKS * BLOCK;
	int ret;

	memcpy(log->local->data, &number, sizeof(number));
	ret = hf_remote_write(log->queue, log->remote, offset, &part);
	if (!ret)
		ret = hf_remote_flush(log->queue, log->remote, offset, BLOCK);
	if (!ret && has_atomic_write)
		ret = hf_remote_atomic_write(log->queue, log->remote, NUMBER,
					     number);
	return ret;
}

static void *log_run(void *arg)
{
	struct log *log = arg;
	int ret;

	while (!log->stop) {
		ret = append(log, log->count + 1);
		if (ret) {
			log->failed++;
			log->error = ret;
		}
		log->count++;
	}
	return NULL;
}

static bool goes_on(struct log *log)
{
	unsigned int goal = log->count + 5;
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (log->count < goal && now_ns() < limit)
		usleep(2000);
	return log->count >= goal;
}

static void test_changes(struct log *log)
{
	struct hf_remote_info info;

	for (int i = 0; i < 3; i++) {
		tap_is(change_make("punch", PATH, 0, FILE_LEN / 2, NULL, SOON),
		       0, "a punch");
		tap_ok(goes_on(log), "it goes on");
	}
	tap_is(change_make("truncate", PATH, FILE_LEN + MIB, 0, NULL, SOON), 0,
	       "the file grows");
	tap_ok(goes_on(log), "it goes on");
	info = remote_query(log->remote);
	tap_ok(info.pauses >= 3, "pauses: %ju", (uintmax_t)info.pauses);
	tap_is(info.reconnects, 0, "the connection lived");
	tap_is(info.rdma_flush, has_flush, "RDMA FLUSH is as it was");
	tap_ok((info.exporter_flushes == 0) == has_flush,
	       "flushes by the exporter: %ju, by the device: %ju",
	       (uintmax_t)info.exporter_flushes,
	       (uintmax_t)info.device_flushes);
}

static void test_killed(struct log *log, struct exporter *exporter)
{
	exporter_kill(exporter);
	tap_ok(remote_becomes(log->remote, HF_REMOTE_AWAY),
	       "the exporter is killed");
	*exporter = exporter_start();
	tap_ok(remote_becomes(log->remote, HF_REMOTE_ACTIVE) && goes_on(log),
	       "it runs again, and the peer goes on");
	tap_is(remote_query(log->remote).rdma_flush, has_flush,
	       "RDMA FLUSH is as it was");
}

static void log_end(struct log *log, int fd)
{
	uint64_t last = log->count, got = 0;

	log->stop = true;
	pthread_join(log->thread, NULL);
	last = log->count;
	if (!tap_is(log->failed, 0, "none of %ju writes and flushes has failed",
		    (uintmax_t)last))
		tap_diag("  the last error: %d", log->error);
	tap_ok(pread(fd, &got, sizeof(got), last % BLOCKS * BLOCK) ==
			       sizeof(got) &&
		       got == last,
	       "the last is in the file");
	if (has_atomic_write)
		tap_ok(pread(fd, &got, sizeof(got), NUMBER) == sizeof(got) &&
			       got == last,
		       "and its number");
}

static void test_log(struct exporter *exporter, struct hf_importer *importer,
		     struct hf_remote *remote, struct local *local, int fd)
{
	static struct log log;

	log.queue = hf_importer_queue(importer, 1);
	log.remote = remote;
	log.local = local;
	if (pthread_create(&log.thread, NULL, log_run, &log))
		tap_bail("no thread");
	tap_ok(goes_on(&log), "a peer writes and flushes");
	test_changes(&log);
	test_killed(&log, exporter);
	log_end(&log, fd);
}

int main(int argc, char **argv)
{
	struct hf_importer *importer;
	struct exporter exporter;
	struct hf_remote *remote;
	struct local local;
	int fd;

	exporter_main(argc, argv, &does);
#ifdef HAVE_IBV_PLACEMENT
	expect(true);
#else
	expect(argc == 2 && !strcmp(argv[1], "new"));
#endif
	fd = file_make(PATH, FILE_LEN);
	exporter = exporter_start();
	importer = import_as(1, 2, 0);
	remote = remote_open(importer, "file");
	local = local_make(importer, BLOCK);
	test_flushes(importer, remote, &local);
	test_atomic_write(hf_importer_queue(importer, 0), remote, fd);
	test_log(&exporter, importer, remote, &local, fd);
	local_end(&local);
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
