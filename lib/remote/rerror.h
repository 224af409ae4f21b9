/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread's last failure. */
#ifndef HOLDFAST_REMOTE_ERROR_H
#define HOLDFAST_REMOTE_ERROR_H

/* Returns -@err. */
__attribute__((format(printf, 2, 3))) int hf_rfail(int err, const char *fmt,
						   ...);

#endif
