// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The text of HOLDFAST_REPORT, see report-parse.h and <linux/holdfast.h>.
 *
 * Strict on purpose: a lease that is shown wrongly is worse than an error,
 * because an administrator acts on it. Only columns may come and go.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "report-parse.h"

static const char *const column_names[HF_COLUMN_COUNT] = {
	[HF_COLUMN_ID] = "id",
	[HF_COLUMN_KIND] = "kind",
	[HF_COLUMN_STATE] = "state",
	[HF_COLUMN_BACKING] = "backing",
	[HF_COLUMN_PID] = "pid",
	[HF_COLUMN_UID] = "uid",
	[HF_COLUMN_COMM] = "comm",
	[HF_COLUMN_MAJOR] = "major",
	[HF_COLUMN_MINOR] = "minor",
	[HF_COLUMN_INO] = "ino",
	[HF_COLUMN_OFFSET] = "offset",
	[HF_COLUMN_LENGTH] = "length",
	[HF_COLUMN_PINNED] = "pinned",
	[HF_COLUMN_AGE_MS] = "age_ms",
	[HF_COLUMN_BREAK_MS] = "break_ms",
	[HF_COLUMN_DEADLINE_MS] = "deadline_ms",
	[HF_COLUMN_OP] = "op",
	[HF_COLUMN_CHANGE_PID] = "change_pid",
	[HF_COLUMN_CHANGE_COMM] = "change_comm",
	[HF_COLUMN_CHANGE_OFFSET] = "change_offset",
	[HF_COLUMN_CHANGE_LENGTH] = "change_length",
	[HF_COLUMN_MAPPERS] = "mappers",
	[HF_COLUMN_PATH] = "path",
};

__attribute__((format(printf, 2, 3))) static int
malformed(struct hf_parser *parser, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(parser->why, sizeof(parser->why), fmt, args);
	va_end(args);
	return -EPROTO;
}

/* Cut the newline off; a line without one was not read to its end. */
static int line_end(struct hf_parser *parser, char *line, size_t length)
{
	if (!length || line[length - 1] != '\n')
		return malformed(parser, "the line is cut short");
	if (memchr(line, '\0', length))
		return malformed(parser, "a zero byte in the line");
	line[length - 1] = '\0';
	return 0;
}

static bool is_none(const char *field)
{
	return !strcmp(field, "-");
}

/* strtoull() takes signs, spaces and overflow; a report has none of them. */
static bool parse_u64(const char *field, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (!*field)
		return false;
	for (; *field; field++) {
		unsigned int digit = *field - '0';

		if (digit > 9 || n > max / 10 || digit > max - n * 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}

/* \ooo to the byte, in place. A zero byte can not be part of a name. */
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

int hf_parse_header(struct hf_parser *parser, char *line, size_t length)
{
	size_t place = 0;
	int ret = line_end(parser, line, length);

	if (ret)
		return ret;
	for (int i = 0; i < HF_COLUMN_COUNT; i++)
		parser->place[i] = SIZE_MAX;
	for (char *name; (name = strsep(&line, " ")); place++) {
		if (!*name)
			return malformed(parser, "a column without a name");
		for (int i = 0; i < HF_COLUMN_COUNT; i++) {
			if (strcmp(name, column_names[i]))
				continue;
			if (parser->place[i] != SIZE_MAX)
				return malformed(parser, "two columns %s",
						 name);
			parser->place[i] = place;
		}
	}
	for (int i = 0; i < HF_COLUMN_COUNT; i++)
		if (parser->place[i] == SIZE_MAX)
			return malformed(parser, "no column %s",
					 column_names[i]);
	parser->fields = place;
	return 0;
}

/* Cut a line into fields, and give those that have a column we know. */
static int split(struct hf_parser *parser, char *line,
		 char *fields[HF_COLUMN_COUNT])
{
	size_t place = 0;

	for (char *field; (field = strsep(&line, " ")); place++)
		for (int i = 0; i < HF_COLUMN_COUNT; i++)
			if (parser->place[i] == place)
				fields[i] = field;
	if (place != parser->fields)
		return malformed(parser, "%zu fields under %zu columns", place,
				 parser->fields);
	return 0;
}

static int bad_field(struct hf_parser *parser, enum hf_column column,
		     const char *field)
{
	return malformed(parser, "%s is \"%.40s\"", column_names[column],
			 field);
}

static int take_number(struct hf_parser *parser, char **fields,
		       enum hf_column column, uint64_t max, uint64_t *value)
{
	if (!parse_u64(fields[column], max, value))
		return bad_field(parser, column, fields[column]);
	return 0;
}

/* A process: one that the reader can not see is "-" or 0. */
static int take_pid(struct hf_parser *parser, char **fields,
		    enum hf_column column, pid_t *pid)
{
	uint64_t value = 0;

	if (!is_none(fields[column]) &&
	    !parse_u64(fields[column], INT32_MAX, &value))
		return bad_field(parser, column, fields[column]);
	*pid = value;
	return 0;
}

static int take_text(struct hf_parser *parser, char **fields,
		     enum hf_column column, const char **text)
{
	char *field = fields[column];

	if (is_none(field)) {
		*text = NULL;
		return 0;
	}
	/* Empty is right: a process may take its name away, prctl(2). */
	if (!unescape(field))
		return bad_field(parser, column, fields[column]);
	*text = field;
	return 0;
}

static int take_word(struct hf_parser *parser, char **fields,
		     enum hf_column column, int (*value_of)(const char *name),
		     unsigned int *word)
{
	int value = value_of(fields[column]);

	if (value < 0)
		return bad_field(parser, column, fields[column]);
	*word = value;
	return 0;
}

static int take_deadline(struct hf_parser *parser, char **fields,
			 struct hf_report_entry *entry)
{
	const char *field = fields[HF_COLUMN_DEADLINE_MS];
	bool negative = *field == '-';
	uint64_t value;

	if (is_none(field))
		return 0;
	if (!parse_u64(field + negative, INT64_MAX, &value))
		return bad_field(parser, HF_COLUMN_DEADLINE_MS, field);
	entry->has_deadline = true;
	entry->deadline_ms = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

static int take_mappers(struct hf_parser *parser, char **fields,
			struct hf_report_entry *entry)
{
	char *list = fields[HF_COLUMN_MAPPERS];
	size_t count = 1;
	uint64_t value;

	if (is_none(list))
		return 0;
	for (const char *c = list; (c = strchr(c, ',')); c++)
		count++;
	if (count > parser->mappers_room) {
		pid_t *mappers =
			reallocarray(parser->mappers, count, sizeof(*mappers));

		if (!mappers) {
			malformed(parser, "no memory for %zu mappers", count);
			return -ENOMEM;
		}
		parser->mappers = mappers;
		parser->mappers_room = count;
	}
	for (char *pid; (pid = strsep(&list, ","));) {
		if (!parse_u64(pid, INT32_MAX, &value))
			return bad_field(parser, HF_COLUMN_MAPPERS, pid);
		parser->mappers[entry->mapper_count++] = value;
	}
	entry->mappers = parser->mappers;
	return 0;
}

static int take_change(struct hf_parser *parser, char **fields,
		       struct hf_report_entry *entry)
{
	int ret;

	if (is_none(fields[HF_COLUMN_OP]))
		return 0;
	entry->has_change = true;
	ret = take_word(parser, fields, HF_COLUMN_OP, hf_op_value, &entry->op);
	if (!ret)
		ret = take_pid(parser, fields, HF_COLUMN_CHANGE_PID,
			       &entry->change_pid);
	if (!ret)
		ret = take_text(parser, fields, HF_COLUMN_CHANGE_COMM,
				&entry->change_comm);
	if (!ret)
		ret = take_number(parser, fields, HF_COLUMN_CHANGE_OFFSET,
				  UINT64_MAX, &entry->change_offset);
	if (ret)
		return ret;
	entry->change_length = UINT64_MAX;
	if (is_none(fields[HF_COLUMN_CHANGE_LENGTH]))
		return 0;
	return take_number(parser, fields, HF_COLUMN_CHANGE_LENGTH,
			   UINT64_MAX - entry->change_offset,
			   &entry->change_length);
}

/* The columns that are plain numbers: where they go, and how large they get. */
static int take_numbers(struct hf_parser *parser, char **fields,
			struct hf_report_entry *entry)
{
	uint64_t uid, major, minor;
	const struct {
		enum hf_column column;
		uint64_t max;
		uint64_t *value;
	} numbers[] = {
		{ HF_COLUMN_ID, UINT64_MAX, &entry->id },
		{ HF_COLUMN_UID, UINT32_MAX, &uid },
		{ HF_COLUMN_MAJOR, UINT32_MAX, &major },
		{ HF_COLUMN_MINOR, UINT32_MAX, &minor },
		{ HF_COLUMN_INO, UINT64_MAX, &entry->ino },
		{ HF_COLUMN_OFFSET, UINT64_MAX, &entry->offset },
		{ HF_COLUMN_LENGTH, UINT64_MAX, &entry->length },
		{ HF_COLUMN_PINNED, UINT64_MAX, &entry->pinned },
		{ HF_COLUMN_AGE_MS, UINT64_MAX, &entry->age_ms },
		{ HF_COLUMN_BREAK_MS, UINT64_MAX, &entry->break_ms },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int ret = take_number(parser, fields, numbers[i].column,
				      numbers[i].max, numbers[i].value);

		if (ret)
			return ret;
	}
	/* Whoever shows the range adds the two. */
	if (entry->length > UINT64_MAX - entry->offset)
		return bad_field(parser, HF_COLUMN_LENGTH,
				 fields[HF_COLUMN_LENGTH]);
	entry->uid = uid;
	entry->major = major;
	entry->minor = minor;
	return 0;
}

int hf_parse_entry(struct hf_parser *parser, char *line, size_t length,
		   struct hf_report_entry *entry)
{
	struct hf_report_entry new = { 0 };
	char *fields[HF_COLUMN_COUNT] = { 0 };
	int ret = line_end(parser, line, length);

	if (!ret)
		ret = split(parser, line, fields);
	if (!ret)
		ret = take_numbers(parser, fields, &new);
	if (!ret)
		ret = take_word(parser, fields, HF_COLUMN_KIND, hf_kind_value,
				&new.kind);
	if (!ret)
		ret = take_word(parser, fields, HF_COLUMN_STATE, hf_state_value,
				&new.state);
	if (!ret)
		ret = take_text(parser, fields, HF_COLUMN_BACKING,
				&new.backing);
	if (!ret)
		ret = take_pid(parser, fields, HF_COLUMN_PID, &new.pid);
	if (!ret)
		ret = take_text(parser, fields, HF_COLUMN_COMM, &new.comm);
	if (!ret)
		ret = take_deadline(parser, fields, &new);
	if (!ret)
		ret = take_change(parser, fields, &new);
	if (!ret)
		ret = take_mappers(parser, fields, &new);
	if (!ret)
		ret = take_text(parser, fields, HF_COLUMN_PATH, &new.path);
	if (!ret)
		*entry = new;
	return ret;
}

void hf_parser_end(struct hf_parser *parser)
{
	free(parser->mappers);
	parser->mappers = NULL;
	parser->mappers_room = 0;
}
