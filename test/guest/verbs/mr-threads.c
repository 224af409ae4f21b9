// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of HF_AUTOMATIC: as many as were started with the context, whatever
 * there is to answer; hooks that end each other's regions; signals.
 */
#define _GNU_SOURCE
#include "mr.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#define PATH	PMEM "mr-threads"
#define MANY	300
#define LENGTH	(MANY * 8192UL)
#define BREAK	8000
#define THREADS 4

static struct rdma rdma;
static int fd;

static int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = -2; /* . and .. */

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int quiesced, resumed, most;

static void count_quiesce(struct hf_mr *mr, const struct holdfast_event *change,
			  void *arg)
{
	int now = threads(), before = __atomic_load_n(&most, __ATOMIC_RELAXED);

	(void)mr;
	(void)change;
	(void)arg;
	while (now > before &&
	       !__atomic_compare_exchange_n(&most, &before, now, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	__atomic_add_fetch(&quiesced, 1, __ATOMIC_RELAXED);
}

static void count_resume(struct hf_mr *mr, int error, void *arg)
{
	(void)mr;
	(void)arg;
	if (!error)
		__atomic_add_fetch(&resumed, 1, __ATOMIC_RELEASE);
}

/* In one break time with one file, and each region answered. */
static void test_many(void)
{
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC,
					      .threads = THREADS,
					      .quiesce = count_quiesce,
					      .resume = count_resume };
	const struct hf_mr_attr region = { .break_ms = LONG_BREAK };
	int before = threads(), ended = 0;
	struct hf_context *context = context_open(&rdma, &attr);
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	static struct hf_mr *mrs[MANY];
	struct change change;

	tap_is(threads() - before, THREADS + 1,
	       "the threads are started with the context");
	for (int i = 0; i < MANY; i++)
		mrs[i] = mr_make(&rdma, fd, i * 8192, 8192, &region);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "a change of %d regions comes to pass", MANY);
	tap_diag("%d regions: the change took %ld ms", MANY,
		 change_ms(&change));
	while (__atomic_load_n(&resumed, __ATOMIC_ACQUIRE) < MANY &&
	       now_ns() < limit)
		usleep(5000);
	tap_is(quiesced, MANY, "each has been quiesced once");
	tap_is(resumed, MANY, "and resumed");
	tap_ok(most <= before + THREADS + 1, "by these threads (%d)", most);
	for (int i = 0; i < MANY; i++)
		ended += !hf_dereg_mr(mrs[i]);
	tap_is(ended, MANY, "all are deregistered");
	tap_is(hf_close_context(context), 0, "the context closes");
	tap_is(threads(), before, "its threads are gone");
}

static struct hf_mr *pair[2];
static pthread_barrier_t both;
static int ended;

/* As a server does that gives up a file: each ends the other one. */
static void end_other(struct hf_mr *mr, const struct holdfast_event *change,
		      void *arg)
{
	struct hf_mr *other = pair[mr == pair[0]];
	volatile char *memory = mr_query(mr).addr;

	(void)change;
	(void)arg;
	pthread_barrier_wait(&both);
	if (!hf_dereg_mr(other))
		__atomic_add_fetch(&ended, 1, __ATOMIC_RELEASE);
	pthread_barrier_wait(&both);
	/* The other hook has ended this region: its memory is there until now. */
	*memory = 1;
}

static void test_each_other(void)
{
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC,
					      .quiesce = end_other };
	const struct hf_mr_attr region = { .break_ms = BREAK };
	struct hf_context *context = context_open(&rdma, &attr);
	struct change change;
	int ret;

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		pair[i] = mr_make(&rdma, fd, i * 8192, 8192, &region);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "hooks that end each other's region: the change comes to pass");
	tap_ok(change_ms(&change) < BREAK / 4, "before anybody steps in");
	tap_is(hf_dereg_mr(pair[0]), -EINVAL, "the regions are gone");
	do {
		usleep(5000);
		ret = hf_close_context(context);
	} while (ret == -EBUSY && change_ms(&change) < SOON);
	tap_is(ret, 0, "the context closes when the hooks have returned");
	tap_is(ended, 2, "both have ended one");
	tap_is(change_make("punch", PATH, 0, LENGTH, NULL, AT_ONCE), 0,
	       "no lease is left");
}

static char *guarded;

static void unprotect(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}

static void touch(struct hf_mr *mr, const struct holdfast_event *change,
		  void *arg)
{
	(void)mr;
	(void)change;
	(void)arg;
	*guarded = 1;
}

static void test_signals(void)
{
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC,
					      .quiesce = touch };
	struct sigaction action = { .sa_sigaction = unprotect,
				    .sa_flags = SA_SIGINFO };
	struct hf_context *context = context_open(&rdma, &attr);
	struct hf_mr *mr = mr_make(&rdma, fd, 0, 8192, NULL);

	guarded =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	tap_is(change_make("punch", PATH, 0, 8192, NULL, SOON), 0,
	       "a hook faults");
	tap_is(*guarded, 1, "and the program's handler has mended it");
	signal(SIGSEGV, SIG_DFL);
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	tap_is(hf_close_context(context), 0, "the context closes");
}

/* In a child, whose limits are its own. */
static void test_no_threads(void)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		const struct hf_context_attr attr = { .flags = HF_AUTOMATIC };
		const struct rlimit none = { 1, 1 };
		struct rdma own = rdma_open();
		struct hf_context *context;

		if (setrlimit(RLIMIT_NPROC, &none) ||
		    setresuid(65534, 65534, 65534))
			_exit(2);
		_exit(hf_open_context(own.context, &attr, &context) == -EAGAIN
			      ? 0
			      : 1);
	}
	status = child_wait(pid, SOON);
	tap_is(status, 0, "without threads the context does not open");
}

int main(void)
{
	rdma = rdma_open();
	fd = file_make(PATH, LENGTH);
	test_many();
	test_each_other();
	test_signals();
	test_no_threads();
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
