/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of the libraries: a signal of the program is never delivered to one of them. */
#ifndef HOLDFAST_THREAD_H
#define HOLDFAST_THREAD_H

#include <pthread.h>
#include <signal.h>

/*
 * Starts a thread with all signals blocked except the synchronous ones: a fault in a
 * hook still reaches the handler of the program, which may have one for SIGBUS, of a
 * file that was cut, or for SIGSEGV. Returns 0 or a negative errno value.
 */
static inline int hf_thread_start(pthread_t *thread, void *(*run)(void *),
				  void *arg)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS,  SIGFPE,
					   SIGILL,  SIGTRAP, SIGSYS };
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

#endif
