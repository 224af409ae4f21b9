/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block says itself which file it was written to, where in it, by which
 * write, and that it is whole. So whose bytes these are can be decided by
 * looking at them, wherever they turn up.
 */
#ifndef SOAK_BLOCK_H
#define SOAK_BLOCK_H

#include <stdint.h>

#define BLOCK 4096

/* What a block holds: the number of the write that made it, or one of these. */
#define MARK_ZERO 0ULL	/* zeros, as a hole has */
#define MARK_TORN ~0ULL /* neither zeros nor a whole block of this run */

/* A number for each write: the file's number, and one within it. */
#define MARK(file, n)	((uint64_t)(file) << 32 | (n))
#define MARK_FILE(mark) ((uint32_t)((mark) >> 32))

/**
 * block_make - what write @mark writes at block @pos
 * @seed: of the run: no other run's blocks are taken for its own
 */
void block_make(void *block, uint64_t seed, uint64_t mark, uint32_t pos);

/**
 * block_read - what a block holds
 * @pos: out: where it was written to, if by a write
 *
 * Return: a mark, MARK_ZERO or MARK_TORN.
 */
uint64_t block_read(const void *block, uint64_t seed, uint32_t *pos);

#endif
