// SPDX-License-Identifier: GPL-2.0
/* Blocks that say what they are. */
#include <stddef.h>
#include <string.h>

#include "block.h"

#define WORDS (BLOCK / sizeof(uint64_t))
#define MAGIC 0x68667472757468ULL

struct head {
	uint64_t magic;
	uint64_t seed;
	uint64_t mark;
	uint64_t pos;
	uint64_t sum; /* of all the rest */
};

static uint64_t block_sum(const uint64_t *word)
{
	uint64_t sum = MAGIC;

	for (unsigned int i = 0; i < WORDS; i++) {
		if (i != offsetof(struct head, sum) / sizeof(*word))
			sum = (sum ^ word[i]) * 0x100000001b3ULL;
	}
	return sum;
}

void block_make(void *block, uint64_t seed, uint64_t mark, uint32_t pos)
{
	struct head *head = block;
	uint64_t *word = block;

	for (unsigned int i = 0; i < WORDS; i++)
		word[i] = (mark + i) * 0x9e3779b97f4a7c15ULL;
	*head = (struct head){
		.magic = MAGIC, .seed = seed, .mark = mark, .pos = pos
	};
	head->sum = block_sum(word);
}

uint64_t block_read(const void *block, uint64_t seed, uint32_t *pos)
{
	static const char zeros[BLOCK];
	const struct head *head = block;

	if (head->magic == MAGIC && head->seed == seed &&
	    head->sum == block_sum(block)) {
		*pos = head->pos;
		return head->mark;
	}
	return memcmp(block, zeros, BLOCK) ? MARK_TORN : MARK_ZERO;
}
