// SPDX-License-Identifier: GPL-2.0
/* Lines of trace_pipe, see trace-line.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"
#include "trace-line.h"
#include "utf8.h"

/* The kernel pads the name, of at most 15 bytes, to this width. */
#define COMM_WIDTH 16
#define PREFIX	   "holdfast_"

/* "            hold-812     [001] .....    12.345678: holdfast_acquire: lease=..." */
bool trace_line_parse(char *text, struct trace_line *line)
{
	unsigned long long seconds;
	unsigned int micros;
	char *at, *end;
	int length = 0;

	if (strnlen(text, COMM_WIDTH + 1) <= COMM_WIDTH ||
	    text[COMM_WIDTH] != '-')
		return false;
	at = text + COMM_WIDTH + 1;
	if (sscanf(at, "%d [%u] %*s %llu.%u: %n", &line->pid, &line->cpu,
		   &seconds, &micros, &length) != 4 ||
	    !length || strncmp(at + length, PREFIX, strlen(PREFIX)))
		return false;
	at += length + strlen(PREFIX);
	end = at + strspn(at, "abcdefghijklmnopqrstuvwxyz_");
	if (end == at || strncmp(end, ": ", 2))
		return false;
	*end = '\0';
	line->event = at;
	line->fields = end + 2;
	line->time_us = seconds * 1000000 + micros;
	text[COMM_WIDTH] = '\0';
	line->comm = text + strspn(text, " ");
	return true;
}

void trace_line_print(FILE *to, const struct trace_line *line, uint64_t real_us)
{
	time_t seconds = real_us / 1000000;
	struct tm local;
	char hms[16] = "";

	if (localtime_r(&seconds, &local))
		strftime(hms, sizeof(hms), "%H:%M:%S", &local);
	fprintf(to, "%s.%06u %-8s ", hms, (unsigned int)(real_us % 1000000),
		line->event);
	print_text(to, line->fields);
	fputs(" in ", to);
	print_text(to, line->comm);
	fprintf(to, " (%d)\n", line->pid);
}

static void print_string(FILE *to, const char *text)
{
	char *repaired = utf8_repair(text);

	fputc('"', to);
	for (const char *c = repaired ? repaired : ""; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(to, "\\%c", *c);
		else if ((unsigned char)*c < ' ')
			fprintf(to, "\\u%04x", *c);
		else
			fputc(*c, to);
	}
	fputc('"', to);
	free(repaired);
}

/* As JSON has them: without zeros in front. */
static bool is_number(const char *text)
{
	const char *digits = text + (*text == '-');

	return *digits && !digits[strspn(digits, "0123456789")] &&
	       (*digits != '0' || !digits[1]);
}

/* The next "name=value"; the value of comm may have spaces in it. */
static char *next_field(char **fields, char **value)
{
	char *name = *fields, *end;

	if (!name || !*name)
		return NULL;
	*value = strchr(name, '=');
	if (!*value)
		return NULL;
	*(*value)++ = '\0';
	end = *value;
	if (strcmp(name, "comm")) {
		end = strchr(end, ' ');
	} else {
		/* The name of the field behind it can be in a name, too. */
		char *next = NULL;

		while ((end = strstr(end, " holder=")))
			next = end++;
		end = next;
	}
	*fields = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return name;
}

void trace_line_print_json(FILE *to, struct trace_line *line, uint64_t real_us)
{
	char *fields = line->fields;
	char *name, *value;

	fprintf(to,
		"{\"time\": %" PRIu64 ".%06u, \"trace\": ", real_us / 1000000,
		(unsigned int)(real_us % 1000000));
	print_string(to, line->event);
	fprintf(to, ", \"task\": %d, \"task_comm\": ", line->pid);
	print_string(to, line->comm);
	while ((name = next_field(&fields, &value))) {
		fputs(", ", to);
		print_string(to, name);
		fputs(": ", to);
		if (is_number(value) && strcmp(name, "comm"))
			fputs(value, to);
		else
			print_string(to, value);
	}
	fputs("}\n", to);
}

void trace_line_print_other(FILE *to, const char *text, bool json)
{
	if (json) {
		fputs("{\"trace\": \"other\", \"text\": ", to);
		print_string(to, text);
		fputs("}\n", to);
	} else {
		print_text(to, text);
		fputc('\n', to);
	}
}
