// SPDX-License-Identifier: GPL-2.0
/* See counters.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"

#define MAJOR	COUNTERS
#define MINOR	(COUNTERS + 1)
#define COLUMNS (COUNTERS + 2)
/* Columns that a newer module can have more. */
#define PLACES	64

static const char *const names[COLUMNS] = {
	[COUNTER_LEASES] = "leases",
	[COUNTER_BREAKS] = "breaks",
	[COUNTER_REFUSED] = "refused",
	[COUNTER_ABSORBED] = "absorbed",
	[COUNTER_REVOKED] = "revoked",
	[COUNTER_FENCED] = "fenced",
	[COUNTER_KILLED] = "killed",
	[COUNTER_MEDIA_ERRORS] = "media_errors",
	[COUNTER_WAIT_US] = "wait_us",
	[COUNTER_LE_1MS] = "le_1ms",
	[COUNTER_LE_10MS] = "le_10ms",
	[COUNTER_LE_100MS] = "le_100ms",
	[COUNTER_LE_1S] = "le_1s",
	[COUNTER_LE_10S] = "le_10s",
	[COUNTER_LE_60S] = "le_60s",
	[COUNTER_WAITS] = "waits",
	[MAJOR] = "major",
	[MINOR] = "minor",
};

/* Which column is at which place; COLUMNS: one that is not known. */
struct head {
	int column[PLACES];
	int count;
};

static int column_of(const char *name)
{
	int column = 0;

	while (column < COLUMNS && strcmp(names[column], name))
		column++;
	return column;
}

static int parse_head(struct head *head, char *line)
{
	bool major = false, minor = false;

	head->count = 0;
	for (char *name; (name = strsep(&line, " \n"));) {
		if (!*name)
			continue;
		if (head->count == PLACES)
			return -EPROTO;
		head->column[head->count++] = column_of(name);
		major |= !strcmp(name, "major");
		minor |= !strcmp(name, "minor");
	}
	return major && minor ? 0 : -EPROTO;
}

static bool parse_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && !*end;
}

static int parse_line(const struct head *head, char *line,
		      struct counters *counters)
{
	uint64_t value[COLUMNS + 1] = { 0 };
	int place = 0;

	for (char *field; (field = strsep(&line, " \n"));) {
		if (!*field)
			continue;
		if (place == head->count ||
		    !parse_number(field, &value[head->column[place++]]))
			return -EPROTO;
	}
	if (place != head->count)
		return -EPROTO;
	counters->major = value[MAJOR];
	counters->minor = value[MINOR];
	memcpy(counters->value, value, sizeof(counters->value));
	return 0;
}

static int add(struct counters_list *counters, const struct counters *one)
{
	struct counters *list = reallocarray(
		counters->list, counters->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[counters->count++] = *one;
	counters->list = list;
	return 0;
}

int counters_read(const char *path, struct counters_list *counters)
{
	FILE *file = fopen(path, "re");
	struct counters one;
	struct head head;
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	*counters = (struct counters_list){ 0 };
	if (!file)
		return -errno;
	if (getline(&line, &room, file) < 0 || parse_head(&head, line))
		ret = -EPROTO;
	while (!ret && getline(&line, &room, file) > 0) {
		ret = parse_line(&head, line, &one);
		if (!ret)
			ret = add(counters, &one);
	}
	free(line);
	fclose(file);
	return ret;
}

void counters_end(struct counters_list *counters)
{
	free(counters->list);
	*counters = (struct counters_list){ 0 };
}

void counters_sum(const struct counters_list *counters, uint64_t sum[COUNTERS])
{
	memset(sum, 0, COUNTERS * sizeof(*sum));
	for (size_t i = 0; i < counters->count; i++)
		for (int j = 0; j < COUNTERS; j++)
			sum[j] += counters->list[i].value[j];
}
