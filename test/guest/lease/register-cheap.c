// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a lease that was registered once, and has not changed since, is registered again
 * without a fault: only what a change has met is prepared once more.
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "../../large-map.h"
#include "extents.h"
#include "rdma.h"

#define PATH   PMEM "register-cheap"
#define OTHER  PMEM "register-cheap.other"
#define LENGTH (8 * MIB)
/* A change is rounded to large pages, and faults some more itself. */
#define UNIT   (LARGE_PAGE / 4096)
#define FEW    16

static struct rdma rdma;

/* Page by page: the address is not that of the file's large pages. */
static char *map_small(int fd)
{
	char *room = mmap(NULL, LENGTH + 2 * LARGE_PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = ((uintptr_t)room + LARGE_PAGE) & ~(LARGE_PAGE - 1);
	char *map = mmap((void *)(at + 4096), LENGTH, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0);

	if (room == MAP_FAILED || map == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	return map;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* The faults that it takes. RDMA reaches the file as it is. */
static long register_once(int fd, char *map, const char *when)
{
	long before = faults(), took;
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	char sent[64], got[64];
	unsigned int wrong = 0;

	took = faults() - before;
	for (size_t at = 0; at < LENGTH; at += 65536) {
		pattern_fill(sent, sizeof(sent), at + took);
		wrong += rdma_write(&rdma, mr, at, sent, sizeof(sent)) !=
				 IBV_WC_SUCCESS ||
			 pread(fd, got, sizeof(got), at) != sizeof(got) ||
			 memcmp(sent, got, sizeof(sent));
	}
	tap_is(wrong, 0, "%s: RDMA is in the file", when);
	ibv_dereg_mr(mr);
	tap_diag("%s: %ld faults", when, took);
	return took;
}

/* The holder's cycle: a change waits for the region. */
static void changed_while_registered(int lease, char *map, const char *op,
				     uint64_t at, uint64_t length)
{
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct change change = change_start(op, PATH, at, length, NULL);
	struct holdfast_event event;

	tap_ok(event_next(lease, &event, SOON), "%s: a break", op);
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the change is done", op);
	events_drop(lease);
}

static void changed(int lease, const char *op, uint64_t at, uint64_t length,
		    const char *other)
{
	tap_is(change_make(op, PATH, at, length, other, AT_ONCE), 0, "%s", op);
	events_drop(lease);
}

int main(void)
{
	int fd = file_make(PATH, LENGTH), other = file_make(OTHER, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_small(fd);
	long took;

	rdma = rdma_open();
	took = register_once(fd, map, "first");
	tap_ok(took >= (long)(LENGTH / 4096), "each page has a fault");
	tap_ok(register_once(fd, map, "again") < FEW, "none has one");

	changed(lease, "punch", 3 * MIB, 65536, NULL);
	took = register_once(fd, map, "a part was punched");
	tap_ok(took >= 16 && took < (long)UNIT + FEW,
	       "only that part, and what is in the same 2 MiB, has one");
	tap_ok(register_once(fd, map, "again after that") < FEW,
	       "none has one");

	changed_while_registered(lease, map, "punch", 5 * MIB, 65536);
	took = register_once(fd, map, "a part was punched meanwhile");
	tap_ok(took >= 16 && took < (long)UNIT + FEW,
	       "only that part, and what is in the same 2 MiB, has one");

	if (!strcmp(getenv("HOLDFAST_LAB_FS") ?: "", "xfs")) {
		changed(lease, "reflink", 7 * MIB, 4096, OTHER);
		took = register_once(fd, map, "a page was shared");
		/* Those around it have one more: they are copied with it first. */
		tap_ok(took > 0 && took < (long)UNIT + 128,
		       "only what is in the same 2 MiB has one");
		tap_ok(register_once(fd, map, "again after that") < FEW,
		       "none has one");
	}

	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "release");
	close(fd);
	close(other);
	unlink(PATH);
	unlink(OTHER);
	return tap_done();
}
