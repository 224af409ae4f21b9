/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clock of events and deadlines. */
#ifndef HOLDFAST_CLOCK_H
#define HOLDFAST_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC. */
static inline int64_t hf_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline int64_t hf_clock_ms(void)
{
	return hf_clock_ns() / 1000000;
}

#endif
