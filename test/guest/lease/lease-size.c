// SPDX-License-Identifier: GPL-2.0
/*
 * What a lease costs in memory: the same for a large file as for a small one, and
 * for one in many pieces as for one in few. A record of pins costs a few bytes for
 * each piece of the file that is not next to the one before. Measured as what the
 * kernel charges a memory cgroup with them and without, see doc/semantics.md.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include "implicit.h"
#include "rdma.h"

#define WHOLE	PMEM "size.whole"
#define PIECES	PMEM "size.pieces"
#define FILLER	PMEM "size.filler"
#define PAGE	4096UL
#define NPAGES	4096 /* of the file in pieces */
#define CGROUPS "/tmp/cgroups"
#define CGROUP	CGROUPS "/size"
/* So many at once: each CPU may keep a page for what is next. */
#define LEASES	200
#define REGIONS 40

static struct rdma rdma;

/* Writes @text to the file @name of the cgroup, or of the one above it. */
static void cgroup_write(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", CGROUPS, name);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		tap_bail("%s: %s", path, strerror(errno));
}

/*
 * A memory cgroup of the test's own: the kernel charges it for what the module
 * allocates for it, object by object, and for nothing that others do in the meantime.
 */
static void cgroup_enter(void)
{
	if ((mkdir(CGROUPS, 0755) && errno != EEXIST) ||
	    mount("none", CGROUPS, "cgroup2", 0, NULL))
		tap_bail("%s: %s", CGROUPS, strerror(errno));
	cgroup_write("/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755))
		tap_bail("%s: %s", CGROUP, strerror(errno));
	cgroup_write("/size/cgroup.procs", "0");
}

static void cgroup_leave(void)
{
	cgroup_write("/cgroup.procs", "0");
	rmdir(CGROUP);
	umount(CGROUPS);
	rmdir(CGROUPS);
}

/* Bytes that the kernel has allocated for this process. */
static int64_t kernel_memory(void)
{
	FILE *file = fopen(CGROUP "/memory.stat", "r");
	long long bytes = -1;
	char line[128];

	if (!file)
		tap_bail("memory.stat: %s", strerror(errno));
	while (fgets(line, sizeof(line), file) &&
	       sscanf(line, "kernel %lld", &bytes) != 1)
		;
	fclose(file);
	if (bytes < 0)
		tap_bail("memory.stat: no line \"kernel\"");
	return bytes;
}

/* Once what is freed has come back: the kernel adds up every two seconds. */
static int64_t kernel_memory_settled(void)
{
	int64_t last, now = kernel_memory();

	do {
		usleep(2500000);
		last = now;
		now = kernel_memory();
	} while (now != last);
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
	int leases[LEASES];

	for (unsigned int i = 0; i < count; i++)
		leases[i] = lease_make(fd, 0, length, HOLDFAST_BREAKABLE, 0);
	bytes = kernel_memory_settled() - before;
	for (unsigned int i = 0; i < count; i++)
		hf_release(leases[i]);
	return bytes / count;
}

/* Bytes for each region of NPAGES of a file, with its record; and its runs. */
static int64_t bytes_per_region(int fd, unsigned int *runs)
{
	int lease = lease_make(fd, 0, NPAGES * PAGE, HOLDFAST_BREAKABLE, 0);
	struct pin_record record = { 0 };
	struct ibv_mr *regions[REGIONS];
	char *maps[REGIONS];
	int64_t before, bytes;

	for (unsigned int i = 0; i < REGIONS; i++)
		maps[i] = map_shared(fd, 0, NPAGES * PAGE);
	before = kernel_memory_settled();
	for (unsigned int i = 0; i < REGIONS; i++)
		regions[i] = rdma_register(&rdma, maps[i], NPAGES * PAGE);
	bytes = kernel_memory_settled() - before;
	tap_is(pins_of(getpid(), &record, 1), REGIONS,
	       "each region is one record");
	*runs = record.runs;
	for (unsigned int i = 0; i < REGIONS; i++) {
		ibv_dereg_mr(regions[i]);
		munmap(maps[i], NPAGES * PAGE);
	}
	hf_release(lease);
	return bytes / REGIONS;
}

int main(void)
{
	int64_t large, whole, pieces, each;
	unsigned int few, many;
	int fd = make_whole();

	rdma = rdma_open();
	cgroup_enter();
	/* What the first lease of all allocates stays. */
	bytes_per_lease(fd, 1);
	large = bytes_per_lease(fd, LEASES);
	tap_diag("%zu MiB in %u pieces: %lld bytes a lease",
		 length_of(fd) >> 20, pieces_of(fd), (long long)large);
	tap_ok(large > 0 && large < 4096,
	       "a lease of a large file takes less than 4 KiB");
	whole = bytes_per_region(fd, &few);
	unlink(WHOLE);
	/* Its blocks can be used again only when that is on the device. */
	if (syncfs(fd))
		tap_bail("syncfs: %s", strerror(errno));
	close(fd);

	fd = make_pieces();
	many = pieces_of(fd);
	if (many < NPAGES / 2) {
		tap_skip(
			"the filesystem put two files that grow by turns in %u pieces",
			many);
		goto close;
	}
	each = bytes_per_lease(fd, LEASES);
	tap_diag("in %u pieces: %lld bytes a lease", many, (long long)each);
	tap_ok(each > 0 && each < 4096, "a lease of these takes less, too");
	pieces = bytes_per_region(fd, &many);
	each = (pieces - whole) / (int64_t)(many - few);
	tap_diag("a region in %u runs: %lld bytes, in %u: %lld: %lld a run",
		 few, (long long)whole, many, (long long)pieces,
		 (long long)each);
	/* 16, and as much again to grow; the allocator rounds up to a power of two. */
	tap_ok(each >= 16 && each <= 64, "a run takes some bytes");
close:
	close(fd);
	unlink(PIECES);
	unlink(FILLER);
	cgroup_leave();
	rdma_close(&rdma);
	return tap_done();
}
