// SPDX-License-Identifier: GPL-2.0
/*
 * Fixed buffers of an io_uring on a leased file: what a disk reads is in the file,
 * what it writes comes out of it, and its DMA goes to the file's memory itself.
 * Changes in the meantime; and mappings without a lease.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "holdfast_uring.h"
#include "run.h"

#define PATH	PMEM "uring-nvme"
#define LENGTH	(8 * MIB)
#define BUFFERS 4
#define SIZE	(LENGTH / BUFFERS)
#define TRACING "/sys/kernel/tracing/"

/* Of the disk: read from, written to. */
#define SOURCE 0
#define TARGET LENGTH

static int file, disk;
static struct io_uring ring;

/* Memory of our own, for a look at the disk. */
static char *buffer;

static void disk_io(bool write, off_t at)
{
	if ((write ? pwrite(disk, buffer, LENGTH, at)
		   : pread(disk, buffer, LENGTH, at)) != LENGTH)
		tap_bail("disk: %s", strerror(errno));
}

static void file_write(unsigned int seed)
{
	pattern_fill(buffer, LENGTH, seed);
	if (pwrite(file, buffer, LENGTH, 0) != LENGTH)
		tap_bail("write: %s", strerror(errno));
}

static bool is_pattern(unsigned int seed, size_t length)
{
	char *want = malloc(LENGTH);
	bool is;

	if (!want)
		tap_bail("no memory");
	pattern_fill(want, LENGTH, seed);
	is = !memcmp(buffer, want, length);
	free(want);
	return is;
}

/* Whether the file has a pattern, as read(2) has it. */
static bool file_is(unsigned int seed, size_t length)
{
	return pread(file, buffer, length, 0) == (ssize_t)length &&
	       is_pattern(seed, length);
}

/* All buffers at once; how many succeed, or the last error. */
static int transfer(const struct hf_uring *buffers, bool write, off_t at,
		    unsigned int count)
{
	struct hf_uring_info info;
	int good = 0, error = 0;

	hf_uring_query(buffers, &info);
	for (unsigned int i = 0; i < count; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
		char *addr = (char *)info.addr + i * info.size;

		if (write)
			io_uring_prep_write_fixed(sqe, disk, addr, info.size,
						  at + i * info.size,
						  info.first + i);
		else
			io_uring_prep_read_fixed(sqe, disk, addr, info.size,
						 at + i * info.size,
						 info.first + i);
	}
	/* One that fails at once is the last one of its call. */
	for (unsigned int done = 0; done < count;) {
		int ret = io_uring_submit(&ring);

		if (ret <= 0)
			tap_bail("submit: %s", strerror(-ret));
		done += ret;
	}
	for (unsigned int i = 0; i < count; i++) {
		struct io_uring_cqe *cqe;

		if (io_uring_wait_cqe(&ring, &cqe))
			tap_bail("no completion");
		if (cqe->res == (int)info.size)
			good++;
		else
			error = cqe->res < 0 ? cqe->res : -EIO;
		io_uring_cqe_seen(&ring, cqe);
	}
	return error ? error : good;
}

static void trace_write(const char *name, const char *text)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

static uint64_t number_in(const char *path, const char *format)
{
	FILE *from = fopen(path, "re");
	unsigned long long number;

	if (!from || fscanf(from, format, &number) != 1)
		tap_bail("%s", path);
	fclose(from);
	return number;
}

/* Bytes of persistent memory that the IOMMU has been told of in the meantime. */
static uint64_t traced_pmem(void)
{
	uint64_t start = number_in("/sys/block/pmem0/device/resource", "%llx");
	uint64_t end = start + number_in("/sys/block/pmem0/size", "%llu") * 512;
	FILE *from = fopen(TRACING "trace", "re");
	unsigned long long paddr, size, sum = 0;
	char line[512];

	if (!from)
		tap_bail("trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), from)) {
		const char *at = strstr(line, "paddr=");

		if (at &&
		    sscanf(at, "paddr=%llx size=%llu", &paddr, &size) == 2 &&
		    paddr >= start && paddr < end)
			sum += size;
	}
	fclose(from);
	return sum;
}

/* On 6.1 a worker of io_uring unpins, up to a second later. */
static bool unpinned_soon(int lease)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (lease_query(lease).pinned && now_ns() < limit)
		usleep(5000);
	return !lease_query(lease).pinned;
}

static struct hf_uring *buffers_register(void)
{
	struct hf_uring *buffers;
	int ret = hf_uring_register_buffers(&ring, 2, file, 0, LENGTH, BUFFERS,
					    &buffers);

	if (ret)
		tap_bail("register: %s", strerror(-ret));
	return buffers;
}

/* A restore that meets a change: on 6.1 the change waits for what was let go of. */
static int restore_in_change(int lease, struct hf_uring *buffers)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	struct holdfast_event event;
	int ret = hf_uring_restore(buffers);

	if (!kernel || strcmp(kernel, "6.1"))
		return ret;
	tap_is(ret, -EDEADLK, "not before the pins are gone");
	while (event_next(lease, &event, SOON))
		if (event.type == HOLDFAST_EVENT_CHANGED)
			return hf_uring_restore(buffers);
	return -ETIMEDOUT;
}

static void test_data(int lease)
{
	struct hf_uring *buffers = buffers_register();

	tap_is(lease_query(lease).pinned, LENGTH, "a lease is registered");
	file_write(1);
	pattern_fill(buffer, LENGTH, 2);
	disk_io(true, SOURCE);
	trace_write("trace", "");
	trace_write("events/iommu/map/enable", "1");
	tap_is(transfer(buffers, false, SOURCE, BUFFERS), BUFFERS,
	       "the disk reads into fixed buffers");
	trace_write("events/iommu/map/enable", "0");
	tap_ok(traced_pmem() >= LENGTH, "by DMA into persistent memory");
	tap_diag("%lu KiB of it", traced_pmem() >> 10);
	tap_ok(file_is(2, LENGTH), "it is in the file");
	file_write(3);
	tap_is(transfer(buffers, true, TARGET, BUFFERS), BUFFERS,
	       "the disk writes out of them");
	disk_io(false, TARGET);
	tap_ok(is_pattern(3, LENGTH), "it has what was in the file");
	tap_is(hf_uring_unregister_buffers(buffers), 0, "unregister");
	tap_ok(unpinned_soon(lease), "nothing is pinned");
}

static void test_change(int lease)
{
	struct hf_uring *buffers = buffers_register();
	struct holdfast_event event;
	struct hf_uring_info info;
	struct change change;

	pattern_fill(buffer, LENGTH, 4);
	disk_io(true, SOURCE);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "a change: the holder is told");
	tap_ok(!change_done(&change, STILL), "a change: waits");
	tap_is(transfer(buffers, false, SOURCE, BUFFERS), BUFFERS,
	       "a change: the disk goes on meanwhile");
	tap_ok(file_is(4, LENGTH), "a change: into the file");
	tap_is(hf_uring_break(buffers), 0, "a change: let go");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "a change: it goes on");
	tap_is(bytes_of(PATH), 0, "a change: the blocks are free");
	tap_is(transfer(buffers, false, SOURCE, 1), -EFAULT,
	       "a change: the disk does not reach them any more");
	tap_is(hf_uring_restore(buffers), 0, "a change: restore");
	tap_is(transfer(buffers, false, SOURCE, BUFFERS), BUFFERS,
	       "a change: the same buffers can be used again");
	tap_ok(file_is(4, LENGTH), "a change: with the file's new blocks");

	change = change_start("truncate", PATH, LENGTH - SIZE, 0, NULL);
	/* The end of the one before, too. */
	while (event_next(lease, &event, SOON) &&
	       event.type != HOLDFAST_EVENT_BREAK)
		;
	tap_is(event.op, HOLDFAST_OP_TRUNCATE, "shorter: the holder is told");
	tap_is(restore_in_change(lease, buffers), 0,
	       "shorter: restore lets go first");
	tap_ok(change_done(&change, SOON) && !change.error, "shorter: done");
	hf_uring_query(buffers, &info);
	tap_is(info.registered, BUFFERS - 1, "shorter: one buffer less");
	tap_is(transfer(buffers, false, SOURCE, BUFFERS - 1), BUFFERS - 1,
	       "shorter: the others work");
	tap_ok(file_is(4, LENGTH - SIZE), "shorter: into the file");
	tap_is(hf_uring_unregister_buffers(buffers), 0, "shorter: unregister");
}

/* What io_uring says of a mapping of the file. */
static int plain_register(void)
{
	struct iovec iovec = { map_shared(file, 0, LENGTH), LENGTH };
	struct io_uring own;
	int ret;

	if (io_uring_queue_init(4, &own, 0))
		tap_bail("ring");
	ret = io_uring_register_buffers(&own, &iovec, 1);
	io_uring_queue_exit(&own);
	munmap(iovec.iov_base, LENGTH);
	return ret;
}

static void test_refused(void)
{
	int lease, status;
	pid_t pid;

	tap_is(RUN("rmmod", "holdfast"), 0, "the module goes");
	tap_is(plain_register(), -EOPNOTSUPP,
	       "without it the file's mapping is refused");
	if (RUN("insmod", "/run/lab/holdfast.ko") ||
	    chmod("/dev/holdfast", 0666))
		tap_bail("the module does not load");
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	tap_is(plain_register(), 0,
	       "with it, and a lease, the file's own mapping is accepted");
	pid = child_fork();
	if (!pid)
		_exit(plain_register() == -EOPNOTSUPP ? 0 : 1);
	status = child_wait(pid, SOON);
	tap_is(status, 0, "a child's is not, which has not joined the lease");
	tap_ok(unpinned_soon(lease), "nothing is pinned");
	close(lease);
}

static void test_bad_input(int lease)
{
	struct hf_uring *buffers = NULL;
	struct io_uring other;

	tap_is(hf_uring_register_buffers(&ring, 0, file, 0, LENGTH, 0,
					 &buffers),
	       -EINVAL, "no buffers");
	tap_is(hf_uring_register_buffers(&ring, 0, file, 0, LENGTH, 3,
					 &buffers),
	       -EINVAL, "buffers of unequal size");
	tap_is(hf_uring_register_buffers(&ring, 0, file, LENGTH, 4096, 1,
					 &buffers),
	       -EOPNOTSUPP, "beyond the lease");
	tap_is(hf_uring_register_buffers(&ring, 8, file, 0, LENGTH, 1,
					 &buffers),
	       -EINVAL, "no such place in the table");
	if (io_uring_queue_init(4, &other, 0))
		tap_bail("ring");
	tap_is(hf_uring_register_buffers(&other, 0, file, 0, LENGTH, 1,
					 &buffers),
	       -ENXIO, "no table");
	io_uring_queue_exit(&other);
	tap_ok(!buffers, "nothing was returned");
	tap_is(hf_uring_unregister_buffers(NULL), 0, "nothing to unregister");
	tap_ok(unpinned_soon(lease), "nothing is pinned");
}

int main(void)
{
	const char *nvme = getenv("HOLDFAST_LAB_NVME");
	int lease;

	if (!nvme || !*nvme) {
		tap_skip("no NVMe disk here: lab/guest --iommu has one");
		return tap_done();
	}
	file = file_make(PATH, LENGTH);
	disk = open(nvme, O_RDWR | O_DIRECT | O_CLOEXEC);
	buffer = aligned_alloc(4096, LENGTH);
	if (disk < 0 || !buffer || io_uring_queue_init(2 * BUFFERS, &ring, 0) ||
	    io_uring_register_buffers_sparse(&ring, 8))
		tap_bail("%s: %s", nvme, strerror(errno));
	test_refused();
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	test_bad_input(lease);
	test_data(lease);
	test_change(lease);
	io_uring_queue_exit(&ring);
	tap_is(hf_release(lease), 0, "the lease ends");
	close(file);
	unlink(PATH);
	return tap_done();
}
