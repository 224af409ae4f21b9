/* SPDX-License-Identifier: GPL-2.0 */
/* Where the pages of a file are on the device: by the filesystem, and by the MMU. */
#ifndef SOAK_FRAMES_BLOCKS_H
#define SOAK_FRAMES_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define NOWHERE UINT64_MAX

/* Learns where the device is. The process exits if it cannot. */
void blocks_init(void);

/*
 * What the filesystem says (FIEMAP): @block[i] becomes the place of page @first + i
 * on the device, or NOWHERE. Returns how many of the pages are shared with
 * another file or place.
 */
unsigned int blocks_of_file(int fd, uint32_t first, uint32_t count,
			    uint64_t *block);

/*
 * What the page table says (/proc/self/pagemap): the same for @count pages at
 * @map; NOWHERE for a page without an entry. Returns how many of these there are.
 */
unsigned int blocks_of_map(const char *map, uint32_t count, uint64_t *block);

#endif
