// SPDX-License-Identifier: LGPL-2.1-or-later
/* The text of HOLDFAST_REPORT, see report-parse.h and <linux/holdfast.h>. */
#include <errno.h>
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
	[HF_COLUMN_PINNERS] = "pinners",
	[HF_COLUMN_ORIGIN] = "origin",
	[HF_COLUMN_ABSORBED] = "absorbed",
	[HF_COLUMN_MEDIA_ERRORS] = "media_errors",
	[HF_COLUMN_PATH] = "path",
};

#define OPTIONAL(column) (UINT32_C(1) << HF_COLUMN_##column)

/* Without the others nobody could find the file or the holder. */
static const struct hf_columns columns = {
	.names = column_names,
	.count = HF_COLUMN_COUNT,
	.optional = OPTIONAL(KIND) | OPTIONAL(STATE) | OPTIONAL(BACKING) |
		    OPTIONAL(COMM) | OPTIONAL(DEADLINE_MS) | OPTIONAL(OP) |
		    OPTIONAL(CHANGE_PID) | OPTIONAL(CHANGE_COMM) |
		    OPTIONAL(CHANGE_OFFSET) | OPTIONAL(CHANGE_LENGTH) |
		    OPTIONAL(PINNERS) | OPTIONAL(ORIGIN) | OPTIONAL(ABSORBED) |
		    OPTIONAL(MEDIA_ERRORS) | OPTIONAL(PATH),
};

int hf_parse_header(struct hf_parser *parser, char *line, size_t length)
{
	parser->fields.columns = &columns;
	return hf_fields_header(&parser->fields, line, length);
}

/* Whether the report has the column, and the lease a value in it. */
static bool has(char **fields, enum hf_column column)
{
	return fields[column] && !hf_field_is_none(fields[column]);
}

static int take_deadline(struct hf_parser *parser, char **fields,
			 struct hf_report_entry *entry)
{
	const char *field = fields[HF_COLUMN_DEADLINE_MS];
	bool negative;
	uint64_t value;

	if (!has(fields, HF_COLUMN_DEADLINE_MS))
		return 0;
	negative = *field == '-';
	if (!hf_number_parse(field + negative, 10, INT64_MAX, &value))
		return hf_field_bad(&parser->fields, HF_COLUMN_DEADLINE_MS,
				    field);
	entry->has_deadline = true;
	entry->deadline_ms = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

static int take_pinners(struct hf_parser *parser, char **fields,
			struct hf_report_entry *entry)
{
	char *list = fields[HF_COLUMN_PINNERS];
	size_t count = 1;
	uint64_t value;

	if (!has(fields, HF_COLUMN_PINNERS))
		return 0;
	for (const char *c = list; (c = strchr(c, ',')); c++)
		count++;
	if (count > parser->pinners_room) {
		pid_t *pinners =
			reallocarray(parser->pinners, count, sizeof(*pinners));

		if (!pinners) {
			hf_malformed(&parser->fields,
				     "no memory for %zu pinners", count);
			return -ENOMEM;
		}
		parser->pinners = pinners;
		parser->pinners_room = count;
	}
	for (char *pid; (pid = strsep(&list, ","));) {
		if (!hf_number_parse(pid, 10, INT32_MAX, &value))
			return hf_field_bad(&parser->fields, HF_COLUMN_PINNERS,
					    pid);
		parser->pinners[entry->pinner_count++] = value;
	}
	entry->pinners = parser->pinners;
	return 0;
}

/* What concerns no bytes that are known concerns the whole file. */
static int take_change_range(struct hf_parser *parser, char **fields,
			     struct hf_report_entry *entry)
{
	int ret;

	entry->change_length = UINT64_MAX;
	if (!has(fields, HF_COLUMN_CHANGE_OFFSET))
		return 0;
	ret = hf_field_number(&parser->fields, fields, HF_COLUMN_CHANGE_OFFSET,
			      UINT64_MAX, &entry->change_offset);
	if (ret || !has(fields, HF_COLUMN_CHANGE_LENGTH))
		return ret;
	return hf_field_number(&parser->fields, fields, HF_COLUMN_CHANGE_LENGTH,
			       UINT64_MAX - entry->change_offset,
			       &entry->change_length);
}

static int take_change(struct hf_parser *parser, char **fields,
		       struct hf_report_entry *entry)
{
	int ret;

	if (!has(fields, HF_COLUMN_OP))
		return 0;
	entry->has_change = true;
	entry->op = hf_op_value(fields[HF_COLUMN_OP]);
	ret = hf_field_pid(&parser->fields, fields, HF_COLUMN_CHANGE_PID,
			   &entry->change_pid);
	if (!ret)
		ret = hf_field_text(&parser->fields, fields,
				    HF_COLUMN_CHANGE_COMM, &entry->change_comm);
	return ret ? ret : take_change_range(parser, fields, entry);
}

/* What a newer module has words for must not hide the lease. */
static void take_words(char **fields, struct hf_report_entry *entry)
{
	entry->kind = HF_KIND_UNKNOWN;
	entry->state = HF_STATE_UNKNOWN;
	if (fields[HF_COLUMN_KIND])
		entry->kind = hf_kind_value(fields[HF_COLUMN_KIND]);
	if (fields[HF_COLUMN_STATE])
		entry->state = hf_state_value(fields[HF_COLUMN_STATE]);
	if (fields[HF_COLUMN_ORIGIN])
		entry->origin = hf_origin_value(fields[HF_COLUMN_ORIGIN]);
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
		{ HF_COLUMN_ABSORBED, UINT64_MAX, &entry->absorbed },
		{ HF_COLUMN_MEDIA_ERRORS, UINT64_MAX, &entry->media_errors },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int ret = hf_field_number(&parser->fields, fields,
					  numbers[i].column, numbers[i].max,
					  numbers[i].value);

		if (ret)
			return ret;
	}
	/* The caller that shows the range adds the two. */
	if (entry->length > UINT64_MAX - entry->offset)
		return hf_field_bad(&parser->fields, HF_COLUMN_LENGTH,
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
	char *fields[HF_COLUMN_COUNT];
	int ret = hf_fields_split(&parser->fields, line, length, fields);

	if (!ret)
		ret = take_numbers(parser, fields, &new);
	if (!ret)
		take_words(fields, &new);
	if (!ret)
		ret = hf_field_text(&parser->fields, fields, HF_COLUMN_BACKING,
				    &new.backing);
	if (!ret)
		ret = hf_field_pid(&parser->fields, fields, HF_COLUMN_PID,
				   &new.pid);
	if (!ret)
		ret = hf_field_text(&parser->fields, fields, HF_COLUMN_COMM,
				    &new.comm);
	if (!ret)
		ret = take_deadline(parser, fields, &new);
	if (!ret)
		ret = take_change(parser, fields, &new);
	if (!ret)
		ret = take_pinners(parser, fields, &new);
	if (!ret)
		ret = hf_field_text(&parser->fields, fields, HF_COLUMN_PATH,
				    &new.path);
	if (!ret)
		*entry = new;
	return ret;
}

void hf_parser_end(struct hf_parser *parser)
{
	free(parser->pinners);
	parser->pinners = NULL;
	parser->pinners_room = 0;
}
