// SPDX-License-Identifier: GPL-2.0
/*
 * An explicit lease and a plain mapping of its file: the process that acquired
 * the lease registers the mapping, and so does one that has joined it.
 */
#define _GNU_SOURCE
#include "attack.h"
#include "extents.h"
#include "implicit.h"
#include "rdma.h"

#define PATH   PMEM "party"
#define LENGTH (4 * MIB)

static struct rdma rdma;
static int file;

static int join(int lease)
{
	struct holdfast_join args = { .size = sizeof(args) };

	return ioctl(lease, HOLDFAST_IOC_JOIN, &args) ? errno : 0;
}

/* 0 or why a mapping is refused. */
static int register_errno(struct rdma *from, char *addr, size_t length)
{
	struct ibv_mr *mr = ibv_reg_mr(from->pd, addr, length, RDMA_ACCESS);

	if (!mr)
		return errno;
	ibv_dereg_mr(mr);
	return 0;
}

/* Whether RDMA to @at of the region is in the file at @offset. */
static bool writes(struct ibv_mr *mr, size_t at, uint64_t offset)
{
	static char sent[4096], seen[4096];

	pattern_fill(sent, sizeof(sent), now_ns());
	return rdma_write(&rdma, mr, at, sent, sizeof(sent)) ==
		       IBV_WC_SUCCESS &&
	       pread(file, seen, sizeof(seen), offset) == sizeof(seen) &&
	       !memcmp(sent, seen, sizeof(seen));
}

static void acquired(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(file, 0, LENGTH);
	struct pin_record record = { 0 };
	struct holdfast_event event;
	struct change change;
	struct ibv_mr *mr;

	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	if (!tap_ok(mr, "a plain mapping of a leased range is registered (%s)",
		    mr ? "yes" : strerror(errno)))
		return;
	tap_is(pins_of(getpid(), &record, 1), 1, "there is one record");
	tap_is(record.lease, lease_query(lease).id, "of the lease");
	tap_ok(record.address == (uintptr_t)map && !record.offset &&
		       record.length == LENGTH,
	       "with address and range");
	tap_is(lease_query(lease).pinned, LENGTH, "all of it is pinned");
	tap_ok(writes(mr, 4096, 4096), "RDMA goes to the file");

	change = change_start("punch", PATH, 2 * MIB, MIB, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "a change is told by the lease");
	change_waits_for(&change, mr, "a region of a party");
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "its end is told");
	tap_is(pins_of(getpid(), NULL, 0), 0, "there is no record");

	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	tap_ok(mr, "it registers again");
	if (mr) {
		tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
		       "the lease is active");
		tap_ok(writes(mr, 2 * MIB, 2 * MIB),
		       "RDMA goes to the file's new blocks");
		ibv_dereg_mr(mr);
	}
	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "released");
}

/* What is mapped outside of the lease is as on the stock kernel. */
static void outside(void)
{
	int lease =
		lease_make(file, MIB, 2 * MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(file, 0, LENGTH);

	tap_is(register_errno(&rdma, map, LENGTH), EOPNOTSUPP,
	       "outside: a region that begins before the lease is refused");
	tap_is(register_errno(&rdma, map + MIB, 3 * MIB), EOPNOTSUPP,
	       "outside: so is one that ends behind it");
	tap_is(register_errno(&rdma, map + 3 * MIB, MIB), EOPNOTSUPP,
	       "outside: and one beside it");
	tap_is(lease_query(lease).pinned, 0, "outside: nothing is pinned");
	tap_is(pins_of(getpid(), NULL, 0), 0, "outside: nor recorded");
	tap_is(register_errno(&rdma, map + MIB, 2 * MIB), 0,
	       "outside: all of the lease is registered");
	tap_is(register_errno(&rdma, map + MIB + 4096, 8192), 0,
	       "outside: and a part of it");
	munmap(map, LENGTH);
	close(lease);
}

/* In a process of its own, which has the file, the lease and the device. */
static int passed(int lease)
{
	struct rdma own = rdma_open();
	char *map = map_shared(file, 0, LENGTH);
	int before = register_errno(&own, map, LENGTH), after;
	int joined = join(lease);

	after = register_errno(&own, map, LENGTH);
	if (before == EOPNOTSUPP && !joined && !after)
		return 0;
	tap_diag("before: %d, join: %d, after: %d", before, joined, after);
	return 1;
}

static void passed_on(void)
{
	struct holdfast_release release = { .size = sizeof(release) };
	int lease, pair[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		tap_bail("socketpair: %s", strerror(errno));
	/* It has the lease from the socket, not from fork(2). */
	pid = child_fork();
	if (!pid)
		_exit(passed(fd_receive(pair[1])));
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	fd_send(pair[0], lease);
	status = child_wait(pid, SOON);
	tap_is(status, 0,
	       "a process that was passed the lease registers after it has joined");
	tap_is(join(lease), 0, "to join twice is no error");
	tap_is(ioctl(lease, HOLDFAST_IOC_RELEASE, &release), 0, "released");
	tap_is(join(lease), EBADFD, "a released lease is not joined");
	close(lease);
	close(pair[0]);
	close(pair[1]);
}

static int join_as(uid_t uid, int lease)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		become(uid);
		_exit(join(lease));
	}
	status = child_wait(pid, SOON);
	return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Acquired by a user who cannot kill others. */
static void of_another_user(void)
{
	int pair[2], lease, status;
	pid_t pid;

	if (fchmod(file, 0666) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		tap_bail("socketpair: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		char byte;
		int fd;

		become(OWNER);
		fd = open(PATH, O_RDWR | O_CLOEXEC);
		lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				   LONG_BREAK);
		fd_send(pair[1], lease);
		_exit(read(pair[1], &byte, 1) != 1);
	}
	lease = fd_receive(pair[0]);
	if (lease < 0)
		tap_bail("no lease came");
	tap_is(join_as(ATTACKER, lease), EPERM,
	       "a lease of another user: to join is EPERM");
	tap_is(join_as(OWNER, lease), 0, "a process of the same user joins");
	if (write(pair[0], "", 1) != 1)
		tap_bail("write");
	status = child_wait(pid, SOON);
	tap_is(status, 0, "the user's lease ends");
	close(lease);
	close(pair[0]);
	close(pair[1]);
}

static void exclusive(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_EXCLUSIVE, 0);
	char *map = map_shared(file, 0, LENGTH);
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);

	tap_ok(mr, "exclusive: registered (%s)", mr ? "yes" : strerror(errno));
	if (mr) {
		tap_is(change_make("punch", PATH, 0, 4096, NULL, AT_ONCE),
		       ETXTBSY, "exclusive: a change gets ETXTBSY");
		tap_ok(writes(mr, 0, 0), "exclusive: RDMA goes to the file");
		ibv_dereg_mr(mr);
	}
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), ETXTBSY,
	       "exclusive: also without a region");
	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "exclusive: released");
}

static void grown(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(file, 0, 2 * LENGTH);

	tap_is(register_errno(&rdma, map, LENGTH), 0,
	       "grown: a mapping longer than the file is registered up to its end");
	tap_is(ftruncate(file, 2 * LENGTH), 0, "grown: the file grows");
	tap_is(register_errno(&rdma, map, LENGTH), 0,
	       "grown: what is leased is still registered");
	tap_is(register_errno(&rdma, map, 2 * LENGTH), EOPNOTSUPP,
	       "grown: what it has grown by is not leased");
	tap_is(lease_query(lease).pinned, 0, "grown: nothing is pinned");
	tap_is(hf_release(lease), 0, "grown: released");
	lease = lease_make(file, 0, 2 * LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	tap_is(register_errno(&rdma, map, 2 * LENGTH), 0,
	       "grown: leased again it is registered");
	munmap(map, 2 * LENGTH);
	close(lease);
	if (ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
}

/* @lease: or -1, with a permission. */
static void beyond_the_end(int lease, const char *what)
{
	char *map = map_shared(file, 0, 2 * LENGTH);
	/* ext4 may need a block for extents, too. */
	uint64_t bytes = bytes_of(PATH);
	static char sent[4096];
	struct ibv_mr *mr;

	tap_is(register_errno(&rdma, map + LENGTH / 2, LENGTH), EFAULT,
	       "%s: a region that ends beyond the end of the file: EFAULT",
	       what);
	tap_is(register_errno(&rdma, map + LENGTH, 4096), EFAULT,
	       "%s: one behind it: EFAULT", what);
	tap_is(pins_become(getpid(), 0), 0, "%s: nothing is recorded", what);
	if (lease >= 0)
		tap_is(lease_query(lease).pinned, 0, "%s: nor pinned", what);
	else
		tap_ok(!lease_listed(PATH, "active"), "%s: nor leased", what);
	tap_is(bytes_of(PATH), bytes, "%s: no block is allocated", what);
	mr = ibv_reg_mr(rdma.pd, map, LENGTH, RDMA_ACCESS);
	tap_ok(mr && rdma_write(&rdma, mr, 0, sent, sizeof(sent)) ==
			       IBV_WC_SUCCESS,
	       "%s: what is in the file is registered", what);
	if (mr)
		ibv_dereg_mr(mr);
	munmap(map, 2 * LENGTH);
}

static void beyond(void)
{
	int lease =
		lease_make(file, 0, 2 * LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int permission;
	char *map;

	tap_is(lease_query(lease).length, 2 * LENGTH,
	       "beyond: a lease reaches beyond the end of the file");
	beyond_the_end(lease, "explicit");
	if (ftruncate(file, 2 * LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	map = map_shared(file, 0, 2 * LENGTH);
	tap_is(register_errno(&rdma, map, 2 * LENGTH), 0,
	       "beyond: the file has grown, all of it is registered");
	munmap(map, 2 * LENGTH);
	tap_is(change_make("truncate", PATH, LENGTH, 0, NULL, AT_ONCE), 0,
	       "beyond: the file becomes shorter");
	beyond_the_end(lease, "shorter");
	close(lease);

	permission = implicit_allow(LONG_BREAK);
	beyond_the_end(-1, "implicit");
	close(permission);
}

int main(void)
{
	rdma = rdma_open();
	file = file_make(PATH, LENGTH);
	acquired();
	outside();
	passed_on();
	of_another_user();
	exclusive();
	grown();
	beyond();
	close(file);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
