/* SPDX-License-Identifier: GPL-2.0 */
/* What the subcommands of holdfast(1) share. */
#ifndef HOLDFAST_TOOL_H
#define HOLDFAST_TOOL_H

#include "exit.h"

/*
 * Subcommands: main() of their own arguments, argv[0] is the subcommand.
 * They return the exit status.
 */
int cmd_doctor(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_lease(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_revoke(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/* Print "holdfast: ..." to stderr; return EXIT_FAILED or EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) int failed(const char *fmt, ...);
__attribute__((format(printf, 2, 3))) int bad_usage(const char *command,
						    const char *fmt, ...);

/* For what getopt_long() returns for a wrong option, when asked with ":". */
int bad_option(const char *command, int option, char **argv);

#endif
