// SPDX-License-Identifier: GPL-2.0
/* See rates.h. */
#include <linux/holdfast.h>
#include <time.h>

#include "rates.h"

static const struct {
	enum counter counter;
	const char *name;
} shown[] = {
	{ COUNTER_LEASES, "leases" },	{ COUNTER_BREAKS, "breaks" },
	{ COUNTER_REFUSED, "refused" }, { COUNTER_ABSORBED, "absorbed" },
	{ COUNTER_REVOKED, "revoked" }, { COUNTER_FENCED, "fenced" },
	{ COUNTER_KILLED, "killed" },
};

static void print(FILE *to, const struct rates *before, const struct rates *now)
{
	double seconds = (now->time_ns - before->time_ns) / 1e9;
	uint64_t waits =
		now->value[COUNTER_WAITS] - before->value[COUNTER_WAITS];
	uint64_t us =
		now->value[COUNTER_WAIT_US] - before->value[COUNTER_WAIT_US];

	fputs("per second: ", to);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		enum counter counter = shown[i].counter;

		fprintf(to, "%s%.1f %s", i ? ", " : "",
			(now->value[counter] - before->value[counter]) /
				seconds,
			shown[i].name);
	}
	if (waits)
		fprintf(to, "; changes took %.3fs", us / 1e6 / waits);
	fputc('\n', to);
}

int rates_print(FILE *to, struct rates *rates)
{
	struct counters_list counters;
	struct rates now = { .known = true };
	struct timespec time;
	int ret = counters_read(HOLDFAST_COUNTERS, &counters);

	clock_gettime(CLOCK_MONOTONIC, &time);
	now.time_ns = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
	counters_sum(&counters, now.value);
	counters_end(&counters);
	if (ret)
		return ret;
	/* The module was loaded again: its counters began anew. */
	if (rates->known &&
	    now.value[COUNTER_LEASES] >= rates->value[COUNTER_LEASES])
		print(to, rates, &now);
	*rates = now;
	return 0;
}
