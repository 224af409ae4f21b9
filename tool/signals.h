/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLDFAST_SIGNALS_H
#define HOLDFAST_SIGNALS_H

#include <signal.h>
#include <stddef.h>

/*
 * Have signals come as data, so that whoever ends cleans up behind itself: a
 * signalfd(2) for @signals, which ends with 0, or -1 after a message. The
 * signals that were blocked before go to @old, unless that is NULL.
 */
int signals_open(const int *signals, sigset_t *old);

/* The number of the next signal, 0 when there is none. */
int signals_next(int fd);

/* What ends a program that runs until it is told to stop. */
extern const int ending_signals[];

#endif
