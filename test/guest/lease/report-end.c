// SPDX-License-Identifier: GPL-2.0
/*
 * Who reads the report comes to its end: leases that are taken meanwhile are for
 * the next reader, however fast somebody takes them.
 */
#define _GNU_SOURCE
#include "common.h"

#define PATH   PMEM "report-end"
#define BEFORE 100 /* more than the kernel prints at a time */
#define AFTER  10

static int leases[BEFORE + AFTER];

static void take(int fd, int first, int count)
{
	for (int i = first; i < first + count; i++)
		leases[i] = lease_make(fd, 0, MIB, HOLDFAST_BREAKABLE, 0);
}

static int lines_until_end(int report)
{
	int lines = 0;
	ssize_t n;
	char c;

	while ((n = read(report, &c, 1)) == 1)
		lines += c == '\n';
	return n ? -1 : lines;
}

int main(void)
{
	int fd = file_make(PATH, MIB), report;
	char c;

	take(fd, 0, BEFORE);
	report = open("/proc/fs/holdfast/leases", O_RDONLY | O_CLOEXEC);
	if (report < 0 || read(report, &c, 1) != 1)
		tap_bail("report: %s", strerror(errno));
	take(fd, BEFORE, AFTER);
	tap_is(lines_until_end(report), 1 + BEFORE,
	       "a reader sees the leases that there were when it began");
	lseek(report, 0, SEEK_SET);
	tap_is(lines_until_end(report), 1 + BEFORE + AFTER,
	       "and all others when it begins again");
	close(report);
	for (int i = 0; i < BEFORE + AFTER; i++)
		close(leases[i]);
	close(fd);
	unlink(PATH);
	return tap_done();
}
