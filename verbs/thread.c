// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads of the library. */
#include <errno.h>
#include <signal.h>

#include "internal.h"

/*
 * Signals are the program's. What a hook does itself still has its handler: a
 * program may have one for SIGBUS, of a file that was cut, or for SIGSEGV.
 */
static const int synchronous[] = { SIGSEGV, SIGBUS,  SIGFPE,
				   SIGILL,  SIGTRAP, SIGSYS };

int hf_thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t blocked, before;
	int err;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]);
	     i++)
		sigdelset(&blocked, synchronous[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}
