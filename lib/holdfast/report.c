// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of leases: reads it line by line, report-parse.c knows the lines. */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "lines.h"
#include "report-parse.h"
#include "internal/visibility.h"

/**
 * struct hf_report - a report that is being read
 * @lines: the open report; the last entry points into its line
 * @parser: the columns, and what else the last entry points into
 */
struct hf_report {
	struct hf_lines lines;
	struct hf_parser parser;
};

static int fail(const struct hf_report *report, int err)
{
	return hf_lines_fail(&report->lines, report->parser.fields.why, err);
}

static int begin(struct hf_report *report, const char *path)
{
	ssize_t length = hf_lines_open(&report->lines, path);

	if (!length)
		length = hf_lines_next(&report->lines);
	if (length < 0)
		return length;
	return hf_parse_header(&report->parser, report->lines.line, length);
}

HF_EXPORT int hf_report_open(const char *path, struct hf_report **report)
{
	struct hf_report *new = calloc(1, sizeof(*new));
	int ret;

	if (!new) {
		struct hf_report none = { .lines.path = HOLDFAST_REPORT };

		return fail(&none, ENOMEM);
	}
	ret = begin(new, path ? path : HOLDFAST_REPORT);
	if (ret) {
		ret = fail(new, -ret);
		hf_report_close(new);
		return ret;
	}
	*report = new;
	return 0;
}

HF_EXPORT int hf_report_next(struct hf_report *report,
			     struct hf_report_entry *entry)
{
	ssize_t length = hf_lines_next(&report->lines);
	int ret;

	if (!length)
		return 0;
	report->parser.fields.why[0] = '\0';
	ret = length < 0 ? (int)length
			 : hf_parse_entry(&report->parser, report->lines.line,
					  length, entry);
	return ret ? fail(report, -ret) : 1;
}

HF_EXPORT void hf_report_close(struct hf_report *report)
{
	if (!report)
		return;
	hf_parser_end(&report->parser);
	hf_lines_end(&report->lines);
	free(report);
}
