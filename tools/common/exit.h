/* SPDX-License-Identifier: GPL-2.0 */
/* Exit statuses that all programs have. */
#ifndef HOLDFAST_EXIT_H
#define HOLDFAST_EXIT_H

#define EXIT_FAILED 1 /* said on stderr what and why */
#define EXIT_USAGE  2

#endif
