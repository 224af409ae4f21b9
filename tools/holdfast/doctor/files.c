// SPDX-License-Identifier: GPL-2.0
/* Files that are named: DAX, extents, hints, and how processes map them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "checks.h"
#include "disk.h"
#include "process.h"
#include "tool.h"

#define HUGE	(UINT64_C(2) << 20)
#define EXTENTS 256
#define WHY_SMALL \
	"registering takes a step for each 4 KiB of it, instead of for each 2 MiB"

/* What the extents of a file amount to. */
struct layout {
	uint64_t start; /* of the partition, on the whole device */
	uint64_t whole; /* pieces of 2 MiB that one page can map */
	uint64_t shared, unwritten, bytes;
};

static uint64_t round_up(uint64_t value)
{
	return (value + HUGE - 1) / HUGE * HUGE;
}

static void add_extent(struct layout *layout,
		       const struct fiemap_extent *extent)
{
	uint64_t first = round_up(extent->fe_logical);
	uint64_t end = (extent->fe_logical + extent->fe_length) / HUGE * HUGE;
	uint64_t physical = extent->fe_physical + layout->start;

	layout->bytes += extent->fe_length;
	if (extent->fe_flags & FIEMAP_EXTENT_SHARED)
		layout->shared += extent->fe_length;
	if (extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN)
		layout->unwritten += extent->fe_length;
	if (end > first && !((physical - extent->fe_logical) % HUGE))
		layout->whole += (end - first) / HUGE;
}

static int read_layout(struct layout *layout, int fd)
{
	struct fiemap *map =
		calloc(1, sizeof(*map) + EXTENTS * sizeof(map->fm_extents[0]));
	bool last = false;
	int ret = 0;

	if (!map)
		return -ENOMEM;
	map->fm_extent_count = EXTENTS;
	while (!last && !ret) {
		const struct fiemap_extent *extent;

		map->fm_length = FIEMAP_MAX_OFFSET - map->fm_start;
		map->fm_flags = FIEMAP_FLAG_SYNC;
		if (ioctl(fd, FS_IOC_FIEMAP, map))
			ret = -errno;
		if (ret || !map->fm_mapped_extents)
			break;
		for (unsigned int i = 0; i < map->fm_mapped_extents; i++)
			add_extent(layout, &map->fm_extents[i]);
		extent = &map->fm_extents[map->fm_mapped_extents - 1];
		map->fm_start = extent->fe_logical + extent->fe_length;
		last = extent->fe_flags & FIEMAP_EXTENT_LAST;
	}
	free(map);
	return ret;
}

static void judge_pieces(struct doctor *doctor, const char *path,
			 const struct layout *layout, uint64_t size)
{
	uint64_t pieces = size / HUGE;

	if (!pieces)
		return;
	if (layout->whole == pieces)
		found_good(doctor,
			   "%s: all %" PRIu64
			   " pieces of 2 MiB can be mapped by one page each",
			   path, pieces);
	else
		found(doctor, NOTE, WHY_SMALL,
		      command_text(
			      "xfs_io -c 'extsize 2m' NEW (before data is copied "
			      "into it; ext4: mkfs.ext4 -E stripe_width=512)"),
		      "%s: %" PRIu64 " of %" PRIu64
		      " pieces of 2 MiB can be mapped by one page each",
		      path, layout->whole, pieces);
}

static void check_extents(struct doctor *doctor, const char *path, int fd,
			  const struct stat *st)
{
	struct layout layout = { 0 };
	struct disk disk;
	int ret;

	if (disk_read(&disk, st->st_dev))
		layout.start = disk.start;
	ret = read_layout(&layout, fd);
	if (ret) {
		found(doctor, WARNING, "its extents are not known", NULL,
		      "%s: FIEMAP: %s", path, strerror(-ret));
		return;
	}
	judge_pieces(doctor, path, &layout, st->st_size);
	if (layout.shared)
		found(doctor, NOTE,
		      "registering it for writing copies these blocks first, and "
		      "registering a read-only mapping of them fails",
		      command_text("xfs_io -c 'funshare 0 %" PRIu64 "' %s",
				   (uint64_t)st->st_size, path),
		      "%s: shares %" PRIu64 " bytes with other files", path,
		      layout.shared);
	if (layout.bytes - layout.unwritten < (uint64_t)st->st_size)
		found(doctor, NOTE,
		      "registering it for writing allocates and zeroes these "
		      "first, and registering a read-only mapping of them fails",
		      command_text("fallocate --zero-range --length %" PRIu64
				   " %s",
				   (uint64_t)st->st_size, path),
		      "%s: has holes or space that was never written", path);
}

static void check_hints(struct doctor *doctor, const char *path, int fd)
{
	struct fsxattr attr;
	const char *which = NULL;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attr))
		return;
	if (attr.fsx_xflags & FS_XFLAG_REALTIME)
		found(doctor, PROBLEM,
		      "Holdfast refuses realtime files (EOPNOTSUPP)",
		      command_text("cp %s NEW (without xfs_io -c 'chattr +r')",
				   path),
		      "%s: a realtime file", path);
	if (attr.fsx_extsize && HUGE % attr.fsx_extsize)
		which = "extsize";
	else if (attr.fsx_cowextsize && HUGE % attr.fsx_cowextsize)
		which = "cowextsize";
	if (which)
		found(doctor, PROBLEM,
		      "Holdfast refuses files that are copied on write in units "
		      "that do not divide 2 MiB (EOPNOTSUPP)",
		      command_text("xfs_io -c '%s 0' %s", which, path),
		      "%s: its hint %s does not divide 2 MiB", path, which);
	else if (attr.fsx_extsize || attr.fsx_cowextsize)
		found_good(doctor, "%s: hints extsize %u, cowextsize %u", path,
			   attr.fsx_extsize, attr.fsx_cowextsize);
}

/* --- mappings */

static bool is_of(const char *line, const struct stat *st, uint64_t *start,
		  uint64_t *offset)
{
	unsigned int major, minor;
	uint64_t end, ino;

	return sscanf(line,
		      "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %" SCNu64,
		      start, &end, offset, &major, &minor, &ino) == 6 &&
	       ino == st->st_ino && makedev(major, minor) == st->st_dev &&
	       end - *start >= HUGE;
}

static void check_process(struct doctor *doctor, const char *path,
			  const struct stat *st, pid_t pid)
{
	char name[PROCESS_NAME_ROOM], file[32], line[512];
	uint64_t start, offset;
	FILE *maps;

	snprintf(file, sizeof(file), "/proc/%d/maps", pid);
	maps = fopen(file, "re");
	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		if (!is_of(line, st, &start, &offset))
			continue;
		if ((start - offset) % HUGE)
			found(doctor, NOTE, WHY_SMALL,
			      command_text(
				      "mmap(2) at an address that differs from the "
				      "offset by a multiple of 2 MiB"),
			      "%s: process %d (%s) maps it at %#" PRIx64
			      ", where no page of 2 MiB fits",
			      path, pid, process_name(name, pid), start);
		else
			found_good(doctor,
				   "%s: process %d (%s) maps it at %#" PRIx64
				   ", aligned to 2 MiB",
				   path, pid, process_name(name, pid), start);
	}
	fclose(maps);
}

/* Those that this user can look at. */
static void check_mappings(struct doctor *doctor, const char *path,
			   const struct stat *st)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && (entry = readdir(proc)))
		if (atoi(entry->d_name) > 0)
			check_process(doctor, path, st, atoi(entry->d_name));
	if (proc)
		closedir(proc);
}

/* --- */

static void check_file(struct doctor *doctor, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct statx stx;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx)) {
		found(doctor, WARNING, "it was not examined", NULL, "%s: %s",
		      path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		found(doctor, WARNING, "only regular files have leases", NULL,
		      "%s: not a regular file", path);
	} else if (!(stx.stx_attributes & STATX_ATTR_DAX)) {
		found(doctor, PROBLEM,
		      "the kernel refuses to register files that have no DAX, and "
		      "so does Holdfast",
		      command_text("cp %s to a filesystem with DAX (see above)",
				   path),
		      "%s: no DAX", path);
	} else {
		found_good(doctor, "%s: has DAX", path);
		check_extents(doctor, path, fd, &st);
		check_hints(doctor, path, fd);
		check_mappings(doctor, path, &st);
	}
	if (fd >= 0)
		close(fd);
}

void check_files(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->path_count; i++)
		check_file(doctor, doctor->paths[i]);
}
