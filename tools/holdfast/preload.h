/* SPDX-License-Identifier: GPL-2.0 */
/* Whether the loader preloads libraries into a command. */
#ifndef HOLDFAST_PRELOAD_H
#define HOLDFAST_PRELOAD_H

/*
 * Why it does not, a text for a message; or NULL: it does, or nobody can tell, as the command cannot be
 * read. @command is found as execvp(3) finds it.
 */
const char *preload_hindrance(const char *command);

#endif
