/* SPDX-License-Identifier: GPL-2.0 */
/* What holdfastd says, on standard error. */
#ifndef HOLDFAST_LOG_H
#define HOLDFAST_LOG_H

#include <syslog.h>

/*
 * One line. In systemd's journal it gets its level, LOG_ERR to LOG_DEBUG, the
 * way sd-daemon(3) has it; elsewhere it is the line alone. Control characters
 * become "?": names of processes and files are what others chose.
 */
__attribute__((format(printf, 2, 3))) void say(int level, const char *fmt, ...);

#endif
