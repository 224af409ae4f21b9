/* SPDX-License-Identifier: GPL-2.0 */
/* Make the module's policy the one of a file. */
#ifndef HOLDFAST_POLICY_APPLY_H
#define HOLDFAST_POLICY_APPLY_H

/*
 * All of it or nothing. What the file does not have is forbidden; caps that it does
 * not have stay. 0, or the exit status after a message.
 */
int policy_apply(const char *path);

#endif
