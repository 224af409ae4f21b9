// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What stands before mmap(2) and its like, see shim.h. The calls themselves go
 * to the kernel: that needs no look-up, which may allocate.
 */
/* It would turn the mmap() that is defined here into mmap64(). */
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

_Static_assert(sizeof(long) == 8, "mmap2(2) is not known here");

/* The C library's own: close() itself is ours. */
extern int __close(int fd);

/* Out of the way of programs that expect low numbers, or walk over them. */
#define FDS_FROM 512

static void *sys_mmap(void *addr, size_t length, int prot, int flags, int fd,
		      off_t offset)
{
	return (void *)syscall(SYS_mmap, addr, length, prot, flags, fd, offset);
}

/* "/mnt/pmem/file", for messages */
static const char *fd_name(char room[256], int fd)
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, room, 255);
	if (length < 0)
		return "?";
	room[length] = '\0';
	return room;
}

/* Said once: a program that maps a thousand pieces has one reason. */
static void refused(int fd, const char *why)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	char name[256];

	if (!atomic_flag_test_and_set(&said) || settings()->verbose)
		shim_say("%s is mapped without a lease: %s", fd_name(name, fd),
			 why);
}

static bool is_dax(int fd)
{
	struct statx stx;

	return !statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) &&
	       S_ISREG(stx.stx_mode) && stx.stx_attributes & STATX_ATTR_DAX;
}

/* The bytes of whole pages, or 0 with the reason said. */
static size_t lease_length(int fd, off_t offset, size_t length)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t whole = (length + page - 1) / page * page;
	struct stat st;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) {
		refused(fd, "the file is not open for reading and writing");
		return 0;
	}
	if (fstat(fd, &st) ||
	    offset + whole > (st.st_size + page - 1) / page * page) {
		refused(fd, "the mapping reaches beyond the end of the file");
		return 0;
	}
	return whole;
}

static int move_up(int fd)
{
	struct rlimit limit;
	int up = -1;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= 2 * FDS_FROM)
		up = fcntl(fd, F_DUPFD_CLOEXEC, FDS_FROM);
	if (up < 0)
		return fd;
	__close(fd);
	return up;
}

/* A lease for a mapping, or -1: then it is mapped as if we were not here. */
static int take_lease(int fd, off_t offset, size_t length, bool durable,
		      uint64_t *id)
{
	struct holdfast_query query;
	int lease;

	length = lease_length(fd, offset, length);
	if (!length)
		return -1;
	lease = hf_acquire(fd, offset, length, &settings()->attr);
	if (lease < 0) {
		refused(fd, hf_error());
		return -1;
	}
	lease = move_up(lease);
	/* What MAP_SYNC promises of each write, this does for all blocks. */
	if (hf_query(lease, &query) || (durable && fsync(fd))) {
		refused(fd, strerror(errno));
		__close(lease);
		return -1;
	}
	*id = query.id;
	return lease;
}

/* The mapping of a lease in force, or MAP_FAILED: nothing has been mapped. */
static void *map_lease(void *addr, size_t length, int prot, int flags, int fd,
		       off_t offset)
{
	bool durable = (flags & MAP_TYPE) == MAP_SHARED_VALIDATE &&
		       flags & MAP_SYNC;
	struct lease *lease = NULL;
	void *got = MAP_FAILED;
	char name[256];
	uint64_t id;
	int lease_fd = take_lease(fd, offset, length, durable, &id);
	int err;

	if (lease_fd < 0)
		return MAP_FAILED;
	if (durable)
		flags &= ~MAP_SYNC;
	table_lock();
	lease = table_add_lease(lease_fd, id);
	if (lease) {
		lease->pieces++; /* until it has one */
		got = sys_mmap(addr, length, prot, flags, lease_fd, 0);
		err = errno;
		if (got != MAP_FAILED) {
			table_cut_pieces((uintptr_t)got, length);
			table_add_piece(lease, (uintptr_t)got, length, prot);
		}
		lease->pieces--;
		table_close_unused();
	} else {
		err = ENOMEM;
		__close(lease_fd);
	}
	table_unlock();
	if (got == MAP_FAILED) {
		refused(fd, strerror(err));
		return MAP_FAILED;
	}
	thread_watch();
	if (settings()->verbose)
		shim_say("lease %llu: %zu bytes of %s from %lld, at %p",
			 (unsigned long long)id, length, fd_name(name, fd),
			 (long long)offset, got);
	return got;
}

static bool may_be_leased(int prot, int flags, int fd)
{
	int type = flags & MAP_TYPE;

	return fd >= 0 && !(flags & MAP_ANONYMOUS) && prot & PROT_WRITE &&
	       (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) &&
	       is_dax(fd);
}

/* A mapping at a fixed place ends what was there. */
static void *map_plain(void *addr, size_t length, int prot, int flags, int fd,
		       off_t offset)
{
	void *got;

	if (!(flags & MAP_FIXED) || !table_used())
		return sys_mmap(addr, length, prot, flags, fd, offset);
	table_lock();
	got = sys_mmap(addr, length, prot, flags, fd, offset);
	if (got != MAP_FAILED)
		table_cut_pieces((uintptr_t)got, length);
	table_unlock();
	return got;
}

static void *map(void *addr, size_t length, int prot, int flags, int fd,
		 off_t offset)
{
	int err = errno;
	void *got;

	if (length && may_be_leased(prot, flags, fd)) {
		got = map_lease(addr, length, prot, flags, fd, offset);
		if (got != MAP_FAILED) {
			errno = err;
			return got;
		}
	}
	errno = err;
	return map_plain(addr, length, prot, flags, fd, offset);
}

SHIM_EXPORT void *mmap(void *addr, size_t length, int prot, int flags, int fd,
		       off_t offset)
{
	return map(addr, length, prot, flags, fd, offset);
}

SHIM_EXPORT void *mmap64(void *addr, size_t length, int prot, int flags, int fd,
			 off64_t offset)
{
	return map(addr, length, prot, flags, fd, offset);
}

SHIM_EXPORT int munmap(void *addr, size_t length)
{
	int ret;

	if (!table_used())
		return syscall(SYS_munmap, addr, length);
	table_lock();
	ret = syscall(SYS_munmap, addr, length);
	if (!ret)
		table_cut_pieces((uintptr_t)addr, length);
	table_unlock();
	return ret;
}

SHIM_EXPORT void *mremap(void *old, size_t old_length, size_t length, int flags,
			 ...)
{
	size_t moved = length < old_length ? length : old_length;
	void *wanted = NULL, *got;
	va_list args;

	if (flags & MREMAP_FIXED) {
		va_start(args, flags);
		wanted = va_arg(args, void *);
		va_end(args);
	}
	if (!table_used())
		return (void *)syscall(SYS_mremap, old, old_length, length,
				       flags, wanted);
	table_lock();
	got = (void *)syscall(SYS_mremap, old, old_length, length, flags,
			      wanted);
	if (got != MAP_FAILED) {
		if (moved < old_length)
			table_cut_pieces((uintptr_t)old + moved,
					 old_length - moved);
		if (got != old) {
			table_cut_pieces((uintptr_t)got, length);
			table_move_pieces((uintptr_t)old, moved,
					  (uintptr_t)got);
		}
	}
	table_unlock();
	return got;
}

/* Programs that become daemons close whatever is open. */
SHIM_EXPORT int close(int fd)
{
	if (fd_is_protected(fd)) {
		errno = EBADF;
		return -1;
	}
	return __close(fd);
}
