// SPDX-License-Identifier: GPL-2.0
/*
 * A rewriting lease: a change of its range succeeds and leaves the range as it is, as
 * if the device had written all of it again right after it. What shifts, shares or
 * replaces blocks is refused.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>

#include "extents.h"
#include "implicit.h"
#include "rdma.h"

#define PATH	 PMEM "rewriting"
#define OTHER	 PMEM "rewriting.other"
#define SHORT	 PMEM "rewriting.short"
#define FILE_LEN (16 * MIB)
#define OFFSET	 (4 * MIB)
#define LENGTH	 (4 * MIB)
#define END	 (OFFSET + LENGTH)
#define BLOCKS	 8 /* whose places are compared */

static struct rdma rdma;
static struct ibv_mr *mr;
static int fd, lease;
static char *map, *leased; /* what the range should have */
static uint64_t places[BLOCKS];

static uint64_t size_of(int file)
{
	struct stat st;

	if (fstat(file, &st))
		tap_bail("fstat: %s", strerror(errno));
	return st.st_size;
}

static uint64_t place(int i)
{
	return block_of(fd, OFFSET + i * (LENGTH / BLOCKS));
}

/* The device's view, the file's, and where it lies on the disk: as before. */
static bool range_is_kept(void)
{
	static char now[LENGTH];

	for (int i = 0; i < BLOCKS; i++) {
		if (place(i) != places[i])
			return false;
	}
	return pread(fd, now, LENGTH, OFFSET) == (ssize_t)LENGTH &&
	       !memcmp(now, leased, LENGTH) && !memcmp(map, leased, LENGTH);
}

static bool is_zero(uint64_t offset, uint64_t length)
{
	static char now[FILE_LEN];

	if (pread(fd, now, length, offset) != (ssize_t)length)
		return false;
	for (uint64_t i = 0; i < length; i++) {
		if (now[i])
			return false;
	}
	return true;
}

static void absorbed(const char *what, enum holdfast_op op, uint64_t offset,
		     uint64_t length)
{
	struct holdfast_event event = { 0 };

	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_ABSORBED &&
		       event.op == op && event.offset == offset &&
		       event.length == length && event.pid &&
		       !event.deadline_ns,
	       "%s: the holder is told what was absorbed", what);
	tap_ok(!readable(lease, 0), "%s: once", what);
	tap_ok(range_is_kept(), "%s: the range is as it was", what);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active", what);
}

static void change_absorbed(const char *change, enum holdfast_op op,
			    uint64_t offset, uint64_t length)
{
	tap_is(change_make(change, PATH, offset, length, OTHER, AT_ONCE), 0,
	       "%s at %llu succeeds at once", change,
	       (unsigned long long)offset);
	absorbed(change, op, offset,
		 op == HOLDFAST_OP_TRUNCATE ? ~0ULL : length);
}

static void test_punch(void)
{
	change_absorbed("punch", HOLDFAST_OP_PUNCH, 2 * MIB, 8 * MIB);
	tap_ok(is_zero(2 * MIB, 2 * MIB) && is_zero(END, 2 * MIB),
	       "punch: what is beside the range is punched");
	change_absorbed("punch", HOLDFAST_OP_PUNCH, OFFSET + 4096, 100);
	change_absorbed("zero", HOLDFAST_OP_ZERO, OFFSET, LENGTH);
	change_absorbed("zero", HOLDFAST_OP_ZERO, END - 4096, 8192);
	tap_is(madvise(map + MIB, MIB, MADV_REMOVE), 0, "MADV_REMOVE succeeds");
	absorbed("MADV_REMOVE", HOLDFAST_OP_PUNCH, OFFSET + MIB, MIB);
	tap_is(size_of(fd), FILE_LEN, "the size is as it was");
}

static void test_refused(void)
{
	static const struct {
		const char *op;
		uint64_t offset, length;
		bool xfs;
	} tries[] = {
		{ "collapse", 0, 4096, false },
		{ "insert", OFFSET, 4096, false },
		{ "unshare", OFFSET, 4096, true },
		{ "reflink", OFFSET, MIB, true },
		{ "reflink-from", OFFSET, MIB, true },
		{ "dedupe", OFFSET, MIB, true },
		{ "swapext", 0, FILE_LEN, true },
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		if (tries[i].xfs && !fs_is_xfs())
			continue;
		tap_is(change_make(tries[i].op, PATH, tries[i].offset,
				   tries[i].length, OTHER, AT_ONCE),
		       ETXTBSY, "%s is refused", tries[i].op);
	}
	tap_ok(!readable(lease, 0) && range_is_kept(),
	       "the holder hears nothing");
}

static void test_truncate(void)
{
	int end;

	change_absorbed("truncate", HOLDFAST_OP_TRUNCATE, MIB, 0);
	tap_is(size_of(fd), END, "truncate: it stops at the end of the range");
	tap_is(change_make("append", PATH, 0, 4096, NULL, AT_ONCE), 0,
	       "an append succeeds");
	tap_is(size_of(fd), END + 4096, "an append: it lands behind the range");
	change_absorbed("truncate", HOLDFAST_OP_TRUNCATE, OFFSET + 4096, 0);
	tap_is(size_of(fd), END, "truncate into the range: the same");
	change_absorbed("ftruncate", HOLDFAST_OP_TRUNCATE, 0, 0);
	change_absorbed("open", HOLDFAST_OP_TRUNCATE, 0, 0);
	tap_is(size_of(fd), END, "O_TRUNC: the same");
	end = open(PATH, O_RDWR | O_CLOEXEC);
	tap_is(ftruncate(end, FILE_LEN), 0, "the file is made longer");
	close(end);
	tap_ok(is_zero(END, FILE_LEN - END), "with zeros");
	tap_is(change_make("truncate", PATH, END + MIB, 0, NULL, AT_ONCE), 0,
	       "a truncation behind the range goes on");
	tap_is(size_of(fd), END + MIB, "as far as asked");
	tap_ok(!readable(lease, 0), "and the holder hears nothing");
}

/* The rest of a change meets another lease as any change does. */
static void test_beside(void)
{
	struct holdfast_event event;
	struct change change;
	struct ibv_mr *beside;
	int other;
	char *more;

	if (ftruncate(fd, FILE_LEN))
		tap_bail("ftruncate: %s", strerror(errno));
	other = lease_make(fd, END, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	more = map_shared(fd, END, LENGTH);
	beside = rdma_register(&rdma, more, LENGTH);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(other, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK &&
		       event.offset == END,
	       "a breakable lease beside it is broken by the rest");
	tap_ok(!change_done(&change, STILL), "which waits");
	ibv_dereg_mr(beside);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "for the consumer there only");
	tap_is(size_of(fd), END, "and stops at the end of the range");
	absorbed("truncate beside", HOLDFAST_OP_TRUNCATE, 0, ~0ULL);
	munmap(more, LENGTH);
	close(other);
}

/* A range that goes beyond the end of the file. */
static void test_short(void)
{
	int file = file_make(SHORT, 3 * MIB);
	int held = lease_make(file, 0, 4 * MIB, HOLDFAST_REWRITING, 0);
	struct holdfast_event event;

	tap_is(change_make("truncate", SHORT, MIB, 0, NULL, AT_ONCE), 0,
	       "a lease longer than the file: truncate succeeds");
	tap_is(size_of(file), 3 * MIB, "and stops at the end of the file");
	tap_is(fallocate(file, FALLOC_FL_ZERO_RANGE, 2 * MIB, 2 * MIB), 0,
	       "a zeroing beyond the end of the file succeeds");
	tap_is(size_of(file), 4 * MIB, "and makes it longer, as asked");
	for (int i = 0; i < 2; i++)
		tap_ok(event_next(held, &event, SOON) &&
			       event.type == HOLDFAST_EVENT_ABSORBED,
		       "the holder is told");
	close(held);
	close(file);
	unlink(SHORT);
}

static int acquire_errno(int file, uint64_t offset, uint64_t length)
{
	const struct hf_attr attr = { .kind = HOLDFAST_REWRITING };
	int got = hf_acquire(file, offset, length, &attr);

	if (got < 0)
		return -got;
	close(got);
	return 0;
}

static void test_acquire(void)
{
	int memory = memfd_create("rewriting", MFD_CLOEXEC);
	pid_t pid;

	tap_is(acquire_errno(fd, OFFSET + 4096, LENGTH), EINVAL,
	       "its range begins at a multiple of 2 MiB");
	tap_is(acquire_errno(fd, OFFSET, LENGTH - 4096), EINVAL,
	       "and ends at one");
	if (ftruncate(memory, LENGTH))
		tap_bail("memfd: %s", strerror(errno));
	tap_is(acquire_errno(memory, 0, LENGTH), EOPNOTSUPP,
	       "a file in memory has none");
	close(memory);
	if (fchmod(fd, 0666))
		tap_bail("chmod: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		if (setresuid(1000, 1000, 1000))
			_exit(255);
		_exit(acquire_errno(open(PATH, O_RDWR | O_CLOEXEC), OFFSET,
				    LENGTH));
	}
	tap_is(WEXITSTATUS(child_wait(pid, SOON)), EPERM,
	       "only the file's owner has one");
}

static uint64_t absorbed_so_far(void)
{
	struct hf_report_entry entry = { 0 };
	struct hf_report *report;
	uint64_t nr = 0;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	while (hf_report_next(report, &entry) == 1) {
		if (entry.kind == HOLDFAST_REWRITING)
			nr = entry.absorbed;
	}
	hf_report_close(report);
	return nr;
}

int main(void)
{
	leased = malloc(LENGTH);
	fd = file_make(PATH, FILE_LEN);
	close(file_make(OTHER, FILE_LEN));
	test_acquire();
	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_REWRITING, LONG_BREAK);
	map = map_shared(fd, OFFSET, LENGTH);
	rdma = rdma_open();
	mr = rdma_register(&rdma, map, LENGTH);
	memcpy(leased, map, LENGTH);
	for (int i = 0; i < BLOCKS; i++)
		places[i] = place(i);

	test_punch();
	test_refused();
	test_truncate();
	test_beside();
	tap_is(absorbed_so_far(), 10, "the report counts what was absorbed");
	test_short();

	/* After all that the device writes into the file. */
	tap_is(rdma_write(&rdma, mr, 65536, leased, 4096), IBV_WC_SUCCESS,
	       "the device writes");
	memcpy(leased + 65536, leased, 4096);
	tap_ok(range_is_kept(), "into the file");
	ibv_dereg_mr(mr);
	tap_is(hf_release(lease), 0, "released");
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), 0,
	       "then a truncation takes all");
	tap_is(size_of(fd), 0, "also what was leased");
	munmap(map, LENGTH);
	close(fd);
	unlink(PATH);
	unlink(OTHER);
	rdma_close(&rdma);
	return tap_done();
}
