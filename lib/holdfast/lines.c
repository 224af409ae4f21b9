// SPDX-License-Identifier: LGPL-2.1-or-later
/* A report of the module that is read line by line, see lines.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "lines.h"

int hf_lines_open(struct hf_lines *lines, const char *path)
{
	lines->path = strdup(path);
	if (!lines->path)
		return -ENOMEM;
	lines->file = fopen(path, "re");
	return lines->file ? 0 : -errno;
}

ssize_t hf_lines_next(struct hf_lines *lines)
{
	ssize_t length;

	errno = 0;
	length = getline(&lines->line, &lines->room, lines->file);
	if (length > 0) {
		lines->number++;
		return length;
	}
	return feof(lines->file) ? 0 : -errno;
}

void hf_lines_end(struct hf_lines *lines)
{
	if (lines->file)
		fclose(lines->file);
	free(lines->path);
	free(lines->line);
}

int hf_lines_fail(const struct hf_lines *lines, const char *why, int err)
{
	struct hf_facts facts = {
		.call = HF_CALL_REPORT,
		.err = err,
		.path = lines->path,
		.line = lines->number,
		.why = *why ? why : NULL,
	};

	return hf_fail(&facts);
}
