/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A report of the module that is read line by line. */
#ifndef HOLDFAST_LINES_H
#define HOLDFAST_LINES_H

#include <stdio.h>
#include <sys/types.h>

/**
 * struct hf_lines - an open report
 * @file: the open file
 * @path: its name, for messages
 * @line: the last line, which what was parsed of it points into
 * @room: how long @line may be
 * @number: of that line, from 1
 */
struct hf_lines {
	FILE *file;
	char *path;
	char *line;
	size_t room;
	size_t number;
};

/* 0, or a negative errno value; end it in either case. */
int hf_lines_open(struct hf_lines *lines, const char *path);

/* The length of the next line, 0 at the end, or a negative errno value. */
ssize_t hf_lines_next(struct hf_lines *lines);

void hf_lines_end(struct hf_lines *lines);

/* hf_fail() of HF_CALL_REPORT; @why is what the parser found, or "". */
int hf_lines_fail(const struct hf_lines *lines, const char *why, int err);

#endif
