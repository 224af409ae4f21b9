// SPDX-License-Identifier: GPL-2.0
/*
 * A change that is interrupted leaves the lease on the file's blocks: also
 * where another change of the lease was made in the meantime, and where the
 * interrupted one had done a part of its work.
 */
#define _GNU_SOURCE
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "interrupted"
#define OTHER  PMEM "interrupted.other"
#define LENGTH (4 * MIB)
#define PIECES 4096UL

/* The first event of @type that comes. */
static bool told(int lease, uint32_t type)
{
	struct holdfast_event event;

	while (event_next(lease, &event, SOON))
		if (event.type == type)
			return true;
	return false;
}

/* True when the task is gone, with its change. */
static bool interrupt(struct change *change, int signal)
{
	kill(change->pid, signal);
	close(change->out);
	return child_wait(change->pid, SOON) != -1;
}

/* Whether RDMA into the mapping goes to the file's blocks, as they are now. */
static bool reaches_file(struct rdma *rdma, struct ibv_mr *mr, int fd,
			 uint64_t offset)
{
	char sent[512], got[512];

	pattern_fill(sent, sizeof(sent), now_ns());
	return rdma_write(rdma, mr, 0, sent, sizeof(sent)) == IBV_WC_SUCCESS &&
	       pread(fd, got, sizeof(got), offset) == sizeof(got) &&
	       !memcmp(sent, got, sizeof(sent));
}

/*
 * The first change waits for the consumers of a second lease. The first lease
 * has none, so that another change of its range need not wait.
 */
static void test_punched_meanwhile(struct rdma *rdma)
{
	int fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, 2 * MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	int pinned = lease_make(fd, 2 * MIB, 2 * MIB, HOLDFAST_BREAKABLE,
				LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map + 2 * MIB, 2 * MIB), *again;
	struct change change;

	map[0] = 'i';
	map[2 * MIB] = 'p';
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK) &&
		       told(pinned, HOLDFAST_EVENT_BREAK),
	       "punched: two leases are broken");
	tap_is(change_make("punch", PATH, 0, MIB, NULL, AT_ONCE), 0,
	       "punched: another change of the first");
	tap_ok(interrupt(&change, SIGTERM), "punched: the change is killed");
	tap_ok(told(pinned, HOLDFAST_EVENT_CHANGED),
	       "punched: the second lease is told");
	tap_is(lease_query(pinned).state, HOLDFAST_ACTIVE,
	       "punched: and is as it was");
	tap_is(map[0], 0, "punched: the file has the hole");
	tap_is(map[2 * MIB], 'p', "punched: and the content behind it");
	tap_ok(reaches_file(rdma, mr, fd, 2 * MIB),
	       "punched: the second one's region lives on");
	again = rdma_register(rdma, map, 2 * MIB);
	tap_ok(reaches_file(rdma, again, fd, 0),
	       "punched: the first one's range is registered again");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "punched: the first lease is active");
	ibv_dereg_mr(again);
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	close(pinned);
	close(fd);
	unlink(PATH);
}

/* The same with two files: the first is free, and the second has consumers. */
static void test_truncated_meanwhile(struct rdma *rdma)
{
	int fd = file_make(PATH, LENGTH), other = file_make(OTHER, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int pinned =
		lease_make(other, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	char *pins = map_shared(other, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, pins, LENGTH);
	struct change change;

	change = change_start("reflink", OTHER, 0, LENGTH, PATH);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK) &&
		       told(pinned, HOLDFAST_EVENT_BREAK),
	       "truncated: a reflink breaks both files' leases");
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), 0,
	       "truncated: the first file");
	tap_ok(interrupt(&change, SIGTERM), "truncated: the reflink is killed");
	tap_ok(told(pinned, HOLDFAST_EVENT_CHANGED),
	       "truncated: the second lease is told");
	tap_is(lease_query(pinned).state, HOLDFAST_ACTIVE,
	       "truncated: and is as it was");
	tap_ok(reaches_file(rdma, mr, other, 0),
	       "truncated: its region lives on");
	tap_ok(!ibv_reg_mr(rdma->pd, map, LENGTH, RDMA_ACCESS),
	       "truncated: there is nothing to register of the first");
	tap_is(lease_query(lease).pinned, 0, "truncated: nothing is pinned");
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	munmap(pins, LENGTH);
	close(lease);
	close(pinned);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
}

static void caught(int signal)
{
	(void)signal;
}

/* What a dedupe of two files of the same bytes says of one of them. */
static int dedupe_status(int from, int to)
{
	struct {
		struct file_dedupe_range head;
		struct file_dedupe_range_info info;
	} range = { .head = { .src_length = LENGTH, .dest_count = 1 },
		    .info = { .dest_fd = to } };
	struct sigaction catch = { .sa_handler = caught };

	sigaction(SIGUSR1, &catch, NULL);
	return ioctl(from, FIDEDUPERANGE, &range) ? -errno : range.info.status;
}

/* The errors of a dedupe go to the program as they are, and are not restarted. */
static void test_dedupe(struct rdma *rdma)
{
	int from = file_make(OTHER, LENGTH), fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	pid_t pid = child_fork();
	int status;

	if (!pid)
		_exit(-dedupe_status(from, fd));
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "dedupe: breaks the lease");
	kill(pid, SIGUSR1);
	status = child_wait(pid, SOON);
	tap_is(WIFEXITED(status) ? WEXITSTATUS(status) : -1, EINTR,
	       "dedupe: a signal interrupts it");
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	close(fd);
	close(from);
	unlink(PATH);
	unlink(OTHER);
}

/* A file of many extents: every second block of the length is a hole. */
static int file_make_pieces(const char *path, unsigned long pieces)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	char block[4096];

	memset(block, 'o', sizeof(block));
	if (fd < 0 || ftruncate(fd, pieces * 8192))
		tap_bail("%s: %s", path, strerror(errno));
	for (unsigned long i = 0; i < pieces; i++)
		if (pwrite(fd, block, 4096, i * 8192) != 4096)
			tap_bail("%s: %s", path, strerror(errno));
	return fd;
}

/*
 * A reflink replaces extent by extent, and looks for a fatal signal behind
 * each. What it has replaced by then is gone.
 */
static void test_half_done(struct rdma *rdma)
{
	const unsigned long length = PIECES * 8192;
	int other = file_make_pieces(OTHER, PIECES);
	int fd = file_make(PATH, length);
	uint64_t before = bytes_of(PATH), after;
	int lease = lease_make(fd, 0, length, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, length), block[4096];
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	struct change change;
	struct ibv_mr *mr;

	change = change_start("reflink", PATH, 0, length, OTHER);
	while (bytes_of(PATH) > before - MIB && now_ns() < limit)
		sched_yield();
	tap_ok(interrupt(&change, SIGKILL), "half done: a reflink is killed");
	after = bytes_of(PATH);
	tap_diag("half done: %llu of %llu KiB were replaced",
		 (unsigned long long)(before - after) / 512,
		 (unsigned long long)length / 1024);
	/* An extent that was being replaced just now counts again. */
	tap_ok(after <= before - MIB / 2 && after >= length / 2 + MIB,
	       "half done: in the middle of its work");
	/* The blocks are this file's alone again: a store copies nothing. */
	if (ftruncate(other, 0) || pread(fd, block, 4096, 0) != 4096)
		tap_bail("%s: %s", OTHER, strerror(errno));
	tap_is(block[0], 'o', "half done: the file has the other's bytes");
	mr = rdma_register(rdma, map, 8192);
	tap_is(map[0], 'o', "half done: and so has what is registered again");
	tap_is(map[4096], 0, "half done: and its holes");
	tap_ok(reaches_file(rdma, mr, fd, 0),
	       "half done: RDMA goes to the file");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "half done: the lease is active");
	ibv_dereg_mr(mr);
	munmap(map, length);
	close(lease);
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
}

int main(void)
{
	struct rdma rdma = rdma_open();

	test_punched_meanwhile(&rdma);
	if (fs_is_xfs()) {
		test_truncated_meanwhile(&rdma);
		test_half_done(&rdma);
		test_dedupe(&rdma);
	} else {
		tap_skip("extents are shared on XFS only");
	}
	rdma_close(&rdma);
	return tap_done();
}
