// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Write back processor caches: what a device has written may still be there. msync(2)
 * would not do: it writes back what was dirtied by page faults, and a device makes none.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

#include "exporter.h"

#ifdef __x86_64__
#include <cpuid.h>

#define LINE 64U

static void clwb(const char *line)
{
	/* clwb in bytes: assemblers of baseline x86-64 have no name for it. */
	__asm__ volatile(".byte 0x66; xsaveopt (%0)" : : "r"(line) : "memory");
}

static void clflushopt(const char *line)
{
	__asm__ volatile(".byte 0x66; clflush (%0)" : : "r"(line) : "memory");
}

static void clflush(const char *line)
{
	__asm__ volatile("clflush (%0)" : : "r"(line) : "memory");
}

static void (*instruction(void))(const char *)
{
	unsigned int a, b = 0, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return clflush;
	if (b & bit_CLWB)
		return clwb;
	return b & bit_CLFLUSHOPT ? clflushopt : clflush;
}

void hf_persist(const void *addr, size_t length)
{
	void (*flush)(const char *) = instruction();
	const char *end = (const char *)addr + length;
	const char *line =
		(const char *)((uintptr_t)addr & ~(uintptr_t)(LINE - 1));

	for (; line < end; line += LINE)
		flush(line);
	__asm__ volatile("sfence" : : : "memory");
}

static bool can_write_back(void)
{
	return true;
}
#else
void hf_persist(const void *addr, size_t length)
{
	(void)addr;
	(void)length;
}

static bool can_write_back(void)
{
	return false;
}
#endif

bool hf_persist_can(int fd)
{
	struct statx st;

	return can_write_back() && !statx(fd, "", AT_EMPTY_PATH, 0, &st) &&
	       st.stx_attributes & STATX_ATTR_DAX;
}
