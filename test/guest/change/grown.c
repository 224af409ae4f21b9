// SPDX-License-Identifier: GPL-2.0
/*
 * A truncation to a larger size that is to a smaller one when its turn comes:
 * another had the file's lock first, and the file has grown. What was leased
 * behind the new end in the meantime is waited for.
 *
 * The file's lock is a queue, but who gives it up may take it back before the
 * next in the queue is awake. So all that queue share a CPU, and the truncation
 * in question has the lowest priority there.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "held-write.h"
#include "rdma.h"

#define PATH   PMEM "grown"
#define SMALL  (4 * MIB)
#define MIDDLE (8 * MIB)
#define LARGE  (16 * MIB)
#define LENGTH (4 * MIB)

struct resize {
	pthread_t thread;
	int file;
	off_t size;
	int error;
	volatile pid_t tid;
	volatile bool done;
};

static void *resize_thread(void *arg)
{
	struct resize *resize = arg;

	resize->tid = gettid();
	resize->error = ftruncate(resize->file, resize->size) ? errno : 0;
	resize->done = true;
	return NULL;
}

/* For a thread of real-time @priority on the first CPU. */
static pthread_attr_t on_one_cpu(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	pthread_attr_t attr;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	if (pthread_attr_init(&attr) ||
	    pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus) ||
	    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED) ||
	    pthread_attr_setschedpolicy(&attr, SCHED_FIFO) ||
	    pthread_attr_setschedparam(&attr, &param))
		tap_bail("no attributes for a thread");
	return attr;
}

/* Waits until a task sleeps in the kernel: in the queue for the lock. */
static void wait_asleep(const volatile pid_t *tid)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	char path[64], state = 0;
	FILE *file;

	while (state != 'D') {
		if (now_ns() > limit)
			tap_bail("a task does not wait for the file's lock");
		usleep(5000);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", *tid);
		file = *tid ? fopen(path, "r") : NULL;
		if (!file)
			continue;
		if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(file);
	}
}

static void resize_start(struct resize *resize, int priority)
{
	pthread_attr_t attr = on_one_cpu(priority);

	if (pthread_create(&resize->thread, &attr, resize_thread, resize))
		tap_bail("pthread_create: %s", strerror(errno));
	wait_asleep(&resize->tid);
}

static off_t size_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		tap_bail("fstat: %s", strerror(errno));
	return st.st_size;
}

int main(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");
	pthread_attr_t attr = on_one_cpu(20);
	struct held_write first, last;
	struct resize middle = { .size = MIDDLE }, large = { .size = LARGE };
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, SMALL), lease, other;
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	struct ibv_mr *mr;
	char *map;

	/* It asks for shared extents, and so waits behind the truncations. */
	if (fs && !strcmp(fs, "xfs")) {
		tap_skip("a registration on XFS waits for the file's lock");
		return tap_done();
	}
	middle.file = large.file = fd;
	/* The file has leases before, so that the next one needs no lock. */
	other = lease_make(fd, 4096, 4096, HOLDFAST_BREAKABLE, LONG_BREAK);
	held_write_start(&first, fd, NULL);
	if (!held_write_holds(&first, SOON))
		tap_bail("a write does not wait for its page");
	resize_start(&middle, 10);
	resize_start(&large, 20);
	held_write_start(&last, fd, &attr);
	usleep(100000);
	held_write_end(&first);
	/* The lock goes from one to the next, and the last one keeps it. */
	if (!held_write_holds(&last, SOON))
		tap_bail("a write does not get the lock");
	while (!large.done && now_ns() < limit)
		usleep(1000);
	tap_is(size_of(fd), LARGE, "the file has grown");
	tap_diag("the truncation to %lu %s", MIDDLE,
		 middle.done ? "came before" : "is in the queue");

	lease = lease_make(fd, MIDDLE, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, MIDDLE, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	held_write_end(&last);
	usleep(STILL * 1000);
	tap_is(size_of(fd), LARGE, "the leased end is not cut off");
	tap_ok(bytes_of(PATH) >= SMALL + LENGTH, "no block of it is freed");
	ibv_dereg_mr(mr);
	pthread_join(middle.thread, NULL);
	pthread_join(large.thread, NULL);
	tap_is(middle.error, 0, "then it is truncated");
	tap_is(large.error, 0, "as it was made longer");
	munmap(map, LENGTH);
	close(lease);
	close(other);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
