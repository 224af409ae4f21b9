/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes, ranges and times as people write and read them. */
#ifndef HOLDFAST_SIZE_H
#define HOLDFAST_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define SIZE_ROOM  24 /* for size_text() */
#define RANGE_ROOM 48 /* for range_text() */

/*
 * "4096", "4K", "2M", "1G", "1T", "4KiB": units of 1024. False when it is
 * anything else or does not fit.
 */
bool size_parse(const char *text, uint64_t *size);

/* "45", "0.5": seconds, to milliseconds that fit 32 bits and are not zero. */
bool seconds_parse(const char *text, uint32_t *ms);

/* "4096" when @exact, otherwise at most four digits and a unit: "4K", "1.5G". */
const char *size_text(char room[SIZE_ROOM], uint64_t size, bool exact);

/* "4K-2M", the end is the byte behind; @length UINT64_MAX is "4K-end". */
const char *range_text(char room[RANGE_ROOM], uint64_t offset, uint64_t length,
		       bool exact);

/* "12s", "3m05s", "7h30m", "3d12h". */
const char *age_text(char room[SIZE_ROOM], uint64_t ms);

#endif
