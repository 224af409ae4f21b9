/* SPDX-License-Identifier: GPL-2.0 */
/* The whole screen of a terminal, for frames that replace each other. */
#ifndef HOLDFAST_TERMINAL_H
#define HOLDFAST_TERMINAL_H

#include <stdbool.h>

/* Whether standard input and output are one that can do it. */
bool terminal_usable(void);

/*
 * Between the two keys come singly and are not shown, and nothing but frames
 * may be printed. Both may be called twice.
 */
void terminal_enter(void);
void terminal_leave(void);

/* Show as many lines of @frame as fit, none wrapped. */
void terminal_show(const char *frame);

#endif
