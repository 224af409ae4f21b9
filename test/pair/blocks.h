/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The blocks of a file that another machine writes (writer.c). Each write has a number, from
 * 1 on, and goes to block number % count. All words of the block have the number.
 *
 * A record is a file of one number for each block: of the last write that was acknowledged,
 * or that was flushed; 0: none.
 */
#ifndef HOLDFAST_TEST_PAIR_BLOCKS_H
#define HOLDFAST_TEST_PAIR_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK 16384UL

/* The second half is punched and cut by changer.c: what was written there can become zero. */
static inline bool block_is_kept(uint64_t block, uint64_t count)
{
	return block < count / 2;
}

static inline void block_fill(uint64_t *words, uint64_t number)
{
	for (size_t i = 0; i < BLOCK / sizeof(*words); i++)
		words[i] = number;
}

static inline bool block_is(const uint64_t *words, uint64_t number)
{
	for (size_t i = 0; i < BLOCK / sizeof(*words); i++)
		if (words[i] != number)
			return false;
	return true;
}

#endif
