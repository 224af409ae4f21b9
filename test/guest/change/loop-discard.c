// SPDX-License-Identifier: GPL-2.0
/*
 * A loop device calls ->fallocate() of its file directly, from a kernel thread. Its
 * discards are changes like others: with a name and a range, refused under an
 * exclusive lease, and telling the holder of a breakable one.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "rdma.h"

#define TMPFS  "/tmp/loop-discard/"
#define LENGTH (16 * MIB)

/* The device of @fd; the caller closes it, and that detaches it. */
static int loop_open(int fd)
{
	struct loop_config config = {
		.fd = fd,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int nr = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE), loop;
	char path[32];

	if (nr < 0)
		tap_bail("loop-control: %s", strerror(errno));
	close(control);
	snprintf(path, sizeof(path), "/dev/loop%d", nr);
	loop = open(path, O_RDWR | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config))
		tap_bail("%s: %s", path, strerror(errno));
	return loop;
}

/* Returns 0 or errno. */
static int discard(int loop, uint64_t offset, uint64_t length)
{
	uint64_t range[2] = { offset, length };

	return ioctl(loop, BLKDISCARD, range) ? errno : 0;
}

static bool blocks_are_there(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		tap_bail("fstat: %s", strerror(errno));
	return st.st_blocks * 512ULL >= LENGTH;
}

static void test_exclusive(const char *path)
{
	int fd = file_make(path, LENGTH), loop = loop_open(fd);
	int lease =
		lease_make(fd, 0, LENGTH / 2, HOLDFAST_EXCLUSIVE, LONG_BREAK);

	tap_is(discard(loop, 0, MIB), EIO, "%s, exclusive: refused", path);
	tap_ok(blocks_are_there(fd), "%s, exclusive: all blocks are there",
	       path);
	tap_ok(!readable(lease, 0) &&
		       lease_query(lease).state == HOLDFAST_ACTIVE,
	       "%s, exclusive: the holder hears nothing", path);
	tap_is(discard(loop, LENGTH / 2 + 2 * MIB, MIB), 0,
	       "%s, exclusive: outside it is not", path);
	tap_is(hf_release(lease), 0, "%s, exclusive: released", path);
	tap_is(discard(loop, 0, MIB), 0, "%s, exclusive: then it is done",
	       path);
	tap_ok(!blocks_are_there(fd), "%s, exclusive: and blocks are gone",
	       path);
	close(loop);
	close(fd);
	unlink(path);
}

/* The rest is discarded, and what is leased stays. */
static void test_rewriting(const char *path)
{
	int fd = file_make(path, LENGTH), loop = loop_open(fd);
	int lease =
		lease_make(fd, 0, LENGTH / 2, HOLDFAST_REWRITING, LONG_BREAK);
	struct holdfast_event event;
	struct stat st;

	tap_is(discard(loop, 0, MIB), 0, "%s, rewriting: it succeeds", path);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_ABSORBED,
	       "%s, rewriting: the holder is told", path);
	tap_ok(blocks_are_there(fd), "%s, rewriting: all blocks are there",
	       path);
	tap_is(discard(loop, 0, LENGTH), 0, "%s, rewriting: of all of it",
	       path);
	tap_ok(!fstat(fd, &st) && st.st_blocks * 512ULL == LENGTH / 2,
	       "%s, rewriting: the blocks of the lease are left", path);
	close(lease);
	close(loop);
	close(fd);
	unlink(path);
}

static bool told_of_punch(int lease, uint32_t type)
{
	struct holdfast_event event;

	return event_next(lease, &event, SOON) && event.type == type &&
	       event.op == HOLDFAST_OP_PUNCH && event.offset == 0 &&
	       event.length == MIB;
}

/* A kernel thread does not wait: it says so, and its client asks again. */
static void test_deferred(const char *path)
{
	int fd = file_make(path, LENGTH), loop = loop_open(fd);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct rdma rdma = rdma_open();
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	uint64_t begin = now_ns(), deadline;

	tap_is(discard(loop, 0, MIB), EIO, "%s: the discard does not wait",
	       path);
	tap_ok(now_ns() - begin < AT_ONCE * 1000000ULL, "%s: it ends at once",
	       path);
	tap_ok(told_of_punch(lease, HOLDFAST_EVENT_BREAK),
	       "%s: the holder is told, with the range", path);
	tap_is(lease_query(lease).state, HOLDFAST_BREAKING,
	       "%s: the lease goes on breaking", path);
	deadline = lease_query(lease).deadline_ns;
	tap_ok(deadline > begin, "%s: it has a deadline", path);
	tap_is(discard(loop, 0, MIB), EIO, "%s: asked again it does not wait",
	       path);
	tap_is(lease_query(lease).deadline_ns, deadline,
	       "%s: the deadline is the first one's", path);
	tap_ok(!readable(lease, 0), "%s: and nothing more is told", path);
	tap_ok(blocks_are_there(fd), "%s: all blocks are there", path);
	ibv_dereg_mr(mr);
	tap_is(discard(loop, 0, MIB), 0, "%s: let go, it is done", path);
	tap_ok(!blocks_are_there(fd), "%s: and blocks are gone", path);
	munmap(map, LENGTH);
	close(lease);
	close(loop);
	close(fd);
	unlink(path);
	rdma_close(&rdma);
}

static void test_decoheres(const char *path)
{
	int fd = file_make(path, LENGTH), loop = loop_open(fd);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	tap_is(discard(loop, 0, MIB), 0, "%s: a discard does not wait", path);
	tap_ok(told_of_punch(lease, HOLDFAST_EVENT_DECOHERENCE),
	       "%s: the holder is told, with the range", path);
	close(lease);
	close(loop);
	close(fd);
	unlink(path);
}

int main(void)
{
	if (access("/dev/loop-control", F_OK) && system("modprobe loop")) {
		tap_skip("this kernel has no loop devices");
		return tap_done();
	}
	mkdir(TMPFS, 0755);
	if (mount("tmpfs", TMPFS, "tmpfs", 0, NULL))
		tap_bail("tmpfs: %s", strerror(errno));
	test_exclusive(PMEM "loop-discard");
	test_rewriting(PMEM "loop-discard");
	test_deferred(PMEM "loop-discard");
	test_exclusive(TMPFS "file");
	test_decoheres(TMPFS "file");
	if (umount2(TMPFS, MNT_DETACH))
		tap_bail("umount: %s", strerror(errno));
	rmdir(TMPFS);
	return tap_done();
}
