// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which process this is. The pid does not say: the first process of a PID namespace
 * is 1, as its parent may be in its own. A page that the kernel wipes in a child
 * does, whatever system call has made the child.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

static uint64_t *wiped; /* in a child */
static uint64_t last;

int hf_process_init(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *memory;
	int err;

	if (wiped)
		return 0;
	memory = mmap(NULL, page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	if (madvise(memory, page, MADV_WIPEONFORK)) {
		err = errno;
		munmap(memory, page);
		return -err;
	}
	wiped = memory;
	return 0;
}

uint64_t hf_process(void)
{
	if (!wiped)
		return 0;
	if (!*wiped)
		*wiped = ++last;
	return *wiped;
}
