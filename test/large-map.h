/* SPDX-License-Identifier: GPL-2.0 */
/* An ordinary mapping of a file, where it can have large pages. */
#ifndef HOLDFAST_TEST_LARGE_MAP_H
#define HOLDFAST_TEST_LARGE_MAP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define LARGE_PAGE (2UL << 20)

/* Shared, from the beginning of the file on. MAP_FAILED and errno on failure. */
static inline void *map_large(int fd, size_t length, int protection)
{
	char *room = mmap(NULL, length + LARGE_PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return room;
	return mmap(room + (-(uintptr_t)room & (LARGE_PAGE - 1)), length,
		    protection, MAP_SHARED | MAP_FIXED, fd, 0);
}

#endif
