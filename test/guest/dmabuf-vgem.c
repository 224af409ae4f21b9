// SPDX-License-Identifier: GPL-2.0
/*
 * A driver of the stock kernel imports a lease: vgem, which knows no dynamic
 * importing. Up to 6.12 it has what it imports mapped, so a change waits for it;
 * 7.2's only attaches, and is in nobody's way.
 */
#define _GNU_SOURCE
#include "parameter.h"

/* As in <drm/drm.h>, which is libdrm's on Debian: too much for three calls. */
struct drm_version {
	int version_major, version_minor, version_patchlevel;
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};

struct drm_gem_close {
	uint32_t handle, pad;
};

struct drm_prime_handle {
	uint32_t handle, flags;
	int32_t fd;
};

#define DRM_IOCTL_VERSION	     _IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GEM_CLOSE	     _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)

#define PATH   PMEM "dmabuf-vgem"
#define LENGTH (2 * MIB)

static int file;

static int run(const char *a, const char *b, const char *c)
{
	const char *argv[] = { a, b, c, NULL };
	pid_t pid;

	if (posix_spawnp(&pid, a, NULL, NULL, (char **)argv, environ))
		tap_bail("%s", a);
	return child_wait(pid, SOON);
}

static bool is_vgem(int fd)
{
	char name[16] = "";
	struct drm_version version = { .name = name,
				       .name_len = sizeof(name) - 1 };

	return !ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "vgem");
}

static int vgem_open(void)
{
	char path[32];

	for (int i = 0; i < 8; i++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_vgem(fd))
			return fd;
		close(fd);
	}
	tap_bail("no vgem in /dev/dri");
}

static uint32_t vgem_import(int vgem, int dmabuf)
{
	struct drm_prime_handle prime = { .fd = dmabuf };

	if (ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		tap_bail("import: %s", strerror(errno));
	return prime.handle;
}

static int vgem_forget(int vgem, uint32_t handle)
{
	struct drm_gem_close gem = { .handle = handle };

	return ioctl(vgem, DRM_IOCTL_GEM_CLOSE, &gem) ? errno : 0;
}

static int lease_export(int lease)
{
	int dmabuf = hf_export_dmabuf(lease, 0, LENGTH);

	if (dmabuf < 0)
		tap_bail("export: %s", hf_error());
	return dmabuf;
}

/* Returns whether the driver has it mapped. */
static bool test_change(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int dmabuf = lease_export(lease), vgem = vgem_open();
	uint32_t handle = vgem_import(vgem, dmabuf);
	bool mapped = lease_query(lease).pinned;
	struct change change;

	tap_ok(handle, "vgem imports a lease");
	close(dmabuf);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_is(change_done(&change, mapped ? STILL : SOON), !mapped,
	       "a change waits for a driver that has it mapped");
	tap_is(vgem_forget(vgem, handle), 0, "vgem forgets it");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change is over");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned");
	close(vgem);
	close(lease);
	return mapped;
}

/* Who imported exits, or is killed at the deadline. */
static void test_end(bool by_fence)
{
	struct change change;
	int ready[2], status;
	pid_t pid;
	char byte;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE,
				       by_fence ? 500 : LONG_BREAK);

		vgem_import(vgem_open(), lease_export(lease));
		if (!by_fence)
			_exit(0);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		alarm(60);
		pause();
	}
	if (by_fence) {
		if (!readable(ready[0], SOON) || read(ready[0], &byte, 1) != 1)
			tap_bail("no importer");
	} else {
		tap_is(child_wait(pid, SOON), 0, "an importer exits");
	}
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: a change goes on", by_fence ? "fence" : "exit");
	close(ready[0]);
	close(ready[1]);
	if (!by_fence)
		return;
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "fence: the importer was killed");
}

int main(void)
{
	if (run("modprobe", "vgem", NULL))
		tap_bail("modprobe vgem");
	parameter_set("dmabuf_export", 1);
	file = file_make(PATH, LENGTH);
	test_end(false);
	if (test_change())
		test_end(true);
	else
		tap_skip("this kernel's vgem does not map what it imports");
	close(file);
	unlink(PATH);
	parameter_set("dmabuf_export", 0);
	tap_is(run("rmmod", "vgem", NULL), 0, "vgem goes");
	return tap_done();
}
