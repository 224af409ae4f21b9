/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel knows of a file's pages, one by one: test/kmod/hf_pages.c tells.
 * A file on DAX has the same pages until a change takes them, and then they may
 * be another file's: a list of them can be looked at before, in the meantime and after.
 */
#ifndef HOLDFAST_TEST_PAGES_H
#define HOLDFAST_TEST_PAGES_H

#include "../../kmod/hf_pages.h"
#include "test-module.h"

struct pages {
	size_t nr;
	uint64_t *pfn;
	uint64_t *before;
	int device;
};

static inline void pages_load(void)
{
	test_module_load("hf_pages");
}

static inline uint64_t pages_look(const struct pages *pages, size_t i)
{
	uint64_t value;

	if (pread(pages->device, &value, sizeof(value),
		  pages->pfn[i] * sizeof(value)) != sizeof(value))
		tap_bail("%s: %s", PAGES_DEVICE, strerror(errno));
	return value;
}

/* The pages of a range of a file, and what they are like while idle. */
static inline struct pages pages_of(int fd, uint64_t offset, size_t length)
{
	struct pages pages = { .nr = length / 4096 };
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 offset);

	pages_load();
	pages.device = open(PAGES_DEVICE, O_RDONLY | O_CLOEXEC);
	pages.pfn = calloc(pages.nr, sizeof(*pages.pfn));
	pages.before = calloc(pages.nr, sizeof(*pages.before));
	if (pages.device < 0 || pagemap < 0 || map == MAP_FAILED)
		tap_bail("pages: %s", strerror(errno));
	for (size_t i = 0; i < pages.nr; i++) {
		volatile char *page = map + i * 4096;
		uint64_t entry;

		*page = *page;
		if (pread(pagemap, &entry, sizeof(entry),
			  (uintptr_t)page / 4096 * sizeof(entry)) !=
			    sizeof(entry) ||
		    !(entry >> 63))
			tap_bail("pagemap: %s", strerror(errno));
		pages.pfn[i] = entry & ((1ULL << 55) - 1);
	}
	munmap(map, length);
	close(pagemap);
	for (size_t i = 0; i < pages.nr; i++) {
		pages.before[i] = pages_look(&pages, i);
		if (!(pages.before[i] & PAGES_DAX))
			tap_bail("page %zu is not of a device", i);
	}
	return pages;
}

static inline void pages_free(struct pages *pages)
{
	close(pages->device);
	free(pages->pfn);
	free(pages->before);
}

/* How many of them have all of @bits. */
static inline size_t pages_with(const struct pages *pages, uint64_t bits)
{
	size_t count = 0;

	for (size_t i = 0; i < pages->nr; i++)
		count += (pages_look(pages, i) & bits) == bits;
	return count;
}

/* How many are not as they were before. */
static inline size_t pages_differ(const struct pages *pages)
{
	size_t count = 0;

	for (size_t i = 0; i < pages->nr; i++) {
		uint64_t now = pages_look(pages, i);

		if (now == pages->before[i])
			continue;
		if (!count++)
			tap_diag("  page %zu: %#llx, was %#llx", i,
				 (unsigned long long)now,
				 (unsigned long long)pages->before[i]);
	}
	return count;
}

/* All are as before, which they are a moment after a lease has ended. */
static inline bool pages_as_before(const struct pages *pages, int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;

	while (pages_differ(pages)) {
		if (now_ns() > limit)
			return false;
		usleep(20000);
	}
	return true;
}

#endif
