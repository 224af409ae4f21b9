/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLDFAST_USERS_H
#define HOLDFAST_USERS_H

#include <stdio.h>

/*
 * The users of a mounted filesystem: processes with an open or mapped file,
 * a working folder or a root on it, other mounts, loop devices and swap. A
 * line for each. Returns how many of them make umount(8) fail, or -1 after a
 * message.
 */
int print_users(FILE *to, const char *mountpoint);

#endif
