/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The form that all reports of the module have: a line that names the columns,
 * then lines of fields, separated by one space. Functions of a line, so that
 * they can be tested and fuzzed.
 */
#ifndef HOLDFAST_FIELDS_H
#define HOLDFAST_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HF_FIELDS_MAX 32

/**
 * struct hf_columns - which columns a report can have
 * @names: of the columns
 * @count: how many there are, HF_FIELDS_MAX at most
 * @optional: a bit for each column that older modules do not have
 */
struct hf_columns {
	const char *const *names;
	size_t count;
	uint32_t optional;
};

/**
 * struct hf_fields - what is known of a report so far
 * @columns: that the report can have; set it before anything else
 * @place: of each column, its place in a line; SIZE_MAX: it is not there
 * @width: how many fields a line has
 * @why: after a failure, what was wrong, in words
 */
struct hf_fields {
	const struct hf_columns *columns;
	size_t place[HF_FIELDS_MAX];
	size_t width;
	char why[120];
};

/*
 * All return 0, or a negative errno value with @why set: -EPROTO when the text
 * is not as it should be.
 */
__attribute__((format(printf, 2, 3))) int hf_malformed(struct hf_fields *fields,
						       const char *fmt, ...);

/*
 * Take one line, @length bytes with its newline and a NUL behind them, and cut
 * it up in place. @values has room for a pointer to each column's field, and
 * gets NULL for a column that is not there.
 */
int hf_fields_header(struct hf_fields *fields, char *line, size_t length);
int hf_fields_split(struct hf_fields *fields, char *line, size_t length,
		    char **values);

/* The field is not one that its column can have: -EPROTO. */
int hf_field_bad(struct hf_fields *fields, size_t column, const char *field);

/*
 * The value of a column. One that the report does not have leaves it as it is.
 */
int hf_field_number(struct hf_fields *fields, char **values, size_t column,
		    uint64_t max, uint64_t *value);
int hf_field_hex(struct hf_fields *fields, char **values, size_t column,
		 uint64_t *value);
/* A process: one that the reader cannot see is "-" or 0. */
int hf_field_pid(struct hf_fields *fields, char **values, size_t column,
		 pid_t *pid);
/* Text, without its escapes; NULL for none. */
int hf_field_text(struct hf_fields *fields, char **values, size_t column,
		  const char **text);

bool hf_field_is_none(const char *field);
/* Digits alone, up to @max. */
bool hf_number_parse(const char *field, unsigned int base, uint64_t max,
		     uint64_t *value);

#endif
