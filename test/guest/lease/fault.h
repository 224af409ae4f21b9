/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations and user copies that fail on purpose; needs a kernel with fault
 * injection (lab/guest --kernel debug). Only those that holdfast.ko is on the
 * stack of: what else the kernel does with a failure is not ours to test.
 */
#ifndef HOLDFAST_TEST_FAULT_H
#define HOLDFAST_TEST_FAULT_H

#include "common.h"

#define FAULT_FILE "/proc/thread-self/fail-nth"

/*
 * How far up the stack holdfast.ko may be. Near is what it allocates itself: the
 * eighth may be one that calls the filesystem, ext4's truncate for one, which
 * calls it an error of its own in the log.
 */
#define FAULT_NEAR 6
#define FAULT_FAR  32

static const char *const fault_kinds[] = { "failslab", "fail_page_alloc",
					   "fail_usercopy" };
#define FAULT_KINDS (sizeof(fault_kinds) / sizeof(*fault_kinds))

static inline bool fault_possible(void)
{
	return !access(FAULT_FILE, W_OK);
}

/* Not every kind of fault has every knob. */
static inline void fault_set(const char *knob, const char *value)
{
	char path[96];
	int fd;

	for (size_t i = 0; i < FAULT_KINDS; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s",
			 fault_kinds[i], knob);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || write(fd, value, strlen(value)) < 0)
			tap_bail("%s: %s", path, strerror(errno));
		close(fd);
	}
}

static inline void fault_set_number(const char *knob, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%#lx", value);
	fault_set(knob, text);
}

/* From the first function of the module to the last. */
static inline void fault_find_module(void)
{
	unsigned long address, first = ~0UL, last = 0;
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], type;

	while (symbols && fgets(line, sizeof(line), symbols)) {
		if (!strstr(line, "\t[holdfast]") ||
		    sscanf(line, "%lx %c", &address, &type) != 2 ||
		    (type != 't' && type != 'T'))
			continue;
		first = address < first ? address : first;
		last = address > last ? address : last;
	}
	if (!symbols || !last)
		tap_bail("no symbols of the module: %s", strerror(errno));
	fclose(symbols);
	fault_set_number("require-start", first);
	fault_set_number("require-end", last + 4096);
}

static inline void fault_setup(void)
{
	fault_set("probability", "0");
	fault_set("verbose", "0");
	fault_set("task-filter", "N");
	fault_set("times", "-1");
	fault_set("ignore-gfp-wait", "N");
	fault_set("ignore-gfp-highmem", "N");
	fault_set("min-order", "0");
	fault_set_number("stacktrace-depth", FAULT_FAR);
	fault_find_module();
}

/* The @nth thing of this thread that can fail does; 0: nothing. */
static inline void fault_arm(unsigned int nth)
{
	char text[16];
	int fd;

	if (!nth && !fault_possible())
		return;
	fd = open(FAULT_FILE, O_WRONLY | O_CLOEXEC);
	snprintf(text, sizeof(text), "%u", nth);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		tap_bail(FAULT_FILE ": %s", strerror(errno));
	close(fd);
}

/* Whether it has failed; nothing does from here on. */
static inline bool fault_disarm(void)
{
	char text[16] = "";
	int fd;

	if (!fault_possible())
		return false;
	fd = open(FAULT_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		tap_bail(FAULT_FILE ": %s", strerror(errno));
	close(fd);
	fault_arm(0);
	return !atoi(text);
}

#endif
