/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decisions of a fuzzer: a generator for each thread, so that what a thread
 * does depends on the seed alone; and values that are likely to be wrong.
 */
#ifndef HOLDFAST_SOAK_FUZZ_RANDOM_H
#define HOLDFAST_SOAK_FUZZ_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

static __thread uint64_t random_state;

/* splitmix64: every state is a good one. */
static inline uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint64_t random_u64(void)
{
	random_state += 0x9e3779b97f4a7c15ULL;
	return random_mix(random_state);
}

/* 0 .. n - 1 */
static inline unsigned int random_below(unsigned int n)
{
	return random_u64() % n;
}

static inline bool one_in(unsigned int n)
{
	return !random_below(n);
}

/* One of some numbers. */
#define ONE_OF(...)                                                  \
	({                                                           \
		static const int64_t list_[] = { __VA_ARGS__ };      \
		list_[random_below(sizeof(list_) / sizeof(*list_))]; \
	})

/* A number at which something ends: pages, DAX's pieces, files, types. */
static inline uint64_t random_edge(uint64_t file_size)
{
	static const uint64_t edges[] = {
		0,
		1,
		4096,
		64 << 10,
		128 << 10,
		2 << 20,
		4 << 20,
		INT32_MAX,
		1ULL << 32,
		INT64_MAX,
		1ULL << 63,
		UINT64_MAX,
		1ULL << 44,
		INT64_MAX & ~4095ULL,
		UINT64_MAX & ~4095ULL,
		1ULL << 52,
	};
	const unsigned int count = sizeof(edges) / sizeof(*edges);
	unsigned int i = random_below(count + 4);
	uint64_t edge = i < count ? edges[i] : file_size;

	switch (random_below(4)) {
	case 0:
		return edge + 4096;
	case 1:
		return edge - 4096;
	case 2:
		return edge + (int64_t)random_below(17) - 8;
	default:
		return edge;
	}
}

/* Bytes from the start of a small file: mostly whole pages near the start. */
static inline uint64_t random_offset(uint64_t file_size)
{
	if (one_in(16))
		return random_edge(file_size);
	if (one_in(16))
		return random_below(file_size);
	if (one_in(4))
		return (uint64_t)random_below(file_size >> 21) << 21;
	if (one_in(4))
		return (uint64_t)random_below(file_size >> 12) << 12;
	return (uint64_t)random_below(4) << 12;
}

static inline uint64_t random_length(uint64_t file_size)
{
	if (one_in(16))
		return random_edge(file_size);
	if (one_in(16))
		return random_below(file_size);
	if (one_in(6))
		return (uint64_t)(1 + random_below(file_size >> 21)) << 21;
	return (uint64_t)(1 + random_below(16)) << 12;
}

#endif
