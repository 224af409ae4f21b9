// SPDX-License-Identifier: GPL-2.0
/*
 * A leased file in a VFIO container: what the device reads and writes is the file; a
 * change waits until it is unmapped; and no page keeps a pin, or goes without
 * PG_reserved, which VFIO must not see while it has one.
 */
#define _GNU_SOURCE
#include "pages.h"
#include "status.h"
#include "vfio.h"

#define PATH	 PMEM "vfio-lease"
#define FILE_LEN (6 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (2 * MIB)
#define PAGES	 (LENGTH / 4096)

static bool told(int lease, uint32_t type)
{
	struct holdfast_event event;

	return event_next(lease, &event, SOON) && event.type == type;
}

/* The device copies one block of the file over another one. */
static bool device_copies(const struct vfio *vfio, int fd, uint64_t from,
			  uint64_t to)
{
	char want[EDU_BUFFER_LEN], got[EDU_BUFFER_LEN];

	if (pread(fd, want, sizeof(want), OFFSET + from) != sizeof(want) ||
	    !edu_copy(vfio, IOVA + from, sizeof(want), false) ||
	    !edu_copy(vfio, IOVA + to, sizeof(want), true) ||
	    pread(fd, got, sizeof(got), OFFSET + to) != sizeof(got))
		return false;
	return !memcmp(want, got, sizeof(want));
}

static void test_breakable(const struct vfio *vfio, int fd)
{
	struct pages pages = pages_of(fd, OFFSET, LENGTH), pages2;
	int lease =
		lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, OFFSET, LENGTH);
	size_t locked = status_bytes("VmLck:");
	struct change change;

	tap_is(vfio_map(vfio, map, LENGTH, IOVA), 0, "a lease is mapped");
	tap_is(pages_with(&pages, PAGES_PINNED), PAGES, "all pages are pinned");
	tap_is(pages_with(&pages, PAGES_RESERVED), 0, "none is reserved");
	tap_is(status_bytes("VmLck:") - locked, LENGTH,
	       "VFIO charges them to its user");
	tap_ok(device_copies(vfio, fd, 0, 65536),
	       "the device reads and writes the file");

	change = change_start("truncate", PATH, OFFSET + LENGTH / 2, 0, NULL);
	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "truncate: a break");
	tap_ok(!change_done(&change, STILL), "it waits");
	tap_ok(device_copies(vfio, fd, 4096, 69632),
	       "the device goes on meanwhile");
	tap_is(vfio_unmap(vfio, LENGTH, IOVA), LENGTH, "unmapped");
	tap_ok(change_done(&change, SOON) && !change.error, "it is done");
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED), "its end is told");
	tap_is(status_bytes("VmLck:"), locked, "nothing is charged any more");
	tap_ok(pages_as_before(&pages, AT_ONCE),
	       "pages are as before, also those that the file lost");

	tap_is(ftruncate(fd, FILE_LEN), 0, "the file grows again");
	pages2 = pages_of(fd, OFFSET, LENGTH);
	tap_is(vfio_map(vfio, map, LENGTH, IOVA), 0,
	       "mapped again, at the same IOVA");
	tap_ok(device_copies(vfio, fd, 0, LENGTH - 4096), "the device goes on");
	tap_is(vfio_unmap(vfio, LENGTH, IOVA), LENGTH, "unmapped again");
	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "released");
	tap_ok(!pages_differ(&pages2), "pages are as before");
	pages_free(&pages2);
	pages_free(&pages);
}

static void test_exclusive(const struct vfio *vfio, int fd)
{
	struct pages pages = pages_of(fd, OFFSET, LENGTH);
	int lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_EXCLUSIVE, 0);
	char *map = map_shared(fd, OFFSET, LENGTH);

	tap_is(vfio_map(vfio, map, LENGTH, IOVA), 0, "exclusive: mapped");
	edu_begin(vfio, IOVA, EDU_BUFFER_LEN, true);
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), ETXTBSY,
	       "exclusive: ETXTBSY");
	tap_ok(edu_end(vfio), "exclusive: a copy that was under way ends");
	tap_ok(device_copies(vfio, fd, 0, 8192), "exclusive: and others begin");
	/* Closed with its mapping in the container: a zombie. */
	munmap(map, LENGTH);
	close(lease);
	tap_ok(lease_listed(PATH, "zombie"),
	       "closed: a zombie, while VFIO has it");
	tap_is(pages_with(&pages, PAGES_RESERVED), 0,
	       "closed: none is reserved yet");
	tap_is(vfio_unmap(vfio, LENGTH, IOVA), LENGTH, "closed: unmapped");
	tap_ok(pages_as_before(&pages, SOON), "closed: pages are as before");
	pages_free(&pages);
}

/* Two leases of the same pages, one in the container: who ends first? */
static void test_overlap(const struct vfio *vfio, int fd)
{
	struct pages pages = pages_of(fd, OFFSET, LENGTH);

	for (int first = 0; first < 2; first++) {
		int lease[2];
		char *map;

		for (int i = 0; i < 2; i++)
			lease[i] = lease_make(fd, OFFSET, LENGTH,
					      HOLDFAST_BREAKABLE, LONG_BREAK);
		map = map_shared(fd, OFFSET, LENGTH);
		tap_is(vfio_map(vfio, map, LENGTH, IOVA), 0, "overlap: mapped");
		munmap(map, LENGTH);
		close(lease[first]);
		tap_is(pages_with(&pages, PAGES_RESERVED), 0,
		       "overlap: %s is closed, none is reserved",
		       first ? "the other lease" : "the lease");
		tap_is(vfio_unmap(vfio, LENGTH, IOVA), LENGTH,
		       "overlap: unmapped");
		close(lease[!first]);
		tap_ok(pages_as_before(&pages, SOON),
		       "overlap: pages are as before");
	}
	pages_free(&pages);
}

/* What is mapped in pieces, unmapped in pieces, and left to the close. */
static void test_pieces(int fd)
{
	struct pages pages = pages_of(fd, OFFSET, LENGTH);
	int lease =
		lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, OFFSET, LENGTH);
	struct vfio vfio = vfio_open();
	uint64_t step = 12288, end = LENGTH - LENGTH % step;

	for (uint64_t at = 0; at < end; at += step)
		if (vfio_map(&vfio, map + at, step, IOVA + at))
			tap_bail("pieces: %s", strerror(errno));
	tap_is(pages_with(&pages, PAGES_RESERVED), PAGES - end / 4096,
	       "pieces: others stay reserved");
	tap_is(vfio_unmap(&vfio, end / step / 2 * step, IOVA),
	       end / step / 2 * step, "pieces: half of them is unmapped");
	tap_is(pages_with(&pages, PAGES_PINNED),
	       (end - end / step / 2 * step) / 4096, "pieces: half is pinned");
	vfio_close(&vfio);
	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "pieces: released");
	tap_ok(!pages_differ(&pages), "pieces: pages are as before");
	pages_free(&pages);
}

/* A holder that is killed at each step of what test_breakable() does. */
static void test_killed(int fd)
{
	static const char *const steps[] = {
		"acquired", "mapped",	"in the container",	  "under DMA",
		"breaking", "unmapped", "in the container again",
	};

	for (size_t step = 0; step < sizeof(steps) / sizeof(*steps); step++) {
		struct pages pages;
		struct change change;
		bool changes = step >= 4;
		pid_t pid;
		int ready[2];
		char c;

		if (ftruncate(fd, FILE_LEN) || pipe2(ready, O_CLOEXEC))
			tap_bail("killed: %s", strerror(errno));
		pages = pages_of(fd, OFFSET, LENGTH);
		pid = child_fork();
		if (!pid) {
			struct vfio vfio = vfio_open();
			int lease = lease_make(fd, OFFSET, LENGTH,
					       HOLDFAST_BREAKABLE, LONG_BREAK);
			char *map = NULL;

			if (step >= 1)
				map = map_shared(fd, OFFSET, LENGTH);
			if (step >= 2 && vfio_map(&vfio, map, LENGTH, IOVA))
				_exit(1);
			if (step >= 3)
				edu_begin(&vfio, IOVA, EDU_BUFFER_LEN, true);
			if (step == 4 && write(ready[1], "", 1) != 1)
				_exit(1);
			if (step >= 5) {
				if (write(ready[1], "", 1) != 1 ||
				    !told(lease, HOLDFAST_EVENT_BREAK))
					_exit(1);
				vfio_unmap(&vfio, LENGTH, IOVA);
			}
			if (step >= 6 && vfio_map(&vfio, map, 4096, IOVA))
				_exit(1);
			if (step != 4 && write(ready[1], "", 1) != 1)
				_exit(1);
			pause();
			_exit(1);
		}
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			tap_bail("killed: it came to nothing");
		if (changes)
			change =
				change_start("punch", PATH, OFFSET, 4096, NULL);
		if (step == 4)
			tap_ok(!change_done(&change, STILL),
			       "killed: a change waits");
		if (step >= 5 && read(ready[0], &c, 1) != 1)
			tap_bail("killed: it came to nothing after the break");
		kill(pid, SIGKILL);
		tap_ok(WIFSIGNALED(child_wait(pid, SOON)), "killed: %s",
		       steps[step]);
		if (changes)
			tap_ok(change_done(&change, SOON) && !change.error,
			       "killed: the change ends");
		tap_ok(pages_as_before(&pages, SOON),
		       "killed: pages are as before");
		close(ready[0]);
		pages_free(&pages);
	}
}

/* It would spare its pages from break and fence: a mapping without a lease. */
static void test_stock(const struct vfio *vfio, int fd)
{
	char *map = map_shared(fd, OFFSET, LENGTH);
	struct pages pages = pages_of(fd, OFFSET, LENGTH);

	tap_ok(vfio_map(vfio, map, LENGTH, IOVA) < 0,
	       "without a lease the file's mapping is refused");
	tap_is(pages_with(&pages, PAGES_RESERVED), PAGES,
	       "and its pages are left alone");
	munmap(map, LENGTH);
	pages_free(&pages);
}

int main(void)
{
	struct vfio vfio;
	int fd;

	if (!vfio_device()) {
		tap_skip("no device: lab/guest --iommu has one");
		return tap_done();
	}
	fd = file_make(PATH, FILE_LEN);
	vfio = vfio_open();
	test_stock(&vfio, fd);
	test_breakable(&vfio, fd);
	test_stock(&vfio, fd);
	test_exclusive(&vfio, fd);
	test_overlap(&vfio, fd);
	vfio_close(&vfio);
	test_pieces(fd);
	test_killed(fd);
	close(fd);
	unlink(PATH);
	return tap_done();
}
