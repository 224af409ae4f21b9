// SPDX-License-Identifier: GPL-2.0
/*
 * Under a lease, too, a mapping has pages of 2 MiB where the file's blocks and
 * its address are aligned, whatever transparent_hugepage is set to, and small
 * ones elsewhere. Either is registered, and is the same memory.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/resource.h>

#include "pages.h"
#include "rdma.h"

#define PATH	 PMEM "large-pages"
#define THP	 "/sys/kernel/mm/transparent_hugepage/enabled"
#define FILE_LEN (64 * MIB)
#define LENGTH	 (8 * MIB)

/* The first offset from which LENGTH bytes are in one aligned piece, or ~0. */
static uint64_t aligned_piece(int fd)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extent[64];
	} map = { .head = { .fm_length = FILE_LEN,
			    .fm_flags = FIEMAP_FLAG_SYNC,
			    .fm_extent_count = 64 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &map))
		tap_bail("fiemap: %s", strerror(errno));
	for (unsigned int i = 0; i < map.head.fm_mapped_extents; i++) {
		struct fiemap_extent *extent = &map.extent[i];
		uint64_t start = (extent->fe_logical + 2 * MIB - 1) &
				 ~(2 * MIB - 1);

		if ((extent->fe_physical - extent->fe_logical) % (2 * MIB))
			continue;
		if (start + LENGTH <= extent->fe_logical + extent->fe_length)
			return start;
	}
	return ~0ULL;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static long touch(volatile char *map)
{
	long before = faults();

	for (size_t i = 0; i < LENGTH; i += 4096)
		map[i] = i / 4096;
	return faults() - before;
}

/* LENGTH bytes of the file at @past behind an address that is aligned to 2 MiB. */
static char *map_at(int fd, uint64_t offset, size_t past)
{
	char *room = mmap(NULL, LENGTH + 4 * MIB, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)room + 2 * MIB - 1) & ~(2 * MIB - 1));

	if (room == MAP_FAILED ||
	    mmap(at + past, LENGTH, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, offset) == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	return at + past;
}

static void thp_set(const char *value)
{
	int fd = open(THP, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		tap_bail("%s: %s", THP, strerror(errno));
	close(fd);
}

/* The one in brackets. */
static void thp_get(char value[16])
{
	FILE *file = fopen(THP, "r");
	char line[64], *bracket;

	if (!file || !fgets(line, sizeof(line), file))
		tap_bail("%s: %s", THP, strerror(errno));
	bracket = strchr(line, '[');
	if (!bracket || sscanf(bracket, "[%15[^]]", value) != 1)
		tap_bail("%s: %s", THP, line);
	fclose(file);
}

/* A number that the kernel counts by CPU, and adds up when asked to. */
static long vmstat(const char *name)
{
	int refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	size_t length = strlen(name);
	char line[128];
	long value = -1;
	FILE *file;

	if (refresh < 0 || write(refresh, "1", 1) != 1)
		tap_bail("stat_refresh: %s", strerror(errno));
	close(refresh);
	file = fopen("/proc/vmstat", "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && line[length] == ' ')
			value = atol(line + length);
	if (!file || value < 0)
		tap_bail("vmstat: no %s", name);
	fclose(file);
	return value;
}

/* Pins that the kernel has counted, and that have not ended. */
static long pins(void)
{
	return vmstat("nr_foll_pin_acquired") - vmstat("nr_foll_pin_released");
}

static void test_use(struct rdma *rdma, int fd, uint64_t offset, char *map,
		     int lease, const char *what)
{
	struct change change;
	struct holdfast_event event;
	struct pages pages = pages_of(fd, offset, LENGTH);
	long before = pins();
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	char sent[] = "l", byte;

	tap_is(lease_query(lease).pinned, LENGTH, "%s: all of it is pinned",
	       what);
	tap_is(pages_with(&pages, PAGES_PINNED), pages.nr, "%s: each page is",
	       what);
	tap_is(pins() - before, LENGTH / 4096, "%s: as often as it is counted",
	       what);
	tap_ok(rdma_write(rdma, mr, LENGTH - 1, sent, 1) == IBV_WC_SUCCESS &&
		       pread(fd, &byte, 1, offset + LENGTH - 1) == 1 &&
		       byte == 'l',
	       "%s: RDMA goes to the file", what);
	change = change_start("punch", PATH, offset + MIB, MIB, NULL);
	tap_ok(event_next(lease, &event, SOON), "%s: a break", what);
	change_waits_for(&change, mr, what);
	tap_is(map[MIB], 0, "%s: the mapping shows the hole", what);
	mr = rdma_register(rdma, map + 4096, LENGTH - 8192);
	tap_is(lease_query(lease).pinned, LENGTH - 8192,
	       "%s: a part of it is registered again", what);
	ibv_dereg_mr(mr);
	tap_is(lease_query(lease).pinned, 0, "%s: nothing is pinned", what);
	tap_is(pages_with(&pages, PAGES_PINNED), 0, "%s: no page is", what);
	tap_is(pins() - before, 0, "%s: as many pins have ended", what);
	pages_free(&pages);
}

int main(void)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0644), lease;
	struct rdma rdma = rdma_open();
	uint64_t offset;
	char *map, thp[16];
	bool aligned;
	long count;

	if (fd < 0 || fallocate(fd, 0, 0, FILE_LEN))
		tap_bail("%s: %s", PATH, strerror(errno));
	offset = aligned_piece(fd);
	aligned = offset != ~0ULL;
	if (!aligned) {
		tap_skip("no 8 MiB in one aligned piece in this filesystem");
		offset = 0;
	}
	thp_get(thp);
	thp_set("never");
	lease = lease_make(fd, offset, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_at(fd, offset, 0);
	count = touch(map);
	tap_diag("%ld faults for %lu MiB at %llu", count, LENGTH / MIB,
		 (unsigned long long)offset);
	if (aligned)
		tap_ok(count < 64, "large pages are used");
	test_use(&rdma, fd, offset, map, lease, "large");
	munmap(map, LENGTH);

	map = map_at(fd, offset, 4096);
	tap_ok(touch(map) >= (long)(LENGTH / 4096) - 16,
	       "at another address: small ones");
	test_use(&rdma, fd, offset, map, lease, "small");
	munmap(map, LENGTH);
	thp_set(thp);
	close(lease);
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
