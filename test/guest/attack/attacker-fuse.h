/* SPDX-License-Identifier: GPL-2.0 */
/* An attacker's own namespaces, and a filesystem of his own in them. */
#ifndef HOLDFAST_TEST_ATTACKER_FUSE_H
#define HOLDFAST_TEST_ATTACKER_FUSE_H

#include <linux/fuse.h>
#include <sys/mount.h>

#include "attacker.h"

#define MOUNT "/tmp/attacker"

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text),
	     path);
	close(fd);
}

static inline void own_namespaces(int which)
{
	must(!unshare(CLONE_NEWUSER | which), "unshare");
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "0 65534 1");
	write_file("/proc/self/gid_map", "0 65534 1");
}

/* Answers nothing but the greeting, and that it cannot do this and that. */
static inline void deaf_filesystem(int device, int ready)
{
	static char buf[FUSE_MIN_READ_BUFFER + MIB];
	struct fuse_in_header *in = (void *)buf;
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} out = { .init = { .major = FUSE_KERNEL_VERSION,
			    .minor = 31,
			    .max_write = 4096 } };

	do {
		must(read(device, buf, sizeof(buf)) > 0, "fuse");
		out.head.unique = in->unique;
		out.head.error = in->opcode == FUSE_INIT ? 0 : -ENOSYS;
		out.head.len = in->opcode == FUSE_INIT ? sizeof(out)
						       : sizeof(out.head);
		if (in->opcode != FUSE_LOOKUP)
			must(write(device, &out, out.head.len) == out.head.len,
			     "fuse");
	} while (in->opcode != FUSE_LOOKUP);
	must(write(ready, "r", 1) == 1, "ready");
	sit();
}

/* On MOUNT: whoever looks a name up there waits, and then he is ready. */
static inline void mount_deaf_filesystem(const struct attacker *me)
{
	char options[80];
	int device;

	own_namespaces(CLONE_NEWNS);
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	must(device >= 0, "/dev/fuse");
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40777,user_id=0,group_id=0", device);
	must(!mount("attacker", MOUNT, "fuse", 0, options), "mount");
	if (!fork())
		deaf_filesystem(device, me->ready);
	close(device);
}

/* What attackers need for that; rmdir(MOUNT) afterwards. */
static inline bool fuse_prepare(void)
{
	/* As Debian's udev has it. */
	if (system("modprobe fuse") || chmod("/dev/fuse", 0666)) {
		tap_skip("no FUSE");
		return false;
	}
	mkdir(MOUNT, 0777);
	chmod(MOUNT, 0777);
	return true;
}

#endif
