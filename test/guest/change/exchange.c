// SPDX-License-Identifier: GPL-2.0
/*
 * XFS_IOC_EXCHANGE_RANGE (6.10 and later): two files exchange blocks. XFS locks
 * the file with the lower inode number first, and asks otherwise for the second
 * one, so that each is tested on either side.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define FIRST	 PMEM "exchange.first"
#define SECOND	 PMEM "exchange.second"
#define FILE_LEN (12 * MIB)
#define OFFSET	 (8 * MIB) /* of the lease */
#define LENGTH	 (4 * MIB)
#define BREAK_MS 1500
#define SEED	 100
#define SEED2	 1000

struct pair {
	const char *path, *other; /* of these the first is leased */
	const char *side;
	int fd, other_fd;
	bool low;
};

/* Two files; @low: the one that is leased has the lower inode number. */
static struct pair pair_make(bool low)
{
	struct pair pair = { FIRST,
			     SECOND,
			     low ? "lower" : "higher",
			     file_make_seed(FIRST, FILE_LEN, SEED),
			     file_make_seed(SECOND, FILE_LEN, SEED2),
			     low };
	struct stat first, second;

	if (fstat(pair.fd, &first) || fstat(pair.other_fd, &second))
		tap_bail("stat: %s", strerror(errno));
	if ((first.st_ino < second.st_ino) != low) {
		int fd = file_make_seed(SECOND, FILE_LEN, SEED);

		close(pair.fd);
		close(pair.other_fd);
		pair.path = SECOND;
		pair.other = FIRST;
		pair.fd = fd;
		pair.other_fd = file_make_seed(FIRST, FILE_LEN, SEED2);
	}
	return pair;
}

static void pair_end(struct pair *pair)
{
	close(pair->fd);
	close(pair->other_fd);
	unlink(FIRST);
	unlink(SECOND);
}

static struct change exchange_start(const struct pair *pair, uint64_t offset,
				    uint64_t length)
{
	return change_start("exchange", pair->path, offset, length,
			    pair->other);
}

/* Whether @len bytes at @offset are file_make_seed()'s with @seed. */
static bool holds(int fd, uint64_t offset, size_t len, unsigned int seed)
{
	char *want = malloc(MIB), *got = malloc(MIB);
	bool same = want && got;

	for (uint64_t at = offset; same && at < offset + len; at += MIB) {
		pattern_fill(want, MIB, seed + at / MIB);
		same = pread(fd, got, MIB, at) == (ssize_t)MIB &&
		       !memcmp(want, got, MIB);
	}
	free(want);
	free(got);
	return same;
}

/* The blocks move with what the device writes; the lease follows the file. */
static void test_inside(struct rdma *rdma, bool low)
{
	char before[] = "written while it waits", after[] = "later";
	struct pair pair = pair_make(low);
	int lease = lease_make(pair.fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	char *map = map_shared(pair.fd, OFFSET, LENGTH), seen[sizeof(before)];
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct change change = exchange_start(&pair, OFFSET, LENGTH);
	struct holdfast_event event = { 0 };

	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "%s: a break", pair.side);
	tap_ok(event.op == HOLDFAST_OP_EXCHANGE && event.offset == OFFSET &&
		       event.length == LENGTH,
	       "%s: an exchange, of the range", pair.side);
	tap_ok(!change_done(&change, STILL), "%s: it waits", pair.side);
	tap_is(rdma_write(rdma, mr, 0, before, sizeof(before)), 0,
	       "%s: the device goes on", pair.side);
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: deregistered, it ends", pair.side);
	tap_ok(holds(pair.fd, OFFSET, LENGTH, SEED2) &&
		       holds(pair.other_fd, OFFSET + MIB, LENGTH - MIB, SEED),
	       "%s: the contents are exchanged", pair.side);
	tap_ok(pread(pair.other_fd, seen, sizeof(seen), OFFSET) ==
			       sizeof(seen) &&
		       !memcmp(seen, before, sizeof(seen)),
	       "%s: with what the device wrote", pair.side);
	tap_ok(holds(pair.fd, 0, OFFSET, SEED) &&
		       holds(pair.other_fd, 0, OFFSET, SEED2),
	       "%s: and nothing else", pair.side);

	mr = rdma_register(rdma, map, LENGTH);
	tap_is(rdma_write(rdma, mr, MIB, after, sizeof(after)), 0,
	       "%s: the device writes again", pair.side);
	tap_ok(pread(pair.fd, seen, sizeof(after), OFFSET + MIB) ==
			       sizeof(after) &&
		       !memcmp(seen, after, sizeof(after)),
	       "%s: to the file", pair.side);
	tap_ok(holds(pair.other_fd, OFFSET + MIB, MIB, SEED),
	       "%s: not to the other", pair.side);
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	pair_end(&pair);
}

/* Neither breaks nor waits. */
static void test_outside(struct rdma *rdma, bool low)
{
	struct pair pair = pair_make(low);
	int lease = lease_make(pair.fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	char *map = map_shared(pair.fd, OFFSET, LENGTH),
	     data[] = "to the same block";
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct change change = exchange_start(&pair, 0, 2 * MIB);

	tap_ok(change_done(&change, AT_ONCE) && !change.error,
	       "%s, outside: at once", pair.side);
	tap_ok(!readable(lease, 0), "%s, outside: the holder hears nothing",
	       pair.side);
	tap_is(rdma_write(rdma, mr, 0, data, sizeof(data)), 0,
	       "%s, outside: the device goes on", pair.side);
	tap_ok(!memcmp(map, data, sizeof(data)), "%s, outside: in the file",
	       pair.side);
	tap_ok(holds(pair.fd, 0, 2 * MIB, SEED2) &&
		       holds(pair.fd, 2 * MIB, OFFSET - 2 * MIB, SEED) &&
		       holds(pair.other_fd, 0, 2 * MIB, SEED) &&
		       holds(pair.other_fd, 2 * MIB, FILE_LEN - 2 * MIB, SEED2),
	       "%s, outside: the range is exchanged", pair.side);
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	pair_end(&pair);
}

/* Both ranges in one file: a change of all in between. */
static void test_within(struct rdma *rdma)
{
	struct pair pair = pair_make(true);
	int lease = lease_make(pair.fd, OFFSET - 4 * MIB, LENGTH,
			       HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(pair.fd, OFFSET - 4 * MIB, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct change change =
		change_start("exchange-ends", pair.path, 0, 2 * MIB, pair.path);

	change_waits_for(&change, mr, "within");
	tap_ok(holds(pair.fd, 2 * MIB, FILE_LEN - 4 * MIB, SEED) &&
		       holds(pair.fd, 0, 2 * MIB,
			     SEED + (FILE_LEN - 2 * MIB) / MIB) &&
		       holds(pair.fd, FILE_LEN - 2 * MIB, 2 * MIB,
			     SEED - (FILE_LEN - 2 * MIB) / MIB),
	       "within: the ends are exchanged");
	munmap(map, LENGTH);
	close(lease);
	pair_end(&pair);
}

/* Both files are leased, and both leases have consumers. */
static void test_both(struct rdma *rdma, bool low)
{
	struct pair pair = pair_make(low);
	int lease =
		lease_make(pair.fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int other = lease_make(pair.other_fd, 0, LENGTH, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	char *map = map_shared(pair.fd, 0, LENGTH);
	char *other_map = map_shared(pair.other_fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct ibv_mr *other_mr = rdma_register(rdma, other_map, LENGTH);
	struct change change = exchange_start(&pair, 0, LENGTH);

	tap_ok(!change_done(&change, STILL), "both, %s: it waits", pair.side);
	ibv_dereg_mr(mr);
	tap_ok(!change_done(&change, STILL), "both, %s first: it still waits",
	       pair.side);
	tap_ok(readable(other, SOON), "both, %s first: the other is told",
	       pair.side);
	ibv_dereg_mr(other_mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "both, %s first: then it ends", pair.side);
	tap_ok(holds(pair.fd, 0, LENGTH, SEED2) &&
		       holds(pair.other_fd, 0, LENGTH, SEED),
	       "both, %s first: the contents are exchanged", pair.side);
	mr = rdma_register(rdma, map, LENGTH);
	other_mr = rdma_register(rdma, other_map, LENGTH);
	tap_ok(*(uint32_t *)map == SEED2 && *(uint32_t *)other_map == SEED,
	       "both, %s first: both are registered again", pair.side);
	ibv_dereg_mr(mr);
	ibv_dereg_mr(other_mr);
	munmap(map, LENGTH);
	munmap(other_map, LENGTH);
	close(lease);
	close(other);
	pair_end(&pair);
}

/* A holder that does not answer. */
static void test_ignored(bool low)
{
	struct pair pair = pair_make(low);
	int ready[2], status, lease;
	struct holdfast_event event;
	struct change change;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	lease = lease_make(pair.fd, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	pid = child_fork();
	if (!pid) {
		struct rdma rdma = rdma_open();

		if (hf_join(lease))
			_exit(1);
		rdma_register(&rdma, map_shared(pair.fd, 0, LENGTH), LENGTH);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (!readable(ready[0], SOON))
		tap_bail("no holder");
	change = exchange_start(&pair, 0, LENGTH);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "ignored, %s: a break", pair.side);
	tap_ok(change_done(&change, BREAK_MS + SOON) && !change.error,
	       "ignored, %s: it comes to its end", pair.side);
	tap_ok(change.done && change.end_ns >= event.deadline_ns,
	       "ignored, %s: not before the deadline", pair.side);
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "ignored, %s: the holder was killed", pair.side);
	tap_ok(holds(pair.fd, 0, LENGTH, SEED2),
	       "ignored, %s: the contents are exchanged", pair.side);
	close(ready[0]);
	close(ready[1]);
	close(lease);
	pair_end(&pair);
}

static void test_exclusive(struct rdma *rdma, bool low)
{
	struct pair pair = pair_make(low);
	int lease =
		lease_make(pair.fd, 0, LENGTH, HOLDFAST_EXCLUSIVE, LONG_BREAK);
	char *map = map_shared(pair.fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	int other = lease_make(pair.other_fd, 0, LENGTH, HOLDFAST_BREAKABLE,
			       LONG_BREAK);
	struct change change = exchange_start(&pair, 0, LENGTH);

	tap_ok(change_done(&change, AT_ONCE), "exclusive, %s: at once",
	       pair.side);
	tap_is(change.error, ETXTBSY, "exclusive, %s: refused", pair.side);
	tap_ok(!readable(lease, 0), "exclusive, %s: the holder hears nothing",
	       pair.side);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "exclusive, %s: the lease is active", pair.side);
	tap_is(lease_query(other).state, HOLDFAST_ACTIVE,
	       "exclusive, %s: and so is the other file's", pair.side);
	close(other);
	tap_ok(holds(pair.fd, 0, LENGTH, SEED),
	       "exclusive, %s: the file is as it was", pair.side);
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	pair_end(&pair);
}

/* A change that gives up changes nothing; the consumer is still waited for. */
static void test_interrupted(struct rdma *rdma)
{
	struct pair pair = pair_make(true);
	int lease =
		lease_make(pair.fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(pair.fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct change change = exchange_start(&pair, 0, LENGTH);

	tap_ok(!change_done(&change, STILL), "interrupted: it waits");
	kill(change.pid, SIGTERM);
	tap_ok(child_wait(change.pid, SOON) != -1, "interrupted: it gives up");
	close(change.out);
	tap_ok(holds(pair.fd, 0, LENGTH, SEED),
	       "interrupted: the file is as it was");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "interrupted: and so is the lease");
	change = change_start("truncate", pair.path, 0, 0, NULL);
	change_waits_for(&change, mr, "interrupted, then a truncate");
	munmap(map, LENGTH);
	close(lease);
	pair_end(&pair);
}

int main(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	struct rdma rdma;

	if ((fs && strcmp(fs, "xfs")) || (kernel && !strcmp(kernel, "6.1"))) {
		tap_skip("only XFS exchanges ranges, from 6.10 on");
		return tap_done();
	}
	rdma = rdma_open();
	for (int low = 1; low >= 0; low--) {
		test_inside(&rdma, low);
		test_outside(&rdma, low);
		test_both(&rdma, low);
		test_ignored(low);
		test_exclusive(&rdma, low);
	}
	test_within(&rdma);
	test_interrupted(&rdma);
	rdma_close(&rdma);
	return tap_done();
}
