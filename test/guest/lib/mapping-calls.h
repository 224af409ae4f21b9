/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mapping-calls.c says of its calls: a line for each, that is the same whenever
 * and wherever the program runs.
 */
#ifndef HOLDFAST_TEST_MAPPING_CALLS_H
#define HOLDFAST_TEST_MAPPING_CALLS_H

#include <stdarg.h>

#include "common.h"

#define PAGE 4096UL

__attribute__((format(printf, 1, 2))) static inline void say(const char *fmt,
							     ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* A call that returns a number, or -1 and errno. */
static inline void said(const char *what, long ret)
{
	if (ret == -1)
		say("%s: %s", what, strerrorname_np(errno));
	else
		say("%s: %ld", what, ret);
}

/* A call that returns an address. */
static inline void *said_map(const char *what, void *map)
{
	if (map == MAP_FAILED)
		say("%s: %s", what, strerrorname_np(errno));
	else
		say("%s: mapped", what);
	return map;
}

static inline void said_same(const char *what, const void *a, const void *b,
			     size_t length)
{
	say("%s: %s", what, memcmp(a, b, length) ? "DIFFERENT" : "the same");
}

/* How a child ends that runs @run(@arg). */
static inline void said_child(const char *what, int (*run)(void *arg),
			      void *arg)
{
	pid_t pid = child_fork();
	int status;

	if (!pid)
		_exit(run(arg));
	status = child_wait(pid, SOON);
	if (status == -1)
		say("%s: late", what);
	else if (WIFSIGNALED(status))
		say("%s: %s", what, strsignal(WTERMSIG(status)));
	else
		say("%s: exit %d", what, WEXITSTATUS(status));
}

/* A descriptor for an empty file outside of the filesystem. */
static inline int scratch(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags,
		      0600);

	if (fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	return fd;
}

/* The lines of a file in /proc of the mapping at @map that begin so. */
static inline void said_proc(const char *path, const char *map,
			     const char *const *begins)
{
	FILE *file = fopen(path, "re");
	unsigned long start, end;
	char line[512];
	bool here = false;

	if (!file)
		tap_bail("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			here = start == (uintptr_t)map;
			/* What follows the addresses. */
			if (here)
				say("%s: %s", path, strchr(line, ' '));
		}
		for (size_t i = 0; here && begins[i]; i++) {
			if (!strncmp(line, begins[i], strlen(begins[i])))
				say("%s: %s", path, line);
		}
	}
	fclose(file);
}

#endif
