/* SPDX-License-Identifier: GPL-2.0 */
/* Whether an access to a mapping gives SIGBUS; by any thread. */
#ifndef HOLDFAST_TEST_SIGBUS_H
#define HOLDFAST_TEST_SIGBUS_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static __thread sigjmp_buf sigbus_fault;

static inline void sigbus_handler(int signal)
{
	(void)signal;
	siglongjmp(sigbus_fault, 1);
}

static inline void sigbus_catch(void)
{
	struct sigaction action = { .sa_handler = sigbus_handler };

	sigaction(SIGBUS, &action, NULL);
}

static inline bool gives_sigbus(volatile char *addr)
{
	if (sigsetjmp(sigbus_fault, 1))
		return true;
	(void)*addr;
	return false;
}

#endif
