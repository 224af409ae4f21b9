// SPDX-License-Identifier: GPL-2.0
/* Messages of holdfast(1): all on stderr, all of one form. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"
#include "utf8.h"

/* A file's name that was given may be somebody else's. */
static void print(const char *fmt, va_list args)
{
	char *text;

	flockfile(stderr);
	fputs("holdfast: ", stderr);
	if (vasprintf(&text, fmt, args) >= 0) {
		print_text(stderr, text);
		free(text);
	} else {
		fputs(strerror(ENOMEM), stderr);
	}
	fputc('\n', stderr);
	funlockfile(stderr);
}

int failed(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(fmt, args);
	va_end(args);
	return EXIT_FAILED;
}

int bad_usage(const char *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(fmt, args);
	va_end(args);
	fprintf(stderr, "Try 'holdfast help%s%s'.\n", command ? " " : "",
		command ? command : "");
	return EXIT_USAGE;
}

int bad_option(const char *command, int option, char **argv)
{
	const char *given = argv[optind - 1];

	/* A short option may be one of many in its word, a long one may not. */
	if (option == ':')
		return bad_usage(command, "%s: needs a value", given);
	if (optopt && strncmp(given, "--", 2))
		return bad_usage(command, "-%c: no such option", optopt);
	if (optopt)
		return bad_usage(command, "%s: takes no value", given);
	return bad_usage(command, "%s: no such option", given);
}
