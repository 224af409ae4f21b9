// SPDX-License-Identifier: GPL-2.0
/* /proc/fs/holdfast/counters: columns are found by name, and what is no such file is refused. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "../../tools/common/counters.h"
#include "../tap.h"

static char path[] = "/tmp/holdfast-counters.XXXXXX";

static int read_text(const char *text, struct counters_list *counters)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		tap_bail("%s", path);
	return counters_read(path, counters);
}

static void refuses(const char *text, const char *what)
{
	struct counters_list counters;

	tap_is(read_text(text, &counters), -EPROTO, "%s", what);
	counters_end(&counters);
}

int main(void)
{
	struct counters_list counters;
	uint64_t sum[COUNTERS];

	close(mkstemp(path));
	tap_is(read_text("major minor leases new breaks\n"
			 "259 0 7 99 3\n"
			 "0 0 1 99 18446744073709551615\n",
			 &counters),
	       0, "columns of a newer module");
	tap_is(counters.count, 2, "two filesystems");
	tap_is(counters.list[0].major, 259, "major");
	tap_is(counters.list[0].value[COUNTER_LEASES], 7, "leases");
	tap_is(counters.list[0].value[COUNTER_BREAKS], 3, "breaks");
	tap_is(counters.list[0].value[COUNTER_KILLED], 0,
	       "a column that is missing");
	counters_sum(&counters, sum);
	tap_is(sum[COUNTER_LEASES], 8, "the sum of both");
	counters_end(&counters);
	tap_is(read_text("minor major\n", &counters), 0, "no filesystem");
	tap_is(counters.count, 0, "none");
	counters_end(&counters);

	refuses("", "an empty file");
	refuses("leases breaks\n", "no devices");
	refuses("major minor leases\n259 0\n", "a line that is too short");
	refuses("major minor leases\n259 0 1 2\n", "a line that is too long");
	refuses("major minor leases\n259 0 -1\n", "less than nothing");
	refuses("major minor leases\n259 0 99999999999999999999\n", "too much");
	refuses("major minor leases\n259 0 1x\n", "not a number");
	unlink(path);
	tap_is(counters_read(path, &counters), -ENOENT, "no file");
	return tap_done();
}
