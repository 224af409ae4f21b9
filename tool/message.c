// SPDX-License-Identifier: GPL-2.0
/* Messages of holdfast(1): all on stderr, all of one form; and text to print. */
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

void print_text(FILE *to, const char *text)
{
	while (*text) {
		size_t length = utf8_printable(text);

		if (length)
			fwrite(text, 1, length, to);
		else
			fputc('?', to);
		text += length ? length : 1;
	}
}

const char *process_name(char room[PROCESS_NAME_ROOM], pid_t pid)
{
	char path[32];
	FILE *file;

	strcpy(room, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return room;
	if (fgets(room, PROCESS_NAME_ROOM, file))
		room[strcspn(room, "\n")] = '\0';
	fclose(file);
	return room;
}
