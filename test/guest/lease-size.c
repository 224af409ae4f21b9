// SPDX-License-Identifier: GPL-2.0
/*
 * What a lease costs in memory: some kilobytes, and for each piece of the file
 * that is not next to the one before, a few bytes more. Measured as what the
 * kernel has allocated with leases and without, see doc/semantics.md.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/statfs.h>

#include "common.h"

#define WHOLE		 PMEM "size.whole"
#define PIECES		 PMEM "size.pieces"
#define FILLER		 PMEM "size.filler"
#define PAGE		 4096UL
#define NPAGES		 4096 /* of the file in pieces */
#define NOISE		 65536
/* So many at once, to be seen above that. */
#define LEASES		 20
#define LEASES_OF_PIECES 100

/* Bytes that the kernel has allocated for itself, small and large. */
static int64_t kernel_memory(void)
{
	static const char *const counted[] = { "Slab:", "VmallocUsed:" };
	char line[128], name[32];
	long long kib, sum = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	if (!file)
		tap_bail("meminfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %lld", name, &kib) != 2)
			continue;
		for (size_t i = 0; i < 2; i++)
			sum += strcmp(name, counted[i]) ? 0 : kib;
	}
	fclose(file);
	return sum * 1024;
}

/* Once nothing else comes or goes. */
static int64_t kernel_memory_settled(void)
{
	int64_t last, now = 0;

	for (unsigned int i = 0; i < 20; i++) {
		FILE *file = fopen("/proc/sys/vm/drop_caches", "w");

		sync();
		if (!file || fputs("2", file) < 0 || fclose(file))
			tap_bail("drop_caches: %s", strerror(errno));
		/* What is freed comes back by and by. */
		usleep(200000);
		last = now;
		now = kernel_memory();
		if (llabs(now - last) <= NOISE)
			break;
	}
	return now;
}

/* Pieces of a file that are next to each other on the device. */
static unsigned int pieces_of(int fd)
{
	enum {
		MAX = 1024
	};
	struct fiemap *map =
		calloc(1, sizeof(*map) + MAX * sizeof(map->fm_extents[0]));
	uint64_t end = 0;
	unsigned int count = 0;
	bool last = false;

	while (map && !last) {
		map->fm_length = ~0ULL;
		map->fm_flags = FIEMAP_FLAG_SYNC;
		map->fm_extent_count = MAX;
		if (ioctl(fd, FS_IOC_FIEMAP, map) || !map->fm_mapped_extents)
			tap_bail("fiemap: %s", strerror(errno));
		for (unsigned int i = 0; i < map->fm_mapped_extents; i++) {
			struct fiemap_extent *extent = &map->fm_extents[i];

			count += extent->fe_physical != end;
			end = extent->fe_physical + extent->fe_length;
			map->fm_start = extent->fe_logical + extent->fe_length;
			last = extent->fe_flags & FIEMAP_EXTENT_LAST;
		}
	}
	free(map);
	return count;
}

static size_t length_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		tap_bail("stat: %s", strerror(errno));
	return st.st_size;
}

/* As large as there is room for, in as few pieces as the filesystem has it. */
static int make_whole(void)
{
	int fd = open(WHOLE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct statfs st;
	size_t length;

	if (fd < 0 || fstatfs(fd, &st))
		tap_bail("%s: %s", WHOLE, strerror(errno));
	length = st.f_bavail * st.f_bsize / 10 * 7 & ~(2 * MIB - 1);
	if (fallocate(fd, 0, 0, length))
		tap_bail("%s: %s", WHOLE, strerror(errno));
	return fd;
}

/* Two files that grow by turns, a page at a time, have every other page each. */
static int make_pieces(void)
{
	int fd = open(PIECES, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int filler = open(FILLER, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	for (off_t at = 0; at < (off_t)(NPAGES * PAGE); at += PAGE) {
		if (fallocate(fd, 0, at, PAGE) ||
		    fallocate(filler, 0, at, PAGE))
			tap_bail("%s: %s", PIECES, strerror(errno));
	}
	close(filler);
	return fd;
}

/* Bytes for each lease of all of a file. */
static int64_t bytes_per_lease(int fd, unsigned int count)
{
	int64_t before = kernel_memory_settled(), bytes;
	size_t length = length_of(fd);
	int leases[LEASES_OF_PIECES];

	for (unsigned int i = 0; i < count; i++)
		leases[i] = lease_make(fd, 0, length, HOLDFAST_BREAKABLE, 0);
	bytes = kernel_memory_settled() - before;
	for (unsigned int i = 0; i < count; i++)
		hf_release(leases[i]);
	return bytes / count;
}

int main(void)
{
	int64_t small, large, each;
	unsigned int few, many;
	int fd = make_whole();

	/* What the first lease of all allocates stays. */
	bytes_per_lease(fd, 1);
	few = pieces_of(fd);
	small = bytes_per_lease(fd, LEASES);
	tap_diag("%zu MiB in %u pieces: %lld bytes a lease",
		 length_of(fd) >> 20, few, (long long)small);
	tap_ok(few < 64, "a large file is in few pieces");
	tap_ok(small < 8192, "a lease of it takes less than 8 KiB");
	unlink(WHOLE);
	/* Its blocks can be used again only when that is on the device. */
	if (syncfs(fd))
		tap_bail("syncfs: %s", strerror(errno));
	close(fd);

	fd = make_pieces();
	/* Written once: a lease finds all in place. */
	bytes_per_lease(fd, 1);
	many = pieces_of(fd);
	if (many < NPAGES / 2) {
		tap_skip(
			"the filesystem put two files that grow by turns in %u pieces",
			many);
		goto close;
	}
	large = bytes_per_lease(fd, LEASES_OF_PIECES);
	each = (large - small) / (int64_t)(many - few);
	tap_diag("%zu MiB in %u pieces: %lld bytes a lease, %lld a piece",
		 length_of(fd) >> 20, many, (long long)large, (long long)each);
	tap_ok(each >= 8 && each <= 40, "a piece takes some bytes");
close:
	close(fd);
	unlink(PIECES);
	unlink(FILLER);
	return tap_done();
}
