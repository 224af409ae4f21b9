/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How holdfast-run(1) tells the shim what it was told. */
#ifndef HOLDFAST_RUN_H
#define HOLDFAST_RUN_H

#define RUN_LIBRARY "libholdfast-preload.so"

#define RUN_VARIABLE "HOLDFAST_RUN"
/* enum holdfast_kind, break time and grace in ms, whether to be verbose */
#define RUN_FORMAT   "kind=%u,break=%u,grace=%u,verbose=%u"
#define RUN_FIELDS   4

#endif
