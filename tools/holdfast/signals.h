/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLDFAST_SIGNALS_H
#define HOLDFAST_SIGNALS_H

#include <signal.h>
#include <stddef.h>

/*
 * Turn signals into data, so that the program can clean up before it ends. Returns a
 * signalfd(2) for @signals, or -1 after a message. The
 * signals that were blocked before go to @old, unless that is NULL.
 */
int signals_open(const int *signals, sigset_t *old);

/* The number of the next signal, 0 when there is none. */
int signals_next(int fd);

/* What ends a program that runs until it is told to stop. */
extern const int ending_signals[];

#endif
