// SPDX-License-Identifier: GPL-2.0
/*
 * Who keeps whom: dma-bufs do not keep a lease, their importers do, and all of
 * them keep the module. What can not be exported, and by whom.
 */
#define _GNU_SOURCE
#include "importer.h"

#define PATH   PMEM "dmabuf-life"
#define LENGTH (2 * MIB)
#define OBEYS  (IMPORTER_DYNAMIC | IMPORTER_OBEYS)

static int file;

static int lease_new(void)
{
	return lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
}

/* Within SOON; the report is what tells of a lease that nobody has open. */
static bool comes_to_be(const char *state, bool listed)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (!lease_listed(PATH, state) == listed) {
		if (now_ns() > limit)
			return false;
		usleep(5000);
	}
	return true;
}

static int unload_errno(void)
{
	return syscall(SYS_delete_module, "holdfast", O_NONBLOCK) ? errno : 0;
}

static int release_errno(int lease)
{
	struct holdfast_release release = { .size = sizeof(release) };

	return ioctl(lease, HOLDFAST_IOC_RELEASE, &release) ? errno : 0;
}

static void test_release(void)
{
	int lease = lease_new(), dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_make(dmabuf, OBEYS);
	int other = importer_open();

	tap_is(release_errno(lease), 0, "release: importers let go");
	tap_is(importer_do(importer, IMPORTER_TOLD), 1, "release: told");
	tap_is(importer_do(importer, IMPORTER_MAP), -ENODEV,
	       "release: no mapping any more");
	tap_is(importer_attach(other, dmabuf, OBEYS), -ENODEV,
	       "release: no attachment either");
	tap_is(hf_export_dmabuf(lease, 0, LENGTH), -EBADFD,
	       "release: no other dma-buf");
	close(other);
	close(importer);
	close(dmabuf);
	close(lease);
}

static void test_revoke(void)
{
	int lease = lease_new(), dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_make(dmabuf, OBEYS);

	tap_is(hf_revoke(lease_query(lease).id, 0, 0), 0,
	       "revoke: importers let go");
	tap_is(importer_do(importer, IMPORTER_TOLD), 1, "revoke: told");
	close(importer);
	close(dmabuf);
	close(lease);
}

static void test_close(void)
{
	int lease = lease_new(), dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_make(dmabuf, OBEYS);

	close(lease);
	tap_ok(comes_to_be("zombie", false) && !lease_listed(PATH, "active"),
	       "close: importers let go, and the lease ends");
	tap_is(importer_do(importer, IMPORTER_TOLD), 1, "close: told");
	tap_is(importer_do(importer, IMPORTER_MAP), -ENODEV,
	       "close: a dma-buf does not keep its lease");
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), 0,
	       "close: nothing is in a change's way");
	if (ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	close(importer);
	tap_is(unload_errno(), EAGAIN, "a dma-buf keeps the module");
	close(dmabuf);
}

static void test_zombie(void)
{
	int lease = lease_new(), dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_make(dmabuf, 0), other = importer_open();
	struct change change;

	close(lease);
	tap_ok(comes_to_be("zombie", true), "zombie: listed");
	tap_is(importer_attach(other, dmabuf, OBEYS), -ENODEV,
	       "zombie: no new importers");
	close(dmabuf);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(!change_done(&change, STILL), "zombie: a change waits");
	tap_is(importer_fill(importer, 0, 4096, 9), 0,
	       "zombie: the device goes on");
	tap_is(unload_errno(), EAGAIN, "zombie: it keeps the module");
	close(importer);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "zombie: the change goes on without it");
	tap_ok(comes_to_be("zombie", false), "zombie: gone");
	close(other);
}

/* Nobody is left waiting for a restore that will not come. */
static void test_attach_ends(void)
{
	int lease = lease_new(), dmabuf = dmabuf_make(lease, 0, LENGTH);
	int status;
	pid_t pid;

	if (change_make("punch", PATH, 0, LENGTH, NULL, SOON))
		tap_bail("punch");
	pid = child_fork();
	if (!pid)
		_exit(-importer_attach(importer_open(), dmabuf, OBEYS));
	tap_is(child_wait(pid, STILL), -1, "who attaches waits for restore");
	tap_is(release_errno(lease), 0, "the lease is released instead");
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFEXITED(status) &&
		       WEXITSTATUS(status) == ENODEV,
	       "who waited has ENODEV");
	close(dmabuf);
	close(lease);
}

static void export_is(int lease, int want, const char *what, uint32_t flags,
		      uint64_t offset, uint64_t length)
{
	struct holdfast_export_dmabuf export = { .size = sizeof(export),
						 .flags = flags,
						 .offset = offset,
						 .length = length };
	int fd = ioctl(lease, HOLDFAST_IOC_EXPORT_DMABUF, &export);

	tap_is(fd < 0 ? errno : 0, want, "export: %s", what);
	if (fd >= 0)
		close(fd);
}

static void test_arguments(void)
{
	struct {
		struct holdfast_export_dmabuf export;
		uint64_t later;
	} newer = { .export = { .size = sizeof(newer), .length = 4096 } };
	struct holdfast_export_dmabuf older = { .length = 4096 };
	int lease = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC), fd;

	export_is(lease, EBADFD, "not a lease", 0, 0, LENGTH);
	close(lease);
	lease = lease_new();
	export_is(lease, 0, "all", 0, 0, LENGTH);
	export_is(lease, EINVAL, "unknown flags", 1, 0, LENGTH);
	export_is(lease, EINVAL, "no bytes", 0, 0, 0);
	export_is(lease, EINVAL, "length unaligned", 0, 0, 100);
	export_is(lease, EINVAL, "offset unaligned", 0, 100, 4096);
	export_is(lease, ENXIO, "beyond the range", 0, 4096, LENGTH);
	export_is(lease, ENXIO, "longer than the range", 0, 0, 2 * LENGTH);
	export_is(lease, ENXIO, "they wrap around", 0, ~0xfffULL, LENGTH);
	older.size = 8;
	tap_ok(ioctl(lease, HOLDFAST_IOC_EXPORT_DMABUF, &older) == -1 &&
		       errno == EINVAL,
	       "export: size too small");
	newer.later = 1;
	tap_ok(ioctl(lease, HOLDFAST_IOC_EXPORT_DMABUF, &newer) == -1 &&
		       errno == E2BIG,
	       "export: a newer header, with something in its tail");
	newer.later = 0;
	fd = ioctl(lease, HOLDFAST_IOC_EXPORT_DMABUF, &newer);
	tap_ok(fd >= 0, "export: a newer header, with nothing in it");
	tap_is(fcntl(fd, F_GETFD), FD_CLOEXEC, "export: close-on-exec");
	close(fd);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "export: the lease is as it was");
	close(lease);
}

static void test_memory_file(void)
{
	int memfd = memfd_create("dmabuf-life", MFD_CLOEXEC), lease;

	if (memfd < 0 || ftruncate(memfd, LENGTH))
		tap_bail("memfd: %s", strerror(errno));
	lease = lease_make(memfd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	tap_is(hf_export_dmabuf(lease, 0, LENGTH), -EOPNOTSUPP,
	       "a file in memory");
	tap_ok(strstr(hf_error(), "udmabuf"), "%s", hf_error());
	close(lease);
	close(memfd);
}

/* Who may be killed for it has to be of the user who acquired the lease. */
static void test_users(void)
{
	int lease, dmabuf, importer = importer_open();

	if (seteuid(1000))
		tap_bail("seteuid: %s", strerror(errno));
	lease = lease_new();
	dmabuf = dmabuf_make(lease, 0, LENGTH);
	if (seteuid(0))
		tap_bail("seteuid: %s", strerror(errno));
	tap_is(hf_export_dmabuf(lease, 0, LENGTH), -EPERM,
	       "another user's lease is not exported");
	tap_is(importer_attach(importer, dmabuf, OBEYS), -EPERM,
	       "nor imported");
	close(importer);
	close(dmabuf);
	close(lease);
}

int main(void)
{
	importer_load();
	file = file_make(PATH, LENGTH);
	test_release();
	test_revoke();
	test_close();
	test_zombie();
	test_attach_ends();
	test_arguments();
	test_memory_file();
	test_users();
	close(file);
	unlink(PATH);
	importer_unload();
	return tap_done();
}
