// SPDX-License-Identifier: GPL-2.0
/* What mmap(2) of an append-only file refuses, a lease of it refuses as well. */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <sys/mount.h>

#include "common.h"

#define TMPFS  "/tmp/append"
#define LENGTH 4096UL

static void set_append(int fd, bool on)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		tap_bail("FS_IOC_GETFLAGS: %s", strerror(errno));
	flags &= ~FS_APPEND_FL;
	flags |= on ? FS_APPEND_FL : 0;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
		tap_bail("FS_IOC_SETFLAGS: %s", strerror(errno));
}

/* The error of mmap(2), or 0. */
static int map_error(int fd, int prot)
{
	void *map = mmap(NULL, LENGTH, prot, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return errno;
	munmap(map, LENGTH);
	return 0;
}

static void test_map(int lease, int fd, const char *what)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ };
	void *map;

	for (size_t i = 0; i < sizeof(prots) / sizeof(*prots); i++) {
		tap_is(map_error(fd, prots[i]), EACCES, "%s: mmap(2): EACCES",
		       what);
		tap_is(map_error(lease, prots[i]), EACCES,
		       "%s: the lease's: EACCES", what);
	}
	tap_is(hf_map(lease, 0, LENGTH, &map), -EACCES, "%s: hf_map: EACCES",
	       what);
	tap_ok(strstr(hf_error(), "append-only"), "%s: %s", what, hf_error());
}

/* @maps: whether an acquire maps the file, and so has the same error. */
static void test_file(const char *path, bool maps, const char *what)
{
	int fd = file_make(path, LENGTH), append, lease;

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	tap_is(map_error(lease, PROT_READ | PROT_WRITE), 0,
	       "%s: a lease can be mapped", what);
	set_append(fd, true);
	append = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	if (append < 0)
		tap_bail("%s: %s", path, strerror(errno));
	test_map(lease, append, what);
	close(lease);
	lease = hf_acquire(append, 0, LENGTH, NULL);
	if (maps) {
		tap_is(lease, -EACCES, "%s: a new lease: EACCES", what);
		tap_ok(strstr(hf_error(), "append-only"), "%s: %s", what,
		       hf_error());
	} else {
		tap_ok(lease >= 0, "%s: a new lease", what);
		test_map(lease, append, what);
		close(lease);
	}
	set_append(fd, false);
	close(append);
	close(fd);
	unlink(path);
}

int main(void)
{
	if (mkdir(TMPFS, 0755) || mount("none", TMPFS, "tmpfs", 0, NULL))
		tap_bail("%s: %s", TMPFS, strerror(errno));
	test_file(TMPFS "/file", false, "tmpfs");
	umount(TMPFS);
	rmdir(TMPFS);
	test_file(PMEM "append", true, "DAX");
	return tap_done();
}
