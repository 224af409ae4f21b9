/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How holdfast-run(1) tells the shim what it was told. */
#ifndef HOLDFAST_RUN_H
#define HOLDFAST_RUN_H

#define RUN_LIBRARY "libholdfast-preload.so"

#define RUN_VARIABLE "HOLDFAST_RUN"
/* grace in ms, whether to be verbose */
#define RUN_FORMAT   "grace=%u,verbose=%u"
#define RUN_FIELDS   2

/* A grace of this is half of the break time, which is the most there is. */
#define RUN_GRACE_MOST UINT32_MAX

#endif
