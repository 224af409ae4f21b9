// SPDX-License-Identifier: GPL-2.0
/* Lines of trace_pipe, see trace-line.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
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

/* What is a number in the trace is one in JSON; a name of a process never is. */
static struct json_object *field_value(const char *name, const char *value)
{
	if (!is_number(value) || !strcmp(name, "comm"))
		return json_text(value);
	if (*value == '-')
		return json_object_new_int64(strtoll(value, NULL, 10));
	return json_object_new_uint64(strtoull(value, NULL, 10));
}

static struct json_object *time_of(uint64_t real_us)
{
	char text[32];

	/* With all its digits. */
	snprintf(text, sizeof(text), "%" PRIu64 ".%06u", real_us / 1000000,
		 (unsigned int)(real_us % 1000000));
	return json_object_new_double_s(real_us / 1e6, text);
}

static int print_object(FILE *to, struct json_object *object, int err)
{
	if (!err)
		err = json_print(to, object);
	json_object_put(object);
	fputc('\n', to);
	return err;
}

int trace_line_print_json(FILE *to, struct trace_line *line, uint64_t real_us)
{
	struct json_object *object = json_object_new_object();
	char *fields = line->fields;
	char *name, *value;
	int err = object ? 0 : -ENOMEM;

	err = err ?: json_add(object, "time", time_of(real_us), false);
	err = err ?: json_add(object, "trace", json_text(line->event), false);
	err = err
		      ?: json_add(object, "task",
				  json_object_new_int(line->pid), false);
	err = err
		      ?: json_add(object, "task_comm", json_text(line->comm),
				  false);
	while (!err && (name = next_field(&fields, &value))) {
		char *repaired = utf8_repair(name);

		err = repaired ? json_add(object, repaired,
					  field_value(name, value), false)
			       : -ENOMEM;
		free(repaired);
	}
	return print_object(to, object, err);
}

int trace_line_print_other(FILE *to, const char *text, bool json)
{
	struct json_object *object;
	int err;

	if (!json) {
		print_text(to, text);
		fputc('\n', to);
		return 0;
	}
	object = json_object_new_object();
	err = object ? 0 : -ENOMEM;
	err = err ?: json_add(object, "trace", json_text("other"), false);
	err = err ?: json_add(object, "text", json_text(text), false);
	return print_object(to, object, err);
}
