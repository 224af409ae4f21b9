/* SPDX-License-Identifier: GPL-2.0 */
/* Lines of trace_pipe, as the kernel prints the events of holdfast. */
#ifndef HOLDFAST_TRACE_LINE_H
#define HOLDFAST_TRACE_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/**
 * struct trace_line - one event; points into the line it was parsed from
 * @comm: the task that it happened in
 * @pid: its thread
 * @cpu: where
 * @time_us: when, in µs on the trace's clock
 * @event: its name, without "holdfast_"
 * @fields: "name=value name=value ..."
 */
struct trace_line {
	const char *comm;
	pid_t pid;
	unsigned int cpu;
	uint64_t time_us;
	const char *event;
	char *fields;
};

/* Cuts up @text, without its newline. False when it is no event of ours. */
bool trace_line_parse(char *text, struct trace_line *line);

/*
 * @real_us: what the real-time clock showed then. The JSON is an object with
 * the fields as members, in one line: 0 or -ENOMEM.
 */
void trace_line_print(FILE *to, const struct trace_line *line,
		      uint64_t real_us);
int trace_line_print_json(FILE *to, struct trace_line *line, uint64_t real_us);

/* A line that is no event, for example the number of lost events. */
int trace_line_print_other(FILE *to, const char *text, bool json);

#endif
