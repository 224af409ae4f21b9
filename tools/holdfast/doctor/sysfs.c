// SPDX-License-Identifier: GPL-2.0
/* Attributes of sysfs, see sysfs.h. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

static bool first_line(char value[ATTR_ROOM], const char *path)
{
	FILE *file = fopen(path, "re");
	bool read;

	value[0] = '\0';
	if (!file)
		return false;
	read = fgets(value, ATTR_ROOM, file);
	if (!read)
		value[0] = '\0';
	value[strcspn(value, "\n")] = '\0';
	fclose(file);
	return read;
}

bool attr_read(char value[ATTR_ROOM], const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	return first_line(value, path);
}

bool attr_number(uint64_t *value, const char *fmt, ...)
{
	char path[PATH_MAX], line[ATTR_ROOM], *end;
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	if (!first_line(line, path))
		return false;
	errno = 0;
	*value = strtoull(line, &end, 0);
	return !errno && end != line && !*end;
}

bool link_name(char name[ATTR_ROOM], const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	va_list args;
	ssize_t length;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	last = strrchr(target, '/');
	snprintf(name, ATTR_ROOM, "%.*s", ATTR_ROOM - 1,
		 last ? last + 1 : target);
	return true;
}

const char *chosen_word(char *value)
{
	char *word = strchr(value, '[');

	if (!word)
		return value;
	word[strcspn(word, "]")] = '\0';
	return word + 1;
}
