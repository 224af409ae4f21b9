// SPDX-License-Identifier: GPL-2.0
/* Sizes, ranges and times, see size.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

static const char units[] = "BKMGTPE";

bool size_parse(const char *text, uint64_t *size)
{
	unsigned int shift = 0;
	uint64_t value;
	char *end;

	/* strtoull() would take signs and spaces. */
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		const char *unit = strchr(units, toupper((unsigned char)*end));

		if (!unit)
			return false;
		shift = 10 * (unit - units);
		end++;
		if (shift && !strcmp(end, "iB"))
			end += 2;
	}
	if (*end || value > UINT64_MAX >> shift)
		return false;
	*size = value << shift;
	return true;
}

bool seconds_parse(const char *text, uint32_t *ms)
{
	char *end;
	double value;

	/* Nor does strtod() keep to numbers: "inf", "nan", "0x1p3". */
	if (!*text || text[strspn(text, "0123456789.")])
		return false;
	value = strtod(text, &end) * 1000;
	if (*end || value < 1 || value > UINT32_MAX)
		return false;
	*ms = value + 0.5;
	return true;
}

const char *size_text(char room[SIZE_ROOM], uint64_t size, bool exact)
{
	unsigned int unit = 0;
	uint64_t whole = size;
	unsigned int tenths;

	if (exact || size < 1024) {
		snprintf(room, SIZE_ROOM, "%" PRIu64 "%s", size,
			 exact ? "" : "B");
		return room;
	}
	while (whole >= 1024) {
		whole >>= 10;
		unit++;
	}
	/* Cut, not rounded: 1023.99M is not 1024M. */
	tenths = ((size >> (10 * (unit - 1))) & 1023) * 10 / 1024;
	if (tenths && whole < 100)
		snprintf(room, SIZE_ROOM, "%" PRIu64 ".%u%c", whole, tenths,
			 units[unit]);
	else
		snprintf(room, SIZE_ROOM, "%" PRIu64 "%c", whole, units[unit]);
	return room;
}

const char *range_text(char room[RANGE_ROOM], uint64_t offset, uint64_t length,
		       bool exact)
{
	char start[SIZE_ROOM];
	char end[SIZE_ROOM] = "end";

	if (offset)
		size_text(start, offset, exact);
	else
		strcpy(start, "0");
	if (length != UINT64_MAX)
		size_text(end, offset + length, exact);
	snprintf(room, RANGE_ROOM, "%s-%s", start, end);
	return room;
}

const char *age_text(char room[SIZE_ROOM], uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		snprintf(room, SIZE_ROOM, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(room, SIZE_ROOM, "%" PRIu64 "m%02" PRIu64 "s", s / 60,
			 s % 60);
	else if (s < 86400)
		snprintf(room, SIZE_ROOM, "%" PRIu64 "h%02" PRIu64 "m",
			 s / 3600, s / 60 % 60);
	else
		snprintf(room, SIZE_ROOM, "%" PRIu64 "d%02" PRIu64 "h",
			 s / 86400, s / 3600 % 24);
	return room;
}
