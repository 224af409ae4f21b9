// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The form that all reports have, see fields.h and <linux/holdfast.h>.
 *
 * Strict on purpose: an administrator acts on what is shown, so an error is
 * better than a wrong line. Only columns and words come and go with versions of
 * the module: these must not hide a line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"

int hf_malformed(struct hf_fields *fields, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fields->why, sizeof(fields->why), fmt, args);
	va_end(args);
	return -EPROTO;
}

/* Cut the newline off; a line without one was not read to its end. */
static int line_end(struct hf_fields *fields, char *line, size_t length)
{
	if (!length || line[length - 1] != '\n')
		return hf_malformed(fields, "the line is cut short");
	if (memchr(line, '\0', length))
		return hf_malformed(fields, "a zero byte in the line");
	line[length - 1] = '\0';
	return 0;
}

bool hf_field_is_none(const char *field)
{
	return !strcmp(field, "-");
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* strtoull() takes signs, spaces and overflow; a report has none of them. */
bool hf_number_parse(const char *field, unsigned int base, uint64_t max,
		     uint64_t *value)
{
	uint64_t n = 0;

	if (!*field)
		return false;
	for (; *field; field++) {
		unsigned int digit = digit_of(*field);

		if (digit >= base || n > max / base || digit > max - n * base)
			return false;
		n = n * base + digit;
	}
	*value = n;
	return true;
}

/* \ooo to the byte, in place. A zero byte cannot be part of a name. */
static bool unescape(char *field)
{
	char *to = field;

	for (const char *from = field; *from; from++) {
		unsigned int byte = 0;

		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		for (int i = 0; i < 3; i++) {
			unsigned int digit = *++from - '0';

			if (digit > 7)
				return false;
			byte = byte * 8 + digit;
		}
		if (!byte || byte > 0xff)
			return false;
		*to++ = byte;
	}
	*to = '\0';
	return true;
}

int hf_fields_header(struct hf_fields *fields, char *line, size_t length)
{
	const struct hf_columns *columns = fields->columns;
	size_t place = 0;
	int ret = line_end(fields, line, length);

	if (ret)
		return ret;
	for (size_t i = 0; i < columns->count; i++)
		fields->place[i] = SIZE_MAX;
	for (char *name; (name = strsep(&line, " ")); place++) {
		if (!*name)
			return hf_malformed(fields, "a column without a name");
		for (size_t i = 0; i < columns->count; i++) {
			if (strcmp(name, columns->names[i]))
				continue;
			if (fields->place[i] != SIZE_MAX)
				return hf_malformed(fields, "two columns %s",
						    name);
			fields->place[i] = place;
		}
	}
	for (size_t i = 0; i < columns->count; i++)
		if (fields->place[i] == SIZE_MAX &&
		    !(columns->optional & (UINT32_C(1) << i)))
			return hf_malformed(fields, "no column %s",
					    columns->names[i]);
	fields->width = place;
	return 0;
}

int hf_fields_split(struct hf_fields *fields, char *line, size_t length,
		    char **values)
{
	size_t place = 0;
	int ret = line_end(fields, line, length);

	if (ret)
		return ret;
	memset(values, 0, fields->columns->count * sizeof(*values));
	for (char *field; (field = strsep(&line, " ")); place++)
		for (size_t i = 0; i < fields->columns->count; i++)
			if (fields->place[i] == place)
				values[i] = field;
	if (place != fields->width)
		return hf_malformed(fields, "%zu fields under %zu columns",
				    place, fields->width);
	return 0;
}

int hf_field_bad(struct hf_fields *fields, size_t column, const char *field)
{
	return hf_malformed(fields, "%s is \"%.40s\"",
			    fields->columns->names[column], field);
}

int hf_field_number(struct hf_fields *fields, char **values, size_t column,
		    uint64_t max, uint64_t *value)
{
	if (values[column] && !hf_number_parse(values[column], 10, max, value))
		return hf_field_bad(fields, column, values[column]);
	return 0;
}

int hf_field_hex(struct hf_fields *fields, char **values, size_t column,
		 uint64_t *value)
{
	if (values[column] &&
	    !hf_number_parse(values[column], 16, UINT64_MAX, value))
		return hf_field_bad(fields, column, values[column]);
	return 0;
}

int hf_field_pid(struct hf_fields *fields, char **values, size_t column,
		 pid_t *pid)
{
	uint64_t value = 0;

	if (!values[column])
		return 0;
	if (!hf_field_is_none(values[column]) &&
	    !hf_number_parse(values[column], 10, INT32_MAX, &value))
		return hf_field_bad(fields, column, values[column]);
	*pid = value;
	return 0;
}

int hf_field_text(struct hf_fields *fields, char **values, size_t column,
		  const char **text)
{
	char *field = values[column];

	if (!field)
		return 0;
	if (hf_field_is_none(field)) {
		*text = NULL;
		return 0;
	}
	/* Empty is right: a process may take its name away, prctl(2). */
	if (!unescape(field))
		return hf_field_bad(fields, column, values[column]);
	*text = field;
	return 0;
}
