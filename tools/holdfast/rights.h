/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLDFAST_RIGHTS_H
#define HOLDFAST_RIGHTS_H

/*
 * Whether the kernel reports, and lets us revoke, the leases of all users: 1 or 0, or
 * -1 after a message. Root of a user namespace sees only its own.
 */
int sees_all_leases(void);

#endif
