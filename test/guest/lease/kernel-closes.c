// SPDX-License-Identifier: GPL-2.0
/*
 * A lease whose last descriptor the kernel closes: io_uring has it among its
 * registered files, and drops those in a worker. The lease ends, and so does
 * all else that kernel threads close.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <linux/io_uring.h>

#include "remount.h"

#define PATH   PMEM "kernel-closes"
#define LENGTH MIB
#define ROUNDS 5
#define PINNED 100

static int ring_open(void)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 4, &params);

	if (ring < 0)
		tap_bail("io_uring_setup: %s", strerror(errno));
	return ring;
}

static void ring_register(int ring, unsigned int what, void *arg)
{
	if (syscall(SYS_io_uring_register, ring, what, arg, 1))
		tap_bail("io_uring_register %u: %s", what, strerror(errno));
}

static bool no_leases(int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;
	struct hf_report_entry entry;
	struct hf_report *report;
	int found;

	do {
		if (hf_report_open(NULL, &report))
			tap_bail("report: %s", hf_error());
		found = hf_report_next(report, &entry);
		hf_report_close(report);
		if (!found)
			return true;
		usleep(10000);
	} while (now_ns() < limit);
	return false;
}

/* The ring has the only reference. */
static void close_by_ring(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC), ring = ring_open();
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);

	ring_register(ring, IORING_REGISTER_FILES, &lease);
	close(lease);
	close(fd);
	close(ring);
}

/*
 * The ring has the only reference, and pins that keep a release from its end:
 * both go at the same time.
 */
static void close_by_ring_pinned(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC), ring = ring_open();
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct iovec buffer = { map_shared(fd, 0, LENGTH), LENGTH };
	struct holdfast_release release = { .size = sizeof(release) };

	ring_register(ring, IORING_REGISTER_BUFFERS, &buffer);
	ring_register(ring, IORING_REGISTER_FILES, &lease);
	fcntl(lease, F_SETFL, O_NONBLOCK);
	if (!ioctl(lease, HOLDFAST_IOC_RELEASE, &release) || errno != EAGAIN)
		tap_bail("a release does not wait for a fixed buffer");
	munmap(buffer.iov_base, LENGTH);
	close(lease);
	close(fd);
	close(ring);
}

/* Nothing of a lease goes on, nor hangs: the module could be unloaded. */
static bool idle(int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;
	unsigned int users = 1;
	FILE *file;

	while (users && now_ns() < limit) {
		file = fopen("/sys/module/holdfast/refcnt", "r");
		if (!file || fscanf(file, "%u", &users) != 1)
			tap_bail("refcnt: %s", strerror(errno));
		fclose(file);
		usleep(10000);
	}
	return !users;
}

static bool unmounts(void)
{
	if (!pmem_unmount(SOON))
		return false;
	pmem_mount("dax=always");
	return true;
}

int main(void)
{
	int fd = file_make(PATH, LENGTH);

	close(fd);
	for (int i = 0; i < ROUNDS; i++)
		close_by_ring();
	if (!tap_ok(no_leases(SOON), "leases that a ring drops end"))
		return tap_done();
	tap_ok(unmounts(), "the filesystem unmounts");
	tap_ok(idle(SOON), "and the module is idle");
	for (int i = 0; i < PINNED; i++)
		close_by_ring_pinned();
	tap_ok(no_leases(SOON), "with fixed buffers, too");
	unlink(PATH);
	tap_ok(unmounts(), "the filesystem unmounts");
	tap_ok(idle(SOON), "and the module is idle");
	return tap_done();
}
