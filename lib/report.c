// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of leases: reads it line by line, report-parse.c knows the lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "report-parse.h"
#include "visibility.h"

/**
 * struct hf_report - a report that is being read
 * @file: the open report
 * @path: its name, for messages
 * @line: the last line, which the last entry points into
 * @room: how long @line may be
 * @number: of that line, from 1
 * @parser: the columns, and what else the last entry points into
 */
struct hf_report {
	FILE *file;
	char *path;
	char *line;
	size_t room;
	size_t number;
	struct hf_parser parser;
};

static int fail(const struct hf_report *report, int err)
{
	struct hf_facts facts = {
		.call = HF_CALL_REPORT,
		.err = err,
		.path = report->path,
		.line = report->number,
		.why = *report->parser.why ? report->parser.why : NULL,
	};

	return hf_fail(&facts);
}

/* The length of the next line, 0 at the end, or -errno. */
static ssize_t next_line(struct hf_report *report)
{
	ssize_t length;

	errno = 0;
	length = getline(&report->line, &report->room, report->file);
	if (length > 0) {
		report->number++;
		return length;
	}
	return feof(report->file) ? 0 : -errno;
}

static int read_header(struct hf_report *report)
{
	ssize_t length = next_line(report);

	if (length < 0)
		return length;
	if (!length)
		report->line[0] = '\0';
	return hf_parse_header(&report->parser, report->line, length);
}

HF_EXPORT int hf_report_open(const char *path, struct hf_report **report)
{
	struct hf_report *new = calloc(1, sizeof(*new));
	int ret;

	if (!new) {
		struct hf_report none = { .path = HOLDFAST_REPORT };

		return fail(&none, ENOMEM);
	}
	new->path = strdup(path ? path : HOLDFAST_REPORT);
	if (!new->path) {
		ret = fail(new, ENOMEM);
		goto free_report;
	}
	new->file = fopen(new->path, "re");
	if (!new->file) {
		ret = fail(new, errno);
		goto free_report;
	}
	ret = read_header(new);
	if (ret) {
		ret = fail(new, -ret);
		goto free_report;
	}
	*report = new;
	return 0;

free_report:
	hf_report_close(new);
	return ret;
}

HF_EXPORT int hf_report_next(struct hf_report *report,
			     struct hf_report_entry *entry)
{
	ssize_t length = next_line(report);
	int ret;

	if (!length)
		return 0;
	report->parser.why[0] = '\0';
	ret = length < 0 ? (int)length
			 : hf_parse_entry(&report->parser, report->line, length,
					  entry);
	return ret ? fail(report, -ret) : 1;
}

HF_EXPORT void hf_report_close(struct hf_report *report)
{
	if (!report)
		return;
	hf_parser_end(&report->parser);
	if (report->file)
		fclose(report->file);
	free(report->path);
	free(report->line);
	free(report);
}
