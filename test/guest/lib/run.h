/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that a test needs run. */
#ifndef HOLDFAST_TEST_RUN_H
#define HOLDFAST_TEST_RUN_H

#include "common.h"

/* The wait status of a program, or -1 when it does not end. */
static inline int run(char *const argv[])
{
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		tap_bail("%s", argv[0]);
	return child_wait(pid, SOON);
}

#define RUN(...) run((char *[]){ __VA_ARGS__, NULL })

#endif
