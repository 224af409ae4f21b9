// SPDX-License-Identifier: GPL-2.0
/* holdfast(1): finds the subcommand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suggest.h"
#include "tool.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{ "doctor", cmd_doctor, "find what keeps leases from working" },
	{ "drain", cmd_drain, "revoke all leases on a filesystem" },
	{ "lease", cmd_lease, "hold a lease while a command runs" },
	{ "ls", cmd_ls, "list leases" },
	{ "policy", cmd_policy, "allow implicit leases on a filesystem" },
	{ "revoke", cmd_revoke, "end leases of others" },
	{ "run", cmd_run, "run a program that knows nothing of leases" },
	{ "trace", cmd_trace, "print what happens to leases" },
	{ "watch", cmd_watch, "show leases and changes that wait, live" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[COMMANDS];
	const char *near;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	near = suggest(name, names, COMMANDS);
	if (near)
		return bad_usage(NULL,
				 "%s: no such command; did you mean '%s'?",
				 name, near);
	return bad_usage(NULL, "%s: no such command", name);
}

static void usage(FILE *to)
{
	fputs("usage: holdfast COMMAND [ARGUMENT...]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s%s\n", commands[i].name, commands[i].help);
	fputs("  help    explain a command\n\n"
	      "  --version, --help\n",
	      to);
}

/* "help ls" is "ls --help": the command knows its options. */
static int help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		usage(stdout);
		return 0;
	}
	if (argc > 2)
		return bad_usage(NULL, "help: one command at a time");
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	return command->run(2, (char *[]){ argv[1], "--help", NULL });
}

static int run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("holdfast " HOLDFAST_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(1, argv);
	if (!strcmp(argv[1], "help"))
		return help(argc - 1, argv + 1);
	if (argv[1][0] == '-')
		return bad_usage(NULL, "%s: no such option", argv[1]);
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	/* A full disk or a closed pipe must not look like success. */
	if ((fflush(stdout) || ferror(stdout)) && !status)
		status = failed("standard output: %s", strerror(errno));
	return status;
}
