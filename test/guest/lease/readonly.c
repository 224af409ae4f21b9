// SPDX-License-Identifier: GPL-2.0
/*
 * A file that can only be read is leased and registered by its owner, or with
 * CAP_LEASE: for reading, and as it is. Blocks that a write could move are refused.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <sys/syscall.h>

#include "attack.h"
#include "extents.h"
#include "implicit.h"
#include "mr.h"

#define PATH   PMEM "readonly"
#define OTHER  PMEM "readonly.other"
#define LENGTH (2 * MIB)
#define PAGE   4096UL

/* What a registration for reading wants of the mapping. */
#define READ_ACCESS IBV_ACCESS_REMOTE_READ

/* Of the mapping that is registered. */
enum mapped {
	READ_ONLY_FILE,
	READ_ONLY_MAPPING, /* of a descriptor that is open for writing */
	PRIVATE_MAPPING,
};

static int open_as(enum mapped mapped)
{
	int fd = open(PATH, (mapped == READ_ONLY_MAPPING ? O_RDWR : O_RDONLY) |
				    O_CLOEXEC);

	attack_needs(fd >= 0, PATH);
	return fd;
}

static char *map_as(int fd, enum mapped mapped)
{
	char *map = mmap(NULL, LENGTH, PROT_READ,
			 mapped == PRIVATE_MAPPING ? MAP_PRIVATE : MAP_SHARED,
			 fd, 0);

	attack_needs(map != MAP_FAILED, "mmap");
	return map;
}

/* Registers for @access: 0, or its errno. */
static int register_errno(char *map, int access)
{
	struct rdma rdma = rdma_open();
	struct ibv_mr *mr = ibv_reg_mr(rdma.pd, map, LENGTH, access);
	int err = mr ? 0 : errno;

	if (mr)
		ibv_dereg_mr(mr);
	rdma_close(&rdma);
	return err;
}

/* The same of the file, under a lease of it. */
static int leased_errno(enum mapped mapped, int access)
{
	int fd = open_as(mapped);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_as(fd, mapped);
	int err = register_errno(map, access);

	munmap(map, LENGTH);
	close(lease);
	close(fd);
	return err;
}

/* As attack_as() wants them; @arg: enum mapped, or enum holdfast_kind. */

static int acquires(long kind)
{
	int fd = open_as(READ_ONLY_FILE);
	int err = acquire_errno(fd, kind, LENGTH);

	close(fd);
	return err;
}

static int registers_implicitly(long mapped)
{
	int permission = implicit_allow(LONG_BREAK);
	int fd = open_as(mapped);
	int err = register_errno(map_as(fd, mapped), READ_ACCESS);

	close(permission);
	close(fd);
	return err;
}

static int registers_without_permission(long mapped)
{
	return register_errno(map_as(open_as(mapped), mapped), READ_ACCESS);
}

/* What @attack(@arg) returns, in a process of another user that has CAP_LEASE. */
static int with_cap_lease(int (*attack)(long arg), long arg)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = 1U << CAP_LEASE, .permitted = 1U << CAP_LEASE }
	};
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		attack_needs(!prctl(PR_SET_KEEPCAPS, 1), "keepcaps");
		become(ATTACKER);
		attack_needs(!syscall(SYS_capset, &head, data), "capset");
		status = attack(arg);
		fflush(stdout);
		_exit(status);
	}
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_rights(void)
{
	int fd = file_of(PATH, LENGTH, OWNER, 0644);

	tap_is(attack_as(OWNER, acquires, HOLDFAST_BREAKABLE), 0,
	       "a lease of a read-only descriptor: the owner");
	tap_is(attack_as(OWNER, acquires, HOLDFAST_EXCLUSIVE), 0,
	       "an exclusive one: the owner");
	tap_is(with_cap_lease(acquires, HOLDFAST_BREAKABLE), 0,
	       "with CAP_LEASE");
	tap_is(attack_as(ATTACKER, acquires, HOLDFAST_BREAKABLE), EACCES,
	       "others: EACCES");
	tap_is(attack_as(ATTACKER, acquires, HOLDFAST_EXCLUSIVE), EACCES,
	       "others, an exclusive one: EACCES");
	tap_is(attack_as_fake_root(acquires, HOLDFAST_BREAKABLE), EACCES,
	       "root of a user namespace: EACCES");
	tap_is(attack_as(OWNER, registers_implicitly, READ_ONLY_FILE), 0,
	       "an implicit lease: the owner");
	tap_is(attack_as(OWNER, registers_implicitly, READ_ONLY_MAPPING), 0,
	       "an implicit lease: the owner, open for writing");
	tap_is(with_cap_lease(registers_implicitly, READ_ONLY_FILE), 0,
	       "an implicit lease: with CAP_LEASE");
	tap_is(attack_as(ATTACKER, registers_implicitly, READ_ONLY_FILE),
	       EACCES, "an implicit lease: others");
	tap_is(attack_as(OWNER, registers_without_permission, READ_ONLY_FILE),
	       EOPNOTSUPP, "without a permission: as on the stock kernel");
	tap_is(attack_as(OWNER, registers_implicitly, PRIVATE_MAPPING),
	       EOPNOTSUPP, "a private mapping: as on the stock kernel");
	fchmod(fd, 0666);
	tap_is(attack_as(ATTACKER, registers_implicitly, READ_ONLY_MAPPING), 0,
	       "a read-only mapping: whoever can write the file");
	close(fd);
	unlink(PATH);
}

static void test_append_only(void)
{
	int flags, on = FS_APPEND_FL, fd = file_make(PATH, LENGTH), reader;

	ioctl(fd, FS_IOC_GETFLAGS, &flags);
	on |= flags;
	if (ioctl(fd, FS_IOC_SETFLAGS, &on))
		tap_bail("FS_IOC_SETFLAGS: %s", strerror(errno));
	reader = open_as(READ_ONLY_FILE);
	tap_is(acquire_errno(reader, HOLDFAST_BREAKABLE, LENGTH), 0,
	       "an append-only file can be leased for reading");
	ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(reader);
	reader = open(PATH, O_WRONLY | O_CLOEXEC);
	tap_is(acquire_errno(reader, HOLDFAST_BREAKABLE, LENGTH), EACCES,
	       "a descriptor that is only open for writing: EACCES");
	close(reader);
	close(fd);
	unlink(PATH);
}

/* A registration of a mapping that can only be read. */
static void test_use(enum mapped mapped, const char *what)
{
	int fd = file_make(PATH, LENGTH), opened, lease;
	struct rdma rdma = rdma_open();
	static char got[LENGTH], want[LENGTH];
	struct holdfast_event event;
	struct stat before, after;
	struct change change;
	struct ibv_mr *mr;
	char *map;

	fsync(fd);
	fstat(fd, &before);
	opened = open_as(mapped);
	lease = lease_make(opened, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_as(opened, mapped);
	tap_is(register_errno(map, RDMA_ACCESS), EFAULT,
	       "%s: not to be written by the device", what);
	mr = ibv_reg_mr(rdma.pd, map, LENGTH, READ_ACCESS);
	if (!tap_ok(mr, "%s: is registered for reading (%s)", what,
		    mr ? "yes" : strerror(errno)))
		goto end;
	tap_is(lease_query(lease).pinned, LENGTH, "%s: all of it is pinned",
	       what);
	fstat(fd, &after);
	tap_ok(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
		       before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
		       before.st_blocks == after.st_blocks,
	       "%s: the file is as it was", what);
	tap_ok(rdma_read(&rdma, mr, 0, got, LENGTH) == IBV_WC_SUCCESS &&
		       pread(fd, want, LENGTH, 0) == (ssize_t)LENGTH &&
		       !memcmp(got, want, LENGTH),
	       "%s: RDMA reads what the file has", what);
	tap_ok(pwrite(fd, "new", 3, MIB) == 3 &&
		       rdma_read(&rdma, mr, MIB, got, 3) == IBV_WC_SUCCESS &&
		       !memcmp(got, "new", 3),
	       "%s: and what is written later", what);
	change = change_start("punch", PATH, 0, MIB, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "%s: a change breaks the lease", what);
	tap_ok(!change_done(&change, STILL), "%s: and waits", what);
	ibv_dereg_mr(mr);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: until the region is gone", what);
	tap_is(register_errno(map, READ_ACCESS), ENODATA,
	       "%s: a hole is refused: ENODATA", what);
end:
	munmap(map, LENGTH);
	close(lease);
	close(opened);
	close(fd);
	rdma_close(&rdma);
	unlink(PATH);
}

/* Space without data reads as a hole. */
static void test_unwritten(void)
{
	int fd = file_make(PATH, 0);

	if (fallocate(fd, 0, 0, LENGTH) || pwrite(fd, "x", 1, 0) != 1)
		tap_bail("fallocate: %s", strerror(errno));
	tap_is(leased_errno(READ_ONLY_FILE, READ_ACCESS), ENODATA,
	       "space that was never written is a hole");
	close(fd);
	unlink(PATH);
}

/* The verbs library maps what it is given as the descriptor is open. */
static void test_library(void)
{
	int fd = file_make(PATH, LENGTH), reader = open_as(READ_ONLY_FILE);
	struct rdma rdma = rdma_open();
	struct hf_context *context = context_open(&rdma, NULL);
	struct hf_mr_info info;
	struct hf_mr *mr;
	char got[64], want[sizeof(got)];
	char *map = map_as(reader, READ_ONLY_FILE);

	if (!tap_is(hf_reg_mr(rdma.pd, reader, 0, LENGTH, READ_ACCESS, NULL,
			      &mr),
		    0, "library: a descriptor that is open for reading"))
		tap_bail("hf_reg_mr: %s", hf_verbs_error());
	info = mr_query(mr);
	tap_ok(rdma_read(&rdma,
			 &(struct ibv_mr){ .addr = info.addr,
					   .rkey = info.rkey },
			 MIB, got, sizeof(got)) == IBV_WC_SUCCESS &&
		       pread(fd, want, sizeof(want), MIB) ==
			       (ssize_t)sizeof(want) &&
		       !memcmp(got, want, sizeof(got)),
	       "library: RDMA reads what the file has");
	hf_dereg_mr(mr);
	tap_is(hf_reg_mr_addr(rdma.pd, map, LENGTH, READ_ACCESS, NULL, &mr), 0,
	       "library: a read-only mapping");
	hf_dereg_mr(mr);
	tap_is(hf_reg_mr_addr(rdma.pd, map, LENGTH, RDMA_ACCESS, NULL, &mr),
	       -EFAULT, "library: a read-only mapping, to write: %s",
	       hf_verbs_error());
	tap_is(hf_reg_mr(rdma.pd, reader, 0, LENGTH, RDMA_ACCESS, NULL, &mr),
	       -EFAULT, "library: to write");
	tap_ok(strstr(hf_verbs_error(), "IBV_ACCESS_LOCAL_WRITE"), "%s",
	       hf_verbs_error());
	if (ftruncate(fd, MIB) || ftruncate(fd, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	tap_is(hf_reg_mr(rdma.pd, reader, 0, LENGTH, READ_ACCESS, NULL, &mr),
	       -ENODATA, "library: a hole");
	tap_ok(strstr(hf_verbs_error(), "the range has a hole"), "%s",
	       hf_verbs_error());
	munmap(map, LENGTH);
	hf_close_context(context);
	rdma_close(&rdma);
	close(reader);
	close(fd);
	unlink(PATH);
}

static void hold(void)
{
	int fd, lease;

	become(OWNER);
	fd = open_as(READ_ONLY_FILE);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 2000);
	attack_needs(lease >= 0, "lease");
	attack_needs(ibv_reg_mr(rdma_open().pd, map_as(fd, READ_ONLY_FILE),
				LENGTH, READ_ACCESS),
		     "ibv_reg_mr");
}

static void test_fence(void)
{
	int fd = file_of(PATH, LENGTH, OWNER, 0644), status;
	pid_t pid = child_holding(hold);
	struct change change = change_start("punch", PATH, 0, MIB, NULL);

	status = child_wait(pid, SOON);
	tap_ok(was_killed(status),
	       "a reader that does not let go is killed (status %#x)", status);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and the change is done");
	close(fd);
	unlink(PATH);
}

/* --- blocks that XFS would move */

static void share(int fd, uint64_t page, uint64_t pages)
{
	int other = open(OTHER, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct file_clone_range range = { .src_fd = fd,
					  .src_offset = page * PAGE,
					  .src_length = pages * PAGE,
					  .dest_offset = page * PAGE };

	if (other < 0 || ioctl(other, FICLONERANGE, &range))
		tap_bail("reflink: %s", strerror(errno));
	close(other);
}

/* A file that is only unlinked keeps its blocks until a worker frees them. */
static void other_remove(void)
{
	if (truncate(OTHER, 0) || unlink(OTHER))
		tap_bail("%s: %s", OTHER, strerror(errno));
}

static void write_page(int fd, uint64_t page)
{
	char block[PAGE];

	memset(block, 'w', sizeof(block));
	if (pwrite(fd, block, PAGE, page * PAGE) != (ssize_t)PAGE)
		tap_bail("write: %s", strerror(errno));
}

static void unshare_file(int fd)
{
	if (fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, LENGTH))
		tap_bail("unshare: %s", strerror(errno));
}

/* What is registered, and written over then, is where it was. */
static void test_stays(int fd, const char *what)
{
	int reader = open_as(READ_ONLY_FILE);
	int lease =
		lease_make(reader, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_as(reader, READ_ONLY_FILE), got[PAGE], want[PAGE];
	static uint64_t block[LENGTH / PAGE];
	struct rdma rdma = rdma_open();
	unsigned int i, moved = 0, wrong = 0;
	struct ibv_mr *mr;

	mr = ibv_reg_mr(rdma.pd, map, LENGTH, READ_ACCESS);
	if (!tap_ok(mr, "%s: is registered (%s)", what,
		    mr ? "yes" : strerror(errno)))
		goto end;
	for (i = 0; i < LENGTH / PAGE; i++)
		block[i] = block_of(fd, i * PAGE);
	for (i = 0; i < LENGTH / PAGE; i++)
		write_page(fd, i);
	fsync(fd);
	for (i = 0; i < LENGTH / PAGE; i++)
		moved += block_of(fd, i * PAGE) != block[i];
	tap_is(moved, 0, "%s: no block moves", what);
	for (i = 0; i < LENGTH / PAGE; i += 64)
		wrong += rdma_read(&rdma, mr, i * PAGE, got, PAGE) !=
				 IBV_WC_SUCCESS ||
			 pread(fd, want, PAGE, i * PAGE) != (ssize_t)PAGE ||
			 memcmp(got, want, PAGE);
	tap_is(wrong, 0, "%s: RDMA reads what was written", what);
	ibv_dereg_mr(mr);
end:
	munmap(map, LENGTH);
	close(lease);
	close(reader);
	rdma_close(&rdma);
}

static void refused(enum mapped mapped, int err, const char *what)
{
	tap_is(leased_errno(mapped, READ_ACCESS), err, "%s: %s", what,
	       mapped == READ_ONLY_FILE
		       ? "open for reading"
		       : "open for writing, mapped for reading");
}

static void test_shared(void)
{
	int fd = file_make(PATH, LENGTH + 4 * MIB);

	share(fd, 100, 8);
	refused(READ_ONLY_FILE, EMLINK, "shared blocks");
	refused(READ_ONLY_MAPPING, EMLINK, "shared blocks");
	tap_is(attack_as(0, registers_implicitly, READ_ONLY_FILE), EMLINK,
	       "shared blocks: an implicit lease");
	other_remove();
	test_stays(fd, "blocks that are shared no more");
	share(fd, LENGTH / PAGE + 8, 8);
	refused(READ_ONLY_FILE, EMLINK, "shared blocks beside it");
	other_remove();
	share(fd, LENGTH / PAGE + 512, 8);
	test_stays(fd, "shared blocks elsewhere");
	other_remove();
	close(fd);
	unlink(PATH);
}

static void test_leftover(void)
{
	int fd = file_make(PATH, LENGTH);

	/* The other pages of the unit are not shared, and have copies prepared. */
	share(fd, 16, 1);
	write_page(fd, 16);
	refused(READ_ONLY_FILE, EINPROGRESS, "prepared copies");
	refused(READ_ONLY_MAPPING, EINPROGRESS, "prepared copies");
	tap_is(attack_as(0, registers_implicitly, READ_ONLY_FILE), EINPROGRESS,
	       "prepared copies: an implicit lease");
	unshare_file(fd);
	test_stays(fd, "an unshared file");
	close(fd);
	unlink(PATH);
	other_remove();
}

/* More extents than fit into the inode, and attributes: blocks that are no data. */
static void test_many_extents(void)
{
	int fd = file_make(PATH, 0);
	static char value[8192];

	for (unsigned int i = 0; i < LENGTH / PAGE; i += 2)
		write_page(fd, i);
	for (unsigned int i = 1; i < LENGTH / PAGE; i += 2)
		write_page(fd, i);
	if (syscall(SYS_fsetxattr, fd, "user.large", value, sizeof(value), 0))
		tap_bail("fsetxattr: %s", strerror(errno));
	test_stays(fd, "a file in pieces that was never shared");
	share(fd, 16, 1);
	other_remove();
	refused(READ_ONLY_FILE, EINPROGRESS, "the same, shared once");
	unshare_file(fd);
	test_stays(fd, "the same, unshared");
	close(fd);
	unlink(PATH);
}

int main(void)
{
	test_rights();
	test_append_only();
	test_use(READ_ONLY_FILE, "a file open for reading");
	test_use(READ_ONLY_MAPPING, "a read-only mapping");
	test_unwritten();
	test_library();
	test_fence();
	if (fs_is_xfs()) {
		test_shared();
		test_leftover();
		test_many_extents();
	}
	return tap_done();
}
