// SPDX-License-Identifier: LGPL-2.1-or-later
/* What holdfast run was told, and messages, see shim.h. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "shim.h"

static struct settings current;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_settings(void)
{
	const char *text = getenv(RUN_VARIABLE);
	unsigned int kind, break_ms, grace_ms, verbose;

	/* The program may have been run by hand: then all is as it is by default. */
	if (!text || sscanf(text, RUN_FORMAT, &kind, &break_ms, &grace_ms,
			    &verbose) != RUN_FIELDS)
		return;
	current.attr.kind = kind;
	current.attr.break_ms = break_ms;
	current.grace_ms = grace_ms;
	current.verbose = verbose;
}

const struct settings *settings(void)
{
	pthread_once(&once, read_settings);
	return &current;
}

void shim_say(const char *fmt, ...)
{
	char line[512];
	va_list args;
	int length;

	length = snprintf(line, sizeof(line), "holdfast run: ");
	va_start(args, fmt);
	length += vsnprintf(line + length, sizeof(line) - length, fmt, args);
	va_end(args);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* Where nobody listens there is nobody to tell. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}
