/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of HOLDFAST_REPORT, without any input or output: functions of a
 * line, so that they can be tested and fuzzed.
 */
#ifndef HOLDFAST_REPORT_PARSE_H
#define HOLDFAST_REPORT_PARSE_H

#include "fields.h"
#include "holdfast.h"

/* A report may have others, which are skipped; of an older module it lacks some. */
enum hf_column {
	HF_COLUMN_ID,
	HF_COLUMN_KIND,
	HF_COLUMN_STATE,
	HF_COLUMN_BACKING,
	HF_COLUMN_PID,
	HF_COLUMN_UID,
	HF_COLUMN_COMM,
	HF_COLUMN_MAJOR,
	HF_COLUMN_MINOR,
	HF_COLUMN_INO,
	HF_COLUMN_OFFSET,
	HF_COLUMN_LENGTH,
	HF_COLUMN_PINNED,
	HF_COLUMN_AGE_MS,
	HF_COLUMN_BREAK_MS,
	HF_COLUMN_DEADLINE_MS,
	HF_COLUMN_OP,
	HF_COLUMN_CHANGE_PID,
	HF_COLUMN_CHANGE_COMM,
	HF_COLUMN_CHANGE_OFFSET,
	HF_COLUMN_CHANGE_LENGTH,
	HF_COLUMN_PINNERS,
	HF_COLUMN_ORIGIN,
	HF_COLUMN_ABSORBED,
	HF_COLUMN_MEDIA_ERRORS,
	HF_COLUMN_PATH,
	HF_COLUMN_COUNT
};

/**
 * struct hf_parser - what is known of a report so far
 * @fields: its columns; after a failure, what was wrong, in words
 * @pinners: the last entry's, owned by the parser
 * @pinners_room: how many @pinners has room for
 */
struct hf_parser {
	struct hf_fields fields;
	pid_t *pinners;
	size_t pinners_room;
};

/* A parser of zeros is ready for hf_parse_header(). */
void hf_parser_end(struct hf_parser *parser);

/*
 * Both take one line, @length bytes with its newline and a NUL behind them,
 * and cut it up in place. 0, or -EPROTO or -ENOMEM with @fields.why set. The entry is
 * written only on success, and points into the line and the parser.
 */
int hf_parse_header(struct hf_parser *parser, char *line, size_t length);
int hf_parse_entry(struct hf_parser *parser, char *line, size_t length,
		   struct hf_report_entry *entry);

#endif
