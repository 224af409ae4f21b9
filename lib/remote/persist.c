// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Make durable what a device has written to a mapped file. The kernel writes back, from the
 * processor's caches too, what was dirtied by page faults, and a device makes none. So
 * the pages are dirtied first, by faults that the kernel makes.
 *
 * Nothing here touches the memory by an instruction: where the file has become shorter in
 * the meantime, a system call returns an error, and an instruction would raise SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exporter.h"

static char *first_page(const void *addr)
{
	return (char *)((uintptr_t)addr & ~((uintptr_t)getpagesize() - 1));
}

static size_t bytes_of_pages(const void *addr, size_t length)
{
	return (const char *)addr + length - first_page(addr);
}

int hf_persist_dirty(const void *addr, size_t length)
{
	return madvise(first_page(addr), bytes_of_pages(addr, length),
		       MADV_POPULATE_WRITE)
		       ? -errno
		       : 0;
}

int hf_persist_sync(const void *addr, size_t length)
{
	return msync(first_page(addr), bytes_of_pages(addr, length), MS_SYNC)
		       ? -errno
		       : 0;
}

bool hf_persist_can(int fd)
{
	struct statx st;

	return !statx(fd, "", AT_EMPTY_PATH, 0, &st) &&
	       st.stx_attributes & STATX_ATTR_DAX;
}

/*
 * The kernel's own word for that: only then it lets a program map the file so that the program
 * flushes by instructions and never calls fsync(2). virtio-pmem is persistent memory
 * that needs more.
 */
bool hf_persist_by_caches(int fd, off_t offset)
{
	size_t page = getpagesize();
	void *map = mmap(NULL, page, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC,
			 fd, offset);

	if (map == MAP_FAILED)
		return false;
	munmap(map, page);
	return true;
}
