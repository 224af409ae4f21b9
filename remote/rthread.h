/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads of the library: the program's signals are not for them. */
#ifndef HOLDFAST_REMOTE_THREAD_H
#define HOLDFAST_REMOTE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* Returns 0 or -errno. */
static inline int hf_rthread_start(pthread_t *thread, void *(*run)(void *),
				   void *arg)
{
	sigset_t blocked, before;
	int err;

	sigfillset(&blocked);
	/* What a thread does itself ends the process, as it should. */
	sigdelset(&blocked, SIGSEGV);
	sigdelset(&blocked, SIGBUS);
	sigdelset(&blocked, SIGFPE);
	sigdelset(&blocked, SIGILL);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

#endif
