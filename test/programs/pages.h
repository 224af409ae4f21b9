/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs write into a file while changes.c changes it. Each page says what it is, in all of its
 * words, except the spare ones: those are what changes.c may turn into holes at any time.
 */
#ifndef HOLDFAST_TEST_PAGES_H
#define HOLDFAST_TEST_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE	    4096ULL
/* Every so many pages, and the last of these. */
#define SPARE_EVERY 16

static inline bool page_is_spare(uint64_t page)
{
	return page % SPARE_EVERY == SPARE_EVERY - 1;
}

static inline uint64_t page_word(uint64_t seed, uint64_t page)
{
	return (seed << 32 | page) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* @page is the number of the first one. */
static inline void pages_fill(void *memory, uint64_t page, size_t count,
			      uint64_t seed)
{
	volatile uint64_t *word = memory;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < PAGE / sizeof(*word); j++)
			*word++ = page_word(seed, page + i);
}

/* How many pages are wrong. */
static inline size_t pages_wrong(const void *memory, uint64_t page,
				 size_t count, uint64_t seed)
{
	const volatile uint64_t *word = memory;
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		bool good = true;

		for (size_t j = 0; j < PAGE / sizeof(*word); j++, word++)
			good &= *word == page_word(seed, page + i) ||
				(!*word && page_is_spare(page + i));
		wrong += !good;
	}
	return wrong;
}

#endif
