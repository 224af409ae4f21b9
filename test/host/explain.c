// SPDX-License-Identifier: GPL-2.0
/* A sentence for each errno value of the ABI, and never one that misleads. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include "../tap.h"
#include "explain.h"

/* hf_acquire() of 4096 bytes at 0, of a file that is fine in every way. */
static struct hf_facts fine(int err)
{
	return (struct hf_facts){
		.call = HF_CALL_ACQUIRE,
		.err = err,
		.fd = 7,
		.path = "/mnt/f",
		.length = 4096,
		.page_size = 4096,
		.access = O_RDWR,
		.has_stat = true,
		.mode = S_IFREG | 0600,
		.size = 4096,
		.dax = true,
		.fs_magic = EXT4_SUPER_MAGIC,
	};
}

static void says(const struct hf_facts *facts, const char *want)
{
	char line[512];

	hf_explain(facts, line, sizeof(line));
	tap_ok(strstr(line, want), "%s", line);
	if (!strstr(line, want))
		tap_diag("  does not say: %s", want);
}

static void test_request(void)
{
	struct hf_facts facts = fine(EINVAL);

	facts.offset = 100;
	says(&facts, "/mnt/f: offset 100 is not a multiple of the page size "
		     "(4096)");
	facts.offset = -4096;
	says(&facts, "offset -4096 is negative");
	facts.offset = 0;
	facts.length = 0;
	says(&facts, "length is zero");
	facts.length = 5000;
	says(&facts, "length 5000 is not a multiple of the page size (4096)");
	facts.length = 4096;
	facts.attr.kind = HOLDFAST_REWRITING;
	says(&facts, "multiples of 2 MiB");
	facts.attr.kind = 4;
	says(&facts, "unknown kind of lease 4");
	facts.attr.kind = 0;
	facts.attr.flags = HF_NONBLOCK | 4;
	says(&facts, "unknown flags 0x4");
	facts.attr.flags = HF_NONBLOCK;
	says(&facts, "the module does not understand this library");
	facts.err = E2BIG;
	says(&facts, "the module is older");
	facts.err = EOVERFLOW;
	facts.offset = INT64_MAX - 4095;
	says(&facts, "9223372036854771712 plus length 4096 is beyond");
}

static void test_mapping(void)
{
	struct hf_facts facts = fine(ENOENT);

	facts.call = HF_CALL_MAPPING;
	facts.path = "memory at 0x1000";
	facts.offset = 0x1000;
	says(&facts, "memory at 0x1000: not one range of one file, mapped");
	facts.err = EFAULT;
	says(&facts, "not all of it is mapped");
	facts.err = EBADFD;
	says(&facts, "the lease has ended");
	facts.err = EACCES;
	says(&facts, "map it anew (O_RDWR)");
	facts.err = EINVAL;
	facts.offset = 1;
	says(&facts, "address or length is not a multiple of the page size");
	facts.offset = 0x1000;
	says(&facts, "the module does not understand this library");
	facts.err = ENOMEM;
	says(&facts, "memory at 0x1000: ");
}

static void test_file(void)
{
	static const struct {
		mode_t mode;
		const char *want;
	} types[] = {
		{ S_IFDIR, "/mnt/f: a directory; lease a regular file" },
		{ S_IFBLK, "a block device; lease" },
		{ S_IFCHR, "a character device; lease" },
		{ S_IFIFO, "a pipe; lease" },
		{ S_IFSOCK, "a socket; lease" },
	};
	struct hf_facts facts = fine(EBADF);

	facts.path = NULL;
	says(&facts, "descriptor 7: not an open file");

	facts = fine(ENODEV);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		facts.mode = types[i].mode;
		says(&facts, types[i].want);
	}
	facts.has_stat = false;
	says(&facts, "not a regular file; lease");

	facts = fine(EACCES);
	facts.access = O_RDONLY;
	facts.owner = 1000;
	facts.fsuid = 1001;
	says(&facts, "open for reading only, which is for the file's owner "
		     "(uid 1000, and this is uid 1001) or CAP_LEASE; open it "
		     "with O_RDWR");
	facts.access = O_WRONLY;
	says(&facts, "not open for reading (write only); open it with O_RDWR");
	facts.access = -1;
	says(&facts, "not open for reading; open it with O_RDWR");
	facts.access = O_RDWR;
	says(&facts, "append-only, so that it cannot be mapped for writing");
}

static void test_rights(void)
{
	struct hf_facts facts = fine(EPERM);

	facts.owner = 1000;
	facts.fsuid = 1001;
	says(&facts, "an exclusive lease is for the file's owner (uid 1000, "
		     "and this is uid 1001) or CAP_LEASE");
	facts.has_stat = false;
	says(&facts, "for the file's owner or CAP_LEASE");
}

static void test_filesystem(void)
{
	static const struct {
		uint64_t magic;
		const char *want;
	} others[] = {
		{ 0x58465342, "on XFS without DAX; mount it" },
		{ TMPFS_MAGIC, "on tmpfs, which does not lend its pages" },
		{ HUGETLBFS_MAGIC, "on hugetlbfs, which" },
		{ BTRFS_SUPER_MAGIC, "on btrfs, which" },
		{ F2FS_SUPER_MAGIC, "on f2fs, which" },
		{ OVERLAYFS_SUPER_MAGIC, "on overlayfs, which" },
		{ NFS_SUPER_MAGIC, "on NFS, which" },
		{ FUSE_SUPER_MAGIC, "on FUSE, which" },
		{ 0xabcdef, "on a filesystem (type 0xabcdef) that does not "
			    "lend its pages: use a file on XFS or ext4 with "
			    "DAX" },
	};
	struct hf_facts facts = fine(EOPNOTSUPP);

	says(&facts, "on ext4 with DAX, but its device does not lend");
	facts.fs_magic = 0x58465342;
	says(&facts, "on XFS with DAX, but its device does not lend");
	says(&facts, "or it is a realtime file");
	facts.fs_magic = EXT4_SUPER_MAGIC;
	facts.dax = false;
	says(&facts, "on ext4 without DAX; mount it with -o dax=always");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		facts.fs_magic = others[i].magic;
		says(&facts, others[i].want);
	}
	facts.has_stat = false;
	says(&facts, "not on XFS or ext4 with DAX, tmpfs or hugetlbfs");
}

/* One call, one errno value, and what the words must have in them. */
static const struct {
	enum hf_call call;
	int err;
	const char *want;
} plain[] = {
	{ HF_CALL_ACQUIRE, EBUSY, "live patch" },
	{ HF_CALL_ACQUIRE, EINTR, "a signal came" },
	{ HF_CALL_ACQUIRE, ENOMEM, "Cannot allocate memory" },
	{ HF_CALL_AWAIT, ENXIO, "the file ends before the range begins, at 0" },
	{ HF_CALL_AWAIT, EBADF, "not an open file" },
	{ HF_CALL_AWAIT, EIO, "Input/output error" },
	{ HF_CALL_ACQUIRE, EDEADLK, "deregister it (ibv_dereg_mr) first" },
	{ HF_CALL_ACQUIRE, EXDEV, "Invalid cross-device link" },
	{ HF_CALL_DEVICE, ENOENT, "/dev/holdfast: not there; load the module" },
	{ HF_CALL_DEVICE, ENXIO, "not there" },
	{ HF_CALL_DEVICE, ENODEV, "not there" },
	{ HF_CALL_DEVICE, EACCES,
	  "join its group (usermod -aG holdfast USER)" },
	{ HF_CALL_DEVICE, EPERM, "the device cgroup of this container" },
	{ HF_CALL_DEVICE, EMFILE, "raise RLIMIT_NOFILE" },
	{ HF_CALL_DEVICE, ENFILE, "Too many open files in system" },
	{ HF_CALL_WAIT, ETIMEDOUT, "no event within 250 ms" },
	{ HF_CALL_WAIT, EBADFD, "not a lease" },
	{ HF_CALL_WAIT, EPROTO, "not an event" },
	{ HF_CALL_WAIT, EINTR, "a signal came" },
	{ HF_CALL_WAIT, ENOMEM, "Cannot allocate memory" },
	{ HF_CALL_WAIT, EPIPE, "released or revoked" },
	{ HF_CALL_REVOKE, EINPROGRESS, "lease 12: its memory is still reg" },
	{ HF_CALL_REVOKE, EINTR, "the revocation goes on" },
	{ HF_CALL_REVOKE, ENOENT, "lease 12: there is no such lease" },
	{ HF_CALL_REVOKE, EPERM, "only its holder, the owner of its file" },
	{ HF_CALL_REVOKE, EINVAL, "install the same version" },
	{ HF_CALL_REVOKE, EFAULT, "Bad address" },
	{ HF_CALL_RELEASE, EAGAIN, "still registered" },
	{ HF_CALL_RELEASE, EINTR, "a signal came" },
	{ HF_CALL_RELEASE, EBADFD, "not a lease" },
	{ HF_CALL_RELEASE, ENOTTY, "not a lease" },
	{ HF_CALL_RELEASE, E2BIG, "install the same version" },
	{ HF_CALL_QUERY, EINVAL, "install the same version" },
	{ HF_CALL_QUERY, EFAULT, "Bad address" },
	{ HF_CALL_VFIO, EBADF, "not an open file" },
	{ HF_CALL_VFIO, ENOTTY, "open /dev/vfio/vfio" },
	{ HF_CALL_VFIO, EEXIST, "choose others" },
	{ HF_CALL_VFIO, EINVAL, "VFIO_SET_IOMMU" },
	{ HF_CALL_VFIO, ENOMEM, "RLIMIT_MEMLOCK" },
	{ HF_CALL_VFIO, EFAULT, "answer the break" },
	{ HF_CALL_VFIO, EOPNOTSUPP, "acquire or join one" },
	{ HF_CALL_VFIO, ENOSPC, "filesystem is full; make room" },
	{ HF_CALL_VFIO, EDQUOT, "fs_limit_mib" },
	{ HF_CALL_VFIO, EUCLEAN, "--reflink=never" },
	{ HF_CALL_VFIO, ENODATA, "the range has a hole" },
	{ HF_CALL_VFIO, EMLINK, "shared with another file" },
	{ HF_CALL_VFIO, EINPROGRESS, "prepared copies" },
	{ HF_CALL_VFIO, EHWPOISON, "a page of the range has failed" },
	{ HF_CALL_VFIO, EIO, "see the kernel log" },
	{ HF_CALL_VFIO, EDEADLK, "deregister it (ibv_dereg_mr) first" },
	{ HF_CALL_VFIO, EAGAIN, "answer the break" },
	{ HF_CALL_VFIO, EPERM, "Operation not permitted" },
};

static void test_plain(void)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		struct hf_facts facts = fine(plain[i].err);

		facts.call = plain[i].call;
		facts.timeout_ms = 250;
		facts.lease = 12;
		if (facts.call != HF_CALL_ACQUIRE)
			facts.path = NULL;
		says(&facts, plain[i].want);
	}
}

static void test_report(void)
{
	struct hf_facts facts = { .call = HF_CALL_REPORT,
				  .err = ENOENT,
				  .path = HOLDFAST_REPORT };

	says(&facts, HOLDFAST_REPORT ": not there; load the module");
	facts.path = "/tmp/copy";
	says(&facts, "/tmp/copy: No such file or directory");
	facts.err = EPROTO;
	facts.line = 3;
	facts.why = "no column id";
	says(&facts, "/tmp/copy: line 3: no column id: not a lease report");
}

static void test_implicit(void)
{
	static const struct {
		enum hf_call call;
		int err;
		const char *want;
	} cases[] = {
		{ HF_CALL_ALLOW, EBUSY,
		  HOLDFAST_DEVICE ": a live patch occupies" },
		{ HF_CALL_ALLOW, ENOTTY, "install the same version of both" },
		{ HF_CALL_ALLOW, EMFILE, "raise RLIMIT_NOFILE" },
		{ HF_CALL_ALLOW, ENOMEM, "no memory" },
		{ HF_CALL_ALLOW, ENFILE, "Too many open files in system" },
		{ HF_CALL_DEVICE, EACCES,
		  HOLDFAST_DEVICE ": this user cannot open it" },
		{ HF_CALL_JOIN, EPERM, "descriptor 7: permission denied" },
		{ HF_CALL_JOIN, EBADFD, "has been released" },
		{ HF_CALL_JOIN, ENOTTY, "not a lease" },
		{ HF_CALL_JOIN, EBADF, "not an open file" },
		{ HF_CALL_WATCH, EPERM,
		  "descriptor 7: only the administrator" },
		{ HF_CALL_WATCH, ENOTTY, "install the same version of both" },
		{ HF_CALL_WATCH, EMFILE, "raise RLIMIT_NOFILE" },
		{ HF_CALL_POLICY_ALLOW, EPERM, "only the administrator" },
		{ HF_CALL_POLICY_ALLOW, EOPNOTSUPP, "without a UUID" },
		{ HF_CALL_POLICY_ALLOW, EINVAL, "not a group" },
		{ HF_CALL_POLICY_ALLOW, EBUSY, "live patch" },
		{ HF_CALL_POLICY_FORBID, ENOENT, "there is nothing to forbid" },
		{ HF_CALL_POLICY_FORBID, EINVAL, "install the same version" },
	};
	struct hf_facts facts = { .fd = 7 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		facts.call = cases[i].call;
		facts.err = cases[i].err;
		says(&facts, cases[i].want);
	}
	facts = (struct hf_facts){ .call = HF_CALL_WATCH,
				   .err = ENFILE,
				   .fd = -1 };
	says(&facts, HOLDFAST_DEVICE ": Too many open files");
	facts.err = EBADF;
	says(&facts, "descriptor -1: not an open file");
	facts = (struct hf_facts){ .call = HF_CALL_POLICY_FORBID,
				   .err = ENOENT,
				   .path = "/mnt/pmem" };
	says(&facts, "/mnt/pmem: implicit leases are not allowed");
	facts = (struct hf_facts){ .call = HF_CALL_REPORT,
				   .err = ENOENT,
				   .path = HOLDFAST_PINS };
	says(&facts, HOLDFAST_PINS ": not there; load the module");
}

static void test_room(void)
{
	struct hf_facts facts = fine(EOPNOTSUPP);
	char path[4096];
	char line[512];
	bool fits = true;

	memset(path, 'x', sizeof(path));
	strcpy(path + sizeof(path) - 6, "/file");
	facts.path = path;
	hf_explain(&facts, line, sizeof(line));
	tap_ok(!strncmp(line, "...xxx", 6) && strstr(line, "/file: on ext4"),
	       "a long path is cut at its front");
	for (size_t room = 1; room < sizeof(line); room++) {
		memset(line, 'y', sizeof(line));
		hf_explain(&facts, line, room);
		fits = fits && memchr(line, '\0', room) &&
		       (room == sizeof(line) - 1 || line[room] == 'y');
	}
	tap_ok(fits, "a line is cut to any room");
	facts.path = "/a\nb\033[2J";
	says(&facts, "/a?b?[2J: on");
}

int main(void)
{
	test_request();
	test_mapping();
	test_file();
	test_rights();
	test_filesystem();
	test_plain();
	test_report();
	test_implicit();
	test_room();
	return tap_done();
}
